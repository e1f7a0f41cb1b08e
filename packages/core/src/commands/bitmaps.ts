/**
 * Bitmaps: strings as rows of bits, the first one being the highest bit of the first byte, and of small integers.
 *
 * Source: https://redis.io/docs/latest/commands/?group=bitmap
 */
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"

const BITCOUNT = CommandSpec.get("BITCOUNT")
const BITFIELD = CommandSpec.get("BITFIELD")
const BITFIELD_RO = CommandSpec.get("BITFIELD_RO")
const BITOP = CommandSpec.get("BITOP")
const BITPOS = CommandSpec.get("BITPOS")
const GETBIT = CommandSpec.get("GETBIT")
const SETBIT = CommandSpec.get("SETBIT")

/**
 * @category models
 * @since 0.1.0
 */
export type Bit = 0 | 1

const bit: Reply.Decode<Bit> = (value) => Reply.boolean(value) ? 1 : 0

/**
 * A part of a bitmap, both ends included and counted from 0, or from the end when negative.
 *
 * @category models
 * @since 0.1.0
 */
export interface BitRange {
  readonly start: number
  readonly end: number
  /** The unit of `start` and `end`, bytes by default. Bits since Redis 7.0.0. */
  readonly unit?: "BYTE" | "BIT" | undefined
}

const rangeOf = Args.demanded<BitRange>({ start: Args.any, end: Args.any, unit: Args.any })

const rangeArgs = ({ end, start, unit }: BitRange): ReadonlyArray<Command.Arg> => [
  Args.integer(start, "the start"),
  Args.integer(end, "the end"),
  ...Args.optional(unit)
]

/**
 * How many bits of a value are 1, 0 when there is no such key.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a string. Since Redis 2.6.0.
 *
 * **Example** (How many users came, of all and of the first thousand)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const all = Redis.bitcount("visits:today") // Command<number>
 * const some = Redis.bitcount("visits:today", { start: 0, end: 999, unit: "BIT" })
 * ```
 *
 * @see https://redis.io/docs/latest/commands/bitcount/
 * @category bitmaps
 * @since 0.1.0
 */
export const bitcount = (key: Command.Arg, range?: BitRange): Command.Command<number> =>
  range === undefined
    ? Command.make(BITCOUNT, [key], Reply.integer)
    : Args.command(BITCOUNT, () => [key, ...rangeArgs(rangeOf(range))], Reply.integer)

/**
 * The width of an integer in bits, signed (`i1` to `i64`) or not (`u1` to `u63`).
 *
 * @category models
 * @since 0.1.0
 */
export type BitfieldType = `i${number}` | `u${number}`

/**
 * Where an integer begins: at a bit, or as `"#2"` at the third integer of its width.
 *
 * @category models
 * @since 0.1.0
 */
export type BitfieldOffset = number | `#${number}`

/**
 * Reads an integer.
 *
 * @category models
 * @since 0.1.0
 */
export interface BitfieldGet {
  readonly get: BitfieldType
  readonly offset: BitfieldOffset
}

/**
 * How to handle a number that does not fit: `WRAP` (the default) wraps it around, `SAT` takes the nearest number that
 * fits, and `FAIL` writes nothing and replies `null` for it.
 *
 * @category models
 * @since 0.1.0
 */
export type BitfieldOverflow = "WRAP" | "SAT" | "FAIL"

/**
 * Writes an integer and replies the one before.
 *
 * @category models
 * @since 0.1.0
 */
export interface BitfieldSet {
  readonly set: BitfieldType
  readonly offset: BitfieldOffset
  readonly value: number
  readonly overflow?: BitfieldOverflow | undefined
}

/**
 * Adds to an integer and replies the result.
 *
 * @category models
 * @since 0.1.0
 */
