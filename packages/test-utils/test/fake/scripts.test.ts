import { assert, describe, it } from "@effect/vitest"
import { Redis, Script } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const cluster = FakeCluster.FakeCluster
const withCluster = (options?: FakeCluster.LayerOptions) => Effect.provide(FakeCluster.layer(options))

const add = Script.make({
  lua: `return redis.call("INCRBY", KEYS[1], ARGV[1])`,
  params: (key: string, by: number) => ({ keys: [key], args: [by] }),
  result: Schema.Number
})

/** The names of what a node was sent to run the script. */
const ways = Effect.fnUntraced(function*(node: FakeCluster.NodeRef) {
  const journal = yield* (yield* cluster).journal(node)
  return journal.map(({ command }) => command[0]).filter((name) => name === "ASKING" || name.startsWith("EVAL"))
})

describe("a typed script", () => {
  it.effect("is sent in full once a node", () =>
    Effect.gen(function*() {
      const owner = yield* (yield* cluster).ownerOf((yield* cluster).slotOf("a"))
      for (let n = 1; n <= 3; n++) assert.strictEqual(yield* add("a", 1), n)
      assert.deepStrictEqual(yield* ways(owner), ["EVALSHA", "EVAL", "EVALSHA", "EVALSHA"])
    }).pipe(withCluster()))

  it.effect("is found again after SCRIPT FLUSH", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* add("a", 1), 1)
      assert.strictEqual(yield* Redis.scriptFlush(), "OK")
      assert.deepStrictEqual(yield* Redis.scriptExists([add.sha]), [false])
      assert.strictEqual(yield* add("a", 1), 2)
    }).pipe(withCluster()))

  it.effect("that was loaded is known to a replica that becomes primary", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      const owner = yield* fake.ownerOf(fake.slotOf("a"))
      const [replica] = yield* fake.replicasOf(owner)
      yield* Redis.scriptLoad(add.lua)
      yield* fake.failover(replica)
      assert.strictEqual(yield* add("a", 1), 1)
      assert.deepStrictEqual(yield* ways(replica), ["EVALSHA"])
    }).pipe(withCluster({ replicas: 1 })))

  it.effect("that was not goes in full to a replica that becomes primary", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      const owner = yield* fake.ownerOf(fake.slotOf("a"))
      const [replica] = yield* fake.replicasOf(owner)
      assert.strictEqual(yield* add("a", 1), 1)
      yield* fake.failover(replica)
      assert.strictEqual(yield* add("a", 1), 2)
      assert.deepStrictEqual(yield* ways(replica), ["EVALSHA", "EVAL"])
    }).pipe(withCluster({ replicas: 1 })))

  it.effect("goes in full, still behind ASKING, to the node that its slot moves to", () =>
    Effect.gen(function*() {
      const fake = yield* cluster
      const slot = fake.slotOf("a")
      const owner = yield* fake.ownerOf(slot)
      const target = (yield* fake.primaries).find(({ id }) => id !== owner.id)!
      assert.strictEqual(yield* add("a", 1), 1)
      yield* fake.beginMigration(slot, target)
      yield* fake.migrateKeys(slot, 1)
      assert.strictEqual(yield* add("a", 1), 2)
      assert.deepStrictEqual(yield* ways(target), ["ASKING", "EVALSHA", "ASKING", "EVAL"])
    }).pipe(withCluster()))
})

describe("libraries of functions", () => {
  it.effect("are flushed and restored on all primaries", () =>
    Effect.gen(function*() {
      const keys = Array.from({ length: 60 }, (_, n) => `key:${n}`)
      const one = Script.fn({ name: "one", params: (key: string) => ({ keys: [key] }), result: Schema.Number })
      const code = `#!lua name=numbers
        redis.register_function("one", function() return 1 end)`
      yield* Redis.functionLoad(code)
      const saved = yield* Redis.functionDump()
      assert.strictEqual(yield* Redis.functionFlush({ mode: "SYNC" }), "OK")
      assert.deepStrictEqual(yield* Redis.functionList(), [])
      for (const policy of [undefined, "REPLACE", "FLUSH"] as const) {
        assert.strictEqual(yield* Redis.functionRestore(saved, { policy }), "OK")
        assert.deepStrictEqual((yield* Redis.functionList({ withcode: true })).map((library) => library.code), [code])
      }
      assert.deepStrictEqual(yield* Redis.pipeline(keys.map((key) => one(key))), keys.map(() => 1))
    }).pipe(withCluster()))
})
