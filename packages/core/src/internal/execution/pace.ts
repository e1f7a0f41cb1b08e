/**
 * When to try again, by a Schedule that a user gave. It runs code of others, which may throw, die, be interrupted or never
 * answer, and all that is only the end of the work that asked.
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
 * The pause before the next try, in milliseconds; `undefined` when there is to be none; or, as a failure, what is wrong
 * with the schedule. It takes the time, when the answer has to be there, and the error so far.
 */
export type Pace = (
  now: number,
  deadline: number,
  error: RedisError
) => Effect.Effect<Result.Result<number | undefined, string>>

/** What became of an effect of others, in a fiber of its own; nothing if it takes too long. */
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

/** Where something else was given in place of a schedule. */
export const misguided = (problem: string): Pace => () => Effect.succeed(Result.fail(problem))

/** `what` is how the schedule is called where it is told of. */
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
