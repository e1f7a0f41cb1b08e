/**
 * `npm start`: a small program on a cluster in memory, and then a load of reads and writes while slots move, a primary
 * hands over to its replica, and another one dies. With REDIS_NODES=host:port,... the same program runs on real servers,
 * whose slots and roles it leaves alone.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { NodeRedisCluster } from "@redisc/node"
import { FakeCluster } from "@redisc/test-utils"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { say } from "./load.ts"
import { tour } from "./tour.ts"

const inMemory = Effect.gen(function*() {
  const cluster = yield* FakeCluster.FakeCluster
  yield* say(`A cluster in memory, no server needed. Set REDIS_NODES=host:port,... to use your own.\n`)
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

const onServers = (nodes: ReadonlyArray<string>) =>
  Effect.andThen(say(`The cluster of ${nodes.join(", ")}.`), tour([])).pipe(
    Effect.provide(NodeRedisCluster.layer({ nodes }))
  )

Effect.gen(function*() {
  const nodes = yield* Config.option(Config.String("REDIS_NODES"))
  return yield* Option.match(nodes, {
    onNone: () => inMemory,
    onSome: (text) => onServers(text.split(",").map((node) => node.trim()))
  })
}).pipe(NodeRuntime.runMain)
