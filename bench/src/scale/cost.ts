/**
 * Measures costs: processor time of the whole process, which other programs on the machine disturb least, and memory.
 */
import * as Effect from "effect/Effect"
import { median } from "../figures/median.ts"

export interface Cost {
  /** Microseconds of processor time. */
  readonly processor: number
  /** Microseconds of elapsed time. */
  readonly passed: number
}

const once = <E, R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<Cost, E, R> =>
  Effect.gen(function*() {
    const from = performance.now()
    const before = process.cpuUsage()
    yield* effect
    const { system, user } = process.cpuUsage(before)
    return { processor: system + user, passed: (performance.now() - from) * 1000 }
  })

/** The cost of one run: the median over several rounds, after a first round for the compiler. */
export const perRun = Effect.fnUntraced(function*<E, R>(
  effect: Effect.Effect<unknown, E, R>,
  runs: number,
  rounds = 5
): Effect.fn.Return<Cost, E, R> {
  const all = Effect.repeat(effect, { times: runs - 1 })
  yield* all
  const costs: Array<Cost> = []
  for (let round = 0; round < rounds; round++) costs.push(yield* once(all))
  return {
    processor: median(costs.map(({ processor }) => processor)) / runs,
    passed: median(costs.map(({ passed }) => passed)) / runs
  }
})

/** The processor time of one call, in microseconds. */
export const perCall = (task: () => unknown, calls: number): Effect.Effect<number> =>
  Effect.map(
    perRun(
      Effect.sync(() => {
        for (let call = 0; call < calls; call++) task()
      }),
      1
    ),
    ({ processor }) => processor / calls
  )

/** The number of bytes in use, inside and outside the heap of JavaScript. Needs `node --expose-gc`. */
export const heap = Effect.promise(async () => {
  const { gc } = globalThis as { readonly gc?: () => void }
  if (gc === undefined) throw new Error("memory is measured with node --expose-gc")
  // Objects that have just ended are released only a few turns later.
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    gc()
  }
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
})
