/**
 * Logs an open connection in again before its credentials end.
 *
 * ```
 *   since |------------------- 70 % ~~~ 85 % ---------------------- stop | until
 *          nothing to do       due: AUTH, and again while it fails        the connection takes no more calls
 * ```
 *
 * AUTH is sent when nothing is in flight (`alone` in the command table), so it waits for a command that blocks. What waits for it
 * at `stop` is let go. A connection on which AUTH would do harm is left as it is: it was taken over by a MULTI or MONITOR, its user
 * has logged in as somebody else, or it subscribes in RESP2.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Random } from "effect/Random"
import * as RedisError from "../../RedisError.ts"
import type { Outcome } from "./call.ts"
import type { Connection } from "./connection.ts"
import type { Login } from "./credentials.ts"
import { refused } from "./handshake.ts"

/** How a connection logs in, and how it gets newer credentials. */
export interface Access {
  readonly login: Effect.Effect<Login, RedisError.RedisError>
  /** Credentials newer than those in force. `isProved` asks for some that a server has accepted, if there are any. */
  readonly renew: (held: Login, isProved: boolean) => Effect.Effect<Login, RedisError.RedisError>
  /** A server has refused a login: it is not given to other connections. */
  readonly onRefused: (login: Login) => void
  /**
   * Unblocks a command that blocks on a connection that takes no more calls.
   *
   * @internal
   */
  readonly release: (connection: Renewable) => Effect.Effect<void>
}

/**
 * The connection that is logged in.
 *
 * @internal
 */
export interface Renewable
  extends Pick<Connection, "address" | "isClosed" | "blockedBy" | "endIfIdle" | "closed" | "id">
{
  /** Whether the client may log in by itself on this connection, in its present state. */
  readonly mayLogIn: () => boolean
  /** Whether it subscribes: pushes may come between AUTH and its answer. */
  readonly subscribes: boolean
  readonly logIn: (login: Login, deadline: number) => Effect.Effect<Outcome>
  readonly finish: (reason: RedisError.Reason) => void
}

/** Pauses between tries, in milliseconds. */
const shortestPause = 250
const longestPause = 30_000

/** A clock that was set, or a machine that has slept, is noticed after this many milliseconds. */
const nap = 60_000

/** How long before the end a connection takes no more calls, in milliseconds at most, and as a part of the whole time. */
const longestMargin = 5000
const margin = 0.05

interface Pacing {
  readonly clock: Clock.Clock
  readonly random: Random
}

const sleepUntil = (clock: Clock.Clock, at: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const left = Math.ceil(at - clock.currentTimeMillisUnsafe())
    return left > 0 ? Effect.andThen(Effect.sleep(Math.min(left, nap)), sleepUntil(clock, at)) : Effect.void
  })

const stopOf = ({ since, until }: Login): number => until - Math.min((until - since) * margin, longestMargin)

/**
 * Keeps a connection logged in for as long as its credentials end at some time. Ends once there is nothing more to do.
 *
 * @internal
 */
export const keepLoggedIn = Effect.fnUntraced(function*(
  connection: Renewable,
  first: Login,
  access: Access,
  { clock, random }: Pacing
): Effect.fn.Return<void> {
  let held = first
  /** Why the last try has failed, if it has. */
  let problem: RedisError.Reason | undefined

  /** Gets newer credentials and logs in. Undefined if that has to be tried again. */
  const tried = Effect.gen(function*() {
    const newer = yield* access.renew(held, connection.subscribes)
    // An effect that keeps what it has got may yield the same again.
    if (newer.until <= held.until) return undefined
    const outcome = yield* connection.logIn(newer, stopOf(held))
    if (outcome._tag === "Replied") return newer
    const { delivery, reason } = outcome.failure
    if (delivery === "Rejected") access.onRefused(newer)
    problem = delivery === "Rejected" ? refused(reason, newer) : reason
    return undefined
  }).pipe(Effect.catch((error) =>
    Effect.sync(() => {
      problem = error.reason
      return undefined
    })
  ))

  const renewed = Effect.gen(function*() {
    while (connection.mayLogIn()) {
      const newer = yield* tried
      if (newer !== undefined) return newer
      const left = held.until - clock.currentTimeMillisUnsafe()
      const pause = Math.min(Math.max(left / 8, shortestPause), longestPause)
      yield* Effect.sleep(pause * (0.75 + random.nextDoubleUnsafe() / 2))
    }
    return yield* Effect.never
  })

  while (held.until < Infinity) {
    // Subscribers come last, when others know already whether the new credentials are good: among pushes Redis 8.0 and Valkey 8.1
    // send no refusal, and the connection is lost.
    const part = connection.subscribes ? 0.8 + 0.05 * random.nextDoubleUnsafe() : 0.7 + 0.1 * random.nextDoubleUnsafe()
    yield* sleepUntil(clock, held.since + (held.until - held.since) * part)
    problem = undefined
    const newer = yield* Effect.raceFirst(renewed, Effect.as(sleepUntil(clock, stopOf(held)), undefined))
    if (newer === undefined) break
    newer.isAccepted = true
    held = newer
  }
  if (held.until === Infinity || !connection.mayLogIn()) return
  connection.finish(ended(problem))
  yield* access.release(connection)
})

const ended = (problem: RedisError.Reason | undefined): RedisError.Reason =>
  new RedisError.ConnectionLost({
    problem: problem === undefined
      ? "the credentials of this connection are about to end, and what is under way on it is in the way of new ones"
      : `the credentials of this connection are about to end, and new ones can't be had: ${problem.message}`
  })
