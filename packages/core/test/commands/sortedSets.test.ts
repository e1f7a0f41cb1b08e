import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Command from "../../src/Command.ts"
import * as Zsets from "../../src/commands/sortedSets.ts"
import { Mismatch } from "../../src/internal/commands/reply.ts"
import type * as Resp from "../../src/Resp.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const sent = (command: Command.Any) => [command.spec.name, ...command.args]
const refuses = (command: Command.Any, reply: Resp.Value): boolean => {
  try {
    command.decode(reply)
    return false
  } catch (error) {
    return error instanceof Mismatch
  }
}

type Members = Command.Command<ReadonlyArray<string>>
type Scored = Command.Command<ReadonlyArray<Zsets.ScoredMember>>

const ada = { member: "ada", score: 1 }
const bob = { member: "bob", score: 2.5 }

describe("sorted sets", () => {
  it.each<[Command.Any, ReadonlyArray<Command.Arg>]>([
    [Zsets.zadd("k", [ada, bob]), ["ZADD", "k", "1", "ada", "2.5", "bob"]],
    [
      Zsets.zadd("k", [{ member: bytes("a"), score: Infinity }, { member: "b", score: -Infinity }]),
      ["ZADD", "k", "inf", bytes("a"), "-inf", "b"]
    ],
    [Zsets.zadd("k", [ada], { nx: true }), ["ZADD", "k", "NX", "1", "ada"]],
    [Zsets.zadd("k", [ada], { xx: true, gt: true, ch: true }), ["ZADD", "k", "XX", "GT", "CH", "1", "ada"]],
    [Zsets.zadd("k", [ada], { lt: true, ch: false }), ["ZADD", "k", "LT", "1", "ada"]],
    [Zsets.zadd("k", [ada], { incr: true }), ["ZADD", "k", "INCR", "1", "ada"]],
    [Zsets.zcard("k"), ["ZCARD", "k"]],
    [Zsets.zcount("k", "(1.5", Infinity), ["ZCOUNT", "k", "(1.5", "inf"]],
    [Zsets.zcount("k", "-inf", "+inf"), ["ZCOUNT", "k", "-inf", "+inf"]],
    [Zsets.zincrby("k", -0.5, "a"), ["ZINCRBY", "k", "-0.5", "a"]],
    [Zsets.zlexcount("k", "-", "(b"), ["ZLEXCOUNT", "k", "-", "(b"]],
    [Zsets.zmscore("k", ["a", "b"]), ["ZMSCORE", "k", "a", "b"]],
    [Zsets.zrandmember("k"), ["ZRANDMEMBER", "k"]],
    [Zsets.zrandmember("k", { count: 2 }), ["ZRANDMEMBER", "k", "2"]],
    [Zsets.zrandmember("k", { count: -2, withscores: true }), ["ZRANDMEMBER", "k", "-2", "WITHSCORES"]],
    [Zsets.zrank("k", "a"), ["ZRANK", "k", "a"]],
    [Zsets.zrank("k", "a", { withscore: true }), ["ZRANK", "k", "a", "WITHSCORE"]],
    [Zsets.zrem("k", ["a", "b"]), ["ZREM", "k", "a", "b"]],
    [Zsets.zremrangebylex("k", "[a", "+"), ["ZREMRANGEBYLEX", "k", "[a", "+"]],
    [Zsets.zremrangebyrank("k", 0, -2), ["ZREMRANGEBYRANK", "k", "0", "-2"]],
    [Zsets.zremrangebyscore("k", -Infinity, "(5"), ["ZREMRANGEBYSCORE", "k", "-inf", "(5"]],
    [Zsets.zrevrank("k", "a"), ["ZREVRANK", "k", "a"]],
    [Zsets.zrevrank("k", "a", { withscore: true }), ["ZREVRANK", "k", "a", "WITHSCORE"]],
    [Zsets.zscan("k", "0", { match: "a*", count: 5 }), ["ZSCAN", "k", "0", "MATCH", "a*", "COUNT", "5"]],
    [Zsets.zscore("k", "a"), ["ZSCORE", "k", "a"]]
  ])("%# sends its arguments", (command, expected) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual(sent(command), expected)
  })

  it.each<[Command.Any, ReadonlyArray<Command.Arg>]>([
    [Zsets.zrange("k", 0, -1), ["ZRANGE", "k", "0", "-1"]],
    [Zsets.zrange("k", 0, 2, { rev: true, withscores: true }), ["ZRANGE", "k", "0", "2", "REV", "WITHSCORES"]],
    [Zsets.zrange("k", 0.5, "(2", { byscore: true }), ["ZRANGE", "k", "0.5", "(2", "BYSCORE"]],
    [
      Zsets.zrange("k", Infinity, "-inf", {
        byscore: true,
        rev: true,
        limit: { offset: 1, count: 2 },
        withscores: true
      }),
      ["ZRANGE", "k", "inf", "-inf", "BYSCORE", "REV", "LIMIT", "1", "2", "WITHSCORES"]
    ],
    [
      Zsets.zrange("k", "[a", bytes("(b"), { bylex: true, limit: { count: -1 } }),
      ["ZRANGE", "k", "[a", bytes("(b"), "BYLEX", "LIMIT", "0", "-1"]
    ],
    [Zsets.zrange("k", "+", "-", { bylex: true, rev: true }), ["ZRANGE", "k", "+", "-", "BYLEX", "REV"]],
    [Zsets.zrangestore("d", "k", 0, 9), ["ZRANGESTORE", "d", "k", "0", "9"]],
    [
      Zsets.zrangestore("d", "k", 1, "(2", { byscore: true, rev: false }),
      ["ZRANGESTORE", "d", "k", "1", "(2", "BYSCORE"]
    ],
    [
      Zsets.zrangestore("d", "k", "[a", "[b", { bylex: true, limit: { count: 1 } }),
      ["ZRANGESTORE", "d", "k", "[a", "[b", "BYLEX", "LIMIT", "0", "1"]
    ],
    [Zsets.zrangebylex("k", "[a", "(b"), ["ZRANGEBYLEX", "k", "[a", "(b"]],
    [Zsets.zrangebylex("k", "-", "+", { limit: { count: 5 } }), ["ZRANGEBYLEX", "k", "-", "+", "LIMIT", "0", "5"]],
    [Zsets.zrangebyscore("k", 1, "(2"), ["ZRANGEBYSCORE", "k", "1", "(2"]],
    [
      Zsets.zrangebyscore("k", 1, 2, { limit: { offset: 3, count: 5 }, withscores: true }),
      ["ZRANGEBYSCORE", "k", "1", "2", "WITHSCORES", "LIMIT", "3", "5"]
    ],
    [Zsets.zrevrange("k", 0, -1), ["ZREVRANGE", "k", "0", "-1"]],
    [Zsets.zrevrange("k", 0, 1, { withscores: true }), ["ZREVRANGE", "k", "0", "1", "WITHSCORES"]],
    [Zsets.zrevrangebylex("k", "(b", "[a"), ["ZREVRANGEBYLEX", "k", "(b", "[a"]],
    [Zsets.zrevrangebyscore("k", "+inf", 1, { withscores: true }), [
      "ZREVRANGEBYSCORE",
      "k",
      "+inf",
      "1",
      "WITHSCORES"
    ]]
  ])("%# sends a range", (command, expected) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual(sent(command), expected)
  })

  it.each<[Command.Any, ReadonlyArray<Command.Arg>, ReadonlyArray<Command.Arg>]>([
    [
      Zsets.bzmpop(["k", "l"], { from: "MIN", timeout: "Infinity" }),
      ["BZMPOP", "0", "2", "k", "l", "MIN"],
      ["k", "l"]
    ],
    [Zsets.bzmpop(["k"], { from: "MAX", count: 3, timeout: "1500 millis" }), [
      "BZMPOP",
      "1.5",
      "1",
      "k",
      "MAX",
      "COUNT",
      "3"
    ], ["k"]],
    [Zsets.bzpopmax(["k", "l"], "1 second"), ["BZPOPMAX", "k", "l", "1"], ["k", "l"]],
    [Zsets.bzpopmin(["k"], "1 millis"), ["BZPOPMIN", "k", "0.001"], ["k"]],
    [Zsets.zdiff(["k", "l"]), ["ZDIFF", "2", "k", "l"], ["k", "l"]],
    [Zsets.zdiff(["k", "l"], { withscores: true }), ["ZDIFF", "2", "k", "l", "WITHSCORES"], ["k", "l"]],
    [Zsets.zdiffstore("d", ["k", "l"]), ["ZDIFFSTORE", "d", "2", "k", "l"], ["d", "k", "l"]],
    [Zsets.zinter(["k", "l"]), ["ZINTER", "2", "k", "l"], ["k", "l"]],
    [
      Zsets.zinter(["k", "l"], { weights: [1, 0.5], aggregate: "MAX", withscores: true }),
      ["ZINTER", "2", "k", "l", "WEIGHTS", "1", "0.5", "AGGREGATE", "MAX", "WITHSCORES"],
      ["k", "l"]
    ],
    [Zsets.zintercard(["k", "l"]), ["ZINTERCARD", "2", "k", "l"], ["k", "l"]],
    [Zsets.zintercard(["k", "l"], { limit: 5 }), ["ZINTERCARD", "2", "k", "l", "LIMIT", "5"], ["k", "l"]],
    [
      Zsets.zinterstore("d", ["k", "l"], { weights: [2, -Infinity] }),
      ["ZINTERSTORE", "d", "2", "k", "l", "WEIGHTS", "2", "-inf"],
      ["d", "k", "l"]
    ],
    [Zsets.zmpop(["k", "l"], { from: "MIN" }), ["ZMPOP", "2", "k", "l", "MIN"], ["k", "l"]],
    [Zsets.zmpop(["k"], { from: "MAX", count: 2 }), ["ZMPOP", "1", "k", "MAX", "COUNT", "2"], ["k"]],
    [Zsets.zpopmax("k"), ["ZPOPMAX", "k"], ["k"]],
    [Zsets.zpopmin("k", { count: 3 }), ["ZPOPMIN", "k", "3"], ["k"]],
    [Zsets.zrangestore("d", "k", 0, 1), ["ZRANGESTORE", "d", "k", "0", "1"], ["d", "k"]],
    [Zsets.zunion(["k"], { withscores: true }), ["ZUNION", "1", "k", "WITHSCORES"], ["k"]],
    [
      Zsets.zunionstore("d", ["k", "l"], { aggregate: "SUM" }),
      ["ZUNIONSTORE", "d", "2", "k", "l", "AGGREGATE", "SUM"],
      ["d", "k", "l"]
    ]
  ])("%# sends its arguments, with the keys where they are looked for", (command, expected, keys) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual(sent(command), expected)
    assert.deepStrictEqual(Command.keys(command), keys)
  })

  it("marks the commands that block", () => {
    assert.isTrue(Zsets.bzmpop(["k"], { from: "MIN", timeout: "1 millis" }).spec.blocking)
    assert.isTrue(Zsets.bzpopmax(["k"], "1 millis").spec.blocking)
    assert.isTrue(Zsets.bzpopmin(["k"], "1 millis").spec.blocking)
    assert.isFalse(Zsets.zpopmin("k").spec.blocking)
  })

  it.each<[Command.Any, string]>([
    [Zsets.zadd("k", []), "give at least one member"],
    [Zsets.zadd("k", [{ member: "a", score: NaN }]), "a score has to be a number, not NaN"],
    [Zsets.zcount("k", NaN, 1), "min has to be a number, not NaN"],
    [Zsets.zincrby("k", NaN, "a"), "the increment has to be a number, not NaN"],
    [Zsets.zmscore("k", []), "give at least one member"],
    [Zsets.zrem("k", []), "give at least one member"],
    [Zsets.zrange("k", 0, Infinity), "stop has to be a whole number within 2^53"],
    [Zsets.zrange("k", 0.5, 1), "start has to be a whole number within 2^53"],
    [Zsets.zrange("k", NaN, 1, { byscore: true }), "start has to be a number, not NaN"],
    [
      Zsets.zrange("k", 0, 1, { byscore: true, limit: { offset: -1, count: 1 } }),
      "the offset has to be a whole number of at least 0"
    ],
    [
      Zsets.zrangebylex("k", "-", "+", { limit: { count: NaN } }),
      "the count has to be a whole number within 2^53"
    ],
    [Zsets.zrangestore("d", "k", 0, NaN), "stop has to be a whole number within 2^53"],
    [Zsets.zremrangebyrank("k", 0.5, 1), "start has to be a whole number within 2^53"],
    [Zsets.zdiff([]), "give at least one key"],
    [Zsets.zdiffstore("d", []), "give at least one key to subtract from"],
    [Zsets.zinter([]), "give at least one key"],
    [Zsets.zinter(["k", "l"], { weights: [1] }), "give one weight for each key"],
    [Zsets.zunionstore("d", ["k"], { weights: [NaN] }), "a weight has to be a number, not NaN"],
    [Zsets.zintercard(["k"], { limit: 0.5 }), "the limit has to be a whole number within 2^53"],
    [Zsets.zmpop([], { from: "MIN" }), "give at least one key"],
    [Zsets.zpopmin("k", { count: NaN }), "the count has to be a whole number within 2^53"],
    [Zsets.zrandmember("k", { count: 0.5 }), "the count has to be a whole number within 2^53"],
    [Zsets.bzpopmin([], "1 millis"), "give at least one key"],
    [Zsets.bzpopmax(["k"], "0 millis"), "the timeout has to be positive; \"Infinity\" waits for ever"],
    [
      Zsets.bzmpop(["k"], { from: "MIN", timeout: "-1 millis" }),
      "the timeout has to be positive; \"Infinity\" waits for ever"
    ],
    [Zsets.zscan("k", "0", { count: 0 }), "the count has to be a whole number of at least 1"]
  ])("%# says what to do instead", (command, problem) => {
    assert.strictEqual(command.problem, problem)
  })

  // The first reply is the one of RESP2, the second the one of RESP3.
  it.each<[Command.Any, ReadonlyArray<Resp.Value>, unknown]>([
    [Zsets.zadd("k", [ada]), [1], 1],
    [Zsets.zadd("k", [ada], { incr: true }), ["2.5", 2.5], 2.5],
    [Zsets.zadd("k", [ada], { incr: true, nx: true }), [null], null],
    [Zsets.zincrby("k", 1, "a"), ["inf", Infinity], Infinity],
    [Zsets.zscore("k", "a"), ["-inf", -Infinity], -Infinity],
    [Zsets.zscore("k", "a"), [null], null],
    [Zsets.zmscore("k", ["a", "b"]), [["1.5", null], [1.5, null]], [1.5, null]],
    [Zsets.zrange("k", 0, -1), [["ada", "bob"]], ["ada", "bob"]],
    [
      Zsets.zrange("k", 0, -1, { withscores: true }),
      [["ada", "1", "bob", "2.5"], [["ada", 1], ["bob", 2.5]]],
      [ada, bob]
    ],
    [Zsets.zrange("k", 0, -1, { withscores: true }), [[]], []],
    [Zsets.zrandmember("k"), [null], null],
    [Zsets.zrandmember("k", { count: -2, withscores: true }), [["ada", "1", "ada", "1"], [["ada", 1], ["ada", 1]]], [
      ada,
      ada
    ]],
    [Zsets.zpopmin("k"), [["ada", "1"], ["ada", 1]], ada],
    [Zsets.zpopmin("k"), [[]], null],
    [Zsets.zpopmax("k", { count: 2 }), [["bob", "2.5", "ada", "1"], [["bob", 2.5], ["ada", 1]]], [bob, ada]],
    [Zsets.bzpopmin(["k"], "1 millis"), [["k", "ada", "1"], ["k", "ada", 1]], { key: "k", ...ada }],
    [Zsets.bzpopmax(["k"], "1 millis"), [null], null],
    [
      Zsets.zmpop(["k"], { from: "MIN", count: 2 }),
      [["k", [["ada", "1"], ["bob", "2.5"]]], ["k", [["ada", 1], ["bob", 2.5]]]],
      { key: "k", members: [ada, bob] }
    ],
    [Zsets.bzmpop(["k"], { from: "MIN", timeout: "1 millis" }), [null], null],
    [Zsets.zrank("k", "a"), [3], 3],
    [Zsets.zrank("k", "a", { withscore: true }), [[3, "1.5"], [3, 1.5]], { rank: 3, score: 1.5 }],
    [Zsets.zrevrank("k", "a", { withscore: true }), [null], null],
    [Zsets.zscan("k", "0"), [["0", ["ada", "1", "bob", "2.5"]]], { cursor: "0", items: [ada, bob] }]
  ])("%# decodes", (command, replies, expected) => {
    for (const reply of replies) assert.deepStrictEqual(command.decode(reply), expected)
  })

  it.each<[Command.Any, ReadonlyArray<Resp.Value>]>([
    [Zsets.zadd("k", [ada]), [null, "x", 1.5]],
    [Zsets.zscore("k", "a"), ["x", ["1"]]],
    [Zsets.zrange("k", 0, -1), [null, [["ada", 1]]]],
    [Zsets.zrange("k", 0, -1, { withscores: true }), [["ada"], [["ada"]], ["ada", "x"], null]],
    [Zsets.zpopmin("k"), [null, ["ada"], ["ada", "1", "bob", "2"]]],
    [Zsets.bzpopmin(["k"], "1 millis"), [["k", "ada"], ["k", "ada", "x"], "k"]],
    [Zsets.zmpop(["k"], { from: "MIN" }), [["k"], ["k", "ada"], [1, []]]],
    [Zsets.zrank("k", "a", { withscore: true }), [3, [3]]],
    [Zsets.zscan("k", "0"), [["0", ["ada"]], ["x", []]]]
  ])("%# refuses replies of another form", (command, replies) => {
    for (const reply of replies) assert.isTrue(refuses(command, reply))
  })

  it("keeps members bytes under Command.bytes, and scores numbers", () => {
    const scored = Command.bytes(Zsets.zrange("k", 0, -1, { withscores: true }))
    assert.deepStrictEqual(scored.decode([bytes("ada"), bytes("1")]), [{ member: bytes("ada"), score: 1 }])
    assert.deepStrictEqual(scored.decode([[bytes("ada"), 1]]), [{ member: bytes("ada"), score: 1 }])
    expectTypeOf(scored).toEqualTypeOf<
      Command.Command<ReadonlyArray<{ readonly member: Uint8Array; readonly score: number }>>
    >()
    const popped = Command.bytes(Zsets.bzpopmin(["k"], "1 millis"))
    assert.deepStrictEqual(popped.decode([bytes("k"), bytes("a"), bytes("1")]), {
      key: bytes("k"),
      member: bytes("a"),
      score: 1
    })
  })

  it("takes back what it gave", () => {
    const members = Zsets.zrange("k", 0, -1, { withscores: true }).decode(["ada", "1", "bob", "inf"])
    assert.deepStrictEqual(sent(Zsets.zadd("l", members)), ["ZADD", "l", "1", "ada", "inf", "bob"])
  })

  it("types follow the options", () => {
    expectTypeOf(Zsets.zadd("k", [ada, bob])).toEqualTypeOf<Command.Command<number>>()
    expectTypeOf(Zsets.zadd("k", [ada], { incr: true, xx: true })).toEqualTypeOf<Command.Command<number | null>>()
    expectTypeOf(Zsets.zrange("k", 0, -1)).toEqualTypeOf<Members>()
    expectTypeOf(Zsets.zrange("k", 0, -1, { withscores: true })).toEqualTypeOf<Scored>()
    expectTypeOf(Zsets.zrange("k", 0, "(1", { byscore: true })).toEqualTypeOf<Members>()
    expectTypeOf(Zsets.zrange("k", 0, "(1", { byscore: true, withscores: true })).toEqualTypeOf<Scored>()
    expectTypeOf(Zsets.zrange("k", "-", "[a", { bylex: true })).toEqualTypeOf<Members>()
    expectTypeOf(Zsets.zinter(["k"])).toEqualTypeOf<Members>()
    expectTypeOf(Zsets.zunion(["k"], { withscores: true })).toEqualTypeOf<Scored>()
    expectTypeOf(Zsets.zpopmin("k")).toEqualTypeOf<Command.Command<Zsets.ScoredMember | null>>()
    expectTypeOf(Zsets.zpopmax("k", { count: 1 })).toEqualTypeOf<Scored>()
    expectTypeOf(Zsets.zrank("k", "a")).toEqualTypeOf<Command.Command<number | null>>()
    expectTypeOf(Zsets.zrank("k", "a", { withscore: true })).toEqualTypeOf<
      Command.Command<{ readonly rank: number; readonly score: number } | null>
    >()
    // @ts-expect-error a new member has no score to compare with
    sent(Zsets.zadd("k", [ada], { nx: true, gt: true }))
    // @ts-expect-error one member only
    sent(Zsets.zadd("k", [ada, bob], { incr: true }))
    // @ts-expect-error a bound of members begins with a bracket or a parenthesis
    sent(Zsets.zrangebylex("k", "a", "b"))
    // @ts-expect-error a limit needs a range of scores or members
    sent(Zsets.zrange("k", 0, 1, { limit: { count: 1 } }))
    // @ts-expect-error members of the same score come without it
    sent(Zsets.zrange("k", "-", "+", { bylex: true, withscores: true }))
  })
})
