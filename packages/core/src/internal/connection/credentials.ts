/**
 * Whom a connection logs in as, and for how long that holds. Checks credentials, and runs the effect that yields them.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as RedisError from "../../RedisError.ts"
import { unsent } from "../failures/failure.ts"
import * as Settings from "../values/settings.ts"

/**
 * The user to authenticate as. Without `username` it is the server's `default` user. An Effect in place of the password is run
 * whenever connections are opened, so that tokens can rotate: once for all that a client opens at the same time, and after
 * pauses while it fails. If the password ends at some time, give an Effect of a {@link Grant} in place of all this.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Credentials {
  readonly username?: string | undefined
  readonly password: Redacted.Redacted | Effect.Effect<Redacted.Redacted, unknown>
}

/**
 * Credentials that hold for a limited time, such as the token of a cloud's IAM: what an Effect in place of `credentials` yields.
 *
 * **Details**
 *
 * - `expiresAt`: when they end, as a `DateTime`, a `Date` or in milliseconds since 1970 by this machine's clock.
 * - `validFor`: for how long they hold from the moment at which the Effect was started. If both are given, the earlier end counts.
 *
 * Give the time after which the server may end connections that are logged in with them. Open connections log in again when
 * between 70 and 85 % of it have passed, each at another moment and all with the result of one run of the Effect. While that
 * fails, or the server refuses what it yields, it is tried again until shortly before the end. Then the connection takes no more
 * commands, and closes once those under way are answered. Without `expiresAt` and `validFor` nothing is renewed.
 *
 * **Example** (A token of which 15 minutes are known)
 *
 * ```ts
 * import type { Connection } from "@redisc/core"
 * import { Effect, Redacted } from "effect"
 *
 * declare const presign: Effect.Effect<string, Error>
 *
 * const credentials: Effect.Effect<Connection.Grant, Error> = Effect.map(presign, (token) => ({
 *   username: "app",
 *   password: Redacted.make(token),
 *   validFor: "15 minutes"
 * }))
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Grant {
  readonly username?: string | undefined
  readonly password: Redacted.Redacted
  readonly expiresAt?: DateTime.DateTime | Date | number | undefined
  readonly validFor?: Duration.Input | undefined
}

/** What AUTH is sent, and when it ends. Times are in milliseconds of the Clock. */
export interface Login {
  /** Undefined if no user was named. Servers before 6 know no users. */
  readonly username: string | undefined
  readonly password: string
  /** When the effect that yielded it was started. */
  readonly since: number
  /** Infinity if it is not known to end. */
  readonly until: number
  /** Whether a server has accepted it. */
  isAccepted: boolean
}

/** The text in a Redacted; undefined for anything else. */
const textOf = (password: unknown): string | undefined => {
  try {
    const text = Redacted.isRedacted(password) ? Redacted.value(password) : undefined
    return typeof text === "string" ? text : undefined
  } catch {
    // The Redacted was wiped.
    return undefined
  }
}

const withoutText = (name: string): string => `${name} is a Redacted without text: write Redacted.make(password)`

const password: Settings.Check = (name, value) => {
  if (Redacted.isRedacted(value)) return textOf(value) === undefined ? withoutText(name) : undefined
  return Effect.isEffect(value)
    ? undefined
    : `${name} must be Redacted: write Redacted.make(password), or give an Effect that succeeds with one`
}

/** The check of the option `credentials`. */
export const credentialsCheck: Settings.Check = (name, value) =>
  Effect.isEffect(value)
    ? undefined
    : Settings.optionsProblem(value, { username: Settings.text, password }, name) ??
      password(`${name}.password`, (value as Partial<Credentials>).password)

/** When an `expiresAt` is, in milliseconds since 1970; NaN if it is no time. */
const millisOf = (expiresAt: unknown): number => {
  if (DateTime.isDateTime(expiresAt)) return DateTime.toEpochMillis(expiresAt)
  return expiresAt instanceof Date ? expiresAt.getTime() : typeof expiresAt === "number" ? expiresAt : NaN
}

