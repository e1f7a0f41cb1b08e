import { assert, describe, it } from "@effect/vitest"
import { Server, transcript } from "./harness.ts"
import type { Row } from "./harness.ts"

const wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value"
const noFields = "-ERR Mandatory argument FIELDS is missing or not at the right position"
const mismatch = "-ERR The `numfields` parameter must match the number of arguments"

const tables: Readonly<Record<string, ReadonlyArray<Row>>> = {
  "fields are set and read": [
    ["HSET h f 1 g 2", ":2"],
    ["HSET h f 3 e 4", ":1"],
    ["HMSET h e 5", "+OK"],
    ["HSETNX h f 9", ":0"],
    ["HSETNX h n 9", ":1"],
    ["HGET h f", "3"],
    ["HGET h none", "nil"],
    ["HMGET h f none e", "[3 nil 5]"],
    ["HGETALL h", "[f 3 g 2 e 5 n 9]", "{f 3 g 2 e 5 n 9}"],
    ["HKEYS h", "[f g e n]"],
    ["HVALS h", "[3 2 5 9]"],
    ["HLEN h", ":4"],
    ["HEXISTS h f", ":1"],
    ["HSTRLEN h none", ":0"],
    ["HSET h f", "-ERR wrong number of arguments for 'hset' command"],
    ["HSET h f 1 g", "-ERR wrong number of arguments for 'hset' command"],
    ["HMSET h f 1 g", "-ERR wrong number of arguments for 'hmset' command"]
  ],
  "a hash without fields is no key": [
    ["HSET h f 1", ":1"],
    ["HDEL h f none f", ":1"],
    ["EXISTS h", ":0"],
    ["HGETALL h", "[]", "{}"],
    ["HINCRBY h f x", "-ERR value is not an integer or out of range"],
    ["EXISTS h", ":0"]
  ],
  "fields are numbers": [
    ["HINCRBY h f 5", ":5"],
    ["HINCRBY h f 9223372036854775807", "-ERR increment or decrement would overflow"],
    ["HINCRBYFLOAT h f 0.1", "5.1"],
    ["HINCRBY h f 1", "-ERR hash value is not an integer"],
    ["HSET h t text", ":1"],
    ["HINCRBYFLOAT h t 1", "-ERR hash value is not a float"],
    ["HINCRBYFLOAT h f inf", "-ERR value is NaN or Infinity"]
  ],
  "other types are refused": [
    ["SET text value", "+OK"],
    ["HGET text f", wrongType],
    ["HSET text f v", wrongType],
    ["HEXPIRE text 1 FIELDS 1 f", wrongType],
    ["HSETEX text FIELDS 1 f v", wrongType]
  ],
  "times to live of fields": [
    ["HSET h a 1 b 2 c 3", ":3"],
    ["HEXPIRE h 100 FIELDS 2 a none", "[:1 :-2]"],
    ["HTTL h FIELDS 3 a b none", "[:100 :-1 :-2]"],
    ["HPTTL h FIELDS 1 a", "[:100000]"],
    ["HEXPIRETIME h FIELDS 1 a", "[:1700000100]"],
    ["HPEXPIRETIME h FIELDS 2 a b", "[:1700000100000 :-1]"],
    ["HEXPIRE h 50 NX FIELDS 2 a b", "[:0 :1]"],
    ["HEXPIRE h 60 XX FIELDS 2 a c", "[:1 :0]"],
    ["HEXPIRE h 55 GT FIELDS 3 a b c", "[:0 :1 :0]"],
    ["HEXPIRE h 10 LT FIELDS 2 a c", "[:1 :1]"],
    ["HPERSIST h FIELDS 3 a none b", "[:1 :-2 :1]"],
    ["HPERSIST h FIELDS 1 a", "[:-1]"],
    ["HPEXPIRE h 0 FIELDS 1 a", "[:2]"],
    ["HEXPIREAT h 1 FIELDS 2 b c", "[:2 :2]"],
    ["EXISTS h", ":0"],
    ["HTTL h FIELDS 1 a", "[:-2]"],
    ["HEXPIRE h 1 FIELDS 1 a", "[:-2]"]
  ],
  "what is wrong with a time to live": [
    ["HSET h a 1", ":1"],
    ["HEXPIRE h x FIELDS 1 a", "-ERR value is not an integer or out of range"],
    ["HEXPIRE h -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0"],
    ["HPEXPIREAT h 70368744177664 FIELDS 1 a", "-ERR invalid expire time in 'hpexpireat' command"],
    ["HEXPIRE h 1 FIELD 1 a", noFields],
    ["HEXPIRE h 1 NX 1 a b", noFields],
    ["HEXPIRE h 1 FIELDS 0 a", "-ERR Parameter `numFields` should be greater than 0"],
    ["HTTL h FIELDS 0 a", "-ERR Number of fields must be a positive integer"],
    ["HTTL h FIELDS 2 a", mismatch],
    ["HTTL h FIELDS a", "-ERR wrong number of arguments for 'httl' command"]
  ],
  "a value that is set loses its time to live, one that is counted keeps it": [
    ["HSET h a 1 b 1", ":2"],
    ["HEXPIRE h 100 FIELDS 2 a b", "[:1 :1]"],
    ["HSET h a 2", ":0"],
    ["HINCRBY h b 1", ":2"],
    ["HINCRBYFLOAT h b 1", "3"],
    ["HTTL h FIELDS 2 a b", "[:-1 :100]"]
  ],
  "HGETDEL": [
    ["HSET h a 1 b 2", ":2"],
    ["HGETDEL h FIELDS 3 a none a", "[1 nil nil]"],
    ["HGETDEL h FIELDS 2 b", mismatch],
    ["HGETDEL h 1 b c", noFields],
    ["HGETDEL h FIELDS 1 b", "[2]"],
    ["EXISTS h", ":0"],
    ["HGETDEL h FIELDS 1 b", "[nil]"]
  ],
  "HGETEX": [
    ["HSET h a 1 b 2", ":2"],
    ["HGETEX h EX 10 FIELDS 2 a none", "[1 nil]"],
    ["HGETEX h FIELDS 1 a", "[1]"],
    ["HTTL h FIELDS 2 a b", "[:10 :-1]"],
    ["HGETEX h PERSIST FIELDS 1 a", "[1]"],
    ["HTTL h FIELDS 1 a", "[:-1]"],
    ["HGETEX h PXAT 1 FIELDS 2 a b", "[1 2]"],
    ["EXISTS h", ":0"],
    ["HGETEX h EX 10 PX 10 FIELDS 1 a", noFields],
    ["HGETEX h EX -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0"],
    ["HGETEX none FIELDS 1 a", "[nil]"]
  ],
  "HSETEX": [
    ["HSETEX h FXX FIELDS 1 a 1", ":0"],
    ["EXISTS h", ":0"],
    ["HSETEX h FNX EX 10 FIELDS 2 a 1 b 2", ":1"],
    ["HSETEX h FNX FIELDS 2 b 1 c 2", ":0"],
    ["HSETEX h KEEPTTL FIELDS 1 a 3", ":1"],
    ["HSETEX h FIELDS 1 b 3", ":1"],
    ["HTTL h FIELDS 2 a b", "[:10 :-1]"],
    ["HGETALL h", "[a 3 b 3]", "{a 3 b 3}"],
    ["HSETEX h EX 1 PX 1 FIELDS 1 a 1", "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"],
    ["HSETEX h FNX FXX FIELDS 1 a 1", "-ERR Only one of FXX or FNX arguments can be specified"],
    ["HSETEX h NX FIELDS 1 a 1", "-ERR unknown argument: NX"],
    ["HSETEX h FIELDS 2 a 1", "-ERR wrong number of arguments for 'hsetex' command"],
    ["HSETEX h FIELDS 0 a 1", "-ERR invalid number of fields"],
    ["HSETEX h PXAT 1 FIELDS 2 a 1 b 1", ":1"],
    ["EXISTS h", ":0"]
  ],
  "random fields": [
    ["HSET h a 1", ":1"],
    ["HRANDFIELD h", "a"],
    ["HRANDFIELD h 5", "[a]"],
    ["HRANDFIELD h -3", "[a a a]"],
    ["HRANDFIELD h -2 WITHVALUES", "[a 1 a 1]", "[[a 1] [a 1]]"],
    ["HRANDFIELD h 0", "[]"],
    ["HRANDFIELD none", "nil"],
    ["HRANDFIELD none 1", "[]"],
    ["HRANDFIELD h 1 x", "-ERR syntax error"]
  ],
  "scanning": [
    ["HSET h a 1 b 2 ab 3", ":3"],
    ["HSCAN h 0", "[0 [a 1 b 2 ab 3]]"],
    ["HSCAN h 0 MATCH a* COUNT 1", "[0 [a 1 ab 3]]"],
    ["HSCAN h 0 NOVALUES MATCH b", "[0 [b]]"],
    ["HSCAN none 0", "[0 []]"],
    ["HSCAN h x", "-ERR invalid cursor"],
    ["HSCAN h 0 COUNT", "-ERR syntax error"]
  ]
}

