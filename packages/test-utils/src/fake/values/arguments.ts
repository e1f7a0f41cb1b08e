/**
 * Reads the arguments of commands, with the server's own errors for wrong ones.
 *
 * @since 0.1.0
 */
import { since } from "../facts/version.ts"
import type { Version } from "../facts/version.ts"
import type { Bin } from "./binary.ts"
import { CommandError } from "./commandError.ts"
import type { LexBound, LexRange, ScoreRange } from "./ranges.ts"

export const notAnInteger = "ERR value is not an integer or out of range"
export const notAFloat = "ERR value is not a valid float"
export const wrongType = "WRONGTYPE Operation against a key holding the wrong kind of value"

/** The error for invalid syntax, to be thrown: `throw syntaxError()`. */
export const syntaxError = (): CommandError => new CommandError("ERR syntax error")

/** The error for too few or too many arguments, to be thrown. */
export const wrongNumber = (name: string): CommandError =>
  new CommandError(`ERR wrong number of arguments for '${name.toLowerCase().replace(" ", "|")}' command`)

/** The error for an unknown subcommand, to be thrown. */
export const unknownSubcommand = (container: string, sub: Bin): CommandError =>
  new CommandError(`ERR unknown subcommand '${sub.slice(0, 128)}'. Try ${container.toUpperCase()} HELP.`)

/** The error for a subcommand, such as `XGROUP CREATE`, with too many or unknown arguments, to be thrown. */
export const subcommandSyntax = (name: string): CommandError => {
  const [container, sub] = name.split(" ")
  return new CommandError(`ERR unknown subcommand or wrong number of arguments for '${sub}'. Try ${container} HELP.`)
}

/** The argument as a keyword, in upper case. */
export const word = (arg: Bin | undefined): string => arg === undefined ? "" : arg.toUpperCase()

const int64Min = -(BigInt(2) ** BigInt(63))
const int64Max = BigInt(2) ** BigInt(63) - BigInt(1)

/** Whether a number fits into a signed 64-bit integer. */
export const isInt64 = (value: bigint): boolean => value >= int64Min && value <= int64Max

/** The text as a 64-bit integer: without blanks, plus or leading zeros. Otherwise undefined. */
export const parseInt64 = (arg: Bin): bigint | undefined => {
  if (arg.length > 20 || !/^(?:0|-?[1-9]\d*)$/.test(arg)) return undefined
  const value = BigInt(arg)
  return isInt64(value) ? value : undefined
}

/** A 64-bit integer, exactly. */
export const int64 = (arg: Bin, problem: string = notAnInteger): bigint => {
  const value = parseInt64(arg)
  if (value === undefined) throw new CommandError(problem)
  return value
}

/** A 64-bit integer as a number. It is not exact beyond 2^53, so use {@link int64} for stored values. */
export const integer = (arg: Bin, problem: string = notAnInteger): number => Number(int64(arg, problem))

/** A 32-bit integer. If `problem` is given, it is the error for any other argument. */
export const int32 = (arg: Bin, problem?: string): number => {
  const value = integer(arg, problem)
  if (value >= -0x80000000 && value <= 0x7fffffff) return value
  throw new CommandError(problem ?? "ERR value is out of range, value must between -2147483648 and 2147483647")
}

/** An integer from `min` to `max`. */
export const integerBetween = (
  arg: Bin,
  min: number,
  max: number,
  problem: string = "ERR value is out of range"
): number => {
  const value = integer(arg)
  if (value < min || value > max) throw new CommandError(problem)
  return value
}

