/**
 * `npm run start:servers`: what `npm start` does, on six redis-server processes that live as long as it takes.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { say } from "./load.ts"
import { tour } from "./tour.ts"

const Client = Layer.unwrap(
  Effect.map(RealCluster.RealCluster, ({ addresses }) => NodeRedisCluster.layer({ nodes: addresses }))
)

const program = Effect.gen(function*() {
  const servers = yield* RealCluster.RealCluster
  const nodes = yield* servers.nodes
  yield* say(`A cluster of Redis ${servers.version} is up, with ${nodes.length} nodes:`)
  for (const { address, role, slots } of nodes) {
    yield* say(`  ${address.key}  ${role}${slots.map(([first, last]) => `  slots ${first}-${last}`).join("")}`)
  }
  const [first, second] = yield* servers.primaries
  const [replica] = yield* servers.replicasOf(second)
  const [from] = first.slots[0]
  const happenings = tour([
    {
      what: "moving 1000 slots",
      effect: servers.migrateSlots({ from: first, to: second, slots: [[from, from + 999]] })
    },
    { what: "failing over", effect: servers.failover(replica) }
  ])
  yield* Effect.provide(happenings, Client)
})

Effect.andThen(
  say("Starting 3 primaries and 3 replicas on loopback ..."),
  Effect.provide(program, RealCluster.layer({ primaries: 3, replicas: 1 }))
).pipe(NodeRuntime.runMain)
