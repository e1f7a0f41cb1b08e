import { differential } from "./driver.ts"
import type { Commands, Dice } from "./driver.ts"

const keys = ["a", "b", "c", "none", "list"]
const bits = ["0", "1", "7", "8", "9", "15", "31", "63", "100"]
const badBits = ["-1", "x", "4294967296", "9223372036854775807", "#1", "", "01"]
const ranges = ["0", "1", "2", "5", "-1", "-2", "-5", "9", "100", "-100", "x"]
const types = ["u1", "u4", "u8", "i5", "i8", "i16", "u31", "u63", "i64", "i1"]
const badTypes = ["u64", "i65", "u0", "x8", "U8", "i", "", "i8x"]
const deltas = [
  "0",
  "1",
  "-1",
  "10",
  "100",
  "-100",
  "255",
  "256",
  "1000",
  "9223372036854775807",
  "-9223372036854775808",
  "x"
]

const field = ({ maybe, one }: Dice): ReadonlyArray<string> => {
  const at = [
    one([...types, ...types, ...types, ...badTypes]),
    one([...bits, "#0", "#1", "#3", ...bits, ...maybe(0.2, "#", "x")])
  ]
  return one([
    ["GET", ...at],
    ["SET", ...at, one(deltas)],
    ["INCRBY", ...at, one(deltas)],
    ["INCRBY", ...at, one(deltas)],
    ["OVERFLOW", one(["WRAP", "SAT", "FAIL", "fail", "BAD"]), "INCRBY", ...at, one(deltas)],
    ["OVERFLOW", one(["WRAP", "SAT", "FAIL", "sat"]), "SET", ...at, one(deltas)]
  ])
}

const anything = (dice: Dice): ReadonlyArray<string> => {
  const { below, maybe, one, some } = dice
  const key = one(keys)
  const bit = one([...bits, ...bits, ...badBits])
  const choices: ReadonlyArray<() => ReadonlyArray<string>> = [
    () => ["SETBIT", key, bit, one(["0", "1", "1", "2", "x"])],
    () => ["SETBIT", one(["a", "b", "c"]), one(bits), one(["0", "1", "1"])],
    () => ["GETBIT", key, bit],
    () => ["GET", key],
    () => ["BITCOUNT", key],
    () => ["BITCOUNT", key, one(ranges), ...maybe(0.9, one(ranges)), ...maybe(0.4, one(["BIT", "BYTE", "bit", "x"]))],
    () => ["BITPOS", key, one(["0", "1", "1", "2", "x"])],
    () => [
      "BITPOS",
      key,
      one(["0", "1"]),
      one(ranges),
      ...maybe(0.7, one(ranges), ...maybe(0.5, one(["BIT", "BYTE", "x"])))
    ],
    () => ["BITOP", one(["AND", "OR", "XOR", "NOT", "and", "x"]), one(["a", "dest"]), ...some(keys, 1, 3)],
    () => ["BITOP", "NOT", one(["b", "dest"]), one(keys)],
    () => ["BITFIELD", key, ...field(dice), ...maybe(0.5, ...field(dice)), ...maybe(0.3, ...field(dice))],
    () => ["BITFIELD", one(["a", "b", "d"]), ...field(dice), ...maybe(0.5, ...field(dice))],
    () => ["BITFIELD_RO", key, "GET", one(types), one(bits), ...maybe(0.2, ...field(dice))],
    () => ["SET", one(["a", "b", "c"]), some(["a", "b", "0", "z", "~"], 0, 12).join("")],
    () => [one(["SETBIT", "GETBIT", "BITCOUNT", "BITPOS", "BITOP", "BITFIELD"]), ...some(keys, 0, below(4))]
  ]
  return one(choices)()
}

const fixed: Commands = [
  "RPUSH list a",
  "BITCOUNT none x y",
  "BITCOUNT none 1",
  "BITCOUNT list x y",
  "BITPOS none 1 x y z",
  "BITPOS none 0 x",
  "BITPOS none 0",
  "SET empty ''",
  "BITPOS empty 0",
  "BITPOS empty 1",
  "BITCOUNT empty 0 -1",
  "BITCOUNT empty 0 -1 BIT",
  "SETBIT full 0 1",
  "BITFIELD full SET u8 0 255 SET u8 8 255",
  "BITPOS full 0",
  "BITPOS full 0 1",
  "BITPOS full 0 0 -1",
  "BITPOS full 0 0 -1 BIT",
  "BITPOS full 0 2",
  "BITPOS full 1 3 9 BIT",
  "BITPOS full 1 0 -1 BYTE x",
  "BITFIELD full",
  "BITFIELD_RO full",
  "BITFIELD nothing",
  "EXISTS nothing",
  "BITFIELD nothing OVERFLOW FAIL SET u8 0 256",
  "EXISTS nothing",
  "STRLEN nothing",
  "BITFIELD nothing2 GET u8 100",
  "EXISTS nothing2",
  "BITFIELD nothing3 SET u8 0 0",
  "EXISTS nothing3",
  "BITFIELD nothing3 SET u8 0 0",
  "BITFIELD_RO full SET u8 0 1",
  "BITFIELD_RO list SET u8 0 1",
  "BITFIELD_RO list GET u8 0",
  "BITFIELD wide SET i64 0 -1 INCRBY i64 0 -9223372036854775808 GET i64 0",
  "BITFIELD wide OVERFLOW SAT INCRBY i64 0 -9223372036854775808 INCRBY i64 0 -1 INCRBY u63 1 9223372036854775807",
  "BITFIELD wide OVERFLOW FAIL INCRBY u63 1 9223372036854775807 INCRBY u63 1 9223372036854775807 SET u63 0 -1",
  "BITFIELD wide OVERFLOW WRAP SET u63 0 -1 SET u8 #2 -1 SET i8 #3 200",
  "GET wide",
  "OBJECT ENCODING wide",
  "SETBIT wide 4294967296 1",
  "BITOP AND dest none none",
  "BITOP OR a none",
  "EXISTS a dest"
]

differential("bitmaps", {
  commands: (dice) => [...fixed, ...Array.from({ length: 1000 }, () => anything(dice))]
})
