import { describe, layer } from "@effect/vitest"
import { NodeRedisCluster } from "@redisc/node"
import { Conformance, RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const Client = Layer.unwrap(
  Effect.map(RealCluster.RealCluster, ({ addresses }) => NodeRedisCluster.layer({ nodes: addresses }))
).pipe(Layer.provideMerge(RealCluster.layer({ primaries: 3, replicas: 1 })))

layer(Client, { excludeTestServices: true, timeout: 30_000 })("on real servers", (it) => {
  for (const [group, cases] of Object.entries(Conformance.groups)) {
    describe(group, () => {
      for (const { name, run } of cases) it.effect(name, () => run)
    })
  }
})
