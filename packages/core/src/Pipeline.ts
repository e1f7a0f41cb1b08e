/**
 * Sends many commands at once: each node gets its share in one write, and the replies are one typed tuple.
 *
 * A pipeline is no transaction. Its commands may go to any slots and nodes, and each succeeds or fails on its own.
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
 * The replies of a tuple of commands, as a tuple in the same order.
 *
 * @category models
 * @since 0.1.0
 */
export type Replies<Commands extends ReadonlyArray<Command.Any>> = {
  readonly [K in keyof Commands]: Commands[K] extends Command.Command<infer A> ? A : never
}

/**
 * The results of a tuple of commands, as a tuple in the same order.
 *
 * @category models
 * @since 0.1.0
 */
export type Results<Commands extends ReadonlyArray<Command.Any>> = {
  readonly [K in keyof Commands]: Commands[K] extends Command.Command<infer A> ? Result.Result<A, RedisError> : never
}

/**
 * Sends commands at once, to any slots and nodes. The replies are a tuple, in the order of the commands.
 *
 * **Details**
 *
 * - Each node gets its commands in order, in one write for up to some hundreds. Commands on the same key are executed in
 *   order, or not at all.
 * - Redirects are followed for each command: commands that succeeded are not sent again. A command that should be tried again
 *   fails instead, and says so, if a later command on one of its keys has been executed meanwhile, or may have been, unless
 *   both only read. Messages published to one channel keep their order in the same way.
 * - A command about the whole cluster, such as FLUSHALL or DBSIZE, waits until all commands before it are done, and all
 *   commands behind it wait for it.
 * - The pipeline fails with the error of the first command, in order, that failed; the other commands are executed
 *   nevertheless. With `mode: "result"` it does not fail, and the tuple has each command's own `Result`.
 * - A command that can't be sent (keys in different slots, a wrong argument, a blocking command) makes a pipeline without
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
 * Checks the options of a pipeline or a transaction.
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
