/**
 * Hashes: fields and their values under one key.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { encodingOf } from "../../data/encoding.ts"
import { removeField } from "../../data/fieldExpiry.ts"
import type { Hash } from "../../data/fieldExpiry.ts"
import { page } from "../../data/pages.ts"
import type { Bin, Group, Invocation } from "../../definitions/handler.ts"
import * as Arguments from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import * as Glob from "../../values/glob.ts"
import * as LongDouble from "../../values/longDouble.ts"
import { hashExpiry } from "./hashExpiry.ts"
import { pick, readCount } from "./randomPicks.ts"

const { array, bulk, integer, map, simple } = Resp.Reply
const nil = Resp.Reply.null
const bulkOrNil = (value: Bin | undefined): Resp.Reply => value === undefined ? nil : bulk(value)

type Field = readonly [field: Bin, value: Bin]

const read = ({ args, keys }: Invocation): Hash | undefined => keys.typed(args[0], "hash")

/** Returns the hash, or makes an empty one. The caller must not leave it without fields. */
const readOrMake = (invocation: Invocation): Hash => {
  const found = read(invocation)
  if (found !== undefined) return found
  const made: Hash = { type: "hash", fields: new Map(), expiry: new Map() }
  invocation.keys.set(invocation.args[0], made)
  return made
}

/** Sets fields, which then have no time to live of their own, and returns the number of new ones. */
const setFields = (invocation: Invocation): number => {
  const { args, keys, name } = invocation
  if (args.length % 2 === 0) throw Arguments.wrongNumber(name)
  const hash = readOrMake(invocation)
  const before = hash.fields.size
  for (let i = 1; i < args.length; i += 2) {
    hash.fields.set(args[i], args[i + 1])
    hash.expiry.delete(args[i])
  }
  keys.touch(args[0], "hset", "h")
  return hash.fields.size - before
}

const store = (invocation: Invocation, value: Bin): void => {
  const { args: [key, field], keys, name } = invocation
  readOrMake(invocation).fields.set(field, value)
  keys.touch(key, name.toLowerCase(), "h")
}

const incrementBy = (invocation: Invocation): Resp.Reply => {
  const by = Arguments.int64(invocation.args[2])
  const old = Arguments.int64(
    read(invocation)?.fields.get(invocation.args[1]) ?? "0",
    "ERR hash value is not an integer"
  )
  const sum = old + by
  if (!Arguments.isInt64(sum)) throw new CommandError("ERR increment or decrement would overflow")
  store(invocation, String(sum))
  return integer(sum)
}

const incrementByFloat = (invocation: Invocation): Resp.Reply => {
  const [, field, by] = invocation.args
  if (!Number.isFinite(Arguments.double(by))) throw new CommandError("ERR value is NaN or Infinity")
  const old = read(invocation)?.fields.get(field) ?? "0"
  if (!Number.isFinite(Arguments.double(old, "ERR hash value is not a float"))) {
    throw new CommandError("ERR increment would produce NaN or Infinity")
  }
  const sum = LongDouble.add(old, by)
  store(invocation, sum)
  return bulk(sum)
}

const randomFields = (invocation: Invocation): Resp.Reply => {
  const { args, random, session } = invocation
  if (args.length === 1) {
    const fields = [...read(invocation)?.fields.keys() ?? []]
    return bulkOrNil(pick(fields, 1, random)[0])
  }
  const count = readCount(args[1], false)
  if (args.length > 3 || (args.length === 3 && Arguments.word(args[2]) !== "WITHVALUES")) throw Arguments.syntaxError()
  const withValues = args.length === 3
  if (withValues) readCount(args[1], true)
  const picked = pick([...read(invocation)?.fields ?? []], count, random)
  if (!withValues) return array(picked.map(([field]) => bulk(field)))
  const pairs = picked.map((pair) => pair.map(bulk))
  return array(session.protocol === 3 ? pairs.map(array) : pairs.flat())
}

const scan = (invocation: Invocation): Resp.Reply => {
  const { args, node } = invocation
  const cursor = Arguments.cursor(args[1], node.version)
  const hash = read(invocation)
  if (hash === undefined) return array([bulk("0"), array([])])
  const options: Array<Bin> = []
  let withValues = true
  for (let i = 2; i < args.length; i++) {
    // NOVALUES exists since Redis 7.4.
    if (Arguments.word(args[i]) === "NOVALUES") withValues = false
    else options.push(...args.slice(i, ++i + 1))
  }
  const { count, match } = Arguments.scanOptions(options, 0, false)
  const { fields } = hash
  // A hash in a listpack is scanned in one go.
  const found = encodingOf(hash, node.config, node.version) === "listpack"
    ? { cursor: 0, members: [...fields.keys()] }
    : page(fields, cursor, count, node.hashSeed)
  const names = match === undefined ? found.members : found.members.filter((one) => Glob.matches(match, one))
  const items = names.flatMap((one) => withValues ? [bulk(one), bulk(fields.get(one)!)] : [bulk(one)])
  return array([bulk(String(found.cursor)), array(items)])
}

const all = (invocation: Invocation): ReadonlyArray<Field> => [...read(invocation)?.fields ?? []]

export const hashes: Group = {
  HSET: { arity: -4, run: (invocation) => integer(setFields(invocation)) },
  HMSET: {
    arity: -4,
    run: (invocation) => {
      setFields(invocation)
      return simple("OK")
    }
  },
  HSETNX: {
    arity: 4,
    run: (invocation) => {
      const { args: [key, field, value], keys } = invocation
      if (read(invocation)?.fields.has(field) === true) return integer(0)
      readOrMake(invocation).fields.set(field, value)
      keys.touch(key, "hset", "h")
      return integer(1)
    }
  },
  HGET: { arity: 3, run: (invocation) => bulkOrNil(read(invocation)?.fields.get(invocation.args[1])) },
  HMGET: {
    arity: -3,
    run: (invocation) => {
      const hash = read(invocation)
      return array(invocation.args.slice(1).map((field) => bulkOrNil(hash?.fields.get(field))))
    }
  },
  HDEL: {
    arity: -3,
    run: (invocation) => {
      const { args: [key, ...fields], keys } = invocation
      const hash = read(invocation)
      if (hash === undefined) return integer(0)
      const removed = fields.filter((field) => removeField(hash, field)).length
      if (removed > 0) keys.touch(key, "hdel", "h")
      keys.removeIfEmpty(key)
      return integer(removed)
    }
  },
  HLEN: { arity: 2, run: (invocation) => integer(read(invocation)?.fields.size ?? 0) },
  HEXISTS: {
    arity: 3,
    run: (invocation) => integer(read(invocation)?.fields.has(invocation.args[1]) === true ? 1 : 0)
  },
  HSTRLEN: {
    arity: 3,
    run: (invocation) => integer(read(invocation)?.fields.get(invocation.args[1])?.length ?? 0)
  },
  HKEYS: { arity: 2, run: (invocation) => array(all(invocation).map(([field]) => bulk(field))) },
  HVALS: { arity: 2, run: (invocation) => array(all(invocation).map(([, value]) => bulk(value))) },
  HGETALL: {
    arity: 2,
    run: (invocation) => map(all(invocation).map(([field, value]) => [bulk(field), bulk(value)]))
  },
  HINCRBY: { arity: 4, run: incrementBy },
  HINCRBYFLOAT: { arity: 4, run: incrementByFloat },
  HRANDFIELD: { arity: -2, run: randomFields },
  HSCAN: { arity: -3, run: scan },
  ...hashExpiry
}
