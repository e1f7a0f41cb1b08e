import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Command from "../../src/Command.ts"
import * as Strings from "../../src/commands/strings.ts"
import { Mismatch } from "../../src/internal/commands/reply.ts"
import type * as Resp from "../../src/Resp.ts"

const bytes = Uint8Array.from([0, 255])
const at = new Date("2100-01-01T00:00:00Z")
const atMillis = new Date("2100-01-01T00:00:00.250Z")

const sent: ReadonlyArray<readonly [Command.Any, ReadonlyArray<Command.Arg>]> = [
  [Strings.append("k", "v"), ["APPEND", "k", "v"]],
  [Strings.decr("k"), ["DECR", "k"]],
  [Strings.decrby("k", 5), ["DECRBY", "k", "5"]],
  [Strings.get("k"), ["GET", "k"]],
  [Strings.get(bytes), ["GET", bytes]],
  [Strings.getdel("k"), ["GETDEL", "k"]],
  [Strings.getex("k"), ["GETEX", "k"]],
  [Strings.getex("k", { ex: "1 minute" }), ["GETEX", "k", "EX", "60"]],
  [Strings.getex("k", { ex: "1500 millis" }), ["GETEX", "k", "PX", "1500"]],
  [Strings.getex("k", { exat: at }), ["GETEX", "k", "EXAT", "4102444800"]],
  [Strings.getex("k", { exat: atMillis }), ["GETEX", "k", "PXAT", "4102444800250"]],
  [Strings.getex("k", { persist: true }), ["GETEX", "k", "PERSIST"]],
  [Strings.getex("k", { persist: false }), ["GETEX", "k"]],
  [Strings.getrange("k", 0, -1), ["GETRANGE", "k", "0", "-1"]],
  [Strings.getset("k", bytes), ["GETSET", "k", bytes]],
  [Strings.incr("k"), ["INCR", "k"]],
  [Strings.incrby("k", -5), ["INCRBY", "k", "-5"]],
  [Strings.incrby("k", Number.MAX_SAFE_INTEGER), ["INCRBY", "k", "9007199254740991"]],
  [Strings.incrbyfloat("k", 0.1), ["INCRBYFLOAT", "k", "0.1"]],
  [Strings.incrbyfloat("k", -1e-7), ["INCRBYFLOAT", "k", "-1e-7"]],
  [Strings.lcs("a", "b"), ["LCS", "a", "b"]],
  [Strings.lcs("a", "b", { len: true }), ["LCS", "a", "b", "LEN"]],
  [Strings.lcs("a", "b", { idx: true }), ["LCS", "a", "b", "IDX", "WITHMATCHLEN"]],
  [Strings.lcs("a", "b", { idx: true, minmatchlen: 4 }), ["LCS", "a", "b", "IDX", "MINMATCHLEN", "4", "WITHMATCHLEN"]],
  [Strings.mget(["a", bytes]), ["MGET", "a", bytes]],
  [Strings.mset({ a: "1", b: bytes }), ["MSET", "a", "1", "b", bytes]],
  [Strings.mset([[bytes, "1"], ["b", "2"]]), ["MSET", bytes, "1", "b", "2"]],
  [Strings.msetnx({ a: "1" }), ["MSETNX", "a", "1"]],
  [Strings.psetex("k", "1 second", "v"), ["PSETEX", "k", "1000", "v"]],
  [Strings.psetex("k", Duration.nanos(1_000_001n), "v"), ["PSETEX", "k", "2", "v"]],
  [Strings.set("k", "v"), ["SET", "k", "v"]],
  [Strings.set("k", "v", {}), ["SET", "k", "v"]],
  [Strings.set("k", "v", { ex: "10 minutes" }), ["SET", "k", "v", "EX", "600"]],
  [Strings.set("k", "v", { ex: Duration.seconds(1.5) }), ["SET", "k", "v", "PX", "1500"]],
  [Strings.set("k", "v", { ex: Duration.nanos(1n) }), ["SET", "k", "v", "PX", "1"]],
  [Strings.set("k", "v", { ex: undefined }), ["SET", "k", "v"]],
  [Strings.set("k", "v", { exat: at }), ["SET", "k", "v", "EXAT", "4102444800"]],
  [Strings.set("k", "v", { exat: DateTime.makeUnsafe(atMillis) }), ["SET", "k", "v", "PXAT", "4102444800250"]],
  [Strings.set("k", "v", { keepttl: true }), ["SET", "k", "v", "KEEPTTL"]],
  [Strings.set("k", "v", { nx: true, ex: "1 millis" }), ["SET", "k", "v", "NX", "PX", "1"]],
  [Strings.set("k", "v", { xx: true, get: true, keepttl: true }), ["SET", "k", "v", "XX", "GET", "KEEPTTL"]],
  [Strings.setex("k", "2 minutes", "v"), ["SETEX", "k", "120", "v"]],
  [Strings.setex("k", "1001 millis", "v"), ["SETEX", "k", "2", "v"]],
  [Strings.setnx("k", "v"), ["SETNX", "k", "v"]],
  [Strings.setrange("k", 6, "v"), ["SETRANGE", "k", "6", "v"]],
  [Strings.strlen("k"), ["STRLEN", "k"]]
]

