/** The conformance cases as tests. What a mode can't have is skipped, and its title says why. */
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
  layer(servers, { excludeTestServices: true, timeout: 30_000 })(title, (it) => {
    const { excluded, groups } = Conformance.forMode(mode)
    for (const [group, cases] of Object.entries(groups)) {
      describe(group, () => {
        for (const { name, run } of cases) it.effect(name, () => run)
      })
    }
    describe(`not on ${mode}`, () => {
      for (const { because, group, name } of excluded) it.skip(`${group}: ${name} (${because})`)
    })
  })
}
