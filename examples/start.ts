/**
 * `npm start`: a small program on a cluster in memory, and then a load of reads and writes while slots move, a primary
 * hands over to its replica, and another one dies. With REDIS_URL the same program runs on real servers, whose slots and roles it
 * leaves alone: redis://host:port for one of them or a cluster, redis+sentinel://host:port/name for Sentinels.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Topology } from "@redisc/core"
import { NodeRedis } from "@redisc/node"
import { FakeCluster } from "@redisc/test-utils"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { say } from "./load.ts"
import { tour } from "./tour.ts"

const inMemory = Effect.gen(function*() {
  const cluster = yield* FakeCluster.FakeCluster
  yield* say(`A cluster in memory, no server needed. Set REDIS_URL=redis://host:port to use your own.\n`)
  yield* say(yield* cluster.describe)
  const [first, second, third] = yield* cluster.primaries
  const [replica] = yield* cluster.replicasOf(second)
  const [from] = first.slots[0]
  yield* tour([
    {
      what: "moving 1000 slots",
      effect: cluster.migrateSlots({ from: first, to: second, slots: [[from, from + 999]] })
    },
    { what: "failing over", effect: cluster.failover(replica) },
    {
      what: "a primary has died",
      effect: Effect.asVoid(Effect.andThen(cluster.kill(third), cluster.awaitPromotion(third)))
    }
  ])
}).pipe(Effect.provide(FakeCluster.layer({ primaries: 3, replicas: 1, requireFullCoverage: false })))

const onServers = (url: Redacted.Redacted) =>
  Effect.gen(function*() {
    const { oneSlot, current } = yield* Topology.Topology
    const { nodes } = yield* current
    const what = oneSlot() ? "A cluster" : nodes.size === 1 ? "A server" : "A primary and its replicas"
    yield* say(`${what}: ${Array.from(nodes.keys()).join(", ")}`)
    yield* tour([])
  }).pipe(Effect.provide(NodeRedis.layer({ url })))

Effect.gen(function*() {
  const url = yield* Config.option(Config.Redacted("REDIS_URL"))
  return yield* Option.match(url, { onNone: () => inMemory, onSome: onServers })
}).pipe(NodeRuntime.runMain)
