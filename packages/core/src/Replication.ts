/**
 * Writes that count only once replicas have acknowledged them.
 *
 * Replication is asynchronous: an acknowledged write can be lost when its primary dies right after. WAIT lowers that risk,
 * and does not remove it: Redis Cluster is not a strongly consistent store.
 *
 * Source: https://redis.io/docs/latest/commands/wait/
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import { Client } from "./Client.ts"
import * as Command from "./Command.ts"
import { wait } from "./commands/connections.ts"
import { ClusterRouter } from "./internal/execution/clusterRouter.ts"
import { Executor } from "./internal/execution/executor.ts"
import { HeldLines } from "./internal/execution/heldLines.ts"
import { maybeExecuted, toError, unsent } from "./internal/failures/failure.ts"
import { durationProblem, isPlain, kindOf } from "./internal/values/settings.ts"
import * as RedisError from "./RedisError.ts"

/**
 * How many replicas have to acknowledge, and how long they have for it: a duration above zero, in whole milliseconds, rounded
 * up.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly replicas: number
  readonly within: Duration.Input
}

/**
 * Runs an effect, and then waits until so many replicas have acknowledged what it has written, wherever that was.
 *
 * **Details**
 *
 * The effect's commands go over dedicated connections, one to each node that it touches, since WAIT is about what was
 * written on its own connection; redirects are followed as ever. WAIT is sent to each node that was written to, all at
 * once. When one of them has fewer replicas that acknowledge in time, it fails with `NotReplicated`, of `delivery`
 * `"MaybeExecuted"`: what was written stays written. An effect that fails, or writes nothing, waits for nothing.
 *
 * **Gotchas**
 *
 * Only commands that are run inside, through the `Redis` of the fiber, are waited for. A service that took `Redis.Redis`
 * when it was built goes on using the shared connections, the `Redis` of the region fails with `SessionMisused` once it has
 * ended, and what a session or `Redis.optimistic` writes inside goes over
 * a connection of its own: there, end with `Redis.wait`, or put a write to the same keys behind it.
 *
 * **Example** (An order that must not get lost)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const order = Effect.all([
 *   Redis.hset("order:1", { item: "tea" }),
 *   Redis.rpush("orders", ["1"])
 * ]).pipe(Redis.ensureReplication({ replicas: 1, within: "500 millis" }))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const ensureReplication: {
  (options: Options): <A, E, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | RedisError.RedisError, Exclude<R, Command.Redis> | Client>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    options: Options
  ): Effect.Effect<A, E | RedisError.RedisError, Exclude<R, Command.Redis> | Client>
} = dual(
  2,
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    options: Options
  ): Effect.Effect<A, E | RedisError.RedisError, Exclude<R, Command.Redis> | Client> => {
    const { replicas, within }: Partial<Options> = isPlain(options) ? options : {}
    const problem = durationProblem("within", within ?? null) ??
      wait(replicas as number, within as Duration.Input).problem ??
      (Effect.isEffect(self) ? undefined : `give the Effect whose writes are to be acknowledged, not ${kindOf(self)}`)
    if (problem !== undefined) {
      return Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))
    }
    return Effect.scoped(Effect.gen(function*() {
      const { cluster } = (yield* Client).router
      const { clock, commandTimeout } = cluster
      const fork = Effect.runForkWith(yield* Effect.context<never>())
      const held = new HeldLines({ clock, commandTimeout, fork, scope: yield* Effect.scope })
      const { service } = new Executor(new ClusterRouter(cluster, held))
      const inside = Effect.provideService(self, Command.Redis, service)
      const value = yield* Effect.ensuring(inside, Effect.sync(() => held.end()))
      yield* acknowledged(held, options)
      return value
    }))
  }
)

/** Asks each connection that was written on. One that is gone counts as acknowledged by no replica. */
const acknowledged = Effect.fnUntraced(function*(
  held: HeldLines,
  { replicas: wanted, within }: Options
): Effect.fn.Return<void, RedisError.RedisError> {
  const counts = yield* Effect.forEach(
    held.written,
    (connection) => Effect.orElseSucceed(connection.execute(wait(wanted, within)), () => 0),
    { concurrency: "unbounded" }
  )
  const least = held.lost > 0 ? 0 : Math.min(...counts, wanted)
  if (least < wanted) {
    return yield* toError(maybeExecuted(new RedisError.NotReplicated({ wanted, acknowledged: least })))
  }
})
