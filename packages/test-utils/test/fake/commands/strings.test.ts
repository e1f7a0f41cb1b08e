import { assert, describe, it } from "@effect/vitest"
import { Server, transcript } from "./harness.ts"
import type { Row } from "./harness.ts"

const wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value"
const notAnInteger = "-ERR value is not an integer or out of range"
const syntax = "-ERR syntax error"

const tables: Readonly<Record<string, ReadonlyArray<Row>>> = {
  "SET and GET": [
    ["GET a", "nil"],
    ["SET a 1", "+OK"],
    ["GET a", "1"],
    ["SET a 2 NX", "nil"],
    ["SET b 2 XX", "nil"],
    ["SET a 2 XX GET", "1"],
    ["SET b 2 NX GET", "nil"],
    ["SET a 3 GET NX", "2"],
    ["GET a", "2"],
    ["SET a 1 NX XX", syntax],
    ["SET a 1 EX", syntax],
    ["SET a 1 EX 10 PX 10", syntax],
    ["SET a 1 EX 10 KEEPTTL", syntax],
    ["SET a 1 PERSIST", syntax],
    ["SET a 1 EX 0", "-ERR invalid expire time in 'set' command"],
    ["SET a 1 EX 9223372036854775807", "-ERR invalid expire time in 'set' command"],
    ["SET a 1 EX x", notAnInteger],
    ["SET a", "-ERR wrong number of arguments for 'set' command"],
    ["RPUSH list x", ":1"],
    ["GET list", wrongType],
    ["SET list 1 GET", wrongType],
    ["SET list 1", "+OK"],
    ["GETSET list 2", "1"],
    ["GETDEL list", "2"],
    ["EXISTS list", ":0"],
    ["SETNX list 1", ":1"],
    ["SETNX list 2", ":0"]
  ],
  "times to live": [
    ["SET a 1 EX 10", "+OK"],
    ["TTL a", ":10"],
    ["SET a 2 KEEPTTL", "+OK"],
    ["TTL a", ":10"],
    ["GETEX a PX 20000", "2"],
    ["TTL a", ":20"],
    ["GETEX a", "2"],
    ["APPEND a x", ":2"],
    ["TTL a", ":20"],
    ["GETEX a PERSIST", "2x"],
    ["TTL a", ":-1"],
    ["SETEX a 5 3", "+OK"],
    ["INCR a", ":4"],
    ["PTTL a", ":5000"],
    ["PSETEX a 1500 3", "+OK"],
    ["TTL a", ":2"],
    ["SET a 1", "+OK"],
    ["TTL a", ":-1"],
    ["GETEX a EXAT 1", "1"],
    ["EXISTS a", ":0"],
    ["PSETEX a 0 3", "-ERR invalid expire time in 'psetex' command"],
    ["GETEX none EX x", "nil"],
    ["GETEX none KEEPTTL", syntax]
  ],
  "parts": [
    ["SET a Hello", "+OK"],
    ["GETRANGE a 1 3", "ell"],
    ["GETRANGE a -3 -1", "llo"],
    ["GETRANGE a 3 1", "''"],
    ["SUBSTR a 0 -1", "Hello"],
    ["GETRANGE none 0 -1", "''"],
    ["GETRANGE none x -1", notAnInteger],
    ["SETRANGE a 1 ipp", ":5"],
    ["GET a", "Hippo"],
    ["SETRANGE b 2 x", ":3"],
    ["GET b", "\0\0x"],
    ["SETRANGE c 5 ''", ":0"],
    ["SETRANGE a -1 x", "-ERR offset is out of range"],
    ["SETRANGE a 536870912 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"],
    ["STRLEN a", ":5"],
    ["STRLEN none", ":0"],
    ["APPEND none ab", ":2"],
    ["APPEND none cd", ":4"]
  ],
  "several": [
    ["MSET a 1 b 2 a 3", "+OK"],
    ["MGET a b none", "[3 2 nil]"],
    ["MSETNX c 1 a 2", ":0"],
    ["MSETNX c 1 d 2", ":1"],
    ["RPUSH list x", ":1"],
    ["MGET list a", "[nil 3]"],
    ["MSET a", "-ERR wrong number of arguments for 'mset' command"],
    ["MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"],
    ["MSETNX a 1 b", "-ERR wrong number of arguments for 'msetnx' command"]
  ],
  "numbers": [
    ["INCR n", ":1"],
    ["INCRBY n 9223372036854775806", ":9223372036854775807"],
    ["INCR n", "-ERR increment or decrement would overflow"],
    ["DECRBY n 7", ":9223372036854775800"],
    ["DECRBY n -9223372036854775808", "-ERR decrement would overflow"],
    ["INCRBY n 1.5", notAnInteger],
    ["SET text x", "+OK"],
    ["DECR text", notAnInteger],
    ["SET f 10.50", "+OK"],
    ["INCRBYFLOAT f 0.1", "10.6"],
    ["INCRBYFLOAT f -10.6", "0"],
    ["INCRBYFLOAT f 5.0e3", "5000"],
    ["INCRBYFLOAT f 0x10", "5016"],
    ["INCRBYFLOAT f inf", "-ERR increment would produce NaN or Infinity"],
    ["INCRBYFLOAT f x", "-ERR value is not a valid float"],
    ["INCRBYFLOAT text 1", "-ERR value is not a valid float"]
  ],
  "LCS": [
    ["MSET a ohmytext b mynewtext", "+OK"],
    ["LCS a b", "mytext"],
    ["LCS a b LEN", ":6"],
    [
      "LCS a b IDX",
      "[matches [[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] len :6]",
      "{matches [[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] len :6}"
    ],
    [
      "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
      "[matches [[[:4 :7] [:5 :8] :4]] len :6]",
      "{matches [[[:4 :7] [:5 :8] :4]] len :6}"
    ],
    ["LCS a none", "''"],
    ["LCS a b LEN IDX", "-ERR If you want both the length and indexes, please just use IDX."],
    ["RPUSH list x", ":1"],
    ["LCS a list", "-ERR The specified keys must contain string values"]
  ]
}

describe("strings", () => {
  for (const [name, rows] of Object.entries(tables)) {
    for (const protocol of [2, 3] as const) {
      it(`${name}, RESP${protocol}`, () => {
        const { actual, expected } = transcript(rows, protocol)
        assert.deepStrictEqual(actual, expected)
      })
    }
  }

  it("are gone when their time is up", () => {
    const server = new Server()
    const client = server.client()
    client.run("SET a 1 PX 1500")
    server.advance(1499)
    assert.strictEqual(client.run("GET a"), "1")
    server.advance(1)
    assert.strictEqual(client.run("GET a"), "nil")
    assert.strictEqual(client.run("SET a 2 XX"), "nil")
    assert.deepStrictEqual(server.events, ["set a", "expire a", "expired a"])
  })
})
