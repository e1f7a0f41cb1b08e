import { FakeCluster, FakeRedis, FakeSentinel } from "@redisc/test-utils"
import { conformance } from "./suite.ts"

const versions: ReadonlyArray<FakeCluster.VersionName> = ["7.0", "8.0"]

for (const version of versions) {
  conformance(
    `in memory, as Redis ${version}`,
    "cluster",
    FakeCluster.layer({ primaries: 3, replicas: 1, version })
  )
  conformance(
    `in memory, as Redis ${version} without cluster mode`,
    "standalone",
    FakeRedis.layer({ replicas: 1, version })
  )
  conformance(
    `in memory, as Redis ${version} in a Sentinel group`,
    "sentinel",
    FakeSentinel.layer({ version })
  )
}

conformance(
  "in memory, a cluster with databases, in one of them",
  "cluster",
  FakeCluster.layer({ primaries: 3, databases: 16, client: { database: 7 } })
)
conformance(
  "in memory, without cluster mode, in one of its databases",
  "standalone",
  FakeRedis.layer({ client: { database: 7 } })
)
