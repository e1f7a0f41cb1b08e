/**
 * Many commands in one go: each node gets its share in one write, and the replies come back as one typed tuple.
 *
 * A pipeline is no transaction. Its commands may go to any slots and nodes, and each succeeds or fails by itself.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Command from "./Command.ts"
import { unsent } from "./internal/failures/failure.ts"
import { oneOf, optionsProblem } from "./internal/values/settings.ts"
import { InvalidArgument } from "./RedisError.ts"
import type { RedisError } from "./RedisError.ts"

/**
 * What a tuple of commands replies: a tuple of their replies, in their order.
 *
 * @category models
 * @since 0.1.0
 */
export type Replies<Commands extends ReadonlyArray<Command.Any>> = {
  readonly [K in keyof Commands]: Commands[K] extends Command.Command<infer A> ? A : never
}

/**
 * What came of each command of a tuple.
 *
 * @category models
 * @since 0.1.0
 */
export type Results<Commands extends ReadonlyArray<Command.Any>> = {
  readonly [K in keyof Commands]: Commands[K] extends Command.Command<infer A> ? Result.Result<A, RedisError> : never
}

/**
 * Runs commands in one go, over any slots and nodes. The replies are a tuple, in the order of the commands.
 *
 * **Details**
 *
 * - Each node gets its commands in their order, in one write for up to some hundreds. Commands on the same key are
 *   executed in their order, or not at all.
 * - Redirects are followed command by command: what succeeded is not sent again. One that was to be tried again, when a
 *   later one on one of its keys has been executed by then, or may have been, fails instead and says so, unless both only
 *   read. What is published to one channel keeps its order in the same way.
 * - A command about the whole cluster, such as FLUSHALL or DBSIZE, is executed when all that stands before it is done, and
 *   what follows waits for it.
 * - It fails with the error of the first command, in their order, that failed; the others have been executed all the
 *   same. With `mode: "result"` it does not fail, and each command's own `Result` is in its place.
 * - A command that can't be sent (keys in different slots, a wrong argument, one that blocks) makes a pipeline without
 *   `mode` fail before anything is sent.
 *
 * **Example** (Three nodes, one call)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const page = Effect.gen(function*() {
 *   const [hits, user, tags] = yield* Redis.pipeline([
 *     Redis.incr("hits"), // number
 *     Redis.hgetall("user:1"), // Record<string, string>
 *     Redis.smembers("tags") // ReadonlyArray<string>
 *   ])
 *   return { hits, user, tags }
 * })
 * ```
 *
 * **Example** (Partial failure as data)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { Effect, Result } from "effect"
 *
 * const stored = Redis.pipeline([Redis.set("a", "1"), Redis.set("b", "2")], { mode: "result" }).pipe(
 *   Effect.map((results) => results.filter(Result.isSuccess).length)
 * )
 * ```
 *
 * @see https://redis.io/docs/latest/develop/using-commands/pipelining/
 * @category constructors
 * @since 0.1.0
 */
export const pipeline: {
  <const Commands extends ReadonlyArray<Command.Any>>(
    commands: Commands,
    options?: { readonly mode?: undefined }
  ): Effect.Effect<Replies<Commands>, RedisError, Command.Redis>
  <const Commands extends ReadonlyArray<Command.Any>>(
    commands: Commands,
    options: { readonly mode: "result" }
  ): Effect.Effect<Results<Commands>, never, Command.Redis>
} = (
  commands: ReadonlyArray<Command.Any>,
  options?: { readonly mode?: "result" | undefined }
): Effect.Effect<never, never, Command.Redis> =>
  Effect.flatMap(Command.Redis, (redis) => {
    const problem = modeProblem(options)
    if (problem !== undefined) return Effect.fail(unsent(new InvalidArgument({ problem })))
    return options?.mode === "result"
      ? redis.executeAll(commands)
      : Effect.flatMap(redis.executeAll(commands, { orNone: true }), allOrFirstError)
  }) as Effect.Effect<never, never, Command.Redis>

const modes = { mode: oneOf("result") }

/**
 * What is wrong with the options of what takes many commands.
 *
 * @internal
 */
export const modeProblem = (options: unknown): string | undefined =>
  options === undefined ? undefined : optionsProblem(options, modes)

const allOrFirstError = (
  results: ReadonlyArray<Result.Result<unknown, RedisError>>
): Effect.Effect<ReadonlyArray<unknown>, RedisError> => {
  const replies: Array<unknown> = []
  for (const result of results) {
    if (Result.isFailure(result)) return Effect.fail(result.failure)
    replies.push(result.success)
  }
  return Effect.succeed(replies)
}
