import { differential } from "./driver.ts"
import type { Commands, Dice } from "./driver.ts"

const keys = ["a", "b", "c", "none", "list", "text"]

const elements = ({ below }: Dice, count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, () => `${"element".slice(0, below(8))}${below(5000)}`)

const anything = (dice: Dice): ReadonlyArray<string> => {
  const { below, one, some } = dice
  const key = one(keys)
  const choices: ReadonlyArray<() => ReadonlyArray<string>> = [
    () => ["PFADD", key, ...elements(dice, below(8))],
    () => ["PFADD", one(["a", "b"]), ...elements(dice, below(100))],
    () => ["PFCOUNT", key],
    () => ["PFCOUNT", ...some(["a", "b", "c", "d", "none"], 1, 4)],
    () => ["PFMERGE", one(["c", "d", key]), ...some(["a", "b", "c", "none"], 0, 2)],
    () => ["PFDEBUG", one(["ENCODING", "encoding", "x"]), key],
    () => ["PFDEBUG", "DECODE", one(["e", "c"])],
    () => ["PFADD", "e", ...elements(dice, 1 + below(3))],
    () => ["GET", "e"],
    () => ["STRLEN", one(["e", "f"])],
    () => [one(["PFADD", "PFCOUNT", "PFMERGE", "PFDEBUG"]), ...some(keys, 0, below(3))]
  ]
  return one(choices)()
}

const fixed: Commands = [
  "RPUSH list a",
  "SET text value",
  "SET broken HYLL",
  "PFCOUNT broken",
  "PFADD broken a",
  "PFADD fresh",
  "GET fresh",
  "PFCOUNT fresh",
  "GET fresh",
  "PFADD fresh",
  "PFADD fresh a b c",
  "GET fresh",
  "PFCOUNT fresh",
  "GET fresh",
  "PFCOUNT fresh",
  "PFADD fresh a",
  "PFDEBUG DECODE fresh",
  "PFDEBUG ENCODING fresh",
  "PFDEBUG ENCODING fresh x",
  "PFDEBUG TODENSE fresh",
  "PFDEBUG TODENSE fresh",
  "PFDEBUG DECODE fresh",
  "PFADD fresh d",
  "GET fresh",
  "STRLEN fresh",
  "OBJECT ENCODING fresh",
  "PFDEBUG GETREG none",
  "PFDEBUG GETREG list",
  "PFADD regs a b c d e f",
  "PFDEBUG GETREG regs",
  "GET regs",
  "PFMERGE new",
  "GET new",
  "PFMERGE new regs fresh",
  "GET new",
  "PFCOUNT new",
  "PFCOUNT new none",
  "PFCOUNT none",
  "PFCOUNT none none",
  "PFMERGE new list",
  "PFMERGE text new",
  "SETRANGE fresh 4 x",
  "PFCOUNT fresh",
  "PFADD sparse a",
  "APPEND sparse x",
  "PFCOUNT sparse",
  "PFADD sparse2 a",
  "PFCOUNT sparse2",
  "SETRANGE sparse2 16 xx",
  "PFCOUNT sparse2",
  "PFCOUNT sparse2 none",
  "PFSELFTEST"
]

const many = Array.from({ length: 60 }, (_, i) => [
  ["PFADD", "big", ...Array.from({ length: 250 }, (_, j) => `${i * 250 + j}`)],
  ["PFCOUNT", "big"]
]).flat()

differential("hyperLogLog", {
  commands: (dice) => [
    ...fixed,
    ...many,
    ["PFDEBUG", "ENCODING", "big"],
    ...Array.from({ length: 500 }, () => anything(dice))
  ]
})
