/**
 * Fibers that increment keys without end, and a ledger of what they were told: the judge of every chaos test.
 */
import { assert } from "@effect/vitest"
import { Redis, Slot } from "@redisc/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Acknowledgements from "./acknowledgements.ts"
import type { Includes, Waiter } from "./acknowledgements.ts"

export { awaitMore } from "./acknowledgements.ts"

interface Told {
  readonly key: string
  readonly slot: number
  readonly startedAt: number
  readonly endedAt: number
  readonly outcome: number | Redis.RedisError
}

export interface Ledger {
  readonly keys: ReadonlyArray<string>
  readonly told: Array<Told>
  readonly waiters: Array<Waiter>
  stopped: boolean
}

export const makeLedger = (prefix: string, keys: number): Ledger => ({
  keys: Array.from({ length: keys }, (_, n) => `${prefix}:${n}`),
  told: [],
  waiters: [],
  stopped: false
})

const record = (ledger: Ledger, told: Told): void => {
  ledger.told.push(told)
  if (typeof told.outcome !== "number") return
  Acknowledgements.count(ledger, told.slot)
}

const increment = Effect.fnUntraced(function*(ledger: Ledger, key: string) {
  const clock = yield* Clock.Clock
  const startedAt = clock.currentTimeMillisUnsafe()
  const outcome = yield* Effect.catch(Redis.incr(key), (error) => Effect.succeed(error))
  record(ledger, { key, slot: Slot.fromKey(key), startedAt, endedAt: clock.currentTimeMillisUnsafe(), outcome })
})

/**
 * Runs until the ledger is stopped. Each fiber has the keys of a third of the slots, so that one shard's trouble does
 * not keep fibers from the others. They are not interrupted, since nobody would be told what became of the last ones.
 */
export const run = (ledger: Ledger, fibers: number): Effect.Effect<void, never, Redis.Redis> => {
  const third = (key: string): number => Math.floor(Slot.fromKey(key) * 3 / Slot.count)
  const one = Effect.fnUntraced(function*(index: number) {
    const keys = ledger.keys.filter((key) => third(key) === index % 3)
    for (let n = index * 9; !ledger.stopped; n++) yield* increment(ledger, keys[n % keys.length])
  })
  return Effect.forEach(Array.from({ length: fibers }, (_, index) => index), one, {
    concurrency: "unbounded",
    discard: true
  })
}

export const errors = (ledger: Ledger): ReadonlyArray<Told & { readonly outcome: Redis.RedisError }> =>
  ledger.told.filter((told): told is Told & { readonly outcome: Redis.RedisError } => typeof told.outcome !== "number")

/** The longest time that no increment of a set of slots was acknowledged, in milliseconds. */
export const longestPause = (ledger: Ledger, includes: Includes): number => {
  const times = ledger.told.filter(({ outcome, slot }) => typeof outcome === "number" && includes(slot)).map((
    { endedAt }
  ) => endedAt)
  return times.reduce((longest, time, index) => index === 0 ? 0 : Math.max(longest, time - times[index - 1]), 0)
}

/** The first acknowledgement after a moment, for a set of slots. */
export const firstAfter = (ledger: Ledger, moment: number, includes: Includes): number | undefined =>
  ledger.told.find(({ endedAt, outcome, slot }) => typeof outcome === "number" && endedAt >= moment && includes(slot))
    ?.endedAt

/**
 * Every acknowledged increment is there exactly once: no number was told twice for a key, and a key's value is its
 * acknowledged increments plus, at the most, those that may have been executed.
 */
export const verify = Effect.fnUntraced(function*(ledger: Ledger) {
  for (const key of ledger.keys) {
    const outcomes = ledger.told.filter((told) => told.key === key).map(({ outcome }) => outcome)
    const numbers = outcomes.filter((outcome) => typeof outcome === "number")
    const maybe = outcomes.filter((outcome) => typeof outcome !== "number" && outcome.delivery === "MaybeExecuted")
    assert.strictEqual(new Set(numbers).size, numbers.length, `${key} was told a number twice`)
    const value = Number(yield* Redis.get(key))
    assert.isAtLeast(value, numbers.length, `${key} lost an acknowledged increment`)
    assert.isAtMost(value, numbers.length + maybe.length, `${key} was incremented more often than asked`)
  }
})
