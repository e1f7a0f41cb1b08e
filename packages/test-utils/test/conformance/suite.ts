/** The conformance cases as tests. `modes.test.ts` lists those that a mode can't have. */
import { describe, layer } from "@effect/vitest"
import type { RedisCluster } from "@redisc/core"
import { Conformance } from "@redisc/test-utils"
import type * as Layer from "effect/Layer"

/** Defines the tests of a mode, for servers and their client. They run on the real clock. */
export const conformance = <E>(
  title: string,
  mode: Conformance.Mode,
  servers: Layer.Layer<RedisCluster.Services, E>
): void => {
  layer(servers, { excludeTestServices: true })(title, (it) => {
    for (const [group, cases] of Object.entries(Conformance.forMode(mode).groups)) {
      describe(group, () => {
        for (const { name, run } of cases) it.effect(name, () => run)
      })
    }
  })
}
