/** Defines tests that compare pairs of whole servers, real ones and simulated ones. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { imitated, nearest, onRealServer } from "./imitation.ts"
import { fakePair, realPair, run } from "./servers.ts"
import type { Pair, Step } from "./servers.ts"

/** `imitated`: not compared with servers that are not imitated, even if the others are. */
export type Scenario = readonly [title: string, steps: ReadonlyArray<Step>, where?: "imitated"]

/**
 * Defines one test for each scenario and protocol. Each begins with an empty primary and its replica. With `everywhere`, servers
 * that are not imitated have to do as the nearest version that is.
 */
export const scenariosOfServers = (
  group: string,
  list: ReadonlyArray<Scenario>,
  { everywhere = false }: { readonly everywhere?: boolean } = {}
): void => {
  const define = everywhere ? describe : onRealServer
  define(`${group} on real servers`, () => {
    let real: Pair
    beforeAll(async () => {
      real = await realPair()
    }, 20_000)
    afterAll(() => real?.stop())

    for (const protocol of [2, 3] as const) {
      for (const [title, steps, where] of list) {
        if (where === "imitated" && imitated === undefined) continue
        it(`${title}, in RESP${protocol}`, { timeout: 20_000 }, async () => {
          const fake = await fakePair({ version: nearest.name })
          try {
            await real.restore()
            const [right, ours] = [await run(real, steps, protocol), await run(fake, steps, protocol)]
            const label = (told: ReadonlyArray<ReadonlyArray<string>>) =>
              steps.map((step, index) => ({ step, told: told[index] }))
            assert.deepStrictEqual(label(ours), label(right))
          } finally {
            await fake.stop()
          }
        })
      }
    }
  })
}
