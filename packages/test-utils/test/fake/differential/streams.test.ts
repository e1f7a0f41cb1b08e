import type { Wire } from "../commands/harness.ts"
import { differential } from "./driver.ts"
import type { Commands, Dice } from "./driver.ts"

const keys = ["s", "s", "t", "u"]
const groups = ["g", "g", "h", "none"]
const consumers = ["alice", "bob", "carol"]
const low = ["0", "0-0", "0-1", "1", "1-1", "1-2", "2-0", "3-1", "5-5"]
const odd = [
  "-",
  "+",
  "x",
  "1-x",
  "1-",
  "-1",
  "1--1",
  "01-002",
  "+4-1",
  " 7-1",
  "18446744073709551615",
  "18446744073709551616",
  ""
]
const bounds = [
  "-",
  "+",
  "(1-1",
  "(2",
  "(0-0",
  "(-",
  "(x",
  "(18446744073709551615-18446744073709551615",
  "(",
  "4",
  "1-1"
]

const unlikely = <A>(dice: Dice, usual: () => A, rare: () => A): A => dice.below(12) === 0 ? rare() : usual()

const anyId = (dice: Dice): string => unlikely(dice, () => dice.one(low), () => dice.one(odd))

const someIds = (dice: Dice): ReadonlyArray<string> =>
  Array.from(
    { length: 1 + dice.below(4) },
    () => unlikely(dice, () => `${1 + dice.below(30)}-${dice.below(3)}`, () => anyId(dice))
  )

const trimming = (dice: Dice): ReadonlyArray<string> => {
  const sign = dice.one([[], ["~"], ["="]])
  const limit = dice.maybe(0.2, "LIMIT", dice.one(["0", "1", "2", "100", "-1", "x"]))
  return dice.one([
    ["MAXLEN", ...sign, dice.one(["0", "1", "3", "10", "-1", "x", "9223372036854775807"]), ...limit],
    ["MINID", ...sign, anyId(dice), ...limit]
  ])
}

let clock = 1

const adding = (dice: Dice): ReadonlyArray<string> => {
  clock += dice.below(3) === 0 ? 1 : 0
  const id = unlikely(
    dice,
    () => dice.one([`${clock}-*`, `${clock}-${dice.below(4)}`, `${++clock}`]),
    () => anyId(dice)
  )
  const fields = unlikely(
    dice,
    () => dice.one([["f", "1"], ["f", "1", "g", "2"], ["g", "x".repeat(70)], ["n", "-70000"]]),
    () => dice.one([["f"], [], ["f", "1", "g"]])
  )
  return [
    "XADD",
    dice.one(keys),
    ...dice.maybe(0.1, "NOMKSTREAM"),
    ...dice.maybe(0.1, ...trimming(dice)),
    id,
    ...fields
  ]
}

const reading = (dice: Dice): ReadonlyArray<string> => {
  const names = dice.some(keys, 1, 2)
  const ids = names.map(() => unlikely(dice, () => dice.one([...low, "$"]), () => dice.one([...odd, ">"])))
  const options = [...dice.maybe(0.3, "COUNT", dice.one(["0", "1", "2", "-3", "x"])), ...dice.maybe(0.05, "NOACK")]
  return [
    "XREAD",
    ...options,
    ...dice.maybe(0.05, "GROUP", "g", "c"),
    "STREAMS",
    ...names,
    ...dice.one([ids, ids, ids, ids.slice(1)])
  ]
}

const groupReading = (dice: Dice): ReadonlyArray<string> => {
  const names = dice.some(keys, 1, 2)
  const ids = names.map(() => unlikely(dice, () => dice.one([">", ">", ...low]), () => dice.one([...odd, "$"])))
  const group = ["GROUP", dice.one(groups), dice.one(consumers)]
  const options = [...dice.maybe(0.5, "COUNT", dice.one(["0", "1", "2", "3"])), ...dice.maybe(0.1, "NOACK")]
  return [
    "XREADGROUP",
    ...unlikely(dice, () => group, () => ["COUNT", "1", "NOACK"]),
    ...options,
    "STREAMS",
    ...names,
    ...ids
  ]
}

const managing = (dice: Dice): ReadonlyArray<string> => {
  const key = dice.one(keys)
  const group = dice.one(groups)
  const read = dice.maybe(0.3, "ENTRIESREAD", dice.one(["0", "3", "-1", "-2", "x"]))
  return dice.one([
    ["XGROUP", "CREATE", key, group, dice.one(["$", "0", anyId(dice)]), ...dice.maybe(0.5, "MKSTREAM"), ...read],
    ["XGROUP", "SETID", key, group, dice.one(["$", "0", anyId(dice)]), ...read],
    ["XGROUP", "CREATECONSUMER", key, group, dice.one(consumers)],
    ["XGROUP", "DELCONSUMER", key, group, dice.one(consumers)],
    ...(dice.below(4) === 0 ? [["XGROUP", "DESTROY", key, group]] : []),
    ["XGROUP", "CREATE", key, group, "0", "MKSTREAM", "ENTRIESREAD", "1", "MORE"],
    ["XGROUP", "SETID", key, group, "0", "MKSTREAM"]
  ])
}

