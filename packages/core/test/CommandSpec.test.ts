import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import * as CommandSpec from "../src/CommandSpec.ts"
import { table } from "../src/generated/commandTable.ts"

const specOf = (name: string): CommandSpec.CommandSpec => {
  const spec = CommandSpec.find(name)
  if (spec === undefined) throw new Error(`${name} is not in the table`)
  return spec
}

/** The keys of a command written as one line. `''` stands for an empty argument. */
const keysOf = (name: string, args = ""): ReadonlyArray<string> => {
  const list = args === "" ? [] : args.split(" ").map((arg) => arg === "''" ? "" : arg)
  return CommandSpec.keyIndexes(specOf(name), list).map((index) => list[index])
}

describe("find", () => {
  it("knows names in any case", () => {
    assert.strictEqual(specOf("hget"), specOf("HGET"))
    assert.strictEqual(specOf("Cluster Slots").name, "CLUSTER SLOTS")
  })

  it("does not know what is not in the table", () => {
    for (const name of ["", "NOPE", "GET ", "XINFO", "__proto__", "constructor", "toString"]) {
      assert.isUndefined(CommandSpec.find(name), name)
    }
    assert.throws(() => CommandSpec.get("NOPE"), /NOPE is not in the command table/)
  })

  it("counts the words of a name", () => {
    assert.strictEqual(specOf("GET").head.count, 1)
    assert.strictEqual(specOf("XINFO STREAM").head.count, 2)
  })

  it("knows since when, and commands that came later than the recorded server", () => {
    assert.strictEqual(specOf("GET").since, "1.0.0")
    assert.strictEqual(specOf("XINFO STREAM").since, "5.0.0")
    assert.strictEqual(specOf("HEXPIRE").since, "7.4.0")
    assert.strictEqual(specOf("MSETEX").since, "8.4.0")
  })
})

