/**
 * Run-time checks of options, for callers without TypeScript. A check returns a problem (what is wrong, and what to give
 * instead) or `undefined`. A problem never shows the value, because a misplaced value may be a secret.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"

/** Checks the value of the option `name`. It is not called for options that were left out. */
export type Check = (name: string, value: unknown) => string | undefined

/**
 * The kind of a value that a caller gave, for problems: "text", "an array". NaN and the infinities are shown. Replies are
 * named by `describeReply`.
 */
export const kindOf = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      return value === "" ? "empty text" : "text"
    case "number":
      return Number.isFinite(value) ? "a number" : `${value}`
    case "undefined":
    case "boolean":
      return `${value}`
    case "object":
      break
    default:
      return `a ${typeof value}`
  }
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  if (Redacted.isRedacted(value)) return "a Redacted"
  if (Effect.isEffect(value)) return "an Effect"
  return ArrayBuffer.isView(value) ? "bytes" : "an object"
}

const has = (name: string, what: string, value: unknown): string => `${name} has to be ${what}, not ${kindOf(value)}`

/** The check of each option that an object may have, by name. */
export type Checks = Readonly<Record<string, Check>>

/** Makes a check from a predicate. `what` says what the value has to be. */
export const satisfies = (what: string, isRight: (value: unknown) => boolean): Check => (name, value) => {
  try {
    if (isRight(value)) return undefined
  } catch {
    // A value whose getter throws is wrong, too.
  }
  return has(name, what, value)
}

export const flag = satisfies("true or false", (value) => typeof value === "boolean")

export const aFunction = satisfies("a function", (value) => typeof value === "function")

export const text = satisfies("text", (value) => typeof value === "string")

/** An `Address`, as `Address.parse` makes one. */
export const address = satisfies(
  "the address of a node",
  (value) => Predicate.hasProperty(value, "key") && typeof value.key === "string"
)

/** A whole number of at least 1. */
export const count: Check = (name, value) => {
  if (Number.isInteger(value) && (value as number) > 0) return undefined
  return `${name} has to be a whole number from 1 up, not ${typeof value === "number" ? value : kindOf(value)}`
}

/** A whole number of at least 0. */
export const index: Check = (name, value) =>
  Number.isInteger(value) && (value as number) >= 0
    ? undefined
    : `${name} has to be a whole number from 0 up, not ${typeof value === "number" ? value : kindOf(value)}`

/** A whole number from 1 to `most`: for things that are created at once, such as connections. */
export const few = (most: number): Check => (name, value) =>
  count(name, value) ?? ((value as number) <= most ? undefined : `${name} has to be at most ${most}, not ${value}`)

const millisOf = (value: unknown): number => {
  const duration = Duration.fromInput(value as Duration.Input)
  return duration._tag === "Some" ? Duration.toMillis(duration.value) : 0
}

/** A duration of at least a millisecond: for intervals, which would be an endless loop if they were shorter. */
export const duration: Check = (name, value) =>
  durationProblem(name, value === undefined ? null : value) ??
    (millisOf(value) < 1 ? `${name} has to be a millisecond at least` : undefined)

/** The problem of a value that is neither left out nor a duration above zero. */
export const durationProblem = (name: string, value: unknown): string | undefined =>
  value === undefined || millisOf(value) > 0
    ? undefined
    : `${name} has to be a duration above zero, such as "5 seconds"`

/** 3,000 years in milliseconds. Unlike Infinity, this plus a clock's time is still an exact whole number. */
const forEver = 1e14

/** A timeout in milliseconds; an infinite one becomes 3,000 years. */
export const timeoutMillis = (duration: Duration.Input): number =>
  Math.min(Duration.toMillis(Duration.fromInputUnsafe(duration)), forEver)

/** One of the given words. The problem suggests the nearest. */
export const oneOf = (...choices: ReadonlyArray<string>): Check => (name, value) => {
  if (choices.includes(value as string)) return undefined
  const meant = typeof value === "string" ? nearest(value, choices) : undefined
  return `${name} has to be one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}` +
    (meant === undefined ? "" : `; did you mean ${JSON.stringify(meant)}?`)
}

/**
 * Checks an object of options. The problem is that it is no such object, that it has an unknown option, or the first wrong
 * value. An option that is `undefined` counts as left out.
 *
 * `path` is the name of the option that holds the object, such as `tls`; empty for the outermost one.
 */
export const optionsProblem = (
  options: unknown,
  checks: Checks,
  path = ""
): string | undefined => {
  const known = Object.keys(checks)
  const called = (name: string): string => `${path === "" ? "" : `${path}.`}${name.slice(0, longestName)}`
  let reading = path === "" ? "the object of options" : path
  try {
    if (!hasOptions(options)) {
      const which = path === "" ? "options have" : `${path} has`
      return `${which} to be a plain object of ${enumerated(known)}, not ${kindOf(options)}`
    }
    for (const name of Object.keys(options)) {
      reading = called(name)
      if (!Object.hasOwn(checks, name)) {
        const meant = nearest(name, known)
        if (meant !== undefined) return `${reading} is not an option; did you mean ${called(meant)}?`
        const which = isWord(name) ? reading : `one of ${path || "these"}`
        return `${which} is not an option; there are ${enumerated(known)}`
      }
      const value = options[name]
      const problem = value === undefined ? undefined : checks[name](reading, value)
      if (problem !== undefined) return problem
    }
    const inherited = known.find((name) => !Object.hasOwn(options, name) && name in options)
    return inherited === undefined
      ? undefined
      : `${called(inherited)} belongs to a class or a prototype: make it a property of the object itself`
  } catch {
    return `${reading} can't be read: a getter, or a proxy, has thrown`
  }
}

const enumerated = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`

/** Whether a value is a plain object, as `{}` makes one, of this realm or another. */
export const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== "object" || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/**
 * Whether a value can hold options as its own properties: a plain object, or an instance of a class (as decoding with a Schema
 * makes) that has own properties.
 */
export const hasOptions = (value: unknown): value is Readonly<Record<string, unknown>> =>
  isPlain(value) || (
    Object.prototype.toString.call(value) === "[object Object]" &&
    !Redacted.isRedacted(value) && !Effect.isEffect(value) &&
    Object.keys(value as object).length > 0
  )

/** Longer names are cut off in problems: they are no names of options. */
const longestName = 64

/** Whether a name may be shown in a problem. Other names may be data given by mistake in place of options. */
const isWord = (name: string): boolean => /^[A-Za-z]+$/.test(name)

/** The known word that was probably meant: at most one letter in three differs, ignoring case. */
export const nearest = (word: string, known: ReadonlyArray<string>): string | undefined => {
  if (word.length > longestName) return undefined
  let best: string | undefined
  let least = Infinity
  for (const each of known) {
    const wrong = distance(word.toLowerCase(), each.toLowerCase())
    if (wrong < least && wrong <= Math.max(1, Math.floor(each.length / 3))) {
      best = each
      least = wrong
    }
  }
  return best
}

/** The edit distance of two words: insertions, deletions, changes, and swaps of neighbouring letters. */
const distance = (from: string, to: string): number => {
  let before: Array<number> = []
  let last: Array<number> = []
  let row = Array.from({ length: to.length + 1 }, (_, j) => j)
  for (let i = 1; i <= from.length; i++) {
    before = last
    last = row
    row = [i]
    for (let j = 1; j <= to.length; j++) {
      const changed = last[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1)
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, changed)
      const isSwapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      if (isSwapped) row[j] = Math.min(row[j], before[j - 2] + 1)
    }
  }
  return row[to.length]
}
