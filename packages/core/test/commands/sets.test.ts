import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Command from "../../src/Command.ts"
import * as Sets from "../../src/commands/sets.ts"
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

describe("sets", () => {
  it.each<[Command.Any, ReadonlyArray<Command.Arg>]>([
    [Sets.sadd("k", ["a", "b"]), ["SADD", "k", "a", "b"]],
    [Sets.sadd(bytes("k"), [bytes("a")]), ["SADD", bytes("k"), bytes("a")]],
    [Sets.scard("k"), ["SCARD", "k"]],
    [Sets.sdiff(["k", "l"]), ["SDIFF", "k", "l"]],
    [Sets.sdiffstore("d", ["k", "l"]), ["SDIFFSTORE", "d", "k", "l"]],
    [Sets.sinter(["k"]), ["SINTER", "k"]],
    [Sets.sintercard(["k", "l"]), ["SINTERCARD", "2", "k", "l"]],
    [Sets.sintercard(["k"], { limit: undefined }), ["SINTERCARD", "1", "k"]],
    [Sets.sintercard(["k", "l"], { limit: 0 }), ["SINTERCARD", "2", "k", "l", "LIMIT", "0"]],
    [Sets.sinterstore("d", ["k", "l"]), ["SINTERSTORE", "d", "k", "l"]],
    [Sets.sismember("k", "a"), ["SISMEMBER", "k", "a"]],
    [Sets.smembers("k"), ["SMEMBERS", "k"]],
    [Sets.smismember("k", ["a", "b"]), ["SMISMEMBER", "k", "a", "b"]],
    [Sets.smove("k", "l", "a"), ["SMOVE", "k", "l", "a"]],
    [Sets.spop("k"), ["SPOP", "k"]],
    [Sets.spop("k", { count: 0 }), ["SPOP", "k", "0"]],
    [Sets.srandmember("k"), ["SRANDMEMBER", "k"]],
    [Sets.srandmember("k", { count: -3 }), ["SRANDMEMBER", "k", "-3"]],
    [Sets.srem("k", ["a", "b"]), ["SREM", "k", "a", "b"]],
    [Sets.sscan("k", "0"), ["SSCAN", "k", "0"]],
    [Sets.sscan("k", "17", { match: "a*", count: 5 }), ["SSCAN", "k", "17", "MATCH", "a*", "COUNT", "5"]],
    [Sets.sunion(["k", "l"]), ["SUNION", "k", "l"]],
    [Sets.sunionstore("d", ["k", "l"]), ["SUNIONSTORE", "d", "k", "l"]]
  ])("%# sends its arguments", (command, expected) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual(sent(command), expected)
  })

  it("finds the keys of commands with several", () => {
    assert.deepStrictEqual(Command.keys(Sets.sdiffstore("d", ["k", "l"])), ["d", "k", "l"])
    assert.deepStrictEqual(Command.keys(Sets.sintercard(["k", "l"], { limit: 3 })), ["k", "l"])
    assert.deepStrictEqual(Command.keys(Sets.smove("k", "l", "a")), ["k", "l"])
  })

  it.each<[Command.Any, string]>([
    [Sets.sadd("k", []), "give at least one member"],
    [Sets.sdiff([]), "give at least one key"],
    [Sets.sdiffstore("d", []), "give at least one key to subtract from"],
    [Sets.sinter([]), "give at least one key"],
    [Sets.sintercard([]), "give at least one key"],
    [Sets.sintercard(["k"], { limit: 1.5 }), "the limit has to be a whole number within 2^53"],
    [Sets.sinterstore("d", []), "give at least one key to intersect"],
    [Sets.smismember("k", []), "give at least one member"],
    [Sets.spop("k", { count: NaN }), "the count has to be a whole number within 2^53"],
    [Sets.srandmember("k", { count: Infinity }), "the count has to be a whole number within 2^53"],
    [Sets.srem("k", []), "give at least one member"],
    [Sets.sscan("k", "0", { count: 0 }), "the count has to be a whole number of at least 1"],
    [Sets.sunion([]), "give at least one key"],
    [Sets.sunionstore("d", []), "give at least one key to unite"]
  ])("%# says what to do instead", (command, problem) => {
    assert.strictEqual(command.problem, problem)
  })

  it.each<[Command.Any, ReadonlyArray<Resp.Value>, unknown]>([
    [Sets.sadd("k", ["a"]), [1], 1],
    [Sets.sismember("k", "a"), [1, true], true],
    [Sets.smembers("k"), [["a", "b"]], ["a", "b"]],
    [Sets.smembers("k"), [[]], []],
    [Sets.smismember("k", ["a", "b"]), [[0, 1], [false, true]], [false, true]],
    [Sets.smove("k", "l", "a"), [0, false], false],
    [Sets.spop("k"), ["a"], "a"],
    [Sets.spop("k"), [null], null],
    [Sets.spop("k", { count: 2 }), [["a", "b"]], ["a", "b"]],
    [Sets.srandmember("k"), [null], null],
    [Sets.srandmember("k", { count: -2 }), [["a", "a"]], ["a", "a"]],
    [Sets.sscan("k", "0"), [["0", ["a"]]], { cursor: "0", items: ["a"] }],
    [Sets.sscan("k", "0"), [["18446744073709551615", []]], { cursor: "18446744073709551615", items: [] }]
  ])("%# decodes", (command, replies, expected) => {
    for (const reply of replies) assert.deepStrictEqual(command.decode(reply), expected)
  })

  it.each<[Command.Any, ReadonlyArray<Resp.Value>]>([
    [Sets.sadd("k", ["a"]), [null, "x", []]],
    [Sets.sismember("k", "a"), [2, null, "1"]],
    [Sets.smembers("k"), [null, "a", [1], new Map()]],
    [Sets.smismember("k", ["a"]), [[2], 1]],
    [Sets.spop("k"), [1, ["a"]]],
    [Sets.spop("k", { count: 2 }), [null, "a"]],
    [Sets.sscan("k", "0"), [["0"], ["x", []], ["0", null], null]]
  ])("%# refuses replies of another form", (command, replies) => {
    for (const reply of replies) assert.isTrue(refuses(command, reply))
  })

  it("keeps bytes under Command.bytes, and the cursor text", () => {
    const command = Command.bytes(Sets.sscan("k", "0"))
    assert.deepStrictEqual(command.decode([bytes("5"), [bytes("a")]]), { cursor: "5", items: [bytes("a")] })
    expectTypeOf(command).toEqualTypeOf<
      Command.Command<{ readonly cursor: `${bigint}`; readonly items: ReadonlyArray<Uint8Array> }>
    >()
  })

  it("types follow the options", () => {
    expectTypeOf(Sets.spop("k")).toEqualTypeOf<Command.Command<string | null>>()
    expectTypeOf(Sets.spop("k", { count: 1 })).toEqualTypeOf<Command.Command<ReadonlyArray<string>>>()
    expectTypeOf(Sets.srandmember("k")).toEqualTypeOf<Command.Command<string | null>>()
    expectTypeOf(Sets.srandmember("k", { count: 1 })).toEqualTypeOf<Command.Command<ReadonlyArray<string>>>()
    expectTypeOf(Sets.smismember("k", ["a"])).toEqualTypeOf<Command.Command<ReadonlyArray<boolean>>>()
    expectTypeOf(Command.bytes(Sets.smembers("k"))).toEqualTypeOf<Command.Command<ReadonlyArray<Uint8Array>>>()
  })
})