const pending = (dice: Dice): ReadonlyArray<string> => {
  const head = ["XPENDING", dice.one(keys), dice.one(groups)]
  const range = [
    dice.one(["-", "-", dice.one(bounds)]),
    dice.one(["+", "+", dice.one(bounds)]),
    dice.one(["10", "2", "0", "-1", "x"])
  ]
  return dice.one([
    head,
    [...head, ...range],
    [...head, ...range, dice.one(consumers)],
    [...head, "IDLE", dice.one(["0", "50000", "x"]), ...range, ...dice.maybe(0.5, dice.one(consumers))],
    [...head, "IDLE", "5", ...range.slice(1)],
    [...head, "-"],
    [...head, ...range, "alice", "more", "and more"]
  ])
}

const claiming = (dice: Dice): ReadonlyArray<string> => {
  const idle = unlikely(dice, () => dice.one(["0", "0", "50000"]), () => dice.one(["x", "-1"]))
  const head = [dice.one(keys), dice.one(groups), dice.one(consumers), idle]
  const options = [
    ...dice.maybe(0.2, "FORCE"),
    ...dice.maybe(0.3, "JUSTID"),
    ...dice.maybe(0.2, "IDLE", dice.one(["100000", "-5", "x"])),
    ...dice.maybe(0.1, "TIME", dice.one(["1000", "x", "-1", "99999999999999"])),
    ...dice.maybe(0.1, "RETRYCOUNT", dice.one(["0", "7", "-1", "9223372036854775807"])),
    ...dice.maybe(0.1, "LASTID", dice.one(low)),
    ...dice.maybe(0.03, "BOGUS")
  ]
  return dice.below(3) > 0
    ? ["XCLAIM", ...head, ...someIds(dice), ...options]
    : [
      "XAUTOCLAIM",
      ...head,
      dice.one(["0", "-", dice.one(bounds)]),
      ...dice.maybe(0.5, "COUNT", dice.one(["1", "2", "3", "0", "x"])),
      ...dice.maybe(0.3, "JUSTID")
    ]
}

const asking = (dice: Dice): ReadonlyArray<string> => {
  const key = dice.one(keys)
  return dice.one([
    ["XLEN", key],
    [
      "XRANGE",
      key,
      dice.one(bounds),
      dice.one(bounds),
      ...dice.maybe(0.4, "COUNT", dice.one(["0", "1", "3", "-1", "x"]))
    ],
    ["XRANGE", key, "-", "+"],
    ["XREVRANGE", key, "+", "-", ...dice.maybe(0.4, "COUNT", dice.one(["0", "1", "3"])), ...dice.maybe(0.05, "MORE")],
    ["XREVRANGE", key, dice.one(bounds), dice.one(bounds)],
    ["XINFO", "STREAM", key],
    ["XINFO", "STREAM", key, "FULL", ...dice.maybe(0.5, "COUNT", dice.one(["0", "1", "2", "-1", "x"]))],
    ["XINFO", "STREAM", key, dice.one(["HALF", "FULL 1"])],
    ["XINFO", "GROUPS", key],
    ["XINFO", "CONSUMERS", key, dice.one(groups)]
  ])
}

const removing = (dice: Dice): ReadonlyArray<string> => {
  const key = dice.one(keys)
  return dice.one([
    ["XDEL", key, ...someIds(dice)],
    ["XDEL", key, ...someIds(dice)],
    ["XACK", key, dice.one(groups), ...someIds(dice)],
    ["XACK", key, dice.one(groups), ...someIds(dice)],
    ["XTRIM", key, ...trimming(dice)],
    [
      "XTRIM",
      key,
      ...dice.one([["MAXLEN", "1", "MINID", "1"], ["LIMIT", "5"], ["BOGUS", "1"], ["MAXLEN", "~"], ["MINID", "="]])
    ],
    [
      "XSETID",
      key,
      dice.one(["40", `${clock}`, anyId(dice)]),
      ...dice.maybe(0.4, "ENTRIESADDED", dice.one(["100", "1", "-1", "x"])),
      ...dice.maybe(0.4, "MAXDELETEDID", dice.one(low)),
      ...dice.maybe(0.05, "MORE")
    ],
    ...(dice.below(8) === 0 ? [["DEL", key]] : [])
  ])
}

/** Trimming by blocks: as many entries as several of them hold, with fields that change, small and large. */
const blocks = (dice: Dice): Commands => {
  const commands: Array<ReadonlyArray<string>> = []
  for (let i = 1; i <= 450; i++) {
    const value = dice.one([
      "1",
      "-1",
      "300",
      "70000",
      "99999999999",
      "text",
      "x".repeat(80),
      "y".repeat(dice.below(900))
    ])
    const fields = dice.below(4) === 0 ? ["other", value, "f", "-4097"] : ["f", value]
    commands.push(["XADD", "big", dice.one([`${i}-1`, `${i * 256}-1`, `${i}-${i}`, `${i}-*`]), ...fields])
    if (i % 25 === 0) commands.push(["XINFO", "STREAM", "big"])
    if (i % 40 === 0) commands.push(["XDEL", "big", `${i - 3}-1`, `${i - 9}-1`], ["XINFO", "STREAM", "big"])
    if (i % 150 === 0) {
      commands.push(["XTRIM", "big", "MAXLEN", "~", "60"], ["XINFO", "STREAM", "big"])
      commands.push(["XTRIM", "big", "MINID", "~", `${i - 20}`, "LIMIT", "50"], ["XTRIM", "big", "MAXLEN", "37"])
      commands.push(["XINFO", "STREAM", "big"], ["XRANGE", "big", "-", "+"])
    }
  }
  return commands
}

