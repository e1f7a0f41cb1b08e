import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Command from "../../src/Command.ts"
import * as HyperLogLog from "../../src/commands/hyperLogLog.ts"
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

describe("hyperLogLog", () => {
  it.each<[Command.Any, ReadonlyArray<Command.Arg>]>([
    [HyperLogLog.pfadd("k", ["a", bytes("b")]), ["PFADD", "k", "a", bytes("b")]],
    [HyperLogLog.pfadd("k", []), ["PFADD", "k"]],
    [HyperLogLog.pfcount(["k"]), ["PFCOUNT", "k"]],
    [HyperLogLog.pfcount(["k", bytes("l")]), ["PFCOUNT", "k", bytes("l")]],
    [HyperLogLog.pfmerge("k", ["l", "m"]), ["PFMERGE", "k", "l", "m"]],
    [HyperLogLog.pfmerge("k", []), ["PFMERGE", "k"]]
  ])("%# sends its arguments", (command, expected) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual(sent(command), expected)
  })

  it("finds the keys of commands with several", () => {
    assert.deepStrictEqual(Command.keys(HyperLogLog.pfadd("k", ["a", "b"])), ["k"])
    assert.deepStrictEqual(Command.keys(HyperLogLog.pfcount(["k", "l"])), ["k", "l"])
    assert.deepStrictEqual(Command.keys(HyperLogLog.pfmerge("k", ["l", "m"])), ["k", "l", "m"])
  })

  it("counts no nothing", () => {
    assert.strictEqual(HyperLogLog.pfcount([]).problem, "give at least one key")
  })

  it.each<[Command.Any, ReadonlyArray<Resp.Value>, unknown]>([
    [HyperLogLog.pfadd("k", ["a"]), [1, true], true],
    [HyperLogLog.pfadd("k", ["a"]), [0, false], false],
    [HyperLogLog.pfcount(["k"]), [12], 12],
    [HyperLogLog.pfmerge("k", ["l"]), ["OK", bytes("OK")], "OK"]
  ])("%# decodes", (command, replies, expected) => {
    for (const reply of replies) assert.strictEqual(command.decode(reply), expected)
  })

  it.each<[Command.Any, ReadonlyArray<Resp.Value>]>([
    [HyperLogLog.pfadd("k", ["a"]), [2, null, "1"]],
    [HyperLogLog.pfcount(["k"]), [null, 1.5]],
    [HyperLogLog.pfmerge("k", ["l"]), [null, "QUEUED"]]
  ])("%# refuses replies of another form", (command, replies) => {
    for (const reply of replies) assert.isTrue(refuses(command, reply))
  })

  it("replies the same under Command.bytes", () => {
    expectTypeOf(Command.bytes(HyperLogLog.pfadd("k", ["a"]))).toEqualTypeOf<Command.Command<boolean>>()
    expectTypeOf(Command.bytes(HyperLogLog.pfcount(["k"]))).toEqualTypeOf<Command.Command<number>>()
    expectTypeOf(Command.bytes(HyperLogLog.pfmerge("k", ["l"]))).toEqualTypeOf<Command.Command<"OK">>()
  })
})
