/**
 * Encoders: from the values that a caller gives to the arguments that are sent. An encoder throws {@link Invalid}, and
 * {@link command} turns that into a command with a `problem`, as it does any other exception that wrong types may cause.
 * Encoders refuse only values that Redis would silently misread; values that Redis refuses itself, it explains better.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Command from "../../Command.ts"
import type * as CommandSpec from "../../CommandSpec.ts"
import { flag as isFlag, isPlain, kindOf, optionsProblem } from "../values/settings.ts"
import type { Check } from "../values/settings.ts"
import type { Decode } from "./reply.ts"

/** An argument that must not be sent. `problem` says what to give instead. */
export class Invalid {
  readonly problem: string
  constructor(problem: string) {
    this.problem = problem
  }
}

export type Args = ReadonlyArray<Command.Arg>

/** Refuses the arguments. */
export const refuse = (problem: string): never => {
  throw new Invalid(problem)
}

/** Runs `build`, and turns an exception into a command with a problem: typed functions never throw. */
export const building = <A>(spec: CommandSpec.CommandSpec, build: () => Command.Command<A>): Command.Command<A> => {
  try {
    return build()
  } catch (error) {
    const problem = error instanceof Invalid ? error.problem : "an argument is missing, or not what its type says"
    return Command.invalid(spec, problem)
  }
}

/** Makes a command from encoders, which may refuse their values. */
export const command = <A>(
  spec: CommandSpec.CommandSpec,
  args: () => Args,
  decode: Decode<A>
): Command.Command<A> => building(spec, () => Command.make(spec, args(), decode))

type Names<Options> = Options extends unknown ? keyof Options & string : never

/** A check for each option. */
export type Checks<Options> = { readonly [Name in Names<Options>]-?: Check }

/** Accepts any value: for options whose encoder does the checking. */
export const any: Check = () => undefined

/** The check of an option that adds a word when it is true. */
export const isAsked: Check = isFlag

/** Options that exclude each other: each answers the same question, so at most one may be given. */
type Rivals<Options> = ReadonlyArray<Names<Options>>

/** An option's check, and a bit for each group of rivals that it belongs to. */
interface Known {
  readonly check: Check
  readonly questions: number
}

const none = {}

/**
 * Makes the function that checks a command's options and returns them (an empty object if there are none). It refuses unknown
 * options, naming the nearest known one; anything but an object; and rivals, of which one would silently win.
 */
