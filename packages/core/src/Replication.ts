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
import { durationProblem, kindOf, optionsProblem } from "./internal/values/settings.ts"
import type { Checks } from "./internal/values/settings.ts"
import * as RedisError from "./RedisError.ts"

/**
 * The number of replicas that have to acknowledge, and the time that they have for it: a duration above zero, rounded up to
 * whole milliseconds.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly replicas: number
  readonly within: Duration.Input
}

/**
 * Runs an effect, and then waits until the given number of replicas has acknowledged its writes, on every node that it wrote
 * to.
 *
 * **Details**
 *
 * The effect's commands go over dedicated connections, one to each node that it uses, since WAIT covers only writes on its own
 * connection. Redirects are followed as usual. WAIT is sent to all nodes that were written to, at the same time. If too few
 * replicas of one of them acknowledge in time, it fails with `NotReplicated` and `delivery` `"MaybeExecuted"`: the writes stay.
 * An effect that fails, or writes nothing, does not wait.
 *
 * **Gotchas**
 *
 * It waits only for commands that run inside the effect, through the `Redis` of its fiber. A service that took `Redis.Redis`
 * when it was built goes on using the shared connections. The `Redis` of the region fails with `SessionMisused` after the
 * region has ended. Writes of a session or of `Redis.optimistic` inside the effect go over a connection of their own: end those
 * with `Redis.wait`, or follow them with a write to the same keys.
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
    const problem = problemOf(self, options)
    if (problem !== undefined) {
      return Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))
    }
    const { replicas, within } = options
    return Effect.scoped(Effect.gen(function*() {
      const { cluster } = (yield* Client).router
      const { clock, commandTimeout } = cluster
      const fork = Effect.runForkWith(yield* Effect.context<never>())
      const held = new HeldLines({ clock, commandTimeout, fork, scope: yield* Effect.scope })
      const { service } = new Executor(new ClusterRouter(cluster, held))
      const inside = Effect.provideService(self, Command.Redis, service)
      const value = yield* Effect.ensuring(inside, Effect.sync(() => held.end()))
      yield* acknowledged(held, { replicas, within })
      return value
    }))
  }
)

const replicasProblem = (replicas: unknown): string | undefined => wait(replicas as number, "1 second").problem

const checks: Checks = { replicas: (_name, value) => replicasProblem(value), within: durationProblem }

const problemOf = (self: unknown, options: unknown): string | undefined => {
  const problem = optionsProblem(options, checks)
  if (problem !== undefined) return problem
  const { replicas, within } = options as Partial<Options>
  return durationProblem("within", within ?? null) ?? replicasProblem(replicas) ??
    (Effect.isEffect(self) ? undefined : `give the Effect whose writes are to be acknowledged, not ${kindOf(self)}`)
}

/**
 * Sends WAIT on each connection that was written on. A connection that is lost, or on which WAIT fails, counts as acknowledged by
 * no replica.
 */
const acknowledged = Effect.fnUntraced(function*(
  held: HeldLines,
  { replicas: wanted, within }: Options
): Effect.fn.Return<void, RedisError.RedisError> {
  let problem: string | undefined
  const counts = yield* Effect.forEach(
    held.written,
    (connection) =>
      Effect.catch(connection.execute(wait(wanted, within)), ({ reason }) =>
        Effect.sync(() => {
          problem ??= reason.message
          return 0
        })),
    { concurrency: "unbounded" }
  )
  const least = held.lost > 0 ? 0 : Math.min(...counts, wanted)
  if (least < wanted) {
    const told = problem === undefined ? {} : { problem }
    return yield* toError(maybeExecuted(new RedisError.NotReplicated({ wanted, acknowledged: least, ...told })))
  }
})