describe("facts", () => {
  const flags = (name: string) => {
    const { blocking, readOnly, write } = specOf(name)
    return { blocking, readOnly, write }
  }

  it("write, read, block, or nothing of it", () => {
    assert.deepStrictEqual(flags("SET"), { write: true, readOnly: false, blocking: false })
    assert.deepStrictEqual(flags("GET"), { write: false, readOnly: true, blocking: false })
    assert.deepStrictEqual(flags("BLPOP"), { write: true, readOnly: false, blocking: true })
    assert.deepStrictEqual(flags("XREAD"), { write: false, readOnly: true, blocking: true })
    assert.deepStrictEqual(flags("PUBLISH"), { write: false, readOnly: false, blocking: false })
    assert.deepStrictEqual(flags("EVAL"), { write: false, readOnly: false, blocking: false })
    assert.deepStrictEqual(flags("HTTL"), { write: false, readOnly: true, blocking: false })
  })

  it.each([
    ["GET", "Default", "Default"],
    ["DEL", "MultiShard", "AggSum"],
    ["EXISTS", "MultiShard", "AggSum"],
    ["MGET", "MultiShard", "Default"],
    ["MSET", "MultiShard", "AllSucceeded"],
    ["DBSIZE", "AllShards", "AggSum"],
    ["KEYS", "AllShards", "Default"],
    ["FLUSHALL", "AllShards", "AllSucceeded"],
    ["SCRIPT EXISTS", "AllShards", "AggLogicalAnd"],
    ["SCRIPT LOAD", "AllNodes", "AllSucceeded"],
    ["SCRIPT KILL", "AllShards", "OneSucceeded"],
    ["WAIT", "AllShards", "AggMin"],
    ["CONFIG SET", "AllNodes", "AllSucceeded"],
    ["CONFIG REWRITE", "AllNodes", "AllSucceeded"],
    ["ACL SETUSER", "AllNodes", "AllSucceeded"],
    ["SCAN", "Special", "Special"],
    ["RANDOMKEY", "AllShards", "OneBySize"],
    ["PUBSUB CHANNELS", "AllNodes", "Union"]
  ])("%s goes to %s and answers %s", (name, request, response) => {
    assert.strictEqual(specOf(name).request, request)
    assert.strictEqual(specOf(name).response, response)
  })

  it("never splits a command that promises all or nothing", () => {
    for (const name of ["MSETNX", "SUNIONSTORE", "RENAME", "BITOP", "PFMERGE"]) {
      assert.strictEqual(specOf(name).request, "Default", name)
      assert.isUndefined(specOf(name).layout, name)
    }
    assert.deepStrictEqual(specOf("MSETEX").atomicWith, ["NX", "XX"])
  })

  it("splits by the argument that is a key, so that nothing but keys and their values may follow", () => {
    const split = ["DEL", "UNLINK", "EXISTS", "TOUCH", "MGET", "MSET"]
    for (const name of split) {
      const { keys } = specOf(name)
      assert.strictEqual(keys.length, 1, name)
      assert.deepStrictEqual(keys[0].begin, { _tag: "Index", index: 0 }, name)
      const step = name === "MSET" ? 2 : 1
      assert.deepStrictEqual(keys[0].find, { _tag: "Range", last: -1, step, limit: 0 }, name)
      assert.deepStrictEqual(specOf(name).layout, { begin: 0, step, count: -1 }, name)
    }
    assert.deepStrictEqual(specOf("MSETEX").layout, { begin: 1, step: 2, count: 0 })
  })

  it("singleKey is the index of the key of a command that always has exactly one", () => {
    const indexes = {
      GET: 0,
      SET: 0,
      "XINFO STREAM": 0,
      "OBJECT ENCODING": 0,
      "XGROUP CREATE": 0,
      SPUBLISH: 0,
      GEOADD: 0,
      DEL: -1,
      MGET: -1,
      COPY: -1,
      EVAL: -1,
      XREAD: -1,
      BITOP: -1,
      PING: -1,
      SSUBSCRIBE: -1,
      // Its first key is found, but there may be others.
      SORT: -1,
      SORT_RO: -1,
      MIGRATE: -1
    }
    for (const [name, index] of Object.entries(indexes)) assert.strictEqual(specOf(name).singleKey, index, name)
  })

  it("cacheable are these commands and no others", () => {
    const cacheable = Object.keys(table).filter((name) => specOf(name).cacheable)
    assert.deepStrictEqual(
      cacheable,
      [
        ["ARCOUNT", "ARGET", "ARGETRANGE", "ARGREP", "ARLASTITEMS", "ARLEN", "ARMGET", "ARNEXT", "AROP", "ARSCAN"],
        ["BITCOUNT", "BITFIELD_RO", "BITPOS", "DIGEST", "EXISTS", "EXPIRETIME"],
        ["GEODIST", "GEOHASH", "GEOPOS", "GEORADIUSBYMEMBER_RO", "GEORADIUS_RO", "GEOSEARCH"],
        ["GET", "GETBIT", "GETRANGE"],
        ["HEXISTS", "HEXPIRETIME", "HGET", "HGETALL", "HKEYS", "HLEN", "HMGET", "HPEXPIRETIME", "HSTRLEN", "HVALS"],
        ["JSON.ARRINDEX", "JSON.ARRLEN", "JSON.GET", "JSON.MGET", "JSON.OBJKEYS", "JSON.OBJLEN"],
        ["JSON.RESP", "JSON.STRLEN", "JSON.TYPE"],
        ["LCS", "LINDEX", "LLEN", "LPOS", "LRANGE", "MGET", "PEXPIRETIME"],
        ["SCARD", "SDIFF", "SDIFFCARD", "SINTER", "SINTERCARD", "SISMEMBER", "SMEMBERS", "SMISMEMBER"],
        ["STRLEN", "SUBSTR", "SUNION", "SUNIONCARD", "TYPE"],
        ["VCARD", "VDIM", "VEMB", "VGETATTR", "VISMEMBER", "VRANGE", "VSIM", "XLEN", "XRANGE", "XREVRANGE"],
        ["ZCARD", "ZCOUNT", "ZDIFF", "ZINTER", "ZINTERCARD", "ZLEXCOUNT", "ZMSCORE"],
        ["ZRANGE", "ZRANGEBYLEX", "ZRANGEBYSCORE", "ZRANK"],
        ["ZREVRANGE", "ZREVRANGEBYLEX", "ZREVRANGEBYSCORE", "ZREVRANK", "ZSCORE", "ZUNION"]
      ].flat()
    )
  })

  it("incompleteKeys marks what no rule can find", () => {
    for (const name of ["SORT", "SORT_RO", "MIGRATE"]) assert.isTrue(specOf(name).incompleteKeys, name)
    for (const name of ["GET", "EVAL", "XREAD", "GEORADIUS"]) assert.isFalse(specOf(name).incompleteKeys, name)
  })
})

