/**
 * Cases for commands on keys of any type.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Nodes from "@redisc/core/Nodes"
import * as Redis from "@redisc/core/Redis"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import assert from "node:assert/strict"
import { failure, freshKeys, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const keyOf = (name: string) => freshKeys(`keys:${name}`)

const past = new Date(1)
const future = new Date("2100-01-01T00:00:00.250Z")
const later = new Date("2200-01-01T00:00:00Z")

/**
 * @category suites
 * @since 0.1.0
 */
export const keys: ReadonlyArray<Case> = [
  test(
    "keys are counted, touched, deleted and unlinked",
    Effect.gen(function*() {
      const key = yield* keyOf("del")
      assert.equal(yield* Redis.exists([key("a")]), 0)
      assert.equal(yield* Redis.del([key("a")]), 0)
      yield* Redis.mset({ [key("a")]: "1", [key("b")]: "2", [key("c")]: "3" })
      assert.equal(yield* Redis.exists([key("a"), key("b"), key("missing"), key("a")]), 3)
      assert.equal(yield* Redis.touch([key("a"), key("missing")]), 1)
      assert.equal(yield* Redis.del([key("a"), key("b"), key("missing")]), 2)
      assert.equal(yield* Redis.unlink([key("c"), key("a")]), 1)
      assert.equal(yield* Redis.exists([key("a"), key("b"), key("c")]), 0)
    })
  ),
  test(
    "TYPE names what a key holds",
    Effect.gen(function*() {
      const key = yield* keyOf("type")
      assert.equal(yield* Redis.type(key("missing")), "none")
      yield* Redis.set(key("string"), "1")
      yield* Redis.command("RPUSH", [key("list"), "1"])
      yield* Redis.command("SADD", [key("set"), "1"])
      yield* Redis.command("ZADD", [key("zset"), "1", "a"])
      yield* Redis.command("HSET", [key("hash"), "f", "1"])
      yield* Redis.command("XADD", [key("stream"), "*", "f", "1"])
      for (const type of ["string", "list", "set", "zset", "hash", "stream"]) {
        assert.equal(yield* Redis.type(key(type)), type)
      }
    })
  ),
  test(
    "a key expires after a while, until it is made to persist",
    Effect.gen(function*() {
      const key = (yield* keyOf("expire"))("a")
      assert.equal(yield* Redis.expire(key, "100 seconds"), false)
      assert.equal(yield* Redis.ttl(key), -2)
      assert.equal(yield* Redis.pttl(key), -2)
      assert.equal(yield* Redis.persist(key), false)
      yield* Redis.set(key, "1")
      assert.equal(yield* Redis.ttl(key), -1)
      assert.equal(yield* Redis.pttl(key), -1)
      assert.equal(yield* Redis.persist(key), false)
      assert.equal(yield* Redis.expire(key, "100 seconds"), true)
      const seconds = yield* Redis.ttl(key)
      assert.ok(seconds > 90 && seconds <= 100)
      assert.equal(yield* Redis.pexpire(key, "200500 millis"), true)
      const millis = yield* Redis.pttl(key)
      assert.ok(millis > 190_000 && millis <= 200_500)
      assert.equal(yield* Redis.persist(key), true)
      assert.equal(yield* Redis.ttl(key), -1)
    })
  ),
  test(
    "a key expires at a point in time",
    Effect.gen(function*() {
      const key = (yield* keyOf("expireat"))("a")
      assert.equal(yield* Redis.expireat(key, future), false)
      assert.equal(yield* Redis.expiretime(key), -2)
      assert.equal(yield* Redis.pexpiretime(key), -2)
      yield* Redis.set(key, "1")
      assert.equal(yield* Redis.expiretime(key), -1)
      assert.equal(yield* Redis.pexpiretime(key), -1)
      assert.equal(yield* Redis.expireat(key, future), true)
      assert.equal(yield* Redis.pexpiretime(key), Math.ceil(future.getTime() / 1000) * 1000)
      assert.equal(yield* Redis.pexpireat(key, DateTime.makeUnsafe(future)), true)
      assert.equal(yield* Redis.pexpiretime(key), future.getTime())
    })
  ),
  test(
    "a point in time that has passed deletes the key",
    Effect.gen(function*() {
      const key = yield* keyOf("past")
      yield* Redis.mset({ [key("a")]: "1", [key("b")]: "2" })
      assert.equal(yield* Redis.expireat(key("a"), past), true)
      assert.equal(yield* Redis.pexpireat(key("b"), past), true)
      assert.equal(yield* Redis.exists([key("a"), key("b")]), 0)
    })
  ),
  test(
    "a time to live is set under a condition",
    Effect.gen(function*() {
      const key = (yield* keyOf("condition"))("a")
      yield* Redis.set(key, "1")
      assert.equal(yield* Redis.pexpireat(key, future, { xx: true }), false)
      assert.equal(yield* Redis.pexpireat(key, future, { gt: true }), false)
      assert.equal(yield* Redis.pexpireat(key, future, { xx: true, lt: true }), false)
      assert.equal(yield* Redis.pexpireat(key, future, { lt: true }), true)
      assert.equal(yield* Redis.pexpireat(key, later, { nx: true }), false)
      assert.equal(yield* Redis.pexpireat(key, later, { lt: true }), false)
      assert.equal(yield* Redis.pexpiretime(key), future.getTime())
      assert.equal(yield* Redis.pexpireat(key, later, { gt: true }), true)
      assert.equal(yield* Redis.expireat(key, future, { gt: true }), false)
      assert.equal(yield* Redis.pexpiretime(key), later.getTime())
      assert.equal(yield* Redis.expire(key, "100 seconds", { xx: true }), true)
      assert.equal(yield* Redis.pexpire(key, "50 seconds", { gt: true }), false)
      assert.ok((yield* Redis.ttl(key)) > 90)
      yield* Redis.persist(key)
      assert.equal(yield* Redis.expire(key, "100 seconds", { nx: true }), true)
    })
  ),
  test(
    "RENAME takes the time to live along and overwrites",
    Effect.gen(function*() {
      const key = yield* keyOf("rename")
      assert.equal(yield* failure(Redis.rename(key("missing"), key("b"))), "ERR")
      assert.equal(yield* failure(Redis.renamenx(key("missing"), key("b"))), "ERR")
      yield* Redis.set(key("a"), "1", { exat: future })
      yield* Redis.command("RPUSH", [key("b"), "x"])
      assert.equal(yield* Redis.renamenx(key("a"), key("b")), false)
      assert.equal(yield* Redis.rename(key("a"), key("b")), "OK")
      assert.equal(yield* Redis.get(key("b")), "1")
      assert.equal(yield* Redis.pexpiretime(key("b")), future.getTime())
      assert.equal(yield* Redis.exists([key("a")]), 0)
      assert.equal(yield* Redis.renamenx(key("b"), key("a")), true)
      assert.equal(yield* Redis.get(key("a")), "1")
      assert.equal(yield* Redis.rename(key("a"), key("a")), "OK")
      assert.equal(yield* Redis.renamenx(key("a"), key("a")), false)
    })
  ),
  test(
    "COPY leaves the source, and overwrites when told so",
    Effect.gen(function*() {
      const key = yield* keyOf("copy")
      assert.equal(yield* Redis.copy(key("missing"), key("b")), false)
      yield* Redis.set(key("a"), "1", { exat: future })
      assert.equal(yield* Redis.copy(key("a"), key("b")), true)
      assert.equal(yield* Redis.pexpiretime(key("b")), future.getTime())
      yield* Redis.set(key("a"), "2")
      assert.equal(yield* Redis.copy(key("a"), key("b")), false)
      assert.equal(yield* Redis.get(key("b")), "1")
      assert.equal(yield* Redis.copy(key("a"), key("b"), { replace: true }), true)
      assert.deepEqual(yield* Redis.mget([key("a"), key("b")]), ["2", "2"])
      assert.equal(yield* Redis.ttl(key("b")), -1)
      yield* Redis.command("RPUSH", [key("list"), "x"])
      assert.equal(yield* Redis.copy(key("list"), key("list2")), true)
      yield* Redis.command("RPUSH", [key("list2"), "y"])
      assert.deepEqual(yield* Redis.command("LRANGE", [key("list"), 0, -1]), ["x"])
    })
  ),
  test(
    "a dumped key is restored",
    Effect.gen(function*() {
      const key = yield* keyOf("dump")
      assert.equal(yield* Redis.dump(key("missing")), null)
      yield* Redis.set(key("a"), Uint8Array.from([0, 255, 128]), { exat: future })
      const saved = yield* Redis.dump(key("a"))
      assert.ok(saved instanceof Uint8Array)
      assert.equal(yield* Redis.restore(key("b"), saved), "OK")
      assert.deepEqual(yield* Command.bytes(Redis.get(key("b"))), Uint8Array.from([0, 255, 128]))
      assert.equal(yield* Redis.ttl(key("b")), -1)
      assert.equal(yield* failure(Redis.restore(key("b"), saved)), "BUSYKEY")
      assert.equal(
        yield* Redis.restore(key("b"), saved, { replace: true, ex: "100 seconds", idletime: "0 seconds" }),
        "OK"
      )
      assert.ok((yield* Redis.ttl(key("b"))) > 90)
      assert.equal(yield* Redis.restore(key("b"), saved, { replace: true, exat: future }), "OK")
      assert.equal(yield* Redis.pexpiretime(key("b")), future.getTime())
      const damaged = saved.slice()
      damaged[0] ^= 0xff
      assert.equal(yield* failure(Redis.restore(key("c"), damaged)), "ERR")
      yield* Redis.command("RPUSH", [key("list"), "x", "y"])
      const list = yield* Redis.dump(key("list"))
      assert.ok(list !== null)
      yield* Redis.restore(key("list2"), list)
      assert.deepEqual(yield* Redis.command("LRANGE", [key("list2"), 0, -1]), ["x", "y"])
    })
  ),
  test(
    "keys are found by pattern",
    Effect.gen(function*() {
      const key = yield* keyOf("pattern")
      yield* Redis.mset({ [key("one")]: "1", [key("two")]: "2", [key("twelve")]: "12", [key("[x]")]: "x" })
      const found = (pattern: string) => Effect.map(Redis.keys(key(pattern)), (keys) => Array.from(keys).sort())
      assert.deepEqual(yield* found("t*"), [key("twelve"), key("two")])
      assert.deepEqual(yield* found("t?o"), [key("two")])
      assert.deepEqual(yield* found("[no]*"), [key("one")])
      assert.deepEqual(yield* found("[^no]*e"), [key("twelve")])
      assert.deepEqual(yield* found("[o-t]*o"), [key("two")])
      assert.deepEqual(yield* found("\\[x\\]"), [key("[x]")])
      assert.deepEqual(yield* found("three"), [])
    })
  ),
  test(
    "what is made of the keys of all nodes is made of all of them, once",
    Effect.gen(function*() {
      const tag = (yield* keyOf("spread"))("").slice(1, -2)
      const names = Array.from({ length: 60 }, (_, i) => `${tag}:${i}`)
      yield* Effect.forEach(names, (name) => Redis.set(name, "1"), { concurrency: "unbounded" })
      const keys = Redis.keys(`${tag}:*`)
      let calls = 0
      const count = keys.pipe(Command.map((keys) => {
        calls++
        return keys.length
      }))
      assert.equal(yield* count, 60)
      assert.equal(calls, 1)
      const Sixty = Schema.Array(Schema.String).check(Schema.isMinLength(60))
      assert.deepEqual((yield* keys.pipe(Command.schema(Sixty))).toSorted(), names.toSorted())
      const bytes = yield* keys.pipe(Command.bytes, Command.option)
      assert.ok(Option.isSome(bytes) && bytes.value.length === 60 && bytes.value[0] instanceof Uint8Array)
      const [piped] = yield* Redis.pipeline([count, Redis.get(names[0])])
      assert.equal(piped, 60)
      const each = yield* Nodes.collect("primaries", count)
      const counts = Object.values(each).map(Result.getOrThrow)
      assert.equal(counts.reduce((sum, count) => sum + count), 60)
      assert.ok((yield* Redis.dbsize().pipe(Command.map((size) => -size))) <= -60)
    })
  ),
  test(
    "SCAN needs a node, and finds all keys on all of them",
    Effect.gen(function*() {
      const tag = (yield* keyOf("scan"))("").slice(1, -2)
      const names = Array.from({ length: 60 }, (_, i) => `${tag}:${i}`)
      yield* Effect.forEach(names, (name) => Redis.set(name, "1"), { concurrency: "unbounded" })
      const page = (cursor: string) => Redis.command("SCAN", [cursor, "MATCH", `${tag}:*`, "COUNT", 100])
      assert.equal(yield* failure(page("0")), "InvalidArgument")
      const scan = Effect.gen(function*() {
        const found: Array<string> = []
        let cursor = "0"
        do {
          const [next, keys] = (yield* page(cursor)) as readonly [string, ReadonlyArray<string>]
          found.push(...keys)
          cursor = next
        } while (cursor !== "0")
        return found
      })
      const found = Object.values(yield* Nodes.collect("primaries", scan)).flatMap(Result.getOrThrow)
      assert.deepEqual([...new Set(found)].toSorted(), names.toSorted())
    })
  ),
  test(
    "RANDOMKEY finds a key while there is one, whichever node has it",
    Effect.gen(function*() {
      const key = yield* keyOf("random")
      yield* Redis.set(key("a"), "1")
      for (const found of yield* Redis.pipeline(Array.from({ length: 50 }, () => Redis.randomkey()))) {
        assert.equal(typeof found, "string")
      }
    })
  ),
  test(
    "SORT sorts numbers and text, in part and either way",
    Effect.gen(function*() {
      const key = yield* keyOf("sort")
      assert.deepEqual(yield* Redis.sort(key("missing")), [])
      yield* Redis.command("RPUSH", [key("a"), "3", "10", "1", "-2.5"])
      assert.deepEqual(yield* Redis.sort(key("a")), ["-2.5", "1", "3", "10"])
      assert.deepEqual(yield* Redis.sort(key("a"), { order: "DESC" }), ["10", "3", "1", "-2.5"])
      assert.deepEqual(yield* Redis.sort(key("a"), { alpha: true }), ["-2.5", "1", "10", "3"])
      assert.deepEqual(yield* Redis.sort(key("a"), { limit: { offset: 1, count: 2 } }), ["1", "3"])
      assert.deepEqual(yield* Redis.sort(key("a"), { by: "nosort" }), ["3", "10", "1", "-2.5"])
      assert.deepEqual(yield* Redis.sortRo(key("a"), { order: "DESC", limit: { offset: 0, count: 1 } }), ["10"])
      yield* Redis.command("SADD", [key("set"), "b", "a"])
      assert.equal(yield* failure(Redis.sort(key("set"))), "ERR")
      assert.deepEqual(yield* Redis.sortRo(key("set"), { alpha: true }), ["a", "b"])
      yield* Redis.set(key("string"), "x")
      assert.equal(yield* failure(Redis.sort(key("string"))), "WRONGTYPE")
    })
  ),
  test(
    "SORT stores its result as a list",
    Effect.gen(function*() {
      const key = yield* keyOf("sort-store")
      yield* Redis.command("RPUSH", [key("a"), "2", "1"])
      yield* Redis.set(key("b"), "x")
      assert.equal(yield* Redis.sort(key("a"), { store: key("b") }), 2)
      assert.deepEqual(yield* Redis.command("LRANGE", [key("b"), 0, -1]), ["1", "2"])
      assert.equal(yield* Redis.sort(key("missing"), { store: key("b") }), 0)
      assert.equal(yield* Redis.exists([key("b")]), 0)
    })
  ),
  test(
    "OBJECT tells how a value is kept",
    Effect.gen(function*() {
      const key = yield* keyOf("object")
      assert.equal(yield* Redis.objectEncoding(key("missing")), null)
      assert.equal(yield* Redis.objectIdletime(key("missing")), null)
      assert.equal(yield* Redis.objectRefcount(key("missing")), null)
      assert.equal(yield* Redis.objectFreq(key("missing")), null)
      yield* Redis.mset({ [key("number")]: "123", [key("text")]: "abc" })
      assert.equal(yield* Redis.objectEncoding(key("number")), "int")
      assert.equal(yield* Redis.objectEncoding(key("text")), "embstr")
      assert.equal(yield* Redis.objectRefcount(key("text")), 1)
      assert.ok(((yield* Redis.objectIdletime(key("text"))) ?? -1) >= 0)
      assert.equal(yield* failure(Redis.objectFreq(key("text"))), "ERR")
    })
  ),
  test(
    "arguments that Redis would misread are refused before they are sent",
    Effect.gen(function*() {
      const key = (yield* keyOf("invalid"))("a")
      assert.equal(yield* failure(Redis.del([])), "InvalidArgument")
      assert.equal(yield* failure(Redis.expire(key, "0 seconds")), "InvalidArgument")
      assert.equal(yield* failure(Redis.pexpire(key, "Infinity")), "InvalidArgument")
      assert.equal(yield* failure(Redis.expireat(key, new Date(NaN))), "InvalidArgument")
      assert.equal(yield* failure(Redis.sort(key, { limit: { offset: 0.5, count: 1 } })), "InvalidArgument")
    })
  )
]
