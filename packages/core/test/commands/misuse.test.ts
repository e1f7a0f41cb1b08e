/** What typed functions say to callers who write what another client would take. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import type * as Command from "../../src/Command.ts"
import * as Redis from "../../src/Redis.ts"
import * as Script from "../../src/Script.ts"

const at = new Date(0)
const none = undefined as never
const as = (value: unknown) => value as never

describe("a bare number where Redis counts in seconds", () => {
  it.each<[string, Command.Any]>([
    ["expire", Redis.expire("k", as(60))],
    ["expire, in nanoseconds", Redis.expire("k", as(60n))],
    ["set", Redis.set("k", "v", { ex: as(60) })],
    ["setex", Redis.setex("k", as(60), "v")],
    ["getex", Redis.getex("k", { ex: as(60) })],
    ["restore", Redis.restore("k", new Uint8Array(1), { ex: as(60) })],
    ["restore's idletime", Redis.restore("k", new Uint8Array(1), { idletime: as(60) })],
    ["hexpire", Redis.hexpire("k", as(60), ["f"])],
    ["hgetex", Redis.hgetex("k", ["f"], { ex: as(60) })],
    ["hsetex", Redis.hsetex("k", { f: "v" }, { ex: as(60) })],
    ["blpop", Redis.blpop(["k"], as(60))],
    ["brpop", Redis.brpop(["k"], as(60))],
    ["brpoplpush", Redis.brpoplpush("k", "l", as(60))],
    ["blmove", Redis.blmove("k", "l", { from: "LEFT", to: "LEFT", timeout: as(60) })],
    ["blmpop", Redis.blmpop(["k"], { from: "LEFT", timeout: as(60) })],
    ["bzpopmin", Redis.bzpopmin(["k"], as(60))],
    ["bzpopmax", Redis.bzpopmax(["k"], as(60))],
    ["bzmpop", Redis.bzmpop(["k"], { from: "MIN", timeout: as(60) })]
  ])("is refused, and the message says what to write: %s", (_, command) => {
    assert.include(command.problem ?? "", `"60 seconds"`)
  })

  it("is taken where Redis counts in milliseconds", () => {
    assert.deepStrictEqual(Redis.pexpire("k", 60).args, ["k", "60"])
    assert.deepStrictEqual(Redis.psetex("k", 60, "v").args, ["k", "60", "v"])
    assert.deepStrictEqual(Redis.xread({ s: "$" }, { block: 60 }).args, ["BLOCK", "60", "STREAMS", "s", "$"])
    assert.deepStrictEqual(Redis.expire("k", Duration.millis(60_000)).args, ["k", "60"])
  })

  it("is no duration at all when it is text", () => {
    for (const text of ["60", "soon", "", "60 parsecs"]) {
      assert.include(Redis.expire("k", as(text)).problem ?? "", "has to be a duration")
      assert.include(Redis.pexpire("k", as(text)).problem ?? "", "has to be a duration")
    }
  })
})

describe("a value of another kind than belongs there", () => {
  const array = /^give (an array|a record|the|at least|its)/
  it.each<[string, Command.Any, RegExp | string]>([
    ["lpush of text", Redis.lpush("l", as("xyz")), "give an array, of one element or more, not text"],
    ["lpush of bytes", Redis.lpush("l", as(new Uint8Array(3))), "give an array, of one element or more, not bytes"],
    ["del of text", Redis.del(as("a")), "give an array, of one key or more, not text"],
    ["sadd of text", Redis.sadd("s", as("a")), array],
    ["mget of text", Redis.mget(as("a")), array],
    ["pfadd of text", Redis.pfadd("p", as("abc")), array],
    ["pubsubNumsub of text", Redis.pubsubNumsub(as("abc")), array],
    ["info of text", Redis.info(as("server")), array],
    ["hset of a field", Redis.hset("h", as("field"), ...as(["v"]) as []), /^give a record, as .*, not text$/],
    ["mset of text", Redis.mset(as("a")), /^give a record/],
    ["hset of a Map", Redis.hset("h", as(new Map([["a", "1"]]))), /^give a record, .*, not an object$/],
    ["hset of pairs that are none", Redis.hset("h", as([["a", "1", "2"]])), /one of these is no pair/],
    [
      "hset of nothing",
      Redis.hset("h", as({ a: undefined })),
      "argument 3 has to be text, bytes or a number, not undefined"
    ],
    [
      "zadd of a record",
      Redis.zadd("z", as({ ada: 1 })),
      /^give an array of members, each as { member: "ada", score: 1 }, not an object$/
    ],
    ["zadd of pairs", Redis.zadd("z", as(["ada", 1])), /, not as text$/],
    ["geoadd of a record", Redis.geoadd("g", as({ a: [1, 2] })), /^give an array of members, each as \{ member/],
    ["bitfield of text", Redis.bitfield("b", as("GET u8 0")), /^give an array of operations/],
    [
      "xpendingRange without options",
      Redis.xpendingRange("s", "g", "-", "+", none),
      "give its options (count, consumer, idle) as an object, not undefined"
    ],
    ["lpop of a number", Redis.lpop("l", as(3)), "give its options (count) as an object, not a number"],
    [
      "expireat of a number",
      Redis.expireat("k", as(1)),
      "the point in time has to be a Date or a DateTime, not a number"
    ],
    ["set with two lifetimes", Redis.set("k", "v", as({ ex: "1 second", exat: at })), "give ex or exat, not both"],
    ["eval of text as keys", Redis.eval("return 1", { keys: as("k") }), array],
    ["xtrim to nothing", Redis.xtrim("s", as({})), "say what to keep: give maxlen or minid"],
    ["bitfield of nothing", Redis.bitfield("b", [as({ offset: 0 })]), "an operation has get, set or incrby"],
    ["bitfield's option", Redis.bitfield("b", [as({ gett: "u8" })]), "gett is not an option; did you mean get?"],
    ["geosearch around nothing", Redis.geosearch("g", as({})), /^say around what to search/]
  ])("is refused by saying what is expected: %s", (_, { problem }, expected) => {
    if (typeof expected === "string") assert.strictEqual(problem, expected)
    else assert.match(problem ?? "", expected)
  })
})

describe("an option that nobody knows", () => {
  it.each<[string, Command.Any, string]>([
    ["set", Redis.set("k", "v", as({ EX: "1 second" })), "EX is not an option; did you mean ex?"],
    ["set, in capitals", Redis.set("k", "v", as({ NX: true })), "NX is not an option; did you mean nx?"],
    [
      "zadd",
      Redis.zadd("z", [{ member: "a", score: 1 }], as({ inc: true })),
      "inc is not an option; did you mean incr?"
    ],
    ["hscan", Redis.hscan("h", "0", as({ cuont: 1 })), "cuont is not an option; did you mean count?"],
    [
      "xadd's trim",
      Redis.xadd("s", { a: "1" }, { trim: as({ maxlenn: 1 }) }),
      "maxlenn is not an option; did you mean maxlen?"
    ],
    ["a script's input", Redis.eval("return 1", as({ key: ["k"] })), "key is not an option; did you mean keys?"],
    [
      "a transaction",
      Redis.transaction([Redis.get("k")], as({ mod: "result" })),
      "mod is not an option; did you mean mode?"
    ],
    ["a flag of another kind", Redis.set("k", "v", { nx: as(1) }), "nx has to be true or false, not a number"],
    [
      "what may be data, and is not told",
      Redis.set("k", "v", as({ "token:s3cret": "1" })),
      "one of these is not an option; there are nx, xx, get, ex, exat and keepttl"
    ],
    [
      "no options",
      Redis.set("k", "v", as(null)),
      "options have to be a plain object of nx, xx, get, ex, exat and keepttl, not null"
    ]
  ])("is named, with the nearest: %s", (_, { problem }, expected) => {
    assert.strictEqual(problem, expected)
  })
})

describe("options that exclude each other", () => {
  const sec = "1 second"
  const area = { fromlonlat: { longitude: 1, latitude: 2 }, byradius: { radius: 1, unit: "KM" as const } }
  const box = { width: 1, height: 1, unit: "KM" as const }
  it.each<[string, Command.Any, string]>([
    ["set's conditions", Redis.set("k", "v", as({ nx: true, xx: true })), "nx or xx"],
    ["set's lifetimes", Redis.set("k", "v", as({ keepttl: true, ex: sec })), "ex or keepttl"],
    ["getex", Redis.getex("k", as({ persist: true, ex: sec })), "ex or persist"],
    ["hgetex", Redis.hgetex("k", ["f"], as({ persist: true, exat: at })), "exat or persist"],
    ["hsetex's conditions", Redis.hsetex("k", { f: "v" }, as({ fnx: true, fxx: true })), "fnx or fxx"],
    ["hsetex's lifetimes", Redis.hsetex("k", { f: "v" }, as({ ex: sec, keepttl: true })), "ex or keepttl"],
    ["hexpire", Redis.hexpire("k", sec, ["f"], as({ xx: true, gt: true })), "xx or gt"],
    ["expire", Redis.expire("k", sec, as({ gt: true, lt: true })), "gt or lt"],
    ["restore's lifetimes", Redis.restore("k", new Uint8Array(1), as({ ex: sec, exat: at })), "ex or exat"],
    ["restore's use", Redis.restore("k", new Uint8Array(1), as({ idletime: sec, freq: 1 })), "idletime or freq"],
    ["zadd", Redis.zadd("z", [{ member: "a", score: 1 }], as({ nx: true, gt: true })), "nx or gt"],
    ["geoadd", Redis.geoadd("g", [], as({ nx: true, xx: true })), "nx or xx"],
    ["geosearch's centres", Redis.geosearch("g", as({ ...area, frommember: "m" })), "frommember or fromlonlat"],
    ["geosearch's areas", Redis.geosearch("g", as({ ...area, bybox: box })), "byradius or bybox"],
    ["geosearchstore", Redis.geosearchstore("g", "h", as({ ...area, frommember: "m" })), "frommember or fromlonlat"],
    ["linsert", Redis.linsert("l", as({ before: "a", after: "b" }), "c"), "before or after"],
    ["lcs", Redis.lcs("a", "b", as({ len: true, idx: true })), "len or idx"],
    ["xtrim", Redis.xtrim("s", as({ maxlen: 1, minid: "1" })), "maxlen or minid"],
    ["xadd's trim", Redis.xadd("s", { a: "1" }, { trim: as({ maxlen: 1, minid: "1" }) }), "maxlen or minid"],
    ["xclaim", Redis.xclaim("s", "g", "c", sec, ["1"], as({ idle: sec, time: at })), "idle or time"],
    ["zrange", Redis.zrange("z", as("-"), as("+"), as({ bylex: true, byscore: true })), "byscore or bylex"],
    ["clientList", Redis.clientList(as({ type: "normal", id: [1] })), "type or id"],
    ["bitfield", Redis.bitfield("b", [as({ get: "u8", set: "u8", offset: 0, value: 1 })]), "get or set"]
  ])("are refused, and none is taken over the other: %s", (_, { problem }, pair) => {
    assert.strictEqual(problem, `give ${pair}, not both`)
  })

  it("are no rivals where they are not asked for, or left out", () => {
    assert.deepStrictEqual(Redis.set("k", "v", as({ nx: true, xx: false, ex: undefined, keepttl: true })).args, [
      "k",
      "v",
      "NX",
      "KEEPTTL"
    ])
    assert.deepStrictEqual(Redis.expire("k", sec, { xx: true, gt: true }).args, ["k", "1", "XX", "GT"])
    const sets = [as({ get: undefined, set: "u8", offset: 0, value: 1 })]
    assert.deepStrictEqual(Redis.bitfield("b", sets).args, ["b", "SET", "u8", "0", "1"])
  })

  it("and those that mean nothing without another are not left out in silence", () => {
    assert.include(Redis.bitpos("b", 1, as({ start: 0, unit: "BIT" })).problem ?? "", "has an end")
    assert.include(Redis.lcs("a", "b", as({ len: true, minmatchlen: 4 })).problem ?? "", "ask for idx")
  })
})

describe("a script that is misused", () => {
  it("says so when it is called, and is never thrown", () => {
    assert.strictEqual(Script.make(none)().problem?.includes("options"), true)
    assert.include(Script.make(as({ params: () => ({}) }))().problem ?? "", "lua is missing")
    assert.include(Script.make({ lua: as(5), params: () => ({}) })().problem ?? "", "lua has to be text")
    assert.include(Script.make(as({ lua: "return 1", parms: () => ({}) }))().problem ?? "", "did you mean params?")
    assert.include(Script.make({ lua: "return 1", params: () => ({}), result: as({}) })().problem ?? "", "a Schema")
    assert.include(Script.fn({ name: as(undefined), params: () => ({}) })().problem ?? "", "name is missing")
    const limited = Script.make({
      lua: "return 1",
      params: (options: { readonly n: number }) => ({ args: [options.n] })
    })
    assert.include(limited(none).problem ?? "", "params threw a TypeError")
    assert.include(Script.make({ lua: "return 1", params: () => none })().problem ?? "", "")
  })
})
