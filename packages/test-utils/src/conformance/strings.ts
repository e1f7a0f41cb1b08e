/**
 * Cases for strings.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { failure, freshKeys, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const keyOf = (name: string) => freshKeys(`strings:${name}`)

const bytesOf = (...bytes: Array<number>) => Uint8Array.from(bytes)

/**
 * @category suites
 * @since 0.1.0
 */
export const strings: ReadonlyArray<Case> = [
  test(
    "numbers are sent as Redis reads them",
    Effect.gen(function*() {
      const key = (yield* keyOf("numbers"))("n")
      const asFloat = (number: number | bigint) =>
        Effect.andThen(Redis.del([key]), Redis.command("INCRBYFLOAT", [key, number]))
      assert.equal(Number(yield* asFloat(0.1)), 0.1)
      assert.equal(Number(yield* asFloat(1e-7)), 1e-7)
      assert.equal(Number(yield* asFloat(1e21)), 1e21)
      assert.equal(Number(yield* asFloat(-0)), 0)
      assert.equal(yield* asFloat(2n ** 60n), `${2n ** 60n}`)
      assert.equal(yield* failure(asFloat(Infinity)), "ERR")
      assert.equal(yield* failure(asFloat(NaN)), "InvalidArgument")
      yield* Redis.del([key])
      assert.equal(yield* Redis.command("ZADD", [key, Infinity, "a", -Infinity, "b", -0, "c"]), 3)
      assert.deepEqual(yield* Redis.zmscore(key, ["a", "b"]), [Infinity, -Infinity])
      assert.equal(yield* failure(Redis.command("ZADD", [key, NaN, "a"])), "InvalidArgument")
      yield* Redis.del([key])
    })
  ),
  test(
    "a value comes back as it was set, text and bytes",
    Effect.gen(function*() {
      const key = yield* keyOf("get")
      assert.equal(yield* Redis.get(key("missing")), null)
      assert.equal(yield* Redis.set(key("text"), "grüße 👋"), "OK")
      assert.equal(yield* Redis.get(key("text")), "grüße 👋")
      assert.equal(yield* Redis.set(key("empty"), ""), "OK")
      assert.equal(yield* Redis.get(key("empty")), "")
      const all = Uint8Array.from({ length: 256 }, (_, index) => index)
      yield* Redis.set(key("bytes"), all)
      assert.deepEqual(yield* Command.bytes(Redis.get(key("bytes"))), all)
      yield* Redis.set(key("lines"), "a\r\nb\r\n$3\r\n")
      assert.equal(yield* Redis.get(key("lines")), "a\r\nb\r\n$3\r\n")
    })
  ),
  test(
    "commands on strings refuse other types",
    Effect.gen(function*() {
      const key = yield* keyOf("types")
      const list = key("list")
      yield* Redis.command("RPUSH", [list, "a"])
      assert.equal(yield* failure(Redis.get(list)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.getdel(list)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.getex(list)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.getset(list, "x")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.getrange(list, 0, -1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.setrange(list, 0, "x")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.append(list, "x")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.strlen(list)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.incr(list)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.incrbyfloat(list, 1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.set(list, "x", { get: true })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.lcs(list, key("missing"))), "ERR")
      assert.deepEqual(yield* Redis.mget([list]), [null])
      assert.equal(yield* Redis.set(list, "x"), "OK")
      assert.equal(yield* Redis.get(list), "x")
    })
  ),
  test(
    "SET with NX or XX sets under a condition",
    Effect.gen(function*() {
      const key = (yield* keyOf("condition"))("a")
      assert.equal(yield* Redis.set(key, "1", { xx: true }), null)
      assert.equal(yield* Redis.set(key, "2", { nx: true }), "OK")
      assert.equal(yield* Redis.set(key, "3", { nx: true }), null)
      assert.equal(yield* Redis.get(key), "2")
      assert.equal(yield* Redis.set(key, "4", { xx: true }), "OK")
      assert.equal(yield* Redis.get(key), "4")
    })
  ),
  test(
    "SET with GET replies the value before",
    Effect.gen(function*() {
      const key = (yield* keyOf("before"))("a")
      assert.equal(yield* Redis.set(key, "0", { get: true, xx: true }), null)
      assert.equal(yield* Redis.get(key), null)
      assert.equal(yield* Redis.set(key, "1", { get: true }), null)
      assert.equal(yield* Redis.set(key, "2", { get: true }), "1")
      assert.equal(yield* Redis.set(key, "3", { get: true, nx: true }), "2")
      assert.equal(yield* Redis.get(key), "2")
      assert.equal(yield* Redis.getset(key, "4"), "2")
      assert.equal(yield* Redis.get(key), "4")
    })
  ),
  test(
    "SET gives, keeps and takes away a time to live",
    Effect.gen(function*() {
      const key = (yield* keyOf("ttl"))("a")
      yield* Redis.set(key, "1", { ex: "100 seconds" })
      const seconds = yield* Redis.ttl(key)
      assert.ok(seconds > 90 && seconds <= 100)
      yield* Redis.set(key, "2", { keepttl: true })
      assert.ok((yield* Redis.ttl(key)) > 90)
      yield* Redis.set(key, "3")
      assert.equal(yield* Redis.ttl(key), -1)
      yield* Redis.set(key, "4", { ex: "100500 millis" })
      const millis = yield* Redis.pttl(key)
      assert.ok(millis > 90_000 && millis <= 100_500)
      yield* Redis.set(key, "5", { exat: new Date("2100-01-01T00:00:00Z") })
      assert.equal(yield* Redis.pexpiretime(key), Date.parse("2100-01-01T00:00:00Z"))
      yield* Redis.set(key, "6", { exat: new Date("2100-01-01T00:00:00.250Z") })
      assert.equal(yield* Redis.pexpiretime(key), Date.parse("2100-01-01T00:00:00.250Z"))
      assert.equal(yield* Redis.setex(key, "200 seconds", "7"), "OK")
      assert.ok((yield* Redis.ttl(key)) > 190)
      assert.equal(yield* Redis.psetex(key, "300 seconds", "8"), "OK")
      assert.ok((yield* Redis.ttl(key)) > 290)
      yield* Redis.getset(key, "9")
      assert.equal(yield* Redis.ttl(key), -1)
    })
  ),
  test(
    "SETNX sets only what is missing",
    Effect.gen(function*() {
      const key = (yield* keyOf("setnx"))("a")
      assert.equal(yield* Redis.setnx(key, "1"), true)
      assert.equal(yield* Redis.setnx(key, "2"), false)
      assert.equal(yield* Redis.get(key), "1")
    })
  ),
  test(
    "GETDEL replies a value once",
    Effect.gen(function*() {
      const key = (yield* keyOf("getdel"))("a")
      assert.equal(yield* Redis.getdel(key), null)
      yield* Redis.set(key, "1")
      assert.equal(yield* Redis.getdel(key), "1")
      assert.equal(yield* Redis.get(key), null)
    })
  ),
  test(
    "GETEX reads and changes the time to live",
    Effect.gen(function*() {
      const key = (yield* keyOf("getex"))("a")
      assert.equal(yield* Redis.getex(key, { ex: "1 minute" }), null)
      yield* Redis.set(key, "1")
      assert.equal(yield* Redis.getex(key), "1")
      assert.equal(yield* Redis.ttl(key), -1)
      assert.equal(yield* Redis.getex(key, { ex: "100 seconds" }), "1")
      assert.ok((yield* Redis.ttl(key)) > 90)
      assert.equal(yield* Redis.getex(key), "1")
      assert.ok((yield* Redis.ttl(key)) > 90)
      assert.equal(yield* Redis.getex(key, { exat: new Date("2100-01-01T00:00:00Z") }), "1")
      assert.equal(yield* Redis.expiretime(key), Date.parse("2100-01-01T00:00:00Z") / 1000)
      assert.equal(yield* Redis.getex(key, { persist: true }), "1")
      assert.equal(yield* Redis.ttl(key), -1)
    })
  ),
  test(
    "GETEX with a point in time that has passed deletes the key",
    Effect.gen(function*() {
      const key = (yield* keyOf("getex-past"))("a")
      yield* Redis.set(key, "1")
      assert.equal(yield* Redis.getex(key, { exat: new Date(1) }), "1")
      assert.equal(yield* Redis.exists([key]), 0)
    })
  ),
  test(
    "ranges count bytes, from either end",
    Effect.gen(function*() {
      const key = yield* keyOf("range")
      assert.equal(yield* Redis.getrange(key("missing"), 0, -1), "")
      assert.equal(yield* Redis.strlen(key("missing")), 0)
      yield* Redis.set(key("a"), "Hello World")
      assert.equal(yield* Redis.getrange(key("a"), 0, 4), "Hello")
      assert.equal(yield* Redis.getrange(key("a"), -5, -1), "World")
      assert.equal(yield* Redis.getrange(key("a"), 6, 100), "World")
      assert.equal(yield* Redis.getrange(key("a"), 5, 3), "")
      assert.equal(yield* Redis.getrange(key("a"), -100, 0), "H")
      assert.equal(yield* Redis.getrange(key("a"), -1, -3), "")
      yield* Redis.set(key("umlaut"), "ü")
      assert.equal(yield* Redis.strlen(key("umlaut")), 2)
      assert.deepEqual(yield* Command.bytes(Redis.getrange(key("umlaut"), 1, 1)), bytesOf(0xbc))
    })
  ),
  test(
    "SETRANGE overwrites, grows and fills with zeros",
    Effect.gen(function*() {
      const key = yield* keyOf("setrange")
      yield* Redis.set(key("a"), "Hello World")
      assert.equal(yield* Redis.setrange(key("a"), 6, "Redis"), 11)
      assert.equal(yield* Redis.get(key("a")), "Hello Redis")
      assert.equal(yield* Redis.setrange(key("b"), 2, "x"), 3)
      assert.deepEqual(yield* Command.bytes(Redis.get(key("b"))), bytesOf(0, 0, 0x78))
      assert.equal(yield* Redis.setrange(key("missing"), 5, ""), 0)
      assert.equal(yield* Redis.exists([key("missing")]), 0)
      assert.equal(yield* failure(Redis.setrange(key("a"), -1, "x")), "ERR")
      assert.equal(yield* failure(Redis.setrange(key("a"), 536870912, "x")), "ERR")
    })
  ),
  test(
    "APPEND creates and extends",
    Effect.gen(function*() {
      const key = (yield* keyOf("append"))("a")
      assert.equal(yield* Redis.append(key, "Hello"), 5)
      assert.equal(yield* Redis.append(key, " World"), 11)
      assert.equal(yield* Redis.append(key, bytesOf(0xff)), 12)
      assert.equal(yield* Redis.strlen(key), 12)
      assert.deepEqual(yield* Command.bytes(Redis.getrange(key, 10, 11)), bytesOf(0x64, 0xff))
    })
  ),
  test(
    "counters count up and down from nothing",
    Effect.gen(function*() {
      const key = (yield* keyOf("counter"))("a")
      assert.equal(yield* Redis.incr(key), 1)
      assert.equal(yield* Redis.incrby(key, 41), 42)
      assert.equal(yield* Redis.incrby(key, -2), 40)
      assert.equal(yield* Redis.decr(key), 39)
      assert.equal(yield* Redis.decrby(key, 40), -1)
      assert.equal(yield* Redis.get(key), "-1")
    })
  ),
  test(
    "counters keep the time to live",
    Effect.gen(function*() {
      const key = (yield* keyOf("counter-ttl"))("a")
      yield* Redis.set(key, "1", { ex: "100 seconds" })
      yield* Redis.incr(key)
      yield* Redis.append(key, "0")
      assert.equal(yield* Redis.get(key), "20")
      assert.ok((yield* Redis.ttl(key)) > 90)
    })
  ),
  test(
    "counters refuse what is no integer, and what leaves their range",
    Effect.gen(function*() {
      const key = yield* keyOf("counter-range")
      for (const value of ["a", "", " 1", "1.5", "9223372036854775808", "01"]) {
        yield* Redis.set(key("a"), value)
        assert.equal(yield* failure(Redis.incr(key("a"))), "ERR", value)
      }
      yield* Redis.set(key("b"), "9223372036854775807")
      assert.equal(yield* failure(Redis.incr(key("b"))), "ERR")
      yield* Redis.set(key("b"), "-9223372036854775808")
      assert.equal(yield* failure(Redis.decr(key("b"))), "ERR")
      assert.equal(yield* Redis.get(key("b")), "-9223372036854775808")
    })
  ),
  test(
    "INCRBYFLOAT adds fractions",
    Effect.gen(function*() {
      const key = yield* keyOf("float")
      assert.equal(yield* Redis.incrbyfloat(key("a"), 10.5), 10.5)
      assert.equal(yield* Redis.incrbyfloat(key("a"), 0.1), 10.6)
      assert.equal(yield* Redis.incrbyfloat(key("a"), -10.6), 0)
      yield* Redis.set(key("b"), "5.0e3")
      assert.equal(yield* Redis.incrbyfloat(key("b"), 2e2), 5200)
      assert.equal(yield* Redis.get(key("b")), "5200")
      yield* Redis.set(key("c"), "x")
      assert.equal(yield* failure(Redis.incrbyfloat(key("c"), 1)), "ERR")
    })
  ),
  test(
    "several keys are set and read in one step",
    Effect.gen(function*() {
      const key = yield* keyOf("several")
      assert.equal(yield* Redis.mset({ [key("a")]: "1", [key("b")]: "2" }), "OK")
      assert.deepEqual(yield* Redis.mget([key("b"), key("missing"), key("a"), key("b")]), ["2", null, "1", "2"])
      assert.deepEqual(yield* Command.bytes(Redis.mget([key("a"), key("missing")])), [bytesOf(0x31), null])
      assert.equal(yield* Redis.msetnx([[key("c"), "3"], [key("a"), "4"]]), false)
      assert.deepEqual(yield* Redis.mget([key("a"), key("c")]), ["1", null])
      assert.equal(yield* Redis.msetnx([[key("c"), "3"], [key("d"), bytesOf(0x34)]]), true)
      assert.deepEqual(yield* Redis.mget([key("c"), key("d")]), ["3", "4"])
    })
  ),
  test(
    "LCS finds what two values have in common, how much, and where",
    Effect.gen(function*() {
      const key = yield* keyOf("lcs")
      yield* Redis.mset({ [key("a")]: "ohmytext", [key("b")]: "mynewtext" })
      assert.equal(yield* Redis.lcs(key("a"), key("b")), "mytext")
      assert.equal(yield* Redis.lcs(key("a"), key("b"), { len: true }), 6)
      assert.deepEqual(yield* Redis.lcs(key("a"), key("b"), { idx: true }), {
        matches: [
          { first: { start: 4, end: 7 }, second: { start: 5, end: 8 }, length: 4 },
          { first: { start: 2, end: 3 }, second: { start: 0, end: 1 }, length: 2 }
        ],
        length: 6
      })
      assert.deepEqual(yield* Redis.lcs(key("a"), key("b"), { idx: true, minmatchlen: 4 }), {
        matches: [{ first: { start: 4, end: 7 }, second: { start: 5, end: 8 }, length: 4 }],
        length: 6
      })
      assert.equal(yield* Redis.lcs(key("a"), key("missing")), "")
      assert.equal(yield* Redis.lcs(key("a"), key("missing"), { len: true }), 0)
      assert.deepEqual(yield* Redis.lcs(key("a"), key("missing"), { idx: true }), { matches: [], length: 0 })
    })
  ),
  test(
    "arguments that Redis would misread are refused before they are sent",
    Effect.gen(function*() {
      const key = (yield* keyOf("invalid"))("a")
      assert.equal(yield* failure(Redis.incrby(key, 0.5)), "InvalidArgument")
      assert.equal(yield* failure(Redis.incrbyfloat(key, NaN)), "InvalidArgument")
      assert.equal(yield* failure(Redis.set(key, "x", { ex: "0 seconds" })), "InvalidArgument")
      assert.equal(yield* failure(Redis.mget([])), "InvalidArgument")
      assert.equal(yield* failure(Redis.mset({})), "InvalidArgument")
      assert.equal(yield* Redis.exists([key]), 0)
    })
  )
]
