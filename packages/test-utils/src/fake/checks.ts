/**
 * What the controls are given is looked at before anything is done: a test may have no types.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { FakeClusterError } from "./fakeClusterError.ts"

/** Refuses what makes no sense. */
export const fail = (problem: string): never => {
  throw new FakeClusterError({ problem })
}

/** A wrong argument as a message shows it. */
export const shown = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}...` : value)
  if (typeof value === "function") return "a function"
  if (Array.isArray(value)) return "an array"
  return typeof value === "object" && value !== null ? "an object" : String(value)
}

/** A whole number of at least `least`. */
export const whole = (name: string, value: unknown, least: number): number =>
  Number.isInteger(value) && value as number >= least
    ? value as number
    : fail(`${name} is ${shown(value)}: give a whole number of at least ${least}`)

/** How often: a whole number, or Infinity. */
export const times = (value: unknown): number =>
  value === Infinity || (Number.isInteger(value) && value as number > 0)
    ? value as number
    : fail(`times is ${shown(value)}: give a whole number of at least 1, or Infinity`)

/** A time as milliseconds: not negative, perhaps infinite. */
export const millis = (name: string, value: Duration.Input): number => {
  const read = value === undefined || value === null ? NaN : Option.match(Duration.fromInput(value), {
    onNone: () => NaN,
    onSome: Duration.toMillis
  })
  return read >= 0 ? read : fail(`${name} is ${shown(value)}: give a duration, such as "200 millis"`)
}
