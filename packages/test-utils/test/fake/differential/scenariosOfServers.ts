/** Defines tests that compare pairs of whole servers, real ones and simulated ones. */
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { imitated, onRealServer } from "./imitation.ts"
import { fakePair, realPair, run } from "./servers.ts"
import type { Pair, Step } from "./servers.ts"

export type Scenario = readonly [title: string, steps: ReadonlyArray<Step>]

/** Defines one test for each scenario and protocol. Each begins with an empty primary and its replica. */
export const scenariosOfServers = (group: string, list: ReadonlyArray<Scenario>): void => {
  onRealServer(`${group} on real servers`, () => {
    let real: Pair
    beforeAll(async () => {
      real = await realPair()
    }, 20_000)
    afterAll(() => real?.stop())

    for (const protocol of [2, 3] as const) {
      for (const [title, steps] of list) {
        it(`${title}, in RESP${protocol}`, { timeout: 20_000 }, async () => {
          const fake = await fakePair({ version: imitated?.name })
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
