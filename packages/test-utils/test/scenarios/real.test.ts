import { Connector } from "@redisc/core"
import { NodeConnector, NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { makeAdmin } from "../../src/internal/clusterAdmin.ts"
import { killMember, planMember, startMember } from "../../src/internal/members.ts"
import { findServer, makeFolder } from "../../src/internal/serverProcess.ts"
import { Cluster } from "./Cluster.ts"
import type { Options } from "./suite.ts"
import { suite } from "./suite.ts"

/** A server of the same kind as those of the clusters, on its own. */
const startStandalone = Effect.gen(function*() {
  const server = yield* findServer(undefined)
  const member = yield* planMember(yield* makeFolder, 0, {
    server,
    nodeTimeoutMillis: 1000,
    requireFullCoverage: true,
    password: undefined,
    certificates: undefined,
    extra: { "cluster-enabled": "no" }
  })
  yield* Effect.addFinalizer(() => killMember(member))
  yield* startMember(member, server, yield* makeAdmin(undefined))
  return NodeRedisCluster.layer({ nodes: [member.address] })
})

const start = Effect.fnUntraced(function*(options: Options) {
  const servers = yield* RealCluster.make(options)
  const connector = yield* NodeConnector.make()
  return Cluster.of({
    ...servers,
    client: (settings) => NodeRedisCluster.layer({ nodes: servers.addresses, ...settings }),
    standalone: Layer.unwrap(Effect.provideService(startStandalone, Connector.Connector, connector)),
    connector
  })
})

suite((options) => Layer.effect(Cluster, start(options)))
