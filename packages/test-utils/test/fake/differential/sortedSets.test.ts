import { differential, shape } from "./driver.ts"
import type { Commands, Dice } from "./driver.ts"

const keys = ["z", "y", "x", "set", "none", "text"]
const members = ["a", "b", "c", "d", "e", "", "long member", "A"]
const scores = [
  "1",
  "2",
  "1.5",
  "-3",
  "0",
  "-0",
  "inf",
  "-inf",
  "+inf",
  "0.1",
  "1e20",
  "3.0e-7",
  "nan",
  "x",
  "",
  "0x10",
  "0x1.8p1",
  "1e400",
  "1e-400",
  "1.",
  ".5",
  " 1",
  "5"
]
const bounds = ["-inf", "+inf", "inf", "0", "1", "(1", "(2", "2", "-5", "(", "x", "(x", "1.5", "( 1", " 2"]
const lexBounds = ["-", "+", "[a", "(a", "[c", "(c", "[", "(", "a", "", "[b"]
// Ranges by bytes are defined for equal scores only, which most sets here don't have.
const noLexBounds = ["a", "", "x"]
const indexes = ["0", "1", "2", "-1", "-2", "50", "-50", "x", ""]
const counts = ["0", "1", "2", "50", "-1", "x"]
const numkeys = ["1", "2", "2", "2", "3", "0", "-1", "x"]

const anything = ({ below, maybe, one, some }: Dice): ReadonlyArray<string> => {
  const key = one(keys)
  const pairs = (min: number, max: number) => some(members, min, max).flatMap((member) => [one(scores), member])
  const limit = () => maybe(0.4, "LIMIT", one(["0", "1", "-1", "2", "x"]), one(["-1", "1", "2", "0", "x"]))
  const algebra = () => [
    ...maybe(0.4, "WEIGHTS", ...some(["1", "2", "-1", "0.5", "0", "inf", "x"], 1, 3)),
    ...maybe(0.4, "AGGREGATE", one(["SUM", "min", "MAX", "x"]))
  ]
  const choices: ReadonlyArray<() => ReadonlyArray<string>> = [
    () => ["ZADD", key, ...maybe(0.6, ...some(["NX", "XX", "GT", "LT", "CH", "INCR", "ch"], 1, 2)), ...pairs(1, 3)],
    () => ["ZADD", one(["z", "y", "x"]), ...some(["1", "2", "3", "-1", "2.5"], 3, 3).flatMap((s) => [s, one(members)])],
    () => ["ZADD", key, one(["CH", "GT", "XX"]), one(["1", "2", "3", "-1", "2.5"]), one(members)],
    () => ["ZINCRBY", key, one(scores), one(members)],
    () => ["ZREM", key, ...some(members, 1, 2)],
    () => ["ZCARD", key],
    () => [one(["ZSCORE", "ZRANK", "ZREVRANK"]), key, one(members)],
    () => ["ZMSCORE", key, ...some(members, 1, 4)],
    () => [
      "ZRANGE",
      key,
      ...one([[one(indexes), one(indexes)], [one(bounds), one(bounds), "BYSCORE"], [
        one(noLexBounds),
        one(lexBounds),
        "BYLEX"
      ]]),
      ...maybe(0.3, "REV"),
      ...limit(),
      ...maybe(0.4, one(["WITHSCORES", "withscores", "BYLEX", "REV"]))
    ],
    () => [
      "ZRANGESTORE",
      one(["stored", "y"]),
      key,
      ...one([["0", one(indexes)], [one(bounds), one(bounds), "BYSCORE"], [one(noLexBounds), one(lexBounds), "BYLEX"]]),
      ...maybe(0.3, "REV"),
      ...limit(),
      ...maybe(0.1, "WITHSCORES")
    ],
    () => ["ZREVRANGE", key, one(indexes), one(indexes), ...maybe(0.5, one(["WITHSCORES", "REV", "BYSCORE"]))],
    () => [
      one(["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"]),
      key,
      one(bounds),
      one(bounds),
      ...limit(),
      ...maybe(0.4, "WITHSCORES")
    ],
    () => [one(["ZRANGEBYLEX", "ZREVRANGEBYLEX"]), key, one(noLexBounds), one(lexBounds), ...limit()],
    () => ["ZRANGE", key, "0", "-1", "WITHSCORES"],
    () => ["ZCOUNT", key, one(bounds), one(bounds)],
    () => ["ZLEXCOUNT", key, one(noLexBounds), one(lexBounds)],
    () => ["ZREMRANGEBYSCORE", key, one(bounds), one(bounds)],
    () => ["ZREMRANGEBYRANK", key, one(indexes), one(indexes)],
    () => [one(["ZPOPMIN", "ZPOPMAX"]), key, ...maybe(0.5, one(counts)), ...maybe(0.05, "x")],
    () => [
      "ZMPOP",
      one([...numkeys, "9"]),
      ...some(keys, 1, 3),
      one(["MIN", "MAX", "min", "x"]),
      ...maybe(0.4, "COUNT", one(counts))
    ],
    () => [one(["ZUNION", "ZINTER"]), one(numkeys), ...some(keys, 1, 3), ...algebra(), ...maybe(0.5, "WITHSCORES")],
    () => ["ZDIFF", one(numkeys), ...some(keys, 1, 3), ...maybe(0.5, one(["WITHSCORES", "WEIGHTS"]))],
    () => [one(["ZUNIONSTORE", "ZINTERSTORE"]), one(["stored", "y"]), one(numkeys), ...some(keys, 1, 3), ...algebra()],
    () => ["ZUNION", "2", "z", "y", ...algebra(), "WITHSCORES"],
    () => ["ZINTER", "2", "z", "y", ...algebra(), "WITHSCORES"],
    () => ["ZDIFFSTORE", "stored", one(numkeys), ...some(keys, 1, 3), ...maybe(0.1, "WITHSCORES")],
    () => ["ZINTERCARD", one(numkeys), ...some(keys, 1, 3), ...maybe(0.4, "LIMIT", one(counts))],
    () => ["ZRANDMEMBER", key, ...maybe(0.8, one(counts), ...maybe(0.5, one(["WITHSCORES", "x"])))],
    () => [
      "ZSCAN",
      key,
      one(["0", "x"]),
      ...maybe(0.4, "MATCH", one(["*", "[ab]", "?"])),
      ...maybe(0.4, "COUNT", one(counts))
    ],
    () => [one(["ZADD", "ZRANGE", "ZUNION", "ZUNIONSTORE", "ZPOPMIN", "ZSCAN", "ZMPOP"]), ...some(keys, 0, below(4))]
  ]
  return one(choices)()
}

