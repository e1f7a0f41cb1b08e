/**
 * Lists, and clients that wait for their elements.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Keyspace } from "../../data/keyspace.ts"
import type { Bin, Definition, Group, Invocation, Outcome } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"
import * as Arguments from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import { atLeast, multiPop, takeOrBlock } from "./blocking.ts"

const { array, bulk, integer, simple } = Resp.Reply
const nil = Resp.Reply.null
const nilArray = Resp.Reply.nullArray
const bulks = (values: ReadonlyArray<Bin>): Resp.Reply => array(values.map(bulk))

type Side = "LEFT" | "RIGHT"

const listAt = (keys: Keyspace, key: Bin): Array<Bin> | undefined => keys.typed(key, "list")?.items

const side = (arg: Bin): Side => {
  const word = Arguments.word(arg)
  if (word !== "LEFT" && word !== "RIGHT") throw Arguments.syntaxError()
  return word
}

const push = (keys: Keyspace, key: Bin, where: Side, values: ReadonlyArray<Bin>): number => {
  let items = listAt(keys, key)
  if (items === undefined) keys.set(key, { type: "list", items: items = [] })
  for (const value of values) {
    if (where === "LEFT") items.unshift(value)
    else items.push(value)
  }
  keys.touch(key, where === "LEFT" ? "lpush" : "rpush", "l")
  return items.length
}

/** Takes elements of an existing list, from the given end inwards. */
const pop = (keys: Keyspace, key: Bin, items: Array<Bin>, where: Side, count: number): ReadonlyArray<Bin> => {
  const taken = where === "LEFT" ? items.splice(0, count) : items.splice(Math.max(items.length - count, 0)).toReversed()
  keys.touch(key, where === "LEFT" ? "lpop" : "rpop", "l")
  keys.removeIfEmpty(key)
  return taken
}

const pushing = (where: Side): Definition => ({
  arity: -3,
  run: ({ args: [key, ...values], keys }) => integer(push(keys, key, where, values))
})

const pushingToOld = (where: Side): Definition => ({
  arity: -3,
  run: ({ args: [key, ...values], keys }) =>
    integer(listAt(keys, key) === undefined ? 0 : push(keys, key, where, values))
})

const popping = (where: Side): Definition => ({
  arity: -2,
  run: ({ args, keys, name }) => {
    if (args.length > 2) throw Arguments.wrongNumber(name)
    const many = args.length === 2
    const count = many ? atLeast(args[1], 0, "ERR value is out of range, must be positive") : 1
    const items = listAt(keys, args[0])
    if (items === undefined) return many ? nilArray : nil
    if (count === 0) return array([])
    const taken = pop(keys, args[0], items, where, count)
    return many ? bulks(taken) : bulk(taken[0])
  }
})

const move = (keys: Keyspace, from: Bin, to: Bin, out: Side, into: Side): Resp.Reply | undefined => {
  const items = listAt(keys, from)
  if (items === undefined) return undefined
  listAt(keys, to)
  const value = out === "LEFT" ? items.shift()! : items.pop()!
  push(keys, to, into, [value])
  keys.touch(from, out === "LEFT" ? "lpop" : "rpop", "l")
  keys.removeIfEmpty(from)
  return bulk(value)
}

const moveOrBlock = (invocation: Invocation, out: Side, into: Side, timeout: number): Outcome => {
  const { args: [from, to], keys } = invocation
  return takeOrBlock(invocation, {
    type: "list",
    keys: [from],
    timeout,
    attempt: () => move(keys, from, to, out, into),
    refused: nil
  })
}

/** Takes from the first key that is a list. */
const popFirst = (
  keys: Keyspace,
  names: ReadonlyArray<Bin>,
  where: Side,
  count: number
): readonly [Bin, ReadonlyArray<Bin>] | undefined => {
  for (const key of names) {
    const items = listAt(keys, key)
    if (items !== undefined) return [key, pop(keys, key, items, where, count)]
  }
  return undefined
}

