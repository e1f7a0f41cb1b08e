/**
 * What the scenarios are written against: three primaries with two replicas each, in memory or as real servers, and a
 * client of them.
 */
import { assert } from "@effect/vitest"
import type { Redis, RedisCluster } from "@redisc/core"
import type { FakeCluster, RealCluster } from "@redisc/test-utils"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"

export type Problem = RealCluster.RealClusterError | FakeCluster.FakeClusterError

type Client = RedisCluster.Services
type Act = (node: RealCluster.Node) => Effect.Effect<void, Problem>

export const layout = { primaries: 3, replicas: 2 }

export class Stage extends Context.Service<Stage, {
  readonly nodes: Effect.Effect<ReadonlyArray<RealCluster.NodeState>, Problem>
  readonly primaries: Effect.Effect<ReadonlyArray<RealCluster.NodeState>, Problem>
  readonly replicasOf: (node: RealCluster.Node) => Effect.Effect<ReadonlyArray<RealCluster.NodeState>, Problem>
  readonly kill: Act
  readonly restart: Act
  readonly pause: Act
  readonly resume: Act
  readonly failover: Act
  /** Puts a node into an availability zone, also after a restart; false if the server knows of none. */
  readonly setZone: (node: RealCluster.Node, zone: string) => Effect.Effect<boolean, Problem>
  readonly awaitPromotion: (of: RealCluster.Node) => Effect.Effect<RealCluster.Node, Problem>
  /** Waits until all nodes agree about what was done to some of them. */
  /** Whether CLUSTER SLOTS tells zones: other servers tell theirs only to whoever connects. */
  readonly mapTellsZones: boolean
  readonly waitUntilStable: Effect.Effect<void, Problem>
  /** How many GETs a node has answered with a value since it was started. */
  readonly served: (node: RealCluster.Node) => Effect.Effect<number, Problem>
  readonly client: (settings: Partial<RedisCluster.Options>) => Layer.Layer<Client, Redis.RedisError>
}>()("replicas/Stage") {}

/** A scenario, with a client of its own. */
export const scenario = <R>(
  name: string,
  run: Effect.Effect<void, unknown, R>,
  settings: Partial<RedisCluster.Options> = {}
): { readonly name: string; readonly run: Effect.Effect<void, unknown, Exclude<R, Client> | Stage> } => ({
  name,
  run: Effect.flatMap(Stage, ({ client }) => Effect.provide(run, client({ refreshInterval: "1 second", ...settings })))
})

/** A shard by its number. */
export const shard = Effect.fnUntraced(function*(index: number) {
  const { primaries, replicasOf } = yield* Stage
  const primary = (yield* primaries)[index]
  const replicas = yield* replicasOf(primary)
  assert.strictEqual(replicas.length, layout.replicas)
  return { primary, replicas }
})
