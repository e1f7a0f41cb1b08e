/** What becomes of reads from replicas while those, or their primaries, come and go. */
import { assert } from "@effect/vitest"
import type { Command } from "@redisc/core"
import { ReadFrom, Redis, RedisCluster } from "@redisc/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { keysOf, makeWatch, more, patience, readUntil, store, valueOf, whileReading } from "./Reads.ts"
import { layout, scenario, shard, Stage } from "./Stage.ts"

const servedBy = ({ primary, replicas }: Effect.Success<ReturnType<typeof shard>>) =>
  Effect.flatMap(Stage, ({ served }) => Effect.forEach([primary, ...replicas], served))

const stats = Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats)

export const scenarios = [
  scenario(
    "reads are answered by those who are to answer them, and writes by the primary",
    Effect.gen(function*() {
      const nodes = yield* shard(0)
      const keys = keysOf(nodes.primary, "who", 20)
      yield* store(keys)
      const write = Effect.forEach(keys, (key) => Redis.set(key, valueOf(key)))
      const read = Effect.forEach(keys, (key) => Redis.get(key))
      /** How many reads the primary and each replica have answered. */
      const share = Effect.fnUntraced(function*(from: ReadFrom.ReadFrom) {
        const before = yield* servedBy(nodes)
        yield* ReadFrom.provide(Effect.andThen(write, read), from)
        const after = yield* servedBy(nodes)
        return after.map((count, i) => count - before[i])
      })
      // Replicas have to tell first that they are fit.
      yield* share("preferReplica").pipe(Effect.repeat({ until: (counts) => counts.join() === "0,10,10" }))
      assert.deepStrictEqual(yield* share("primary"), [20, 0, 0])
      assert.deepStrictEqual(yield* share("preferReplica"), [0, 10, 10])
      assert.deepStrictEqual(yield* share("replica"), [0, 10, 10])
      assert.sameMembers([...yield* share("any")], [7, 7, 6])
      const nearest = yield* share("nearest")
      assert.strictEqual(nearest.reduce((sum, count) => sum + count), 20)
      assert.strictEqual((yield* stats).redirects, 0)
    })
  ),

  scenario(
    "whoever answers reads, the pages of a large hash, set and sorted set hold every element",
    Effect.gen(function*() {
      const nodes = yield* shard(0)
      const [hash, set, sortedSet, text] = keysOf(nodes.primary, "pages", 4)
      const elements = Array.from({ length: 5000 }, (_, i) => `element:${i}`)
      const fill = Effect.all([
        Redis.hset(hash, elements.map((field) => [field, "1"] as const)),
        Redis.sadd(set, elements),
        Redis.zadd(sortedSet, elements.map((member, score) => ({ member, score }))),
        Redis.set(text, "1")
      ])
      yield* fill.pipe(Redis.ensureReplication({ replicas: layout.replicas, within: "30 seconds" }))
      const before = yield* servedBy(nodes)
      // Replicas have to tell first that they are fit.
      yield* Effect.repeat(Effect.andThen(ReadFrom.provide(Redis.get(text), "preferReplica"), servedBy(nodes)), {
        until: (served) => served.every((count, i) => i === 0 || count > before[i])
      })
      const found = Effect.fnUntraced(function*(
        page: (cursor: string) => Command.Command<{ readonly cursor: string; readonly items: ReadonlyArray<unknown> }>
      ) {
        const items = new Set<string>()
        let cursor = "0"
        do {
          const next = yield* page(cursor)
          for (const item of next.items) items.add(JSON.stringify(item))
          cursor = next.cursor
        } while (cursor !== "0")
        return items.size
      })
      for (const from of ["preferReplica", "any", "nearest", "replica"] as const) {
        const all = Effect.all([
          found((cursor) => Redis.hscan(hash, cursor)),
          found((cursor) => Redis.sscan(set, cursor)),
          found((cursor) => Redis.zscan(sortedSet, cursor))
        ])
        assert.deepStrictEqual(yield* ReadFrom.provide(all, from), [5000, 5000, 5000], from)
      }
    })
  ),

  scenario(
    "no read fails when a replica is killed, nor when it comes back empty, and then it is read again",
    Effect.gen(function*() {
      const { kill, restart } = yield* Stage
      const { primary, replicas: [victim] } = yield* shard(0)
      const keys = keysOf(primary, "kill", 100)
      yield* store(keys)
      const { reads } = yield* whileReading(
        keys,
        ["preferReplica", "any", "nearest"],
        (reads) =>
          Effect.gen(function*() {
            yield* kill(victim)
            yield* more(reads, 5000)
            yield* restart(victim)
            yield* readUntil(reads, yield* makeWatch(victim))
          })
      )
      yield* Effect.log(`${reads.count} reads, the longest took ${reads.longest} ms`)
      assert.isAtMost(reads.longest, patience)
      // Nobody goes where nobody is: only what was on its way to the replica goes twice.
      assert.isAtMost((yield* stats).retries, 24)
    })
  ),

  scenario(
    "no read fails when a replica freezes: those that it has wait for the pings, the others for nothing",
    Effect.gen(function*() {
      const { pause, resume } = yield* Stage
      const { primary, replicas: [victim] } = yield* shard(1)
      const keys = keysOf(primary, "pause", 100)
      yield* store(keys)
      const { reads } = yield* whileReading(
        keys,
        ["preferReplica", "any", "replica"],
        (reads) =>
          Effect.gen(function*() {
            yield* pause(victim)
            // So many that every fiber has been to the frozen one and come back.
            yield* more(reads, 20_000)
            yield* resume(victim)
            yield* readUntil(reads, yield* makeWatch(victim))
          })
      )
      yield* Effect.log(`${reads.count} reads, the longest took ${reads.longest} ms`)
      assert.isAtMost(reads.longest, patience)
    }),
    { pingInterval: "500 millis" }
  ),

  scenario(
    "reads from replicas go on when their primary is killed, until one of them has taken its place and after",
    Effect.gen(function*() {
      const { awaitPromotion, kill, restart, waitUntilStable } = yield* Stage
      const { primary } = yield* shard(2)
      const keys = keysOf(primary, "promote", 100)
      yield* store(keys)
      const { reads } = yield* whileReading(
        keys,
        ["preferReplica", "any", "replica"],
        (reads) =>
          Effect.gen(function*() {
            yield* kill(primary)
            const before = reads.count
            const promoted = yield* awaitPromotion(primary)
            // Had they waited for that, none of them would have been answered.
            assert.isAbove(reads.count, before + 1000)
            yield* more(reads, 2000)
            yield* restart(primary)
            yield* waitUntilStable
            yield* readUntil(reads, yield* makeWatch(primary))
            assert.notStrictEqual(promoted.id, primary.id)
          })
      )
      yield* Effect.log(`${reads.count} reads, the longest took ${reads.longest} ms`)
    })
  ),

  scenario(
    "what is read from the primary is never older than what was written, through failovers that others read through",
    Effect.gen(function*() {
      const { failover } = yield* Stage
      const { primary, replicas: [replica] } = yield* shard(0)
      const keys = keysOf(primary, "failover", 100)
      yield* store(keys)
      const [counter] = keysOf(primary, "counter", 1)
      let stopped = false
      let increments = 0
      const writer = Effect.gen(function*() {
        const told = yield* Redis.incr(counter)
        increments++
        assert.strictEqual(Number(yield* ReadFrom.provide(Redis.get(counter), "primary")), told)
      }).pipe(Effect.repeat({ until: () => stopped }))
      const { reads } = yield* whileReading(keys, ["any", "replica"], (reads) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(ReadFrom.provide(writer, "replica"))
          for (const promoted of [replica, primary]) {
            yield* failover(promoted)
            const before = increments
            yield* readUntil(reads, Effect.sync(() => increments > before + 100))
          }
          stopped = true
          yield* Fiber.join(fiber)
        }))
      yield* Effect.log(`${reads.count} reads, the longest took ${reads.longest} ms; ${increments} increments`)
    })
  )
]
