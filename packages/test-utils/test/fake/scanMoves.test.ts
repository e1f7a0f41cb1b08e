/**
 * Scans while slots move, nodes fail and programs stop, in a seeded order: no key may be missing that exists all the time. Environment
 * variables: `REDISC_SCAN_SEED` (1 by default) and `REDISC_SCAN_RUNS` (4 by default).
 */
import { assert, describe, it } from "@effect/vitest"
import { Redis, Scan, Slot } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { turn } from "./time.ts"

const seed = process.env["REDISC_SCAN_SEED"] ?? "1"
const runs = Number(process.env["REDISC_SCAN_RUNS"] ?? 4)

/** Some have slots of their own, others share one. */
const keys = Array.from({ length: 240 }, (_, n) => n < 200 ? `key:${n}` : `{tag:${n % 3}}:${n}`)
const slots = [...new Set(keys.map(Slot.fromKey))]

const pick = <A>(items: ReadonlyArray<A>): Effect.Effect<A> =>
  Effect.map(Random.nextIntBetween(0, items.length, { halfOpen: true }), (index) => items[index])

const targetsOf = (slot: number) =>
  Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    const owner = yield* fake.ownerOf(slot)
    return { owner, others: (yield* fake.primaries).filter(({ name }) => name !== owner.name) }
  })

/** What may happen: several turns of the event loop lie between its steps. */
const kinds = {
  move: Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    const slot = yield* pick(slots)
    yield* fake.migrateSlot(slot, yield* pick((yield* targetsOf(slot)).others))
  }),
  "many to one": Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    // Only the first slot that it takes raises its epoch.
    const [to] = yield* fake.primaries
    for (let n = 0; n < 10; n++) {
      const slot = yield* pick(slots)
      if ((yield* fake.ownerOf(slot)).name !== to.name) yield* fake.migrateSlot(slot, to)
      yield* turn
    }
  }),
  "away and back": Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    const slot = yield* pick(slots)
    const { others, owner } = yield* targetsOf(slot)
    yield* fake.migrateSlot(slot, yield* pick(others))
    for (let n = yield* Random.nextIntBetween(1, 6); n > 0; n--) yield* turn
    if ((yield* fake.primaries).some(({ name }) => name === owner.name)) yield* fake.migrateSlot(slot, owner)
  }),
  halfway: Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    const slot = yield* pick(slots)
    yield* fake.beginMigration(slot, yield* pick((yield* targetsOf(slot)).others))
    for (let n = 0; n < 3; n++) {
      yield* turn
      yield* fake.migrateKeys(slot, 1)
    }
    for (let n = yield* Random.nextIntBetween(0, 8); n > 0; n--) yield* turn
    yield* fake.finishMigration(slot)
  }),
  failover: Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    const [replica] = yield* fake.replicasOf(yield* pick(yield* fake.primaries))
    if (replica !== undefined) yield* fake.failover(replica)
  }),
  "loss of connections": Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    yield* fake.dropConnections(yield* pick(yield* fake.primaries))
  })
} as const

type Kind = keyof typeof kinds

const events = Object.keys(kinds) as ReadonlyArray<Kind>

/** Lets things happen between the turns of a fiber's work, at most so many, and time pass when there is nothing else. */
const under = Effect.fnUntraced(function*<A, E, R>(work: Effect.Effect<A, E, R>, budget: { left: number }) {
  const fake = yield* FakeCluster.FakeCluster
  const fiber = yield* Effect.forkChild(work, { startImmediately: true })
  const counter = { extra: 0 }
  while (fiber.pollUnsafe() === undefined) {
    yield* turn
    if (budget.left > 0 && (yield* Random.nextIntBetween(0, 3)) === 0) {
      budget.left--
      const kind = yield* pick(events)
      yield* Effect.catch(kinds[kind], (problem) => Effect.die(`${kind}: ${problem.message}`))
      const extra = `extra:${counter.extra++}`
      const owner = yield* fake.ownerOf(Slot.fromKey(extra))
      yield* Effect.ignore(fake.command(owner, "SET", [extra, "1"]))
    }
    yield* TestClock.adjust("5 millis")
  }
  return yield* Fiber.join(fiber)
})

const seedKeys = Effect.flatMap(
  FakeCluster.FakeCluster,
  (fake) => fake.seed(Object.fromEntries(keys.map((key) => [key, "1"])))
)

const missing = (found: ReadonlyArray<string>) => {
  const seen = new Set(found)
  return keys.filter((key) => !seen.has(key))
}

describe(`a scan while the cluster changes (seed ${seed})`, () => {
  it.effect.each(Array.from({ length: runs }, (_, run) => run))(
    "misses no key: run %i",
    (run) =>
      Effect.gen(function*() {
        yield* seedKeys
        const budget = { left: 40 }
        const found = yield* under(Stream.runCollect(Scan.keys({ count: 4, concurrency: 2 })), budget)
        assert.deepStrictEqual(missing(found), [])
      }).pipe(
        Random.withSeed(`scan ${seed} ${run}`),
        Effect.provide(FakeCluster.layer({ primaries: 3, replicas: 1, version: run % 2 === 0 ? "7.0" : "8.0" }))
      )
  )

  it.effect.each(Array.from({ length: runs }, (_, run) => run))(
    "misses no key when it stops and goes on: run %i",
    (run) =>
      Effect.gen(function*() {
        yield* seedKeys
        const budget = { left: 40 }
        const found: Array<string> = []
        let checkpoint: Scan.Checkpoint | undefined
        for (let isOver = false; !isOver;) {
          const most = yield* Random.nextIntBetween(1, 40)
          const pages = yield* under(
            Stream.runCollect(Stream.take(Scan.pages({ count: 4, concurrency: 3, checkpoint }), most)),
            budget
          )
          found.push(...pages.flatMap((page) => page.keys))
          checkpoint = JSON.parse(JSON.stringify(pages.at(-1)?.checkpoint ?? checkpoint))
          isOver = pages.length < most
          const restarted = (yield* Random.nextIntBetween(0, 5)) === 0
          if (restarted) yield* under(kinds["away and back"], budget)
        }
        assert.deepStrictEqual(missing(found), [])
      }).pipe(
        Random.withSeed(`stop ${seed} ${run}`),
        Effect.provide(FakeCluster.layer({ primaries: 3, replicas: 1, version: run % 2 === 0 ? "7.0" : "8.0" }))
      )
  )

  it.effect.each(Array.from({ length: 3 }, (_, run) => run))(
    "misses no key of a pattern and a type: run %i",
    (run) =>
      Effect.gen(function*() {
        yield* seedKeys
        yield* Redis.set("other", "1")
        const wanted = keys.filter((key) => key.startsWith("key:1"))
        const options = { match: "key:1*", type: "string", count: 4 }
        const found = yield* under(Stream.runCollect(Scan.keys(options)), { left: 40 })
        assert.deepStrictEqual([...new Set(found)].toSorted(), wanted.toSorted())
      }).pipe(
        Random.withSeed(`pattern ${seed} ${run}`),
        Effect.provide(FakeCluster.layer({ primaries: 3, replicas: 1 }))
      )
  )
})
