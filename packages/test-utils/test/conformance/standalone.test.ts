import { RedisCluster, Topology } from "@redisc/core"
import { NodeConnector } from "@redisc/node"
import { RealRedis } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { conformance } from "./suite.ts"

const client = (options?: RedisCluster.SourceOptions) =>
  Layer.unwrap(
    Effect.map(RealRedis.RealRedis, ({ addresses }) =>
      RedisCluster.layerFromSource(Topology.standalone({ servers: addresses }), options))
  ).pipe(Layer.provideMerge(RealRedis.layer({ replicas: 1 })), Layer.provide(NodeConnector.layer()))

conformance("on real servers without cluster mode", "standalone", client())
conformance("on real servers without cluster mode, in one of their databases", "standalone", client({ database: 7 }))
