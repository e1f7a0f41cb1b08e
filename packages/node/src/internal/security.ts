/**
 * How connections are encrypted: checks the TLS options, and makes of them what sockets take. Options may come from an effect,
 * which is run as connections open, so that renewed certificates are used without a restart.
 */
import { ConnectionFailed, InvalidArgument, RedisError } from "@redisc/core/RedisError"
import * as Settings from "@redisc/core/Settings"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Tls from "node:tls"

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

/** What a socket takes. */
export interface Security {
  readonly context: Tls.SecureContext
  readonly servername: string | undefined
  readonly rejectUnauthorized: boolean
}

/** Connections that open within this many milliseconds of each other use the same result of the effect. */
const recent = 1000

const isPem = (value: unknown): boolean => typeof value === "string" || value instanceof Uint8Array

const secret = (what: string, isRight: (value: unknown) => boolean): Settings.Check => (name, value) => {
  if (!Redacted.isRedacted(value)) return `${name} must be Redacted: write Redacted.make(${what})`
  try {
    if (isRight(Redacted.value(value))) return undefined
  } catch {
    // The Redacted has been wiped.
  }
  return `${name} is a Redacted without ${what} in it: write Redacted.make(${what})`
}

const optionChecks: Settings.Checks = {
  ca: Settings.satisfies(
    "PEM, as text or bytes, or an array of these",
    (value) => isPem(value) || (Array.isArray(value) && Array.from(value).every(isPem))
  ),
  cert: Settings.satisfies("PEM, as text or bytes", isPem),
  key: secret("pem", isPem),
  passphrase: secret("passphrase", (value) => typeof value === "string"),
  servername: Settings.text,
  rejectUnauthorized: Settings.flag,
  minVersion: Settings.oneOf("TLSv1.2", "TLSv1.3")
}

/** The check of the option `tls`. What an Effect yields is checked as it is yielded. */
export const tlsCheck: Settings.Check = (name, value) =>
  typeof value === "boolean" || Effect.isEffect(value)
    ? undefined
    : Settings.optionsProblem(value, optionChecks, name)

type Material = string | Uint8Array | undefined

/** All that a security is made of, in one list, without what hides it. */
const materialOf = (options: TlsOptions): ReadonlyArray<Material> => {
  const { ca, cert, key, minVersion, passphrase, rejectUnauthorized, servername } = options
  return [
    servername,
    `${rejectUnauthorized ?? true}`,
    minVersion,
    cert,
    key && Redacted.value(key),
    passphrase && Redacted.value(passphrase),
    ...(ca === undefined || isPem(ca) ? [ca as Material] : ca as ReadonlyArray<Material>)
  ]
}

const isSame = (one: Material, other: Material): boolean =>
  one === other ||
  (one instanceof Uint8Array && other instanceof Uint8Array && Buffer.compare(one, other) === 0)

const bytesOf = (text: Material): string | Buffer | undefined =>
  text === undefined || typeof text === "string" ? text : Buffer.from(text.buffer, text.byteOffset, text.byteLength)

const contextOf = ([, , minVersion, cert, key, passphrase, ...ca]: ReadonlyArray<Material>): Tls.SecureContext =>
  Tls.createSecureContext({
    ca: ca[0] === undefined && ca.length < 2 ? undefined : ca.map((each) => bytesOf(each)!),
    cert: bytesOf(cert),
    key: bytesOf(key),
    passphrase: passphrase as string | undefined,
    minVersion: minVersion as TlsOptions["minVersion"]
  })

const unusable = (cause: unknown): string =>
  `the TLS options can't be used: ca, cert and key have to be PEM text, and the key that of the ` +
  `certificate (${cause instanceof Error ? cause.message : cause})`

const make = (options: TlsOptions, material: ReadonlyArray<Material>): Security => ({
  context: contextOf(material),
  servername: options.servername,
  rejectUnauthorized: options.rejectUnauthorized ?? true
})

/** The security for options that stay. It is made once, because reading keys and certificates takes longer than connecting. */
export const fixed = (options: TlsOptions): Effect.Effect<Security, RedisError> =>
  Effect.try({
    try: () => make(options, materialOf(options)),
    catch: (cause) =>
      new RedisError({ reason: new InvalidArgument({ problem: unusable(cause) }), delivery: "NotSent", attempts: 0 })
  })

