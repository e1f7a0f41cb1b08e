import { assert, describe, it } from "@effect/vitest"
import { Server, transcript } from "./harness.ts"
import type { Row } from "./harness.ts"

const notAnInteger = "-ERR value is not an integer or out of range"
const syntax = "-ERR syntax error"

const tables: Readonly<Record<string, ReadonlyArray<Row>>> = {
  "existence": [
    ["MSET a 1 b 2", "+OK"],
    ["EXISTS a b a none", ":3"],
    ["TOUCH a none", ":1"],
    ["TYPE a", "+string"],
    ["TYPE none", "+none"],
    ["DEL a none", ":1"],
    ["UNLINK b b", ":1"],
    ["RANDOMKEY", "nil"],
    ["SET only 1", "+OK"],
    ["RANDOMKEY", "only"],
    ["DEL", "-ERR wrong number of arguments for 'del' command"]
  ],
  "times to live": [
    ["TTL a", ":-2"],
    ["SET a 1", "+OK"],
    ["TTL a", ":-1"],
    ["EXPIRE a 100", ":1"],
    ["TTL a", ":100"],
    ["PTTL a", ":100000"],
    ["EXPIRE a 50 NX", ":0"],
    ["EXPIRE a 50 GT", ":0"],
    ["EXPIRE a 50 LT", ":1"],
    ["EXPIRE a 60 XX", ":1"],
    ["PERSIST a", ":1"],
    ["PERSIST a", ":0"],
    ["EXPIRE a 50 XX", ":0"],
    ["EXPIRE a 50 GT", ":0"],
    ["EXPIRE a 50 LT", ":1"],
    ["EXPIREAT a 1800000000", ":1"],
    ["EXPIRETIME a", ":1800000000"],
    ["PEXPIRETIME a", ":1800000000000"],
    ["PEXPIREAT a 1800000000001", ":1"],
    ["PEXPIRE a 1500", ":1"],
    ["EXPIRE none 1", ":0"],
    ["EXPIRE a x", notAnInteger],
    ["EXPIRE a 9223372036854775807", "-ERR invalid expire time in 'expire' command"],
    ["EXPIRE a 1 BAD", "-ERR Unsupported option BAD"],
    ["EXPIRE a 1 NX XX", "-ERR NX and XX, GT or LT options at the same time are not compatible"],
    ["EXPIRE a 1 GT LT", "-ERR GT and LT options at the same time are not compatible"],
    ["EXPIRE a -1", ":1"],
    ["EXISTS a", ":0"]
  ],
  "renaming and copying": [
    ["SET a 1 EX 100", "+OK"],
    ["RENAME a b", "+OK"],
    ["TTL b", ":100"],
    ["RENAME a b", "-ERR no such key"],
    ["RENAME b b", "+OK"],
    ["RENAMENX b b", ":0"],
    ["SET a 2", "+OK"],
    ["RENAMENX a b", ":0"],
    ["COPY b c", ":1"],
    ["TTL c", ":100"],
    ["COPY a c", ":0"],
    ["COPY a c REPLACE", ":1"],
    ["TTL c", ":-1"],
    ["COPY none d", ":0"],
    ["COPY a a", "-ERR source and destination objects are the same"],
    ["COPY a d DB 1", "-ERR Copying to another database is not allowed in cluster mode"],
    ["COPY a d DB 99", "-ERR DB index is out of range"],
    ["COPY a d BAD", syntax],
    ["MOVE a 1", "-ERR MOVE is not allowed in cluster mode"],
    ["SWAPDB 0 1", "-ERR SWAPDB is not allowed in cluster mode"]
  ],
  "finding": [
    ["MSET a1 1 a2 2 b1 3", "+OK"],
    ["RPUSH l x", ":1"],
    ["KEYS a*", "[a1 a2]"],
    ["KEYS [^a]*", "[b1 l]"],
    ["SCAN 0", "[0 [b1 a1 a2 l]]"],
    ["SCAN 0 TYPE list", "[0 [l]]"],
    ["SCAN 0 MATCH b?", "[0 [b1]]"],
    ["SCAN x", "-ERR invalid cursor"],
    ["SCAN 0 COUNT 0", syntax],
    ["SCAN 0 COUNT", syntax]
  ],
  "sorting": [
    ["RPUSH n 3 10 2", ":3"],
    ["SORT n", "[2 3 10]"],
    ["SORT n DESC", "[10 3 2]"],
    ["SORT n ALPHA", "[10 2 3]"],
    ["SORT n LIMIT 1 1", "[3]"],
    ["SORT n BY nosort", "[3 10 2]"],
    ["SORT n STORE d", ":3"],
    ["LRANGE d 0 -1", "[2 3 10]"],
    ["SORT none STORE d", ":0"],
    ["EXISTS d", ":0"],
    ["SORT n BY w_*", "-ERR BY option of SORT denied in Cluster mode."],
    ["SORT n GET #", "-ERR GET option of SORT denied in Cluster mode."],
    ["SORT_RO n STORE d", syntax],
    ["SORT_RO n", "[2 3 10]"],
    ["RPUSH n x", ":4"],
    ["SORT n", "-ERR One or more scores can't be converted into double"],
    ["SET text 1", "+OK"],
    ["SORT text", "-WRONGTYPE Operation against a key holding the wrong kind of value"]
  ],
  "objects": [
    ["SET n 12345", "+OK"],
    ["OBJECT ENCODING n", "int"],
    ["OBJECT REFCOUNT n", ":1"],
    ["SET s short", "+OK"],
    ["OBJECT ENCODING s", "embstr"],
    ["APPEND s er", ":7"],
    ["OBJECT ENCODING s", "raw"],
    ["SADD ints 1 2", ":2"],
    ["OBJECT ENCODING ints", "intset"],
    ["SADD ints x", ":1"],
    ["OBJECT ENCODING ints", "hashtable"],
    ["HSET h f 1", ":1"],
    ["OBJECT ENCODING h", "listpack"],
    ["OBJECT ENCODING none", "nil"],
    ["OBJECT IDLETIME n", ":0"],
    [
      "OBJECT FREQ n",
      "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching " +
      "between policies at runtime LRU and LFU data will take some time to adjust."
    ],
    ["DUMP none", "nil"],
    ["RESTORE n 0 x", "-BUSYKEY Target key name already exists."],
    ["RESTORE x 0 payload", "-ERR DUMP payload version or checksum are wrong"],
    ["RESTORE x -1 payload", "-ERR Invalid TTL value, must be >= 0"],
    ["RESTORE x 0 payload FREQ 256", "-ERR Invalid FREQ value, must be >= 0 and <= 255"],
    ["RESTORE x 0 payload BAD", syntax]
  ]
}

