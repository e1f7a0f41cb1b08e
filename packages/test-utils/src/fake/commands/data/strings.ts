/**
 * The commands for strings, except those that treat them as bits (`bitmaps.ts`).
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { encodeAs } from "../../data/encoding.ts"
import type { Value } from "../../data/value.ts"
import type { Definition, Group, Invocation } from "../../definitions/handler.ts"
import {
  int64,
  integer,
  isInt64,
  nonNegative,
  notAFloat,
  syntaxError,
  word,
  wrongNumber
} from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"
import * as LongDouble from "../../values/longDouble.ts"
import { invalidExpiry } from "./expiry.ts"
import { lcs } from "./lcs.ts"

const { array, bulk, integer: int, null: nil, simple } = Resp.Reply

const ok = simple("OK")
const largestString = 512 * 1024 * 1024

/** The bytes of a string; undefined if the key does not exist. Throws WRONGTYPE. */
const read = ({ keys }: Invocation, key: Bin): Bin | undefined => keys.typed(key, "string")?.value

const orNull = (value: Bin | undefined): Resp.Reply => value === undefined ? nil : bulk(value)

const store = ({ keys }: Invocation, key: Bin, value: Bin, keepTtl = false): void =>
  keys.set(key, { type: "string", value }, { keepTtl })

