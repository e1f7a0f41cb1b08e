/**
 * The commands for approximate counts. Their strings and estimates are those of the server, except for the way in which long
 * runs of equal registers are split.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { encodeAs } from "../../data/encoding.ts"
import * as Hll from "../../data/hyperLogLog.ts"
import type { Keyspace } from "../../data/keyspace.ts"
import type { Value } from "../../data/value.ts"
import type { Definition, Group, Invocation } from "../../definitions/handler.ts"
import { word } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { array, integer: int, simple } = Resp.Reply

const readText = (keys: Keyspace, key: Bin): Bin | undefined => {
  const text = keys.typed(key, "string")?.value
  if (text !== undefined && !Hll.isValid(text)) {
    throw new CommandError("WRONGTYPE Key is not a valid HyperLogLog string value.")
  }
  return text
}

const read = (keys: Keyspace, key: Bin): Hll.HyperLogLog | undefined => {
  const text = readText(keys, key)
  if (text === undefined) return undefined
  const value = Hll.decode(text)
  if (value === undefined) throw new CommandError("INVALIDOBJ Corrupted HLL object detected")
  return value
}

const write = (keys: Keyspace, key: Bin, value: Hll.HyperLogLog): void => {
  const made: Value = { type: "string", value: Hll.encode(value) }
  keys.set(key, made, { keepTtl: true })
  encodeAs(made, "raw")
}

const add: Definition = {
  arity: -2,
  run: ({ args: [key, ...elements], keys }) => {
    const found = read(keys, key)
    const value = found ?? Hll.empty()
    let changed = found === undefined
    for (const element of elements) if (Hll.add(value, element)) changed = true
    if (changed) {
      value.counted = false
      write(keys, key, value)
      keys.touch(key, "pfadd", "$")
    }
    return int(changed ? 1 : 0)
  }
}

const union = (keys: Keyspace, names: ReadonlyArray<Bin>): Hll.HyperLogLog => {
  const all = Hll.empty()
  for (const name of names) {
    const one = read(keys, name)
    if (one === undefined) continue
    Hll.merge(all, one)
    if (one.dense) all.dense = true
  }
  return all
}

const count: Definition = {
  arity: -2,
  run: ({ args, keys }) => {
    if (args.length > 1) return int(Hll.estimate(union(keys, args)))
    const text = readText(keys, args[0])
    if (text === undefined) return int(0)
    const kept = Hll.keptCount(text)
    if (kept !== undefined) return int(kept)
    // The string stores the count, so a read changes the string.
    const value = { ...read(keys, args[0])!, counted: true }
    value.count = Hll.estimate(value)
    write(keys, args[0], value)
    keys.signal(args[0])
    return int(value.count)
  }
}

const merge: Definition = {
  arity: -2,
  run: ({ args, keys }) => {
    const merged = union(keys, args)
    merged.count = read(keys, args[0])?.count ?? BigInt(0)
    merged.counted = false
    write(keys, args[0], merged)
    keys.touch(args[0], "pfadd", "$")
    return simple("OK")
  }
}

const debugReply = ({ args, keys }: Invocation): Resp.Reply => {
  const [subcommand, key] = args
  const text = readText(keys, key)
  const value = read(keys, key)
  if (text === undefined || value === undefined) throw new CommandError("ERR The specified key does not exist")
  const name = word(subcommand)
  if (name !== "GETREG" && name !== "DECODE" && name !== "ENCODING" && name !== "TODENSE") {
    throw new CommandError(`ERR Unknown PFDEBUG subcommand '${subcommand}'`)
  }
  if (name === "ENCODING") return simple(value.dense ? "dense" : "sparse")
  if (name === "DECODE") {
    if (value.dense) throw new CommandError("ERR HLL encoding is not sparse")
    return Resp.Reply.bulk(Hll.describe(text))
  }
  const converted = !value.dense
  if (converted) {
    value.dense = true
    write(keys, key, value)
    keys.changes++
  }
  return name === "TODENSE" ? int(converted ? 1 : 0) : array(Array.from(value.registers, (rank) => int(rank)))
}

export const hyperLogLog: Group = {
  PFADD: add,
  PFCOUNT: count,
  PFMERGE: merge,
  PFDEBUG: { arity: 3, run: debugReply },
  PFSELFTEST: { arity: 1, run: () => simple("OK") }
}
