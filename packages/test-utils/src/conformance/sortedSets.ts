/**
 * Cases for sorted sets.
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

const keyOf = (name: string) => (suffix: string) => `{sortedSets:${name}}:${suffix}`

/** Converts a record, which is easier to read, to members with their scores. */
const scored = (members: Record<string, number>): ReadonlyArray<Redis.ScoredMember> =>
  Object.entries(members).map(([member, score]) => ({ member, score }))

const all = (key: string) => Redis.zrange(key, 0, -1, { withscores: true })

const letters = scored({ a: 1, b: 2, c: 3, d: 4, e: 5 })

const names = ["ada", "alan", "bob", "carl", "dora"]

/** All items of a scan over all its pages, by member. */
const scanAll = Effect.fnUntraced(
  function*(key: string, options: { readonly match?: string; readonly count?: number }) {
    const items = new Map<string, number>()
    let cursor: string = "0"
    do {
      const page: { readonly cursor: string; readonly items: ReadonlyArray<Redis.ScoredMember> } = yield* Redis.zscan(
        key,
        cursor,
        options
      )
      for (const { member, score } of page.items) items.set(member, score)
      cursor = page.cursor
    } while (cursor !== "0")
    return items
  }
)

/**
 * @category suites
 * @since 0.1.0
 */