// The real server waits for what is not there, so that all that blocks finds something, or is wrong.
const waiting = ({ maybe, one }: Dice): ReadonlyArray<string> => {
  const timeout = one(["0.01", "0.02", "x", "-1", ""])
  const choices: ReadonlyArray<() => ReadonlyArray<string>> = [
    () => [one(["BZPOPMIN", "BZPOPMAX"]), one(keys), "always", timeout],
    () => [
      "BZMPOP",
      timeout,
      one(["2", "0", "x"]),
      one(keys),
      "always",
      one(["MIN", "MAX", "x"]),
      ...maybe(0.4, "COUNT", one(counts))
    ]
  ]
  return one(choices)()
}

const byBytes = ({ one }: Dice): ReadonlyArray<string> =>
  one([
    ["ZADD", "lex", "0", one(members)],
    ["ZADD", "lex", "0", one(members)],
    [one(["ZRANGEBYLEX", "ZREVRANGEBYLEX", "ZLEXCOUNT"]), "lex", one(lexBounds), one(lexBounds)],
    ["ZRANGEBYLEX", "lex", one(lexBounds), one(lexBounds), "LIMIT", one(["0", "1", "-1"]), one(["1", "-1", "2"])],
    ["ZRANGE", "lex", one(lexBounds), one(lexBounds), "BYLEX", ...one([[], ["REV"], ["LIMIT", "1", "2"]])],
    ["ZRANGESTORE", "stored", "lex", one(lexBounds), one(lexBounds), "BYLEX", ...one([[], ["REV"]])],
    ["ZREMRANGEBYLEX", "lex", one(lexBounds), one(["(a", "[a", "[b", "x"])]
  ])

const fixed: Commands = [
  "SET text value",
  "SADD set a b c 1",
  "ZADD inf inf a 1 b",
  "ZINCRBY inf -inf a",
  "ZADD inf INCR -inf a",
  "ZADD z INCR 1 a 2 b",
  "ZADD numbers 0.1 a 0.2 b 1e15 c 1e16 d 123456789012345680000 e 1e-10 f -0.0000001 g 3.14159265358979 h 1e300 i",
  "ZRANGE numbers 0 -1 WITHSCORES",
  "ZINCRBY numbers 0.2 a",
  "ZSCAN numbers 0",
  "ZUNION 2 inf inf WEIGHTS 1 -1 WITHSCORES",
  "ZUNION 1 inf WEIGHTS 0 WITHSCORES",
  "ZINTER 2 inf inf WEIGHTS 1 -1 WITHSCORES",
  "ZUNIONSTORE text 1 none",
  "EXISTS text",
  "SET text value",
  "ZRANGESTORE text none 0 -1",
  "SET text value",
  "ZRANDMEMBER numbers -9223372036854775808",
  "ZRANDMEMBER numbers 4611686018427387904 WITHSCORES",
  "ZRANGE numbers 0 -1 LIMIT 0 -1",
  "ZADD z NX GT 1 a",
  "ZADD z GT LT 1 a",
  "ZADD none XX 1 a",
  "ZADD none XX INCR 1 a",
  "ZSCAN z 0 COUNT 0",
  "ZSCAN none 0 COUNT 0",
  "BZPOPMIN none",
  "BZMPOP 1 1 none"
]

differential("sorted sets", {
  commands: (dice) => [
    ...fixed,
    ...Array.from({ length: 1200 }, () => anything(dice)),
    ...Array.from({ length: 80 }, () => [["ZADD", "always", "1", "a", "2", "b", "3", "c"], waiting(dice)]).flat(),
    ...Array.from({ length: 150 }, () => byBytes(dice))
  ],
  normalise: ([name], reply) => name === "ZRANDMEMBER" ? shape(reply) : reply
})
