import { differential, shape, unordered } from "./driver.ts"
import type { Commands, Dice } from "./driver.ts"

const keys = ["s", "t", "u", "none", "text", "list"]
const members = ["a", "b", "c", "1", "2", "3", "", "long member", "-5"]
const counts = ["0", "1", "2", "-1", "-3", "x", "100"]
const limits = ["0", "1", "2", "100", "-1", "x"]

const anything = ({ below, maybe, one, some }: Dice): ReadonlyArray<string> => {
  const key = one(keys)
  const choices: ReadonlyArray<() => ReadonlyArray<string>> = [
    () => ["SADD", key, ...some(members, 1, 4)],
    () => ["SADD", one(["s", "t", "u"]), ...some(members, 1, 4)],
    () => ["SREM", key, ...some(members, 1, 2)],
    () => [one(["SCARD", "SMEMBERS"]), key],
    () => ["SISMEMBER", key, one(members)],
    () => ["SMISMEMBER", key, ...some(members, 1, 4)],
    () => ["SMOVE", key, one(keys), one(members)],
    () => ["SPOP", key, one(["0", "100", "x", "-1"]), ...maybe(0.05, "x")],
    () => ["SRANDMEMBER", key, ...maybe(0.8, one(counts)), ...maybe(0.05, "x")],
    () => [one(["SINTER", "SUNION", "SDIFF"]), ...some(keys, 1, 3)],
    () => [one(["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]), one(["s", "t", "u", "stored"]), ...some(keys, 1, 3)],
    () => [
      "SINTERCARD",
      one(["1", "2", "2", "3", "0", "-1", "x"]),
      ...some(keys, 1, 3),
      ...maybe(0.4, "LIMIT", one(limits))
    ],
    () => ["SSCAN", key, one(["0", "x", "+0", ""]), "COUNT", "1000", ...maybe(0.4, "MATCH", one(["*", "[ab]", "?"]))],
    () => [one(["SADD", "SMOVE", "SINTERCARD", "SSCAN", "SUNION"]), ...some(keys, 0, below(4))]
  ]
  return one(choices)()
}

const fixed: Commands = [
  "SET text value",
  "RPUSH list a",
  "SADD one a",
  "SPOP one",
  "EXISTS one",
  "SPOP none",
  "SPOP text",
  "SMOVE none text a",
  "SMOVE s none a",
  "SSCAN none 0 COUNT x",
  "SADD s a",
  "SSCAN s 0 COUNT 0",
  "SSCAN s 0 x",
  "SUNIONSTORE text none",
  "EXISTS text",
  "SET text value",
  "SINTERCARD 1 s LIMIT",
  "SINTERCARD 1 s LIMIT 1 LIMIT 2",
  "SRANDMEMBER s -9223372036854775808",
  "SRANDMEMBER s 9223372036854775807"
]

differential("sets", {
  commands: (dice) => [...fixed, ...Array.from({ length: 800 }, () => anything(dice))],
  normalise: ([name], reply) => {
    switch (name) {
      case "SRANDMEMBER":
        return shape(reply)
      case "SMEMBERS":
      case "SINTER":
      case "SUNION":
      case "SDIFF":
      case "SPOP":
        return unordered(reply)
      case "SSCAN":
        return reply.items === undefined ? reply : { ...reply, items: [reply.items[0], unordered(reply.items[1])] }
      default:
        return reply
    }
  }
})
