import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Command from "../../src/Command.ts"
import * as Hashes from "../../src/commands/hashes.ts"
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
const instead = "to remove the fields at once use hdel, to keep them as long as the key use hpersist or set no time"

describe("hashes", () => {
  it.each<[Command.Any, ReadonlyArray<Command.Arg>]>([
    [Hashes.hdel("k", ["a", bytes("b")]), ["HDEL", "k", "a", bytes("b")]],
    [Hashes.hexists("k", "a"), ["HEXISTS", "k", "a"]],
    [Hashes.hget("k", "a"), ["HGET", "k", "a"]],
    [Hashes.hgetall("k"), ["HGETALL", "k"]],
    [Hashes.hincrby("k", "a", -3), ["HINCRBY", "k", "a", "-3"]],
    [Hashes.hincrbyfloat("k", "a", 0.1), ["HINCRBYFLOAT", "k", "a", "0.1"]],
    [Hashes.hkeys("k"), ["HKEYS", "k"]],
    [Hashes.hlen("k"), ["HLEN", "k"]],
    [Hashes.hmget("k", ["a", "b"]), ["HMGET", "k", "a", "b"]],
    [Hashes.hmset("k", { a: "1", b: bytes("2") }), ["HMSET", "k", "a", "1", "b", bytes("2")]],
    [Hashes.hrandfield("k"), ["HRANDFIELD", "k"]],
    [Hashes.hrandfield("k", { count: -2 }), ["HRANDFIELD", "k", "-2"]],
    [Hashes.hrandfield("k", { count: 2, withvalues: true }), ["HRANDFIELD", "k", "2", "WITHVALUES"]],
    [Hashes.hscan("k", "0"), ["HSCAN", "k", "0"]],
    [
      Hashes.hscan("k", "3", { match: "a*", count: 5, novalues: true }),
      ["HSCAN", "k", "3", "MATCH", "a*", "COUNT", "5", "NOVALUES"]
    ],
    [Hashes.hset("k", { a: "1", b: "2" }), ["HSET", "k", "a", "1", "b", "2"]],
    [Hashes.hset("k", [[bytes("a"), "1"], ["b", bytes("2")]]), ["HSET", "k", bytes("a"), "1", "b", bytes("2")]],
    [Hashes.hsetnx("k", "a", "1"), ["HSETNX", "k", "a", "1"]],
    [Hashes.hstrlen("k", "a"), ["HSTRLEN", "k", "a"]],
    [Hashes.hvals("k"), ["HVALS", "k"]]
  ])("%# sends its arguments", (command, expected) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual(sent(command), expected)
  })

  it.each<[Command.Any, ReadonlyArray<Command.Arg>]>([
    [Hashes.hexpire("k", "10 minutes", ["a", "b"]), ["HEXPIRE", "k", "600", "FIELDS", "2", "a", "b"]],
    [Hashes.hexpire("k", "1001 millis", ["a"], { nx: true }), ["HEXPIRE", "k", "2", "NX", "FIELDS", "1", "a"]],
    [Hashes.hpexpire("k", "100 micros", ["a"], { gt: true }), ["HPEXPIRE", "k", "1", "GT", "FIELDS", "1", "a"]],
    [Hashes.hexpireat("k", new Date(1500), ["a"], { xx: true }), ["HEXPIREAT", "k", "2", "XX", "FIELDS", "1", "a"]],
    [
      Hashes.hpexpireat("k", DateTime.makeUnsafe(1500), ["a"], { lt: true }),
      ["HPEXPIREAT", "k", "1500", "LT", "FIELDS", "1", "a"]
    ],
    [Hashes.hexpiretime("k", ["a"]), ["HEXPIRETIME", "k", "FIELDS", "1", "a"]],
    [Hashes.hpexpiretime("k", ["a"]), ["HPEXPIRETIME", "k", "FIELDS", "1", "a"]],
    [Hashes.hpersist("k", ["a"]), ["HPERSIST", "k", "FIELDS", "1", "a"]],
    [Hashes.httl("k", ["a", "b"]), ["HTTL", "k", "FIELDS", "2", "a", "b"]],
    [Hashes.hpttl("k", ["a"]), ["HPTTL", "k", "FIELDS", "1", "a"]],
    [Hashes.hgetdel("k", ["a", "b"]), ["HGETDEL", "k", "FIELDS", "2", "a", "b"]],
    [Hashes.hgetex("k", ["a"]), ["HGETEX", "k", "FIELDS", "1", "a"]],
    [Hashes.hgetex("k", ["a"], { ex: "2 seconds" }), ["HGETEX", "k", "EX", "2", "FIELDS", "1", "a"]],
    [Hashes.hgetex("k", ["a"], { ex: "1500 millis" }), ["HGETEX", "k", "PX", "1500", "FIELDS", "1", "a"]],
    [Hashes.hgetex("k", ["a"], { exat: new Date(2000) }), ["HGETEX", "k", "EXAT", "2", "FIELDS", "1", "a"]],
    [Hashes.hgetex("k", ["a"], { exat: new Date(2001) }), ["HGETEX", "k", "PXAT", "2001", "FIELDS", "1", "a"]],
    [Hashes.hgetex("k", ["a"], { persist: true }), ["HGETEX", "k", "PERSIST", "FIELDS", "1", "a"]],
    [Hashes.hsetex("k", { a: "1", b: "2" }), ["HSETEX", "k", "FIELDS", "2", "a", "1", "b", "2"]],
    [
      Hashes.hsetex("k", [["a", bytes("1")]], { fnx: true, ex: "10 minutes" }),
      ["HSETEX", "k", "FNX", "EX", "600", "FIELDS", "1", "a", bytes("1")]
    ],
    [
      Hashes.hsetex("k", { a: "1" }, { fxx: true, keepttl: true }),
      ["HSETEX", "k", "FXX", "KEEPTTL", "FIELDS", "1", "a", "1"]
    ]
  ])("%# sends what times to live of fields need", (command, expected) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual(sent(command), expected)
    assert.deepStrictEqual(Command.keys(command), ["k"])
  })

  it.each<[Command.Any, string]>([
    [Hashes.hdel("k", []), "give at least one field"],
    [Hashes.hmget("k", []), "give at least one field"],
    [Hashes.hset("k", {}), "give at least one field"],
    [Hashes.hmset("k", []), "give at least one field"],
    [Hashes.hincrby("k", "a", 0.5), "the increment has to be a whole number within 2^53"],
    [Hashes.hincrbyfloat("k", "a", Infinity), "the increment has to be a finite number"],
    [Hashes.hrandfield("k", { count: NaN }), "the count has to be a whole number within 2^53"],
    [Hashes.hscan("k", "0", { count: -1 }), "the count has to be a whole number of at least 1"],
    [Hashes.hexpire("k", "1 second", []), "give at least one field"],
    [Hashes.hexpire("k", "0 millis", ["a"]), `a time to live is positive and finite; ${instead}`],
    [Hashes.hpexpire("k", "Infinity", ["a"]), `a time to live is positive and finite; ${instead}`],
    [Hashes.hexpireat("k", new Date(NaN), ["a"]), "the point in time is an invalid date"],
    [Hashes.httl("k", []), "give at least one field"],
    [Hashes.hgetdel("k", []), "give at least one field"],
    [Hashes.hgetex("k", ["a"], { ex: "-1 millis" }), `a time to live is positive and finite; ${instead}`],
    [Hashes.hsetex("k", {}), "give at least one field"]
  ])("%# says what to do instead", (command, problem) => {
    assert.strictEqual(command.problem, problem)
  })

  it.each<[Command.Any, ReadonlyArray<Resp.Value>, unknown]>([
    [Hashes.hexists("k", "a"), [1, true], true],
    [Hashes.hget("k", "a"), [null], null],
    [Hashes.hincrbyfloat("k", "a", 1), ["5.25", 5.25], 5.25],
    [Hashes.hkeys("k"), [["a", "b"]], ["a", "b"]],
    [Hashes.hmget("k", ["a", "b"]), [["1", null]], ["1", null]],
    [Hashes.hmset("k", { a: "1" }), ["OK"], "OK"],
    [Hashes.hrandfield("k"), [null], null],
    [Hashes.hrandfield("k", { count: 2 }), [["a", "b"]], ["a", "b"]],
    [
      Hashes.hrandfield("k", { count: -2, withvalues: true }),
      [["a", "1", "a", "1"], [["a", "1"], ["a", "1"]]],
      [{ field: "a", value: "1" }, { field: "a", value: "1" }]
    ],
    [Hashes.hrandfield("k", { count: 2, withvalues: true }), [[]], []],
    [Hashes.hscan("k", "0"), [["7", ["a", "1"]]], { cursor: "7", items: [{ field: "a", value: "1" }] }],
    [Hashes.hscan("k", "0", { novalues: true }), [["0", ["a", "b"]]], { cursor: "0", items: ["a", "b"] }],
    [Hashes.hexpire("k", "1000 millis", ["a", "b", "c"]), [[1, 0, -2]], [1, 0, -2]],
    [Hashes.hexpireat("k", new Date(0), ["a"]), [[2]], [2]],
    [Hashes.hpersist("k", ["a", "b", "c"]), [[1, -1, -2]], [1, -1, -2]],
    [Hashes.hpttl("k", ["a"]), [[1234]], [1234]],
    [Hashes.hgetdel("k", ["a", "b"]), [["1", null]], ["1", null]],
    [Hashes.hsetex("k", { a: "1" }), [0, false], false]
  ])("%# decodes", (command, replies, expected) => {
    for (const reply of replies) assert.deepStrictEqual(command.decode(reply), expected)
  })

  it("decodes HGETALL to a record without prototype", () => {
    const { decode } = Hashes.hgetall("k")
    const replies: Array<Resp.Value> = [["a", "1", "__proto__", "2"], new Map([["a", "1"], ["__proto__", "2"]])]
    for (const reply of replies) {
      const user = decode(reply)
      assert.deepStrictEqual(Object.entries(user), [["a", "1"], ["__proto__", "2"]])
      assert.strictEqual(Object.getPrototypeOf(user), null)
    }
    assert.deepStrictEqual(Object.keys(decode([])), [])
  })

  it.each<[Command.Any, ReadonlyArray<Resp.Value>]>([
    [Hashes.hexists("k", "a"), [2, null]],
    [Hashes.hgetall("k"), [["a"], null, "a", ["a", null]]],
    [Hashes.hmget("k", ["a"]), [null, [1]]],
    [Hashes.hrandfield("k", { count: 1, withvalues: true }), [["a"], [["a"]], null]],
    [Hashes.hscan("k", "0"), [["0"], ["0", ["a"]], ["-", []]]],
    [Hashes.hexpire("k", "1000 millis", ["a"]), [[3], [-1], 1, ["1"]]],
    [Hashes.hpersist("k", ["a"]), [[0], null]],
    [Hashes.hincrby("k", "a", 1), [BigInt("9223372036854775807"), "1.5"]]
  ])("%# refuses replies of another form", (command, replies) => {
    for (const reply of replies) assert.isTrue(refuses(command, reply))
  })

  it("keeps bytes under Command.bytes, but for the names in a record", () => {
    const all = Command.bytes(Hashes.hgetall("k"))
    assert.deepStrictEqual({ ...all.decode([bytes("a"), bytes("1")]) }, { a: bytes("1") })
    assert.deepStrictEqual({ ...all.decode(new Map([[bytes("a"), bytes("1")]])) }, { a: bytes("1") })
    expectTypeOf(all.decode).returns.toEqualTypeOf<{ readonly [x: string]: Uint8Array }>()

    const page = Command.bytes(Hashes.hscan("k", "0"))
    assert.deepStrictEqual(page.decode([bytes("0"), [bytes("a"), bytes("1")]]), {
      cursor: "0",
      items: [{ field: bytes("a"), value: bytes("1") }]
    })
    expectTypeOf(Command.bytes(Hashes.hkeys("k"))).toEqualTypeOf<Command.Command<ReadonlyArray<Uint8Array>>>()
    expectTypeOf(Command.bytes(Hashes.hset("k", { a: "1" }))).toEqualTypeOf<Command.Command<number>>()
  })

  it("types follow the options", () => {
    expectTypeOf(Hashes.hgetall("k")).toEqualTypeOf<Command.Command<Record<string, string>>>()
    expectTypeOf(Hashes.hrandfield("k")).toEqualTypeOf<Command.Command<string | null>>()
    expectTypeOf(Hashes.hrandfield("k", { count: 1 })).toEqualTypeOf<Command.Command<ReadonlyArray<string>>>()
    expectTypeOf(Hashes.hrandfield("k", { count: 1, withvalues: true })).toEqualTypeOf<
      Command.Command<ReadonlyArray<Hashes.FieldValue>>
    >()
    expectTypeOf(Hashes.hscan("k", "0", { novalues: true })).toEqualTypeOf<
      Command.Command<{ readonly cursor: `${bigint}`; readonly items: ReadonlyArray<string> }>
    >()
    expectTypeOf(Hashes.hexpire("k", "1 millis", ["a"])).toEqualTypeOf<Command.Command<ReadonlyArray<-2 | 0 | 1 | 2>>>()
    // @ts-expect-error one condition at most
    sent(Hashes.hexpire("k", "1000 millis", ["a"], { nx: true, gt: true }))
    // @ts-expect-error one time to live at most
    sent(Hashes.hgetex("k", ["a"], { ex: "1000 millis", persist: true }))
    // @ts-expect-error one condition at most
    sent(Hashes.hsetex("k", { a: "1" }, { fnx: true, fxx: true }))
  })
})
