import type { Wire } from "../commands/harness.ts"
import { differential } from "./driver.ts"
import type { Commands, Dice } from "./driver.ts"

const keys = ["sicily", "world", "dense", "none", "text"]
const units = ["m", "km", "mi", "ft", "KM"]
const members = ["Palermo", "Catania", "m1", "m2", "m7", "m23", "nobody"]

const position = ({ next, one }: Dice, near = false): ReadonlyArray<string> => {
  if (near) return [(13 + next() * 4).toFixed(6), (36 + next() * 4).toFixed(6)]
  return one([
    [(next() * 360 - 180).toFixed(6), (next() * 170 - 85).toFixed(6)],
    [(next() * 360 - 180).toFixed(6), (next() * 170 - 85).toFixed(6)],
    [(13 + next() * 4).toFixed(6), (36 + next() * 4).toFixed(6)],
    one([["180", "85.05112878"], ["-180", "-85.05112878"], ["0", "0"], ["181", "0"], ["0", "86"], ["x", "1"], [
      "1",
      "x"
    ]])
  ])
}

const size = ({ next, one }: Dice): string =>
  one(["0", "100", "200", "5000", "20000", "-1", "x", "0.5", (next() * 1000).toFixed(2), (next() * 300).toFixed(2)])

const output = ({ maybe, one }: Dice): ReadonlyArray<string> => [
  ...maybe(0.4, "WITHDIST"),
  ...maybe(0.3, "WITHHASH"),
  ...maybe(0.3, "WITHCOORD"),
  ...maybe(0.4, one(["ASC", "DESC", "asc"])),
  ...maybe(0.3, "COUNT", one(["1", "3", "5", "0", "-1", "x", "100"]), ...maybe(0.4, "ANY")),
  ...maybe(0.05, one(["ANY", "STOREDIST", "COUNT", "x", "WITHHASH"]))
]

const search = (dice: Dice): ReadonlyArray<string> => {
  const { maybe, next, one } = dice
  const from = next() < 0.3 ? ["FROMMEMBER", one(members)] : ["FROMLONLAT", ...position(dice, next() < 0.5)]
  const by = next() < 0.5 ? ["BYRADIUS", size(dice), one(units)] : ["BYBOX", size(dice), size(dice), one(units)]
  return next() < 0.9 ? [...from, ...by] : [...maybe(0.5, ...from), ...maybe(0.7, ...by), ...maybe(0.5, ...from), "ASC"]
}

const anything = (dice: Dice): ReadonlyArray<string> => {
  const { below, maybe, next, one, some } = dice
  const key = one(keys)
  const choices: ReadonlyArray<() => ReadonlyArray<string>> = [
    () => ["GEOADD", one(["world", key]), ...maybe(0.2, one(["NX", "XX", "ch"])), ...position(dice), `m${below(40)}`],
    () => ["GEOADD", key, ...maybe(0.3, "CH"), ...position(dice), one(members), ...position(dice), one(members)],
    () => ["GEOADD", "dense", ...position(dice, true), `d${below(100)}`],
    () => ["GEODIST", key, one(members), one(members), ...maybe(0.6, one([...units, "x"])), ...maybe(0.05, "m")],
    () => [one(["GEOHASH", "GEOPOS"]), key, ...some(members, 0, 3)],
    () => ["GEOSEARCH", key, ...search(dice), ...output(dice)],
    () => ["GEOSEARCH", one(["world", "dense"]), ...search(dice), ...output(dice)],
    () => [
      "GEOSEARCH",
      "dense",
      "FROMLONLAT",
      ...position(dice, true),
      "BYRADIUS",
      `${below(300)}`,
      "km",
      ...maybe(0.3, "COUNT", "4", "ANY")
    ],
    () => [
      "GEOSEARCH",
      one(["dense", "world"]),
      "FROMLONLAT",
      ...position(dice, next() < 0.7),
      "BYBOX",
      `${below(4000)}`,
      `${below(4000)}`,
      "km"
    ],
    () => [
      "GEOSEARCHSTORE",
      "stored",
      key,
      ...search(dice),
      ...maybe(0.3, "STOREDIST"),
      ...maybe(0.2, ...output(dice))
    ],
    () => ["ZRANGE", one(["stored", "world"]), "0", "-1", "WITHSCORES"],
    () => [one(["GEORADIUS", "GEORADIUS_RO"]), key, ...position(dice), size(dice), one(units), ...output(dice)],
    () => ["GEORADIUS", "dense", ...position(dice, true), size(dice), one(units), ...output(dice)],
    () => [
      one(["GEORADIUSBYMEMBER", "GEORADIUSBYMEMBER_RO"]),
      key,
      one(members),
      size(dice),
      one(units),
      ...output(dice)
    ],
    () => [
      "GEORADIUS",
      key,
      ...position(dice, true),
      size(dice),
      one(units),
      one(["STORE", "STOREDIST"]),
      "stored",
      ...maybe(0.2, ...output(dice))
    ],
    () => [one(["GEOADD", "GEODIST", "GEOSEARCH", "GEORADIUS"]), ...some(keys, 0, below(8))]
  ]
  return one(choices)()
}