export interface BitfieldIncrby {
  readonly incrby: BitfieldType
  readonly offset: BitfieldOffset
  readonly increment: number
  readonly overflow?: BitfieldOverflow | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export type BitfieldOperation = BitfieldGet | BitfieldSet | BitfieldIncrby

const offsetArg = (offset: BitfieldOffset): Command.Arg =>
  typeof offset === "string" ? offset : Args.integer(offset, "the offset")

const getArgs = (operation: BitfieldGet): ReadonlyArray<Command.Arg> => [
  "GET",
  operation.get,
  offsetArg(operation.offset)
]

const operationOf = Args.options<BitfieldOperation>({
  get: Args.any,
  set: Args.any,
  incrby: Args.any,
  offset: Args.any,
  value: Args.any,
  increment: Args.any,
  overflow: Args.any
}, ["get", "set", "incrby"])

const isGet = (operation: BitfieldOperation): operation is BitfieldGet =>
  "get" in operation && operation.get !== undefined
const isSet = (operation: BitfieldSet | BitfieldIncrby): operation is BitfieldSet =>
  "set" in operation && operation.set !== undefined

const operationShape = { what: "operation", shape: `{ get: "u8", offset: 0 }` }

/** On the wire, OVERFLOW applies to all operations behind it, so it is sent only where it changes. */
const bitfieldArgs = (operations: ReadonlyArray<BitfieldOperation>): ReadonlyArray<Command.Arg> => {
  let current: BitfieldOverflow = "WRAP"
  return Args.objects(operations, operationShape, (given) => {
    const operation = operationOf(given)
    if (isGet(operation)) return getArgs(operation)
    if (!isSet(operation) && operation.incrby === undefined) return Args.refuse("an operation has get, set or incrby")
    const overflow = operation.overflow ?? "WRAP"
    const change = overflow === current ? [] : ["OVERFLOW", overflow]
    current = overflow
    const offset = offsetArg(operation.offset)
    return isSet(operation)
      ? [...change, "SET", operation.set, offset, Args.integer(operation.value, "the value")]
      : [...change, "INCRBY", operation.incrby, offset, Args.integer(operation.increment, "the increment")]
  })
}

/**
 * Reads and writes integers of any width in a value, one operation after the other in one step. Replies a number for
 * each operation, `null` for one that would overflow under `FAIL`. A short value counts as padded with zeros.
 *
 * `overflow` applies only to its own operation, unlike on the wire, where it also applies to those behind it. Fails
 * with `ServerError` when a type or offset is not valid, and with code `WRONGTYPE` when the key holds something other
 * than a string. A number beyond 2^53 in the reply fails with `DecodeFailed`. Since Redis 3.2.0.
 *
 * **Example** (Two counters of a byte each)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const counts = Redis.bitfield("player:1:stats", [
 *   { incrby: "u8", offset: "#0", increment: 1, overflow: "SAT" },
 *   { get: "u8", offset: "#1" }
 * ]) // Command<ReadonlyArray<number | null>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/bitfield/
 * @category bitmaps
 * @since 0.1.0
 */
export const bitfield = (
  key: Command.Arg,
  operations: ReadonlyArray<BitfieldOperation>
): Command.Command<ReadonlyArray<number | null>> =>
  Args.command(
    BITFIELD,
    () => [key, ...bitfieldArgs(operations)],
    Reply.array(Reply.integerOrNull)
  )

/**
 * Reads integers of any width in a value: `bitfield` without writing, so that a replica can answer it.
 *
 * Fails with `ServerError` when a type or offset is not valid, and with code `WRONGTYPE` when the key holds something other
 * than a string. Since Redis 6.0.0.
 *
 * **Example** (Reading two counters)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const counts = Redis.bitfieldRo("player:1:stats", [{ get: "u8", offset: "#0" }, { get: "u8", offset: "#1" }])
 * // Command<ReadonlyArray<number>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/bitfield_ro/
 * @category bitmaps
 * @since 0.1.0
 */
export const bitfieldRo = (
  key: Command.Arg,
  operations: ReadonlyArray<BitfieldGet>
): Command.Command<ReadonlyArray<number>> =>
  Args.command(
    BITFIELD_RO,
    () => [key, ...Args.objects(operations, operationShape, getArgs)],
    Reply.array(Reply.integer)
  )

/**
 * Combines values bit by bit and stores the result at `destination`, replacing whatever was there. `AND`, `OR` and
 * `XOR` combine several values, `NOT` inverts one. Shorter values count as padded with zeros, missing ones as all
 * zeros. Replies the length of the result in bytes; when that is 0, `destination` is deleted.
 *
 * It is sent as one command: keys of different slots, `destination` included, are refused before sending. Fails with
 * `ServerError` when `NOT` has more than one key, and with code `WRONGTYPE` when one of the keys holds something other than
 * a string. Since Redis 2.6.0.
 *
 * **Example** (Who came on both days)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const length = Redis.bitop("AND", "{visits}:both", ["{visits}:mon", "{visits}:tue"]) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/bitop/
 * @category bitmaps
 * @since 0.1.0
 */
export const bitop = (
  operation: "AND" | "OR" | "XOR" | "NOT",
  destination: Command.Arg,
  keys: ReadonlyArray<Command.Arg>
): Command.Command<number> =>
  Args.command(BITOP, () => [operation, destination, ...Args.some(keys, "key")], Reply.integer)

/**
 * A part of a bitmap, as {@link BitRange}, but `end` may be left out: the search then goes on to the end.
 *
 * @category models
 * @since 0.1.0
 */
export type BitposRange = BitRange | {
  readonly start: number
  readonly end?: undefined
  readonly unit?: undefined
}

/**
 * The position of the first bit that is 0 or 1, counted from the beginning of the value and not of the range, or -1.
 *
 * A value counts as followed by endless zeros: without an `end`, the first 0 of a value of ones is right behind it.
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a string. Since Redis 2.8.7.
 *
 * **Example** (The first free seat)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const seat = Redis.bitpos("concert:1:taken", 0) // Command<number>
 * const balcony = Redis.bitpos("concert:1:taken", 0, { start: 200, end: 299, unit: "BIT" })
 * ```
 *
 * @see https://redis.io/docs/latest/commands/bitpos/
 * @category bitmaps
 * @since 0.1.0
 */
export const bitpos = (key: Command.Arg, bit: Bit, range?: BitposRange): Command.Command<number> =>
  range === undefined
    ? Args.command(BITPOS, () => [key, Args.integer(bit, "the bit")], Reply.integer)
    : Args.command(BITPOS, () => {
      const { end, start, unit } = bitposRange(range)
      if (end === undefined && unit !== undefined) return Args.refuse("a range with a unit has an end, too")
      const from = Args.integer(start, "the start")
      return [key, Args.integer(bit, "the bit"), ...(end === undefined ? [from] : rangeArgs({ start, end, unit }))]
    }, Reply.integer)

const bitposRange = Args.demanded<BitposRange>({ start: Args.any, end: Args.any, unit: Args.any })

/**
 * A bit of a value; behind its end, and of a missing key, it is 0.
 *
 * Fails with `ServerError` (code `WRONGTYPE`) when the key holds something other than a string. Since Redis 2.2.0.
 *
 * **Example** (Did user 42 come?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const came = Redis.getbit("visits:today", 42) // Command<0 | 1>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/getbit/
 * @category bitmaps
 * @since 0.1.0
 */
export const getbit = (key: Command.Arg, offset: number): Command.Command<Bit> =>
  Args.command(GETBIT, () => [key, Args.integer(offset, "the offset")], bit)

/**
 * Sets a bit of a value and replies what it was. A shorter value grows, padded with zeros.
 *
 * Fails with `ServerError` when the offset is negative or not below 2^32, and with code `WRONGTYPE` when the key holds
 * something other than a string. Since Redis 2.2.0.
 *
 * **Example** (User 42 came)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const before = Redis.setbit("visits:today", 42, 1) // Command<0 | 1>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/setbit/
 * @category bitmaps
 * @since 0.1.0
 */
export const setbit = (key: Command.Arg, offset: number, value: Bit): Command.Command<Bit> =>
  Args.command(SETBIT, () => [key, Args.integer(offset, "the offset"), Args.integer(value, "the bit")], bit)