const asked = "the effect that yields the TLS options"

const failed = (problem: string, cause?: unknown): ConnectionFailed =>
  new ConnectionFailed(cause === undefined ? { problem } : { problem, cause })

interface Run {
  readonly fiber: Fiber.Fiber<Security, ConnectionFailed>
  readonly startedAt: number
  /** The number of connections that wait for it. */
  waiting: number
}

/** The securities that an effect of options yields: one run for all connections that are being opened. */
export class Yielded {
  private readonly options: Effect.Effect<TlsOptions, unknown>
  private readonly patience: number
  private running: Run | undefined
  private last: { readonly security: Security; readonly at: number } | undefined
  private made: { readonly security: Security; readonly material: ReadonlyArray<Material> } | undefined

  constructor(options: Effect.Effect<TlsOptions, unknown>, patience: Duration.Duration) {
    this.options = options
    this.patience = Duration.toMillis(patience)
  }

  /** The result of a run that has just ended, of the one under way, or of a new one. */
  readonly security: Effect.Effect<Security, ConnectionFailed> = Effect.clockWith((clock) =>
    Effect.suspend(() => {
      const { last } = this
      return last !== undefined && Math.abs(clock.currentTimeMillisUnsafe() - last.at) <= recent
        ? Effect.succeed(last.security)
        : this.join(clock)
    })
  )

  /** Newcomers do not wait for a run that takes longer than connections may. */
  private readonly join = (clock: Clock.Clock): Effect.Effect<Security, ConnectionFailed> =>
    Effect.uninterruptibleMask(Effect.fnUntraced({ self: this }, function*(restore) {
      const now = clock.currentTimeMillisUnsafe()
      const known = this.running
      const run = known !== undefined && now - known.startedAt < this.patience ? known : yield* this.begin(clock, now)
      run.waiting++
      const left = Effect.sync(() => {
        if (--run.waiting > 0) return
        if (this.running === run) this.running = undefined
        run.fiber.interruptUnsafe()
      })
      return yield* yield* Effect.ensuring(restore(Fiber.await(run.fiber)), left)
    }))

  private readonly begin = (clock: Clock.Clock, startedAt: number): Effect.Effect<Run> =>
    Effect.map(Effect.forkDetach(Effect.interruptible(this.read), { startImmediately: true }), (fiber) => {
      const run: Run = { fiber, startedAt, waiting: 0 }
      this.running = run
      fiber.addObserver((exit) => {
        if (this.running !== run) return
        this.running = undefined
        if (Exit.isSuccess(exit)) this.last = { security: exit.value, at: clock.currentTimeMillisUnsafe() }
      })
      return run
    })

  private readonly read: Effect.Effect<Security, ConnectionFailed> = Effect.suspend(() =>
    Effect.matchCauseEffect(this.options, {
      onSuccess: (options) => {
        const problem = Settings.optionsProblem(options, optionChecks, "what it yields")
        if (problem !== undefined) return Effect.fail(failed(`${asked} is of no use: ${problem}`))
        return Effect.try({
          try: () => this.make(options),
          catch: (cause) => failed(`${asked} is of no use: ${unusable(cause)}`)
        })
      },
      onFailure: (cause) => {
        const how = Cause.hasInterruptsOnly(cause) ? "was interrupted" : Cause.hasDies(cause) ? "died" : "failed"
        return Effect.fail(failed(`${asked} ${how}`, Cause.squash(cause)))
      }
    })
  )

  /** Makes a new security only if something has changed. */
  private make(options: TlsOptions): Security {
    const material = materialOf(options)
    const { made } = this
    const isKnown = made !== undefined && made.material.length === material.length &&
      material.every((each, i) => isSame(each, made.material[i]))
    if (isKnown) return made.security
    // Bytes may be written over by their owner.
    const copied = material.map((each) => each instanceof Uint8Array ? each.slice() : each)
    const security = make(options, copied)
    this.made = { security, material: copied }
    return security
  }
}
