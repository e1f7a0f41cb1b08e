import { differential } from "./driver.ts"
import type { Commands, Dice } from "./driver.ts"

const keys = ["a", "b", "n", "f", "none", "list"]
const values = ["", "value", "10", "-3", "9223372036854775806", "1.5", "abcxyzabc", "a b", "0x10", "007", "1e3", "inf"]
const numbers = ["1", "-1", "0", "5", "9223372036854775807", "-9223372036854775808", "1.5", "x", "", "01", "+1"]
const floats = [
  "1",
  "0.1",
  "-0.3",
  "1e3",
  "5.0e3",
  "3.14159",
  "1e30",
  "-1e-10",
  "inf",
  "-inf",
  "nan",
  "x",
  "",
  "0x1p3",
  "1e5000"
]
const offsets = ["0", "1", "3", "-1", "-2", "-100", "100", "x", "9223372036854775807", "-9223372036854775808"]
const times = ["100", "100000", "0", "-1", "x", "9223372036854775807", "9223372036854775", "9223372036854776"]
const units = ["EX", "PX", "EXAT", "PXAT", "ex"]
// Nothing may expire between the runs on both servers.
const faraway = ["100", "100000", "0", "-1", "x", "9223372036854775807"]

const expiry = ({ one }: Dice): ReadonlyArray<string> => {
  const unit = one(units)
  return unit.toUpperCase().endsWith("AT") ? [unit, one(["9999999999999", "x", "-1"])] : [unit, one(faraway)]
}

const anything = (dice: Dice): ReadonlyArray<string> => {
  const { below, maybe, one, some } = dice
  const key = one(keys)
  const value = one(values)
  const choices: ReadonlyArray<() => ReadonlyArray<string>> = [
    () => ["SET", key, value],
    () => [
      "SET",
      key,
      value,
      ...maybe(0.3, one(["NX", "XX", "nx"])),
      ...maybe(0.3, "GET"),
      ...maybe(0.2, ...expiry(dice)),
      ...maybe(0.2, one(["KEEPTTL", "NX", "PERSIST", "EX", "GET", "keepttl"]))
    ],
    () => ["GETEX", key, ...maybe(0.6, one([["PERSIST"], expiry(dice), ["KEEPTTL"], ["NX"], ["EX"]]).join(" "))],
    () => ["GETEX", key, ...expiry(dice), ...maybe(0.2, one(["PERSIST", "EX", "x"]))],
    () => ["GETEX", key, "PERSIST"],
    () => ["SETEX", key, one(faraway), value],
    () => ["PSETEX", key, one(["100000", "0", "-5", "x", "9223372036854775807"]), value],
    () => ["SETNX", key, value],
    () => [one(["GET", "GETDEL", "STRLEN"]), key],
    () => [one(["APPEND", "GETSET"]), key, value],
    () => [one(["GETRANGE", "SUBSTR"]), key, one(offsets), one(offsets)],
    () => ["SETRANGE", key, one(["0", "1", "3", "-1", "20", "x", "536870912"]), value],
    () => ["MGET", ...some(keys, 1, 4)],
    () => [one(["MSET", "MSETNX"]), ...some(["m1", "m2", "a", "1"], 1, 4)],
    () => [one(["INCR", "DECR"]), one(["n", "n", key])],
    () => [one(["INCRBY", "DECRBY"]), one(["n", "n", key]), one(numbers)],
    () => ["INCRBYFLOAT", one(["f", "f", key]), one(floats)],
    () => ["LCS", key, one(keys), ...maybe(0.3, one(["LEN", "IDX"])), ...maybe(0.3, "WITHMATCHLEN")],
    () => [
      "LCS",
      "l1",
      "l2",
      "IDX",
      ...maybe(0.5, "MINMATCHLEN", one(["0", "2", "4", "-1", "x"])),
      ...maybe(0.3, "WITHMATCHLEN")
    ],
    () => ["SET", one(["l1", "l2"]), some(["a", "b", "c", "d"], 0, 14).join("")],
    () => ["TTL", key],
    () => ["OBJECT", one(["ENCODING", "REFCOUNT"]), one(["a", "b", "n", "f"])],
    () => [one(["SET", "GETEX", "LCS", "INCRBY", "MGET", "SETEX", "GETRANGE"]), ...some(keys, 0, below(4))]
  ]
  return one(choices)()
}

const fixed: Commands = [
  "RPUSH list a",
  ...times.flatMap((time) => units.map((unit) => `SET fixed v ${unit} ${time}`)),
  "GETEX fixed PXAT 1",
  "EXISTS fixed",
  "SET fixed v",
  "GETEX fixed EXAT 1",
  "GET fixed",
  "SET fixed v EX 100 EX 200",
  "TTL fixed",
  "SET fixed v EX 100 PX 200",
  "SET fixed v NX XX",
  "SET fixed v XX XX GET GET",
  "SET fixed v KEEPTTL EX 5",
  "SET fixed v EX 5 KEEPTTL",
  "SET list v GET",
  "SET list v NX GET",
  "SET list v",
  "DEL list",
  "RPUSH list a",
  "GETEX none EX x",
  "GETEX list EX x",
  "SETRANGE none 0 ''",
  "SETRANGE none 10 ''",
  "SETRANGE fixed 536870911 ab",
  "SETRANGE fixed 5 x",
  "GET fixed",
  "SETRANGE list -1 x",
  "SET l1 ohmytext",
  "SET l2 mynewtext",
  "LCS l1 l2",
  "LCS l1 l2 LEN",
  "LCS l1 l2 IDX",
  "LCS l1 l2 IDX MINMATCHLEN 4 WITHMATCHLEN",
  "LCS l1 l2 IDX LEN",
  "LCS l1 l2 BAD",
  "LCS l1 list",
  "LCS l1 none IDX",
  "SET f 10.50",
  "INCRBYFLOAT f 0.1",
  "INCRBYFLOAT f -5",
  "SET f 1234567.1",
  "INCRBYFLOAT f 0.1",
  "INCRBYFLOAT f 1e17",
  "INCRBYFLOAT f 3.0e-17",
  "SET f 1e4932",
  "INCRBYFLOAT f 1e4932",
  "SET f 3.0e3",
  "INCRBYFLOAT f ' 1'",
  ["INCRBYFLOAT", "f", " 1"],
  ["INCRBYFLOAT", "f", "1 "],
  "DECRBY fresh -9223372036854775808",
  "INCRBY fresh 9223372036854775807",
  "INCR fresh",
  "OBJECT ENCODING fresh",
  "APPEND fresh2 12",
  "OBJECT ENCODING fresh2",
  "APPEND fresh2 3",
  "OBJECT ENCODING fresh2",
  "INCR fresh2",
  "OBJECT ENCODING fresh2",
  `SET long ${"x".repeat(44)}`,
  "OBJECT ENCODING long",
  `SET long ${"x".repeat(45)}`,
  "OBJECT ENCODING long",
  "MSET a",
  "MSET a 1 b",
  "MSETNX a 1 b"
]

differential("strings", {
  commands: (dice) => [...fixed, ...Array.from({ length: 900 }, () => anything(dice))]
})
