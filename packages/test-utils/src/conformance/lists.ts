/**
 * Cases for lists.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import assert from "node:assert/strict"
import { failure, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const keyOf = (name: string) => (suffix: string) => `{lists:${name}}:${suffix}`

const all = (key: string) => Redis.lrange(key, 0, -1)

/**
 * @category suites
 * @since 0.1.0
 */
export const lists: ReadonlyArray<Case> = [
  test(
    "elements are put at both ends",
    Effect.gen(function*() {
      const key = keyOf("push")
      const list = key("list")
      assert.equal(yield* Redis.lpush(list, ["b", "a"]), 2)
      assert.equal(yield* Redis.rpush(list, ["c", "d"]), 4)
      assert.deepEqual(yield* all(list), ["a", "b", "c", "d"])
      assert.equal(yield* Redis.llen(list), 4)
      assert.equal(yield* Redis.lpushx(list, ["z", "y"]), 6)
      assert.equal(yield* Redis.rpushx(list, ["e"]), 7)
      assert.deepEqual(yield* all(list), ["y", "z", "a", "b", "c", "d", "e"])
      assert.equal(yield* Redis.lpushx(key("none"), ["a"]), 0)
      assert.equal(yield* Redis.rpushx(key("none"), ["a"]), 0)
      assert.equal(yield* Redis.command("EXISTS", [key("none")]), 0)
    })
  ),
  test(
    "elements are bytes",
    Effect.gen(function*() {
      const list = keyOf("bytes")("list")
      const element = Uint8Array.of(0, 255, 13, 10)
      yield* Redis.rpush(list, [element, "", "ü"])
      assert.deepEqual(yield* Command.bytes(Redis.lindex(list, 0)), element)
      assert.equal(yield* Redis.lindex(list, 1), "")
      assert.equal(yield* Redis.lindex(list, 2), "ü")
      assert.equal(yield* Redis.lpos(list, element), 0)
      assert.deepEqual(yield* Command.bytes(Redis.lpop(list, { count: 1 })), [element])
    })
  ),
  test(
    "elements are popped from both ends",
    Effect.gen(function*() {
      const list = keyOf("pop")("list")
      yield* Redis.rpush(list, ["a", "b", "c", "d", "e", "f"])
      assert.equal(yield* Redis.lpop(list), "a")
      assert.equal(yield* Redis.rpop(list), "f")
      assert.deepEqual(yield* Redis.lpop(list, { count: 2 }), ["b", "c"])
      assert.deepEqual(yield* Redis.lpop(list, { count: 0 }), [])
      assert.deepEqual(yield* Redis.rpop(list, { count: 9 }), ["e", "d"])
      assert.equal(yield* Redis.command("EXISTS", [list]), 0)
      assert.equal(yield* failure(Redis.lpop(list, { count: -1 })), "ERR")
    })
  ),
  test(
    "a missing key is an empty list",
    Effect.gen(function*() {
      const key = keyOf("missing")
      const none = key("none")
      assert.equal(yield* Redis.llen(none), 0)
      assert.deepEqual(yield* all(none), [])
      assert.equal(yield* Redis.lindex(none, 0), null)
      assert.equal(yield* Redis.lpop(none), null)
      assert.equal(yield* Redis.rpop(none), null)
      assert.equal(yield* Redis.lpop(none, { count: 2 }), null)
      assert.equal(yield* Redis.rpop(none, { count: 2 }), null)
      assert.equal(yield* Redis.lpos(none, "a"), null)
      assert.deepEqual(yield* Redis.lpos(none, "a", { count: 0 }), [])
      assert.equal(yield* Redis.linsert(none, { before: "a" }, "b"), 0)
      assert.equal(yield* Redis.lrem(none, 0, "a"), 0)
      assert.equal(yield* Redis.ltrim(none, 0, 1), "OK")
      assert.equal(yield* failure(Redis.lset(none, 0, "a")), "ERR")
      assert.equal(yield* Redis.lmove(none, key("other"), { from: "LEFT", to: "LEFT" }), null)
      assert.equal(yield* Redis.rpoplpush(none, key("other")), null)
      assert.equal(yield* Redis.lmpop([none, key("other")], { from: "LEFT" }), null)
    })
  ),
  test(
    "ranges are cut to the list",
    Effect.gen(function*() {
      const list = keyOf("range")("list")
      yield* Redis.rpush(list, ["a", "b", "c", "d"])
      assert.deepEqual(yield* Redis.lrange(list, 1, 2), ["b", "c"])
      assert.deepEqual(yield* Redis.lrange(list, -2, -1), ["c", "d"])
      assert.deepEqual(yield* Redis.lrange(list, -100, 100), ["a", "b", "c", "d"])
      assert.deepEqual(yield* Redis.lrange(list, 3, 1), [])
      assert.deepEqual(yield* Redis.lrange(list, 4, 9), [])
      assert.equal(yield* Redis.lindex(list, -1), "d")
      assert.equal(yield* Redis.lindex(list, 4), null)
      assert.equal(yield* Redis.lindex(list, -5), null)
      assert.equal(yield* Redis.ltrim(list, 1, -2), "OK")
      assert.deepEqual(yield* all(list), ["b", "c"])
      assert.equal(yield* Redis.ltrim(list, 5, 9), "OK")
      assert.equal(yield* Redis.command("EXISTS", [list]), 0)
    })
  ),
  test(
    "elements are inserted, replaced and removed in the middle",
    Effect.gen(function*() {
      const list = keyOf("middle")("list")
      yield* Redis.rpush(list, ["a", "b", "a"])
      assert.equal(yield* Redis.linsert(list, { before: "a" }, "x"), 4)
      assert.equal(yield* Redis.linsert(list, { after: "b" }, "y"), 5)
      assert.equal(yield* Redis.linsert(list, { after: "nothing" }, "z"), -1)
      assert.deepEqual(yield* all(list), ["x", "a", "b", "y", "a"])
      assert.equal(yield* Redis.lset(list, 0, "a"), "OK")
      assert.equal(yield* Redis.lset(list, -2, "a"), "OK")
      assert.equal(yield* failure(Redis.lset(list, 5, "z")), "ERR")
      assert.deepEqual(yield* all(list), ["a", "a", "b", "a", "a"])
      assert.equal(yield* Redis.lrem(list, 1, "a"), 1)
      assert.equal(yield* Redis.lrem(list, -1, "a"), 1)
      assert.deepEqual(yield* all(list), ["a", "b", "a"])
      assert.equal(yield* Redis.lrem(list, 0, "a"), 2)
      assert.equal(yield* Redis.lrem(list, 0, "b"), 1)
      assert.equal(yield* Redis.command("EXISTS", [list]), 0)
    })
  ),
  test(
    "elements are found by value",
    Effect.gen(function*() {
      const list = keyOf("position")("list")
      yield* Redis.rpush(list, ["a", "b", "a", "c", "a"])
      assert.equal(yield* Redis.lpos(list, "a"), 0)
      assert.equal(yield* Redis.lpos(list, "x"), null)
      assert.equal(yield* Redis.lpos(list, "a", { rank: 2 }), 2)
      assert.equal(yield* Redis.lpos(list, "a", { rank: -1 }), 4)
      assert.equal(yield* Redis.lpos(list, "a", { rank: 4 }), null)
      assert.equal(yield* Redis.lpos(list, "c", { maxlen: 3 }), null)
      assert.equal(yield* Redis.lpos(list, "c", { maxlen: 0 }), 3)
      assert.deepEqual(yield* Redis.lpos(list, "a", { count: 0 }), [0, 2, 4])
      assert.deepEqual(yield* Redis.lpos(list, "a", { count: 2 }), [0, 2])
      assert.deepEqual(yield* Redis.lpos(list, "a", { count: 2, rank: -1 }), [4, 2])
      assert.deepEqual(yield* Redis.lpos(list, "a", { count: 0, rank: 2, maxlen: 3 }), [2])
      assert.deepEqual(yield* Redis.lpos(list, "x", { count: 0 }), [])
      assert.equal(yield* failure(Redis.lpos(list, "a", { rank: 0 })), "ERR")
    })
  ),
  test(
    "elements move from one list to another",
    Effect.gen(function*() {
      const key = keyOf("move")
      const [from, to] = [key("from"), key("to")]
      yield* Redis.rpush(from, ["a", "b", "c", "d"])
      assert.equal(yield* Redis.lmove(from, to, { from: "LEFT", to: "RIGHT" }), "a")
      assert.equal(yield* Redis.lmove(from, to, { from: "RIGHT", to: "RIGHT" }), "d")
      assert.equal(yield* Redis.lmove(from, to, { from: "LEFT", to: "LEFT" }), "b")
      assert.deepEqual(yield* all(to), ["b", "a", "d"])
      assert.equal(yield* Redis.rpoplpush(from, to), "c")
      assert.deepEqual(yield* all(to), ["c", "b", "a", "d"])
      assert.equal(yield* Redis.command("EXISTS", [from]), 0)
      assert.equal(yield* Redis.lmove(to, to, { from: "LEFT", to: "RIGHT" }), "c")
      assert.equal(yield* Redis.rpoplpush(to, to), "c")
      assert.deepEqual(yield* all(to), ["c", "b", "a", "d"])
    })
  ),
  test(
    "several elements are popped from the first list that has some",
    Effect.gen(function*() {
      const key = keyOf("mpop")
      const [none, a, b] = [key("none"), key("a"), key("b")]
      yield* Redis.rpush(a, ["1", "2", "3"])
      yield* Redis.rpush(b, ["4"])
      assert.deepEqual(yield* Redis.lmpop([none, a, b], { from: "LEFT" }), { key: a, elements: ["1"] })
      assert.deepEqual(yield* Redis.lmpop([none, a, b], { from: "RIGHT", count: 9 }), { key: a, elements: ["3", "2"] })
      assert.deepEqual(yield* Redis.lmpop([none, a, b], { from: "RIGHT", count: 9 }), { key: b, elements: ["4"] })
      assert.equal(yield* Redis.lmpop([none, a, b], { from: "RIGHT", count: 9 }), null)
      assert.equal(yield* failure(Redis.lmpop([a], { from: "LEFT", count: 0 })), "ERR")
    })
  ),
  test(
    "blocking commands do not wait when there is something",
    Effect.gen(function*() {
      const key = keyOf("ready")
      const [none, list, to] = [key("none"), key("list"), key("to")]
      yield* Redis.rpush(list, ["a", "b", "c", "d", "e", "f", "g"])
      assert.deepEqual(yield* Redis.blpop([none, list], "10 seconds"), { key: list, element: "a" })
      assert.deepEqual(yield* Redis.brpop([none, list], "Infinity"), { key: list, element: "g" })
      assert.equal(yield* Redis.blmove(list, to, { from: "LEFT", to: "LEFT", timeout: "10 seconds" }), "b")
      assert.equal(yield* Redis.brpoplpush(list, to, "10 seconds"), "f")
      assert.deepEqual(yield* all(to), ["f", "b"])
      assert.deepEqual(yield* Redis.blmpop([none, list], { from: "RIGHT", count: 2, timeout: "10 seconds" }), {
        key: list,
        elements: ["e", "d"]
      })
      assert.deepEqual(yield* Command.bytes(Redis.blpop([list], "10 seconds")), {
        key: new TextEncoder().encode(list),
        element: new TextEncoder().encode("c")
      })
    })
  ),
  test(
    "blocking commands reply null when the time is over",
    Effect.gen(function*() {
      const key = keyOf("over")
      const [none, other] = [key("none"), key("other")]
      assert.equal(yield* Redis.blpop([none, other], "20 millis"), null)
      assert.equal(yield* Redis.brpop([none], "1 millis"), null)
      assert.equal(yield* Redis.blmove(none, other, { from: "LEFT", to: "LEFT", timeout: "20 millis" }), null)
      assert.equal(yield* Redis.brpoplpush(none, other, "20 millis"), null)
      assert.equal(yield* Redis.blmpop([none, other], { from: "LEFT", timeout: "20 millis" }), null)
      assert.equal(yield* failure(Redis.blpop([none], "0 seconds")), "InvalidArgument")
    })
  ),
  test(
    "blocking commands wake when an element arrives",
    Effect.gen(function*() {
      const key = keyOf("wake")
      const [a, b, to] = [key("a"), key("b"), key("to")]
      const popped = yield* Effect.forkChild(Redis.blpop([a, b], "10 seconds"), { startImmediately: true })
      yield* Redis.rpush(b, ["1"])
      assert.deepEqual(yield* Fiber.join(popped), { key: b, element: "1" })
      const moved = yield* Effect.forkChild(
        Redis.blmove(a, to, { from: "LEFT", to: "RIGHT", timeout: "10 seconds" }),
        { startImmediately: true }
      )
      yield* Redis.rpush(a, ["2"])
      assert.equal(yield* Fiber.join(moved), "2")
      assert.deepEqual(yield* all(to), ["2"])
      const many = yield* Effect.forkChild(Redis.blmpop([b, a], { from: "LEFT", count: 5, timeout: "10 seconds" }), {
        startImmediately: true
      })
      yield* Redis.rpush(a, ["3", "4"])
      assert.deepEqual(yield* Fiber.join(many), { key: a, elements: ["3", "4"] })
    })
  ),
  test(
    "commands on lists refuse other types",
    Effect.gen(function*() {
      const key = keyOf("types")
      const [text, list] = [key("text"), key("list")]
      yield* Redis.command("SET", [text, "x"])
      yield* Redis.rpush(list, ["a"])
      assert.equal(
        yield* failure(Redis.blmove(list, text, { from: "LEFT", to: "LEFT", timeout: "100 millis" })),
        "WRONGTYPE"
      )
      assert.equal(yield* failure(Redis.blmpop([text], { from: "LEFT", timeout: "100 millis" })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.blpop([text], "100 millis")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.brpop([text], "100 millis")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.brpoplpush(text, list, "100 millis")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.lindex(text, 0)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.linsert(text, { before: "a" }, "b")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.llen(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.lmove(text, list, { from: "LEFT", to: "LEFT" })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.lmove(list, text, { from: "LEFT", to: "LEFT" })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.lmpop([text, list], { from: "LEFT" })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.lpop(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.lpop(text, { count: 1 })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.lpos(text, "a")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.lpush(text, ["a"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.lpushx(text, ["a"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.lrange(text, 0, -1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.lrem(text, 0, "a")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.lset(text, 0, "a")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.ltrim(text, 0, 1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.rpop(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.rpoplpush(text, list)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.rpush(text, ["a"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.rpushx(text, ["a"])), "WRONGTYPE")
      assert.deepEqual(yield* all(list), ["a"])
    })
  )
]
