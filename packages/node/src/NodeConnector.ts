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
import { plainSpeech } from "./internal/plainProbe.ts"
import * as Security from "./internal/security.ts"
import type { TlsOptions } from "./internal/security.ts"
import { connectionFailed, SocketTransport } from "./internal/socketTransport.ts"

export type { TlsOptions } from "./internal/security.ts"

/**
 * How to connect.
 *
 * **Details**
 *
 * - `tls`: `true` for TLS with Node's defaults. By default connections are not encrypted. An Effect is run when connections open, so
 *   that renewed certificates are used by the next one: once for all that open at the same time, and its result is used again for a
 *   second. If it fails, or yields what can't be used, the connection fails with `ConnectionFailed`.
 * - `connectTimeout`: the time for DNS, connecting and the TLS handshake together, 5 seconds by default.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly tls?: boolean | TlsOptions | Effect.Effect<TlsOptions, unknown> | undefined
  readonly connectTimeout?: Duration.Input | undefined
}

const invalid = (problem: string): RedisError =>
  new RedisError({ reason: new InvalidArgument({ problem }), delivery: "NotSent", attempts: 0 })

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
export const tlsCheck: Settings.Check = Security.tlsCheck

const checks: Settings.Checks = { tls: tlsCheck, connectTimeout: Settings.duration }

/** After this long without an end of the TLS handshake, the server is asked whether it speaks TLS. */
const mostDoubt = Duration.millis(500)

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
  const timeout = Duration.fromInputUnsafe(options.connectTimeout ?? "5 seconds")
  const doubt = Duration.min(mostDoubt, Duration.times(timeout, 0.25))
  const security = Effect.isEffect(tls)
    ? new Security.Yielded(tls, timeout).security
    : Effect.succeed(tls === false ? undefined : yield* Security.fixed(tls === true ? {} : tls))
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const report = (error: unknown): void => {
    fork(Effect.logError("who was told of a socket's events has thrown", Cause.die(error)))
  }

  const open = (address: Address, listener: Connector.Listener) =>
    Effect.suspend(() => {
      let transport: SocketTransport | undefined
      const secured = Effect.mapError(security, ({ cause, problem }) => connectionFailed(address, problem, cause))
      const connect = Effect.flatMap(secured, (security) => {
        const made = transport = new SocketTransport(address, security, listener, report)
        return Effect.as(made.connect, made)
      })
      const timedOut = Effect.suspend(() => {
        const within = `within ${Duration.format(timeout)}`
        if (transport === undefined) {
          return Effect.fail(connectionFailed(address, `the effect that yields the TLS options did not end ${within}`))
        }
        const what = transport.stage === "securing" ? "finish the TLS handshake" : "answer"
        const problem = `${address.key} did not ${what} ${within}; check the address, or raise connectTimeout`
        return Effect.fail(connectionFailed(address, problem))
      })
      const stranger = Effect.flatMap(
        Effect.suspend(() => transport?.stage === "securing" ? plainSpeech(address) : Effect.never),
        (what) => Effect.fail(connectionFailed(address, `${address.key} ${what}`))
      )
      const asked = tls === false ? connect : Effect.raceFirst(connect, Effect.andThen(Effect.sleep(doubt), stranger))
      return Effect.onError(
        Effect.raceFirst(asked, Effect.andThen(Effect.andThen(Effect.sleep(timeout), caughtUp), timedOut)),
        () => Effect.sync(() => transport?.close())
      )
    })

  return Connector.Connector.of({
    secure: tls !== false,
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
