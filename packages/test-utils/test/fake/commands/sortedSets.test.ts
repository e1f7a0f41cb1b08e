import { assert, describe, it } from "@effect/vitest"
import { SortedSet } from "../../../src/fake/data/sortedSet.ts"
import { seeded, Server, transcript } from "./harness.ts"
import type { Row } from "./harness.ts"

const wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value"
const syntax = "-ERR syntax error"

const tables: Readonly<Record<string, ReadonlyArray<Row>>> = {
  "adding": [
    ["ZADD z 1 a 2 b", ":2"],
    ["ZADD z CH 3 a 4 c", ":2"],
    ["ZADD z NX 9 a 5 d", ":1"],
    ["ZADD z XX 9 x", ":0"],
    ["ZADD z GT CH 2 a 9 b", ":1"],
    ["ZADD z LT 1 d", ":0"],
    ["ZADD z INCR 2.5 a", "5.5", ",5.5"],
    ["ZADD z NX INCR 1 a", "nil"],
    ["ZINCRBY z -1 new", "-1", ",-1"],
    ["ZRANGE z 0 -1 WITHSCORES", "[new -1 d 1 c 4 a 5.5 b 9]", "[[new ,-1] [d ,1] [c ,4] [a ,5.5] [b ,9]]"],
    ["ZSCORE z a", "5.5", ",5.5"],
    ["ZSCORE z none", "nil"],
    ["ZMSCORE z a none", "[5.5 nil]", "[,5.5 nil]"],
    ["ZCARD z", ":5"],
    ["ZRANK z new", ":0"],
    ["ZREVRANK z new", ":4"],
    ["ZRANK z none", "nil"],
    ["ZRANK z a WITHSCORE", "[:3 5.5]", "[:3 ,5.5]"],
    ["ZRANK z none WITHSCORE", "nil*", "nil"],
    ["ZREM z a b c d new", ":5"],
    ["EXISTS z", ":0"]
  ],
  "what is wrong with ZADD": [
    ["ZADD z 1", "-ERR wrong number of arguments for 'zadd' command"],
    ["ZADD z NX 1", syntax],
    ["ZADD z 1 a 2", syntax],
    ["ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible"],
    ["ZADD z GT LT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"],
    ["ZADD z INCR 1 a 2 b", "-ERR INCR option supports a single increment-element pair"],
    ["ZADD z nan a", "-ERR value is not a valid float"],
    ["ZADD z inf a", ":1"],
    ["ZINCRBY z -inf a", "-ERR resulting score is not a number (NaN)"],
    ["SET text x", "+OK"],
    ["ZADD text 1 a", wrongType]
  ],
  "ranges": [
    ["ZADD z 1 a 2 b 3 c 4 d", ":4"],
    ["ZRANGE z 1 -2", "[b c]"],
    ["ZRANGE z 0 0 REV WITHSCORES", "[d 4]", "[[d ,4]]"],
    ["ZREVRANGE z 0 1", "[d c]"],
    ["ZRANGE z (1 3 BYSCORE", "[b c]"],
    ["ZRANGE z +inf (2 BYSCORE REV LIMIT 1 1", "[c]"],
    ["ZRANGEBYSCORE z -inf +inf LIMIT 1 2 WITHSCORES", "[b 2 c 3]", "[[b ,2] [c ,3]]"],
    ["ZREVRANGEBYSCORE z 3 1 LIMIT 0 -1", "[c b a]"],
    ["ZRANGEBYSCORE z 1 3 LIMIT -1 2", "[]"],
    ["ZCOUNT z (1 inf", ":3"],
    ["ZRANGESTORE t z 2 +inf BYSCORE LIMIT 0 2", ":2"],
    ["ZRANGE t 0 -1", "[b c]"],
    ["ZRANGESTORE t z 9 9", ":0"],
    ["EXISTS t", ":0"],
    [
      "ZRANGE z 0 1 LIMIT 0 1",
      "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
    ],
    ["ZRANGE z - + BYLEX WITHSCORES", "-ERR syntax error, WITHSCORES not supported in combination with BYLEX"],
    ["ZRANGE z a b BYSCORE", "-ERR min or max is not a float"],
    ["ZRANGE z a b BYLEX", "-ERR min or max not valid string range item"],
    ["ZRANGE z a b", "-ERR value is not an integer or out of range"],
    ["ZREMRANGEBYRANK z 0 0", ":1"],
    ["ZREMRANGEBYSCORE z (3 +inf", ":1"],
    ["ZRANGE z 0 -1", "[b c]"]
  ],
  "ranges of bytes": [
    ["ZADD z 0 a 0 b 0 c 0 aa", ":4"],
    ["ZRANGEBYLEX z - [b", "[a aa b]"],
    ["ZREVRANGEBYLEX z + (a", "[c b aa]"],
    ["ZRANGE z [b [a BYLEX REV LIMIT 1 1", "[aa]"],
    ["ZLEXCOUNT z (a (c", ":2"],
    ["ZLEXCOUNT z + -", ":0"],
    ["ZREMRANGEBYLEX z [a (b", ":2"],
    ["ZRANGE z 0 -1", "[b c]"]
  ],
  "algebra": [
    ["ZADD z 1 a 2 b", ":2"],
    ["ZADD y 10 b 20 c", ":2"],
    ["SADD s b", ":1"],
    ["ZUNION 2 z y WITHSCORES", "[a 1 b 12 c 20]", "[[a ,1] [b ,12] [c ,20]]"],
    ["ZUNION 2 z y WEIGHTS 2 1 AGGREGATE MAX", "[a b c]"],
    ["ZINTER 3 z y s WITHSCORES", "[b 13]", "[[b ,13]]"],
    ["ZINTER 2 z y AGGREGATE MIN WITHSCORES", "[b 2]", "[[b ,2]]"],
    ["ZDIFF 2 z y WITHSCORES", "[a 1]", "[[a ,1]]"],
    ["ZUNIONSTORE t 2 z y WEIGHTS 2 0.5", ":3"],
    ["ZRANGE t 0 -1 WITHSCORES", "[a 2 b 9 c 10]", "[[a ,2] [b ,9] [c ,10]]"],
    ["ZINTERSTORE t 2 z y", ":1"],
    ["ZDIFFSTORE t 2 z z", ":0"],
    ["EXISTS t", ":0"],
    ["ZINTERCARD 2 z y", ":1"],
    ["ZINTERCARD 2 z z LIMIT 1", ":1"],
    ["ZUNION 0 z", "-ERR at least 1 input key is needed for 'zunion' command"],
    ["ZUNION 3 z y", syntax],
    ["ZUNION 2 z y WEIGHTS 1", syntax],
    ["ZUNION 2 z y WEIGHTS 1 x", "-ERR weight value is not a float"],
    ["ZUNIONSTORE t 1 z WITHSCORES", syntax],
    ["SET text x", "+OK"],
    ["ZUNION 2 z text", wrongType]
  ],
  "pops": [
    ["ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g", ":7"],
    ["ZPOPMIN z", "[a 1]", "[a ,1]"],
    ["ZPOPMAX z 2", "[g 7 f 6]", "[[g ,7] [f ,6]]"],
    ["ZPOPMIN z 0", "[]"],
    ["ZPOPMIN none", "[]"],
    ["ZMPOP 2 none z MAX COUNT 2", "[z [[e 5] [d 4]]]", "[z [[e ,5] [d ,4]]]"],
    ["ZMPOP 1 none MIN", "nil*", "nil"],
    ["ZMPOP 1 z MID", syntax],
    ["BZPOPMIN none z 0", "[z b 2]", "[z b ,2]"],
    ["BZMPOP 0 1 z MIN", "[z [[c 3]]]", "[z [[c ,3]]]"],
    ["EXISTS z", ":0"]
  ],
  "at random, and scanning": [
    ["ZADD z 1.5 a", ":1"],
    ["ZRANDMEMBER z", "a"],
    ["ZRANDMEMBER z -2 WITHSCORES", "[a 1.5 a 1.5]", "[[a ,1.5] [a ,1.5]]"],
    ["ZRANDMEMBER none", "nil"],
    ["ZRANDMEMBER none 1", "[]"],
    ["ZADD z 0.1 b", ":1"],
    ["ZSCAN z 0", "[0 [b 0.10000000000000001 a 1.5]]"],
    ["ZSCAN z 0 MATCH a", "[0 [a 1.5]]"]
  ]
}