export const sortedSets: ReadonlyArray<Case> = [
  test(
    "members are sorted by score, and by their bytes where those are equal",
    Effect.gen(function*() {
      const key = keyOf("order")("zset")
      assert.equal(yield* Redis.zadd(key, scored({ b: 1, c: -Infinity, a: 1, d: Infinity, e: 0.5 })), 5)
      assert.deepEqual(yield* all(key), scored({ c: -Infinity, e: 0.5, a: 1, b: 1, d: Infinity }))
      assert.equal(yield* Redis.zcard(key), 5)
      assert.equal(yield* Redis.zscore(key, "d"), Infinity)
      assert.equal(yield* Redis.zscore(key, "c"), -Infinity)
      assert.deepEqual(yield* Redis.zmscore(key, ["e", "x", "a"]), [0.5, null, 1])
      assert.equal(yield* Redis.zrank(key, "c"), 0)
      assert.equal(yield* Redis.zrevrank(key, "c"), 4)
      assert.equal(yield* Redis.zrank(key, "x"), null)
      assert.equal(yield* Redis.zrevrank(key, "x"), null)
    })
  ),
  test(
    "scores keep their precision",
    Effect.gen(function*() {
      const key = keyOf("precision")("zset")
      const values = [0.1, 1 / 3, 1e-300, 1.7976931348623157e308, 9007199254740991, -123456.789, 5e-324]
      for (const score of values) {
        yield* Redis.zadd(key, [{ member: "a", score }])
        assert.equal(yield* Redis.zscore(key, "a"), score)
        assert.deepEqual(yield* all(key), [{ member: "a", score }])
      }
    })
  ),
  test(
    "members are bytes",
    Effect.gen(function*() {
      const key = keyOf("bytes")("zset")
      const member = Uint8Array.of(255, 0, 13, 10)
      assert.equal(yield* Redis.zadd(key, [{ member, score: 1 }, { member: "", score: 2 }]), 2)
      assert.deepEqual(yield* Command.bytes(all(key)), [{ member, score: 1 }, { member: new Uint8Array(0), score: 2 }])
      assert.equal(yield* Redis.zscore(key, member), 1)
      assert.deepEqual((yield* Command.bytes(Redis.zscan(key, "0"))).items.length, 2)
      assert.equal(yield* Redis.zrem(key, [member, "x"]), 1)
      assert.deepEqual(yield* Command.bytes(Redis.zpopmin(key)), { member: new Uint8Array(0), score: 2 })
    })
  ),
  test(
    "conditions say which members are added and updated",
    Effect.gen(function*() {
      const key = keyOf("add")("zset")
      assert.equal(yield* Redis.zadd(key, scored({ a: 1, b: 2 })), 2)
      assert.equal(yield* Redis.zadd(key, scored({ a: 3, c: 1 })), 1)
      assert.equal(yield* Redis.zadd(key, scored({ a: 9, d: 4 }), { nx: true }), 1)
      assert.equal(yield* Redis.zadd(key, scored({ a: 5, x: 1 }), { xx: true }), 0)
      assert.equal(yield* Redis.zadd(key, scored({ a: 6, b: 2, e: 5 }), { ch: true }), 2)
      assert.deepEqual(yield* all(key), scored({ c: 1, b: 2, d: 4, e: 5, a: 6 }))
      assert.equal(yield* Redis.zadd(key, scored({ a: 1, b: 3, f: 0 }), { gt: true, ch: true }), 2)
      assert.equal(yield* Redis.zadd(key, scored({ a: 1, b: 9, g: 7 }), { lt: true, ch: true }), 2)
      assert.equal(yield* Redis.zadd(key, scored({ a: 2, x: 9 }), { gt: true, xx: true, ch: true }), 1)
      assert.equal(yield* Redis.zadd(key, scored({ a: 1.5, x: 9 }), { lt: true, xx: true, ch: true }), 1)
      assert.deepEqual(yield* all(key), scored({ f: 0, c: 1, a: 1.5, b: 3, d: 4, e: 5, g: 7 }))
      yield* Redis.zadd(key, [{ member: "twice", score: 1 }, { member: "twice", score: 8 }])
      assert.equal(yield* Redis.zscore(key, "twice"), 8)
    })
  ),
  test(
    "scores are added up",
    Effect.gen(function*() {
      const key = keyOf("increment")("zset")
      assert.equal(yield* Redis.zincrby(key, 1.5, "a"), 1.5)
      assert.equal(yield* Redis.zincrby(key, -2, "a"), -0.5)
      assert.equal(yield* Redis.zadd(key, [{ member: "a", score: 2 }], { incr: true }), 1.5)
      assert.equal(yield* Redis.zadd(key, [{ member: "a", score: 2 }], { incr: true, nx: true }), null)
      assert.equal(yield* Redis.zadd(key, [{ member: "x", score: 2 }], { incr: true, xx: true }), null)
      assert.equal(yield* Redis.zadd(key, [{ member: "a", score: -1 }], { incr: true, gt: true }), null)
      assert.equal(yield* Redis.zincrby(key, Infinity, "a"), Infinity)
      assert.equal(yield* failure(Redis.zincrby(key, -Infinity, "a")), "ERR")
      assert.equal(yield* failure(Redis.zincrby(key, NaN, "a")), "InvalidArgument")
    })
  ),
  test(
    "a missing key is an empty sorted set",
    Effect.gen(function*() {
      const key = keyOf("missing")
      const [none, other] = [key("none"), key("other")]
      assert.equal(yield* Redis.zcard(none), 0)
      assert.equal(yield* Redis.zcount(none, -Infinity, Infinity), 0)
      assert.equal(yield* Redis.zlexcount(none, "-", "+"), 0)
      assert.equal(yield* Redis.zscore(none, "a"), null)
      assert.deepEqual(yield* Redis.zmscore(none, ["a", "b"]), [null, null])
      assert.equal(yield* Redis.zrank(none, "a"), null)
      assert.deepEqual(yield* all(none), [])
      assert.deepEqual(yield* Redis.zrevrange(none, 0, -1), [])
      assert.deepEqual(yield* Redis.zrangebyscore(none, 0, 1, { withscores: true }), [])
      assert.equal(yield* Redis.zpopmin(none), null)
      assert.deepEqual(yield* Redis.zpopmax(none, { count: 2 }), [])
      assert.equal(yield* Redis.zmpop([none, other], { from: "MIN" }), null)
      assert.equal(yield* Redis.zrandmember(none), null)
      assert.deepEqual(yield* Redis.zrandmember(none, { count: 2 }), [])
      assert.deepEqual(yield* Redis.zrandmember(none, { count: -2, withscores: true }), [])
      assert.equal(yield* Redis.zrem(none, ["a"]), 0)
      assert.equal(yield* Redis.zremrangebyrank(none, 0, -1), 0)
      assert.deepEqual(yield* Redis.zscan(none, "0"), { cursor: "0", items: [] })
      assert.deepEqual(yield* Redis.zunion([none, other]), [])
      assert.deepEqual(yield* Redis.zinter([none], { withscores: true }), [])
      assert.deepEqual(yield* Redis.zdiff([none, other]), [])
      assert.equal(yield* Redis.zintercard([none]), 0)
    })
  ),
  test(
    "ranges by rank",
    Effect.gen(function*() {
      const key = keyOf("rank")("zset")
      yield* Redis.zadd(key, letters)
      assert.deepEqual(yield* Redis.zrange(key, 1, 2), ["b", "c"])
      assert.deepEqual(yield* Redis.zrange(key, -2, -1), ["d", "e"])
      assert.deepEqual(yield* Redis.zrange(key, -100, 100), ["a", "b", "c", "d", "e"])
      assert.deepEqual(yield* Redis.zrange(key, 3, 1), [])
      assert.deepEqual(yield* Redis.zrange(key, 0, 1, { rev: true }), ["e", "d"])
      assert.deepEqual(yield* Redis.zrange(key, 0, 1, { rev: true, withscores: true }), scored({ e: 5, d: 4 }))
      assert.deepEqual(yield* Redis.zrevrange(key, 0, 1), ["e", "d"])
      assert.deepEqual(yield* Redis.zrevrange(key, 3, -1, { withscores: true }), scored({ b: 2, a: 1 }))
    })
  ),
  test(
    "ranges by score",
    Effect.gen(function*() {
      const key = keyOf("score")("zset")
      yield* Redis.zadd(key, letters)
      assert.equal(yield* Redis.zcount(key, 2, 4), 3)
      assert.equal(yield* Redis.zcount(key, "(2", "(4"), 1)
      assert.equal(yield* Redis.zcount(key, -Infinity, Infinity), 5)
      assert.equal(yield* Redis.zcount(key, 4, 2), 0)
      assert.deepEqual(yield* Redis.zrange(key, "(1", 3, { byscore: true }), ["b", "c"])
      assert.deepEqual(
        yield* Redis.zrange(key, "-inf", "+inf", { byscore: true, limit: { offset: 1, count: 2 }, withscores: true }),
        scored({ b: 2, c: 3 })
      )
      assert.deepEqual(yield* Redis.zrange(key, "+inf", "(3", { byscore: true, rev: true }), ["e", "d"])
      assert.deepEqual(yield* Redis.zrange(key, 0, 9, { byscore: true, rev: true }), [])
      assert.deepEqual(
        yield* Redis.zrange(key, 9, 0, { byscore: true, rev: true, limit: { offset: 3, count: -1 } }),
        ["b", "a"]
      )
      assert.deepEqual(yield* Redis.zrange(key, 0, 9, { byscore: true, limit: { count: 0 } }), [])
      assert.deepEqual(yield* Redis.zrangebyscore(key, "(1", 3), ["b", "c"])
      assert.deepEqual(
        yield* Redis.zrangebyscore(key, 2, Infinity, { limit: { offset: 1, count: 2 }, withscores: true }),
        scored({ c: 3, d: 4 })
      )
      assert.deepEqual(yield* Redis.zrevrangebyscore(key, 3, "(1"), ["c", "b"])
      assert.deepEqual(
        yield* Redis.zrevrangebyscore(key, Infinity, -Infinity, { limit: { count: 1 }, withscores: true }),
        scored({ e: 5 })
      )
    })
  ),
  test(
    "ranges by member",
    Effect.gen(function*() {
      const key = keyOf("lex")("zset")
      yield* Redis.zadd(key, names.map((member) => ({ member, score: 0 })))
      assert.equal(yield* Redis.zlexcount(key, "-", "+"), 5)
      assert.equal(yield* Redis.zlexcount(key, "[a", "(b"), 2)
      assert.deepEqual(yield* Redis.zrange(key, "[a", "(b", { bylex: true }), ["ada", "alan"])
      assert.deepEqual(yield* Redis.zrange(key, "(ada", "[carl", { bylex: true }), ["alan", "bob", "carl"])
      assert.deepEqual(yield* Redis.zrange(key, "+", "[bob", { bylex: true, rev: true }), ["dora", "carl", "bob"])
      assert.deepEqual(
        yield* Redis.zrange(key, "-", "+", { bylex: true, limit: { offset: 1, count: 2 } }),
        ["alan", "bob"]
      )
      assert.deepEqual(yield* Redis.zrange(key, new TextEncoder().encode("[carl"), "+", { bylex: true }), [
        "carl",
        "dora"
      ])
      assert.deepEqual(yield* Redis.zrangebylex(key, "-", "(bob"), ["ada", "alan"])
      assert.deepEqual(yield* Redis.zrangebylex(key, "-", "+", { limit: { offset: 4, count: 9 } }), ["dora"])
      assert.deepEqual(yield* Redis.zrevrangebylex(key, "(bob", "-"), ["alan", "ada"])
      assert.deepEqual(yield* Redis.zrevrangebylex(key, "+", "-", { limit: { count: 1 } }), ["dora"])
    })
  ),
  test(
    "ranges are stored over what was there",
    Effect.gen(function*() {
      const key = keyOf("rangestore")
      const [from, to] = [key("from"), key("to")]
      yield* Redis.zadd(from, letters)
      yield* Redis.command("SET", [to, "text"])
      assert.equal(yield* Redis.zrangestore(to, from, 0, 1), 2)
      assert.deepEqual(yield* all(to), scored({ a: 1, b: 2 }))
      assert.equal(yield* Redis.zrangestore(to, from, 0, 1, { rev: true }), 2)
      assert.deepEqual(yield* all(to), scored({ d: 4, e: 5 }))
      assert.equal(yield* Redis.zrangestore(to, from, "(1", 9, { byscore: true, limit: { count: 1 } }), 1)
      assert.deepEqual(yield* all(to), scored({ b: 2 }))
      assert.equal(yield* Redis.zrangestore(to, from, 9, 10, { byscore: true }), 0)
      assert.equal(yield* Redis.command("EXISTS", [to]), 0)
      const [people, some] = [key("people"), key("some")]
      yield* Redis.zadd(people, names.map((member) => ({ member, score: 0 })))
      assert.equal(yield* Redis.zrangestore(some, people, "[b", "[carl", { bylex: true }), 2)
      assert.deepEqual(yield* Redis.zrange(some, 0, -1), ["bob", "carl"])
    })
  ),
  test(
    "ranges are removed",
    Effect.gen(function*() {
      const key = keyOf("remove")
      const [a, b, c] = [key("a"), key("b"), key("c")]
      yield* Redis.zadd(a, letters)
      assert.equal(yield* Redis.zremrangebyrank(a, 0, 1), 2)
      assert.equal(yield* Redis.zremrangebyrank(a, 9, 10), 0)
      assert.deepEqual(yield* all(a), scored({ c: 3, d: 4, e: 5 }))
      assert.equal(yield* Redis.zrem(a, ["c", "x", "d", "e"]), 3)
      assert.equal(yield* Redis.command("EXISTS", [a]), 0)
      yield* Redis.zadd(b, letters)
      assert.equal(yield* Redis.zremrangebyscore(b, "(1", 3), 2)
      assert.equal(yield* Redis.zremrangebyscore(b, -Infinity, Infinity), 3)
      assert.equal(yield* Redis.command("EXISTS", [b]), 0)
      yield* Redis.zadd(c, names.map((member) => ({ member, score: 0 })))
      assert.equal(yield* Redis.zremrangebylex(c, "[a", "(b"), 2)
      assert.deepEqual(yield* Redis.zrange(c, 0, -1), ["bob", "carl", "dora"])
    })
  ),
  test(
    "members are popped from both ends",
    Effect.gen(function*() {
      const key = keyOf("pop")("zset")
      yield* Redis.zadd(key, letters)
      assert.deepEqual(yield* Redis.zpopmin(key), { member: "a", score: 1 })
      assert.deepEqual(yield* Redis.zpopmax(key), { member: "e", score: 5 })
      assert.deepEqual(yield* Redis.zpopmin(key, { count: 0 }), [])
      assert.deepEqual(yield* Redis.zpopmin(key, { count: 1 }), scored({ b: 2 }))
      assert.deepEqual(yield* Redis.zpopmax(key, { count: 9 }), scored({ d: 4, c: 3 }))
      assert.equal(yield* Redis.command("EXISTS", [key]), 0)
    })
  ),
  test(
    "several members are popped from the first sorted set that has some",
    Effect.gen(function*() {
      const key = keyOf("mpop")
      const [none, a, b] = [key("none"), key("a"), key("b")]
      yield* Redis.zadd(a, letters)
      yield* Redis.zadd(b, scored({ z: 1.5 }))
      assert.deepEqual(yield* Redis.zmpop([none, a, b], { from: "MIN" }), { key: a, members: scored({ a: 1 }) })
      assert.deepEqual(yield* Redis.zmpop([none, a, b], { from: "MAX", count: 9 }), {
        key: a,
        members: scored({ e: 5, d: 4, c: 3, b: 2 })
      })
      assert.deepEqual(yield* Redis.zmpop([none, a, b], { from: "MAX", count: 9 }), {
        key: b,
        members: scored({ z: 1.5 })
      })
      assert.equal(yield* Redis.zmpop([none, a, b], { from: "MAX" }), null)
      assert.equal(yield* failure(Redis.zmpop([a], { from: "MIN", count: 0 })), "ERR")
    })
  ),
  test(
    "blocking commands do not wait when there is something",
    Effect.gen(function*() {
      const key = keyOf("ready")
      const [none, zset] = [key("none"), key("zset")]
      yield* Redis.zadd(zset, letters)
      assert.deepEqual(yield* Redis.bzpopmin([none, zset], "10 seconds"), { key: zset, member: "a", score: 1 })
      assert.deepEqual(yield* Redis.bzpopmax([none, zset], "Infinity"), { key: zset, member: "e", score: 5 })
      assert.deepEqual(yield* Redis.bzmpop([none, zset], { from: "MAX", count: 2, timeout: "10 seconds" }), {
        key: zset,
        members: scored({ d: 4, c: 3 })
      })
    })
  ),
  test(
    "blocking commands reply null when the time is over",
    Effect.gen(function*() {
      const none = keyOf("over")("none")
      assert.equal(yield* Redis.bzpopmin([none], "20 millis"), null)
      assert.equal(yield* Redis.bzpopmax([none], "1 millis"), null)
      assert.equal(yield* Redis.bzmpop([none], { from: "MIN", timeout: "20 millis" }), null)
    })
  ),
  test(
    "blocking commands wake when a member arrives",
    Effect.gen(function*() {
      const key = keyOf("wake")
      const [a, b] = [key("a"), key("b")]
      const popped = yield* Effect.forkChild(Redis.bzpopmin([a, b], "10 seconds"), { startImmediately: true })
      yield* Redis.zadd(b, scored({ x: 1.5 }))
      assert.deepEqual(yield* Fiber.join(popped), { key: b, member: "x", score: 1.5 })
      const many = yield* Effect.forkChild(Redis.bzmpop([b, a], { from: "MAX", count: 5, timeout: "10 seconds" }), {
        startImmediately: true
      })
      yield* Redis.zadd(a, scored({ y: 1, z: 2 }))
      assert.deepEqual(yield* Fiber.join(many), { key: a, members: scored({ z: 2, y: 1 }) })
    })
  ),
  test(
    "random members are members",
    Effect.gen(function*() {
      const key = keyOf("random")("zset")
      yield* Redis.zadd(key, letters)
      const has = (member: string) => letters.some((letter) => letter.member === member)
      assert.ok(has((yield* Redis.zrandmember(key)) ?? ""))
      assert.deepEqual(yield* Redis.zrandmember(key, { count: 0 }), [])
      assert.equal(new Set(yield* Redis.zrandmember(key, { count: 3 })).size, 3)
      assert.equal((yield* Redis.zrandmember(key, { count: 9 })).length, 5)
      const nine = yield* Redis.zrandmember(key, { count: -9, withscores: true })
      assert.equal(nine.length, 9)
      for (const item of nine) {
        assert.ok(letters.some(({ member, score }) => item.member === member && item.score === score))
      }
      assert.equal(yield* Redis.zcard(key), 5)
    })
  ),
  test(
    "sorted sets combine",
    Effect.gen(function*() {
      const key = keyOf("combine")
      const [a, b, plain, none] = [key("a"), key("b"), key("plain"), key("none")]
      yield* Redis.zadd(a, scored({ x: 1, y: 2, z: 3 }))
      yield* Redis.zadd(b, scored({ y: 10, z: 20.5, w: 30 }))
      yield* Redis.command("SADD", [plain, "z"])
      assert.deepEqual(yield* Redis.zinter([a, b]), ["y", "z"])
      assert.deepEqual(yield* Redis.zinter([a, b], { withscores: true }), scored({ y: 12, z: 23.5 }))
      assert.deepEqual(yield* Redis.zinter([a, b, plain], { withscores: true }), scored({ z: 24.5 }))
      assert.deepEqual(
        yield* Redis.zinter([a, b], { weights: [2, -1], withscores: true }),
        scored({ z: -14.5, y: -6 })
      )
      assert.deepEqual(yield* Redis.zinter([a, b], { aggregate: "MAX", withscores: true }), scored({ y: 10, z: 20.5 }))
      assert.deepEqual(yield* Redis.zinter([a, none]), [])
      assert.deepEqual(yield* Redis.zunion([a, b]), ["x", "y", "z", "w"])
      assert.deepEqual(
        yield* Redis.zunion([a, b, none], { aggregate: "MIN", withscores: true }),
        scored({ x: 1, y: 2, z: 3, w: 30 })
      )
      assert.deepEqual(yield* Redis.zdiff([a, b]), ["x"])
      assert.deepEqual(yield* Redis.zdiff([a, plain], { withscores: true }), scored({ x: 1, y: 2 }))
      assert.equal(yield* Redis.zintercard([a, b]), 2)
      assert.equal(yield* Redis.zintercard([a, b], { limit: 1 }), 1)
      assert.equal(yield* Redis.zintercard([a, b, none]), 0)
    })
  ),
  test(
    "combinations are stored over what was there",
    Effect.gen(function*() {
      const key = keyOf("store")
      const [a, b, none, to] = [key("a"), key("b"), key("none"), key("to")]
      yield* Redis.zadd(a, scored({ x: 1, y: 2 }))
      yield* Redis.zadd(b, scored({ y: 10, z: 20 }))
      yield* Redis.command("SET", [to, "text"])
      assert.equal(yield* Redis.zunionstore(to, [a, b], { weights: [1, 2], aggregate: "SUM" }), 3)
      assert.deepEqual(yield* all(to), scored({ x: 1, y: 22, z: 40 }))
      assert.equal(yield* Redis.zinterstore(to, [a, b], { aggregate: "MIN" }), 1)
      assert.deepEqual(yield* all(to), scored({ y: 2 }))
      assert.equal(yield* Redis.zdiffstore(to, [a, b]), 1)
      assert.deepEqual(yield* all(to), scored({ x: 1 }))
      assert.equal(yield* Redis.zunionstore(a, [a, b]), 3)
      assert.deepEqual(yield* all(a), scored({ x: 1, y: 12, z: 20 }))
      assert.equal(yield* Redis.zinterstore(to, [a, none]), 0)
      assert.equal(yield* Redis.command("EXISTS", [to]), 0)
    })
  ),
  test(
    "a scan comes by all members",
    Effect.gen(function*() {
      const key = keyOf("scan")("zset")
      const many = Array.from({ length: 1000 }, (_, index) => ({ member: `member:${index}`, score: index / 2 }))
      yield* Redis.zadd(key, many)
      const first = yield* Redis.zscan(key, "0")
      assert.ok(first.items.length < many.length)
      assert.notEqual(first.cursor, "0")
      const found = yield* scanAll(key, {})
      assert.equal(found.size, many.length)
      assert.ok(many.every(({ member, score }) => found.get(member) === score))
      assert.equal((yield* scanAll(key, { match: "member:99?", count: 100 })).size, 10)
    })
  ),
  test(
    "commands on sorted sets refuse other types",
    Effect.gen(function*() {
      const key = keyOf("types")
      const [text, zset, to] = [key("text"), key("zset"), key("to")]
      yield* Redis.command("SET", [text, "x"])
      yield* Redis.zadd(zset, letters)
      assert.equal(yield* failure(Redis.bzmpop([text], { from: "MIN", timeout: "100 millis" })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.bzpopmax([text], "100 millis")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.bzpopmin([text], "100 millis")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zadd(text, letters)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zcard(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zcount(text, 0, 1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zdiff([zset, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zdiffstore(to, [zset, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zincrby(text, 1, "a")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zinter([zset, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zintercard([zset, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zinterstore(to, [zset, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zlexcount(text, "-", "+")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zmpop([text], { from: "MIN" })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zmscore(text, ["a"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zpopmax(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zpopmin(text, { count: 1 })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zrandmember(text)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zrange(text, 0, -1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zrangebylex(text, "-", "+")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zrangebyscore(text, 0, 1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zrangestore(to, text, 0, -1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zrank(text, "a")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zrem(text, ["a"])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zremrangebylex(text, "-", "+")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zremrangebyrank(text, 0, -1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zremrangebyscore(text, 0, 1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zrevrange(text, 0, -1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zrevrangebylex(text, "+", "-")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zrevrangebyscore(text, 1, 0)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zrevrank(text, "a")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zscan(text, "0")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zscore(text, "a")), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zunion([zset, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zunionstore(to, [zset, text])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.zcount(zset, "(x" as "(1", 1)), "ERR")
      assert.equal(yield* failure(Redis.zrangebylex(zset, "a" as "[a", "+")), "ERR")
    })
  )
]
