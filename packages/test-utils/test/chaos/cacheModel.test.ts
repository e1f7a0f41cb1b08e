/**
 * The checker of cached reads on clusters in memory, which fail as seeds say. Environment variables:
 *
 * - `REDISC_CACHE_RUNS`: how many seeds, 40 by default; thousands for a soak.
 * - `REDISC_CACHE_SEED`: the first, 1 by default.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Faults from "./cacheFaults.ts"
import type { Counts, Ledger } from "./cacheLedger.ts"
import * as Model from "./cacheModel.ts"

const runs = Number(process.env["REDISC_CACHE_RUNS"] ?? 40)
const first = Number(process.env["REDISC_CACHE_SEED"] ?? 1)
const patience = 60_000 + 2000 * runs

const said = (seed: number, { violations }: Ledger): ReadonlyArray<string> =>
  violations.map((problem) => `seed ${seed}: ${problem}`)

describe("cached reads on the simulated cluster", () => {
  it.effect("are no older than promised, whatever happens", () =>
    Effect.gen(function*() {
      const counts: Record<string, number> = {}
      const violations: Array<string> = []
      for (let seed = first; seed < first + runs; seed++) {
        const { hits, ledger } = yield* Model.run(seed)
        violations.push(...said(seed, ledger))
        const all: Counts & { readonly hits: number } = { ...ledger.counts, hits }
        for (const [name, count] of Object.entries(all)) counts[name] = (counts[name] ?? 0) + count
      }
      assert.deepStrictEqual(violations, [])
      assert.isAbove(counts["hits"], runs)
      yield* Effect.log(`${runs} runs: ${JSON.stringify(counts)}`)
    }), patience)
})

/** By which rule the checker shows that something is wrong, and the first seed to try. */
const shown: ReadonlyArray<{
  readonly names: ReadonlyArray<Faults.Name>
  readonly from: number
  readonly rule: keyof Ledger["byRule"]
}> = [
  { names: ["changes of the map drop nothing"], from: 38, rule: "seen" },
  { names: ["reads on their way are not voided"], from: 28, rule: "own" },
  { names: ["own writes drop nothing"], from: 1, rule: "own" },
  { names: ["pushes drop nothing"], from: 1, rule: "seen" },
  { names: ["the loss of a connection ends nothing"], from: 17, rule: "seen" },
  { names: ["a flush ends nothing"], from: 12, rule: "seen" },
  { names: ["pushes drop nothing", "no reply is ever too old"], from: 1, rule: "age" }
]

/** Which runs go wrong is up to the timing of commands, which changes; one of so many does. */
const tries = 100

describe("the checker finds out", () => {
  it.effect.each(shown.map((each) => [each.names.join(", and "), each] as const))(
    "if %s",
    ([, { from, names, rule }]) =>
      Faults.under(
        names,
        Effect.gen(function*() {
          let seed = from
          while (seed < from + tries && (yield* Model.run(seed)).ledger.byRule[rule] === 0) seed++
          assert.isBelow(seed, from + tries)
        })
      ),
    patience + 2000 * tries
  )
})
