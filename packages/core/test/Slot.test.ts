import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as Slot from "../src/Slot.ts"

const encoder = new TextEncoder()

/** The definition, bit by bit and byte by byte, with no regard for speed. */
const slowSlot = (key: Uint8Array): number => {
  const open = key.indexOf(0x7b)
  const close = open === -1 ? -1 : key.indexOf(0x7d, open + 1)
  let crc = 0
  for (const byte of close > open + 1 ? key.subarray(open + 1, close) : key) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff
  }
  return crc % 16384
}

const vectors: ReadonlyArray<readonly [key: string, slot: number]> = [
  ["", 0],
  ["a", 15495],
  ["b", 3300],
  ["ab", 13567],
  ["abc", 7638],
  ["a{b}", 3300],
  ["{a}b", 15495],
  ["{a}{b}", 15495],
  ["{}{a}{b}", 11267],
  ["a{b}c", 3300],
  ["{a}bc", 15495],
  ["{a}{b}{c}", 15495],
  ["{}{a}{b}{c}", 1044],
  ["a{bc}d", 12685],
  ["a{bcd}", 1872],
  ["{abcd}", 10294],
  ["abcd", 10294],
  ["{a", 10276],
  ["a}", 5921],
  ["123456789", 12739],
  ["a≠b", 11870],
  ["•", 97],
  ["a{}{b}c", 14872],
  // Answers of CLUSTER KEYSLOT.
  ["foo", 12182]
]

/** Code units that sit at the edges of the encoding, so that short strings meet every branch. */
const edges = "00 41 7b 7b 7d 7d 7f 80 7ff 800 2260 d7ff d800 dbff dc00 dfff e000 fffd ffff"
  .split(" ")
  .map((unit) => Number.parseInt(unit, 16))
const codeUnit = Arbitrary.schema(Schema.Literals(edges))
const edgyText = Arbitrary.map(
  Arbitrary.array(codeUnit, { maxLength: 12 }),
  (units) => String.fromCharCode(...units)
)
const anyUnit = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff })))
const anyText = Arbitrary.map(Arbitrary.array(anyUnit, { maxLength: 30 }), (units) => String.fromCharCode(...units))
const anyByte = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))

