import { assert, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { sha1 } from "../src/internal/commands/sha1.ts"

const reference = (text: string) => createHash("sha1").update(text, "utf8").digest("hex")

describe("sha1", () => {
  it.each([
    ["", "da39a3ee5e6b4b0d3255bfef95601890afd80709"],
    ["abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
    ["abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"],
    ["a".repeat(1_000_000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f"],
    ["return 1", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"]
  ])("%# is what it is known to be", (text, digest) => {
    assert.strictEqual(sha1(text), digest)
  })

  it("agrees with the platform for texts of each length around a block", () => {
    for (let length = 0; length <= 200; length++) {
      const text = Array.from({ length }, (_, i) => String.fromCharCode((length * 31 + i * 17) % 128)).join("")
      assert.strictEqual(sha1(text), reference(text), `${length} characters`)
    }
  })

  it.each([
    ["long", "local x = 1\n".repeat(20_000)],
    ["not ASCII", "return 'grüße, 你好, 🙂'"],
    ["not well-formed", "a\ud800b\udc00"],
    ["long and not ASCII", "ü🙂".repeat(10_007)]
  ])("agrees with the platform for a text that is %s", (_, text) => {
    assert.strictEqual(sha1(text), reference(text))
  })
})
