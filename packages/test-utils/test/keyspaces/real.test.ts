import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { suite } from "./suite.ts"

suite(
  "on real servers",
  Layer.unwrap(
    Effect.map(RealCluster.RealCluster, ({ addresses }) => NodeRedisCluster.layer({ nodes: addresses }))
  ).pipe(Layer.provide(RealCluster.layer({ primaries: 3 })))
)
