/**
 * Encoders: from what a caller gives to the arguments that are sent. An encoder throws {@link Invalid} and nothing else,
 * and {@link command} turns that into a command with a `problem`. Only what Redis would misread without a word is
 * refused here; what it refuses itself, it explains better.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Command from "../Command.ts"
import type * as CommandSpec from "../CommandSpec.ts"
import type { Decode } from "./reply.ts"

/** An argument that must not be sent. `problem` says what to give instead. */
export class Invalid {
  readonly problem: string
  constructor(problem: string) {
    this.problem = problem
  }
}

export type Args = ReadonlyArray<Command.Arg>

/** Refuses the arguments; for checks that belong to one command only. */
export const refuse = (problem: string): never => {
  throw new Invalid(problem)
}

/** A command whose arguments are encoded by functions that may refuse them. */
export const command = <A>(
  spec: CommandSpec.CommandSpec,
  args: () => Args,
  decode: Decode<A>
): Command.Command<A> => {
  try {
    return Command.make(spec, args(), decode)
  } catch (error) {
    if (error instanceof Invalid) return Command.invalid(spec, error.problem)
    throw error
  }
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
  return Number.isNaN(value) ? refuse(`${what} has to be a number, not NaN`) : `${value}`
}

/** A list with at least one item. `what` is the name of one: "key". */
export const some = <A>(items: ReadonlyArray<A>, what: string): ReadonlyArray<A> =>
  items.length > 0 ? items : refuse(`give at least one ${what}`)

/** A list with at least one item, behind its length: `numkeys key [key ...]`. To be spread. */
export const counted = (items: Args, what: string): Args => [`${items.length}`, ...some(items, what)]

/** The word when it is asked for, else nothing. To be spread. */
export const flag = (on: boolean | undefined, word: string): Args => on === true ? [word] : []

/** The argument when there is one, else nothing. To be spread. */
export const optional = (arg: Command.Arg | undefined): Args => arg === undefined ? [] : [arg]

/** The word and its value when there is one, else nothing. To be spread. */
export const option = <A>(word: string, value: A | undefined, encode: (value: A) => Command.Arg): Args =>
  value === undefined ? [] : [word, encode(value)]

const positiveMillis = (duration: Duration.Input, instead: string): number => {
  const millis = Duration.toMillis(duration)
  return millis > 0 && Number.isFinite(millis) ? millis : refuse(`a time to live is positive and finite; ${instead}`)
}

/** What to do instead of giving no time, or endless time, to a key. */
const useDel = "to remove the key at once use del, to keep it for ever use persist or set no time"

/** A time to live in whole seconds, rounded up. */
export const seconds = (duration: Duration.Input, instead = useDel): string =>
  `${Math.ceil(Math.ceil(positiveMillis(duration, instead)) / 1000)}`

/** A time to live in whole milliseconds, rounded up. */
export const millis = (duration: Duration.Input, instead = useDel): string =>
  `${Math.ceil(positiveMillis(duration, instead))}`

/** A time to live as `EX seconds` when those are whole, else `PX milliseconds`, rounded up. To be spread. */
export const expiry = (duration: Duration.Input, instead = useDel): Args => {
  const whole = Math.ceil(positiveMillis(duration, instead))
  return whole % 1000 === 0 ? ["EX", `${whole / 1000}`] : ["PX", `${whole}`]
}

/** How long a blocking command waits. Redis' 0 means for ever, which has to be said as "Infinity" here. */
const waitMillis = (duration: Duration.Input): number => {
  const millis = Duration.toMillis(duration)
  if (millis === Infinity) return 0
  return millis > 0 ? Math.ceil(millis) : refuse(`the timeout has to be positive; "Infinity" waits for ever`)
}

/** How long a blocking command waits, in seconds. */
export const timeout = (duration: Duration.Input): string => `${waitMillis(duration) / 1000}`

/** How long a command on streams waits, in milliseconds. */
export const timeoutMillis = (duration: Duration.Input): string => `${waitMillis(duration)}`

const epoch = (at: DateTime.DateTime | Date): number => {
  const millis = at instanceof Date ? at.getTime() : DateTime.toEpochMillis(at)
  return Number.isFinite(millis) ? millis : refuse("the point in time is an invalid date")
}

/** A point in time in Unix seconds, rounded up. */
export const epochSeconds = (at: DateTime.DateTime | Date): string => `${Math.ceil(epoch(at) / 1000)}`

/** A point in time in Unix milliseconds. */
export const epochMillis = (at: DateTime.DateTime | Date): string => `${Math.ceil(epoch(at))}`

/** Whether a command that frees memory does it before its reply or after it. */
export const flush = ({ mode }: { readonly mode?: "ASYNC" | "SYNC" | undefined }): Args =>
  mode === undefined ? [] : [mode]

/** The options that HSCAN, SSCAN and ZSCAN have in common. To be spread. */
export const scan = (
  options: { readonly match?: Command.Arg | undefined; readonly count?: number | undefined }
): Args => [
  ...option("MATCH", options.match, (pattern) => pattern),
  ...option("COUNT", options.count, (count) => atLeast(1, count, "the count"))
]

/** A point in time as `EXAT seconds` when those are whole, else `PXAT milliseconds`. To be spread. */
export const expiryAt = (at: DateTime.DateTime | Date): Args => {
  const whole = Math.ceil(epoch(at))
  return whole % 1000 === 0 ? ["EXAT", `${whole / 1000}`] : ["PXAT", `${whole}`]
}

/** The options `ex` and `exat`, at most one of which is given. To be spread. */
export const expiryOption = (
  options: { readonly ex?: Duration.Input | undefined; readonly exat?: DateTime.DateTime | Date | undefined },
  instead = useDel
): Args => {
  if (options.ex !== undefined) return expiry(options.ex, instead)
  return options.exat === undefined ? [] : expiryAt(options.exat)
}

/** Names with their values: a record, or pairs where a name is bytes. */
export type Entries = Readonly<Record<string, Command.Arg>> | ReadonlyArray<readonly [Command.Arg, Command.Arg]>

const isPairs = (entries: Entries): entries is ReadonlyArray<readonly [Command.Arg, Command.Arg]> =>
  Array.isArray(entries)

/** At least one name with its value, one behind the other. `what` is the name of one: "field". To be spread. */
export const entries = (entries: Entries, what: string): Args =>
  some(isPairs(entries) ? entries : Object.entries(entries), what).flat()
