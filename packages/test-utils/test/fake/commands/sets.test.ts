import { assert, describe, it } from "@effect/vitest"
import { Server, transcript } from "./harness.ts"
import type { Row } from "./harness.ts"

const wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value"

const tables: Readonly<Record<string, ReadonlyArray<Row>>> = {
  "members": [
    ["SADD s a b a", ":2"],
    ["SADD s b c", ":1"],
    ["SCARD s", ":3"],
    ["SMEMBERS s", "[a b c]", "~[a b c]"],
    ["SISMEMBER s a", ":1"],
    ["SMISMEMBER s a x", "[:1 :0]"],
    ["SMISMEMBER none a", "[:0]"],
    ["SREM s a x", ":1"],
    ["SREM s b c", ":2"],
    ["EXISTS s", ":0"],
    ["SMEMBERS s", "[]", "~[]"],
    ["SADD s", "-ERR wrong number of arguments for 'sadd' command"],
    ["SET text x", "+OK"],
    ["SADD text a", wrongType]
  ],
  "moving": [
    ["SADD s a b", ":2"],
    ["SMOVE s t a", ":1"],
    ["SMOVE s t x", ":0"],
    ["SMOVE s s b", ":1"],
    ["SMOVE s t b", ":1"],
    ["EXISTS s", ":0"],
    ["SET text x", "+OK"],
    ["SMOVE none text a", ":0"],
    ["SMOVE t text a", wrongType]
  ],
  "algebra": [
    ["SADD s a b c", ":3"],
    ["SADD t b c d", ":3"],
    ["SINTER s t", "[b c]", "~[b c]"],
    ["SINTER s none", "[]", "~[]"],
    ["SUNION s t none", "[a b c d]", "~[a b c d]"],
    ["SDIFF s t", "[a]", "~[a]"],
    ["SINTERSTORE u s t", ":2"],
    ["SDIFFSTORE u s s", ":0"],
    ["EXISTS u", ":0"],
    ["SUNIONSTORE s s t", ":4"],
    ["SINTERCARD 2 s t", ":3"],
    ["SINTERCARD 2 s t LIMIT 2", ":2"],
    ["SINTERCARD 2 s t LIMIT -1", "-ERR LIMIT can't be negative"],
    ["SINTERCARD 0 s", "-ERR numkeys should be greater than 0"],
    ["SINTERCARD 3 s t", "-ERR Number of keys can't be greater than number of args"],
    ["SET text x", "+OK"],
    ["SINTER none text", wrongType],
    ["SUNIONSTORE text s", ":4"]
  ],
  "at random": [
    ["SADD s a", ":1"],
    ["SRANDMEMBER s", "a"],
    ["SRANDMEMBER s 3", "[a]"],
    ["SRANDMEMBER s -3", "[a a a]"],
    ["SRANDMEMBER none", "nil"],
    ["SRANDMEMBER none 2", "[]"],
    ["SPOP s 0", "[]", "~[]"],
    ["SPOP s -1", "-ERR value is out of range, must be positive"],
    ["SPOP s", "a"],
    ["EXISTS s", ":0"],
    ["SPOP s", "nil"],
    ["SPOP s 2", "[]", "~[]"]
  ],
  "scanning": [
    ["SADD s 1 2 30", ":3"],
    ["SSCAN s 0 COUNT 1", "[0 [1 2 30]]"],
    ["SSCAN s 0 MATCH ?", "[0 [1 2]]"],
    ["SSCAN none 5", "[0 []]"]
  ]
}

describe("sets", () => {
  for (const protocol of [2, 3] as const) {
    it.each(Object.entries(tables))(`%s, in RESP${protocol}`, (_, rows) => {
      const { actual, expected } = transcript(rows, protocol)
      assert.deepStrictEqual(actual, expected)
    })
  }

  it("picks different members for a positive count, the same ones for the same seed", () => {
    const pick = (seed: number) => {
      const client = new Server({ seed }).client()
      client.run(["SADD", "s", ...Array.from({ length: 50 }, (_, i) => `m${i}`)])
      return [client.wire("SRANDMEMBER s 20")!, client.wire("SPOP s 20")!].map(({ items }) =>
        items!.map((item) => item.text)
      )
    }
    const [shown, popped] = pick(3)
    assert.strictEqual(new Set(shown).size, 20)
    assert.strictEqual(new Set(popped).size, 20)
    assert.deepStrictEqual(pick(3), [shown, popped])
    assert.notDeepEqual(pick(4), [shown, popped])
  })

  it("scans a set of texts page by page", () => {
    const client = new Server().client()
    client.run(["SADD", "s", ...Array.from({ length: 25 }, (_, i) => `m${i}`)])
    const seen = new Set<string>()
    let cursor = "0"
    let pages = 0
    do {
      const reply = client.wire(`SSCAN s ${cursor}`)!
      cursor = reply.items![0].text
      for (const { text } of reply.items![1].items!) seen.add(text)
      pages++
    } while (cursor !== "0")
    assert.strictEqual(seen.size, 25)
    assert.strictEqual(pages, 3)
  })
})
