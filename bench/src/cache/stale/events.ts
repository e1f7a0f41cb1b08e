/** What may happen to keys that a client has in its cache. */
import type { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"

type Cluster = RealCluster.RealCluster["Service"]

export interface Scene {
  readonly cluster: Cluster
  readonly from: RealCluster.Node
  readonly to: RealCluster.Node
  /** Slots of `from` that have keys. */
  readonly slots: ReadonlyArray<number>
  /** From now on a version counts that no replica has: there may be none any more. */
  readonly countAll: Effect.Effect<void>
  /** Makes the readers' connections to `from` dead. */
  readonly deaden: () => void
}

export interface Event {
  readonly title: string
  readonly replicas: number
  /** Whether readers go through something that can make connections dead. */
  readonly isThrough?: boolean
  /** Servers on which it can happen. */
  readonly on?: (cluster: Cluster) => boolean
  readonly happen: (scene: Scene) => Effect.Effect<unknown, RealCluster.RealClusterError>
  /** How long the readers are watched afterwards, in seconds. */
  readonly watch: number
}

const untilOwned = ({ cluster, slots, to }: Scene) =>
  Effect.repeat(Effect.delay(cluster.ownerOf(slots[0]), "20 millis"), { until: ({ id }) => id === to.id })

export const events: Readonly<Record<string, Event>> = {
  migrate: {
    title: "slots move with MIGRATE, and all nodes are told",
    replicas: 0,
    happen: ({ cluster, slots, to }) => cluster.migrateSlots({ slots, to }),
    watch: 10
  },
  claim: {
    title: "slots are claimed by another node, and the old one learns it by gossip",
    replicas: 0,
    happen: ({ cluster, slots, to }) =>
      Effect.andThen(
        Effect.forEach(slots, (slot) => cluster.command(to, "CLUSTER", ["SETSLOT", slot, "NODE", to.id])),
        cluster.command(to, "CLUSTER", ["BUMPEPOCH"])
      ),
    watch: 10
  },
  atomic: {
    title: "slots move with CLUSTER MIGRATESLOTS",
    replicas: 0,
    on: ({ kind, version }) => kind === "valkey" && Number.parseInt(version) >= 9,
    happen: (scene) => {
      const { cluster, from, slots, to } = scene
      const ranges = slots.flatMap((slot) => [slot, slot])
      return Effect.andThen(
        cluster.command(from, "CLUSTER", ["MIGRATESLOTS", "SLOTSRANGE", ...ranges, "NODE", to.id]),
        untilOwned(scene)
      )
    },
    watch: 10
  },
  failover: {
    title: "CLUSTER FAILOVER at a replica",
    replicas: 1,
    happen: ({ cluster, from }) => Effect.flatMap(cluster.replicasOf(from), ([replica]) => cluster.failover(replica)),
    watch: 10
  },
  kill: {
    title: "kill -9 of a primary, and its replica takes over",
    replicas: 1,
    happen: ({ cluster, countAll, from }) =>
      cluster.kill(from).pipe(Effect.andThen(cluster.awaitPromotion(from)), Effect.andThen(countAll)),
    watch: 10
  },
  freeze: {
    title: "SIGSTOP of a primary, its replica takes over, and SIGCONT 5 seconds later",
    replicas: 1,
    happen: ({ cluster, countAll, from }) =>
      cluster.pause(from).pipe(
        Effect.andThen(cluster.awaitPromotion(from)),
        Effect.andThen(countAll),
        Effect.andThen(Effect.sleep("5 seconds")),
        Effect.andThen(cluster.resume(from))
      ),
    watch: 5
  },
  halfOpen: {
    title: "the connections to a node go dead without an end",
    replicas: 0,
    isThrough: true,
    happen: ({ deaden }) => Effect.sync(deaden),
    watch: 20
  }
}
