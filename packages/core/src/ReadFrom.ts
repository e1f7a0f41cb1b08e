/**
 * Which nodes of a shard answer reads: its primary, or replicas too.
 *
 * Only commands that read, and name a key, are answered by a replica. Everything else in such a region, a write for
 * one, goes to the primary as ever.
 *
 * Replicas copy their primary asynchronously. What one answers may be older than what the primary has: a read after your
 * own write may not see it, and two reads one after the other may go back in time. A replica is passed over while it is
 * known to have lost its primary, to be further behind than `maxReplicaLag` says, to be loading its data, or to be out of
 * reach; for how long it has been unfit before that is noticed, about a second, is not bounded by anything.
 *
 * Source: https://redis.io/docs/latest/commands/readonly/
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"

/**
 * Who answers a read.
 *
 * **Details**
 *
 * - `primary`: the primary, which has everything that was acknowledged.
 * - `replica`: replicas in turn, nobody else. A shard that has none known fails with `NoNodeForSlot`.
 * - `preferReplica`: replicas in turn, the primary while none is fit.
 * - `any`: the primary and its fit replicas in turn.
 * - `nearest`: of these the one with the shortest round trip, as measured about once a second while it is read from.
 *
 * @category models
 * @since 0.1.0
 */
export type ReadFrom = "primary" | "replica" | "preferReplica" | "any" | "nearest"

/** @internal */
export const choices: ReadonlyArray<ReadFrom> = ["primary", "replica", "preferReplica", "any", "nearest"]

/**
 * Who answers the reads of a region of the program; `undefined` is what the layer says.
 *
 * @category references
 * @since 0.1.0
 */
export const Current = Context.Reference<ReadFrom | undefined>("@redisc/core/ReadFrom", {
  defaultValue: () => undefined
})

/**
 * Runs an effect with its reads answered by others than the layer says.
 *
 * **Gotchas**
 *
 * What replicas answer may be stale, and even older than what was read just before: see the head of this module.
 *
 * **Example** (A page that may be a little old)
 *
 * ```ts
 * import { ReadFrom, Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const page = Effect.all([Redis.get("title"), Redis.lrange("comments", 0, 9)], { concurrency: 2 }).pipe(
 *   ReadFrom.provide("preferReplica")
 * )
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const provide: {
  (readFrom: ReadFrom): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, readFrom: ReadFrom): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, readFrom: ReadFrom): Effect.Effect<A, E, R> =>
    Effect.provideService(self, Current, readFrom)
)
