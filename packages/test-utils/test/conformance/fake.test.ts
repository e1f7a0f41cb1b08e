import { describe, layer } from "@effect/vitest"
import { Conformance, FakeCluster } from "@redisc/test-utils"

layer(FakeCluster.layer({ primaries: 3, replicas: 1 }), { excludeTestServices: true })("in memory", (it) => {
  for (const [group, cases] of Object.entries(Conformance.groups)) {
    describe(group, () => {
      for (const { name, run } of cases) it.effect(name, () => run)
    })
  }
})