const refused: ReadonlyArray<readonly [Command.Any, string]> = [
  [Strings.decrby("k", NaN), "the decrement has to be a whole number within 2^53"],
  [Strings.incrby("k", 1.5), "the increment has to be a whole number within 2^53"],
  [Strings.incrby("k", 2 ** 53), "the increment has to be a whole number within 2^53"],
  [Strings.incrbyfloat("k", Infinity), "the increment has to be a finite number"],
  [Strings.getrange("k", 0.5, 1), "the start has to be a whole number within 2^53"],
  [Strings.getrange("k", 0, NaN), "the end has to be a whole number within 2^53"],
  [Strings.setrange("k", 0.5, ""), "the offset has to be a whole number within 2^53"],
  [Strings.lcs("a", "b", { idx: true, minmatchlen: 0.5 }), "minmatchlen has to be a whole number within 2^53"],
  [Strings.mget([]), "give at least one key"],
  [Strings.mset({}), "give at least one key with its value"],
  [Strings.msetnx([]), "give at least one key with its value"],
  [Strings.set("k", "v", { exat: new Date(NaN) }), "the point in time is an invalid date"]
]

const endless: ReadonlyArray<readonly [string, Command.Any]> = [
  ["SET with nothing", Strings.set("k", "v", { ex: "0 millis" })],
  ["SET with less than nothing", Strings.set("k", "v", { ex: "-1 millis" })],
  ["SET with eternity", Strings.set("k", "v", { ex: "Infinity" })],
  ["GETEX with eternity", Strings.getex("k", { ex: Duration.infinity })],
  ["SETEX with nothing", Strings.setex("k", Duration.zero, "v")],
  ["PSETEX with NaN", Strings.psetex("k", NaN, "v")]
]

const match = { first: { start: 4, end: 7 }, second: { start: 5, end: 8 }, length: 4 }
const matchReply: Resp.Value = [[4, 7], [5, 8], 4]
const idx = { idx: true } as const

const decoded: ReadonlyArray<readonly [Command.Any, Resp.Value, unknown]> = [
  [Strings.get("k"), null, null],
  [Strings.get("k"), "v", "v"],
  [Command.bytes(Strings.get("k")), bytes, bytes],
  [Strings.incr("k"), 7, 7],
  [Strings.incrbyfloat("k", 1), "10.6", 10.6],
  [Strings.incrbyfloat("k", 1), 10.6, 10.6],
  [Command.bytes(Strings.incrbyfloat("k", 1)), new TextEncoder().encode("-3e10"), -3e10],
  [Strings.mget(["a", "b"]), ["1", null], ["1", null]],
  [Strings.mset({ a: "1" }), "OK", "OK"],
  [Strings.msetnx({ a: "1" }), 1, true],
  [Strings.setnx("a", "1"), 0, false],
  [Strings.set("k", "v"), "OK", "OK"],
  [Strings.set("k", "v", { nx: true }), null, null],
  [Strings.set("k", "v", { nx: true }), "OK", "OK"],
  [Strings.set("k", "v", { get: true }), "old", "old"],
  [Strings.set("k", "v", { get: true }), null, null],
  [Strings.lcs("a", "b"), "mytext", "mytext"],
  [Strings.lcs("a", "b", { len: true }), 6, 6],
  [Strings.lcs("a", "b", idx), ["matches", [matchReply], "len", 6], { matches: [match], length: 6 }],
  [
    Strings.lcs("a", "b", idx),
    new Map<Resp.Value, Resp.Value>([["matches", [matchReply]], ["len", 6]]),
    { matches: [match], length: 6 }
  ],
  [Strings.lcs("a", "b", idx), ["matches", [], "len", 0], { matches: [], length: 0 }]
]

