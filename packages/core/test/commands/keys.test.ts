import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Command from "../../src/Command.ts"
import * as Keys from "../../src/commands/keys.ts"
import { Mismatch } from "../../src/internal/commands/reply.ts"
import type * as Resp from "../../src/Resp.ts"

const bytes = Uint8Array.from([0, 255])
const at = new Date("2100-01-01T00:00:00.250Z")

const sent: ReadonlyArray<readonly [Command.Any, ReadonlyArray<Command.Arg>]> = [
  [Keys.copy("a", "b"), ["COPY", "a", "b"]],
  [Keys.copy("a", "b", { replace: true }), ["COPY", "a", "b", "REPLACE"]],
  [Keys.del(["a", bytes]), ["DEL", "a", bytes]],
  [Keys.dump("k"), ["DUMP", "k"]],
  [Keys.exists(["a", "a"]), ["EXISTS", "a", "a"]],
  [Keys.expire("k", "1 minute"), ["EXPIRE", "k", "60"]],
  [Keys.expire("k", "1500 millis", { nx: true }), ["EXPIRE", "k", "2", "NX"]],
  [Keys.expire("k", "1 millis", { xx: true, gt: true }), ["EXPIRE", "k", "1", "XX", "GT"]],
  [Keys.expireat("k", at), ["EXPIREAT", "k", "4102444801"]],
  [Keys.expireat("k", new Date(0), { lt: true }), ["EXPIREAT", "k", "0", "LT"]],
  [Keys.expiretime("k"), ["EXPIRETIME", "k"]],
  [Keys.keys("user:*"), ["KEYS", "user:*"]],
  [Keys.objectEncoding("k"), ["OBJECT ENCODING", "k"]],
  [Keys.objectFreq("k"), ["OBJECT FREQ", "k"]],
  [Keys.objectIdletime("k"), ["OBJECT IDLETIME", "k"]],
  [Keys.objectRefcount("k"), ["OBJECT REFCOUNT", "k"]],
  [Keys.persist("k"), ["PERSIST", "k"]],
  [Keys.pexpire("k", "1 second", { gt: false }), ["PEXPIRE", "k", "1000"]],
  [Keys.pexpireat("k", at), ["PEXPIREAT", "k", "4102444800250"]],
  [Keys.pexpireat("k", DateTime.makeUnsafe(at), { xx: true }), ["PEXPIREAT", "k", "4102444800250", "XX"]],
  [Keys.pexpiretime("k"), ["PEXPIRETIME", "k"]],
  [Keys.pttl("k"), ["PTTL", "k"]],
  [Keys.randomkey(), ["RANDOMKEY"]],
  [Keys.rename("a", "b"), ["RENAME", "a", "b"]],
  [Keys.renamenx("a", "b"), ["RENAMENX", "a", "b"]],
  [Keys.restore("k", bytes), ["RESTORE", "k", "0", bytes]],
  [Keys.restore("k", bytes, { ex: "1 second", replace: true }), ["RESTORE", "k", "1000", bytes, "REPLACE"]],
  [Keys.restore("k", bytes, { exat: at, freq: 3 }), ["RESTORE", "k", "4102444800250", bytes, "ABSTTL", "FREQ", "3"]],
  [Keys.restore("k", bytes, { idletime: "1500 millis" }), ["RESTORE", "k", "0", bytes, "IDLETIME", "1"]],
  [Keys.sort("k"), ["SORT", "k"]],
  [
    Keys.sort("k", { by: "w:*", limit: { offset: 0, count: 10 }, get: ["#", "v:*"], order: "DESC", alpha: true }),
    ["SORT", "k", "BY", "w:*", "LIMIT", "0", "10", "GET", "#", "GET", "v:*", "DESC", "ALPHA"]
  ],
  [Keys.sort("k", { store: "d", order: "ASC" }), ["SORT", "k", "ASC", "STORE", "d"]],
  [Keys.sortRo("k", { by: "nosort" }), ["SORT_RO", "k", "BY", "nosort"]],
  [Keys.touch(["a"]), ["TOUCH", "a"]],
  [Keys.ttl("k"), ["TTL", "k"]],
  [Keys.type("k"), ["TYPE", "k"]],
  [Keys.unlink(["a", "b"]), ["UNLINK", "a", "b"]]
]

const ttl = "a time to live is positive and finite; " +
  "to remove the key at once use del, to keep it for ever use persist or set no time"

const refused: ReadonlyArray<readonly [Command.Any, string]> = [
  [Keys.del([]), "give at least one key"],
  [Keys.unlink([]), "give at least one key"],
  [Keys.exists([]), "give at least one key"],
  [Keys.touch([]), "give at least one key"],
  [Keys.expire("k", "0 millis"), `${ttl}`],
  [Keys.expire("k", "Infinity"), `${ttl}`],
  [Keys.pexpire("k", -5), `${ttl}`],
  [Keys.expireat("k", new Date(NaN)), "the point in time is an invalid date"],
  [Keys.restore("k", bytes, { ex: "0 millis" }), `${ttl}`],
  [
    Keys.restore("k", bytes, { idletime: "Infinity" }),
    "idletime in seconds has to be a whole number of at least 0"
  ],
  [Keys.restore("k", bytes, { freq: 0.5 }), "freq has to be a whole number within 2^53"],
  [
    Keys.sort("k", { limit: { offset: 0, count: NaN } }),
    "the count of the limit has to be a whole number within 2^53"
  ],
  [
    Keys.sortRo("k", { limit: { offset: 0.5, count: 1 } }),
    "the offset of the limit has to be a whole number within 2^53"
  ]
]

