import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Command from "../../src/Command.ts"
import * as Lists from "../../src/commands/lists.ts"
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

describe("lists", () => {
  it.each<[Command.Any, ReadonlyArray<Command.Arg>]>([
    [
      Lists.blmove("k", "l", { from: "RIGHT", to: "LEFT", timeout: "1 second" }),
      ["BLMOVE", "k", "l", "RIGHT", "LEFT", "1"]
    ],
    [Lists.blmpop(["k", "l"], { from: "LEFT", timeout: "Infinity" }), ["BLMPOP", "0", "2", "k", "l", "LEFT"]],
    [
      Lists.blmpop(["k"], { from: "RIGHT", count: 3, timeout: "1500 millis" }),
      ["BLMPOP", "1.5", "1", "k", "RIGHT", "COUNT", "3"]
    ],
    [Lists.blpop(["k", "l"], "10 seconds"), ["BLPOP", "k", "l", "10"]],
    [Lists.blpop(["k"], "100 micros"), ["BLPOP", "k", "0.001"]],
    [Lists.brpop(["k"], "Infinity"), ["BRPOP", "k", "0"]],
    [Lists.brpoplpush("k", "l", "250 millis"), ["BRPOPLPUSH", "k", "l", "0.25"]],
    [Lists.lindex("k", -1), ["LINDEX", "k", "-1"]],
    [Lists.linsert("k", { before: "p" }, "a"), ["LINSERT", "k", "BEFORE", "p", "a"]],
    [Lists.linsert("k", { after: bytes("p") }, bytes("a")), ["LINSERT", "k", "AFTER", bytes("p"), bytes("a")]],
    [Lists.llen("k"), ["LLEN", "k"]],
    [Lists.lmove("k", "l", { from: "LEFT", to: "RIGHT" }), ["LMOVE", "k", "l", "LEFT", "RIGHT"]],
    [Lists.lmpop(["k", "l"], { from: "LEFT" }), ["LMPOP", "2", "k", "l", "LEFT"]],
    [Lists.lmpop(["k"], { from: "RIGHT", count: 2 }), ["LMPOP", "1", "k", "RIGHT", "COUNT", "2"]],
    [Lists.lpop("k"), ["LPOP", "k"]],
    [Lists.lpop("k", { count: 0 }), ["LPOP", "k", "0"]],
    [Lists.lpos("k", "a"), ["LPOS", "k", "a"]],
    [
      Lists.lpos("k", "a", { rank: -1, count: 0, maxlen: 10 }),
      ["LPOS", "k", "a", "RANK", "-1", "COUNT", "0", "MAXLEN", "10"]
    ],
    [Lists.lpush("k", ["a", "b"]), ["LPUSH", "k", "a", "b"]],
    [Lists.lpushx("k", ["a"]), ["LPUSHX", "k", "a"]],
    [Lists.lrange("k", 0, -1), ["LRANGE", "k", "0", "-1"]],
    [Lists.lrem("k", -2, "a"), ["LREM", "k", "-2", "a"]],
    [Lists.lset("k", 0, "a"), ["LSET", "k", "0", "a"]],
    [Lists.ltrim("k", -100, -1), ["LTRIM", "k", "-100", "-1"]],
    [Lists.rpop("k"), ["RPOP", "k"]],
    [Lists.rpop("k", { count: 2 }), ["RPOP", "k", "2"]],
    [Lists.rpoplpush("k", "l"), ["RPOPLPUSH", "k", "l"]],
    [Lists.rpush("k", [bytes("a")]), ["RPUSH", "k", bytes("a")]],
    [Lists.rpushx("k", ["a", "b"]), ["RPUSHX", "k", "a", "b"]]
  ])("%# sends its arguments", (command, expected) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual(sent(command), expected)
  })

  it("finds the keys of commands with several", () => {
    assert.deepStrictEqual(Command.keys(Lists.blpop(["k", "l"], "1000 millis")), ["k", "l"])
    assert.deepStrictEqual(Command.keys(Lists.lmove("k", "l", { from: "LEFT", to: "LEFT" })), ["k", "l"])
    assert.deepStrictEqual(Command.keys(Lists.lmpop(["k", "l"], { from: "LEFT", count: 1 })), ["k", "l"])
    assert.deepStrictEqual(Command.keys(Lists.blmpop(["k", "l"], { from: "LEFT", timeout: "1 millis" })), ["k", "l"])
  })

  it("marks the commands that block", () => {
    const blocking = [
      Lists.blmove("k", "l", { from: "LEFT", to: "LEFT", timeout: "1 millis" }),
      Lists.blmpop(["k"], { from: "LEFT", timeout: "1 millis" }),
      Lists.blpop(["k"], "1 millis"),
      Lists.brpop(["k"], "1 millis"),
      Lists.brpoplpush("k", "l", "1 millis")
    ]
    assert.isTrue(blocking.every((command) => command.spec.blocking))
    assert.isFalse(Lists.lpop("k").spec.blocking)
  })

  it.each<[Command.Any, string]>([
    [
      Lists.blmove("k", "l", { from: "LEFT", to: "LEFT", timeout: "0 millis" }),
      "the timeout has to be positive; \"Infinity\" waits for ever"
    ],
    [Lists.blmpop([], { from: "LEFT", timeout: "1 millis" }), "give at least one key"],
    [Lists.blpop([], "1 second"), "give at least one key"],
    [Lists.blpop(["k"], "-1 millis"), "the timeout has to be positive; \"Infinity\" waits for ever"],
    [Lists.brpop(["k"], "0 millis"), "the timeout has to be positive; \"Infinity\" waits for ever"],
    [Lists.brpoplpush("k", "l", Duration.millis(NaN)), "the timeout has to be positive; \"Infinity\" waits for ever"],
    [Lists.lindex("k", 0.5), "the index has to be a whole number within 2^53"],
    [Lists.lmpop([], { from: "LEFT" }), "give at least one key"],
    [Lists.lmpop(["k"], { from: "LEFT", count: NaN }), "the count has to be a whole number within 2^53"],
    [Lists.lpop("k", { count: 1.5 }), "the count has to be a whole number within 2^53"],
    [Lists.lpos("k", "a", { rank: NaN }), "the rank has to be a whole number within 2^53"],
    [Lists.lpush("k", []), "give at least one element"],
    [Lists.lpushx("k", []), "give at least one element"],
    [Lists.lrange("k", 0, Infinity), "stop has to be a whole number within 2^53"],
    [Lists.lrem("k", 2 ** 53, "a"), "the count has to be a whole number within 2^53"],
    [Lists.lset("k", NaN, "a"), "the index has to be a whole number within 2^53"],
    [Lists.ltrim("k", 0.1, 1), "start has to be a whole number within 2^53"],
    [Lists.rpop("k", { count: NaN }), "the count has to be a whole number within 2^53"],
    [Lists.rpush("k", []), "give at least one element"],
    [Lists.rpushx("k", []), "give at least one element"]
  ])("%# says what to do instead", (command, problem) => {
    assert.strictEqual(command.problem, problem)
  })

  it.each<[Command.Any, ReadonlyArray<Resp.Value>, unknown]>([
    [Lists.blmove("k", "l", { from: "LEFT", to: "LEFT", timeout: "1 millis" }), [null], null],
    [Lists.blmpop(["k"], { from: "LEFT", timeout: "1 millis" }), [["k", ["a", "b"]]], {
      key: "k",
      elements: ["a", "b"]
    }],
    [Lists.blmpop(["k"], { from: "LEFT", timeout: "1 millis" }), [null], null],
    [Lists.blpop(["k"], "1 millis"), [["k", "a"]], { key: "k", element: "a" }],
    [Lists.brpop(["k"], "1 millis"), [null], null],
    [Lists.linsert("k", { before: "p" }, "a"), [-1], -1],
    [Lists.lmpop(["k"], { from: "LEFT" }), [["k", ["a"]]], { key: "k", elements: ["a"] }],
    [Lists.lpop("k"), [null], null],
    [Lists.lpop("k", { count: 2 }), [["a", "b"]], ["a", "b"]],
    [Lists.rpop("k", { count: 2 }), [null], null],
    [Lists.lpos("k", "a"), [3], 3],
    [Lists.lpos("k", "a"), [null], null],
    [Lists.lpos("k", "a", { count: 0 }), [[0, 2]], [0, 2]],
    [Lists.lset("k", 0, "a"), ["OK"], "OK"]
  ])("%# decodes", (command, replies, expected) => {
    for (const reply of replies) assert.deepStrictEqual(command.decode(reply), expected)
  })

  it.each<[Command.Any, ReadonlyArray<Resp.Value>]>([
    [Lists.blmpop(["k"], { from: "LEFT", timeout: "1 millis" }), [["k", "a"], ["k"], "k"]],
    [Lists.blpop(["k"], "1 millis"), [["k"], ["k", "a", "b"], "a"]],
    [Lists.lpop("k"), [["a"]]],
    [Lists.lpop("k", { count: 2 }), ["a"]],
    [Lists.lpos("k", "a"), [[0], "x"]],
    [Lists.lpos("k", "a", { count: 0 }), [null, 0]],
    [Lists.lset("k", 0, "a"), ["QUEUED", null]],
    [Lists.llen("k"), [null, 1.5]]
  ])("%# refuses replies of another form", (command, replies) => {
    for (const reply of replies) assert.isTrue(refuses(command, reply))
  })

  it("keeps bytes under Command.bytes, keys included", () => {
    const command = Command.bytes(Lists.blpop(["k"], "1 millis"))
    assert.deepStrictEqual(command.decode([bytes("k"), bytes("a")]), { key: bytes("k"), element: bytes("a") })
    expectTypeOf(command).toEqualTypeOf<
      Command.Command<{ readonly key: Uint8Array; readonly element: Uint8Array } | null>
    >()
    assert.strictEqual(Command.bytes(Lists.ltrim("k", 0, 1)).decode("OK"), "OK")
    expectTypeOf(Command.bytes(Lists.ltrim("k", 0, 1))).toEqualTypeOf<Command.Command<"OK">>()
  })

  it("types follow the options", () => {
    expectTypeOf(Lists.lpop("k")).toEqualTypeOf<Command.Command<string | null>>()
    expectTypeOf(Lists.rpop("k", { count: 1 })).toEqualTypeOf<Command.Command<ReadonlyArray<string> | null>>()
    expectTypeOf(Lists.lpos("k", "a", { rank: 2 })).toEqualTypeOf<Command.Command<number | null>>()
    expectTypeOf(Lists.lpos("k", "a", { count: 2 })).toEqualTypeOf<Command.Command<ReadonlyArray<number>>>()
    // @ts-expect-error an end has to be chosen
    sent(Lists.lmpop(["k"], { count: 1 }))
    // @ts-expect-error a place is before or after
    sent(Lists.linsert("k", {}, "a"))
  })
})
