/**
 * Numbers that are appended to lists at a fixed rate, whatever becomes of those before, and a ledger of what was told about each.
 * Several are under way for a list at any time. Whatever is lost, doubled or out of order shows.
 */
import { assert } from "@effect/vitest"
import { Redis, Slot } from "@redisc/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Acknowledgements from "./acknowledgements.ts"
import type { Includes, Waiter } from "./acknowledgements.ts"

export { awaitMore } from "./acknowledgements.ts"

interface List {
  readonly key: string
  readonly slot: number
  /** What was told about each number, by the number. */
  readonly told: Array<Told>
}

interface Told {
  /** Its place in the list, from 1, or why it has none; undefined until it is known. */
  outcome: number | Redis.RedisError | undefined
  /** How often the servers had been disturbed when it was begun. After the last time nothing excuses its loss. */
  readonly disturbances: number
  /** Whether replicas had it before the servers were disturbed. */
  replicated: boolean
  /** When it was known what became of it, in milliseconds since 1970. */
  endedAt: number
}

export interface Ledger {
  readonly lists: ReadonlyArray<List>
  readonly waiters: Array<Waiter>
  disturbances: number
  stopped: boolean
}

export const makeLedger = (prefix: string, lists: number): Ledger => ({
  lists: Array.from({ length: lists }, (_, n) => {
    const key = `${prefix}:${n}`
    return { key, slot: Slot.fromKey(key), told: [] }
  }),
  waiters: [],
  disturbances: 0,
  stopped: false
})

const append = (ledger: Ledger, { key, slot, told }: List, now: () => number) => {
  const number = told.length
  const entry: Told = { outcome: undefined, disturbances: ledger.disturbances, replicated: false, endedAt: 0 }
  told.push(entry)
  return Effect.map(
    Effect.match(Redis.rpush(key, [`${number}`]), { onSuccess: (place) => place, onFailure: (error) => error }),
    (outcome) => {
      entry.outcome = outcome
      entry.endedAt = now()
      if (typeof outcome !== "number") return
      Acknowledgements.count(ledger, slot)
    }
  )
}

const tick = 10

/** Appends to the lists by turns, so many a second in all, until the ledger is stopped and all that was told is known. */
export const run = Effect.fnUntraced(function*(ledger: Ledger, rate: number) {
  const clock = yield* Clock.Clock
  const fibers = yield* FiberSet.make<void>()
  const now = () => clock.currentTimeMillisUnsafe()
  const begun = now()
  for (let sent = 0; !ledger.stopped; yield* Effect.sleep(tick)) {
    for (const due = (now() - begun) * rate / 1000; sent < due; sent++) {
      const list = ledger.lists[sent % ledger.lists.length]
      yield* FiberSet.run(fibers, append(ledger, list, now), { startImmediately: true })
    }
  }
  yield* FiberSet.awaitEmpty(fibers)
}, Effect.scoped)

/** Notes what has been acknowledged on those slots, once so many replicas have confirmed that they have it. */
export const confirm = Effect.fnUntraced(function*(ledger: Ledger, includes: Includes, replicas = 1) {
  const { key } = ledger.lists.find(({ slot }) => includes(slot))!
  const acknowledged = ledger.lists.filter(({ slot }) => includes(slot)).flatMap(({ told }) =>
    told.filter(({ outcome }) => typeof outcome === "number")
  )
  const mark = Redis.set(`{${key}}:confirmed`, "yes")
  yield* Redis.ensureReplication(mark, { replicas, within: "30 seconds" })
  for (const entry of acknowledged) entry.replicated = true
  return acknowledged.length
})

/** How many have not been told yet what became of them. */
export const pending = (ledger: Ledger): number =>
  ledger.lists.reduce((sum, { told }) => sum + told.filter(({ outcome }) => outcome === undefined).length, 0)

export const errors = (ledger: Ledger) =>
  ledger.lists.flatMap(({ slot, told }) =>
    told.flatMap(({ outcome }) =>
      outcome === undefined || typeof outcome === "number" ? [] : [{ error: outcome, slot }]
    )
  )

const acknowledged = (ledger: Ledger): ReadonlyArray<number> =>
  ledger.lists.flatMap(({ told }) =>
    told.flatMap(({ endedAt, outcome }) => typeof outcome === "number" ? [endedAt] : [])
  ).sort((a, b) => a - b)

/** The first acknowledgement from a moment on. */
export const firstAfter = (ledger: Ledger, moment: number): number | undefined =>
  acknowledged(ledger).find((at) => at >= moment)

/** The longest time without an acknowledgement, in milliseconds. */
export const longestPause = (ledger: Ledger): number =>
  acknowledged(ledger).reduce(
    (longest, at, index, all) => index === 0 ? 0 : Math.max(longest, at - all[index - 1]),
    0
  )

/**
 * The numbers of each list ascend, so each is there once at the most and behind those that were appended before. An
 * acknowledged one is there, at its place; one that failed and was not `MaybeExecuted` is not. Answers how many acknowledged
 * ones are missing all the same: the last ones before a disturbance, which Redis acknowledges before a replica has them. They
 * follow each other: who goes to a successor, and then to the lost primary once more, loses what others do not.
 */
export const verify = Effect.fnUntraced(function*(ledger: Ledger, mayLose: Includes = () => false) {
  let missing = 0
  for (const { key, slot, told } of ledger.lists) {
    const list = (yield* Redis.lrange(key, 0, -1)).map(Number)
    list.forEach((number, index) => {
      const { outcome } = told[number] ?? {}
      const said = typeof outcome === "object" ? outcome.message : `${outcome}`
      if (index > 0) assert.isAbove(number, list[index - 1], `${key}: twice, or out of order; it was told ${said}`)
    })
    const there = new Set(list)
    const lost = told.flatMap(({ outcome }, number) => typeof outcome === "number" ? [!there.has(number)] : [])
    const runs = lost.filter((isLost, index) => isLost && lost[index - 1] !== true).length
    assert.isAtMost(runs, ledger.disturbances, `${key}: what is lost was acknowledged between what is not`)
    told.forEach(({ disturbances, outcome, replicated }, number) => {
      const isThere = there.delete(number)
      if (outcome === undefined) return assert.fail(`${key}: nobody was told what became of ${number}`)
      if (typeof outcome !== "number") {
        if (outcome.delivery !== "MaybeExecuted") {
          assert.isFalse(isThere, `${key}: ${number} is there, although ${outcome.message}`)
        }
      } else if (isThere) {
        assert.strictEqual(list[outcome - 1], number, `${key}: ${number} is not at its place`)
      } else {
        missing++
        const isExcused = mayLose(slot) && disturbances < ledger.disturbances && !replicated
        assert.isTrue(isExcused, `${key}: ${number} was acknowledged, and is lost`)
      }
    })
    assert.deepStrictEqual([...there], [], `${key}: numbers that nobody appended`)
  }
  return missing
})