const decoded: ReadonlyArray<readonly [Command.Any, Resp.Value, unknown]> = [
  [Keys.copy("a", "b"), 1, true],
  [Keys.del(["a"]), 1, 1],
  [Keys.dump("k"), bytes, bytes],
  [Keys.dump("k"), null, null],
  [Keys.expire("k", "1 millis"), 0, false],
  [Keys.ttl("k"), -2, -2],
  [Keys.pexpiretime("k"), 4102444800250, 4102444800250],
  [Keys.keys("*"), ["a", "b"], ["a", "b"]],
  [Keys.objectEncoding("k"), "listpack", "listpack"],
  [Keys.objectFreq("k"), null, null],
  [Keys.randomkey(), null, null],
  [Keys.rename("a", "b"), "OK", "OK"],
  [Keys.sort("k"), ["1", "2"], ["1", "2"]],
  [Keys.sort("k", { get: ["v:*"] }), ["x", null], ["x", null]],
  [Keys.sort("k", { store: "d" }), 2, 2],
  [Keys.type("k"), "zset", "zset"]
]

const mismatched: ReadonlyArray<readonly [Command.Any, Resp.Value]> = [
  [Keys.copy("a", "b"), "OK"],
  [Keys.del(["a"]), null],
  [Keys.keys("*"), null],
  [Keys.rename("a", "b"), "QUEUED"],
  [Keys.sort("k"), 2],
  [Keys.sort("k", { store: "d" }), ["1"]],
  [Keys.type("k"), null]
]

describe("commands/keys", () => {
  it.each(sent)("sends %j as %j", (command, args) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual([command.spec.name, ...command.args], args)
  })

  it.each(refused)("refuses %j: %s", (command, problem) => {
    assert.strictEqual(command.problem, problem)
  })

  it.each(decoded)("%j decodes %j", (command, reply, expected) => {
    assert.deepStrictEqual(command.decode(reply), expected)
  })

  it.each(mismatched)("%j does not take %o for a reply", (command, reply) => {
    assert.throws(() => command.decode(reply), Mismatch as unknown as new() => Error)
  })

  it("DUMP asks for bytes by itself", () => {
    assert.isTrue(Keys.dump("k").bytes)
  })

  it("the key that SORT stores to is a key", () => {
    assert.deepStrictEqual(Command.keys(Keys.sort("k", { get: ["store"], by: "store", store: "d" })), ["k", "d"])
    assert.deepStrictEqual(Command.keys(Keys.sort("k", { get: ["store"] })), ["k"])
  })

  it("types say what is replied", () => {
    expectTypeOf(Keys.dump("k")).toEqualTypeOf<Command.Command<Uint8Array | null>>()
    expectTypeOf(Keys.expire("k", "1 millis")).toEqualTypeOf<Command.Command<boolean>>()
    expectTypeOf(Keys.rename("a", "b")).toEqualTypeOf<Command.Command<"OK">>()
    expectTypeOf(Keys.sort("k")).toEqualTypeOf<Command.Command<ReadonlyArray<string>>>()
    expectTypeOf(Keys.sort("k", { alpha: true })).toEqualTypeOf<Command.Command<ReadonlyArray<string>>>()
    expectTypeOf(Keys.sort("k", { get: ["#"] })).toEqualTypeOf<Command.Command<ReadonlyArray<string | null>>>()
    expectTypeOf(Keys.sort("k", { get: ["#"], store: "d" })).toEqualTypeOf<Command.Command<number>>()
    expectTypeOf(Keys.sortRo("k", { get: ["#"] })).toEqualTypeOf<Command.Command<ReadonlyArray<string | null>>>()
    expectTypeOf(Command.bytes(Keys.keys("*"))).toEqualTypeOf<Command.Command<ReadonlyArray<Uint8Array>>>()
    expectTypeOf(Command.bytes(Keys.randomkey())).toEqualTypeOf<Command.Command<Uint8Array | null>>()
  })

  it("types keep apart what excludes each other", () => {
    // @ts-expect-error only a key without a time to live, or only one with a shorter one
    void Keys.expire("k", "1 millis", { nx: true, gt: true })
    // @ts-expect-error later or earlier
    void Keys.expire("k", "1 millis", { gt: true, lt: true })
    // @ts-expect-error a while or a point in time
    void Keys.restore("k", bytes, { ex: "1 millis", exat: at })
    // @ts-expect-error one eviction policy or the other
    void Keys.restore("k", bytes, { idletime: 1, freq: 1 })
    // @ts-expect-error what only reads stores nothing
    void Keys.sortRo("k", { store: "d" })
  })
})
