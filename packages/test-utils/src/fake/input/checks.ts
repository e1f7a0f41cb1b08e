/**
 * Checks of the arguments of the controls, which run before anything is done: a test may not be type-checked.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { FakeClusterError } from "./fakeClusterError.ts"

/** Throws a `FakeClusterError`. */
export const fail = (problem: string): never => {
  throw new FakeClusterError({ problem })
}

/** A wrong argument as it is shown in messages. */
export const shown = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}...` : value)
  if (typeof value === "function") return "a function"
  if (Array.isArray(value)) return "an array"
  return typeof value === "object" && value !== null ? "an object" : String(value)
}

/** A whole number of at least `least`, and of at most `most`: for what is made at once, and would fill the memory. */
export const whole = (name: string, value: unknown, least: number, most = Infinity): number => {
  if (Number.isInteger(value) && value as number >= least && value as number <= most) return value as number
  const limits = most === Infinity ? `at least ${least}` : `${least} to ${most}`
  return fail(`${name} is ${shown(value)}: give a whole number of ${limits}`)
}

/** Checks a number of times: a whole number, or Infinity. */
export const times = (value: unknown): number =>
  value === Infinity || (Number.isInteger(value) && value as number > 0)
    ? value as number
    : fail(`times is ${shown(value)}: give a whole number of at least 1, or Infinity`)

const units: ReadonlySet<string> = new Set([
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
  "microseconds",
  "nanoseconds"
])

/** Whether a value is a duration. Effect would read an object without any of these fields, or NaN, as zero. */
const isInput = (value: unknown): value is Duration.Input => {
  if (typeof value === "number") return !Number.isNaN(value)
  if (typeof value !== "object" || value === null) return typeof value === "bigint" || typeof value === "string"
  if (Duration.isDuration(value)) return true
  const keys = Object.keys(value)
  return Array.isArray(value) ? value.length === 2 : keys.length > 0 && keys.every((key) => units.has(key))
}

/** Checks a duration, and returns it in milliseconds: not negative, possibly infinite. */
export const millis = (name: string, value: Duration.Input): number => {
  const read = isInput(value)
    ? Option.match(Duration.fromInput(value), { onNone: () => NaN, onSome: Duration.toMillis })
    : NaN
  return read >= 0 ? read : fail(`${name} is ${shown(value)}: give a duration, such as "200 millis"`)
}

/** Checks an object of settings, and that all of them are known. */
export const record = (name: string, value: unknown, known?: ReadonlyArray<string>): void => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    fail(`${name} is ${shown(value)}: give an object${known === undefined ? "" : ` with ${known.join(", ")}`}`)
  }
  const stranger = known === undefined ? undefined : Object.keys(value as object).find((key) => !known.includes(key))
  if (stranger !== undefined) fail(`${name} has no ${shown(stranger)}: there is ${known!.join(", ")}`)
}

/** Checks that a value is one of several words. */
export const oneOf = <A extends string>(name: string, value: A, words: ReadonlyArray<A>): A =>
  words.includes(value)
    ? value
    : fail(`${name} is ${shown(value)}: give ${words.map((word) => JSON.stringify(word)).join(" or ")}`)

/** Checks text, bytes, or a number, which becomes text. */
export const word = (name: string, value: unknown): string | Uint8Array => {
  if (typeof value === "string" || value instanceof Uint8Array) return value
  if (typeof value === "bigint" || Number.isFinite(value)) return String(value)
  return fail(`${name} is ${shown(value)}: give text, bytes or a finite number`)
}

/** Checks an array. */
export const list = <A>(name: string, value: ReadonlyArray<A>): ReadonlyArray<A> =>
  Array.isArray(value) ? value : fail(`${name} is ${shown(value)}: give an array`)