describe("sorted sets", () => {
  for (const protocol of [2, 3] as const) {
    it.each(Object.entries(tables))(`%s, in RESP${protocol}`, (_, rows) => {
      const { actual, expected } = transcript(rows, protocol)
      assert.deepStrictEqual(actual, expected)
    })
  }

  it("serves the clients that wait in their order, each as it asked", () => {
    const server = new Server()
    const [a, b, c] = [server.client(2), server.client(3), server.client(3)]
    a.run("BZPOPMIN z 0")
    b.run("BZMPOP 0 1 z MAX COUNT 2")
    c.run("BZPOPMAX z 1")
    server.client().run("ZADD z 1 a 2 b 3 c")
    server.advance(1000)
    assert.deepStrictEqual([a.inbox, b.inbox, c.inbox], [["[z a 1]"], ["[z [[c ,3] [b ,2]]]"], ["nil"]])
  })
})

describe("SortedSet", () => {
  it("is what sorting all entries anew would be", () => {
    const random = seeded(5)
    const below = (limit: number) => Math.floor(random() * limit)
    const zset = new SortedSet()
    const model = new Map<string, number>()
    for (let round = 0; round < 6000; round++) {
      const member = `m${below(2500)}`
      if (below(4) === 0) {
        assert.strictEqual(zset.remove(member), model.delete(member))
      } else {
        const score = below(40)
        const expected = !model.has(member) ? "added" : model.get(member) === score ? "same" : "updated"
        assert.strictEqual(zset.add(member, score), expected)
        model.set(member, score)
      }
      if (round % 1500 === 1499) {
        const start = below(zset.size)
        for (const { member } of zset.removeSpan({ start, end: start + below(600) })) model.delete(member)
      }
    }
    const sorted = [...model]
      .map(([member, score]) => ({ member, score }))
      .sort((a, b) => a.score - b.score || (a.member < b.member ? -1 : 1))
    assert.strictEqual(zset.size, sorted.length)
    for (const made of [zset, zset.clone(), SortedSet.from(zset.entries())]) {
      assert.deepStrictEqual([...made.entries()], sorted)
    }
    sorted.forEach(({ member, score }, rank) => {
      assert.strictEqual(zset.rank(member), rank)
      assert.strictEqual(zset.score(member), score)
    })
    assert.deepStrictEqual(zset.slice(500, 1200), sorted.slice(500, 1200))
    for (const [min, max] of [[0, 39], [3, 3], [10, 20], [50, 60], [20, 10]]) {
      for (const exclusive of [false, true]) {
        const { end, start } = zset.byScore({ min, minExclusive: exclusive, max, maxExclusive: exclusive })
        const within = sorted.filter(({ score }) =>
          exclusive ? score > min && score < max : score >= min && score <= max
        )
        assert.deepStrictEqual(zset.slice(start, end), within)
      }
    }
  })
})
