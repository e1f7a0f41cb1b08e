/**
 * Times to live of hash fields: the HEXPIRE family of Redis 7.4, and HGETDEL, HGETEX, HSETEX of 8.0.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { expireField, removeField } from "../../data/fieldExpiry.ts"
import type { Condition, Hash } from "../../data/fieldExpiry.ts"
import type { Bin, Definition, Group, Invocation } from "../../definitions/handler.ts"
import * as Arguments from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import { atLeast } from "./blocking.ts"

const { array, bulk, integer } = Resp.Reply
const nil = Resp.Reply.null

const noFields = "ERR Mandatory argument FIELDS is missing or not at the right position"
const notPositive = "ERR Number of fields must be a positive integer"

/** Reads `FIELDS numfields field [field ...]`, which has to be at the end of the command. */
const fieldsFrom = (args: ReadonlyArray<Bin>, at: number, problem: string = notPositive): ReadonlyArray<Bin> => {
  if (Arguments.word(args[at]) !== "FIELDS") throw new CommandError(noFields)
  const count = atLeast(args[at + 1] ?? "", 1, problem)
  if (count !== args.length - at - 2) {
    throw new CommandError("ERR The `numfields` parameter must match the number of arguments")
  }
  return args.slice(at + 2)
}

// The server's index of expiring fields has room for 46 bits of milliseconds.
const latest = 2 ** 46 - 1

/** Reads a time in units of `unit` milliseconds, counted from `base`. */
const readTime = (arg: Bin, unit: 1 | 1000, base: number, name: string): number => {
  const value = Arguments.integer(arg)
  if (value < 0) throw new CommandError("ERR invalid expire time, must be >= 0")
  if (value * unit > latest - base) {
    throw new CommandError(`ERR invalid expire time in '${name.toLowerCase()}' command`)
  }
  return value * unit + base
}

const conditions: ReadonlySet<string> = new Set(["NX", "XX", "GT", "LT"])

const expiring = (unit: 1 | 1000, absolute: boolean): Definition => ({
  arity: -6,
  run: ({ args, keys, name, now }) => {
    const [key, time] = args
    const hash = keys.typed(key, "hash")
    const at = readTime(time, unit, absolute ? 0 : now, name)
    const option = Arguments.word(args[2])
    const condition = conditions.has(option) ? option as Condition : ""
    const problem = "ERR Parameter `numFields` should be greater than 0"
    const fields = fieldsFrom(args, condition === "" ? 2 : 3, problem)
    if (hash === undefined) return array(fields.map(() => integer(-2)))
    const results = fields.map((field) => expireField(hash, field, at, condition, now))
    if (results.includes(1) || results.includes(2)) keys.touch(key, results.includes(2) ? "hdel" : "hexpire", "h")
    keys.removeIfEmpty(key)
    return array(results.map(integer))
  }
})

const telling = (read: (at: number, now: number) => number): Definition => ({
  arity: -5,
  run: ({ args, keys, now }) => {
    const hash = keys.typed(args[0], "hash")
    return array(
      fieldsFrom(args, 1).map((field) => {
        if (hash === undefined || !hash.fields.has(field)) return integer(-2)
        const at = hash.expiry.get(field)
        return integer(at === undefined ? -1 : read(at, now))
      })
    )
  }
})

const persist = ({ args, keys }: Invocation): Resp.Reply => {
  const hash = keys.typed(args[0], "hash")
  const results = fieldsFrom(args, 1).map((field) => {
    if (hash === undefined || !hash.fields.has(field)) return -2
    return hash.expiry.delete(field) ? 1 : -1
  })
  if (results.includes(1)) keys.touch(args[0], "hpersist", "h")
  return array(results.map(integer))
}

const valueOf = (hash: Hash | undefined, field: Bin): Resp.Reply => {
  const value = hash?.fields.get(field)
  return value === undefined ? nil : bulk(value)
}

const getAndDelete = ({ args, keys }: Invocation): Resp.Reply => {
  const hash = keys.typed(args[0], "hash")
  const fields = fieldsFrom(args, 1)
  if (hash === undefined) return array(fields.map(() => nil))
  const before = hash.fields.size
  const values = fields.map((field) => {
    const value = valueOf(hash, field)
    removeField(hash, field)
    return value
  })
  if (hash.fields.size < before) keys.touch(args[0], "hdel", "h")
  keys.removeIfEmpty(args[0])
  return array(values)
}

/** The options with a time: their unit, and whether they count from now. */
const times: Readonly<Record<string, readonly [unit: 1 | 1000, relative: boolean]>> = {
  EX: [1000, true],
  PX: [1, true],
  EXAT: [1000, false],
  PXAT: [1, false]
}

