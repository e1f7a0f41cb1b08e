import { assert, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import { fromBytes } from "../../src/fake/values/binary.ts"
import { sha1, sha256 } from "../../src/fake/values/digest.ts"

describe("digests", () => {
  // FIPS 180-4 has these as examples.
  it.each([
    [
      "",
      "da39a3ee5e6b4b0d3255bfef95601890afd80709",
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    ],
    [
      "abc",
      "a9993e364706816aba3e25717850c26c9cd0d89d",
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    ],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ]
  ])("of %j are those of the standard", (text, first, second) => {
    assert.strictEqual(sha1(text), first)
    assert.strictEqual(sha256(text), second)
  })

  // Every length around the ends of several blocks, with all bytes.
  it("are those of node:crypto, whatever the length", () => {
    for (let length = 0; length < 400; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + length * 31) & 0xff)
      assert.strictEqual(sha1(fromBytes(bytes)), createHash("sha1").update(bytes).digest("hex"))
      assert.strictEqual(sha256(fromBytes(bytes)), createHash("sha256").update(bytes).digest("hex"))
    }
  })

  it("are those of node:crypto for a megabyte", () => {
    const text = "0123456789abcdef".repeat(65_536)
    assert.strictEqual(sha1(text), createHash("sha1").update(text).digest("hex"))
    assert.strictEqual(sha256(text), createHash("sha256").update(text).digest("hex"))
  })
})
