/**
 * Ranges of sorted sets by rank, score and bytes: to read, store, count and remove.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { SortedSet } from "../../data/sortedSet.ts"
import type { Entry, Span } from "../../data/sortedSet.ts"
import type { Bin, Definition, Group, Invocation } from "../../definitions/handler.ts"
import type { Version } from "../../facts/version.ts"
import * as Arguments from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import * as Reply from "./scoredReply.ts"

type By = "RANK" | "SCORE" | "LEX"

interface Range {
  readonly by: By
  readonly reverse: boolean
  readonly withScores: boolean
  readonly offset: number
  /** The limit; negative for none. */
  readonly limit: number
}

interface Fixed {
  readonly by?: By
  readonly reverse?: boolean
  readonly store?: boolean
}

const readOptions = (args: ReadonlyArray<Bin>, from: number, fixed: Fixed): Range => {
  let { by, reverse } = fixed
  let withScores = false
  let offset = 0
  let limit = -1
  for (let i = from; i < args.length; i++) {
    const option = Arguments.word(args[i])
    if (option === "WITHSCORES" && fixed.store !== true) {
      withScores = true
    } else if (option === "LIMIT" && i + 2 < args.length) {
      offset = Arguments.integer(args[++i])
      limit = Arguments.integer(args[++i])
    } else if (option === "REV" && reverse === undefined) {
      reverse = true
    } else if ((option === "BYLEX" || option === "BYSCORE") && by === undefined) {
      by = option === "BYLEX" ? "LEX" : "SCORE"
    } else {
      throw Arguments.syntaxError()
    }
  }
  if (limit !== -1 && (by === undefined || by === "RANK")) {
    throw new CommandError("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
  }
  if (withScores && by === "LEX") {
    throw new CommandError("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
  }
  return { by: by ?? "RANK", reverse: reverse ?? false, withScores, offset, limit }
}

/** Reads the bounds, before the key is read, and returns a function that finds their span in a set. */
const bounds = (by: By, min: Bin, max: Bin, version: Version): (zset: SortedSet) => Span => {
  switch (by) {
    case "RANK": {
      const start = Arguments.integer(min)
      const stop = Arguments.integer(max)
      return ({ size }) => Arguments.indexRange(start, stop, size)
    }
    case "SCORE": {
      const range = Arguments.scoreRange(min, max, version)
      return (zset) => zset.byScore(range)
    }
    case "LEX": {
      const range = Arguments.lexRange(min, max)
      return (zset) => zset.byLex(range)
    }
  }
}

/** Reads `min max` and the options after it. The result contains a function that finds the entries. */
const readRange = (args: ReadonlyArray<Bin>, at: number, fixed: Fixed, version: Version) => {
  const options = readOptions(args, at + 2, fixed)
  const { by, limit, offset, reverse } = options
  const [min, max] = reverse && by !== "RANK" ? [args[at + 1], args[at]] : [args[at], args[at + 1]]
  const find = bounds(by, min, max, version)
  const entries = (zset: SortedSet): ReadonlyArray<Entry> => {
    const { end, start } = find(zset)
    if (by === "RANK") {
      return reverse ? zset.slice(zset.size - end, zset.size - start).toReversed() : zset.slice(start, end)
    }
    if (offset < 0) return []
    const length = limit < 0 ? Infinity : limit
    if (!reverse) return zset.slice(start + offset, Math.min(end, start + offset + length))
    const top = end - offset
    return top <= start ? [] : zset.slice(Math.max(start, top - length), top).toReversed()
  }
  return { ...options, entries }
}

const ranging = (arity: number, fixed: Fixed): Definition => ({
  arity,
  run: ({ args, keys, node, session }) => {
    const { entries, withScores } = readRange(args, 1, fixed, node.version)
    const zset = keys.typed(args[0], "zset")?.zset
    const found = zset === undefined ? [] : entries(zset)
    return withScores ? Reply.scored(found, session.protocol) : Reply.members(found)
  }
})

const store = ({ args: [target, source, ...args], keys, node }: Invocation): Resp.Reply => {
  const { entries } = readRange(args, 0, { store: true }, node.version)
  const zset = keys.typed(source, "zset")?.zset
  const found = zset === undefined ? [] : entries(zset)
  if (found.length === 0) {
    keys.delete(target)
  } else {
    keys.set(target, { type: "zset", zset: SortedSet.from(found) })
    keys.touch(target, "zrangestore", "z")
  }
  return Resp.Reply.integer(found.length)
}

const counting = (by: By): Definition => ({
  arity: 4,
  run: ({ args: [key, min, max], keys, node }) => {
    const find = bounds(by, min, max, node.version)
    const zset = keys.typed(key, "zset")?.zset
    if (zset === undefined) return Resp.Reply.integer(0)
    const { end, start } = find(zset)
    return Resp.Reply.integer(end - start)
  }
})

const removing = (by: By): Definition => ({
  arity: 4,
  run: ({ args: [key, min, max], keys, name, node }) => {
    const find = bounds(by, min, max, node.version)
    const zset = keys.typed(key, "zset")?.zset
    if (zset === undefined) return Resp.Reply.integer(0)
    const removed = zset.removeSpan(find(zset)).length
    if (removed > 0) keys.touch(key, name.toLowerCase(), "z")
    keys.removeIfEmpty(key)
    return Resp.Reply.integer(removed)
  }
})

export const sortedSetRanges: Group = {
  ZRANGE: ranging(-4, {}),
  ZREVRANGE: ranging(-4, { by: "RANK", reverse: true }),
  ZRANGEBYSCORE: ranging(-4, { by: "SCORE", reverse: false }),
  ZREVRANGEBYSCORE: ranging(-4, { by: "SCORE", reverse: true }),
  ZRANGEBYLEX: ranging(-4, { by: "LEX", reverse: false }),
  ZREVRANGEBYLEX: ranging(-4, { by: "LEX", reverse: true }),
  ZRANGESTORE: { arity: -5, run: store },
  ZCOUNT: counting("SCORE"),
  ZLEXCOUNT: counting("LEX"),
  ZREMRANGEBYRANK: removing("RANK"),
  ZREMRANGEBYSCORE: removing("SCORE"),
  ZREMRANGEBYLEX: removing("LEX")
}
