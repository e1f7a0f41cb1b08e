import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import type * as Resp from "@redisc/core/Resp"
import type { Bin } from "../../../src/fake/definitions/handler.ts"
import * as Binary from "../../../src/fake/values/binary.ts"
import { show, wire, words } from "../commands/harness.ts"
import type { Wire } from "../commands/harness.ts"
import { differential, shape, unordered } from "./driver.ts"
import type { Commands, Dice } from "./driver.ts"
import { fakeServer, onRealServer } from "./imitation.ts"
import { RealServer } from "./RealServer.ts"

const names = ["a", "b", "c", "text", "list", "set", "hash", "zset", "none"]
// A real node of a cluster takes only commands whose keys are in one slot.
const tagged = (name: string): string => `{t}${name}`
const keys = names.map(tagged)

const make = ({ below, one, some }: Dice): ReadonlyArray<string> => {
  const numbers = ["3", "1", "2", "10", "-1", "1.5", "1e2", "0x10"]
  const texts = ["x", "apple", "Banana", "cherry", "10", "", "éclair"]
  const values = one([numbers, numbers, texts])
  return one([
    ["SET", tagged(one(["a", "b", "text"])), one([...values, "x".repeat(below(60))])],
    ["RPUSH", tagged(one(["list", "c"])), ...some(values, 1, 5)],
    ["SADD", tagged("set"), ...some(values, 1, 5)],
    ["HSET", tagged("hash"), one(texts), one(values)],
    ["ZADD", tagged("zset"), one(["1", "2", "-1.5"]), one(values)]
  ])
}

const millis = ["1", "0", "-1", "99999999999999", "99999999999998", "x", "9007199254740991", "-9223372036854775808"]
const seconds = ["1", "0", "-1", "99999999999", "99999999998", "x", "9007199254740", "9223372036854776"]

const expire = ({ maybe, one }: Dice): ReadonlyArray<string> => {
  const key = one(keys)
  const anyOption = ["NX", "XX", "GT", "LT", "gt", "BAD"]
  // Equal relative times may differ by a millisecond on one server, so nothing is compared with them.
  return one([
    ["EXPIREAT", key, one(seconds), ...maybe(0.5, one(anyOption)), ...maybe(0.2, one(anyOption))],
    ["PEXPIREAT", key, one(millis), ...maybe(0.5, one(anyOption)), ...maybe(0.2, one(anyOption))],
    [
      "EXPIRE",
      key,
      one(["100", "0", "-5", "9223372036854775807", "x", "9223372036854775"]),
      ...maybe(0.3, one(["NX", "XX"]))
    ],
    ["PEXPIRE", key, one(["100000", "0", "-5", "9223372036854775807", "x"]), ...maybe(0.3, one(["NX", "XX"]))],
    ["PERSIST", key]
  ])
}

const sort = ({ maybe, next, one }: Dice): ReadonlyArray<string> => [
  one(["SORT", "SORT", "SORT", "SORT_RO"]),
  one(keys),
  ...maybe(0.4, "ALPHA"),
  ...maybe(0.4, one(["ASC", "DESC", "desc"])),
  ...maybe(0.4, "LIMIT", one(["0", "1", "2", "-1", "50", "x"]), one(["0", "1", "2", "-1", "-5", "50", "x"])),
  ...maybe(0.2, "BY", next() < 0.8 ? "nosort" : "w_*"),
  ...maybe(0.1, "GET", one(["#", "{t}w_*"])),
  ...maybe(0.3, "STORE", tagged("stored")),
  ...maybe(0.05, one(["LIMIT", "BY", "STORE", "x"]))
]