const fixed: Commands = [
  "SET text value",
  "GEOADD sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
  "GEOADD sicily NX XX 13 38 x",
  "GEOADD sicily NX CH CH CH",
  "GEOADD sicily XX 13 38",
  "GEOADD sicily 181 91 x",
  "GEOADD sicily inf nan x",
  "GEOADD sicily inf 1 x",
  "GEOADD edge 180 85.05112878 ne -180 -85.05112878 sw 180 -85.05112878 se -180 85.05112878 nw 0 0 zero",
  "ZRANGE edge 0 -1 WITHSCORES",
  "GEOPOS edge ne sw se nw zero none",
  "GEOHASH edge ne sw se nw zero none",
  "GEOHASH sicily Palermo Catania",
  "GEOPOS sicily Palermo Catania",
  "GEOHASH sicily",
  "GEOPOS none a b",
  "GEOHASH none a b",
  "GEODIST sicily Palermo Catania",
  "GEODIST sicily Palermo Catania x",
  "GEODIST none Palermo Catania x",
  "GEODIST sicily Palermo Catania km extra",
  "GEOSEARCH none FROMMEMBER x BYRADIUS 1 m",
  "GEOSEARCH none FROMMEMBER x FROMLONLAT 1 1 BYRADIUS 1 m",
  "GEOSEARCH sicily FROMMEMBER Palermo FROMMEMBER Catania BYRADIUS 1 m",
  "GEOSEARCH sicily FROMLONLAT 1 1 FROMMEMBER Catania BYRADIUS 1 m",
  "GEOSEARCH sicily FROMLONLAT 1 1 FROMLONLAT 15 37 BYRADIUS 200 km",
  "GEOSEARCH sicily FROMLONLAT 15 37 BYRADIUS 1 m BYRADIUS 200 km",
  "GEOSEARCH sicily FROMLONLAT 15 37 BYRADIUS 1 m BYBOX 200 200 km",
  "GEOSEARCH sicily FROMLONLAT 15 37 BYBOX 1 1 m BYRADIUS 200 km",
  "GEOSEARCH sicily FROMLONLAT 15 37 BYBOX 1 1 m BYBOX 400 400 km",
  "GEOSEARCH sicily BYRADIUS 200 km ASC ASC ASC",
  "GEOSEARCH sicily FROMLONLAT 15 37 ASC ASC",
  "GEOSEARCH sicily FROMLONLAT 15 37 BYRADIUS 200 x",
  "GEOSEARCH sicily FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1 ANY",
  "GEOSEARCH sicily FROMLONLAT 15 37 BYRADIUS 200 km ANY",
  "GEOSEARCH sicily FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST",
  "GEOSEARCH sicily FROMLONLAT 15 37 BYRADIUS 200 km WITHDIST WITHCOORD WITHHASH",
  "GEOSEARCHSTORE stored sicily FROMLONLAT 15 37 BYRADIUS 200 km WITHDIST",
  "GEOSEARCHSTORE stored none FROMLONLAT 15 37 BYRADIUS 200 km",
  "GEOSEARCHSTORE stored sicily FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST",
  "GEOSEARCHSTORE stored none FROMLONLAT 15 37 BYRADIUS 200 km",
  "GEORADIUS_RO sicily 15 37 200 km STORE stored",
  "GEORADIUS sicily 15 37 200 km STORE stored WITHDIST",
  "GEORADIUS none 15 37 200 km STORE stored",
  "GEORADIUSBYMEMBER none m x y",
  "GEORADIUSBYMEMBER none m x y COUNT 0",
  "GEORADIUSBYMEMBER text m 1 km",
  [
    "GEOADD",
    "dense",
    ...Array.from({ length: 100 }, (_, i) => [`${13 + (i % 10) * 0.31}`, `${36 + Math.floor(i / 10) * 0.27}`, `d${i}`])
      .flat()
  ]
]

const rounded = (reply: Wire, signs: string): Wire => {
  if (reply.items !== undefined) return { ...reply, items: reply.items.map((item) => rounded(item, signs)) }
  const number = Number(reply.text)
  return signs.includes(reply.sign) && /^-?\d/.test(reply.text) ? { ...reply, text: number.toPrecision(13) } : reply
}

differential("geo", {
  commands: (dice) => [...fixed, ...Array.from({ length: 1500 }, () => anything(dice))],
  // Stored distances differ in the last digits, as the sines of two libraries do. Coordinates are doubles in RESP3, written
  // by the server with 17 decimals and here in the shortest way.
  normalise: ([name], reply) => rounded(reply, name === "ZRANGE" ? "$," : ",")
})