describe("keys", () => {
  for (const [name, rows] of Object.entries(tables)) {
    for (const protocol of [2, 3] as const) {
      it(`${name}, RESP${protocol}`, () => {
        const { actual, expected } = transcript(rows, protocol)
        assert.deepStrictEqual(actual, expected)
      })
    }
  }

  it("tells of changes once a key", () => {
    const server = new Server()
    const client = server.client()
    for (
      const line of ["SET a 1", "EXPIRE a 10", "RENAME a b", "COPY b c", "PERSIST b", "SORT none STORE c", "DEL b b"]
    ) {
      client.run(line)
    }
    assert.deepStrictEqual(server.events, [
      "set a",
      "expire a",
      "rename_from a",
      "rename_to b",
      "copy_to c",
      "persist b",
      "del c",
      "del b"
    ])
  })

  it("scans every key once, whatever is written in between", () => {
    const client = new Server().client()
    for (let i = 0; i < 100; i++) client.run(`SET key${i} x`)
    const seen: Array<string> = []
    let cursor = "0"
    do {
      const page = client.wire(`SCAN ${cursor} COUNT 7`)!
      cursor = page.items![0].text
      seen.push(...page.items![1].items!.map(({ text }) => text))
      client.run(`DEL ${seen.at(-1)}`)
      client.run(`SET new${seen.length} x`)
    } while (cursor !== "0" && seen.length < 1000)
    for (let i = 0; i < 100; i++) assert.include(seen, `key${i}`)
    assert.strictEqual(new Set(seen).size, seen.length)
  })
})
