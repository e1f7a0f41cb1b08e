/**
 * Reading the arguments of a command, with the server's own words for those that are wrong.
 *
 * @since 0.1.0
 */
import type { Bin } from "./binary.ts"
import { CommandError } from "./handler.ts"
import type { LexBound, LexRange, ScoreRange } from "./sortedSet.ts"

export const notAnInteger = "ERR value is not an integer or out of range"
export const notAFloat = "ERR value is not a valid float"
export const wrongType = "WRONGTYPE Operation against a key holding the wrong kind of value"

/** To be thrown: `throw syntaxError()`. */
export const syntaxError = (): CommandError => new CommandError("ERR syntax error")

/** To be thrown where a command is given too few or too many arguments. */
export const wrongNumber = (name: string): CommandError =>
  new CommandError(`ERR wrong number of arguments for '${name.toLowerCase().replace(" ", "|")}' command`)

/** To be thrown where a subcommand is not known. */
export const unknownSubcommand = (container: string, sub: Bin): CommandError =>
  new CommandError(`ERR unknown subcommand '${sub.slice(0, 128)}'. Try ${container.toUpperCase()} HELP.`)

/** The argument as a keyword. */
export const word = (arg: Bin | undefined): string => arg === undefined ? "" : arg.toUpperCase()

const int64Min = -(BigInt(2) ** BigInt(63))
const int64Max = BigInt(2) ** BigInt(63) - BigInt(1)

/** Whether a number fits into a signed 64-bit integer. */
export const isInt64 = (value: bigint): boolean => value >= int64Min && value <= int64Max

/** The text as a 64-bit integer, or undefined: no blanks, no plus, no leading zeros. */
export const parseInt64 = (arg: Bin): bigint | undefined => {
  if (arg.length > 20 || !/^(?:0|-?[1-9]\d*)$/.test(arg)) return undefined
  const value = BigInt(arg)
  return isInt64(value) ? value : undefined
}

/** A 64-bit integer in full. */
export const int64 = (arg: Bin, problem: string = notAnInteger): bigint => {
  const value = parseInt64(arg)
  if (value === undefined) throw new CommandError(problem)
  return value
}

/** A 64-bit integer as a number. Beyond 2^53 it is no longer exact: {@link int64} is for what is stored. */
export const integer = (arg: Bin, problem: string = notAnInteger): number => Number(int64(arg, problem))

/** An integer from `min` up to `max`. */
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

/** The text as C's `strtod` reads it, or undefined. NaN is no number here. */
export const parseDouble = (arg: Bin): number | undefined => {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(arg)) return Number(arg)
  if (/^[+-]?inf(?:inity)?$/i.test(arg)) return arg[0] === "-" ? -Infinity : Infinity
  if (/^[+-]?0x[0-9a-f]+$/i.test(arg)) return arg[0] === "-" ? -Number(arg.slice(1)) : Number(arg.replace("+", ""))
  return undefined
}

/** A double. */
export const double = (arg: Bin, problem: string = notAFloat): number => {
  const value = parseDouble(arg)
  if (value === undefined) throw new CommandError(problem)
  return value
}

/** The timeout of BLPOP and its like, given in seconds, as milliseconds: Infinity for 0. */
export const blockSeconds = (arg: Bin): number => {
  const seconds = parseDouble(arg)
  if (seconds === undefined || !Number.isFinite(seconds)) {
    throw new CommandError("ERR timeout is not a float or out of range")
  }
  if (seconds < 0) throw new CommandError("ERR timeout is negative")
  if (seconds * 1000 > Number.MAX_SAFE_INTEGER) throw new CommandError("ERR timeout is out of range")
  return seconds === 0 ? Infinity : Math.ceil(seconds * 1000)
}

/** The BLOCK of XREAD and its like, given in milliseconds: Infinity for 0. */
export const blockMillis = (arg: Bin): number => {
  const millis = integer(arg, "ERR timeout is not an integer or out of range")
  if (millis < 0) throw new CommandError("ERR timeout is negative")
  return millis === 0 ? Infinity : millis
}

const scoreBound = (arg: Bin): readonly [number, boolean] => {
  const exclusive = arg[0] === "("
  return [double(exclusive ? arg.slice(1) : arg, "ERR min or max is not a float"), exclusive]
}

/** The bounds of ZRANGEBYSCORE: `1.5`, `(1.5`, `-inf`. */
export const scoreRange = (min: Bin, max: Bin): ScoreRange => {
  const [low, minExclusive] = scoreBound(min)
  const [high, maxExclusive] = scoreBound(max)
  return { min: low, minExclusive, max: high, maxExclusive }
}

const lexBound = (arg: Bin): LexBound => {
  if (arg === "-" || arg === "+") return arg
  if (arg[0] === "[" || arg[0] === "(") return { member: arg.slice(1), exclusive: arg[0] === "(" }
  throw new CommandError("ERR min or max not valid string range item")
}

/** The bounds of ZRANGEBYLEX: `[a`, `(a`, `-`, `+`. */
export const lexRange = (min: Bin, max: Bin): LexRange => ({ min: lexBound(min), max: lexBound(max) })

/** An index range of GETRANGE, LRANGE, ZRANGE as a start and an end (not included) within `length`. */
export const indexRange = (start: number, stop: number, length: number): { start: number; end: number } => {
  const from = Math.max(start < 0 ? start + length : start, 0)
  const to = Math.min((stop < 0 ? stop + length : stop) + 1, length)
  return to <= from ? { start: 0, end: 0 } : { start: from, end: to }
}

/** The COUNT and MATCH of the SCAN family, and what else stands there for the caller to read. */
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

/** The cursor of the SCAN family. */
export const cursor = (arg: Bin): number => {
  if (!/^\d{1,20}$/.test(arg)) throw new CommandError("ERR invalid cursor")
  return Number(arg)
}
