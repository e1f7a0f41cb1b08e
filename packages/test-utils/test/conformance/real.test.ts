import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { calm } from "../chaos/patience.ts"
import { conformance } from "./suite.ts"

const Client = Layer.unwrap(
  Effect.map(RealCluster.RealCluster, ({ addresses }) => NodeRedisCluster.layer({ nodes: addresses }))
).pipe(Layer.provideMerge(RealCluster.layer({ primaries: 3, replicas: 1, nodeTimeout: calm })))

conformance("on real servers", "cluster", Client)
