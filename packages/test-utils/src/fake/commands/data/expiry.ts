/**
 * Times to live: EXPIRE and TTL in all units.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Definition, Group } from "../../definitions/handler.ts"
import { int64, isInt64 } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { integer: int } = Resp.Reply

/** The error for a time to live that overflows or is invalid, to be thrown. */
export const invalidExpiry = (name: string): CommandError =>
  new CommandError(`ERR invalid expire time in '${name.toLowerCase()}' command`)

interface Conditions {
  readonly none: boolean
  readonly some: boolean
  readonly later: boolean
  readonly sooner: boolean
}

const conditionsOf = (args: ReadonlyArray<Bin>): Conditions => {
  const given = new Set(args.slice(2).map((arg) => arg.toUpperCase()))
  for (const arg of args.slice(2)) {
    if (!/^(?:NX|XX|GT|LT)$/i.test(arg)) throw new CommandError(`ERR Unsupported option ${arg}`)
  }
  const conditions = { none: given.has("NX"), some: given.has("XX"), later: given.has("GT"), sooner: given.has("LT") }
  if (conditions.none && given.size > 1) {
    throw new CommandError("ERR NX and XX, GT or LT options at the same time are not compatible")
  }
  if (conditions.later && conditions.sooner) {
    throw new CommandError("ERR GT and LT options at the same time are not compatible")
  }
  return conditions
}

const allows = ({ later, none, some, sooner }: Conditions, current: number | undefined, next: number): boolean => {
  if (none && current !== undefined) return false
  if (some && current === undefined) return false
  // A key without a time to live counts as living for ever.
  if (later && (current === undefined || next <= current)) return false
  return !(sooner && current !== undefined && next >= current)
}

const limit = BigInt("9223372036854775807")

const expire = (unit: "seconds" | "millis", from: "now" | "epoch"): Definition => ({
  arity: -3,
  run: ({ args, keys, name, now }) => {
    const conditions = conditionsOf(args)
    const [key] = args
    let when = int64(args[1])
    if (unit === "seconds") {
      when *= BigInt(1000)
      if (!isInt64(when)) throw invalidExpiry(name)
    }
    const base = from === "now" ? BigInt(Math.trunc(now)) : BigInt(0)
    if (when > limit - base) throw invalidExpiry(name)
    const at = Number(when + base)
    if (!keys.has(key) || !allows(conditions, keys.expireAt(key), at)) return int(0)
    if (at <= now) {
      keys.delete(key)
    } else {
      keys.setExpiry(key, at)
      keys.touch(key, "expire", "g")
    }
    return int(1)
  }
})

const timeToLive = (unit: "seconds" | "millis", from: "now" | "epoch"): Definition => ({
  arity: 2,
  run: ({ args: [key], keys, now }) => {
    if (!keys.has(key)) return int(-2)
    const at = keys.expireAt(key)
    if (at === undefined) return int(-1)
    const left = Math.max(from === "now" ? at - Math.trunc(now) : at, 0)
    return int(unit === "millis" ? left : Math.floor((left + 500) / 1000))
  }
})

export const expiry: Group = {
  EXPIRE: expire("seconds", "now"),
  PEXPIRE: expire("millis", "now"),
  EXPIREAT: expire("seconds", "epoch"),
  PEXPIREAT: expire("millis", "epoch"),
  TTL: timeToLive("seconds", "now"),
  PTTL: timeToLive("millis", "now"),
  EXPIRETIME: timeToLive("seconds", "epoch"),
  PEXPIRETIME: timeToLive("millis", "epoch"),
  PERSIST: {
    arity: 2,
    run: ({ args: [key], keys }) => {
      if (keys.expireAt(key) === undefined) return int(0)
      keys.setExpiry(key, undefined)
      keys.touch(key, "persist", "g")
      return int(1)
    }
  }
}
