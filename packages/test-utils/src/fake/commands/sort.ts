/**
 * SORT and SORT_RO. A cluster refuses what would read other keys: GET, and BY with a pattern.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { integer, syntaxError, word, wrongType } from "../arguments.ts"
import { compare } from "../binary.ts"
import type { Bin } from "../binary.ts"
import { encodeAs } from "../encoding.ts"
import { CommandError } from "../handler.ts"
import type { Definition, Group, Invocation } from "../handler.ts"
import type { Value } from "../keyspace.ts"

const { array, bulk, integer: int } = Resp.Reply

interface SortOptions {
  readonly descending: boolean
  readonly alpha: boolean
  /** BY a constant: the order stays. */
  readonly asIs: boolean
  readonly start: number
  readonly count: number
  readonly destination: Bin | undefined
}

const parse = (args: ReadonlyArray<Bin>, mayStore: boolean): SortOptions => {
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
      if (args[++i].includes("*")) throw new CommandError("ERR BY option of SORT denied in Cluster mode.")
      asIs = true
    } else if (option === "GET" && behind >= 1) {
      throw new CommandError("ERR GET option of SORT denied in Cluster mode.")
    } else {
      throw syntaxError()
    }
  }
  return { descending, alpha, asIs, start, count, destination }
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

/** The whole text as a number, as C's `strtod` reads it: blanks before it, and nothing at all, are fine. */
const weight = (member: Bin): number => {
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

const ordered = (members: Array<Bin>, alpha: boolean): Array<Bin> => {
  if (alpha) return members.sort(compare)
  const weights = new Map(members.map((member) => [member, weight(member)]))
  return members.sort((a, b) => {
    const [left, right] = [weights.get(a)!, weights.get(b)!]
    return left < right ? -1 : left > right ? 1 : compare(a, b)
  })
}

const page = <A>(items: ReadonlyArray<A>, start: number, count: number): ReadonlyArray<A> => {
  const from = Math.max(start, 0)
  return items.slice(from, count < 0 ? undefined : from + count)
}

const sorted = ({ args, keys }: Invocation, options: SortOptions): ReadonlyArray<Bin> => {
  const value = keys.get(args[0])
  if (value?.type === "zset") encodeAs(value, "skiplist")
  let members = membersOf(value)
  // A set has no order that would be the same on every replica: what is stored is sorted nevertheless.
  const forced = options.asIs && value?.type === "set" && options.destination !== undefined
  const kept = options.asIs && !forced
  if (!kept) members = ordered(members, options.alpha || forced)
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
    const options = parse(invocation.args, mayStore)
    const items = sorted(invocation, options)
    const { destination } = options
    return destination === undefined ? array(items.map(bulk)) : store(invocation, destination, [...items])
  }
})

/** Both commands. */
export const sort: Group = { SORT: command(true), SORT_RO: command(false) }
