import { assert, describe, it } from "@effect/vitest"
import { Server, transcript } from "./harness.ts"

describe("hyperLogLog", () => {
  it("counts and merges", () => {
    const { actual, expected } = transcript([
      ["PFADD a x y z", ":1"],
      ["PFADD a x", ":0"],
      ["PFCOUNT a", ":3"],
      ["PFADD b z w", ":1"],
      ["PFCOUNT a b none", ":4"],
      ["PFMERGE c a b", "+OK"],
      ["PFCOUNT c", ":4"],
      ["PFCOUNT none", ":0"],
      ["PFADD empty", ":1"],
      ["PFADD empty", ":0"],
      ["GETRANGE empty 0 3", "HYLL"],
      ["TYPE a", "+string"],
      ["PFDEBUG ENCODING a", "+sparse"],
      ["PFDEBUG DECODE empty", "Z:16384"],
      ["PFDEBUG TODENSE a", ":1"],
      ["PFDEBUG ENCODING a", "+dense"],
      ["STRLEN a", ":12304"],
      ["PFCOUNT a", ":3"],
      ["SET text value", "+OK"],
      ["PFADD text x", "-WRONGTYPE Key is not a valid HyperLogLog string value."],
      ["PFMERGE c text", "-WRONGTYPE Key is not a valid HyperLogLog string value."],
      ["RPUSH list x", ":1"],
      ["PFCOUNT list", "-WRONGTYPE Operation against a key holding the wrong kind of value"],
      ["PFADD", "-ERR wrong number of arguments for 'pfadd' command"],
      ["PFSELFTEST", "+OK"]
    ], 2)
    assert.deepStrictEqual(actual, expected)
  })

  it("estimates large numbers", () => {
    const client = new Server().client()
    for (let i = 0; i < 20; i++) {
      client.run([
        "PFADD",
        "a",
        ...Array.from({ length: 1000 }, (_, j) => `${i * 1000 + j}`)
      ])
    }
    const count = Number(client.run("PFCOUNT a").slice(1))
    assert.isBelow(Math.abs(count - 20_000), 20_000 * 0.03)
  })
})
