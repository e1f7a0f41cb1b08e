/**
 * Sets, and calculations with several sets.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { encodingOf } from "../../data/encoding.ts"
import type { Keyspace } from "../../data/keyspace.ts"
import { page } from "../../data/pages.ts"
import type { Bin, Definition, Group, Invocation } from "../../definitions/handler.ts"
import * as Arguments from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import * as Glob from "../../values/glob.ts"
import { atLeast } from "./blocking.ts"
import { pick, readCount } from "./randomPicks.ts"

const { array, bulk, integer } = Resp.Reply
const nil = Resp.Reply.null
const setOf = (members: Iterable<Bin>): Resp.Reply => Resp.Reply.set(Array.from(members, bulk))

const none: ReadonlySet<Bin> = new Set()
const setAt = (keys: Keyspace, key: Bin): Set<Bin> | undefined => keys.typed(key, "set")?.members

const add = (keys: Keyspace, key: Bin, members: ReadonlyArray<Bin>): number => {
  let set = setAt(keys, key)
  if (set === undefined) keys.set(key, { type: "set", members: set = new Set() })
  const before = set.size
  for (const member of members) set.add(member)
  if (set.size > before) keys.touch(key, "sadd", "s")
  return set.size - before
}

const remove = (keys: Keyspace, key: Bin, members: ReadonlyArray<Bin>): number => {
  const set = setAt(keys, key)
  if (set === undefined) return 0
  const before = set.size
  for (const member of members) set.delete(member)
  const removed = before - set.size
  if (removed > 0) keys.touch(key, "srem", "s")
  keys.removeIfEmpty(key)
  return removed
}

type Algebra = (sets: ReadonlyArray<ReadonlySet<Bin>>) => Set<Bin>

const union: Algebra = (sets) => {
  const result = new Set<Bin>()
  for (const set of sets) for (const member of set) result.add(member)
  return result
}

const intersection: Algebra = (sets) => {
  const [smallest, ...others] = sets.toSorted((a, b) => a.size - b.size)
  return new Set([...smallest].filter((member) => others.every((set) => set.has(member))))
}

const difference: Algebra = ([first, ...others]) =>
  new Set([...first].filter((member) => !others.some((set) => set.has(member))))

const calculate = (keys: Keyspace, names: ReadonlyArray<Bin>, algebra: Algebra): Set<Bin> =>
  algebra(names.map((name) => setAt(keys, name) ?? none))

const calculating = (algebra: Algebra): Definition => ({
  arity: -2,
  run: ({ args, keys }) => setOf(calculate(keys, args, algebra))
})

const storing = (algebra: Algebra): Definition => ({
  arity: -3,
  run: ({ args: [target, ...names], keys, name }) => {
    const members = calculate(keys, names, algebra)
    if (members.size === 0) {
      keys.delete(target)
    } else {
      keys.set(target, { type: "set", members })
      keys.touch(target, name.toLowerCase(), "s")
    }
    return integer(members.size)
  }
})

const intersectionSize = ({ args, keys }: Invocation): Resp.Reply => {
  const numkeys = atLeast(args[0], 1, "ERR numkeys should be greater than 0")
  if (numkeys > args.length - 1) {
    throw new CommandError("ERR Number of keys can't be greater than number of args")
  }
  let limit = 0
  for (let i = numkeys + 1; i < args.length; i += 2) {
    if (Arguments.word(args[i]) !== "LIMIT" || i + 1 >= args.length) throw Arguments.syntaxError()
    limit = atLeast(args[i + 1], 0, "ERR LIMIT can't be negative")
  }
  const { size } = calculate(keys, args.slice(1, numkeys + 1), intersection)
  return integer(limit === 0 ? size : Math.min(size, limit))
}

const popMembers = ({ args, keys, random }: Invocation): Resp.Reply => {
  if (args.length > 2) throw Arguments.syntaxError()
  const many = args.length === 2
  const count = many ? atLeast(args[1], 0, "ERR value is out of range, must be positive") : 1
  const set = setAt(keys, args[0])
  if (set === undefined) return many ? setOf([]) : nil
  if (count === 0) return setOf([])
  const taken = pick([...set], count, random)
  for (const member of taken) set.delete(member)
  keys.touch(args[0], "spop", "s")
  keys.removeIfEmpty(args[0])
  return many ? setOf(taken) : bulk(taken[0])
}

const move = ({ args: [from, to, member], keys }: Invocation): Resp.Reply => {
  // If the source does not exist, the reply is 0, whatever the target is.
  if (!keys.has(from)) return integer(0)
  const source = setAt(keys, from)
  const target = setAt(keys, to)
  if (source === target) return integer(source?.has(member) === true ? 1 : 0)
  if (remove(keys, from, [member]) === 0) return integer(0)
  add(keys, to, [member])
  return integer(1)
}

const scan = ({ args, keys, node }: Invocation): Resp.Reply => {
  const cursor = Arguments.cursor(args[1], node.version)
  const value = keys.typed(args[0], "set")
  if (value === undefined) return array([bulk("0"), array([])])
  const { count, match } = Arguments.scanOptions(args, 2, false)
  // A set in an array of integers or in a listpack is scanned in one go.
  const found = encodingOf(value, node.config, node.version) !== "hashtable"
    ? { cursor: 0, members: [...value.members] }
    : page(value.members, cursor, count, node.hashSeed)
  const members = match === undefined ? found.members : found.members.filter((one) => Glob.matches(match, one))
  return array([bulk(String(found.cursor)), array(members.map(bulk))])
}

export const sets: Group = {
  SADD: { arity: -3, run: ({ args: [key, ...members], keys }) => integer(add(keys, key, members)) },
  SREM: { arity: -3, run: ({ args: [key, ...members], keys }) => integer(remove(keys, key, members)) },
  SCARD: { arity: 2, run: ({ args: [key], keys }) => integer(setAt(keys, key)?.size ?? 0) },
  SISMEMBER: {
    arity: 3,
    run: ({ args: [key, member], keys }) => integer(setAt(keys, key)?.has(member) === true ? 1 : 0)
  },
  SMISMEMBER: {
    arity: -3,
    run: ({ args: [key, ...members], keys }) => {
      const set = setAt(keys, key) ?? none
      return array(members.map((member) => integer(set.has(member) ? 1 : 0)))
    }
  },
  SMEMBERS: { arity: 2, run: ({ args: [key], keys }) => setOf(setAt(keys, key) ?? none) },
  SMOVE: { arity: 4, run: move },
  SPOP: { arity: -2, run: popMembers },
  SRANDMEMBER: {
    arity: -2,
    run: ({ args, keys, random }) => {
      if (args.length > 2) throw Arguments.syntaxError()
      const count = args.length === 2 ? readCount(args[1], false) : undefined
      const members = [...setAt(keys, args[0]) ?? none]
      if (count !== undefined) return array(pick(members, count, random).map(bulk))
      return members.length === 0 ? nil : bulk(pick(members, 1, random)[0])
    }
  },
  SINTER: calculating(intersection),
  SUNION: calculating(union),
  SDIFF: calculating(difference),
  SINTERSTORE: storing(intersection),
  SUNIONSTORE: storing(union),
  SDIFFSTORE: storing(difference),
  SINTERCARD: { arity: -3, run: intersectionSize },
  SSCAN: { arity: -3, run: scan }
}