const anything = (dice: Dice): ReadonlyArray<string> => {
  const { below, maybe, next, one, some } = dice
  const key = one(keys)
  const choices: ReadonlyArray<() => ReadonlyArray<string>> = [
    () => make(dice),
    () => make(dice),
    () => make(dice),
    () => expire(dice),
    () => expire(dice),
    () => [one(["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]), key],
    () => [one(["DEL", "UNLINK"]), ...some(keys, 1, 2)],
    () => [one(["EXISTS", "TOUCH"]), ...some(keys, 1, 4)],
    () => [one(["TYPE", "DUMP"]), key],
    () => [one(["RENAME", "RENAMENX"]), key, one(keys)],
    () => [
      "COPY",
      key,
      one(keys),
      ...maybe(0.5, "REPLACE"),
      ...maybe(0.2, "DB", one(["0", "1", "15", "16", "-1", "x", "99999999999"])),
      ...maybe(0.05, "x")
    ],
    () => ["OBJECT", one(["ENCODING", "REFCOUNT", "FREQ", "IDLETIME", "x"]), key],
    () => ["OBJECT", one(["ENCODING", "HELP"]), ...some(keys, 0, 2)],
    () => ["KEYS", one(["*", "{t}?", "{t}[a-c]", "nothing", "\\{t}a", "{t}*t", "{t}[^a]*"])],
    () => [
      "SCAN",
      "0",
      "COUNT",
      "1000",
      ...maybe(0.4, "MATCH", "{t}*t"),
      ...maybe(0.4, "TYPE", one(["string", "LIST", "zset", "nope"]))
    ],
    () => ["SCAN", one(["x", "-", "99999999999999999999999"]), ...maybe(0.3, "COUNT", one(["0", "x"]))],
    () => ["SCAN", "", "COUNT", "1000"],
    () => ["SCAN", "0", "COUNT", one(["0", "-1", "x"])],
    () => sort(dice),
    () => sort(dice),
    () => ["LRANGE", tagged("stored"), "0", "-1"],
    () => [
      "RESTORE",
      key,
      one(["0", "-1", "x", "100"]),
      one(["payload", "", "0123456789abcdef"]),
      ...maybe(0.4, "REPLACE"),
      ...maybe(0.3, one(["ABSTTL", "IDLETIME", "FREQ", "x"])),
      ...maybe(0.2, one(["5", "-1", "256", "x"]))
    ],
    () => [one(["RESTORE", "RENAME", "COPY", "EXPIRE", "SORT", "OBJECT", "TTL", "SCAN"]), ...some(keys, 0, below(4))],
    () => next() < 0.5 ? ["MOVE", key, "1"] : ["SWAPDB", "0", "1"]
  ]
  return one(choices)()
}

const numbered = (count: number, prefix = ""): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`)
const encodings: Commands = [
  ["SADD", "{t}ints", ...numbered(512)],
  ["SADD", "{t}manyints", ...numbered(513)],
  ["SADD", "{t}words", "1", "a"],
  ["SADD", "{t}zeros", "1", "01"],
  ["HSET", "{t}smallhash", ...numbered(1024, "f")],
  ["HSET", "{t}largehash", ...numbered(1026, "f")],
  ["HSET", "{t}widehash", "f", "x".repeat(65)],
  ["ZADD", "{t}smallzset", ...numbered(128).flatMap((n) => [n, `m${n}`])],
  ["ZADD", "{t}largezset", ...numbered(129).flatMap((n) => [n, `m${n}`])],
  ["ZADD", "{t}widezset", "1", "x".repeat(65)],
  ["RPUSH", "{t}longlist", ...numbered(300)],
  ["SET", "{t}int", "12345"],
  ["SET", "{t}shared", "9999"],
  ["SET", "{t}embstr", "x".repeat(44)],
  ["SET", "{t}raw", "x".repeat(45)],
  ["APPEND", "{t}embstr", "1"],
  ["SET", "{t}bits", "a"],
  ["SETBIT", "{t}bits", "1", "0"],
  ["COPY", "{t}bits", "{t}bitscopy"],
  ["RENAME", "{t}bits", "{t}renamed"],
  ...["ints", "manyints", "words", "zeros", "smallhash", "largehash", "widehash", "smallzset", "largezset", "widezset"]
    .map((name) => ["OBJECT", "ENCODING", tagged(name)]),
  ...["longlist", "int", "shared", "embstr", "raw", "bitscopy", "renamed"].flatMap((name) => [
    ["OBJECT", "ENCODING", tagged(name)],
    ["OBJECT", "REFCOUNT", tagged(name)]
  ])
]

const fixed: Commands = [
  "RPUSH {t}n 3 1 2 10 1 -5",
  "SORT {t}n",
  "SORT {t}n BY nosort DESC",
  "SORT {t}n BY nosort DESC LIMIT 1 2",
  "SORT {t}n BY nosort LIMIT 1 2 STORE {t}stored",
  "LRANGE {t}stored 0 -1",
  "ZADD {t}z 1 c 2 b 3 a",
  "SORT {t}z BY nosort",
  "SORT {t}z BY nosort DESC LIMIT 0 2",
  "SORT {t}z BY nosort LIMIT 5 2",
  "SADD {t}s c a b",
  "SORT {t}s BY nosort STORE {t}stored",
  "LRANGE {t}stored 0 -1",
  "SORT {t}s BY nosort DESC STORE {t}stored",
  "LRANGE {t}stored 0 -1",
  "SORT {t}s",
  "SORT {t}s LIMIT 0",
  "SORT {t}missing STORE {t}stored",
  "SORT {t}missing STORE {t}stored",
  ["RPUSH", "{t}odd", "", " 1", "inf", "-inf", "0x1F"],
  "SORT {t}odd",
  "SORT {t}odd ALPHA",
  "RPUSH {t}odd nan",
  "SORT {t}odd",
  "SORT_RO {t}n STORE {t}stored",
  "SET {t}x 1 EX 100",
  "RENAME {t}x {t}y",
  "TTL {t}y",
  "SET {t}x 2",
  "RENAME {t}x {t}y",
  "TTL {t}y",
  "RENAME {t}y {t}y",
  "RENAMENX {t}y {t}y",
  "RENAME {t}gone {t}gone",
  "COPY {t}y {t}y",
  "COPY {t}gone {t}gone",
  "COPY {t}y {t}w DB 0",
  "COPY {t}y {t}y DB 1",
  "MOVE {t}y 0",
  "EXPIRE {t}y x NX XX",
  "EXPIRE {t}y 1 GT LT",
  "EXPIRE {t}y 1 NX GT",
  "EXPIRE {t}y 1 NX NX BAD",
  "EXPIRE {t}gone 9223372036854775807",
  "OBJECT ENCODING",
  "OBJECT HELP x",
  "OBJECT",
  "SCAN 0 TYPE",
  "SCAN 0 MATCH",
  "SCAN 0 COUNT 10 BAD"
]

const sleeps = new Set(["PTTL", "PEXPIRETIME", "EXPIRETIME"])

/** Times near the present as one word, those given as a date in full. */
const normalise = (argv: ReadonlyArray<string>, reply: Wire): Wire => {
  const name = argv[0].toUpperCase()
  if (sleeps.has(name) && name === "PTTL" && Number(reply.text) > 0) return { ...reply, text: "some" }
  if (sleeps.has(name)) {
    const at = Number(reply.text) * (name === "EXPIRETIME" ? 1000 : 1)
    return Math.abs(at - Date.now()) < 1_000_000 ? { ...reply, text: "soon" } : reply
  }
  if (name === "TTL" && Number(reply.text) > 1000) return { ...reply, text: "much" }
  if (name === "DUMP" || name === "RANDOMKEY") return reply.sign === "_" || reply.text === "-1\r" ? reply : shape(reply)
  if (name === "KEYS" || (name.startsWith("SORT") && argv.includes("nosort"))) return unordered(reply)
  if (name === "SCAN" && reply.items !== undefined) {
    return { ...reply, items: [reply.items[0], unordered(reply.items[1])] }
  }
  return reply
}

differential("keys", {
  cluster: true,
  commands: (dice) => [...fixed, ...encodings, ...Array.from({ length: 1200 }, () => anything(dice))],
  normalise
})

onRealServer("DUMP and RESTORE between both servers", () => {
  let real: RealServer
  beforeAll(async () => {
    real = await RealServer.start()
  })
  afterAll(() => real?.stop())

  const contents: ReadonlyArray<readonly [name: string, make: string, read: string]> = [
    ["text", "SET text value", "GET text"],
    ["empty", "SET empty ''", "GET empty"],
    ["number", "SET number -12345", "GET number"],
    ["long", `SET long ${numbered(9000).join("")}`, "GET long"],
    ["list", `RPUSH list ${numbered(200).join(" ")}`, "LRANGE list 0 -1"],
    ["set", "SADD set a b é", "SORT set ALPHA"],
    ["hash", "HSET hash f 1 g 2", "HGETALL hash"],
    ["zset", "ZADD zset 1.5 a -inf b 3 c", "ZRANGE zset 0 -1 WITHSCORES"]
  ]

  it.each(contents)("the real one restores the simulated %s", async (name, make, read) => {
    const connection = await real.connection(2)
    const { client, run } = simulated()
    client.run(make)
    const payload = run(["DUMP", name])
    assert.strictEqual(payload._tag, "Bulk")
    const restored = await connection.send(["RESTORE", name, "0", wire(payload, 2).text, "REPLACE"])
    assert.strictEqual(show(restored), "+OK")
    assert.strictEqual(show(await connection.send(words(read))), client.run(read))
    connection.close()
  })

  it.each(contents.slice(0, 3))("the simulated one restores the real %s", async (name, make, read) => {
    const connection = await real.connection(2)
    await connection.send(words(make))
    const { client, run } = simulated()
    const payload = await connection.send(["DUMP", name])
    assert.strictEqual(show(wire(run(["RESTORE", name, "0", payload.text]), 2)), "+OK")
    assert.strictEqual(client.run(read), show(await connection.send(words(read))))
    connection.close()
  })

  const simulated = () => {
    const server = fakeServer()
    const client = server.client(2)
    const run = (argv: ReadonlyArray<Bin>): Resp.Reply => server.run(client, argv)!
    return { client, run }
  }

  it("restores its own in every type", () => {
    for (const [name, make, read] of contents) {
      const { client, run } = simulated()
      client.run(make)
      const before = client.run(read)
      const payload = wire(run(["DUMP", name]), 2).text
      assert.strictEqual(client.run(`DEL ${name}`), ":1")
      assert.strictEqual(show(wire(run(["RESTORE", name, "0", payload]), 2)), "+OK")
      assert.strictEqual(client.run(read), before)
      const broken = Binary.fromBytes(Binary.toBytes(payload).with(0, 99))
      assert.strictEqual(
        show(wire(run(["RESTORE", "other", "0", broken]), 2)),
        "-ERR DUMP payload version or checksum are wrong"
      )
    }
  })
})