const blockingPop = (where: Side): Definition => ({
  arity: -3,
  run: (invocation) => {
    const { args, keys } = invocation
    const timeout = Arguments.blockSeconds(args[args.length - 1], invocation.node.version)
    return takeOrBlock(invocation, {
      type: "list",
      keys: args.slice(0, -1),
      timeout,
      attempt: (names) => {
        const found = popFirst(keys, names, where, 1)
        return found && array([bulk(found[0]), bulk(found[1][0])])
      }
    })
  }
})

const popMany = (keys: Keyspace, names: ReadonlyArray<Bin>, where: string, count: number): Resp.Reply | undefined => {
  const found = popFirst(keys, names, where as Side, count)
  return found && array([bulk(found[0]), bulks(found[1])])
}

const rankZero = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
  "or use negative to start from the end of the list"

const positionOptions = (args: ReadonlyArray<Bin>) => {
  let rank = 1
  let count: number | undefined
  let limit = 0
  for (let i = 2; i < args.length; i += 2) {
    const option = Arguments.word(args[i])
    if (i + 1 >= args.length) throw Arguments.syntaxError()
    if (option === "RANK") {
      const value = Arguments.int64(args[i + 1])
      if (value === BigInt(0)) throw new CommandError(rankZero)
      rank = Number(value)
    } else if (option === "COUNT") {
      count = atLeast(args[i + 1], 0, "ERR COUNT can't be negative")
    } else if (option === "MAXLEN") {
      limit = atLeast(args[i + 1], 0, "ERR MAXLEN can't be negative")
    } else {
      throw Arguments.syntaxError()
    }
  }
  return { rank, count, limit }
}

const positions = (
  items: ReadonlyArray<Bin>,
  element: Bin,
  rank: number,
  count: number,
  limit: number
): ReadonlyArray<number> => {
  const found: Array<number> = []
  const compared = limit === 0 ? items.length : Math.min(limit, items.length)
  let skip = Math.abs(rank) - 1
  for (let i = 0; i < compared; i++) {
    const index = rank > 0 ? i : items.length - 1 - i
    if (items[index] !== element || skip-- > 0) continue
    found.push(index)
    if (found.length === count) break
  }
  return found
}

const removeElement = (items: ReadonlyArray<Bin>, element: Bin, count: number): Array<Bin> => {
  let left = count === 0 ? Infinity : Math.abs(count)
  const keep = (item: Bin) => item !== element || left-- <= 0
  return count < 0 ? items.toReversed().filter(keep).toReversed() : items.filter(keep)
}

