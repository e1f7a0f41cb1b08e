/**
 * The cost of the simulated cluster: to start it, to keep it in memory, and to send commands to it.
 */
import { Redis } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import { load } from "../answering/load.ts"
import { median } from "../figures/median.ts"
import { heap, perRun } from "./cost.ts"
import * as Section from "./section.ts"

const starts = 5
const payload = "x".repeat(100)
const keys = Array.from({ length: 1000 }, (_, index) => `key:${index}`)
const pairs = 25_000

/** The time of a start in milliseconds, and the bytes in use afterwards. */
const start = (primaries: number) =>
  Effect.suspend(() => {
    const begun = performance.now()
    const started = Effect.gen(function*() {
      const passed = performance.now() - begun
      return { passed, kept: yield* heap }
    })
    return Effect.provide(started, FakeCluster.layerConnector({ primaries }))
  })

const measureStart = (primaries: number) =>
  Effect.runPromise(Effect.gen(function*() {
    const cold = yield* start(primaries)
    const before = yield* heap
    const warm = [yield* start(primaries)]
    while (warm.length < starts) warm.push(yield* start(primaries))
    return {
      cold: cold.passed,
      warm: median(warm.map(({ passed }) => passed)),
      node: (warm[0].kept - before) / primaries / 1024,
      whole: (warm[0].kept - before) / 1024 / 1024
    }
  }))

export const simulatedNodes = Section.make({
  title: "The cluster in memory, without a client",
  columns: {
    cold: { heading: "first start, ms", digits: 1 },
    warm: { heading: `median of ${starts}, ms`, digits: 1 },
    node: { heading: "KiB/node", digits: 1 },
    whole: { heading: "MiB", digits: 1 }
  },
  cases: Section.sizes.map((nodes) => ({ label: `${nodes} nodes`, measure: () => measureStart(nodes) })),
  notes: []
})

const setAndGet = (n: number) => {
  const key = keys[n % keys.length]
  return Effect.andThen(Redis.set(key, payload), Redis.get(key))
}

const measureCommands = (fibers: number) =>
  Effect.runPromise(
    Effect.map(perRun(load(fibers, pairs, setAndGet), 1), ({ passed, processor }) => ({
      processor: processor / pairs / 2,
      rate: pairs * 2 / passed * 1000
    })).pipe(Effect.provide(FakeCluster.layer({ primaries: 3, replicas: 1 })))
  )

export const simulatedCommands = Section.make({
  title: `SET and GET of ${payload.length} bytes on the cluster in memory, 3 primaries and 3 replicas`,
  columns: {
    processor: { heading: "us/command", digits: 2 },
    rate: { heading: "thousands/s", digits: 0 }
  },
  cases: [50, 500].map((fibers) => ({ label: `${fibers} fibers`, measure: () => measureCommands(fibers) })),
  notes: []
})
