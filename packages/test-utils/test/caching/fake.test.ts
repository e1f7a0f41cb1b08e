/** The scenarios of cached reads on servers in memory. */
import { Connector, RedisCluster, Topology } from "@redisc/core"
import { FakeCluster, FakeRedis, FakeSentinel } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Cluster } from "../scenarios/Cluster.ts"
import { clusters, serversOf } from "./clusters.ts"
import { common } from "./common.ts"
import { Servers } from "./Servers.ts"
import { suite } from "./suite.ts"

const over = (connector: Connector.Connector["Service"]) => Layer.provide(Layer.succeed(Connector.Connector, connector))

const inMemory = (version: FakeCluster.VersionName) =>
  Effect.map(FakeCluster.make({ primaries: 3, replicas: 1, version }), ({ connector, service }) =>
    Cluster.of({
      kind: "redis",
      ...service,
      waitUntilStable: Effect.void,
      client: (settings) => over(connector)(RedisCluster.layer({ nodes: service.addresses, ...settings })),
      standalone: Layer.unwrap(Effect.die("not needed")),
      connector
    }))

for (const version of ["7.0", "8.0"] as const) {
  suite(
    `cached reads of a cluster in memory, as Redis ${version}`,
    serversOf(Layer.effect(Cluster, inMemory(version))),
    [...common, ...clusters]
  )
  suite(
    `cached reads of servers in memory without cluster mode, as Redis ${version}`,
    Layer.effect(
      Servers,
      Effect.map(FakeRedis.make({ replicas: 1, version }), ({ connector, service }) => ({
        client: (options) =>
          over(connector)(RedisCluster.layerFromSource(Topology.standalone({ servers: service.addresses }), options))
      }))
    ),
    common
  )
  suite(
    `cached reads of a Sentinel group in memory, as Redis ${version}`,
    Layer.effect(
      Servers,
      Effect.map(FakeSentinel.make({ version }), ({ connector, service: { addresses, name } }) => ({
        client: (options) =>
          over(connector)(RedisCluster.layerFromSource(Topology.sentinel({ name, sentinels: addresses }), options))
      }))
    ),
    common
  )
}
