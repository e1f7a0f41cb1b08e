/**
 * Cases for hashes, without the commands of Redis 7.4 and later for the time to live of single fields.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import assert from "node:assert/strict"
import { failure, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const keyOf = (name: string) => (suffix: string) => `{hashes:${name}}:${suffix}`

const sorted = (fields: ReadonlyArray<string>) => [...fields].sort()

/** All items of a scan over all its pages, by field. */
const scanAll = Effect.fnUntraced(
  function*(key: string, options: { readonly match?: string; readonly count?: number }) {
    const items = new Map<string, string>()
    let cursor: string = "0"
    do {
      const page: { readonly cursor: string; readonly items: ReadonlyArray<Redis.FieldValue> } = yield* Redis.hscan(
        key,
        cursor,
        options
      )
      for (const { field, value } of page.items) items.set(field, value)
      cursor = page.cursor
    } while (cursor !== "0")
    return items
  }
)

/**
 * @category suites
 * @since 0.1.0
 */
export const hashes: ReadonlyArray<Case> = [
  test(
    "fields are set, read and removed",
    Effect.gen(function*() {
      const hash = keyOf("fields")("hash")
      assert.equal(yield* Redis.hset(hash, { name: "ada", city: "London" }), 2)
      assert.equal(yield* Redis.hset(hash, [["city", "Paris"], ["born", "1815"]]), 1)
      assert.equal(yield* Redis.hget(hash, "city"), "Paris")
      assert.equal(yield* Redis.hget(hash, "nothing"), null)
      assert.deepEqual(yield* Redis.hmget(hash, ["born", "nothing", "name"]), ["1815", null, "ada"])
      assert.deepEqual({ ...(yield* Redis.hgetall(hash)) }, { name: "ada", city: "Paris", born: "1815" })
      assert.deepEqual(sorted(yield* Redis.hkeys(hash)), ["born", "city", "name"])
      assert.deepEqual(sorted(yield* Redis.hvals(hash)), ["1815", "Paris", "ada"])
      assert.equal(yield* Redis.hlen(hash), 3)
      assert.equal(yield* Redis.hexists(hash, "name"), true)
      assert.equal(yield* Redis.hexists(hash, "nothing"), false)
      assert.equal(yield* Redis.hstrlen(hash, "city"), 5)
      assert.equal(yield* Redis.hdel(hash, ["name", "nothing", "name"]), 1)
      assert.equal(yield* Redis.hdel(hash, ["city", "born"]), 2)
      assert.equal(yield* Redis.command("EXISTS", [hash]), 0)
    })
  ),
  test(
    "a missing key is an empty hash",
    Effect.gen(function*() {
      const none = keyOf("missing")("none")
      assert.equal(yield* Redis.hget(none, "a"), null)
      assert.deepEqual({ ...(yield* Redis.hgetall(none)) }, {})
      assert.deepEqual(yield* Redis.hmget(none, ["a", "b"]), [null, null])
      assert.deepEqual(yield* Redis.hkeys(none), [])
      assert.deepEqual(yield* Redis.hvals(none), [])
      assert.equal(yield* Redis.hlen(none), 0)
      assert.equal(yield* Redis.hexists(none, "a"), false)
      assert.equal(yield* Redis.hstrlen(none, "a"), 0)
      assert.equal(yield* Redis.hdel(none, ["a"]), 0)
      assert.equal(yield* Redis.hrandfield(none), null)
      assert.deepEqual(yield* Redis.hrandfield(none, { count: 2 }), [])
      assert.deepEqual(yield* Redis.hrandfield(none, { count: 2, withvalues: true }), [])
      assert.deepEqual(yield* Redis.hscan(none, "0"), { cursor: "0", items: [] })
    })
  ),
  test(
    "fields and values are bytes",
    Effect.gen(function*() {
      const hash = keyOf("bytes")("hash")
      const field = Uint8Array.of(255, 0, 13, 10)
      const value = Uint8Array.of(0, 254)
      assert.equal(yield* Redis.hset(hash, [[field, value]]), 1)
      assert.deepEqual(yield* Command.bytes(Redis.hget(hash, field)), value)
      assert.deepEqual(yield* Command.bytes(Redis.hkeys(hash)), [field])
      assert.deepEqual(yield* Command.bytes(Redis.hvals(hash)), [value])
      assert.deepEqual((yield* Command.bytes(Redis.hscan(hash, "0"))).items, [{ field, value }])
      assert.equal(yield* Redis.hset(hash, { "": "" }), 1)
      assert.equal(yield* Redis.hget(hash, ""), "")
      assert.equal(yield* Redis.hdel(hash, [field]), 1)
      assert.equal(yield* Redis.hset(hash, { "ü": "é" }), 1)
      assert.deepEqual({ ...(yield* Command.bytes(Redis.hgetall(hash))) }, {
        "": new Uint8Array(0),
        "ü": new TextEncoder().encode("é")
      })
    })
  ),
  test(
    "a schema names the fields of a hash, and tells which of them does not fit",
    Effect.gen(function*() {
      const hash = keyOf("schema")("hash")
      const User = Schema.Struct({ name: Schema.String, age: Schema.FiniteFromString })
      yield* Redis.hset(hash, { name: "ada", age: "36", city: "London" })
      const user = Redis.hgetall(hash).pipe(Command.schema(User))
      assert.deepEqual(yield* user, { name: "ada", age: 36 })
      yield* Redis.hset(hash, { age: "s3cret" })
      const { delivery, message } = yield* Effect.flip(user)
      assert.equal(delivery, "Executed")
      assert.ok(
        message.includes(`at ["age"], expected a finite number, received NaN; the command was executed`),
        message
      )
      assert.ok(!message.includes("s3cret"), message)
    })
  ),
  test(
    "a field may have any name",
    Effect.gen(function*() {
      const hash = keyOf("names")("hash")
      yield* Redis.hset(hash, [["__proto__", "1"], ["constructor", "2"]])
      const all = yield* Redis.hgetall(hash)
      assert.deepEqual(sorted(Object.keys(all)), ["__proto__", "constructor"])
      assert.equal(all["__proto__"], "1")
    })
  ),
  test(
    "a field is set once with HSETNX, and HMSET says OK",
    Effect.gen(function*() {
      const hash = keyOf("setnx")("hash")
      assert.equal(yield* Redis.hsetnx(hash, "a", "1"), true)
      assert.equal(yield* Redis.hsetnx(hash, "a", "2"), false)
      assert.equal(yield* Redis.hget(hash, "a"), "1")
      assert.equal(yield* Redis.hmset(hash, { a: "3", b: "4" }), "OK")
      assert.deepEqual(yield* Redis.hmget(hash, ["a", "b"]), ["3", "4"])
    })
  ),
  test(
    "fields count",
    Effect.gen(function*() {
      const hash = keyOf("counters")("hash")
      assert.equal(yield* Redis.hincrby(hash, "n", 5), 5)
      assert.equal(yield* Redis.hincrby(hash, "n", -7), -2)
      assert.equal(yield* Redis.hget(hash, "n"), "-2")
      assert.equal(yield* Redis.hincrbyfloat(hash, "x", 10.5), 10.5)
      assert.equal(yield* Redis.hincrbyfloat(hash, "x", 0.1), 10.6)
      assert.equal(yield* Redis.hget(hash, "x"), "10.6")
      assert.equal(yield* Redis.hincrbyfloat(hash, "x", -5.6), 5)
      assert.equal(yield* Redis.hget(hash, "x"), "5")
      assert.equal(yield* Redis.hincrbyfloat(hash, "x", 5e3), 5005)
      yield* Redis.hset(hash, { text: "x", big: "9223372036854775807", spaced: " 1" })
      assert.equal(yield* failure(Redis.hincrby(hash, "text", 1)), "ERR")
      assert.equal(yield* failure(Redis.hincrby(hash, "spaced", 1)), "ERR")
      assert.equal(yield* failure(Redis.hincrby(hash, "big", 1)), "ERR")
      assert.equal(yield* failure(Redis.hincrbyfloat(hash, "text", 1)), "ERR")
      assert.equal(yield* failure(Redis.hincrby(hash, "big", -1)), "DecodeFailed")
      assert.equal(yield* Redis.hget(hash, "big"), "9223372036854775806")
    })
  ),
  test(
    "random fields are fields",
    Effect.gen(function*() {
      const hash = keyOf("random")("hash")
      const all: Record<string, string> = { a: "1", b: "2", c: "3" }
      yield* Redis.hset(hash, all)
      assert.ok(((yield* Redis.hrandfield(hash)) ?? "") in all)
      assert.deepEqual(yield* Redis.hrandfield(hash, { count: 0 }), [])
      assert.equal(new Set(yield* Redis.hrandfield(hash, { count: 2 })).size, 2)
      assert.deepEqual(sorted(yield* Redis.hrandfield(hash, { count: 9 })), ["a", "b", "c"])
      assert.equal((yield* Redis.hrandfield(hash, { count: -9 })).length, 9)
      const pairs = yield* Redis.hrandfield(hash, { count: -9, withvalues: true })
      assert.equal(pairs.length, 9)
      assert.ok(pairs.every(({ field, value }) => all[field] === value))
      assert.deepEqual(
        Object.fromEntries((yield* Redis.hrandfield(hash, { count: 9, withvalues: true })).map((
          { field, value }
        ) => [field, value])),
        all
      )
    })
  ),
  test(
    "a scan comes by all fields",
    Effect.gen(function*() {
      const hash = keyOf("scan")("hash")
      const all = Array.from({ length: 1000 }, (_, index) => [`field:${index}`, `${index}`] as const)
      yield* Redis.hset(hash, all)
      const first = yield* Redis.hscan(hash, "0")
      assert.ok(first.items.length < all.length)
      assert.notEqual(first.cursor, "0")
      const found = yield* scanAll(hash, {})
      assert.equal(found.size, all.length)
      assert.ok(all.every(([field, value]) => found.get(field) === value))
      assert.deepEqual(sorted([...(yield* scanAll(hash, { match: "field:99?", count: 100 })).keys()]), [
        "field:990",
        "field:991",
        "field:992",
        "field:993",
        "field:994",
        "field:995",
        "field:996",
        "field:997",
        "field:998",
        "field:999"
      ])
    })
  ),
  test(
    "commands on hashes refuse other types",
    Effect.gen(function*() {
      const text = keyOf("types")("text")
      yield* Redis.command("SET", [text, "x"])
      assert.equal(yield* failure(Redis.hdel(text, ["a"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hexists(text, "a")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hget(text, "a")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hgetall(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hincrby(text, "a", 1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hincrbyfloat(text, "a", 1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hkeys(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hlen(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hmget(text, ["a"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hmset(text, { a: "1" })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hrandfield(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hscan(text, "0")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hset(text, { a: "1" })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hsetnx(text, "a", "1")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hstrlen(text, "a")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.hvals(text)), "WRONGTYPE")
    })
  ),
  test(
    "arguments that make no sense are refused before they are sent",
    Effect.gen(function*() {
      const hash = keyOf("invalid")("hash")
      assert.equal(yield* failure(Redis.hset(hash, {})), "InvalidArgument")
      assert.equal(yield* failure(Redis.hincrby(hash, "a", 0.5)), "InvalidArgument")
    })
  )
]
