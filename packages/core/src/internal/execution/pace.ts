/**
 * Asks a Schedule when to try again. The Schedule is the user's code: it may throw, die, be interrupted or never end. Any of
 * that only ends the work that asked.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type { RedisError } from "../../RedisError.ts"

/**
 * Returns the pause before the next try, in milliseconds, or `undefined` if there should be none. Fails with the problem if the
 * schedule is invalid. The arguments are the time, the deadline of the work, and the error so far.
 */
export type Pace = (
  now: number,
  deadline: number,
  error: RedisError
) => Effect.Effect<Result.Result<number | undefined, string>>

/** Runs an effect of the user's code in a fiber of its own. Returns its exit, or `undefined` if it takes too long. */
const ran = Effect.fnUntraced(function*<A, E>(effect: Effect.Effect<A, E>, millis: number) {
  const fiber = yield* Effect.forkDetach(effect, { startImmediately: true })
  const exit = fiber.pollUnsafe()
  if (exit !== undefined) return exit
  const awaited = Effect.onInterrupt(Fiber.await(fiber), () => Effect.sync(() => fiber.interruptUnsafe()))
  return Number.isFinite(millis)
    ? Option.getOrUndefined(yield* Effect.timeoutOption(awaited, Math.max(0, millis)))
    : yield* awaited
})

const problemOf = (what: string, cause: Cause.Cause<unknown>): string =>
  `${what} ${Cause.hasInterruptsOnly(cause) ? "was interrupted" : Cause.hasDies(cause) ? "died" : "failed"}`

/** The pace of an invalid policy: it always fails with the problem. */
export const misguided = (problem: string): Pace => () => Effect.succeed(Result.fail(problem))

/** `what` names the schedule in messages. */
export const make = (what: string, schedule: Schedule.Schedule<unknown, RedisError>): Pace => {
  let step: Effect.Success<ReturnType<typeof Schedule.toStep<unknown, RedisError, never, never>>> | undefined
  return Effect.fnUntraced(function*(now, deadline, error) {
    const next = Effect.gen(function*() {
      step ??= yield* Schedule.toStep(schedule)
      const [, pause] = yield* step(now, error)
      return Duration.toMillis(pause)
    })
    const done = Pull.catchDone(next, () => Effect.succeed(undefined))
    const exit = yield* ran(done, deadline - now)
    if (exit === undefined) return Result.fail(`${what} does not answer`)
    if (Exit.isFailure(exit)) return Result.fail(problemOf(what, exit.cause))
    return Number.isNaN(exit.value)
      ? Result.fail(`${what} answers what is no duration`)
      : Result.succeed(exit.value)
  })
}
