/** The scenarios of cached reads on real servers. */
import { RedisCluster, Topology } from "@redisc/core"
import { NodeConnector, NodeRedisCluster } from "@redisc/node"
import { RealCluster, RealRedis, RealSentinel } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { watchful } from "../chaos/patience.ts"
import { Cluster } from "../scenarios/Cluster.ts"
import { clusters, serversOf } from "./clusters.ts"
import { common } from "./common.ts"
import { Servers } from "./Servers.ts"
import { suite } from "./suite.ts"

const overNode = Layer.provide(NodeConnector.layer())

const cluster = Effect.gen(function*() {
  const servers = yield* RealCluster.make({ primaries: 3, replicas: 1, nodeTimeout: watchful })
  return Cluster.of({
    ...servers,
    client: (settings) => NodeRedisCluster.layer({ nodes: servers.addresses, ...settings }),
    standalone: Layer.unwrap(Effect.die("not needed")),
    connector: yield* NodeConnector.make()
  })
})

suite("cached reads of a real cluster", serversOf(Layer.effect(Cluster, cluster)), [...common, ...clusters])

suite(
  "cached reads of real servers without cluster mode",
  Layer.effect(
    Servers,
    Effect.map(RealRedis.make({ replicas: 1 }), ({ addresses }) => ({
      client: (options) => overNode(RedisCluster.layerFromSource(Topology.standalone({ servers: addresses }), options))
    }))
  ),
  common
)

suite(
  "cached reads of a real Sentinel group",
  Layer.effect(
    Servers,
    Effect.map(RealSentinel.make({ downAfter: "10 seconds" }), ({ addresses, name }) => ({
      client: (options) =>
        overNode(RedisCluster.layerFromSource(Topology.sentinel({ name, sentinels: addresses }), options))
    }))
  ),
  common
)