describe("unknown", () => {
  it("has the keys it is told, and may write", () => {
    const spec = CommandSpec.unknown("new.cmd", [0, 2])
    assert.strictEqual(spec.name, "NEW.CMD")
    assert.isTrue(spec.write)
    assert.isFalse(spec.readOnly)
    assert.strictEqual(spec.singleKey, -1)
    assert.deepStrictEqual(CommandSpec.keyIndexes(spec, ["a", "b", "c", "d"]), [0, 2])
    assert.deepStrictEqual(CommandSpec.keyIndexes(spec, ["a", "b"]), [0])
  })

  it("is as cacheable as the table says, if it has a key", () => {
    assert.isTrue(CommandSpec.unknown("GET", [0]).cacheable)
    assert.isFalse(CommandSpec.unknown("GET", []).cacheable)
    assert.isFalse(CommandSpec.unknown("TTL", [0]).cacheable)
    assert.isFalse(CommandSpec.unknown("NEW.CMD", [0]).cacheable)
  })

  it("with one key has a single key, with none has no keys", () => {
    assert.strictEqual(CommandSpec.unknown("NEW.CMD", [3]).singleKey, 3)
    assert.strictEqual(CommandSpec.unknown("NEW.CMD", []).singleKey, -1)
    assert.deepStrictEqual(CommandSpec.keyIndexes(CommandSpec.unknown("NEW.CMD", []), ["a"]), [])
  })
})

