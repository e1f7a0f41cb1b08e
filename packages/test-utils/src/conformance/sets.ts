/**
 * Cases for sets.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { failure, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const keyOf = (name: string) => (suffix: string) => `{sets:${name}}:${suffix}`

const sorted = (members: ReadonlyArray<string>) => [...members].sort()

/** All items of a scan over all its pages. */
const scanAll = Effect.fnUntraced(
  function*(key: string, options: { readonly match?: string; readonly count?: number }) {
    const items = new Set<string>()
    let cursor: string = "0"
    do {
      const page: { readonly cursor: string; readonly items: ReadonlyArray<string> } = yield* Redis.sscan(
        key,
        cursor,
        options
      )
      for (const item of page.items) items.add(item)
      cursor = page.cursor
    } while (cursor !== "0")
    return items
  }
)

/**
 * @category suites
 * @since 0.1.0
 */
export const sets: ReadonlyArray<Case> = [
  test(
    "members are in a set once, until they are removed",
    Effect.gen(function*() {
      const key = keyOf("members")("set")
      assert.equal(yield* Redis.sadd(key, ["a", "b", "a"]), 2)
      assert.equal(yield* Redis.sadd(key, ["b", "c"]), 1)
      assert.equal(yield* Redis.scard(key), 3)
      assert.deepEqual(sorted(yield* Redis.smembers(key)), ["a", "b", "c"])
      assert.equal(yield* Redis.sismember(key, "a"), true)
      assert.equal(yield* Redis.sismember(key, "x"), false)
      assert.deepEqual(yield* Redis.smismember(key, ["x", "a", "a"]), [false, true, true])
      assert.equal(yield* Redis.srem(key, ["a", "x", "a"]), 1)
      assert.equal(yield* Redis.srem(key, ["b", "c"]), 2)
      assert.equal(yield* Redis.command("EXISTS", [key]), 0)
    })
  ),
  test(
    "members are bytes",
    Effect.gen(function*() {
      const key = keyOf("bytes")("set")
      const member = Uint8Array.of(0, 255, 13, 10)
      assert.equal(yield* Redis.sadd(key, [member, ""]), 2)
      assert.equal(yield* Redis.sismember(key, member), true)
      assert.equal(yield* Redis.sismember(key, ""), true)
      assert.equal(yield* Redis.srem(key, [""]), 1)
      assert.deepEqual(yield* Command.bytes(Redis.smembers(key)), [member])
      assert.deepEqual(yield* Command.bytes(Redis.spop(key)), member)
    })
  ),
  test(
    "a missing key is an empty set",
    Effect.gen(function*() {
      const key = keyOf("missing")
      const none = key("none")
      assert.equal(yield* Redis.scard(none), 0)
      assert.deepEqual(yield* Redis.smembers(none), [])
      assert.equal(yield* Redis.sismember(none, "a"), false)
      assert.deepEqual(yield* Redis.smismember(none, ["a", "b"]), [false, false])
      assert.equal(yield* Redis.srem(none, ["a"]), 0)
      assert.equal(yield* Redis.spop(none), null)
      assert.deepEqual(yield* Redis.spop(none, { count: 2 }), [])
      assert.equal(yield* Redis.srandmember(none), null)
      assert.deepEqual(yield* Redis.srandmember(none, { count: 2 }), [])
      assert.deepEqual(yield* Redis.srandmember(none, { count: -2 }), [])
      assert.equal(yield* Redis.smove(none, key("other"), "a"), false)
      assert.deepEqual(yield* Redis.sscan(none, "0"), { cursor: "0", items: [] })
      assert.deepEqual(yield* Redis.sunion([none, key("other")]), [])
      assert.deepEqual(yield* Redis.sinter([none]), [])
      assert.deepEqual(yield* Redis.sdiff([none]), [])
      assert.equal(yield* Redis.sintercard([none]), 0)
    })
  ),
  test(
    "sets of integers and sets of text are alike",
    Effect.gen(function*() {
      const key = keyOf("encodings")("set")
      yield* Redis.sadd(key, ["3", "1", "2"])
      assert.deepEqual(sorted(yield* Redis.smembers(key)), ["1", "2", "3"])
      assert.equal(yield* Redis.sismember(key, "01"), false)
      assert.equal(yield* Redis.sadd(key, ["01", "x"]), 2)
      assert.deepEqual(sorted(yield* Redis.smembers(key)), ["01", "1", "2", "3", "x"])
    })
  ),
  test(
    "sets combine",
    Effect.gen(function*() {
      const key = keyOf("combine")
      const [a, b, none] = [key("a"), key("b"), key("none")]
      yield* Redis.sadd(a, ["1", "2", "3"])
      yield* Redis.sadd(b, ["2", "3", "4"])
      assert.deepEqual(sorted(yield* Redis.sdiff([a, b])), ["1"])
      assert.deepEqual(sorted(yield* Redis.sdiff([a, none])), ["1", "2", "3"])
      assert.deepEqual(yield* Redis.sdiff([none, a]), [])
      assert.deepEqual(sorted(yield* Redis.sinter([a, b])), ["2", "3"])
      assert.deepEqual(yield* Redis.sinter([a, b, none]), [])
      assert.deepEqual(sorted(yield* Redis.sunion([a, b, none])), ["1", "2", "3", "4"])
      assert.equal(yield* Redis.sintercard([a, b]), 2)
      assert.equal(yield* Redis.sintercard([a, b], { limit: 0 }), 2)
      assert.equal(yield* Redis.sintercard([a, b], { limit: 1 }), 1)
      assert.equal(yield* Redis.sintercard([a, none]), 0)
    })
  ),
  test(
    "combinations are stored over what was there",
    Effect.gen(function*() {
      const key = keyOf("store")
      const [a, b, none, to] = [key("a"), key("b"), key("none"), key("to")]
      yield* Redis.sadd(a, ["1", "2", "3"])
      yield* Redis.sadd(b, ["2", "3", "4"])
      yield* Redis.command("SET", [to, "text"])
      assert.equal(yield* Redis.sunionstore(to, [a, b]), 4)
      assert.deepEqual(sorted(yield* Redis.smembers(to)), ["1", "2", "3", "4"])
      assert.equal(yield* Redis.sdiffstore(to, [a, b]), 1)
      assert.deepEqual(yield* Redis.smembers(to), ["1"])
      assert.equal(yield* Redis.sinterstore(to, [a, b]), 2)
      assert.deepEqual(sorted(yield* Redis.smembers(to)), ["2", "3"])
      assert.equal(yield* Redis.sinterstore(a, [a, b]), 2)
      assert.deepEqual(sorted(yield* Redis.smembers(a)), ["2", "3"])
      assert.equal(yield* Redis.sinterstore(to, [a, none]), 0)
      assert.equal(yield* Redis.command("EXISTS", [to]), 0)
      assert.equal(yield* Redis.sunionstore(to, [none]), 0)
      assert.equal(yield* Redis.sdiffstore(to, [none, a]), 0)
    })
  ),
  test(
    "a member moves from one set to another",
    Effect.gen(function*() {
      const key = keyOf("move")
      const [from, to] = [key("from"), key("to")]
      yield* Redis.sadd(from, ["a", "b"])
      assert.equal(yield* Redis.smove(from, to, "x"), false)
      assert.equal(yield* Redis.smove(from, to, "a"), true)
      assert.equal(yield* Redis.smove(from, from, "b"), true)
      assert.equal(yield* Redis.smove(from, from, "x"), false)
      yield* Redis.sadd(to, ["b"])
      assert.equal(yield* Redis.smove(from, to, "b"), true)
      assert.deepEqual(sorted(yield* Redis.smembers(to)), ["a", "b"])
      assert.equal(yield* Redis.command("EXISTS", [from]), 0)
    })
  ),
  test(
    "random members are members",
    Effect.gen(function*() {
      const key = keyOf("random")("set")
      const all = ["a", "b", "c"]
      yield* Redis.sadd(key, all)
      assert.ok(all.includes((yield* Redis.srandmember(key)) ?? ""))
      assert.deepEqual(yield* Redis.srandmember(key, { count: 0 }), [])
      assert.equal(new Set(yield* Redis.srandmember(key, { count: 2 })).size, 2)
      assert.deepEqual(sorted(yield* Redis.srandmember(key, { count: 9 })), all)
      const nine = yield* Redis.srandmember(key, { count: -9 })
      assert.equal(nine.length, 9)
      assert.ok(nine.every((member) => all.includes(member)))
      assert.equal(yield* Redis.scard(key), 3)
    })
  ),
  test(
    "popped members are gone",
    Effect.gen(function*() {
      const key = keyOf("pop")("set")
      yield* Redis.sadd(key, ["a", "b", "c", "d"])
      const one = yield* Redis.spop(key)
      assert.ok(one !== null)
      assert.equal(yield* Redis.sismember(key, one), false)
      assert.deepEqual(yield* Redis.spop(key, { count: 0 }), [])
      const two = yield* Redis.spop(key, { count: 2 })
      assert.equal(new Set([one, ...two]).size, 3)
      const rest = yield* Redis.spop(key, { count: 9 })
      assert.deepEqual(sorted([one, ...two, ...rest]), ["a", "b", "c", "d"])
      assert.equal(yield* Redis.command("EXISTS", [key]), 0)
      assert.equal(yield* failure(Redis.spop(key, { count: -1 })), "ERR")
    })
  ),
  test(
    "a scan comes by all members",
    Effect.gen(function*() {
      const key = keyOf("scan")("set")
      const all = Array.from({ length: 1000 }, (_, index) => `member:${index}`)
      yield* Redis.sadd(key, all)
      const first = yield* Redis.sscan(key, "0")
      assert.ok(first.items.length < all.length)
      assert.notEqual(first.cursor, "0")
      assert.deepEqual(sorted([...(yield* scanAll(key, {}))]), sorted(all))
      assert.deepEqual(
        sorted([...(yield* scanAll(key, { match: "member:99?", count: 100 }))]),
        sorted(all.filter((member) => /^member:99.$/.test(member)))
      )
      assert.deepEqual(yield* scanAll(key, { match: "nobody" }), new Set())
    })
  ),
  test(
    "commands on sets refuse other types",
    Effect.gen(function*() {
      const key = keyOf("types")
      const [text, set, to] = [key("text"), key("set"), key("to")]
      yield* Redis.command("SET", [text, "x"])
      yield* Redis.sadd(set, ["a"])
      assert.equal(yield* failure(Redis.sadd(text, ["a"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.scard(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.sdiff([set, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.sdiffstore(to, [set, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.sinter([set, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.sintercard([set, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.sinterstore(to, [set, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.sismember(text, "a")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.smembers(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.smismember(text, ["a"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.smove(text, set, "a")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.smove(set, text, "a")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.spop(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.srandmember(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.srem(text, ["a"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.sscan(text, "0")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.sunion([set, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.sunionstore(to, [set, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.sintercard([set], { limit: -1 })), "ERR")
      assert.equal(yield* failure(Redis.sscan(set, "x")), "ERR")
      assert.deepEqual(yield* Redis.smembers(set), ["a"])
    })
  ),
  test(
    "an empty list of members is refused before it is sent",
    Effect.gen(function*() {
      const key = keyOf("empty")("set")
      assert.equal(yield* failure(Redis.sadd(key, [])), "InvalidArgument")
      assert.equal(yield* failure(Redis.sinter([])), "InvalidArgument")
    })
  )
]
