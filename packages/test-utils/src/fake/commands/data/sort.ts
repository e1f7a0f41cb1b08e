/**
 * SORT and SORT_RO. A cluster refuses to read other keys: GET, and BY with a pattern. Since 7.4 it reads those that are certain
 * to be in the slot of the sorted key.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { encodeAs } from "../../data/encoding.ts"
import { slotOf } from "../../data/keyspace.ts"
import type { Keyspace } from "../../data/keyspace.ts"
import type { Value } from "../../data/value.ts"
import type { Definition, Group, Invocation } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"
import type { Version } from "../../facts/version.ts"
import { integer, laxDouble, syntaxError, word, wrongType } from "../../values/arguments.ts"
import { compare } from "../../values/binary.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { array, bulk, integer: int, null: nil } = Resp.Reply

interface SortOptions {
  readonly descending: boolean
  readonly alpha: boolean
  /** BY with a pattern: the weight of an element is the value found by the pattern. */
  readonly by: Bin | undefined
  /** The patterns of the values to reply for each element; empty to reply the element itself. */
  readonly get: ReadonlyArray<Bin>
  /** BY with a constant: the order stays. */
  readonly asIs: boolean
  readonly start: number
  readonly count: number
  readonly destination: Bin | undefined
}

/** Whether all keys that a pattern can produce are in the slot of a key: only if it has a hash tag, and no wildcard before it. */
const staysIn = (key: Bin, pattern: Bin): boolean => {
  const [plain] = /^[^*?[\\]*/.exec(pattern)!
  const tagged = plain === pattern || /\{[^}]+\}/.test(plain)
  return tagged && slotOf(plain) === slotOf(key)
}

const parse = (args: ReadonlyArray<Bin>, mayStore: boolean, version: Version): SortOptions => {
  const refused = (option: string): CommandError =>
    new CommandError(
      `ERR ${option} option of SORT denied in Cluster mode${
        since(version, 7.4) ? " when keys formed by the pattern may be in different slots" : ""
      }.`
    )
  const allows = (pattern: Bin): boolean => since(version, 7.4) && staysIn(args[0], pattern)
  const get: Array<Bin> = []
  let by: Bin | undefined
  let [descending, alpha, asIs, start, count] = [false, false, false, 0, -1]
  let destination: Bin | undefined
  for (let i = 1; i < args.length; i++) {
    const option = word(args[i])
    const behind = args.length - i - 1
    if (option === "ASC" || option === "DESC") {
      descending = option === "DESC"
    } else if (option === "ALPHA") {
      alpha = true
    } else if (option === "LIMIT" && behind >= 2) {
      start = integer(args[++i])
      count = integer(args[++i])
    } else if (mayStore && option === "STORE" && behind >= 1) {
      destination = args[++i]
    } else if (option === "BY" && behind >= 1) {
      const pattern = args[++i]
      if (!pattern.includes("*")) asIs = true
      else if (allows(pattern)) by = pattern
      else throw refused("BY")
    } else if (option === "GET" && behind >= 1) {
      const pattern = args[++i]
      if (!(since(version, 7.4) && pattern === "#") && !allows(pattern)) throw refused("GET")
      get.push(pattern)
    } else {
      throw syntaxError()
    }
  }
  return { descending, alpha, by, get, asIs, start, count, destination }
}

/** The value that a pattern stands for: the element, a string, or a field of a hash. */
const lookUp = (keys: Keyspace, pattern: Bin, element: Bin): Bin | undefined => {
  if (pattern === "#") return element
  const star = pattern.indexOf("*")
  if (star < 0) return undefined
  const arrow = pattern.indexOf("->", star)
  const named = arrow >= 0 && arrow + 2 < pattern.length
  const key = pattern.slice(0, star) + element + pattern.slice(star + 1, named ? arrow : undefined)
  const value = keys.get(key)
  if (named) return value?.type === "hash" ? value.fields.get(pattern.slice(arrow + 2)) : undefined
  return value?.type === "string" ? value.value : undefined
}