const checkLength = (size: number): void => {
  if (size > largestString) throw new CommandError("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
}

type Unit = "EX" | "PX" | "EXAT" | "PXAT"

interface StringOptions {
  condition?: "NX" | "XX"
  get?: true
  keepTtl?: true
  persist?: true
  expiry?: { readonly unit: Unit; readonly argument: Bin }
}

const isUnit = (option: string): option is Unit =>
  option === "EX" || option === "PX" || option === "EXAT" || option === "PXAT"

/** Reads the options behind the value of SET or the key of GETEX. */
const parseOptions = (args: ReadonlyArray<Bin>, from: number, command: "SET" | "GETEX"): StringOptions => {
  const options: StringOptions = {}
  for (let i = from; i < args.length; i++) {
    const option = word(args[i])
    const { condition, expiry } = options
    if (command === "SET" && (option === "NX" || option === "XX") && (condition ?? option) === option) {
      options.condition = option
    } else if (command === "SET" && option === "GET") {
      options.get = true
    } else if (command === "SET" && option === "KEEPTTL" && expiry === undefined) {
      options.keepTtl = true
    } else if (command === "GETEX" && option === "PERSIST" && expiry === undefined) {
      options.persist = true
    } else if (
      isUnit(option) && i + 1 < args.length && options.keepTtl !== true && options.persist !== true &&
      (expiry?.unit ?? option) === option
    ) {
      options.expiry = { unit: option, argument: args[++i] }
    } else {
      throw syntaxError()
    }
  }
  return options
}

const maxInt64 = BigInt("9223372036854775807")
const thousand = BigInt(1000)

/** The time at which a key expires. Unlike EXPIRE, these commands refuse a time that is not positive. */
const expiryTime = ({ name, now }: Invocation, unit: Unit, argument: Bin): number => {
  let millis = int64(argument)
  const seconds = unit === "EX" || unit === "EXAT"
  if (millis <= BigInt(0) || (seconds && millis > maxInt64 / thousand)) throw invalidExpiry(name)
  if (seconds) millis *= thousand
  if (unit === "EX" || unit === "PX") millis += BigInt(Math.trunc(now))
  if (!isInt64(millis)) throw invalidExpiry(name)
  return Number(millis)
}

/** SET and its short forms. Returns whether the value was set. */
const setString = (invocation: Invocation, key: Bin, value: Bin, options: StringOptions): boolean => {
  const { keys } = invocation
  const { condition, expiry, keepTtl } = options
  const at = expiry === undefined ? undefined : expiryTime(invocation, expiry.unit, expiry.argument)
  if (options.get === true) keys.typed(key, "string")
  if (condition !== undefined && keys.has(key) !== (condition === "XX")) return false
  store(invocation, key, value, keepTtl === true)
  if (at !== undefined) keys.setExpiry(key, at)
  keys.touch(key, "set", "$")
  if (at !== undefined) keys.notify(key, "expire", "g")
  return true
}

const set: Definition = {
  arity: -3,
  run: (invocation) => {
    const [key, value] = invocation.args
    const options = parseOptions(invocation.args, 2, "SET")
    const found = options.get === true ? invocation.keys.get(key) : undefined
    const old = found?.type === "string" ? found.value : undefined
    const done = setString(invocation, key, value, options)
    if (options.get === true) return orNull(old)
    return done ? ok : nil
  }
}

const setWithExpiry = (unit: "EX" | "PX"): Definition => ({
  arity: 4,
  run: (invocation) => {
    const [key, argument, value] = invocation.args
    setString(invocation, key, value, { expiry: { unit, argument } })
    return ok
  }
})

const getEx: Definition = {
  arity: -2,
  run: (invocation) => {
    const { args: [key], keys, now } = invocation
    const { expiry, persist } = parseOptions(invocation.args, 1, "GETEX")
    const value = read(invocation, key)
    if (value === undefined) return nil
    if (expiry !== undefined) {
      const at = expiryTime(invocation, expiry.unit, expiry.argument)
      if (at <= now) {
        keys.delete(key)
      } else {
        keys.setExpiry(key, at)
        keys.touch(key, "expire", "g")
      }
    } else if (persist === true && keys.expireAt(key) !== undefined) {
      keys.setExpiry(key, undefined)
      keys.touch(key, "persist", "g")
    }
    return bulk(value)
  }
}

const getRange: Definition = {
  arity: 4,
  run: (invocation) => {
    let start = integer(invocation.args[1])
    let end = integer(invocation.args[2])
    const value = read(invocation, invocation.args[0]) ?? ""
    if (start < 0 && end < 0 && start > end) return bulk("")
    start = Math.max(start < 0 ? start + value.length : start, 0)
    end = Math.max(end < 0 ? end + value.length : end, 0)
    return bulk(value.slice(start, end + 1))
  }
}

/** Changes a string in place, as APPEND does, so that it keeps its time to live. */
const rewrite = (invocation: Invocation, key: Bin, value: Bin, event: string): void => {
  const changed: Value = { type: "string", value }
  invocation.keys.set(key, changed, { keepTtl: true })
  encodeAs(changed, "raw")
  invocation.keys.touch(key, event, "$")
}

const setRange: Definition = {
  arity: 4,
  run: (invocation) => {
    const [key, at, part] = invocation.args
    const offset = nonNegative(at, "ERR offset is out of range")
    const old = read(invocation, key) ?? ""
    if (part === "") return int(old.length)
    checkLength(offset + part.length)
    const head = old.slice(0, offset).padEnd(offset, "\0")
    const value = head + part + old.slice(offset + part.length)
    rewrite(invocation, key, value, "setrange")
    return int(value.length)
  }
}

const append: Definition = {
  arity: 3,
  run: (invocation) => {
    const { args: [key, part], keys } = invocation
    const old = read(invocation, key)
    if (old === undefined) {
      store(invocation, key, part)
      keys.touch(key, "append", "$")
      return int(part.length)
    }
    checkLength(old.length + part.length)
    rewrite(invocation, key, old + part, "append")
    return int(old.length + part.length)
  }
}

const multiSet = (name: string, onlyNew: boolean): Definition => ({
  arity: -3,
  run: (invocation) => {
    const { args, keys } = invocation
    if (args.length % 2 === 1) throw wrongNumber(name)
    if (onlyNew) {
      for (let i = 0; i < args.length; i += 2) if (keys.has(args[i])) return int(0)
    }
    for (let i = 0; i < args.length; i += 2) {
      store(invocation, args[i], args[i + 1])
      keys.touch(args[i], "set", "$")
    }
    return onlyNew ? int(1) : ok
  }
})

const increment = (invocation: Invocation, by: bigint): Resp.Reply => {
  const { args: [key], keys } = invocation
  const sum = int64(read(invocation, key) ?? "0") + by
  if (!isInt64(sum)) throw new CommandError("ERR increment or decrement would overflow")
  store(invocation, key, sum.toString(), true)
  keys.touch(key, "incrby", "$")
  return int(sum)
}

const incrementByFloat: Definition = {
  arity: 3,
  run: (invocation) => {
    const { args: [key, by], keys } = invocation
    const old = LongDouble.parse(read(invocation, key) ?? "0")
    const more = old === undefined ? undefined : LongDouble.parse(by)
    if (old === undefined || more === undefined) throw new CommandError(notAFloat)
    const sum = LongDouble.plus(old, more)
    if (typeof sum === "number") throw new CommandError("ERR increment would produce NaN or Infinity")
    const text = LongDouble.format(sum)
    const value: Value = { type: "string", value: text }
    keys.set(key, value, { keepTtl: true })
    // Unlike the sum of INCR, this sum is stored as text.
    encodeAs(value, text.length <= 44 ? "embstr" : "raw")
    keys.touch(key, "incrbyfloat", "$")
    return bulk(text)
  }
}

/** Strings, `LCS` included. */
export const strings: Group = {
  GET: { arity: 2, run: (invocation) => orNull(read(invocation, invocation.args[0])) },
  SET: set,
  SETEX: setWithExpiry("EX"),
  PSETEX: setWithExpiry("PX"),
  SETNX: {
    arity: 3,
    run: (invocation) => {
      const [key, value] = invocation.args
      return int(setString(invocation, key, value, { condition: "NX" }) ? 1 : 0)
    }
  },
  GETEX: getEx,
  GETDEL: {
    arity: 2,
    run: (invocation) => {
      const value = read(invocation, invocation.args[0])
      if (value !== undefined) invocation.keys.delete(invocation.args[0])
      return orNull(value)
    }
  },
  GETSET: {
    arity: 3,
    run: (invocation) => {
      const { args: [key, value], keys } = invocation
      const old = read(invocation, key)
      store(invocation, key, value)
      keys.touch(key, "set", "$")
      return orNull(old)
    }
  },
  GETRANGE: getRange,
  SUBSTR: getRange,
  SETRANGE: setRange,
  APPEND: append,
  STRLEN: { arity: 2, run: (invocation) => int((read(invocation, invocation.args[0]) ?? "").length) },
  MGET: {
    arity: -2,
    run: ({ args, keys }) =>
      array(args.map((key) => {
        const value = keys.get(key)
        return value?.type === "string" ? bulk(value.value) : nil
      }))
  },
  MSET: multiSet("MSET", false),
  MSETNX: multiSet("MSETNX", true),
  INCR: { arity: 2, run: (invocation) => increment(invocation, BigInt(1)) },
  DECR: { arity: 2, run: (invocation) => increment(invocation, BigInt(-1)) },
  INCRBY: { arity: 3, run: (invocation) => increment(invocation, int64(invocation.args[1])) },
  DECRBY: {
    arity: 3,
    run: (invocation) => {
      const by = -int64(invocation.args[1])
      if (!isInt64(by)) throw new CommandError("ERR decrement would overflow")
      return increment(invocation, by)
    }
  },
  INCRBYFLOAT: incrementByFloat,
  LCS: lcs
}
