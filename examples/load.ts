/**
 * Reads and writes without end, and what came of them.
 */
import { Redis } from "@redisc/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

export interface Tally {
  commands: number
  readonly errors: Array<Redis.RedisError>
  slowestMillis: number
  /** Increments that were acknowledged, by key. */
  readonly acknowledged: Map<string, number>
}

export const makeTally = (): Tally => ({ commands: 0, errors: [], slowestMillis: 0, acknowledged: new Map() })

const keys = Array.from({ length: 300 }, (_, n) => `counter:${n}`)

/** Each fiber does one command after the other: an increment, then three reads. */
const fiber = Effect.fnUntraced(function*(tally: Tally, start: number) {
  const clock = yield* Clock.Clock
  for (let n = start;; n++) {
    const key = keys[n % keys.length]
    const increments = n % 4 === 0
    const before = clock.currentTimeMillisUnsafe()
    yield* Effect.match(increments ? Effect.asVoid(Redis.incr(key)) : Effect.asVoid(Redis.get(key)), {
      onSuccess: () => {
        if (increments) tally.acknowledged.set(key, (tally.acknowledged.get(key) ?? 0) + 1)
      },
      onFailure: (error) => {
        tally.errors.push(error)
      }
    })
    tally.commands++
    tally.slowestMillis = Math.max(tally.slowestMillis, clock.currentTimeMillisUnsafe() - before)
  }
})

export const run = (tally: Tally, fibers: number): Effect.Effect<void, never, Redis.Redis> =>
  Effect.forEach(Array.from({ length: fibers }, (_, n) => n * 7), (start) => fiber(tally, start), {
    concurrency: "unbounded",
    discard: true
  })

/** Acknowledged increments that the cluster does not have. */
export const missing = Effect.fnUntraced(function*(tally: Tally) {
  let missing = 0
  for (const [key, count] of tally.acknowledged) missing += Math.max(0, count - Number(yield* Redis.get(key)))
  return missing
})