const mismatched: ReadonlyArray<readonly [Command.Any, Resp.Value]> = [
  [Strings.get("k"), 1],
  [Strings.incr("k"), 2n ** 60n],
  [Strings.incr("k"), null],
  [Strings.incrbyfloat("k", 1), "much"],
  [Strings.mget(["a"]), "1"],
  [Strings.msetnx({ a: "1" }), 2],
  [Strings.set("k", "v"), null],
  [Strings.set("k", "v", { nx: true }), "QUEUED"],
  [Strings.lcs("a", "b", idx), "mytext"],
  [Strings.lcs("a", "b", idx), ["len", 6]],
  [Strings.lcs("a", "b", idx), ["matches", [[[4, 7], [5], 4]], "len", 6]],
  [Strings.lcs("a", "b", idx), ["matches", [[[4, 7]]], "len", 6]]
]

describe("commands/strings", () => {
  it.each(sent)("sends %j as %j", (command, args) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual([command.spec.name, ...command.args], args)
  })

  it.each(refused)("refuses %j: %s", (command, problem) => {
    assert.strictEqual(command.problem, problem)
  })

  it.each(endless)("refuses a time to live that Redis has no word for: %s", (_, command) => {
    assert.match(command.problem ?? "", /^a time to live is positive and finite; to remove the key at once use del/)
  })

  it.each(decoded)("%j decodes %j", (command, reply, expected) => {
    assert.deepStrictEqual(command.decode(reply), expected)
  })

  it.each(mismatched)("%j does not take %o for a reply", (command, reply) => {
    assert.throws(() => command.decode(reply), Mismatch as unknown as new() => Error)
  })

  it("types say what is replied", () => {
    const idx = { idx: true } as const
    expectTypeOf(Strings.get("k")).toEqualTypeOf<Command.Command<string | null>>()
    expectTypeOf(Command.bytes(Strings.get("k"))).toEqualTypeOf<Command.Command<Uint8Array | null>>()
    expectTypeOf(Strings.mget(["k"])).toEqualTypeOf<Command.Command<ReadonlyArray<string | null>>>()
    expectTypeOf(Command.bytes(Strings.mget(["k"]))).toEqualTypeOf<Command.Command<ReadonlyArray<Uint8Array | null>>>()
    expectTypeOf(Strings.set("k", "v")).toEqualTypeOf<Command.Command<"OK">>()
    expectTypeOf(Strings.set("k", "v", { ex: "1 millis" })).toEqualTypeOf<Command.Command<"OK">>()
    expectTypeOf(Strings.set("k", "v", { nx: true })).toEqualTypeOf<Command.Command<"OK" | null>>()
    expectTypeOf(Strings.set("k", "v", { xx: true, ex: "1 millis" })).toEqualTypeOf<Command.Command<"OK" | null>>()
    expectTypeOf(Strings.set("k", "v", { get: true })).toEqualTypeOf<Command.Command<string | null>>()
    expectTypeOf(Strings.set("k", "v", { nx: true, get: true })).toEqualTypeOf<Command.Command<string | null>>()
    expectTypeOf(Command.bytes(Strings.set("k", "v", { nx: true }))).toEqualTypeOf<Command.Command<"OK" | null>>()
    expectTypeOf(Strings.lcs("a", "b")).toEqualTypeOf<Command.Command<string>>()
    expectTypeOf(Strings.lcs("a", "b", { len: true })).toEqualTypeOf<Command.Command<number>>()
    expectTypeOf(Strings.lcs("a", "b", idx)).toEqualTypeOf<Command.Command<Strings.LcsMatches>>()
  })

  it("types keep apart what excludes each other", () => {
    // @ts-expect-error a value cannot have two times to live
    void Strings.set("k", "v", { ex: "1 millis", keepttl: true })
    // @ts-expect-error a key cannot both exist and not
    void Strings.set("k", "v", { nx: true, xx: true })
    // @ts-expect-error a time to live is either set or taken away
    void Strings.getex("k", { ex: "1 millis", persist: true })
    // @ts-expect-error a length has no pieces
    void Strings.lcs("a", "b", { len: true, idx: true })
  })
})
