import { assert, describe, it } from "@effect/vitest"
import { Spare } from "../src/internal/resp/spare.ts"

describe("Spare", () => {
  it("lends a buffer to one at a time", () => {
    const spare = new Spare(1, 100)
    const buffer = new Uint8Array(50)
    spare.give(buffer)
    assert.strictEqual(spare.take(50), buffer)
    assert.notStrictEqual(spare.take(50), buffer)
  })

  it("makes one where what it has is too small, and keeps that for smaller wishes", () => {
    const spare = new Spare(1, 100)
    const buffer = new Uint8Array(50)
    spare.give(buffer)
    assert.strictEqual(spare.take(51).length, 51)
    assert.strictEqual(spare.take(10), buffer)
  })

  it("lends the smallest that is large enough", () => {
    const spare = new Spare(3, 100)
    const [small, middle, large] = [10, 50, 90].map((length) => new Uint8Array(length))
    for (const buffer of [middle, large, small]) spare.give(buffer)
    assert.strictEqual(spare.take(20), middle)
    assert.strictEqual(spare.take(20), large)
    assert.strictEqual(spare.take(10), small)
  })

  it("keeps the larger of two, and none above its limit", () => {
    const spare = new Spare(1, 100)
    const [small, large, tooLarge] = [10, 100, 101].map((length) => new Uint8Array(length))
    for (const buffer of [large, small, tooLarge]) spare.give(buffer)
    assert.strictEqual(spare.take(1), large)
    assert.notStrictEqual(spare.take(1), small)
  })
})
