/**
 * Optimistic locking: read keys, decide, and write only if no other client has changed the keys meanwhile.
 *
 * WATCH, the reads and the transaction use one connection, which is leased for the purpose. If another client changes a
 * watched key in between, Redis executes nothing, and a Schedule says when to start over.
 *
 * Source: https://redis.io/docs/latest/develop/using-commands/transactions/#optimistic-locking-using-check-and-set
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type { Client } from "./Client.ts"
import * as Command from "./Command.ts"
import { unwatch, watch } from "./commands/connections.ts"
import * as Pace from "./internal/execution/pace.ts"
import { toError, unsent } from "./internal/failures/failure.ts"
import { kindOf, optionsProblem, satisfies } from "./internal/values/settings.ts"
import type { Replies } from "./Pipeline.ts"
import { InvalidArgument, isRedisError } from "./RedisError.ts"
import type { RedisError } from "./RedisError.ts"
import * as Session from "./Session.ts"
import { transaction } from "./Transaction.ts"

/**
 * The default schedule after conflicts: the first retry at once, then after a jittered delay from 1 ms, doubling up to 50 ms,
 * for 10 seconds.
 *
 * **Example** (No longer than a second)
 *
 * ```ts
 * import { Optimistic, Redis } from "@redisc/core"
 * import { Effect, Schedule } from "effect"
 *
 * const add = Effect.map(Redis.get("n"), (n) => [Redis.set("n", `${Number(n) + 1}`)] as const)
 * const impatient = Redis.optimistic(["n"], add, {
 *   schedule: Schedule.max([Optimistic.standard, Schedule.during("1 second")])
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const standard: Schedule.Schedule<unknown, RedisError> = Schedule.max([
  Schedule.exponential("500 micros").pipe(
    Schedule.modifyDelay(({ attempt, duration }) =>
      Effect.succeed(attempt === 1 ? Duration.zero : Duration.min(duration, Duration.millis(50)))
    ),
    Schedule.jittered
  ),
  Schedule.during("10 seconds")
])

/**
 * Watches keys of one slot, runs an effect that reads them and returns the commands to execute, and executes these as a
 * transaction. The reply is a tuple, as with `Redis.transaction`.
 *
 * **Details**
 *
 * - The effect's own commands run on the same connection, in a session that is bound to the slot of the keys.
 * - If a watched key is changed in between, the effect is run again, as `schedule` says ({@link standard} by default). When
 *   the schedule is done, it fails with `Conflict`; if the schedule itself dies or fails, with `InvalidArgument`.
 * - Redirects and failovers run the effect again, too, as the redirect policy says.
 * - If the effect returns no commands, nothing is executed, and the reply is empty.
 * - If the connection is lost between EXEC and its reply, it fails with `MaybeExecuted` and is not run again.
 *
 * **Gotchas**
 *
 * The effect may run several times, so it should only read and decide. Write the list with `as const` to get each reply typed.
 *
 * **Example** (Withdrawing from an account)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const withdraw = (account: string, amount: number) =>
 *   Redis.optimistic([account], Effect.gen(function*() {
 *     const balance = Number(yield* Redis.get(account))
 *     if (balance < amount) return [] as const
 *     return [Redis.decrby(account, amount)] as const
 *   }))
 * ```
 *
 * @see https://redis.io/docs/latest/commands/watch/
 * @category combinators
 * @since 0.1.0
 */
export const optimistic = <const Commands extends ReadonlyArray<Command.Any>, E, R>(
  keys: ReadonlyArray<Command.Arg>,
  effect: Effect.Effect<Commands, E, R>,
  options?: { readonly schedule?: Schedule.Schedule<unknown, RedisError> | undefined }
): Effect.Effect<Replies<Commands>, E | RedisError, Exclude<R, Command.Redis> | Client> => {
  const problem = problemOf(keys, effect, options)
  if (problem !== undefined) return Effect.fail(unsent(new InvalidArgument({ problem })))
  const round = Effect.gen(function*() {
    const redis = yield* Command.Redis
    yield* redis.execute(watch(keys))
    const commands = yield* effect
    if (!Array.isArray(commands) || commands.length > 0) return yield* redis.execute(transaction(commands))
    yield* redis.execute(unwatch())
    return [] as unknown as Replies<Commands>
  })
  return Session.use({ keys }, retried(round, options?.schedule ?? standard), { rerun: true })
}

/** Runs `round` again after each conflict, for as long as the schedule says. Other failures end it at once. */
const retried = Effect.fnUntraced(function*<A, E, R>(
  round: Effect.Effect<A, E | RedisError, R>,
  schedule: Schedule.Schedule<unknown, RedisError>
): Effect.fn.Return<A, E | RedisError, R> {
  const clock = yield* Clock.Clock
  const pace = Pace.make("the schedule of an optimistic transaction", schedule)
  while (true) {
    const result = yield* Effect.result(round)
    if (Result.isSuccess(result)) return result.success
    const error = result.failure
    if (!isConflict(error)) return yield* Effect.fail(error)
    const next = yield* pace(clock.currentTimeMillisUnsafe(), Infinity, error)
    if (Result.isFailure(next)) {
      const reason = new InvalidArgument({ problem: `${next.failure}, after this: ${error.reason.message}` })
      return yield* toError({ reason, delivery: "Rejected", node: error.node })
    }
    if (next.success === undefined) return yield* error
    yield* Effect.sleep(next.success)
  }
})

const checks = { schedule: satisfies("a Schedule", Schedule.isSchedule) }

const problemOf = (keys: unknown, effect: unknown, options: unknown): string | undefined => {
  if (!Array.isArray(keys) || keys.length === 0) return "give the keys to watch in an array, of one key or more"
  if (!Effect.isEffect(effect)) return `give an Effect that answers the commands to execute, not ${kindOf(effect)}`
  return options === undefined ? undefined : optionsProblem(options, checks)
}

const isConflict = (error: unknown): error is RedisError => isRedisError(error) && error.reason._tag === "Conflict"