describe("hashes", () => {
  for (const protocol of [2, 3] as const) {
    it.each(Object.entries(tables))(`%s, in RESP${protocol}`, (_, rows) => {
      const { actual, expected } = transcript(rows, protocol)
      assert.deepStrictEqual(actual, expected)
    })
  }

  it("forgets fields whose time is up, and the key with the last of them", () => {
    const server = new Server()
    const client = server.client()
    client.run("HSET h a 1 b 2")
    client.run("HPEXPIRE h 100 FIELDS 1 a")
    client.run("HPEXPIRE h 200 FIELDS 1 b")
    server.advance(99)
    assert.strictEqual(client.run("HLEN h"), ":2")
    server.advance(1)
    assert.strictEqual(client.run("HMGET h a b"), "[nil 2]")
    server.advance(100)
    assert.strictEqual(client.run("HLEN h"), ":0")
    assert.strictEqual(client.run("EXISTS h"), ":0")
    assert.deepStrictEqual(server.events.slice(-3), ["hexpired h", "hexpired h", "del h"])
  })

  it("counts no key whose fields have all expired, whoever asks", () => {
    const server = new Server()
    const client = server.client()
    client.run("HSETEX h PX 100 FIELDS 2 a 1 b 2")
    client.run("HSETEX i PX 300 FIELDS 1 a 1")
    assert.strictEqual(server.keys.nextExpiry, server.time + 100)
    server.time += 100
    assert.strictEqual(server.keys.size, 1)
    assert.strictEqual(client.run("EXISTS h i"), ":1")
    assert.strictEqual(server.keys.nextExpiry, server.time + 200)
    server.time += 200
    assert.isFalse(server.keys.has("i"))
  })

  it("copies of a hash expire too", () => {
    const server = new Server()
    server.client().run("HSETEX h PX 100 FIELDS 1 a 1")
    const copy = server.keys.clone()
    assert.strictEqual(copy.size, 1)
    server.time += 100
    assert.strictEqual(copy.size, 0)
  })

  it("tells of changes as the server does", () => {
    const server = new Server()
    const client = server.client()
    const lines = [
      "HSETEX h EX 10 FIELDS 1 a 1",
      "HGETEX h PERSIST FIELDS 1 a",
      "HGETEX h EX 5 FIELDS 1 a",
      "HPERSIST h FIELDS 1 a",
      "HEXPIRE h 0 FIELDS 1 a"
    ]
    for (const line of lines) client.run(line)
    const events = ["hset", "hexpire", "hpersist", "hexpire", "hpersist", "hdel", "del"]
    assert.deepStrictEqual(server.events, events.map((event) => `${event} h`))
  })

  it("scans a large hash page by page, and finds what stays", () => {
    const client = new Server().client()
    for (let i = 0; i < 1000; i++) client.run(`HSET h f${i} ${i}`)
    const seen: Array<string> = []
    let cursor = "0"
    let pages = 0
    do {
      const reply = client.wire(`HSCAN h ${cursor} COUNT 50 NOVALUES`)!
      cursor = reply.items![0].text
      seen.push(...reply.items![1].items!.map(({ text }) => text))
      client.run(`HDEL h f${pages * 2 + 1}`)
      client.run(`HSET h new${pages} 1`)
      pages++
    } while (cursor !== "0")
    assert.isAbove(pages, 10)
    assert.strictEqual(new Set(seen).size, seen.length)
    for (let i = 0; i < 1000; i += 2) assert.include(seen, `f${i}`)
  })
})
