/**
 * Sorted sets: members, scores and ranks. Ranges, pops and the algebra of several sets are in files of their own.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { encodingOf } from "../../data/encoding.ts"
import type { Keyspace } from "../../data/keyspace.ts"
import { page } from "../../data/pages.ts"
import { SortedSet } from "../../data/sortedSet.ts"
import type { Bin, Definition, Group, Invocation } from "../../definitions/handler.ts"
import * as Arguments from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import * as Format from "../../values/format.ts"
import * as Glob from "../../values/glob.ts"
import { pick, readCount } from "./randomPicks.ts"
import * as Reply from "./scoredReply.ts"
import { sortedSetAlgebra } from "./sortedSetAlgebra.ts"
import { sortedSetPops } from "./sortedSetPops.ts"
import { sortedSetRanges } from "./sortedSetRanges.ts"

const { array, bulk, double, integer } = Resp.Reply
const nil = Resp.Reply.null
const doubleOrNil = (score: number | undefined): Resp.Reply => score === undefined ? nil : double(score)

const zsetAt = (keys: Keyspace, key: Bin): SortedSet | undefined => keys.typed(key, "zset")?.zset

const flags: ReadonlySet<string> = new Set(["NX", "XX", "CH", "INCR", "GT", "LT"])

const readFlags = (args: ReadonlyArray<Bin>): { readonly given: ReadonlySet<string>; readonly end: number } => {
  const given = new Set<string>()
  let end = 1
  while (end < args.length && flags.has(Arguments.word(args[end]))) given.add(Arguments.word(args[end++]))
  const pairs = (args.length - end) / 2
  if (pairs === 0 || !Number.isInteger(pairs)) throw Arguments.syntaxError()
  if (given.has("NX") && given.has("XX")) {
    throw new CommandError("ERR XX and NX options at the same time are not compatible")
  }
  if (["GT", "LT", "NX"].filter((flag) => given.has(flag)).length > 1) {
    throw new CommandError("ERR GT, LT, and/or NX options at the same time are not compatible")
  }
  if (given.has("INCR") && pairs > 1) {
    throw new CommandError("ERR INCR option supports a single increment-element pair")
  }
  return { given, end }
}

/** The new score of a member under these flags; undefined if it stays as it is. */
const newScore = (old: number | undefined, score: number, given: ReadonlySet<string>): number | undefined => {
  if (old === undefined) return given.has("XX") ? undefined : score
  if (given.has("NX")) return undefined
  const next = given.has("INCR") ? old + score : score
  if (Number.isNaN(next)) throw new CommandError("ERR resulting score is not a number (NaN)")
  if ((given.has("GT") && next <= old) || (given.has("LT") && next >= old)) return undefined
  return next
}

const add = (
  keys: Keyspace,
  key: Bin,
  given: ReadonlySet<string>,
  pairs: ReadonlyArray<readonly [score: number, member: Bin]>
): Resp.Reply => {
  const increment = given.has("INCR")
  const old = zsetAt(keys, key)
  const zset = old ?? new SortedSet()
  let added = 0
  let updated = 0
  let result: number | undefined
  try {
    for (const [score, member] of pairs) {
      result = newScore(zset.score(member), score, given)
      if (result === undefined) continue
      const what = zset.add(member, result)
      if (what === "added") added++
      else if (what === "updated") updated++
    }
  } finally {
    // Members that were added before a sum came out as NaN stay.
    if (added + updated > 0) {
      if (old === undefined) keys.set(key, { type: "zset", zset })
      keys.touch(key, increment ? "zincr" : "zadd", "z")
    }
  }
  if (increment) return doubleOrNil(result)
  return integer(given.has("CH") ? added + updated : added)
}