/** An integer of at least 0. */
export const nonNegative = (arg: Bin, problem: string = "ERR value is out of range, must be positive"): number => {
  const value = integer(arg, notAnInteger)
  if (value < 0) throw new CommandError(problem)
  return value
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const hexadecimal = /^([+-]?)0x([0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p([+-]?\d+))?$/i

/** The text as C's `strtod` reads it. Undefined if it is invalid, NaN, too large or too small. */
export const parseDouble = (arg: Bin): number | undefined => {
  if (decimal.test(arg)) {
    const value = Number(arg)
    const vanished = value === 0 && /^[^eE]*[1-9]/.test(arg)
    return Number.isFinite(value) && !vanished ? value : undefined
  }
  if (/^[+-]?inf(?:inity)?$/i.test(arg)) return arg[0] === "-" ? -Infinity : Infinity
  const hex = hexadecimal.exec(arg)
  if (hex === null) return undefined
  const [, sign, digits, power = "0"] = hex
  const [whole, fraction = ""] = digits.split(".")
  const value = Number.parseInt(`0${whole}${fraction}`, 16) * 2 ** (Number(power) - fraction.length * 4)
  return sign === "-" ? -value : value
}

/** A double. */
export const double = (arg: Bin, problem: string = notAFloat): number => {
  const value = parseDouble(arg)
  if (value === undefined) throw new CommandError(problem)
  return value
}

/** The timeout of BLPOP and the like, which is given in seconds, in milliseconds: Infinity for 0. */
export const blockSeconds = (arg: Bin, version: Version): number => {
  const seconds = parseDouble(arg)
  if (seconds === undefined) throw new CommandError("ERR timeout is not a float or out of range")
  const millis = Math.ceil(seconds * 1000)
  // Before 7.2 a value beyond 64 bits overflowed and counted as negative.
  const tooLong = millis >= 2 ** 63
  if (tooLong && since(version, 7.2)) throw new CommandError("ERR timeout is out of range")
  if (millis < 0 || tooLong) throw new CommandError("ERR timeout is negative")
  return millis === 0 ? Infinity : millis
}

/** The BLOCK of XREAD and the like, in milliseconds: Infinity for 0. */
export const blockMillis = (arg: Bin, now: number, version: Version): number => {
  const millis = integer(arg, "ERR timeout is not an integer or out of range")
  if (millis < 0) throw new CommandError("ERR timeout is negative")
  if (since(version, 7.2) && millis + now >= 2 ** 63) throw new CommandError("ERR timeout is out of range")
  return millis === 0 ? Infinity : millis
}

/**
 * A number, read with fewer checks than others: empty text is 0, and too large values are infinite. Leading blanks and
 * hexadecimal digits were accepted until 8.0. Undefined if it is not a number.
 */
export const laxDouble = (arg: Bin, version: Version): number | undefined => {
  if (!since(version, 8)) {
    const text = arg.replace(/^[ \t-\r]+/, "")
    return text === "" ? 0 : parseDouble(text)
  }
  if (arg === "") return 0
  if (decimal.test(arg)) return Number(arg)
  return hexadecimal.test(arg) ? undefined : parseDouble(arg)
}

const scoreBound = (arg: Bin, version: Version): readonly [number, boolean] => {
  const exclusive = arg[0] === "("
  const value = laxDouble(exclusive ? arg.slice(1) : arg, version)
  if (value === undefined) throw new CommandError("ERR min or max is not a float")
  return [value, exclusive]
}

/** The bounds of ZRANGEBYSCORE: `1.5`, `(1.5`, `-inf`. */
export const scoreRange = (min: Bin, max: Bin, version: Version): ScoreRange => {
  const [low, minExclusive] = scoreBound(min, version)
  const [high, maxExclusive] = scoreBound(max, version)
  return { min: low, minExclusive, max: high, maxExclusive }
}

const lexBound = (arg: Bin): LexBound => {
  if (arg === "-" || arg === "+") return arg
  if (arg[0] === "[" || arg[0] === "(") return { member: arg.slice(1), exclusive: arg[0] === "(" }
  throw new CommandError("ERR min or max not valid string range item")
}

/** The bounds of ZRANGEBYLEX: `[a`, `(a`, `-`, `+`. */
export const lexRange = (min: Bin, max: Bin): LexRange => ({ min: lexBound(min), max: lexBound(max) })

/** Converts an index range of GETRANGE, LRANGE, ZRANGE to a start and an end (not included) within `length`. */
export const indexRange = (start: number, stop: number, length: number): { start: number; end: number } => {
  const from = Math.max(start < 0 ? start + length : start, 0)
  const to = Math.min((stop < 0 ? stop + length : stop) + 1, length)
  return to <= from ? { start: 0, end: 0 } : { start: from, end: to }
}

/** The COUNT and MATCH of the SCAN family. Other options are for the caller to read. */
export const scanOptions = (
  args: ReadonlyArray<Bin>,
  from: number,
  allowType: boolean
): { readonly count: number; readonly match: Bin | undefined; readonly type: string | undefined } => {
  let count = 10
  let match: Bin | undefined
  let type: string | undefined
  for (let i = from; i < args.length; i += 2) {
    const option = word(args[i])
    if (i + 1 >= args.length) throw syntaxError()
    if (option === "COUNT") {
      count = integer(args[i + 1])
      if (count < 1) throw syntaxError()
    } else if (option === "MATCH") {
      match = args[i + 1]
    } else if (option === "TYPE" && allowType) {
      type = args[i + 1].toLowerCase()
    } else {
      throw syntaxError()
    }
  }
  return { count, match, type }
}

/** The cursor of the SCAN family, as `strtoul` reads it: empty text was 0 until 7.2, and negative numbers are large ones. */
export const cursor = (arg: Bin, version: Version): number => {
  if (arg === "" && since(version, 7.2)) throw new CommandError("ERR invalid cursor")
  const value = /^[+-]?\d{1,40}$/.test(arg) ? BigInt(arg.replace("+", "")) : arg === "" ? BigInt(0) : undefined
  if (value === undefined || BigInt.asUintN(64, value < 0 ? -value : value) !== (value < 0 ? -value : value)) {
    throw new CommandError("ERR invalid cursor")
  }
  return Number(BigInt.asUintN(64, value))
}
