import { layer } from "@effect/vitest"
import type * as Vitest from "@effect/vitest"
import type { Client } from "@redisc/core/Client"
import type { Redis } from "@redisc/core/Redis"
import * as Slot from "@redisc/core/Slot"
import { NodeRedisCluster } from "@redisc/node"
import { FakeCluster, RealCluster } from "@redisc/test-utils"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** What tests do to a cluster. */
export class Moves extends Context.Service<Moves, {
  /** Where programs of their own connect. */
  readonly addresses: ReadonlyArray<string>
  /** Moves the slot of a key, with all its keys, to the next primary. */
  readonly move: (key: string) => Effect.Effect<void>
  /** Makes a replica the primary of the slot of a key. */
  readonly failover: (key: string) => Effect.Effect<void>
  /** Kills the primary of the slot of a key, and waits for its successor. */
  readonly kill: (key: string) => Effect.Effect<void>
}>()("@redisc/effect/test/Moves") {}

const movesOf = <Node extends { readonly name: string }, E>(cluster: {
  readonly addresses: ReadonlyArray<{ readonly key: string }>
  readonly primaries: Effect.Effect<ReadonlyArray<Node>, E>
  readonly ownerOf: (slot: number) => Effect.Effect<{ readonly name: string }, E>
  readonly replicasOf: (node: Node) => Effect.Effect<ReadonlyArray<Node>, E>
  readonly migrateSlots: (
    options: { readonly to: Node; readonly slots: ReadonlyArray<number> }
  ) => Effect.Effect<void, E>
  readonly failover: (replica: Node) => Effect.Effect<void, E>
  readonly kill: (node: Node) => Effect.Effect<void, E>
  readonly awaitPromotion: (of: Node) => Effect.Effect<unknown, E>
}): Moves["Service"] => {
  const owner = (key: string) =>
    Effect.gen(function*() {
      const { name } = yield* cluster.ownerOf(Slot.fromKey(key))
      const primaries = yield* cluster.primaries
      return { primaries, index: primaries.findIndex((node) => node.name === name) }
    })
  return {
    addresses: cluster.addresses.map(({ key }) => key),
    move: (key) =>
      Effect.orDie(
        Effect.flatMap(owner(key), ({ index, primaries }) =>
          cluster.migrateSlots({ to: primaries[(index + 1) % primaries.length], slots: [Slot.fromKey(key)] }))
      ),
    kill: (key) =>
      Effect.orDie(
        Effect.flatMap(owner(key), ({ index, primaries }) =>
          Effect.andThen(cluster.kill(primaries[index]), Effect.asVoid(cluster.awaitPromotion(primaries[index]))))
      ),
    failover: (key) =>
      Effect.orDie(
        Effect.flatMap(owner(key), ({ index, primaries }) =>
          Effect.flatMap(cluster.replicasOf(primaries[index]), ([replica]) =>
            cluster.failover(replica)))
      )
  }
}

interface Options {
  readonly replicas?: number
}

const fake = (options: Options) =>
  Layer.effect(Moves, Effect.map(FakeCluster.FakeCluster, movesOf)).pipe(
    Layer.provideMerge(FakeCluster.layer({ primaries: 3, ...options }))
  )

const real = (options: Options) =>
  Layer.mergeAll(
    Layer.unwrap(
      Effect.map(RealCluster.RealCluster, ({ addresses }) => NodeRedisCluster.layer({ nodes: addresses }))
    ),
    Layer.effect(Moves, Effect.map(RealCluster.RealCluster, movesOf))
  ).pipe(Layer.provideMerge(RealCluster.layer({ primaries: 3, ...options })))

type Suite<R> = (it: Vitest.Vitest.MethodsNonLive<R | Client | Redis | Moves>, where: "fake" | "real") => void

/** Runs the same tests on a cluster of three primaries in memory, and on one of real servers, with real clocks. */
export const onClusters = <A, E>(
  name: string,
  Services: Layer.Layer<A, E, Client>,
  suite: Suite<A>,
  options: Options = {}
): void => {
  const layerOptions = { excludeTestServices: true, timeout: "20 seconds" } as const
  layer(Layer.provideMerge(Services, fake(options)), layerOptions)(`${name}, in memory`, (it) => suite(it, "fake"))
  layer(Layer.provideMerge(Services, real(options)), layerOptions)(
    `${name}, on real servers`,
    (it) => suite(it, "real")
  )
}