const ranking = (reverse: boolean): Definition => ({
  arity: -3,
  run: ({ args, keys, name }) => {
    // WITHSCORE exists since Redis 7.2. Before that the command had a fixed number of arguments.
    const withScore = args.length > 2
    if (args.length > 3 || (withScore && Arguments.word(args[2]) !== "WITHSCORE")) throw Arguments.wrongNumber(name)
    const zset = zsetAt(keys, args[0])
    const rank = zset?.rank(args[1])
    if (zset === undefined || rank === undefined) return withScore ? Resp.Reply.nullArray : nil
    const shown = integer(reverse ? zset.size - 1 - rank : rank)
    return withScore ? array([shown, double(zset.score(args[1])!)]) : shown
  }
})

const randomMembers = ({ args, keys, random, session }: Invocation): Resp.Reply => {
  const count = args.length > 1 ? readCount(args[1], false) : 1
  const withScores = args.length === 3
  if (args.length > 3 || (withScores && Arguments.word(args[2]) !== "WITHSCORES")) throw Arguments.syntaxError()
  if (withScores) readCount(args[1], true)
  const picked = pick([...zsetAt(keys, args[0])?.entries() ?? []], count, random)
  if (args.length === 1) return picked.length === 0 ? nil : bulk(picked[0].member)
  return withScores ? Reply.scored(picked, session.protocol) : Reply.members(picked)
}

const scan = ({ args, keys, node }: Invocation): Resp.Reply => {
  const cursor = Arguments.cursor(args[1], node.version)
  const value = keys.typed(args[0], "zset")
  if (value === undefined) return array([bulk("0"), array([])])
  const { zset } = value
  const { count, match } = Arguments.scanOptions(args, 2, false)
  // A sorted set in a listpack is scanned in one go.
  const found = encodingOf(value, node.config, node.version) === "listpack"
    ? { cursor: 0, members: Array.from(zset.entries(), ({ member }) => member) }
    : page(zset, cursor, count, node.hashSeed)
  const members = match === undefined ? found.members : found.members.filter((one) => Glob.matches(match, one))
  const items = members.flatMap((one) => [bulk(one), bulk(Format.double(zset.score(one)!, node.version))])
  return array([bulk(String(found.cursor)), array(items)])
}

const remove = ({ args: [key, ...members], keys }: Invocation): Resp.Reply => {
  const zset = zsetAt(keys, key)
  if (zset === undefined) return integer(0)
  const removed = members.filter((member) => zset.remove(member)).length
  if (removed > 0) keys.touch(key, "zrem", "z")
  keys.removeIfEmpty(key)
  return integer(removed)
}

export const sortedSets: Group = {
  ZADD: {
    arity: -4,
    run: ({ args, keys }) => {
      const { end, given } = readFlags(args)
      const pairs: Array<readonly [number, Bin]> = []
      for (let i = end; i < args.length; i += 2) pairs.push([Arguments.double(args[i]), args[i + 1]])
      return add(keys, args[0], given, pairs)
    }
  },
  ZINCRBY: {
    arity: 4,
    run: ({ args: [key, by, member], keys }) => add(keys, key, new Set(["INCR"]), [[Arguments.double(by), member]])
  },
  ZREM: { arity: -3, run: remove },
  ZCARD: { arity: 2, run: ({ args: [key], keys }) => integer(zsetAt(keys, key)?.size ?? 0) },
  ZSCORE: { arity: 3, run: ({ args: [key, member], keys }) => doubleOrNil(zsetAt(keys, key)?.score(member)) },
  ZMSCORE: {
    arity: -3,
    run: ({ args: [key, ...members], keys }) => {
      const zset = zsetAt(keys, key)
      return array(members.map((member) => doubleOrNil(zset?.score(member))))
    }
  },
  ZRANK: ranking(false),
  ZREVRANK: ranking(true),
  ZRANDMEMBER: { arity: -2, run: randomMembers },
  ZSCAN: { arity: -3, run: scan },
  ...sortedSetRanges,
  ...sortedSetAlgebra,
  ...sortedSetPops
}
