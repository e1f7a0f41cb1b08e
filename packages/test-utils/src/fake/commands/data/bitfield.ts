/**
 * BITFIELD: integers of any width inside a string.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { encodeAs } from "../../data/encoding.ts"
import type { Value } from "../../data/value.ts"
import type { Definition, Group } from "../../definitions/handler.ts"
import { int64, isInt64, parseInt64, syntaxError, word } from "../../values/arguments.ts"
import { fromBytes, writeBytes } from "../../values/binary.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { array, integer: int, null: nil } = Resp.Reply

const largestString = BigInt(512 * 1024 * 1024)

/** The offset in bits. With a width, `#2` counts in fields of that width. */
export const bitOffset = (arg: Bin, width?: number): number => {
  const inFields = width !== undefined && arg[0] === "#"
  const value = parseInt64(inFields ? arg.slice(1) : arg)
  const offset = value === undefined || !inFields ? value : value * BigInt(width)
  if (offset === undefined || offset < BigInt(0) || !isInt64(offset) || offset >> BigInt(3) >= largestString) {
    throw new CommandError("ERR bit offset is not an integer or out of range")
  }
  return Number(offset)
}

type Overflow = "WRAP" | "SAT" | "FAIL"

interface Field {
  readonly signed: boolean
  readonly bits: number
  readonly offset: number
}

type Operation =
  & Field
  & ({ readonly kind: "GET" } | {
    readonly kind: "SET" | "INCRBY"
    readonly value: bigint
    readonly overflow: Overflow
  })

const fieldType = (arg: Bin): { readonly signed: boolean; readonly bits: number } => {
  const signed = arg[0] === "i"
  const bits = Number(parseInt64(arg.slice(1)) ?? 0)
  if ((!signed && arg[0] !== "u") || bits < 1 || bits > (signed ? 64 : 63)) {
    throw new CommandError(
      "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
    )
  }
  return { signed, bits }
}

const parse = (args: ReadonlyArray<Bin>): ReadonlyArray<Operation> => {
  const operations: Array<Operation> = []
  let overflow: Overflow = "WRAP"
  for (let i = 1; i < args.length;) {
    const kind = word(args[i])
    const behind = args.length - i - 1
    if (kind === "OVERFLOW" && behind >= 1) {
      const asked = word(args[i + 1])
      if (asked !== "WRAP" && asked !== "SAT" && asked !== "FAIL") {
        throw new CommandError("ERR Invalid OVERFLOW type specified")
      }
      overflow = asked
      i += 2
    } else if ((kind === "GET" && behind >= 2) || ((kind === "SET" || kind === "INCRBY") && behind >= 3)) {
      const type = fieldType(args[i + 1])
      const field = { ...type, offset: bitOffset(args[i + 2], type.bits) }
      operations.push(kind === "GET" ? { ...field, kind } : { ...field, kind, overflow, value: int64(args[i + 3]) })
      i += kind === "GET" ? 3 : 4
    } else {
      throw syntaxError()
    }
  }
  return operations
}

const get = (bytes: Uint8Array, { bits, offset, signed }: Field): bigint => {
  let value = BigInt(0)
  for (let at = offset; at < offset + bits; at++) {
    const byte = Math.floor(at / 8)
    const bit = byte < bytes.length ? (bytes[byte] >> (7 - at % 8)) & 1 : 0
    value = (value << BigInt(1)) | BigInt(bit)
  }
  return signed ? BigInt.asIntN(bits, value) : value
}

const put = (bytes: Uint8Array, { bits, offset }: Field, value: bigint): void => {
  let rest = BigInt.asUintN(bits, value)
  for (let at = offset + bits - 1; at >= offset; at--) {
    const mask = 0x80 >> (at % 8)
    if ((rest & BigInt(1)) === BigInt(1)) bytes[Math.floor(at / 8)] |= mask
    else bytes[Math.floor(at / 8)] &= ~mask
    rest >>= BigInt(1)
  }
}

/** The number that the field stores; undefined if it must not be stored. */
const fit = ({ bits, signed }: Field, value: bigint, overflow: Overflow): bigint | undefined => {
  const max = (BigInt(1) << BigInt(signed ? bits - 1 : bits)) - BigInt(1)
  const min = signed ? -max - BigInt(1) : BigInt(0)
  if (value >= min && value <= max) return value
  if (overflow === "FAIL") return undefined
  if (overflow === "SAT") return value > max ? max : min
  return signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)
}

const command = (readOnly: boolean): Definition => ({
  arity: -2,
  run: ({ args, keys }) => {
    const [key] = args
    const operations = parse(args)
    const writes = operations.filter(({ kind }) => kind !== "GET")
    if (writes.length > 0 && readOnly) throw new CommandError("ERR BITFIELD_RO only supports the GET subcommand")
    const found = keys.typed(key, "string")?.value
    const size = Math.max(found?.length ?? 0, ...writes.map(({ bits, offset }) => Math.ceil((offset + bits) / 8)))
    const bytes = new Uint8Array(size)
    writeBytes(found ?? "", bytes, 0)
    const grown = size > (found?.length ?? 0)
    let changes = 0
    const replies = operations.map((operation) => {
      const old = get(bytes, operation)
      if (operation.kind === "GET") return int(old)
      const { kind, overflow, signed, value } = operation
      // In an unsigned field, a negative number is a huge one.
      const wanted = kind === "INCRBY" ? old + value : signed ? value : BigInt.asUintN(64, value)
      const next = fit(operation, wanted, overflow)
      if (next === undefined) return nil
      put(bytes, operation, next)
      if (grown || next !== old) changes++
      return int(kind === "SET" ? old : next)
    })
    if (writes.length > 0) {
      const value: Value = { type: "string", value: fromBytes(bytes) }
      keys.set(key, value, { keepTtl: true })
      encodeAs(value, "raw")
      if (changes > 0) keys.touch(key, "setbit", "$")
    }
    return array(replies)
  }
})

export const bitfield: Group = { BITFIELD: command(false), BITFIELD_RO: command(true) }
