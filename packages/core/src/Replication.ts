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
import * as Command from "./Command.ts"
import { wait } from "./commands/connections.ts"
import { HeldExecutor } from "./internal/execution/heldExecutor.ts"
import { maybeExecuted, toError, unsent } from "./internal/failures/failure.ts"
import { durationProblem, kindOf } from "./internal/values/settings.ts"
import { RedisCluster } from "./RedisCluster.ts"
import * as RedisError from "./RedisError.ts"

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
 * `within` is a duration above zero, in whole milliseconds, rounded up.
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
 * ]).pipe(Redis.ensureReplication(1, "500 millis"))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const ensureReplication: {
  (replicas: number, within: Duration.Input): <A, E, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | RedisError.RedisError, Exclude<R, Command.Redis> | RedisCluster>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    replicas: number,
    within: Duration.Input
  ): Effect.Effect<A, E | RedisError.RedisError, Exclude<R, Command.Redis> | RedisCluster>
} = dual(
  3,
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    replicas: number,
    within: Duration.Input
  ): Effect.Effect<A, E | RedisError.RedisError, Exclude<R, Command.Redis> | RedisCluster> => {
    const problem = durationProblem("within", within ?? null) ?? wait(replicas, within).problem ??
      (Effect.isEffect(self) ? undefined : `give the Effect whose writes are to be acknowledged, not ${kindOf(self)}`)
    if (problem !== undefined) {
      return Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))
    }
    return Effect.scoped(Effect.gen(function*() {
      const { executor } = yield* RedisCluster
      const fork = Effect.runForkWith(yield* Effect.context<never>())
      const held = new HeldExecutor(executor.parts, yield* Effect.scope, fork)
      const inside = Effect.provideService(self, Command.Redis, held.service)
      const value = yield* Effect.ensuring(inside, Effect.sync(() => held.end()))
      yield* acknowledged(held, replicas, within)
      return value
    }))
  }
)

/** What can't be asked, because its connection is gone, counts as acknowledged by nobody. */
const acknowledged = Effect.fnUntraced(function*(
  held: HeldExecutor,
  wanted: number,
  within: Duration.Input
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