const timeOf = ({ args, name, now }: Invocation, index: number): number => {
  const [unit, relative] = times[Arguments.word(args[index])]
  return readTime(args[index + 1], unit, relative ? now : 0, name)
}

const isTime = (word: string): boolean => Object.hasOwn(times, word)

const getAndExpire = (invocation: Invocation): Resp.Reply => {
  const { args, keys, now } = invocation
  const hash = keys.typed(args[0], "hash")
  const option = Arguments.word(args[1])
  const at = isTime(option) ? timeOf(invocation, 1) : undefined
  const fields = fieldsFrom(args, at !== undefined ? 3 : option === "PERSIST" ? 2 : 1)
  let changed: "" | "hexpire" | "hpersist" | "hdel" = ""
  const values = fields.map((field) => {
    const value = valueOf(hash, field)
    if (hash !== undefined && at !== undefined) {
      const result = expireField(hash, field, at, "", now)
      if (result > 0) changed = result === 2 ? "hdel" : "hexpire"
    } else if (option === "PERSIST" && hash?.expiry.delete(field) === true) {
      changed = "hpersist"
    }
    return value
  })
  if (changed !== "") keys.touch(args[0], changed, "h")
  keys.removeIfEmpty(args[0])
  return array(values)
}

interface SetOptions {
  readonly condition: "" | "FXX" | "FNX"
  readonly at: number | undefined
  readonly keep: boolean
  readonly pairs: ReadonlyArray<readonly [Bin, Bin]>
}

const setOptions = (invocation: Invocation): SetOptions => {
  const { args, name } = invocation
  let condition: SetOptions["condition"] = ""
  let at: number | undefined
  let keep = false
  for (let i = 1; i < args.length; i++) {
    const word = Arguments.word(args[i])
    if (word === "FIELDS") {
      if (i >= args.length - 3) throw Arguments.wrongNumber(name)
      const count = atLeast(args[i + 1], 1, "ERR invalid number of fields")
      const words = args.slice(i + 2)
      if (words.length !== count * 2) throw Arguments.wrongNumber(name)
      return { condition, at, keep, pairs: Array.from({ length: count }, (_, n) => [words[n * 2], words[n * 2 + 1]]) }
    }
    if (isTime(word) || word === "KEEPTTL") {
      if (at !== undefined || keep) {
        throw new CommandError("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified")
      }
      if (word === "KEEPTTL") {
        keep = true
      } else {
        if (i + 1 >= args.length) throw new CommandError("ERR missing expire time")
        at = timeOf(invocation, i++)
      }
    } else if (word === "FXX" || word === "FNX") {
      if (condition !== "") throw new CommandError("ERR Only one of FXX or FNX arguments can be specified")
      condition = word
    } else {
      throw new CommandError(`ERR unknown argument: ${args[i]}`)
    }
  }
  throw Arguments.wrongNumber(name)
}

const setAndExpire = (invocation: Invocation): Resp.Reply => {
  const { args: [key], keys, now } = invocation
  const { at, condition, keep, pairs } = setOptions(invocation)
  const old = keys.typed(key, "hash")
  const there = (field: Bin) => old?.fields.has(field) === true
  if (condition === "FXX" && !pairs.every(([field]) => there(field))) return integer(0)
  if (condition === "FNX" && pairs.some(([field]) => there(field))) return integer(0)
  const hash: Hash = old ?? { type: "hash", fields: new Map(), expiry: new Map() }
  if (old === undefined) keys.set(key, hash)
  let deleted = false
  for (const [field, value] of pairs) {
    hash.fields.set(field, value)
    if (at !== undefined) deleted = expireField(hash, field, at, "", now) === 2 || deleted
    else if (!keep) hash.expiry.delete(field)
  }
  keys.touch(key, "hset", "h")
  if (at !== undefined) keys.notify(key, deleted ? "hdel" : "hexpire", "h")
  keys.removeIfEmpty(key)
  return integer(1)
}

export const hashExpiry: Group = {
  HEXPIRE: expiring(1000, false),
  HPEXPIRE: expiring(1, false),
  HEXPIREAT: expiring(1000, true),
  HPEXPIREAT: expiring(1, true),
  HTTL: telling((at, now) => Math.ceil((at - now) / 1000)),
  HPTTL: telling((at, now) => at - now),
  HEXPIRETIME: telling((at) => Math.ceil(at / 1000)),
  HPEXPIRETIME: telling((at) => at),
  HPERSIST: { arity: -5, run: persist },
  HGETDEL: { arity: -5, run: getAndDelete },
  HGETEX: { arity: -5, run: getAndExpire },
  HSETEX: { arity: -6, run: setAndExpire }
}
