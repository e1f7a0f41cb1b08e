/**
 * Takes the lowest or the highest members of sorted sets, or waits for them.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Keyspace } from "../../data/keyspace.ts"
import type { Entry, SortedSet } from "../../data/sortedSet.ts"
import type { Bin, Definition, Group } from "../../definitions/handler.ts"
import * as Arguments from "../../values/arguments.ts"
import { atLeast, multiPop, takeOrBlock } from "./blocking.ts"
import * as Reply from "./scoredReply.ts"

const { array, bulk, double, nullArray } = Resp.Reply

type Where = "MIN" | "MAX"

const take = (keys: Keyspace, key: Bin, zset: SortedSet, where: Where, count: number): ReadonlyArray<Entry> => {
  const { size } = zset
  const taken = where === "MIN"
    ? zset.removeSpan({ start: 0, end: Math.min(count, size) })
    : zset.removeSpan({ start: Math.max(size - count, 0), end: size }).toReversed()
  keys.touch(key, where === "MIN" ? "zpopmin" : "zpopmax", "z")
  keys.removeIfEmpty(key)
  return taken
}

/** Takes from the first key that is a sorted set. */
const takeFirst = (
  keys: Keyspace,
  names: ReadonlyArray<Bin>,
  where: Where,
  count: number
): readonly [Bin, ReadonlyArray<Entry>] | undefined => {
  for (const key of names) {
    const zset = keys.typed(key, "zset")?.zset
    if (zset !== undefined) return [key, take(keys, key, zset, where, count)]
  }
  return undefined
}

const popping = (where: Where): Definition => ({
  arity: -2,
  run: ({ args, keys, session }) => {
    if (args.length > 2) throw Arguments.syntaxError()
    const many = args.length === 2
    const count = many ? atLeast(args[1], 0, "ERR value is out of range, must be positive") : 1
    const zset = keys.typed(args[0], "zset")?.zset
    if (zset === undefined || count === 0) return array([])
    const taken = take(keys, args[0], zset, where, count)
    return many ? Reply.scored(taken, session.protocol) : Reply.flat(taken)
  }
})

const blockingPop = (where: Where): Definition => ({
  arity: -3,
  run: (invocation) => {
    const { args, keys } = invocation
    const timeout = Arguments.blockSeconds(args[args.length - 1], invocation.node.version)
    return takeOrBlock(invocation, {
      type: "zset",
      keys: args.slice(0, -1),
      timeout,
      attempt: (names) => {
        const found = takeFirst(keys, names, where, 1)
        if (found === undefined) return undefined
        const [key, [{ member, score }]] = found
        return array([bulk(key), bulk(member), double(score)])
      }
    })
  }
})

const takeMany = (keys: Keyspace, names: ReadonlyArray<Bin>, where: string, count: number): Resp.Reply | undefined => {
  const found = takeFirst(keys, names, where as Where, count)
  return found && array([bulk(found[0]), Reply.pairs(found[1])])
}

export const sortedSetPops: Group = {
  ZPOPMIN: popping("MIN"),
  ZPOPMAX: popping("MAX"),
  BZPOPMIN: blockingPop("MIN"),
  BZPOPMAX: blockingPop("MAX"),
  ZMPOP: {
    arity: -4,
    run: ({ args, keys }) => {
      const { count, keys: names, where } = multiPop(args, ["MIN", "MAX"])
      return takeMany(keys, names, where, count) ?? nullArray
    }
  },
  BZMPOP: {
    arity: -5,
    run: (invocation) => {
      const { count, keys: names, where } = multiPop(invocation.args.slice(1), ["MIN", "MAX"])
      return takeOrBlock(invocation, {
        type: "zset",
        keys: names,
        timeout: Arguments.blockSeconds(invocation.args[0], invocation.node.version),
        attempt: (ready) => takeMany(invocation.keys, ready, where, count)
      })
    }
  }
}
