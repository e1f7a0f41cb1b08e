/** Commands about the whole cluster, also while its primaries are replaced. */
import { assert } from "@effect/vitest"
import { Redis, Slot } from "@redisc/core"
import type { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Cluster, homeOf, scenario, withClient } from "./Cluster.ts"

const rounds = [1, 2, 3]

const thirty = Array.from({ length: 30 }, (_, n) => `everywhere:${n}`)

const named = (tag: string, count: number) => Array.from({ length: count }, (_, n) => [`${tag}:${n}`, "1"] as const)

const serves = ({ slots }: RealCluster.NodeState, slot: number) =>
  slots.some(([start, end]) => start <= slot && slot <= end)

/** Replaces a primary by its replica, as planned: of another shard each time. */
const replace = (round: number) =>
  Effect.gen(function*() {
    const { failover, primaries, replicasOf } = yield* Cluster
    const all = [...yield* primaries].sort((a, b) => a.slots[0][0] - b.slots[0][0])
    const [replica] = yield* replicasOf(all[round % all.length])
    yield* failover(replica)
  })

const drawn = (count: number) =>
  Effect.map(
    Redis.pipeline(Array.from({ length: count }, () => Redis.randomkey())),
    (keys) => (is: (key: string | null) => boolean) => keys.filter(is).length
  )

export const everywhere = [
  scenario(
    "a random key is never nil while there is one, and comes the more often from a node, the more keys that has",
    Effect.gen(function*() {
      const { flushAll } = yield* Cluster
      yield* flushAll
      yield* Redis.set("everywhere:only", "1")
      assert.strictEqual((yield* drawn(1000))((key) => key === "everywhere:only"), 1000)
      yield* flushAll
      const few = yield* homeOf("{few}")
      const tags = Array.from({ length: 50 }, (_, n) => `{many:${n}}`)
      const many = tags.find((tag) => !serves(few.owner, Slot.fromKey(tag))) ?? assert.fail("one node serves them all")
      yield* Redis.mset(Object.fromEntries(named("{few}", 10)))
      yield* Redis.mset(Object.fromEntries(named(many, 90)))
      const count = yield* drawn(300)
      assert.strictEqual(count((key) => key === null), 0)
      const fromMany = count((key) => key?.startsWith(many) === true)
      assert.isTrue(fromMany > 230 && fromMany < 295, `${fromMany} of 300`)
    }).pipe(withClient())
  ),
  scenario(
    "FLUSHALL in the middle of a failover is done everywhere",
    Effect.gen(function*() {
      const { waitUntilStable } = yield* Cluster
      for (const round of rounds) {
        yield* Effect.forEach(thirty, (key) => Redis.set(key, "1"), {
          concurrency: "unbounded"
        })
        const failing = yield* Effect.forkChild(replace(round), { startImmediately: true })
        const stop = { now: false }
        const flushing = Effect.repeat(Redis.flushall(), { until: () => stop.now })
        const flusher = yield* Effect.forkChild(flushing, { startImmediately: true })
        yield* Fiber.join(failing)
        stop.now = true
        yield* Fiber.join(flusher)
        yield* waitUntilStable
        assert.strictEqual(yield* Redis.dbsize(), 0)
      }
    }).pipe(withClient())
  ),
  scenario(
    "DBSIZE counts each key once, whoever is primary",
    Effect.gen(function*() {
      const { flushAll, waitUntilStable } = yield* Cluster
      yield* flushAll
      yield* Effect.forEach(thirty, (key) => Redis.set(key, "1"), {
        concurrency: "unbounded"
      })
      const stop = { now: false }
      const sizes = new Set<number>()
      const counting = Effect.map(Redis.dbsize(), (size): void => void sizes.add(size))
      // Its redirects correct the map, slot by slot, before it is learnt anew.
      const using = Effect.forEach(thirty, (key) => Redis.expire(key, "1 hour"), { discard: true })
      const busy = yield* Effect.forEach(
        [counting, using],
        (work) => Effect.forkChild(Effect.repeat(work, { until: () => stop.now }), { startImmediately: true })
      )
      for (const round of rounds) {
        yield* replace(round)
        yield* waitUntilStable
      }
      stop.now = true
      yield* Effect.forEach(busy, Fiber.join)
      assert.deepStrictEqual([...sizes], [30])
    }).pipe(withClient())
  )
]
