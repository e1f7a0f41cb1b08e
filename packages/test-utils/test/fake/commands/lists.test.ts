import { assert, describe, it } from "@effect/vitest"
import { Server, transcript } from "./harness.ts"
import type { Row } from "./harness.ts"

const wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value"

const tables: Readonly<Record<string, ReadonlyArray<Row>>> = {
  "both ends": [
    ["RPUSH l b c", ":2"],
    ["LPUSH l a z", ":4"],
    ["LPUSHX none a", ":0"],
    ["RPUSHX l d", ":5"],
    ["LRANGE l 0 -1", "[z a b c d]"],
    ["LRANGE l -2 100", "[c d]"],
    ["LRANGE l 3 1", "[]"],
    ["LPOP l", "z"],
    ["RPOP l 2", "[d c]"],
    ["LPOP l 0", "[]"],
    ["LPOP l -1", "-ERR value is out of range, must be positive"],
    ["LPOP l 1 2", "-ERR wrong number of arguments for 'lpop' command"],
    ["LPOP l 10", "[a b]"],
    ["EXISTS l", ":0"],
    ["LPOP l", "nil"],
    ["LPOP l 1", "nil*", "nil"]
  ],
  "by index": [
    ["RPUSH l a b c a", ":4"],
    ["LINDEX l -1", "a"],
    ["LINDEX l 9", "nil"],
    ["LSET l 1 B", "+OK"],
    ["LSET l 9 x", "-ERR index out of range"],
    ["LSET none 0 x", "-ERR no such key"],
    ["LINSERT l BEFORE B x", ":5"],
    ["LINSERT l AFTER nope x", ":-1"],
    ["LINSERT l AT B x", "-ERR syntax error"],
    ["LREM l -1 a", ":1"],
    ["LRANGE l 0 -1", "[a x B c]"],
    ["LTRIM l 1 -2", "+OK"],
    ["LRANGE l 0 -1", "[x B]"],
    ["LTRIM l 5 9", "+OK"],
    ["EXISTS l", ":0"]
  ],
  "positions": [
    ["RPUSH l a b a c a", ":5"],
    ["LPOS l a", ":0"],
    ["LPOS l a RANK 2", ":2"],
    ["LPOS l a RANK -1", ":4"],
    ["LPOS l a COUNT 0 RANK -1", "[:4 :2 :0]"],
    ["LPOS l a COUNT 2", "[:0 :2]"],
    ["LPOS l c MAXLEN 2", "nil"],
    ["LPOS l x COUNT 1", "[]"],
    ["LPOS l a COUNT -1", "-ERR COUNT can't be negative"]
  ],
  "moves": [
    ["RPUSH l a b", ":2"],
    ["LMOVE l m LEFT RIGHT", "a"],
    ["RPOPLPUSH l m", "b"],
    ["EXISTS l", ":0"],
    ["LRANGE m 0 -1", "[b a]"],
    ["RPOPLPUSH m m", "a"],
    ["LMOVE none m LEFT LEFT", "nil"],
    ["LMOVE m l UP LEFT", "-ERR syntax error"],
    ["SET text x", "+OK"],
    ["LMOVE m text LEFT LEFT", wrongType],
    ["LRANGE m 0 -1", "[a b]"]
  ],
  "many at once": [
    ["RPUSH l a b c", ":3"],
    ["LMPOP 2 none l RIGHT COUNT 2", "[l [c b]]"],
    ["LMPOP 1 none LEFT", "nil*", "nil"],
    ["LMPOP 0 l LEFT", "-ERR numkeys should be greater than 0"],
    ["LMPOP 1 l LEFT COUNT 0", "-ERR count should be greater than 0"],
    ["LMPOP 3 l m LEFT", "-ERR syntax error"],
    ["BLMPOP 1 1 l LEFT", "[l [a]]"]
  ],
  "what waits finds what is there": [
    ["RPUSH l a b c d", ":4"],
    ["BLPOP none l 0", "[l a]"],
    ["BRPOP l 0", "[l d]"],
    ["BLMOVE l m LEFT LEFT 0", "b"],
    ["BRPOPLPUSH l m 0", "c"],
    ["LRANGE m 0 -1", "[c b]"],
    ["SET text x", "+OK"],
    ["BLPOP none text m 0", wrongType],
    ["BLPOP m x", "-ERR timeout is not a float or out of range"],
    ["BLPOP m -1", "-ERR timeout is negative"]
  ]
}

describe("lists", () => {
  for (const protocol of [2, 3] as const) {
    it.each(Object.entries(tables))(`%s, in RESP${protocol}`, (_, rows) => {
      const { actual, expected } = transcript(rows, protocol)
      assert.deepStrictEqual(actual, expected)
    })
  }

  it("serves who has waited longest first", () => {
    const server = new Server()
    const [a, b, c, writer] = [server.client(2), server.client(3), server.client(2), server.client(2)]
    assert.strictEqual(a.run("BLPOP l 0"), "blocked")
    assert.strictEqual(b.run("BLPOP none l 0"), "blocked")
    assert.strictEqual(c.run("BLMOVE l m LEFT RIGHT 0"), "blocked")
    assert.strictEqual(writer.run("RPUSH l 1 2 3 4"), ":4")
    assert.deepStrictEqual([a.inbox, b.inbox, c.inbox], [["[l 1]"], ["[l 2]"], ["3"]])
    assert.strictEqual(writer.run("LRANGE l 0 -1"), "[4]")
  })

  it("gives up at the timeout, which may be a part of a second", () => {
    const server = new Server()
    const [pop, move] = [server.client(2), server.client(3)]
    pop.run("BLPOP l 0.25")
    move.run("BLMOVE l m LEFT LEFT 0.3")
    server.advance(249)
    assert.strictEqual(server.blocked, 2)
    server.advance(1)
    assert.deepStrictEqual([pop.inbox, move.inbox], [["nil*"], []])
    server.advance(50)
    assert.deepStrictEqual(move.inbox, ["nil"])
    assert.strictEqual(server.client().run("RPUSH l 1"), ":1")
  })

  it("serves from the key that was written first", () => {
    const server = new Server()
    const [waiting, writer] = [server.client(), server.client()]
    waiting.run("BLPOP a b 0")
    server.together(writer, ["RPUSH b 1", "RPUSH a 2"])
    assert.deepStrictEqual(waiting.inbox, ["[b 1]"])
  })

  it("fails when it is served into a key of another type", () => {
    const server = new Server()
    const [waiting, writer] = [server.client(), server.client()]
    writer.run("SET text x")
    waiting.run("BLMOVE l text LEFT LEFT 0")
    writer.run("RPUSH l 1")
    assert.deepStrictEqual(waiting.inbox, [wrongType])
    assert.strictEqual(writer.run("LRANGE l 0 -1"), "[1]")
  })
})
