/**
 * Which nodes of a shard answer reads: only its primary, or replicas too.
 *
 * A replica answers only commands that read and have a key. All other commands, such as writes, go to the primary as always; so
 * do transactions, even those that only read.
 *
 * **Staleness.** Replicas copy their primary asynchronously, so they may answer with older data than the primary has. A read
 * after your own write may not see it, and the second of two successive reads may see less than the first. Where that matters,
 * read from the primary.
 *
 * **Fitness.** While replicas are used for reads, each node of the shard is asked for its ROLE about once a second. A replica
 * is not used before its first answer. Later it is skipped while it cannot be reached, takes more than a second to answer, is
 * loading its data, has no connection to its primary, or lags behind by more than `maxReplicaLag`. The lag is computed from
 * the primary's replication offsets over time, and is a lower bound. A lost connection is noticed at once, everything else
 * within one to three seconds, or when a read fails, whichever comes first. A failed read is sent to another node. Reads in
 * flight when a replica freezes wait until its connection is given up, a little more than twice the `pingInterval` later.
 *
 * Where the connection's user may not run ROLE, a replica counts as fit while it answers; its link and lag are unknown then.
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
 * Which node answers a read.
 *
 * **Details**
 *
 * - `primary`: the primary, which has every acknowledged write.
 * - `replica`: only replicas: fit ones in turn. If none is known to be fit, one whose fitness is unknown (at first, or after
 *   trouble with it), whose data may be of any age. While there is none of either kind, reads wait as the redirect policy says,
 *   and fail with `NoNodeForSlot` in the end.
 * - `preferReplica`: fit replicas in turn, the primary while none is fit.
 * - `any`: the primary and its fit replicas in turn.
 * - `nearest`: of the primary and its fit replicas, the one with the shortest round trip, as measured about once a second.
 * - `preferReplicaInZone`: fit replicas in the client's availability zone in turn, else the other fit replicas in turn, the
 *   primary while none is fit.
 * - `preferZone`: fit replicas in the client's zone in turn, else the primary if it is in the zone, else the other fit replicas
 *   in turn, the primary while none is fit.
 *
 * The last two need the option `availabilityZone` of the client. The zones of nodes are read from CLUSTER SLOTS or SHARDS (since
 * Valkey 9), else from the greeting of a connection (Valkey 8.1), else from INFO (Valkey 8.0, ElastiCache), which is asked for
 * once a minute and only while there are such reads. A node whose zone is not known counts as one of another zone. Where traffic
 * between zones costs money or time, they save it; `nearest` asks nobody about zones, and measures.
 *
 * While the primary itself cannot be reached, all but `primary` and `replica` continue with replicas that have lost their primary. They do so
 * only for `maxReplicaLag`, since it is unknown which writes the replicas have missed.
 *
 * @category models
 * @since 0.1.0
 */
export type ReadFrom =
  | "primary"
  | "replica"
  | "preferReplica"
  | "any"
  | "nearest"
  | "preferReplicaInZone"
  | "preferZone"

/** @internal */
export const choices: ReadonlyArray<ReadFrom> = [
  "primary",
  "replica",
  "preferReplica",
  "any",
  "nearest",
  "preferReplicaInZone",
  "preferZone"
]

/**
 * Checks that a value is a `ReadFrom`.
 *
 * @internal
 */
export const check = oneOf(...choices)

/**
 * Whether a choice depends on the client's availability zone.
 *
 * @internal
 */
export const needsZone = (readFrom: ReadFrom): boolean =>
  readFrom === "preferReplicaInZone" || readFrom === "preferZone"

/**
 * What is wrong with a value for a client of a zone, or of none.
 *
 * @internal
 */
export const problemOf = (readFrom: unknown, zone: string | undefined): string | undefined =>
  check("readFrom", readFrom) ?? (zone === undefined && needsZone(readFrom as ReadFrom)
    ? `readFrom is "${readFrom}", and this client's own zone is not known: give the client the option availabilityZone, ` +
      "such as \"eu-west-1a\""
    : undefined)

/**
 * Which nodes answer the reads of a region of the program. `undefined`: the setting of the layer.
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
 * Runs an effect whose reads are answered by the given nodes instead of those that the layer's setting names.
 *
 * **Gotchas**
 *
 * Data from replicas may be stale, and even older than data read just before: see the head of this module.
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