const fixed: Commands = `
  SET plain 1; XADD plain * f 1; XLEN plain; XRANGE plain - +; XREAD STREAMS plain 0; XGROUP CREATE plain g $ MKSTREAM
  XACK plain g 1; XPENDING plain g; XCLAIM plain g c 0 1; XAUTOCLAIM plain g c 0 0; XDEL plain 1; XTRIM plain MAXLEN 0
  XSETID plain 1; XINFO STREAM plain; XINFO GROUPS plain; XDEL plain x; XDEL no x; XREADGROUP GROUP g c STREAMS plain >
  XGROUP DESTROY no g; XGROUP DESTROY plain g; XADD; XADD s *; XADD s * f; XINFO STREAM; XINFO GROUPS s g; XLEN; XRANGE s -
  XINFO CONSUMERS s; XGROUP CREATE s g; XGROUP DESTROY s; XREAD COUNT 1 STREAMS; XREAD STREAMS s; XREAD FOO STREAMS s 0
  XREAD BLOCK -1 STREAMS s 0; XREAD BLOCK x STREAMS s 0; XREAD BLOCK 1.5 STREAMS s 0; XREADGROUP COUNT 1 STREAMS s t > >
  XREADGROUP GROUP g c STREAMS s t >; XACK no g x; XACK no g 1
  XADD top 18446744073709551615-18446744073709551614 f 1; XADD top 18446744073709551615-* f 2
  XADD top 18446744073709551615-* f 3; XADD top * f 4; XREAD STREAMS top 18446744073709551615-18446744073709551615
  XREAD STREAMS top 18446744073709551615-18446744073709551614; XRANGE top (18446744073709551615-18446744073709551614 +
  XADD zero 0-* f 1; XADD zero 0-0 f 1; XADD none 0-0 f 1; EXISTS none; XADD past 99999999999999-5 f 1; XADD past * f 1
  XADD past MAXLEN 1 * f 2; XADD past MAXLEN 0 99999999999999-9 f 2; XINFO STREAM past
`.trim().split(/;|\n/).map((line) => line.trim())

const generated = (dice: Dice): Commands => {
  clock = 1
  const commands: Array<ReadonlyArray<string>> = []
  const start = ["s", "t"].map((key) => ["XGROUP", "CREATE", key, "g", "$", "MKSTREAM"])
  const kinds = [
    adding,
    adding,
    adding,
    reading,
    groupReading,
    groupReading,
    managing,
    pending,
    claiming,
    asking,
    removing
  ]
  for (let i = 0; i < 2500; i++) {
    commands.push(dice.one(kinds)(dice))
    if (i % 20 === 0) { for (const key of ["s", "t"]) commands.push(["XINFO", "STREAM", key, "FULL", "COUNT", "0"]) }
    if (i % 400 === 399) commands.push(["DEL", "s", "t", "u"], ...start)
    if (i % 400 === 0) clock = 1
  }
  return commands
}

const ages = (wire: Wire): Wire => {
  if (wire.items !== undefined) return { ...wire, items: wire.items.map(ages) }
  const value = Number(wire.text)
  if (wire.sign !== ":" || !Number.isSafeInteger(value)) return wire
  return value > 1_000_000_000 ? { sign: ":", text: "long" } : wire
}

/** Idle times differ by what a run takes, so they are compared in steps of ten seconds. */
const rounded = (wire: Wire): Wire => {
  const { text } = ages(wire)
  return text === "long" ? { ...wire, text } : { ...wire, text: `about ${Math.floor(Number(text) / 10_000)}` }
}

const normalise = (argv: ReadonlyArray<string>, reply: Wire): Wire => {
  if (reply.items === undefined) return reply
  if (argv[0] === "XPENDING" && argv.length > 3) {
    return {
      ...reply,
      items: reply.items.map((item) => ({
        ...item,
        items: item.items?.map((one, i) => i === 2 ? rounded(one) : one) ?? []
      }))
    }
  }
  if (argv[0] === "XINFO" && argv[1] === "CONSUMERS") {
    const ages = new Set([5, 7])
    return {
      ...reply,
      items: reply.items.map((item) => ({
        ...item,
        items: item.items?.map((one, i) => ages.has(i) && !one.text.startsWith("-") ? rounded(one) : one) ?? []
      }))
    }
  }
  return argv[0] === "XINFO" ? ages(reply) : reply
}

differential("streams", {
  commands: (dice) => [...fixed, ...blocks(dice), ...generated(dice)],
  normalise,
  seed: Number(process.env.SEED ?? 7)
})