describe("keyIndexes", () => {
  it("of commands without keys", () => {
    assert.deepStrictEqual(keysOf("PING", "hello"), [])
    assert.deepStrictEqual(keysOf("PUBLISH", "channel message"), [])
    assert.deepStrictEqual(keysOf("SCAN", "0 MATCH a*"), [])
    assert.deepStrictEqual(keysOf("CLUSTER KEYSLOT", "a"), [])
  })

  it("at an index", () => {
    assert.deepStrictEqual(keysOf("GET", "a"), ["a"])
    assert.deepStrictEqual(keysOf("get", "a"), ["a"])
    assert.deepStrictEqual(keysOf("SET", "a b EX 10"), ["a"])
    assert.deepStrictEqual(keysOf("OBJECT ENCODING", "a"), ["a"])
    assert.deepStrictEqual(keysOf("XINFO STREAM", "a FULL"), ["a"])
    assert.deepStrictEqual(keysOf("MEMORY USAGE", "a SAMPLES 5"), ["a"])
  })

  it("in a range", () => {
    assert.deepStrictEqual(keysOf("DEL", "a b c"), ["a", "b", "c"])
    assert.deepStrictEqual(keysOf("MSET", "a 1 b 2 c 3"), ["a", "b", "c"])
    assert.deepStrictEqual(keysOf("BLPOP", "a b 0"), ["a", "b"])
    assert.deepStrictEqual(keysOf("BITOP", "AND dest a b"), ["dest", "a", "b"])
    assert.deepStrictEqual(keysOf("COPY", "a b REPLACE"), ["a", "b"])
    assert.deepStrictEqual(keysOf("SINTERSTORE", "dest a b"), ["dest", "a", "b"])
    assert.deepStrictEqual(keysOf("PFCOUNT", "a b"), ["a", "b"])
    assert.deepStrictEqual(keysOf("JSON.MGET", "a b $.path"), ["a", "b"])
    assert.deepStrictEqual(keysOf("JSON.MSET", "a $ 1 b $ 2"), ["a", "b"])
  })

  it("of sharded channels, which route like keys", () => {
    assert.deepStrictEqual(keysOf("SPUBLISH", "channel message"), ["channel"])
    assert.deepStrictEqual(keysOf("SSUBSCRIBE", "a b"), ["a", "b"])
    assert.deepStrictEqual(keysOf("SUNSUBSCRIBE"), [])
  })

  it("behind a count", () => {
    assert.deepStrictEqual(keysOf("EVAL", "script 2 a b x y"), ["a", "b"])
    assert.deepStrictEqual(keysOf("EVAL", "script 0 x"), [])
    assert.deepStrictEqual(keysOf("EVALSHA_RO", "sha 1 a x"), ["a"])
    assert.deepStrictEqual(keysOf("FCALL", "function 1 a x"), ["a"])
    assert.deepStrictEqual(keysOf("LMPOP", "2 a b LEFT COUNT 10"), ["a", "b"])
    assert.deepStrictEqual(keysOf("BLMPOP", "0 2 a b LEFT"), ["a", "b"])
    assert.deepStrictEqual(keysOf("SINTERCARD", "2 a b LIMIT 1"), ["a", "b"])
    assert.deepStrictEqual(keysOf("ZUNIONSTORE", "dest 2 a b WEIGHTS 1 2"), ["dest", "a", "b"])
    assert.deepStrictEqual(keysOf("ZDIFF", "1 a WITHSCORES"), ["a"])
    assert.deepStrictEqual(keysOf("MSETEX", "2 a 1 b 2 NX EX 10"), ["a", "b"])
  })

  it("behind a keyword", () => {
    assert.deepStrictEqual(keysOf("XREAD", "STREAMS a b 0 0"), ["a", "b"])
    assert.deepStrictEqual(keysOf("XREAD", "COUNT 2 BLOCK 100 streams a 0"), ["a"])
    assert.deepStrictEqual(keysOf("XREADGROUP", "GROUP group consumer COUNT 1 NOACK STREAMS a b > >"), ["a", "b"])
    assert.deepStrictEqual(keysOf("XREADGROUP", "GROUP streams STREAMS STREAMS streams >"), ["streams"])
    assert.deepStrictEqual(keysOf("XREAD", "STREAMS STREAMS 0"), ["STREAMS"])
    assert.deepStrictEqual(keysOf("GEORADIUS", "a 1 2 3 m"), ["a"])
    assert.deepStrictEqual(keysOf("GEORADIUS", "a 1 2 3 m COUNT 5 STORE dest"), ["a", "dest"])
    assert.deepStrictEqual(keysOf("GEORADIUSBYMEMBER", "a member 3 m STOREDIST dest"), ["a", "dest"])
  })

  it("never takes the argument of another option for the keyword", () => {
    assert.deepStrictEqual(keysOf("SORT", "a"), ["a"])
    assert.deepStrictEqual(keysOf("SORT", "a BY w_* LIMIT 0 5 GET # DESC STORE dest"), ["a", "dest"])
    assert.deepStrictEqual(keysOf("SORT", "a GET STORE ALPHA"), ["a"])
    assert.deepStrictEqual(keysOf("SORT", "store STORE store"), ["store", "store"])
    assert.deepStrictEqual(keysOf("SORT_RO", "a BY nosort"), ["a"])
    assert.deepStrictEqual(keysOf("MIGRATE", "host 6379 '' 0 1000 AUTH keys KEYS a b"), ["a", "b"])
  })

  it("of MIGRATE, whose key is empty when there are several", () => {
    assert.deepStrictEqual(keysOf("MIGRATE", "host 6379 a 0 1000"), ["a"])
    assert.deepStrictEqual(keysOf("MIGRATE", "host 6379 '' 0 1000 COPY AUTH2 user secret KEYS a b"), ["a", "b"])
    assert.deepStrictEqual(keysOf("MIGRATE", "host 6379 '' 0 1000 KEYS keys a"), ["keys", "a"])
  })

  it("searches from the end for a keyword with a negative start", () => {
    const spec: CommandSpec.CommandSpec = {
      ...CommandSpec.unknown("NEW.CMD", []),
      keys: [{
        begin: { _tag: "Keyword", keyword: "KEYS", from: -2 },
        find: { _tag: "Range", last: -1, step: 1, limit: 0 }
      }]
    }
    assert.deepStrictEqual(CommandSpec.keyIndexes(spec, ["KEYS", "x", "keys", "a", "b"]), [3, 4])
    assert.deepStrictEqual(CommandSpec.keyIndexes(spec, ["x"]), [])
  })

  it("leaves out what the arguments don't reach", () => {
    for (const name of ["GET", "MSET", "EVAL", "XREAD", "BLPOP", "COPY", "SORT", "ZUNIONSTORE", "MIGRATE"]) {
      assert.deepStrictEqual(keysOf(name), [], name)
    }
    assert.deepStrictEqual(keysOf("COPY", "a"), ["a"])
    assert.deepStrictEqual(keysOf("EVAL", "script"), [])
    assert.deepStrictEqual(keysOf("EVAL", "script 3 a"), ["a"])
    assert.deepStrictEqual(keysOf("XREAD", "COUNT 1"), [])
    assert.deepStrictEqual(keysOf("XREAD", "STREAMS"), [])
    assert.deepStrictEqual(keysOf("BLPOP", "a"), [])
    assert.deepStrictEqual(keysOf("GEORADIUS", "a 1 2 3 m STORE"), ["a"])
  })

  it.each(["-1", "NaN", "Infinity", "1e9", "0x2", "1.5", "", " 2", "two", "99999999999999999999"])(
    "counts nothing for a count of %j",
    (count) => {
      assert.deepStrictEqual(CommandSpec.keyIndexes(specOf("EVAL"), ["script", count, "a", "b"]), [])
    }
  )

  it("stops at the last argument however large the count is", () => {
    assert.deepStrictEqual(keysOf("EVAL", "script 4294967295 a b"), ["a", "b"])
    assert.deepStrictEqual(keysOf("LMPOP", "2147483647 a"), ["a"])
  })

  it("reads counts and keywords that are bytes", () => {
    const bytes = (text: string) => new TextEncoder().encode(text)
    assert.deepStrictEqual(CommandSpec.keyIndexes(specOf("EVAL"), ["script", bytes("1"), bytes("a")]), [2])
    assert.deepStrictEqual(CommandSpec.keyIndexes(specOf("XREAD"), [bytes("streams"), bytes("a"), "0"]), [1])
    assert.deepStrictEqual(CommandSpec.keyIndexes(specOf("XREAD"), [new Uint8Array([0xff, 0xfe]), "a"]), [])
    assert.deepStrictEqual(
      CommandSpec.keyIndexes(specOf("MIGRATE"), ["host", "1", new Uint8Array(0), "0", "1", "KEYS", "a"]),
      [6]
    )
  })
})

