import { assert, describe, it } from "@effect/vitest"
import { transcript } from "./harness.ts"
import type { Row } from "./harness.ts"

const wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value"
const syntax = "-ERR syntax error"
const badOffset = "-ERR bit offset is not an integer or out of range"
const badType = "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."

const tables: Readonly<Record<string, ReadonlyArray<Row>>> = {
  "single bits": [
    ["SETBIT a 7 1", ":0"],
    ["GET a", "\u0001"],
    ["SETBIT a 7 1", ":1"],
    ["GETBIT a 7", ":1"],
    ["GETBIT a 6", ":0"],
    ["GETBIT a 1000", ":0"],
    ["GETBIT none 0", ":0"],
    ["SETBIT a 15 0", ":0"],
    ["STRLEN a", ":2"],
    ["SETBIT a 0 2", "-ERR bit is not an integer or out of range"],
    ["SETBIT a -1 1", badOffset],
    ["SETBIT a 4294967296 1", badOffset],
    ["GETBIT a x", badOffset],
    ["RPUSH list x", ":1"],
    ["SETBIT list 0 1", wrongType]
  ],
  "counting": [
    ["SET a foobar", "+OK"],
    ["BITCOUNT a", ":26"],
    ["BITCOUNT a 0 0", ":4"],
    ["BITCOUNT a 1 1 BYTE", ":6"],
    ["BITCOUNT a 5 30 BIT", ":17"],
    ["BITCOUNT a -2 -1", ":7"],
    ["BITCOUNT a 3 1", ":0"],
    ["BITCOUNT none", ":0"],
    ["BITCOUNT a 0", syntax],
    ["BITCOUNT a 0 1 WORD", syntax],
    ["BITCOUNT a 0 x", "-ERR value is not an integer or out of range"]
  ],
  "positions": [
    ["BITFIELD a SET u8 0 255 SET u8 8 240 SET u8 16 0", "[:0 :0 :0]"],
    ["BITPOS a 0", ":12"],
    ["BITPOS a 1", ":0"],
    ["BITPOS a 1 2", ":-1"],
    ["BITPOS a 0 0 0", ":-1"],
    ["BITPOS a 0 0 12 BIT", ":12"],
    ["BITPOS none 0", ":0"],
    ["BITPOS none 1", ":-1"],
    ["BITFIELD full SET u8 0 255", "[:0]"],
    ["BITPOS full 0", ":8"],
    ["BITPOS full 0 0 -1", ":-1"],
    ["BITPOS a 2", "-ERR The bit argument must be 1 or 0."],
    ["BITPOS a 1 0 1 WORD", syntax]
  ],
  "operations": [
    ["MSET a abc b ab", "+OK"],
    ["BITOP AND d a b", ":3"],
    ["GET d", "ab\0"],
    ["BITOP OR d a b", ":3"],
    ["GET d", "abc"],
    ["BITOP XOR d a b", ":3"],
    ["GET d", "\0\0c"],
    ["BITOP NOT d d", ":3"],
    ["GET d", "\u00ff\u00ff\u009c"],
    ["BITOP OR d none", ":0"],
    ["EXISTS d", ":0"],
    ["BITOP NOT d a b", "-ERR BITOP NOT must be called with a single source key."],
    ["BITOP NAND d a b", syntax]
  ],
  "fields": [
    ["BITFIELD a INCRBY i5 100 1 GET u4 0", "[:1 :0]"],
    ["BITFIELD a SET u8 #1 200 GET u8 8 INCRBY u8 #1 100", "[:0 :200 :44]"],
    ["BITFIELD a OVERFLOW SAT INCRBY u8 #1 1000 OVERFLOW FAIL INCRBY u8 #1 1", "[:255 nil]"],
    ["BITFIELD a SET i8 0 -1 GET u8 0 GET i8 0", "[:0 :255 :-1]"],
    ["BITFIELD b SET i64 0 -9223372036854775808 INCRBY i64 0 -1", "[:0 :9223372036854775807]"],
    ["BITFIELD_RO a GET u1 0", "[:1]"],
    ["BITFIELD_RO a SET u1 0 1", "-ERR BITFIELD_RO only supports the GET subcommand"],
    ["BITFIELD none", "[]"],
    ["BITFIELD none GET u8 0", "[:0]"],
    ["EXISTS none", ":0"],
    ["BITFIELD a GET u64 0", badType],
    ["BITFIELD a GET u8 x", badOffset],
    ["BITFIELD a OVERFLOW MAYBE", "-ERR Invalid OVERFLOW type specified"],
    ["BITFIELD a GET u8", syntax]
  ]
}

describe("bitmaps", () => {
  for (const [name, rows] of Object.entries(tables)) {
    it(name, () => {
      const { actual, expected } = transcript(rows, 2)
      assert.deepStrictEqual(actual, expected)
    })
  }
})
