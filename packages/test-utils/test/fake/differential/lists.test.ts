import { differential } from "./driver.ts"
import type { Commands, Dice } from "./driver.ts"

const keys = ["l", "m", "n", "none", "text", "zset"]
const values = ["a", "b", "c", "1", "", "long value"]
const indexes = ["0", "1", "2", "-1", "-2", "5", "-9", "x", "", "9223372036854775807", "99999999999999999999"]
const counts = ["0", "1", "2", "5", "-1", "-2", "x", "9223372036854775807"]
const sides = ["LEFT", "RIGHT", "left", "right", "UP"]
// All blocking commands find something or run where nobody may wait, or else the real server would wait.
const timeouts = ["0.01", "0.02", "x", "-1", "", "nan", "inf", "-inf", "1e300", "0x1p-3"]

const anything = ({ below, maybe, one, some }: Dice): ReadonlyArray<string> => {
  const key = one(keys)
  const choices: ReadonlyArray<() => ReadonlyArray<string>> = [
    () => [one(["LPUSH", "RPUSH", "LPUSH", "RPUSH", "LPUSHX", "RPUSHX"]), key, ...some(values, 1, 4)],
    () => [one(["LPOP", "RPOP"]), key, ...maybe(0.5, one(counts)), ...maybe(0.05, "x")],
    () => ["LLEN", key],
    () => ["LINDEX", key, one(indexes)],
    () => ["LSET", key, one(indexes), one(values)],
    () => ["LINSERT", key, one(["BEFORE", "AFTER", "after", "x"]), one(values), one(values)],
    () => ["LRANGE", key, one(indexes), one(indexes)],
    () => ["LRANGE", key, "0", "-1"],
    () => ["LTRIM", key, one(indexes), one(indexes)],
    () => ["LREM", key, one(counts), one(values)],
    () => [
      "LPOS",
      key,
      one(values),
      ...maybe(0.4, "RANK", one(["1", "-1", "2", "-2", "0", "x"])),
      ...maybe(0.4, "COUNT", one(counts)),
      ...maybe(0.3, "MAXLEN", one(counts)),
      ...maybe(0.05, "COUNT")
    ],
    () => ["LMOVE", key, one(keys), one(sides), one(sides)],
    () => ["RPOPLPUSH", key, one(keys)],
    () => [
      "LMPOP",
      one(["1", "2", "2", "3", "0", "-1", "x", "9"]),
      ...some(keys, 1, 3),
      one(sides),
      ...maybe(0.4, "COUNT", one(counts)),
      ...maybe(0.1, one(["COUNT", "x"]))
    ],
    () => [one(["LPUSH", "LPOP", "LRANGE", "LMOVE", "LPOS", "LMPOP", "LINSERT"]), ...some(keys, 0, below(4))]
  ]
  return one(choices)()
}

const waiting = ({ maybe, one, some }: Dice): ReadonlyArray<string> => {
  const choices: ReadonlyArray<() => ReadonlyArray<string>> = [
    () => [one(["BLPOP", "BRPOP"]), one(keys), one(keys), "always", one(timeouts)],
    () => ["BLMOVE", one(["always", "text"]), one(keys), one(sides), one(sides), one(timeouts)],
    () => ["BRPOPLPUSH", one(["always", "text"]), one(keys), one(timeouts)],
    () => [
      "BLMPOP",
      one(timeouts),
      one(["2", "2", "0", "x", "7"]),
      ...some(keys, 1, 1),
      "always",
      one(sides),
      ...maybe(0.4, "COUNT", one(["1", "2", "0", "x"]))
    ]
  ]
  return one(choices)()
}

const fixed: Commands = [
  "SET text value",
  "ZADD zset 1 a",
  "BLPOP none",
  "BLPOP",
  "BLMPOP 1 1 none",
  "LPOS none a RANK"
]

differential("lists", {
  commands: (dice) => [
    ...fixed,
    ...Array.from({ length: 700 }, () => anything(dice)),
    ...Array.from({ length: 100 }, () => [["RPUSH", "always", "x", "y", "z"], waiting(dice)]).flat()
  ]
})
