/**
 * Cases for bitmaps.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { failure, freshKeys, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const keyOf = (name: string) => freshKeys(`bitmaps:${name}`)

const bytesOf = (...bytes: Array<number>) => Uint8Array.from(bytes)

/**
 * @category suites
 * @since 0.1.0
 */
export const bitmaps: ReadonlyArray<Case> = [
  test(
    "bits are set and read, the highest of a byte first",
    Effect.gen(function*() {
      const key = yield* keyOf("bits")
      assert.equal(yield* Redis.getbit(key("missing"), 7), 0)
      assert.equal(yield* Redis.setbit(key("a"), 7, 1), 0)
      assert.equal(yield* Redis.setbit(key("a"), 7, 1), 1)
      assert.equal(yield* Redis.getbit(key("a"), 7), 1)
      assert.equal(yield* Redis.getbit(key("a"), 6), 0)
      assert.equal(yield* Redis.getbit(key("a"), 1000), 0)
      assert.deepEqual(yield* Command.bytes(Redis.get(key("a"))), bytesOf(1))
      assert.equal(yield* Redis.setbit(key("a"), 16, 0), 0)
      assert.deepEqual(yield* Command.bytes(Redis.get(key("a"))), bytesOf(1, 0, 0))
      assert.equal(yield* failure(Redis.setbit(key("a"), -1, 1)), "ERR")
      assert.equal(yield* failure(Redis.setbit(key("a"), 2 ** 32, 1)), "ERR")
      assert.equal(yield* failure(Redis.getbit(key("a"), -1)), "ERR")
    })
  ),
  test(
    "BITCOUNT counts bits in bytes or bits",
    Effect.gen(function*() {
      const key = yield* keyOf("count")
      assert.equal(yield* Redis.bitcount(key("missing")), 0)
      assert.equal(yield* Redis.bitcount(key("missing"), { start: 0, end: -1 }), 0)
      yield* Redis.set(key("a"), "foobar")
      assert.equal(yield* Redis.bitcount(key("a")), 26)
      assert.equal(yield* Redis.bitcount(key("a"), { start: 0, end: 0 }), 4)
      assert.equal(yield* Redis.bitcount(key("a"), { start: 1, end: 1, unit: "BYTE" }), 6)
      assert.equal(yield* Redis.bitcount(key("a"), { start: 5, end: 30, unit: "BIT" }), 17)
      assert.equal(yield* Redis.bitcount(key("a"), { start: -2, end: -1 }), 7)
      assert.equal(yield* Redis.bitcount(key("a"), { start: 3, end: 2 }), 0)
    })
  ),
  test(
    "BITPOS finds the first bit",
    Effect.gen(function*() {
      const key = yield* keyOf("pos")
      assert.equal(yield* Redis.bitpos(key("missing"), 0), 0)
      assert.equal(yield* Redis.bitpos(key("missing"), 1), -1)
      yield* Redis.set(key("a"), bytesOf(0xff, 0xf0, 0x00))
      assert.equal(yield* Redis.bitpos(key("a"), 0), 12)
      assert.equal(yield* Redis.bitpos(key("a"), 1), 0)
      assert.equal(yield* Redis.bitpos(key("a"), 1, { start: 2 }), -1)
      assert.equal(yield* Redis.bitpos(key("a"), 0, { start: 2 }), 16)
      assert.equal(yield* Redis.bitpos(key("a"), 1, { start: 1, end: -1 }), 8)
      assert.equal(yield* Redis.bitpos(key("a"), 0, { start: 8, end: 20, unit: "BIT" }), 12)
      yield* Redis.set(key("ones"), bytesOf(0xff, 0xff))
      assert.equal(yield* Redis.bitpos(key("ones"), 0), 16)
      assert.equal(yield* Redis.bitpos(key("ones"), 0, { start: 0 }), 16)
      assert.equal(yield* Redis.bitpos(key("ones"), 0, { start: 0, end: -1 }), -1)
    })
  ),
  test(
    "BITOP combines values of different length",
    Effect.gen(function*() {
      const key = yield* keyOf("op")
      const result = Command.bytes(Redis.get(key("r")))
      yield* Redis.set(key("a"), bytesOf(0xf0, 0xff))
      yield* Redis.set(key("b"), bytesOf(0x3c))
      assert.equal(yield* Redis.bitop("AND", key("r"), [key("a"), key("b")]), 2)
      assert.deepEqual(yield* result, bytesOf(0x30, 0x00))
      assert.equal(yield* Redis.bitop("OR", key("r"), [key("a"), key("b")]), 2)
      assert.deepEqual(yield* result, bytesOf(0xfc, 0xff))
      assert.equal(yield* Redis.bitop("XOR", key("r"), [key("a"), key("b"), key("missing")]), 2)
      assert.deepEqual(yield* result, bytesOf(0xcc, 0xff))
      assert.equal(yield* Redis.bitop("NOT", key("r"), [key("a")]), 2)
      assert.deepEqual(yield* result, bytesOf(0x0f, 0x00))
      assert.equal(yield* failure(Redis.bitop("NOT", key("r"), [key("a"), key("b")])), "ERR")
      assert.equal(yield* Redis.bitop("OR", key("r"), [key("missing")]), 0)
      assert.equal(yield* Redis.exists([key("r")]), 0)
    })
  ),
  test(
    "BITFIELD reads, writes and adds, one operation after the other",
    Effect.gen(function*() {
      const key = (yield* keyOf("field"))("a")
      assert.deepEqual(
        yield* Redis.bitfield(key, [
          { get: "u4", offset: 0 },
          { incrby: "i5", offset: 100, increment: 1 },
          { set: "u8", offset: "#1", value: 200 },
          { get: "u8", offset: 8 },
          { get: "i8", offset: "#1" }
        ]),
        [0, 1, 0, 200, -56]
      )
      assert.deepEqual(yield* Redis.bitfieldRo(key, [{ get: "u8", offset: "#1" }, { get: "i5", offset: 100 }]), [
        200,
        1
      ])
      assert.deepEqual(yield* Redis.bitfield(key, [{ set: "u8", offset: "#1", value: 7 }]), [200])
    })
  ),
  test(
    "BITFIELD wraps, saturates or fails, each operation by its own rule",
    Effect.gen(function*() {
      const key = (yield* keyOf("overflow"))("a")
      assert.deepEqual(
        yield* Redis.bitfield(key, [
          { set: "u2", offset: 0, value: 3 },
          { set: "u2", offset: 2, value: 3 },
          { set: "u2", offset: 4, value: 3 },
          { incrby: "u2", offset: 0, increment: 1, overflow: "SAT" },
          { incrby: "u2", offset: 2, increment: 1, overflow: "FAIL" },
          { incrby: "u2", offset: 4, increment: 1 },
          { get: "u6", offset: 0 }
        ]),
        [0, 0, 0, 3, null, 0, 0b111100]
      )
      assert.deepEqual(
        yield* Redis.bitfield(key, [
          { set: "i8", offset: 8, value: 300, overflow: "SAT" },
          { get: "i8", offset: 8 },
          { incrby: "i8", offset: 8, increment: -300, overflow: "SAT" },
          { incrby: "i8", offset: 8, increment: -1 }
        ]),
        [0, 127, -128, 127]
      )
    })
  ),
  test(
    "BITFIELD refuses types and offsets that there are not",
    Effect.gen(function*() {
      const key = (yield* keyOf("field-types"))("a")
      assert.equal(yield* failure(Redis.bitfield(key, [{ get: "u64", offset: 0 }])), "ERR")
      assert.equal(yield* failure(Redis.bitfield(key, [{ get: "i65", offset: 0 }])), "ERR")
      assert.equal(yield* failure(Redis.bitfield(key, [{ get: "u8", offset: -1 }])), "ERR")
      assert.deepEqual(yield* Redis.bitfieldRo(key, [{ get: "i64", offset: 0 }]), [0])
      assert.equal(yield* Redis.exists([key]), 0)
    })
  ),
  test(
    "bitmap commands refuse other types",
    Effect.gen(function*() {
      const key = yield* keyOf("types")
      const list = key("list")
      yield* Redis.command("RPUSH", [list, "a"])
      assert.equal(yield* failure(Redis.setbit(list, 0, 1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.getbit(list, 0)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.bitcount(list)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.bitpos(list, 1)), "WRONGTYPE")
      assert.equal(yield* failure(Redis.bitop("AND", key("r"), [list])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.bitfield(list, [{ get: "u8", offset: 0 }])), "WRONGTYPE")
      assert.equal(yield* failure(Redis.bitfieldRo(list, [{ get: "u8", offset: 0 }])), "WRONGTYPE")
    })
  )
]
