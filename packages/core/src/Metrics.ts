/**
 * The counts of a cluster client as Effect metrics, for any exporter of those.
 *
 * The client counts in plain numbers, so that metrics cost nothing on the path of a command. {@link publish} updates the
 * metrics, and {@link layer} runs it at intervals.
 *
 * Names begin with `redisc_`. Those of nodes have the attribute `node`, the node's address, and `redisc_cache_invalidations` has the
 * attribute `cause`. All are gauges. Those that say "so
 * far" only rise. They are not Effect counters, because a counter adds up its updates, and these are totals, which several
 * layers and `publish` may update.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import { unsent } from "./internal/failures/failure.ts"
import * as Settings from "./internal/values/settings.ts"
import { RedisCluster } from "./RedisCluster.ts"
import type { CacheStats, NodeStats, Stats } from "./RedisCluster.ts"
import * as RedisError from "./RedisError.ts"

const gauge = (name: string, description: string) => Metric.gauge(`redisc_${name}`, { description })

const ofCluster: ReadonlyArray<readonly [metric: Metric.Gauge<number>, value: (stats: Stats) => number]> = [
  [gauge("redirects", "MOVED and ASK replies that were followed, so far"), ({ redirects }) => redirects],
  [gauge("retries", "Further tries of commands for other reasons, so far"), ({ retries }) => retries],
  [gauge("refreshes", "Times that the slot map was learnt, so far"), ({ refreshes }) => refreshes],
  [gauge("slot_handoffs", "Times that slots have moved as announced, so far"), ({ slotHandoffs }) => slotHandoffs],
  [gauge("waiting", "Commands that wait for nodes that are away"), ({ waiting }) => waiting],
  [gauge("away", "Nodes, and single slots, that commands wait for"), ({ away }) => away.length]
]

const ofCache: ReadonlyArray<readonly [metric: Metric.Gauge<number>, value: (stats: CacheStats) => number]> = [
  [gauge("cache_hits", "Reads answered from the cache, so far"), ({ hits }) => hits],
  [gauge("cache_misses", "Reads that have travelled to be kept, so far"), ({ misses }) => misses],
  [gauge("cache_shared", "Reads answered by the reply to another one under way, so far"), ({ shared }) => shared],
  [gauge("cache_evictions", "Kept replies dropped because there were too many, so far"), ({ evictions }) => evictions],
  [gauge("cache_too_large", "Replies not kept for their size, so far"), ({ tooLarge }) => tooLarge],
  [gauge("cache_saved_bytes", "Bytes of replies that have not travelled, so far"), ({ savedBytes }) => savedBytes],
  [gauge("cache_entries", "Kept replies"), ({ entries }) => entries],
  [gauge("cache_bytes", "Memory that kept replies take, in bytes"), ({ bytes }) => bytes]
]

const invalidated = gauge("cache_invalidations", "Kept replies dropped since they may be old, so far")

const ofNode: ReadonlyArray<readonly [metric: Metric.Gauge<number>, value: (stats: NodeStats) => number]> = [
  [gauge("node_connections", "Open shared connections"), ({ open }) => open],
  [gauge("node_dedicated_connections", "Open dedicated connections"), ({ dedicated }) => dedicated],
  [gauge("node_leased_connections", "Dedicated connections in use"), ({ leased }) => leased],
  [gauge("node_reconnects", "Shared connections opened again, so far"), ({ reconnects }) => reconnects],
  [gauge("node_handoffs", "Shared connections that moved as announced, so far"), ({ handoffs }) => handoffs],
  [gauge("node_redirects", "Redirects that the node answered with, so far"), ({ redirects }) => redirects],
  [gauge("node_in_flight", "Commands written and not yet answered"), ({ inFlight }) => inFlight],
  [gauge("node_waiting", "Commands waiting for a connection or for room on one"), ({ waiting }) => waiting],
  [gauge("node_bytes_written", "Bytes written, so far"), ({ bytesWritten }) => bytesWritten],
  [gauge("node_bytes_read", "Bytes read, so far"), ({ bytesRead }) => bytesRead]
]

/**
 * Updates the metrics.
 *
 * **Example** (Just before they are read)
 *
 * ```ts
 * import { Metrics } from "@redisc/core"
 * import { Effect, Metric } from "effect"
 *
 * const snapshot = Effect.andThen(Metrics.publish, Metric.snapshot)
 * ```
 *
 * @category metrics
 * @since 0.1.0
 */
export const publish: Effect.Effect<void, never, RedisCluster> = Effect.gen(function*() {
  const { stats } = yield* RedisCluster
  const now = yield* stats
  for (const [metric, value] of ofCluster) yield* Metric.update(metric, value(now))
  if (now.cache !== undefined) {
    for (const [metric, value] of ofCache) yield* Metric.update(metric, value(now.cache))
    for (const [cause, count] of Object.entries(now.cache.invalidations)) {
      yield* Metric.update(Metric.withAttributes(invalidated, { cause }), count)
    }
  }
  for (const [node, ofThat] of now.nodes) {
    for (const [metric, value] of ofNode) {
      yield* Metric.update(Metric.withAttributes(metric, { node }), value(ofThat))
    }
  }
})

/**
 * Updates the metrics at intervals, 10 seconds by default, as long as the layer lives.
 *
 * **Example** (With a cluster)
 *
 * ```ts
 * import { Metrics } from "@redisc/core"
 * import { NodeRedisCluster } from "@redisc/node"
 * import { Layer } from "effect"
 *
 * const Live = Metrics.layer({ every: "5 seconds" }).pipe(
 *   Layer.provideMerge(NodeRedisCluster.layer({ nodes: ["127.0.0.1:7000"] }))
 * )
 * ```
 *
 * @category metrics
 * @since 0.1.0
 */
export const layer = (
  options: { readonly every?: Duration.Input | undefined } = {}
): Layer.Layer<never, RedisError.RedisError, RedisCluster> =>
  Layer.effectDiscard(Effect.suspend(() => {
    const problem = Settings.optionsProblem(options, { every: Settings.duration })
    if (problem !== undefined) return Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))
    return Effect.forkScoped(Effect.forever(Effect.andThen(publish, Effect.sleep(options.every ?? "10 seconds"))))
  }))
