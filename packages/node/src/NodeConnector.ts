/**
 * The `Connector` of Node.js: TCP, TLS and unix sockets.
 *
 * `NodeRedisCluster` uses it. Use it directly only to compose the layers of redisc yourself.
 *
 * @since 0.1.0
 */
import type { Address } from "@redisc/core/Address"
import * as Connector from "@redisc/core/Connector"
import { InvalidArgument, RedisError } from "@redisc/core/RedisError"
import * as Settings from "@redisc/core/Settings"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Tls from "node:tls"
import { connectionFailed, SocketTransport } from "./internal/socketTransport.ts"
import type { Security } from "./internal/socketTransport.ts"

/**
 * How to encrypt connections, and which servers to trust.
 *
 * **Details**
 *
 * - `ca`: the authorities to trust, as PEM. By default those that Node trusts (see `NODE_EXTRA_CA_CERTS`).
 * - `cert`, `key`, `passphrase`: the client certificate for servers that demand one, as PEM.
 * - `servername`: the name that certificates must be made for. By default the host of each address, be it a name or an IP
 *   address. Give it when nodes announce IP addresses that their certificates don't contain.
 * - `rejectUnauthorized`: `false` accepts any certificate, and so any man in the middle.
 * - `minVersion`: the oldest TLS version to accept. By default that of Node, TLS 1.2.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface TlsOptions {
  readonly ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array> | undefined
  readonly cert?: string | Uint8Array | undefined
  readonly key?: Redacted.Redacted<string | Uint8Array> | undefined
  readonly passphrase?: Redacted.Redacted | undefined
  readonly servername?: string | undefined
  readonly rejectUnauthorized?: boolean | undefined
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined
}

/**
 * How to connect.
 *
 * **Details**
 *
 * - `tls`: `true` for TLS with Node's defaults. By default connections are not encrypted.
 * - `connectTimeout`: the time for DNS, connecting and the TLS handshake together, 5 seconds by default.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly tls?: boolean | TlsOptions | undefined
  readonly connectTimeout?: Duration.Input | undefined
}

const pem = (text: string | Uint8Array): string | Buffer =>
  typeof text === "string" ? text : Buffer.from(text.buffer, text.byteOffset, text.byteLength)

const invalid = (problem: string): RedisError =>
  new RedisError({ reason: new InvalidArgument({ problem }), delivery: "NotSent", attempts: 0 })

const isPem = (value: unknown): boolean => typeof value === "string" || value instanceof Uint8Array

const pems = Settings.satisfies("PEM, as text or bytes", isPem)

const secret = (what: string, isRight: (value: unknown) => boolean): Settings.Check => (name, value) => {
  if (!Redacted.isRedacted(value)) return `${name} must be Redacted: write Redacted.make(${what})`
  try {
    if (isRight(Redacted.value(value))) return undefined
  } catch {
    // The Redacted has been wiped.
  }
  return `${name} is a Redacted without ${what} in it: write Redacted.make(${what})`
}

const tlsChecks: Settings.Checks = {
  ca: Settings.satisfies(
    "PEM, as text or bytes, or an array of these",
    (value) => isPem(value) || (Array.isArray(value) && Array.from(value).every(isPem))
  ),
  cert: pems,
  key: secret("pem", isPem),
  passphrase: secret("passphrase", (value) => typeof value === "string"),
  servername: Settings.text,
  rejectUnauthorized: Settings.flag,
  minVersion: Settings.oneOf("TLSv1.2", "TLSv1.3")
}

/**
 * The check of the option `tls`, for layers that have this option, too.
 *
 * **Example** (An unknown setting)
 *
 * ```ts
 * import { NodeConnector } from "@redisc/node"
 *
 * const problem = NodeConnector.tlsCheck("tls", { serverName: "redis" }) // it names the nearest, tls.servername
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export const tlsCheck: Settings.Check = (name, value) =>
  typeof value === "boolean" ? undefined : Settings.optionsProblem(value, tlsChecks, name)

const checks: Settings.Checks = { tls: tlsCheck, connectTimeout: Settings.duration }

const makeSecurity = (options: TlsOptions): Effect.Effect<Security, RedisError> =>
  Effect.try({
    try: () => ({
      // Made once, because reading keys and certificates takes longer than connecting.
      context: Tls.createSecureContext({
        ca: options.ca === undefined || typeof options.ca === "string" || options.ca instanceof Uint8Array
          ? options.ca && pem(options.ca)
          : options.ca.map(pem),
        cert: options.cert && pem(options.cert),
        key: options.key && pem(Redacted.value(options.key)),
        passphrase: options.passphrase && Redacted.value(options.passphrase),
        minVersion: options.minVersion
      }),
      servername: options.servername,
      rejectUnauthorized: options.rejectUnauthorized ?? true
    }),
    catch: (cause) =>
      invalid(
        `the TLS options can't be used: ca, cert and key have to be PEM text, and the key that of the ` +
          `certificate (${cause instanceof Error ? cause.message : cause})`
      )
  })

/**
 * Waits some turns of the event loop. If this process was busy, the timeout fires first, although the server's answer has
 * arrived: sockets are read in the turns after the timers.
 */
