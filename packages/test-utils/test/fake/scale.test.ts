import { assert, describe, it } from "@effect/vitest"
import { Redis, RedisCluster } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"

const primaries = 500
const names = Array.from({ length: 1200 }, (_, index) => `key:${index}`)

const writeAll = (round: string) =>
  Effect.forEach(names, (name) => Redis.set(name, `${name} ${round}`), { concurrency: 100, discard: true })

const readAll = Effect.fnUntraced(function*(round: string) {
  const values = yield* Effect.forEach(names, (name) => Redis.get(name), { concurrency: 100 })
  assert.deepStrictEqual(values, names.map((name) => `${name} ${round}`))
})

describe("a simulated cluster of a thousand nodes", () => {
  it.effect("starts, routes to every shard, and follows a migration and failovers", () =>
    Effect.gen(function*() {
      // Or the Clock warns that nobody uses it: the first commands take longer than it is patient.
      yield* TestClock.adjust("1 millis")
      const fake = yield* FakeCluster.FakeCluster
      const { topology } = yield* RedisCluster.RedisCluster
      const map = yield* topology.current
      assert.strictEqual(map.shards.length, primaries)
      assert.strictEqual(map.nodes.size, 2 * primaries)
      assert.strictEqual(map.assigned, 16384)

      yield* writeAll("first")
      yield* readAll("first")
      const owners = new Set<string>()
      for (const name of names) owners.add((yield* fake.ownerOf(fake.slotOf(name))).name)
      assert.isAbove(owners.size, primaries * 0.8)
      for (const owner of owners) assert.isNotEmpty(yield* fake.keys(owner))

      const [name] = names
      const slot = fake.slotOf(name)
      const from = yield* fake.ownerOf(slot)
      const to = from.name === "fake-499" ? "fake-0" : "fake-499"
      yield* fake.beginMigration(slot, to)
      yield* fake.migrateKeys(slot, 1)
      assert.strictEqual(yield* Redis.get(name), `${name} first`)
      yield* fake.finishMigration(slot)
      yield* writeAll("second")
      yield* readAll("second")
      assert.strictEqual((yield* fake.ownerOf(slot)).name, to)

      const [replica] = yield* fake.replicasOf(to)
      yield* fake.failover(replica)
      yield* readAll("second")
      assert.strictEqual((yield* fake.ownerOf(slot)).id, replica.id)

      const victim = yield* fake.ownerOf(fake.slotOf(names[1]))
      const [heir] = yield* fake.replicasOf(victim)
      yield* fake.kill(victim)
      const writing = yield* Effect.forkChild(writeAll("third"))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(writing)
      yield* readAll("third")
      assert.strictEqual((yield* fake.ownerOf(fake.slotOf(names[1]))).id, heir.id)
    }).pipe(Effect.provide(FakeCluster.layer({ primaries, replicas: 1, requireFullCoverage: false }))))
})
