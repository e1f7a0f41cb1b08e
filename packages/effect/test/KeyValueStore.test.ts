import { assert } from "@effect/vitest"
import * as Redis from "@redisc/core/Redis"
import { isRedisError } from "@redisc/core/RedisError"
import { KeyValueStore } from "@redisc/effect"
import * as Effect from "effect/Effect"
import * as Store from "effect/persistence/KeyValueStore"
import { onClusters } from "./support/clusters.ts"

const bytes = (...values: ReadonlyArray<number>) => Uint8Array.from(values)

onClusters("a key-value store", KeyValueStore.layer({ prefix: "settings:" }), (it) => {
  it.effect("sets, gets and removes text, and counts and lists what it has", () =>
    Effect.gen(function*() {
      const store = yield* Store.KeyValueStore
      assert.isTrue(yield* store.isEmpty)
      yield* store.set("name", "Ada \u{1F600}")
      yield* store.set("other", "x")
      yield* Redis.set("outside", "x")
      assert.strictEqual(yield* store.get("name"), "Ada \u{1F600}")
      assert.isUndefined(yield* store.get("none"))
      assert.isTrue(yield* store.has("name"))
      assert.isFalse(yield* store.has("none"))
      assert.strictEqual(yield* store.size, 2)
      assert.sameMembers([...yield* store.keys], ["name", "other"])
      yield* store.remove("name")
      yield* store.remove("name")
      assert.isUndefined(yield* store.get("name"))
      yield* store.clear
      assert.strictEqual(yield* store.size, 0)
      assert.strictEqual(yield* Redis.get("outside"), "x")
    }))

  it.effect("keeps bytes as they are, and does not take text for something encoded", () =>
    Effect.gen(function*() {
      const store = yield* Store.KeyValueStore
      yield* store.set("bytes", bytes(0, 255, 10, 13, 128))
      assert.deepStrictEqual(yield* store.getUint8Array("bytes"), bytes(0, 255, 10, 13, 128))
      yield* store.set("text", "SGVsbG8=")
      assert.strictEqual(yield* store.get("text"), "SGVsbG8=")
      assert.deepStrictEqual(yield* store.getUint8Array("text"), new TextEncoder().encode("SGVsbG8="))
      assert.isUndefined(yield* store.getUint8Array("none"))
      yield* store.clear
    }))

  it.effect("loses no modification when many are made at once", () =>
    Effect.gen(function*() {
      const store = yield* Store.KeyValueStore
      assert.isUndefined(yield* store.modify("counter", (text) => `${text}!`))
      assert.isFalse(yield* store.has("counter"))
      yield* store.set("counter", "0")
      const add = store.modify("counter", (text) => `${Number(text) + 1}`)
      yield* Effect.all(Array.from({ length: 20 }, () => add), { concurrency: "unbounded" })
      assert.strictEqual(yield* store.get("counter"), "20")
      yield* store.set("bytes", bytes(1, 200))
      assert.deepStrictEqual(
        yield* store.modifyUint8Array("bytes", (value) => bytes(...value, 255)),
        bytes(1, 200, 255)
      )
      yield* Redis.expire("settings:counter", "1 hour")
      yield* add
      assert.isAbove(yield* Redis.pttl("settings:counter"), 0)
      yield* store.clear
    }))

  it.effect("clears what begins with a prefix, and shows a part of itself under one", () =>
    Effect.gen(function*() {
      const store = yield* Store.KeyValueStore
      for (let i = 0; i < 20; i++) yield* store.set(`a*:${i}`, "x")
      yield* store.set("ab:1", "x")
      const part = Store.prefix(store, "a*:")
      assert.strictEqual(yield* part.size, 20)
      assert.include(yield* part.keys, "7")
      yield* part.clear
      assert.deepStrictEqual(yield* store.keys, ["ab:1"])
      yield* store.clear
    }))

  it.effect("fails with redisc's error as the cause, naming the method and the key", () =>
    Effect.gen(function*() {
      const store = yield* Store.KeyValueStore
      yield* Redis.lpush("settings:list", ["x"])
      const error = yield* Effect.flip(store.get("list"))
      assert.deepStrictEqual([error.method, error.key], ["get", "list"])
      assert.isTrue(isRedisError(error.cause))
      yield* store.clear
    }))

  it.effect("refuses options that are wrong", () =>
    Effect.gen(function*() {
      const refused = (options: object) =>
        Effect.map(Effect.flip(KeyValueStore.make(options)), ({ reason }) => reason._tag)
      assert.strictEqual(yield* refused({ prefix: "{a}:" }), "InvalidArgument")
      assert.strictEqual(yield* refused({ prefix: 1 }), "InvalidArgument")
      assert.strictEqual(yield* refused({ prefx: "a" }), "InvalidArgument")
    }))
})
