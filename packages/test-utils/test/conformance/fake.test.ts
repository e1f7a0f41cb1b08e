import { describe, layer } from "@effect/vitest"
import { Conformance, FakeCluster } from "@redisc/test-utils"

const versions: ReadonlyArray<FakeCluster.VersionName> = ["7.0", "8.0"]

for (const version of versions) {
  const Cluster = FakeCluster.layer({ primaries: 3, replicas: 1, version })
  layer(Cluster, { excludeTestServices: true })(`in memory, as Redis ${version}`, (it) => {
    for (const [group, cases] of Object.entries(Conformance.groups)) {
      describe(group, () => {
        for (const { name, run } of cases) it.effect(name, () => run)
      })
    }
  })
}
