import { RedisCluster, Topology } from "@redisc/core"
import { NodeConnector } from "@redisc/node"
import { RealSentinel } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { conformance } from "./suite.ts"

const Client = Layer.unwrap(
  Effect.map(
    RealSentinel.RealSentinel,
    ({ addresses, name }) => RedisCluster.layerFromSource(Topology.sentinel({ name, sentinels: addresses }))
  )
).pipe(Layer.provideMerge(RealSentinel.layer({ downAfter: "10 seconds" })), Layer.provide(NodeConnector.layer()))

conformance("on real servers in a Sentinel group", "sentinel", Client)