const grantChecks: Settings.Checks = {
  username: Settings.text,
  password: (name, value) => {
    if (!Redacted.isRedacted(value)) return `${name} must be Redacted: write Redacted.make(password)`
    return textOf(value) === undefined ? withoutText(name) : undefined
  },
  expiresAt: Settings.satisfies(
    "a DateTime, a Date, or milliseconds since 1970",
    (value) => !Number.isNaN(millisOf(value))
  ),
  validFor: Settings.duration
}

const lifeOf = ({ expiresAt, validFor }: Grant, since: number): number =>
  Math.min(
    expiresAt === undefined ? Infinity : millisOf(expiresAt),
    validFor === undefined ? Infinity : since + Duration.toMillis(Duration.fromInputUnsafe(validFor))
  )

/** Reads what an effect in place of `credentials` has yielded. The problem never shows a value. */
const readGrant = (grant: unknown, since: number, now: number): Login | string => {
  try {
    return loginOf(grant, since, now)
  } catch {
    // A getter that did not throw when it was checked.
    return "what it yields can't be read: a getter, or a proxy, has thrown"
  }
}

const loginOf = (grant: unknown, since: number, now: number): Login | string => {
  const problem = Settings.optionsProblem(grant, grantChecks, "what it yields") ??
    grantChecks.password("what it yields.password", (grant as Partial<Grant>).password)
  if (problem !== undefined) return problem
  const { password, username } = grant as Grant
  const until = lifeOf(grant as Grant, since)
  if (until > now) return { username, password: textOf(password)!, since, until, isAccepted: false }
  return `they ended ${
    Math.ceil((now - until) / 1000)
  } s ago: check this machine's clock, and that expiresAt is in milliseconds`
}

const failed = (problem: string, cause?: unknown): RedisError.RedisError =>
  unsent(new RedisError.ConnectionFailed(cause === undefined ? { problem } : { problem, cause }))

/** Runs an effect of the user. One that can't be interrupted is not waited for. */
const yielded = Effect.fnUntraced(function*(
  effect: Effect.Effect<unknown, unknown>,
  what: string
): Effect.fn.Return<unknown, RedisError.RedisError> {
  const fiber = yield* Effect.forkDetach(effect)
  const exit = yield* Effect.onInterrupt(Fiber.await(fiber), () => Effect.sync(() => fiber.interruptUnsafe()))
  if (Exit.isSuccess(exit)) return exit.value
  const { cause } = exit
  const how = Cause.hasInterruptsOnly(cause) ? "was interrupted" : Cause.hasDies(cause) ? "died" : "failed"
  return yield* Effect.fail(failed(`${what} ${how}`, Cause.squash(cause)))
})

const withPassword = (
  username: string | undefined,
  password: string,
  since: number
): Login => ({ username, password, since, until: Infinity, isAccepted: false })

/**
 * Whom to log in as. If the effect that yields it fails, dies or is interrupted, connecting has failed and can be tried again.
 */
export const login = Effect.fnUntraced(function*(
  credentials: Credentials | Effect.Effect<Grant, unknown>
): Effect.fn.Return<Login, RedisError.RedisError> {
  const clock = yield* Clock.Clock
  const since = clock.currentTimeMillisUnsafe()
  if (Effect.isEffect(credentials)) {
    const asked = "the effect that yields the credentials"
    const read = readGrant(yield* yielded(credentials, asked), since, clock.currentTimeMillisUnsafe())
    return typeof read === "string" ? yield* Effect.fail(failed(`${asked} is of no use: ${read}`)) : read
  }
  const { password, username } = credentials
  const asked = "the effect that yields the password"
  const secret = Redacted.isRedacted(password) ? password : yield* yielded(password, asked)
  const text = textOf(secret)
  if (text !== undefined) return withPassword(username, text, since)
  return yield* Effect.fail(failed(
    Redacted.isRedacted(secret)
      ? "credentials.password is a Redacted without text in it: Redacted.make(password)"
      : `${asked} has to succeed with a Redacted: Redacted.make(password)`
  ))
})

/** The arguments of AUTH, as far as the server knows users. */
export const authArgs = ({ password, username }: Login, knowsUsers: boolean): ReadonlyArray<string> =>
  username === undefined && !knowsUsers ? [password] : [username ?? "default", password]