export const options = <Options>(checks: Checks<Options>, ...rivals: ReadonlyArray<Rivals<Options>>) => {
  const known: Record<string, Known | undefined> = Object.create(null)
  for (const [name, check] of Object.entries<Check>(checks)) {
    const questions = rivals.reduce((bits, group, bit) => group.includes(name as never) ? bits | 1 << bit : bits, 0)
    known[name] = { check, questions }
  }
  return (given: Options | undefined): Options => {
    if (given === undefined) return none as Options
    if (isPlain(given) && areRight(given, known)) return given
    const problem = optionsProblem(given, checks as Readonly<Record<string, Check>>) ?? rivalsProblem(given, rivals)
    return problem === undefined ? given : refuse(problem)
  }
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== false

/** Checks options without allocating anything. If this fails, `optionsProblem` finds out what is wrong. */
const areRight = (
  given: Readonly<Record<string, unknown>>,
  known: Readonly<Record<string, Known | undefined>>
): boolean => {
  let answered = 0
  for (const name in given) {
    const option = known[name]
    if (option === undefined) return false
    const value = given[name]
    if (value === undefined) continue
    if (option.check(name, value) !== undefined) return false
    if (option.questions === 0 || !isGiven(value)) continue
    if ((answered & option.questions) !== 0) return false
    answered |= option.questions
  }
  return true
}

const rivalsProblem = <Options>(given: Options, rivals: ReadonlyArray<Rivals<Options>>): string | undefined => {
  for (const group of rivals) {
    const [one, other] = group.filter((name) => isGiven((given as Readonly<Record<string, unknown>>)[name]))
    if (other !== undefined) return `give ${one} or ${other}, not both`
  }
  return undefined
}

/** Like `options`, for commands whose options object is required. */
export const demanded = <Options>(checks: Checks<Options>, ...rivals: ReadonlyArray<Rivals<Options>>) => {
  const checked = options(checks, ...rivals)
  const names = Object.keys(checks).join(", ")
  return (given: Options): Options =>
    isPlain(given) ? checked(given) : refuse(`give its options (${names}) as an object, not ${kindOf(given)}`)
}

/** A whole number. `what` is its name in the problem: "the increment". */
export const integer = (value: number, what: string): string =>
  Number.isSafeInteger(value) ? `${value}` : refuse(`${what} has to be a whole number within 2^53`)

/** A whole number from `least` on. */
export const atLeast = (least: number, value: number, what: string): string =>
  Number.isSafeInteger(value) && value >= least
    ? `${value}`
    : refuse(`${what} has to be a whole number of at least ${least}`)

/** A finite number. */
export const finite = (value: number, what: string): string =>
  Number.isFinite(value) ? `${value}` : refuse(`${what} has to be a finite number`)

/** A number or an infinity, as scores are. */
export const double = (value: number, what: string): string => {
  if (value === Infinity) return "inf"
  if (value === -Infinity) return "-inf"
  return typeof value === "number" && !Number.isNaN(value)
    ? `${value}`
    : refuse(`${what} has to be a number, not ${kindOf(value)}`)
}

/** A list, which may be empty. Refuses text, which would be spread letter by letter. `what` names one item: "key". */
export const list = <A>(items: ReadonlyArray<A>, what: string): ReadonlyArray<A> =>
  Array.isArray(items) ? items : refuse(`give an array, of one ${what} or more, not ${kindOf(items)}`)

/** A list with at least one item. */
export const some = <A>(items: ReadonlyArray<A>, what: string): ReadonlyArray<A> =>
  list(items, what).length > 0 ? items : refuse(`give at least one ${what}`)

/** A list with at least one item, preceded by its length: `numkeys key [key ...]`. To be spread. */
export const counted = (items: Args, what: string): Args => [`${some(items, what).length}`, ...items]

/** A list with at least one object, each encoded into arguments. `shape` shows how one is written. To be spread. */
export const objects = <A>(
  items: ReadonlyArray<A>,
  { shape, what }: { readonly shape: string; readonly what: string },
  encode: (item: A) => Args
): Args => {
  const right = (): string => `give an array of ${what}s, each as ${shape}`
  if (!Array.isArray(items)) return refuse(`${right()}, not ${kindOf(items)}`)
  const args: Array<Command.Arg> = []
  for (const item of some<A>(items, what)) {
    if (typeof item !== "object" || item === null) return refuse(`${right()}, not as ${kindOf(item)}`)
    args.push(...encode(item))
  }
  return args
}

/** The word if `on` is true, else nothing. To be spread. */
export const flag = (on: boolean | undefined, word: string): Args => on === true ? [word] : []

const countOptions = demanded<{ readonly count: number }>({ count: any })

/** The count, for commands whose only option it is. */
export const count = (options: { readonly count: number }): string => integer(countOptions(options).count, "the count")

const limitOptions = options<{ readonly limit?: number | undefined }>({ limit: any })

/** `LIMIT limit`, for commands whose only option it is. To be spread. */
export const limit = (given: { readonly limit?: number | undefined } | undefined): Args =>
  option("LIMIT", limitOptions(given).limit, (limit) => integer(limit, "the limit"))

/** The argument if it is defined, else nothing. To be spread. */
export const optional = (arg: Command.Arg | undefined): Args => arg === undefined ? [] : [arg]

/** The word and the encoded value if the value is defined, else nothing. To be spread. */
export const option = <A>(word: string, value: A | undefined, encode: (value: A) => Command.Arg): Args =>
  value === undefined ? [] : [word, encode(value)]

/**
 * A duration with a unit, where Redis counts in seconds. Bare numbers are not allowed: Effect would read them as milliseconds,
 * while readers who know Redis expect seconds.
 *
 * @category models
 * @since 0.1.0
 */
export type Span = Exclude<Duration.Input, number | bigint>

const millisOf = (duration: Duration.Input, what: string): number => {
  try {
    return Duration.toMillis(duration)
  } catch {
    return refuse(`${what} has to be a duration, such as "60 seconds", not ${kindOf(duration)}`)
  }
}

/** A span in milliseconds. Refuses bare numbers. */
const spanMillis = (span: Span, what: string): number =>
  typeof span === "number" || typeof span === "bigint"
    ? refuse(`${what} has to say its unit, as in "${span} seconds": a bare number would be milliseconds`)
    : millisOf(span, what)

const positive = (millis: number, instead: string): number =>
  millis > 0 && Number.isFinite(millis) ? millis : refuse(`a time to live is positive and finite; ${instead}`)

/** Advice for a time to live that is zero, negative or infinite. */
const useDel = "to remove the key at once use del, to keep it for ever use persist or set no time"

const ttl = "the time to live"

/** A time to live in whole seconds, rounded up. */
export const seconds = (span: Span, instead = useDel): string =>
  `${Math.ceil(Math.ceil(positive(spanMillis(span, ttl), instead)) / 1000)}`

/** A time to live in whole milliseconds, rounded up. */
export const millis = (duration: Duration.Input, instead = useDel): string =>
  `${Math.ceil(positive(millisOf(duration, ttl), instead))}`

/** The time to live of the option `ex` in whole milliseconds, rounded up. */
export const ex = (span: Span, instead = useDel): number => Math.ceil(positive(spanMillis(span, "ex"), instead))

/** A time to live: `EX seconds` for whole seconds, else `PX milliseconds`. To be spread. */
export const expiry = (span: Span, instead = useDel): Args => {
  const whole = ex(span, instead)
  return whole % 1000 === 0 ? ["EX", `${whole / 1000}`] : ["PX", `${whole}`]
}

/** The timeout of a blocking command. Callers write "Infinity" for Redis' 0, which waits for ever. */
const waitMillis = (millis: number): number => {
  if (millis === Infinity) return 0
  return millis > 0 ? Math.ceil(millis) : refuse(`the timeout has to be positive; "Infinity" waits for ever`)
}

/** The timeout of a blocking command in seconds. */
export const timeout = (span: Span): string => `${waitMillis(spanMillis(span, "the timeout")) / 1000}`

/** The timeout of a blocking command on streams in milliseconds. */
export const timeoutMillis = (duration: Duration.Input): string => `${waitMillis(millisOf(duration, "the timeout"))}`

/** A duration of zero or more in whole milliseconds, rounded up. */
export const idleMillis = (duration: Duration.Input): string => {
  const millis = Math.ceil(millisOf(duration, "an idle time"))
  return millis >= 0 && Number.isFinite(millis) ? `${millis}` : refuse("an idle time is finite and not negative")
}

/** A duration of zero or more in whole seconds, rounded down. */
export const idleSeconds = (span: Span, what: string): string =>
  atLeast(0, Math.floor(spanMillis(span, what) / 1000), `${what} in seconds`)

const epoch = (at: DateTime.DateTime | Date): number => {
  if (!(at instanceof Date) && !DateTime.isDateTime(at)) {
    return refuse(`the point in time has to be a Date or a DateTime, not ${kindOf(at)}`)
  }
  const millis = at instanceof Date ? at.getTime() : DateTime.toEpochMillis(at)
  return Number.isFinite(millis) ? millis : refuse("the point in time is an invalid date")
}

/** A point in time in Unix seconds, rounded up. */
export const epochSeconds = (at: DateTime.DateTime | Date): string => `${Math.ceil(epoch(at) / 1000)}`

/** A point in time in Unix milliseconds. */
export const epochMillis = (at: DateTime.DateTime | Date): string => `${Math.ceil(epoch(at))}`

/** When a command frees memory: before its reply (`SYNC`) or after it (`ASYNC`). */
export interface FlushOptions {
  readonly mode?: "ASYNC" | "SYNC" | undefined
}

const flushOptions = options<FlushOptions>({ mode: any })

/** `ASYNC` or `SYNC` if given. To be spread. */
export const flush = (given: FlushOptions | undefined): Args => {
  const { mode } = flushOptions(given)
  return mode === undefined ? [] : [mode]
}

/** The options that HSCAN, SSCAN and ZSCAN have in common. */
export interface ScanOptions {
  readonly match?: Command.Arg | undefined
  readonly count?: number | undefined
}

export const scanOptions = options<ScanOptions>({ match: any, count: any })

/** `MATCH pattern` and `COUNT count` if given. To be spread. */
export const scan = (options: ScanOptions): Args => [
  ...option("MATCH", options.match, (pattern) => pattern),
  ...option("COUNT", options.count, (count) => atLeast(1, count, "the count"))
]

/** A point in time: `EXAT seconds` for whole seconds, else `PXAT milliseconds`. To be spread. */
export const expiryAt = (at: DateTime.DateTime | Date): Args => {
  const whole = Math.ceil(epoch(at))
  return whole % 1000 === 0 ? ["EXAT", `${whole / 1000}`] : ["PXAT", `${whole}`]
}

/** The options `ex` and `exat`, which are rivals. To be spread. */
export const expiryOption = (
  options: { readonly ex?: Span | undefined; readonly exat?: DateTime.DateTime | Date | undefined },
  instead = useDel
): Args => {
  if (options.ex !== undefined) return expiry(options.ex, instead)
  return options.exat === undefined ? [] : expiryAt(options.exat)
}

/** Names with their values: a record, or pairs where a name is bytes. */
export type Entries = Readonly<Record<string, Command.Arg>> | ReadonlyArray<readonly [Command.Arg, Command.Arg]>

const pairsOf = (entries: Entries): ReadonlyArray<readonly [string | Command.Arg, Command.Arg]> | undefined => {
  if (isPlain(entries)) return Object.entries(entries as Readonly<Record<string, Command.Arg>>)
  return Array.isArray(entries) ? entries : undefined
}

/** Names and values in turn, of at least one entry. `what` names one entry: "field". To be spread. */
export const entries = (entries: Entries, what: string): Args => {
  const right = `give a record, as { name: "value" }, or an array of pairs, as [["name", "value"]]`
  const args: Array<Command.Arg> = []
  for (const pair of some(pairsOf(entries) ?? refuse(`${right}, not ${kindOf(entries)}`), what)) {
    if (!Array.isArray(pair) || pair.length !== 2) return refuse(`${right}: one of these is no pair`)
    args.push(pair[0], pair[1])
  }
  return args
}
