/**
 * The IDs of stream entries: two unsigned 64-bit numbers in one bigint, so that they can be compared and counted directly.
 *
 * @since 0.1.0
 */
import { parseInt64 } from "../values/arguments.ts"
import type { Bin } from "../values/binary.ts"
import { CommandError } from "../values/commandError.ts"

/** Milliseconds in the upper 64 bits, the sequence number in the lower ones. */
export type StreamId = bigint

const bits = 64n
const mask = (1n << bits) - 1n

export const zero: StreamId = 0n
export const max: StreamId = (1n << 128n) - 1n

export const make = (millis: bigint, sequence: bigint): StreamId => (millis << bits) | sequence

export const millis = (id: StreamId): bigint => id >> bits

export const sequence = (id: StreamId): bigint => id & mask

/** `1526919030474-55` */
export const print = (id: StreamId): Bin => `${millis(id)}-${sequence(id)}`

const invalid = "ERR Invalid stream ID specified as stream command argument"
const longest = 127

/** Reads digits like the server, which falls back to `strtoull`: that skips blanks and accepts signs. */
const unsigned = (text: Bin): bigint | undefined => {
  const exact = parseInt64(text)
  if (exact !== undefined) return exact < 0n ? undefined : exact
  const [, sign, digits] = /^[ \t\n\v\f\r]*([+-]?)(\d+)$/.exec(text) ?? []
  if (digits === undefined) return undefined
  const value = BigInt(digits)
  if (value > mask) return undefined
  return sign === "-" ? BigInt.asUintN(64, -value) : value
}

/** An ID, or a millisecond whose sequence number the stream chooses: `5-*`. */
export interface Parsed {
  readonly id: StreamId
  readonly open: boolean
}

interface ParseOptions {
  /** The sequence number to use if none is given. */
  readonly missing?: bigint | undefined
  /** Whether to accept `-` and `+`. */
  readonly special?: boolean | undefined
  /** Whether to accept `5-*`. */
  readonly open?: boolean | undefined
}

/** Reads an ID; undefined if the text is not an ID. */
export const tryParse = (text: Bin, options: ParseOptions = {}): Parsed | undefined => {
  if (text.length > longest) return undefined
  if (options.special === true && text === "-") return { id: zero, open: false }
  if (options.special === true && text === "+") return { id: max, open: false }
  const dash = text.indexOf("-")
  const first = unsigned(dash < 0 ? text : text.slice(0, dash))
  if (first === undefined) return undefined
  if (dash < 0) return { id: make(first, options.missing ?? 0n), open: false }
  const rest = text.slice(dash + 1)
  if (options.open === true && rest === "*") return { id: make(first, 0n), open: true }
  const second = unsigned(rest)
  return second === undefined ? undefined : { id: make(first, second), open: false }
}

const orThrow = (parsed: Parsed | undefined): Parsed => {
  if (parsed === undefined) throw new CommandError(invalid)
  return parsed
}

/** Reads an ID with both numbers, or with only the first; the second is 0 then. */
export const parse = (text: Bin): StreamId => orThrow(tryParse(text)).id

/** The same, but also accepts `-` and `+`. */
export const parseLoose = (text: Bin): StreamId => orThrow(tryParse(text, { special: true })).id

/** Reads the ID of XADD, which may also be `5-*`. */
export const parseNew = (text: Bin): Parsed => orThrow(tryParse(text, { open: true }))

/** The lower bound of an interval, as the first ID within: `-`, `5`, `5-1`, `(5-1`. */
export const parseStart = (text: Bin): StreamId => {
  if (text.length < 2 || text[0] !== "(") return parseLoose(text)
  const id = parse(text.slice(1))
  if (id === max) throw new CommandError("ERR invalid start ID for the interval")
  return id + 1n
}

/** The upper bound of an interval, as the last ID within: `+`, `5` (with all of that millisecond), `(5-1`. */
export const parseEnd = (text: Bin): StreamId => {
  if (text.length < 2 || text[0] !== "(") return orThrow(tryParse(text, { special: true, missing: mask })).id
  const { id } = orThrow(tryParse(text.slice(1), { missing: mask }))
  if (id === zero) throw new CommandError("ERR invalid end ID for the interval")
  return id - 1n
}