const membersOf = (value: Value | undefined): Array<Bin> => {
  switch (value?.type) {
    case undefined:
      return []
    case "list":
      return value.items.slice()
    case "set":
      return [...value.members]
    case "zset":
      return Array.from(value.zset.entries(), ({ member }) => member)
    default:
      throw new CommandError(wrongType)
  }
}

/** The whole text as a number, as C's `strtod` reads it: leading blanks and empty text are accepted. */
const weight = (member: Bin, version: Version): number => {
  if (since(version, 8)) {
    const lax = laxDouble(member, version)
    if (lax === undefined) throw new CommandError("ERR One or more scores can't be converted into double")
    return lax
  }
  const text = member.replace(/^[ \t\n\v\f\r]+/, "")
  if (text === "" && member === "") return 0
  if (/^[+-]?inf(?:inity)?$/i.test(text)) return text[0] === "-" ? -Infinity : Infinity
  const hex = /^([+-]?)(0x[0-9a-f]+)$/i.exec(text)
  const number = hex === null
    ? /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN
    : Number(hex[2]) * (hex[1] === "-" ? -1 : 1)
  if (!Number.isFinite(number)) throw new CommandError("ERR One or more scores can't be converted into double")
  return number
}

const ordered = (
  members: Array<Bin>,
  alpha: boolean,
  version: Version,
  by: (member: Bin) => Bin | undefined
): Array<Bin> => {
  if (alpha) {
    const texts = new Map(members.map((member) => [member, by(member)]))
    return members.sort((a, b) => {
      const [left, right] = [texts.get(a), texts.get(b)]
      if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? -1 : 1
      return compare(left, right)
    })
  }
  const weights = new Map(members.map((member) => [member, weight(by(member) ?? "0", version)]))
  return members.sort((a, b) => {
    const [left, right] = [weights.get(a)!, weights.get(b)!]
    return left < right ? -1 : left > right ? 1 : compare(a, b)
  })
}

const page = <A>(items: ReadonlyArray<A>, start: number, count: number): ReadonlyArray<A> => {
  const from = Math.max(start, 0)
  return items.slice(from, count < 0 ? undefined : from + count)
}

const sorted = ({ args, keys, node }: Invocation, options: SortOptions): ReadonlyArray<Bin> => {
  const value = keys.get(args[0])
  if (value?.type === "zset") encodeAs(value, "skiplist")
  let members = membersOf(value)
  // The order of a set may differ between replicas, so the result is sorted if it is stored.
  const forced = options.asIs && value?.type === "set" && options.destination !== undefined
  const kept = options.asIs && !forced
  const { by } = options
  const weighed = (member: Bin) => by === undefined || forced ? member : lookUp(keys, by, member)
  if (!kept) members = ordered(members, options.alpha || forced, node.version, weighed)
  if (options.descending && !(kept && value?.type === "set")) members.reverse()
  return page(members, options.start, options.count)
}

const store = ({ keys }: Invocation, destination: Bin, items: Array<Bin>): Resp.Reply => {
  if (items.length === 0) {
    keys.delete(destination)
  } else {
    keys.set(destination, { type: "list", items })
    keys.touch(destination, "sortstore", "l")
  }
  return int(items.length)
}

const command = (mayStore: boolean): Definition => ({
  arity: -2,
  run: (invocation) => {
    const options = parse(invocation.args, mayStore, invocation.node.version)
    const { destination, get } = options
    const found = sorted(invocation, options)
    const items = get.length === 0
      ? found
      : found.flatMap((element) => get.map((pattern) => lookUp(invocation.keys, pattern, element)))
    return destination === undefined
      ? array(items.map((item) => item === undefined ? nil : bulk(item)))
      : store(invocation, destination, items.map((item) => item ?? ""))
  }
})

export const sort: Group = { SORT: command(true), SORT_RO: command(false) }