export const lists: Group = {
  LPUSH: pushing("LEFT"),
  RPUSH: pushing("RIGHT"),
  LPUSHX: pushingToOld("LEFT"),
  RPUSHX: pushingToOld("RIGHT"),
  LPOP: popping("LEFT"),
  RPOP: popping("RIGHT"),
  LLEN: { arity: 2, run: ({ args: [key], keys }) => integer(listAt(keys, key)?.length ?? 0) },
  LINDEX: {
    arity: 3,
    run: ({ args: [key, index], keys }) => {
      const items = listAt(keys, key)
      const value = items?.at(Arguments.integer(index))
      return value === undefined ? nil : bulk(value)
    }
  },
  LSET: {
    arity: 4,
    run: ({ args: [key, at, value], keys, node }) => {
      const items = listAt(keys, key)
      if (items === undefined) throw new CommandError("ERR no such key")
      // Since 7.2 the server uses only the lower half of the number.
      const wide = Arguments.int64(at)
      const given = Number(since(node.version, 7.2) ? BigInt.asIntN(32, wide) : wide)
      const index = given < 0 ? given + items.length : given
      if (index < 0 || index >= items.length) throw new CommandError("ERR index out of range")
      items[index] = value
      keys.touch(key, "lset", "l")
      return simple("OK")
    }
  },
  LINSERT: {
    arity: 5,
    run: ({ args: [key, where, pivot, value], keys }) => {
      const word = Arguments.word(where)
      if (word !== "BEFORE" && word !== "AFTER") throw Arguments.syntaxError()
      const items = listAt(keys, key)
      if (items === undefined) return integer(0)
      const index = items.indexOf(pivot)
      if (index < 0) return integer(-1)
      items.splice(word === "BEFORE" ? index : index + 1, 0, value)
      keys.touch(key, "linsert", "l")
      return integer(items.length)
    }
  },
  LRANGE: {
    arity: 4,
    run: ({ args: [key, from, to], keys }) => {
      const start = Arguments.integer(from)
      const stop = Arguments.integer(to)
      const items = listAt(keys, key) ?? []
      const span = Arguments.indexRange(start, stop, items.length)
      return bulks(items.slice(span.start, span.end))
    }
  },
  LTRIM: {
    arity: 4,
    run: ({ args: [key, from, to], keys }) => {
      const start = Arguments.integer(from)
      const stop = Arguments.integer(to)
      const list = keys.typed(key, "list")
      if (list === undefined) return simple("OK")
      const span = Arguments.indexRange(start, stop, list.items.length)
      list.items = list.items.slice(span.start, span.end)
      keys.touch(key, "ltrim", "l")
      keys.removeIfEmpty(key)
      return simple("OK")
    }
  },
  LREM: {
    arity: 4,
    run: ({ args: [key, number, element], keys }) => {
      const count = Arguments.integer(number)
      const list = keys.typed(key, "list")
      if (list === undefined) return integer(0)
      const before = list.items.length
      list.items = removeElement(list.items, element, count)
      const removed = before - list.items.length
      if (removed > 0) keys.touch(key, "lrem", "l")
      keys.removeIfEmpty(key)
      return integer(removed)
    }
  },
  LPOS: {
    arity: -3,
    run: ({ args, keys }) => {
      const { count, limit, rank } = positionOptions(args)
      const found = positions(listAt(keys, args[0]) ?? [], args[1], rank, count ?? 1, limit)
      if (count !== undefined) return array(found.map(integer))
      return found.length === 0 ? nil : integer(found[0])
    }
  },
  LMOVE: {
    arity: 5,
    run: ({ args: [from, to, out, into], keys }) => move(keys, from, to, side(out), side(into)) ?? nil
  },
  RPOPLPUSH: { arity: 3, run: ({ args: [from, to], keys }) => move(keys, from, to, "RIGHT", "LEFT") ?? nil },
  LMPOP: {
    arity: -4,
    run: ({ args, keys }) => {
      const { count, keys: names, where } = multiPop(args, ["LEFT", "RIGHT"])
      return popMany(keys, names, where, count) ?? nilArray
    }
  },
  BLPOP: blockingPop("LEFT"),
  BRPOP: blockingPop("RIGHT"),
  BLMOVE: {
    arity: 6,
    run: (invocation) => {
      const [, , out, into, timeout] = invocation.args
      return moveOrBlock(invocation, side(out), side(into), Arguments.blockSeconds(timeout, invocation.node.version))
    }
  },
  BRPOPLPUSH: {
    arity: 4,
    run: (invocation) =>
      moveOrBlock(invocation, "RIGHT", "LEFT", Arguments.blockSeconds(invocation.args[2], invocation.node.version))
  },
  BLMPOP: {
    arity: -5,
    run: (invocation) => {
      const { count, keys: names, where } = multiPop(invocation.args.slice(1), ["LEFT", "RIGHT"])
      return takeOrBlock(invocation, {
        type: "list",
        keys: names,
        timeout: Arguments.blockSeconds(invocation.args[0], invocation.node.version),
        attempt: (ready) => popMany(invocation.keys, ready, where, count)
      })
    }
  }
}