const caughtUp = Effect.replicateEffect(
  Effect.callback<void>((resume) => {
    setImmediate(() => resume(Effect.void))
  }),
  8,
  { discard: true }
)

/**
 * Makes a connector.
 *
 * **Details**
 *
 * Fails with `InvalidArgument` if the TLS options can't be used. Opening a transport fails with `ConnectionFailed`, whose
 * problem says what to do. `write` returns false while more than 1 MiB waits to be sent, and `onDrain` is called once
 * everything has been sent. The listener may be called before `open` has returned, if the server speaks first.
 *
 * **Example** (Trusting your own authority)
 *
 * ```ts
 * import { NodeConnector } from "@redisc/node"
 * import { Effect } from "effect"
 * import { readFileSync } from "node:fs"
 *
 * const connector = Effect.suspend(() => NodeConnector.make({ tls: { ca: readFileSync("ca.pem") } }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options = {}
): Effect.fn.Return<Connector.Connector["Service"], RedisError> {
  const problem = Settings.optionsProblem(options, checks)
  if (problem !== undefined) return yield* invalid(problem)
  const tls = options.tls ?? false
  const security = tls === false ? undefined : yield* makeSecurity(tls === true ? {} : tls)
  const timeout = Duration.fromInputUnsafe(options.connectTimeout ?? "5 seconds")
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const report = (error: unknown): void => {
    fork(Effect.logError("who was told of a socket's events has thrown", Cause.die(error)))
  }

  const open = (address: Address, listener: Connector.Listener) =>
    Effect.suspend(() => {
      const transport = new SocketTransport(address, security, listener, report)
      const timedOut = Effect.suspend(() =>
        Effect.fail(connectionFailed(
          address,
          `${address.key} did not ${transport.stage === "securing" ? "finish the TLS handshake" : "answer"} ` +
            `within ${Duration.format(timeout)}; check the address, or raise connectTimeout`
        ))
      )
      return Effect.raceFirst(
        transport.connect,
        Effect.andThen(Effect.andThen(Effect.sleep(timeout), caughtUp), timedOut)
      ).pipe(
        Effect.onError(() => Effect.sync(() => transport.close())),
        Effect.as(transport)
      )
    })

  return Connector.Connector.of({
    secure: security !== undefined,
    // Runs after all sockets that are ready have been read. With 50 fibers that gives 15 to 30 % more commands a second than
    // a microtask after each socket, since more commands share a write.
    soon: setImmediate,
    open: (address, listener) =>
      Effect.acquireRelease(open(address, listener), (transport) => Effect.sync(() => transport.close()), {
        interruptible: true
      })
  })
})

/**
 * The connector as a layer.
 *
 * **Example** (TLS, with the authorities that Node trusts)
 *
 * ```ts
 * import { NodeConnector } from "@redisc/node"
 *
 * const Transport = NodeConnector.layer({ tls: true, connectTimeout: "2 seconds" })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<Connector.Connector, RedisError> =>
  Layer.effect(Connector.Connector, make(options))