/** Complete commands, as the server's COMMAND GETKEYS wants them. A `|` stands behind the name. */
const examples = [
  "GET|a",
  "SET|a 1 EX 10 NX",
  "MGET|a b c",
  "MSET|a 1 b 2",
  "MSETNX|a 1 b 2",
  "GETRANGE|a 0 -1",
  "LCS|a b LEN",
  "DEL|a b",
  "UNLINK|a",
  "EXISTS|a b a",
  "TOUCH|a b",
  "RENAME|a b",
  "COPY|a b DB 0 REPLACE",
  "EXPIRE|a 10 NX",
  "OBJECT ENCODING|a",
  "OBJECT FREQ|a",
  "MEMORY USAGE|a SAMPLES 0",
  "DUMP|a",
  "RESTORE|a 0 payload REPLACE",
  "SORT|a",
  "SORT|a BY w_* LIMIT 0 5 GET # GET o_* ASC ALPHA STORE dest",
  "SORT_RO|a BY nosort",
  "MIGRATE|host 6379 a 0 1000",
  "MIGRATE|host 6379 '' 0 1000 COPY KEYS a b",
  "MIGRATE|host 6379 '' 0 1000 AUTH secret KEYS keys b",
  "HSET|a f 1 g 2",
  "HRANDFIELD|a 2 WITHVALUES",
  "LPUSH|a 1 2",
  "LMOVE|a b LEFT RIGHT",
  "BLMOVE|a b LEFT RIGHT 0",
  "BRPOPLPUSH|a b 0",
  "LMPOP|2 a b LEFT COUNT 10",
  "BLMPOP|0 2 a b LEFT COUNT 10",
  "BLPOP|a b c 0",
  "SADD|a 1 2",
  "SMOVE|a b 1",
  "SINTER|a b",
  "SDIFFSTORE|dest a b",
  "SINTERCARD|2 a b LIMIT 1",
  "ZADD|a NX CH 1 m",
  "ZRANGESTORE|dest a 0 -1",
  "ZUNIONSTORE|dest 2 a b WEIGHTS 1 2 AGGREGATE MAX",
  "ZINTER|2 a b WITHSCORES",
  "ZDIFFSTORE|dest 2 a b",
  "ZINTERCARD|2 a b LIMIT 1",
  "ZMPOP|1 a MIN",
  "BZMPOP|0 2 a b MAX COUNT 3",
  "BZPOPMIN|a b 0",
  "GEOADD|a 1 2 m",
  "GEOSEARCHSTORE|dest a FROMMEMBER m BYRADIUS 1 m",
  "GEORADIUS|a 1 2 3 m",
  "GEORADIUS|a 1 2 3 m WITHDIST COUNT 5 ANY STORE dest",
  "GEORADIUSBYMEMBER|a member 3 m STOREDIST dest",
  "GEORADIUS_RO|a 1 2 3 m",
  "BITOP|AND dest a b",
  "BITFIELD|a GET u8 0",
  "PFADD|a 1",
  "PFMERGE|dest a b",
  "XADD|a * f v",
  "XREAD|STREAMS a b 0 0",
  "XREAD|COUNT 2 BLOCK 100 STREAMS a 0",
  "XREADGROUP|GROUP streams consumer COUNT 1 NOACK STREAMS a b > >",
  "XINFO STREAM|a FULL COUNT 1",
  "XINFO CONSUMERS|a group",
  "XGROUP CREATE|a group $ MKSTREAM",
  "XAUTOCLAIM|a group consumer 0 0",
  "EVAL|script 2 a b x",
  "EVAL_RO|script 1 a",
  "EVALSHA|sha 1 a x y",
  "FCALL|function 2 a b x",
  "FCALL_RO|function 1 a"
]