describe("Slot", () => {
  describe("fromKey", () => {
    it.each(vectors)("%j is in slot %i", (key, slot) => {
      assert.strictEqual(Slot.fromKey(key), slot)
      assert.strictEqual(Slot.fromKey(encoder.encode(key)), slot)
    })

    it("is CRC16/XMODEM: the check value of 123456789 is 0x31c3", () => {
      assert.strictEqual(Slot.fromKey("123456789"), 0x31c3)
    })

    it("hashes only the first tag, and only if it is not empty and closed", () => {
      assert.strictEqual(Slot.fromKey("{user1000}.following"), Slot.fromKey("user1000"))
      assert.strictEqual(Slot.fromKey("foo{{bar}}zap"), Slot.fromKey("{bar"))
      assert.strictEqual(Slot.fromKey("foo{bar}{zap}"), Slot.fromKey("bar"))
      assert.strictEqual(Slot.fromKey("}{a}"), Slot.fromKey("a"))
      assert.notStrictEqual(Slot.fromKey("foo{}{bar}"), Slot.fromKey("bar"))
    })

    it("finds a tag after text that is not ASCII, and text that is not ASCII in a tag", () => {
      assert.strictEqual(Slot.fromKey("é{a}"), 15495)
      assert.strictEqual(Slot.fromKey("x{•}y"), 97)
      assert.strictEqual(Slot.fromKey("é{}{a}"), slowSlot(encoder.encode("é{}{a}")))
    })

    it("hashes a lone surrogate as the replacement character", () => {
      assert.strictEqual(Slot.fromKey("x\ud800"), Slot.fromKey("x\ufffd"))
      assert.strictEqual(Slot.fromKey("\udc00x"), Slot.fromKey("\ufffdx"))
      assert.strictEqual(Slot.fromKey("{\ud83d}\ude00"), Slot.fromKey("\ufffd"))
    })

    it("reads bytes that are no UTF-8, and views into a larger buffer", () => {
      assert.strictEqual(Slot.fromKey(new Uint8Array([0xff, 0xfe])), slowSlot(new Uint8Array([0xff, 0xfe])))
      assert.strictEqual(Slot.fromKey(encoder.encode("xxabcxx").subarray(2, 5)), 7638)
    })

    it.prop("a string and its UTF-8 bytes agree", { key: anyText }, ({ key }) => {
      assert.strictEqual(Slot.fromKey(key), slowSlot(encoder.encode(key)))
      assert.strictEqual(Slot.fromKey(encoder.encode(key)), slowSlot(encoder.encode(key)))
    })

    it.prop("also with braces and broken surrogates", { key: edgyText }, ({ key }) => {
      assert.strictEqual(Slot.fromKey(key), slowSlot(encoder.encode(key)))
      assert.strictEqual(Slot.fromKey(encoder.encode(key)), slowSlot(encoder.encode(key)))
    }, { arbitrary: { runs: 2000 } })

    it.prop("any bytes give the slot of the definition", { bytes: Arbitrary.array(anyByte) }, ({ bytes }) => {
      const key = Uint8Array.from(bytes)
      assert.strictEqual(Slot.fromKey(key), slowSlot(key))
    })
  })

  describe("hashTag", () => {
    it("is the text between the first braces, or the whole key", () => {
      assert.strictEqual(Slot.hashTag("a{b}c"), "b")
      assert.strictEqual(Slot.hashTag("a{}{b}c"), "a{}{b}c")
      assert.strictEqual(Slot.hashTag("}a{b"), "}a{b")
      assert.strictEqual(Slot.hashTag(""), "")
    })

    it.prop("hashes to the slot of its key", { key: edgyText }, ({ key }) => {
      // The tag itself may hold a brace; in a pair of its own it is taken literally.
      const tag = Slot.hashTag(key)
      assert.strictEqual(Slot.fromKey(tag === key ? key : `{${tag}}`), Slot.fromKey(key))
    })
  })

  describe("group", () => {
    it("puts the keys of one slot together, ascending by slot", () => {
      const groups = Slot.group(["a", "b", "cb{a}", "a{b}", "abc"])
      assert.deepStrictEqual(groups, [
        { slot: 3300, keys: ["b", "a{b}"], indexes: [1, 3] },
        { slot: 7638, keys: ["abc"], indexes: [4] },
        { slot: 15495, keys: ["a", "cb{a}"], indexes: [0, 2] }
      ])
    })

    it("keeps duplicates, and makes nothing of nothing", () => {
      assert.deepStrictEqual(Slot.group(["a", "b", "a"])[1], { slot: 15495, keys: ["a", "a"], indexes: [0, 2] })
      assert.deepStrictEqual(Slot.group([]), [])
    })

    it("takes strings and bytes together", () => {
      const bytes = encoder.encode("{a}x")
      assert.deepStrictEqual(Slot.group<string | Uint8Array>(["a", bytes]), [
        { slot: 15495, keys: ["a", bytes], indexes: [0, 1] }
      ])
    })

    it.prop("every key is in one group, its own, at its position", { keys: Arbitrary.array(edgyText) }, ({ keys }) => {
      const restored: Array<string> = []
      let before = -1
      for (const { indexes, keys: members, slot } of Slot.group(keys)) {
        assert.isAbove(slot, before)
        before = slot
        assert.deepStrictEqual(indexes, indexes.toSorted((a, b) => a - b))
        for (const [i, key] of members.entries()) {
          assert.strictEqual(Slot.fromKey(key), slot)
          restored[indexes[i]] = key
        }
      }
      assert.deepStrictEqual(restored, keys)
    })
  })
})
