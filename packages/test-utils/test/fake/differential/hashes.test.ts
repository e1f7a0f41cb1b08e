import { differential, shape, unordered } from "./driver.ts"
import type { Commands, Dice } from "./driver.ts"

const keys = ["h", "i", "none", "text", "list"]
const fields = ["f", "g", "1", "long-field-name", "", "ü"]
const values = ["v", "10", "-3", "0", "1.5", "9223372036854775807", "3.0e3", "x y", "", " 1", "01", "1e3"]
const increments = [
  "1",
  "-7",
  "0",
  "9223372036854775807",
  "-9223372036854775808",
  "x",
  "1.5",
  "",
  "99999999999999999999"
]
const floats = ["0.1", "0.2", "-1.5", "3", "1e2", "5.0e-3", "x", "", " 1", "nan", "inf", "-inf", "0x10", "+2"]
const counts = [
  "0",
  "1",
  "2",
  "10",
  "-1",
  "-5",
  "x",
  "-9223372036854775808",
  "9223372036854775807",
  "4611686018427387904"
]

const anything = ({ below, maybe, one, some }: Dice): ReadonlyArray<string> => {
  const key = one(keys)
  const pairs = (min: number, max: number) => some(fields, min, max).flatMap((field) => [field, one(values)])
  const choices: ReadonlyArray<() => ReadonlyArray<string>> = [
    () => [one(["HSET", "HMSET", "hset"]), key, ...pairs(1, 3), ...maybe(0.1, "odd")],
    () => ["HSETNX", key, one(fields), one(values)],
    () => ["HGET", key, one(fields)],
    () => ["HMGET", key, ...some(fields, 1, 4)],
    () => ["HDEL", key, ...some(fields, 1, 3)],
    () => [one(["HLEN", "HKEYS", "HVALS", "HGETALL"]), key],
    () => [one(["HEXISTS", "HSTRLEN"]), key, one(fields)],
    () => ["HINCRBY", key, one(fields), one(increments)],
    () => ["HINCRBYFLOAT", key, one(fields), one(floats)],
    () => ["HRANDFIELD", key, ...maybe(0.8, one(counts.filter((count) => count.length < 4)))],
    () => ["HRANDFIELD", key, one(["0", "1", "10", "-2", "x"]), one(["WITHVALUES", "withvalues", "WITHSCORES"])],
    () => [
      "HSCAN",
      key,
      "0",
      ...maybe(0.4, "MATCH", one(["*", "f*", "[fg]", "?"])),
      ...maybe(0.4, "COUNT", one(counts))
    ],
    () => [one(["HGET", "HSET", "HINCRBY", "HLEN", "HSCAN", "HRANDFIELD", "HDEL"]), ...some(keys, 0, below(4))]
  ]
  return one(choices)()
}

const fixed: Commands = [
  "SET text value",
  "RPUSH list a",
  "HRANDFIELD none",
  "HRANDFIELD none 3",
  "HSET h f v",
  "HRANDFIELD h",
  "HRANDFIELD h -9223372036854775808",
  "HRANDFIELD h 4611686018427387904 WITHVALUES",
  "HRANDFIELD h -4611686018427387904 WITHVALUES",
  "HRANDFIELD h 1 WITHVALUES x",
  "HSCAN h x",
  "HSCAN h 0 COUNT 0",
  "HSCAN h 0 COUNT",
  "HSCAN h 0 TYPE hash",
  "HSCAN none 0 NOPE",
  "HINCRBYFLOAT n f 10.5",
  "HINCRBYFLOAT n f 0.1",
  "HINCRBYFLOAT n f -5",
  "HINCRBYFLOAT n f 5.0e3",
  "HINCRBYFLOAT n g 0.00000000000000001",
  "HINCRBYFLOAT n h 123456789012345",
  "HINCRBYFLOAT n h 0.5",
  "HGETALL n",
  "HDEL n f g h",
  "EXISTS n"
]

differential("hashes", {
  commands: (dice) => [...fixed, ...Array.from({ length: 700 }, () => anything(dice))],
  normalise: ([name], reply) => {
    switch (name) {
      case "HRANDFIELD":
        return shape(reply)
      case "HKEYS":
      case "HVALS":
        return unordered(reply)
      case "HGETALL":
        return unordered(reply, 2)
      case "HSCAN":
        return reply.items === undefined ? reply : { ...reply, items: [reply.items[0], unordered(reply.items[1], 2)] }
      default:
        return reply
    }
  }
})