const isOnPath = (program: string): boolean =>
  (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)))

describe("against a server of its own", () => {
  let folder: string
  let server: ChildProcess
  let socket: Socket
  let failed: Promise<never>

  /** Sends a command whose reply is an array of strings without line breaks. */
  const ask = async (args: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
    socket.write(`*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("")}`)
    let text = ""
    for (;;) {
      const [chunk] = await Promise.race([once(socket, "data"), failed])
      text += String(chunk)
      const lines = text.split("\r\n")
      if (lines.length > 1 && !lines[0].startsWith("*")) throw new Error(`${args.join(" ")}: ${lines[0]}`)
      const count = Number(lines[0].slice(1))
      if (lines.length === 2 * count + 2) return Array.from({ length: count }, (_, i) => lines[2 * i + 2])
    }
  }

  beforeAll(async () => {
    const probe = createServer().listen(0, "127.0.0.1")
    await once(probe, "listening")
    const address = probe.address()
    probe.close()
    if (address === null || typeof address === "string") throw new Error("no free port")
    folder = await mkdtemp(join(tmpdir(), "redisc-spec-"))
    server = spawn(
      process.env.REDIS_SERVER ?? ["redis-server", "valkey-server"].find(isOnPath) ?? "redis-server",
      ["--port", String(address.port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
      { stdio: "ignore" }
    )
    failed = once(server, "exit").then(() => Promise.reject(new Error("the server has ended")))
    failed.catch(() => {})
    const connected = async () => {
      for (;;) {
        socket = connect(address.port, "127.0.0.1")
        const [error] = await Promise.race([
          once(socket, "connect").then(() => []),
          once(socket, "error")
        ]).catch((error) => [error])
        if (error === undefined) return
        await sleep(20)
      }
    }
    await Promise.race([connected(), failed])
  })

  afterAll(async () => {
    socket?.destroy()
    if (server.exitCode === null && server.kill()) await once(server, "exit")
    await rm(folder, { recursive: true, force: true })
  })

  it.each(examples)("%s has the keys that COMMAND GETKEYS finds", async (example) => {
    const [name, args] = example.split("|")
    const rest = args.split(" ").map((arg) => arg === "''" ? "" : arg)
    assert.deepStrictEqual(keysOf(name, args), await ask(["COMMAND", "GETKEYS", ...name.split(" "), ...rest]))
  })
})
