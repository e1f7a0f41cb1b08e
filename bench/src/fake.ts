/**
 * What the in-memory cluster costs: `node --expose-gc --conditions=@redisc/source bench/src/fake.ts`.
 *
 * It prints how long the layer takes to start, how many commands a second the client and the simulated nodes do together,
 * in this one process, and what a thousand nodes take. Without `--expose-gc` memory is not measured.
 */
import { Redis } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"

const starts = 20
const seconds = 3
const payload = "x".repeat(100)
const keys = Array.from({ length: 1000 }, (_, index) => `key:${index}`)

type Services = Layer.Success<ReturnType<typeof FakeCluster.layer>>

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

const show = (what: string, value: string): void => console.log(`${what.padEnd(48)}${value.padStart(16)}`)

const millis = (value: number): string => `${value.toFixed(1)} ms`

/** In MiB, of what is still of use. NaN without `--expose-gc`. */
const heap = async (): Promise<number> => {
  const { gc } = globalThis as { readonly gc?: () => void }
  // What has just ended is let go of a few turns later.
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    gc?.()
  }
  return gc === undefined ? NaN : process.memoryUsage().heapUsed / 1024 / 1024
}

/** Starts a cluster, does something in it, and answers how long it took to start, in milliseconds. */
const timed = async (
  options: FakeCluster.LayerOptions,
  use: Effect.Effect<void, Redis.RedisError, Services> = Effect.void
): Promise<number> => {
  const begun = performance.now()
  let started = 0
  const program = Effect.andThen(
    Effect.sync(() => {
      started = performance.now() - begun
    }),
    use
  )
  await Effect.runPromise(Effect.provide(program, FakeCluster.layer(options)))
  return started
}

const small = { primaries: 3, replicas: 1 }
show("start of 3 primaries and 3 replicas, cold", millis(await timed(small)))
const warm: Array<number> = []
for (let i = 0; i < starts; i++) warm.push(await timed(small))
show(`the same, median of ${starts}`, millis(median(warm)))

const large = { primaries: 500, replicas: 1 }
const before = await heap()
let during = NaN
const measureHeap = Effect.map(Effect.promise(heap), (value) => {
  during = value
})
show("start of 500 primaries and 500 replicas", millis(await timed(large, measureHeap)))
show("heap for them and their client", `${(during - before).toFixed(1)} MiB`)

/** Commands a second of so many fibers, each of which waits for one reply before it asks again. */
const load = Effect.fnUntraced(function*(fibers: number) {
  const state = { done: 0, stopped: false }
  const one = Effect.fnUntraced(function*(index: number) {
    for (let turn = index; !state.stopped; turn += 2) {
      const key = keys[turn % keys.length]
      yield* Redis.set(key, payload)
      yield* Redis.get(key)
      state.done += 2
    }
  })
  const all = Effect.forEach(Array.from({ length: fibers }, (_, index) => index), one, {
    concurrency: "unbounded",
    discard: true
  })
  const measured = Effect.gen(function*() {
    yield* Effect.sleep("1 second")
    const before = state.done
    const from = performance.now()
    yield* Effect.sleep(`${seconds} seconds`)
    const rate = (state.done - before) / (performance.now() - from) * 1000
    state.stopped = true
    return rate
  })
  const [, rate] = yield* Effect.all([all, measured], { concurrency: "unbounded" })
  show(`SET and GET of ${payload.length} bytes, ${fibers} fibers`, `${Math.round(rate).toLocaleString("en")}/s`)
})

for (const fibers of [50, 500]) await timed(small, load(fibers))
