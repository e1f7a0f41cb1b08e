/**
 * Unions, intersections and differences of sorted sets, and of sets, whose members have a score of 1.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Keyspace } from "../../data/keyspace.ts"
import { SortedSet } from "../../data/sortedSet.ts"
import type { Bin, Definition, Group, Invocation } from "../../definitions/handler.ts"
import * as Arguments from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import { atLeast } from "./blocking.ts"
import * as Reply from "./scoredReply.ts"

interface Source {
  readonly size: number
  readonly score: (member: Bin) => number | undefined
  readonly entries: () => Iterable<readonly [Bin, number]>
  weight: number
}

const sourceAt = (keys: Keyspace, key: Bin): Source => {
  const value = keys.get(key)
  if (value === undefined) return { weight: 1, size: 0, score: () => undefined, entries: () => [] }
  if (value.type === "zset") {
    const { zset } = value
    return {
      weight: 1,
      size: zset.size,
      score: (member) => zset.score(member),
      entries: () => Array.from(zset.entries(), ({ member, score }) => [member, score])
    }
  }
  if (value.type !== "set") throw new CommandError(Arguments.wrongType)
  const { members } = value
  return {
    weight: 1,
    size: members.size,
    score: (member) => members.has(member) ? 1 : undefined,
    entries: () => Array.from(members, (member) => [member, 1])
  }
}

type Aggregate = (a: number, b: number) => number

const noNaN = (value: number): number => Number.isNaN(value) ? 0 : value

const aggregates: Readonly<Record<string, Aggregate>> = {
  // Infinity plus negative infinity is 0.
  SUM: (a, b) => noNaN(a + b),
  MIN: (a, b) => b < a ? b : a,
  MAX: (a, b) => b > a ? b : a
}

interface Request {
  readonly sources: ReadonlyArray<Source>
  readonly aggregate: Aggregate
  readonly withScores: boolean
  /** The limit; 0 for none. */
  readonly limit: number
}

type Algebra = (request: Request) => Map<Bin, number>

// Sums of floating point numbers depend on their order, so sources are added as on the server: the smallest first.
const bySize = (sources: ReadonlyArray<Source>) => sources.toSorted((a, b) => a.size - b.size)

const union: Algebra = ({ aggregate, sources }) => {
  const result = new Map<Bin, number>()
  for (const { entries, weight } of bySize(sources)) {
    for (const [member, score] of entries()) {
      const weighted = noNaN(score * weight)
      const old = result.get(member)
      result.set(member, old === undefined ? weighted : aggregate(old, weighted))
    }
  }
  return result
}

const intersection: Algebra = ({ aggregate, limit, sources }) => {
  const [first, ...others] = bySize(sources)
  const result = new Map<Bin, number>()
  next: for (const [member, score] of first.entries()) {
    let sum = noNaN(score * first.weight)
    for (const other of others) {
      const found = other.score(member)
      if (found === undefined) continue next
      sum = aggregate(sum, found * other.weight)
    }
    result.set(member, sum)
    if (result.size === limit) break
  }
  return result
}

const difference: Algebra = ({ sources: [first, ...others] }) => {
  const result = new Map<Bin, number>()
  for (const [member, score] of first.entries()) {
    if (!others.some((other) => other.score(member) !== undefined)) result.set(member, score)
  }
  return result
}

interface Allowed {
  readonly weights: boolean
  readonly withScores: boolean
  readonly limit: boolean
}

/** Reads `numkeys key [key ...]` and the options after it. */
const readRequest = ({ args, keys, name }: Invocation, at: number, allowed: Allowed): Request => {
  const numkeys = Arguments.integer(args[at])
  if (numkeys < 1) {
    throw new CommandError(`ERR at least 1 input key is needed for '${name.toLowerCase()}' command`)
  }
  if (numkeys > args.length - at - 1) throw Arguments.syntaxError()
  const end = at + 1 + numkeys
  const sources: ReadonlyArray<Source> = args.slice(at + 1, end).map((key) => sourceAt(keys, key))
  let aggregate = aggregates.SUM
  let withScores = false
  let limit = 0
  for (let i = end; i < args.length;) {
    const option = Arguments.word(args[i++])
    const left = args.length - i
    if (option === "WEIGHTS" && allowed.weights && left >= numkeys) {
      for (const source of sources) source.weight = Arguments.double(args[i++], "ERR weight value is not a float")
    } else if (option === "AGGREGATE" && allowed.weights && left >= 1) {
      const how = Arguments.word(args[i++])
      if (!Object.hasOwn(aggregates, how)) throw Arguments.syntaxError()
      aggregate = aggregates[how]
    } else if (option === "WITHSCORES" && allowed.withScores) {
      withScores = true
    } else if (option === "LIMIT" && allowed.limit && left >= 1) {
      limit = atLeast(args[i++], 0, "ERR LIMIT can't be negative")
    } else {
      throw Arguments.syntaxError()
    }
  }
  return { sources, aggregate, withScores, limit }
}

/** Makes a sorted set of the scores. A negative zero is kept in a reply, but not if the set is stored: see `SortedSet.add`. */
const toSortedSet = (scores: Map<Bin, number>, stored: boolean): SortedSet =>
  SortedSet.from(Array.from(scores, ([member, score]) => ({ member, score: stored ? score + 0 : score })))

const calculating = (algebra: Algebra, weights: boolean): Definition => ({
  arity: -3,
  run: (invocation) => {
    const request = readRequest(invocation, 0, { weights, withScores: true, limit: false })
    const entries = [...toSortedSet(algebra(request), false).entries()]
    return request.withScores ? Reply.scored(entries, invocation.session.protocol) : Reply.members(entries)
  }
})

const storing = (algebra: Algebra, weights: boolean): Definition => ({
  arity: -4,
  run: (invocation) => {
    const { args: [target], keys, name } = invocation
    const zset = toSortedSet(algebra(readRequest(invocation, 1, { weights, withScores: false, limit: false })), true)
    if (zset.size === 0) {
      keys.delete(target)
    } else {
      keys.set(target, { type: "zset", zset })
      keys.touch(target, name.toLowerCase(), "z")
    }
    return Resp.Reply.integer(zset.size)
  }
})

export const sortedSetAlgebra: Group = {
  ZUNION: calculating(union, true),
  ZINTER: calculating(intersection, true),
  ZDIFF: calculating(difference, false),
  ZUNIONSTORE: storing(union, true),
  ZINTERSTORE: storing(intersection, true),
  ZDIFFSTORE: storing(difference, false),
  ZINTERCARD: {
    arity: -3,
    run: (invocation) =>
      Resp.Reply.integer(
        intersection(readRequest(invocation, 0, { weights: false, withScores: false, limit: true })).size
      )
  }
}
