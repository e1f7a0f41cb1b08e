/**
 * Strings as arrays of bits. Offset 0 is the highest bit of the first byte. BITFIELD is in `bitfield.ts`.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { encodeAs } from "../../data/encoding.ts"
import type { Keyspace } from "../../data/keyspace.ts"
import type { Value } from "../../data/value.ts"
import type { Definition, Group, Invocation } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"
import { integer, syntaxError, word } from "../../values/arguments.ts"
import { fromBytes } from "../../values/binary.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"
import { bitfield, bitOffset } from "./bitfield.ts"

const { integer: int } = Resp.Reply

const bitAt = (text: Bin, offset: number): number => {
  const byte = Math.floor(offset / 8)
  return byte < text.length ? (text.charCodeAt(byte) >> (7 - offset % 8)) & 1 : 0
}

const read = (keys: Keyspace, key: Bin): Bin | undefined => keys.typed(key, "string")?.value

const setBit: Definition = {
  arity: 4,
  run: ({ args, keys }) => {
    const [key] = args
    const offset = bitOffset(args[1])
    const problem = "ERR bit is not an integer or out of range"
    const bit = integer(args[2], problem)
    if (bit !== 0 && bit !== 1) throw new CommandError(problem)
    const found = read(keys, key)
    const byte = Math.floor(offset / 8)
    const old = bitAt(found ?? "", offset)
    const grows = found === undefined || byte >= found.length
    if (!grows && old === bit) return int(old)
    const text = (found ?? "").padEnd(byte + 1, "\0")
    const mask = 0x80 >> (offset % 8)
    const code = text.charCodeAt(byte)
    const changed = String.fromCharCode(bit === 1 ? code | mask : code & ~mask)
    const value: Value = { type: "string", value: text.slice(0, byte) + changed + text.slice(byte + 1) }
    keys.set(key, value, { keepTtl: true })
    encodeAs(value, "raw")
    keys.touch(key, "setbit", "$")
    return int(old)
  }
}

const isBits = (unit: Bin | undefined): boolean => {
  const name = unit === undefined ? "BYTE" : word(unit)
  if (name !== "BYTE" && name !== "BIT") throw syntaxError()
  return name === "BIT"
}

interface BitRange {
  readonly first: number
  /** The last bit, included. */
  readonly last: number
}

/** Converts a start and an end, counted in bytes or in bits, to bits. */
const bitRange = (start: number, end: number, bits: boolean, length: number): BitRange => {
  const total = bits ? length * 8 : length
  const from = Math.max(start < 0 ? start + total : start, 0)
  const to = Math.min(Math.max(end < 0 ? end + total : end, 0), total - 1)
  return bits ? { first: from, last: to } : { first: from * 8, last: to * 8 + 7 }
}

const ones = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length)

const count = (text: Bin, { first, last }: BitRange): number => {
  let found = 0
  let at = first
  while (at <= last) {
    if (at % 8 === 0 && at + 7 <= last) {
      found += ones[text.charCodeAt(at / 8)]
      at += 8
    } else {
      found += bitAt(text, at++)
    }
  }
  return found
}

const bitCount: Definition = {
  arity: -2,
  run: ({ args, keys, node }) => {
    const known = () => read(keys, args[0])
    // Until 7.2 the key was read before the arguments were checked.
    if (!since(node.version, 7.2) && known() === undefined) return int(0)
    if (args.length !== 1 && args.length !== 3 && args.length !== 4) throw syntaxError()
    const [start, end] = args.length === 1 ? [0, -1] : [integer(args[1]), integer(args[2])]
    const backwards = start < 0 && end < 0 && start > end
    if (backwards && !since(node.version, 7.2)) return int(0)
    const bits = isBits(args[3])
    const text = known()
    return int(text === undefined || backwards ? 0 : count(text, bitRange(start, end, bits, text.length)))
  }
}

const find = (text: Bin, bit: number, { first, last }: BitRange): number => {
  const skipped = bit === 1 ? 0x00 : 0xff
  for (let at = first; at <= last; at++) {
    while (at % 8 === 0 && at + 7 <= last && text.charCodeAt(at / 8) === skipped) at += 8
    if (at <= last && bitAt(text, at) === bit) return at
  }
  return -1
}

const bitPosition: Definition = {
  arity: -3,
  run: ({ args, keys, node }) => {
    const bit = integer(args[1])
    if (bit !== 0 && bit !== 1) throw new CommandError("ERR The bit argument must be 1 or 0.")
    const known = () => read(keys, args[0])
    const nowhere = bit === 1 ? -1 : 0
    // Until 7.2 the key was read before the arguments were checked.
    if (!since(node.version, 7.2) && known() === undefined) return int(nowhere)
    if (args.length > 5) throw syntaxError()
    const start = args.length > 2 ? integer(args[2]) : 0
    const bits = isBits(args[4])
    const end = args.length > 3 ? integer(args[3]) : -1
    const text = known()
    if (text === undefined) return int(nowhere)
    const range = bitRange(start, end, bits, text.length)
    if (range.first > range.last) return int(-1)
    const at = find(text, bit, range)
    // If no end is given, the string counts as followed by zeros.
    return int(at < 0 && bit === 0 && args.length <= 3 ? text.length * 8 : at)
  }
}

const operations: Readonly<Record<string, (a: number, b: number) => number>> = {
  AND: (a, b) => a & b,
  OR: (a, b) => a | b,
  XOR: (a, b) => a ^ b,
  NOT: (a) => ~a & 0xff
}

const combine = (name: string, sources: ReadonlyArray<Bin>): Bin => {
  const operation = operations[name]
  const length = Math.max(...sources.map((text) => text.length))
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) {
    const [first, ...others] = sources.map((text) => i < text.length ? text.charCodeAt(i) : 0)
    bytes[i] = name === "NOT" ? operation(first, 0) : others.reduce(operation, first)
  }
  return fromBytes(bytes)
}

const bitOperation: Definition = {
  arity: -4,
  run: ({ args, keys }: Invocation) => {
    const name = word(args[0])
    if (!Object.hasOwn(operations, name)) throw syntaxError()
    const [, destination, ...sources] = args
    if (name === "NOT" && sources.length !== 1) {
      throw new CommandError("ERR BITOP NOT must be called with a single source key.")
    }
    const result = combine(name, sources.map((key) => read(keys, key) ?? ""))
    if (result === "") {
      keys.delete(destination)
    } else {
      const value: Value = { type: "string", value: result }
      keys.set(destination, value)
      encodeAs(value, "raw")
      keys.touch(destination, "set", "$")
    }
    return int(result.length)
  }
}

/** Bitmaps, BITFIELD included. */
export const bitmaps: Group = {
  ...bitfield,
  SETBIT: setBit,
  GETBIT: {
    arity: 3,
    run: ({ args, keys }) => {
      const offset = bitOffset(args[1])
      return int(bitAt(read(keys, args[0]) ?? "", offset))
    }
  },
  BITCOUNT: bitCount,
  BITPOS: bitPosition,
  BITOP: bitOperation
}
