/**
 * Which nodes of a shard answer reads: its primary, or replicas too.
 *
 * Only commands that read, and name a key, are answered by a replica. Everything else in such a region, a write for
 * one, goes to the primary as ever; so does a transaction, even one that only reads.
 *
 * **Staleness.** Replicas copy their primary asynchronously. What one answers may be older than what the primary has: a
 * read after your own write may not see it, and of two reads, one after the other, the second may see less than the
 * first. Where that matters, read from the primary.
 *
 * **Fitness.** While replicas are read from, each node of the shard is asked for its ROLE about once a second. A replica
 * is passed over until its first answer, and from then on while it is out of reach, slow to answer by more than a
 * second, loading its data, without a connection to its primary, or further behind than `maxReplicaLag`. How far it is
 * behind is seen from what its primary had written when: it is at least that much. A lost connection is noticed at once,
 * all else within one to three seconds, or when a read fails, whichever comes first. A read that fails so is sent again
 * elsewhere. Reads that a replica has been sent when it freezes wait until its connection is given up, a little more than
 * twice the `pingInterval` later.
 *
 * Where the connection's user may not run ROLE, replicas count as fit while they answer: nothing is known then of their
 * link and their lag.
 *
 * Source: https://redis.io/docs/latest/commands/readonly/
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import { oneOf } from "./internal/values/settings.ts"

/**
 * Who answers a read.
 *
 * **Details**
 *
 * - `primary`: the primary, which has everything that was acknowledged.
 * - `replica`: fit replicas in turn, nobody else. Where none is known to be fit, one of which nothing is known, at
 *   first, and after trouble with it: what that answers may be of any age. While there is none of either kind, reads
 *   wait as the redirect policy says, and fail with `NoNodeForSlot` in the end.
 * - `preferReplica`: fit replicas in turn, the primary while none is fit.
 * - `any`: the primary and its fit replicas in turn.
 * - `nearest`: of these the one with the shortest round trip, as measured about once a second while it is read from.
 *
 * While the primary itself is out of reach, the last three go on with replicas that have lost it: for as long as
 * `maxReplicaLag`, since nobody knows what they have missed.
 *
 * @category models
 * @since 0.1.0
 */
export type ReadFrom = "primary" | "replica" | "preferReplica" | "any" | "nearest"

/** @internal */
export const choices: ReadonlyArray<ReadFrom> = ["primary", "replica", "preferReplica", "any", "nearest"]

/**
 * What is wrong with what somebody gives as one of them.
 *
 * @internal
 */
export const check = oneOf(...choices)

/**
 * Who answers the reads of a region of the program; `undefined` is what the layer says.
 *
 * **Example** (Where reads go here)
 *
 * ```ts
 * import { ReadFrom } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const mayBeOld = Effect.map(ReadFrom.Current, (readFrom) => readFrom !== undefined && readFrom !== "primary")
 * ```
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
