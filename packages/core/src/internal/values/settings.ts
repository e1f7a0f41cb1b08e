/**
 * Checks of what users set, at run time: not everybody has types. Each answers what is wrong and what to give instead, or
 * nothing. Values are never repeated, since one that stands in the wrong place may be a secret.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"

/** What is wrong with the value of an option of that name. It is not asked about what was left out. */
export type Check = (name: string, value: unknown) => string | undefined

/** The kind of a value, in words. Numbers that are no value at all are named. */
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

/** The checks of the options that an object may have, by their names. */
export type Checks = Readonly<Record<string, Check>>

/** A check by a predicate; `what` is what the value has to be. */
export const satisfies = (what: string, isRight: (value: unknown) => boolean): Check => (name, value) => {
  try {
    if (isRight(value)) return undefined
  } catch {
    // What throws when it is looked at is not right either.
  }
  return has(name, what, value)
}

export const flag = satisfies("true or false", (value) => typeof value === "boolean")

export const aFunction = satisfies("a function", (value) => typeof value === "function")

export const text = satisfies("text", (value) => typeof value === "string")

/** An address as `Address.parse` and the map have it. */
export const address = satisfies(
  "the address of a node",
  (value) => Predicate.hasProperty(value, "key") && typeof value.key === "string"
)

/** A number of things, of which there has to be one at the least. */
export const count: Check = (name, value) => {
  if (Number.isInteger(value) && (value as number) > 0) return undefined
  return `${name} has to be a whole number from 1 up, not ${typeof value === "number" ? value : kindOf(value)}`
}

/** The same of what is made at once, so that there can't be any number of it. */
export const few = (most: number): Check => (name, value) =>
  count(name, value) ?? ((value as number) <= most ? undefined : `${name} has to be at most ${most}, not ${value}`)

const millisOf = (value: unknown): number => {
  const duration = Duration.fromInput(value as Duration.Input)
  return duration._tag === "Some" ? Duration.toMillis(duration.value) : 0
}

/** A duration that time is measured against again and again: with less than a millisecond that would be all the time. */
export const duration: Check = (name, value) =>
  durationProblem(name, value === undefined ? null : value) ??
    (millisOf(value) < 1 ? `${name} has to be a millisecond at least` : undefined)

/** A duration above zero, where it is not left out. */
export const durationProblem = (name: string, value: unknown): string | undefined =>
  value === undefined || millisOf(value) > 0
    ? undefined
    : `${name} has to be a duration above zero, such as "5 seconds"`

/** 3,000 years, in milliseconds: with the time of a clock they still add up to a whole number, unlike Infinity. */
const forEver = 1e14

/** How long something may take, in milliseconds. */
export const timeoutMillis = (duration: Duration.Input): number =>
  Math.min(Duration.toMillis(Duration.fromInputUnsafe(duration)), forEver)

/** One of some words. */
export const oneOf = (...choices: ReadonlyArray<string>): Check => (name, value) => {
  if (choices.includes(value as string)) return undefined
  const meant = typeof value === "string" ? nearest(value, choices) : undefined
  return `${name} has to be one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}` +
    (meant === undefined ? "" : `; did you mean ${JSON.stringify(meant)}?`)
}

/**
 * What is wrong with an object of options: that it is none, that it has one that nobody knows, or the first value that
 * makes no sense. Options that are `undefined` count as left out.
 *
 * `path` is where the object stands in another one, as `tls` does.
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

/** An object as `{}` makes one, in whatever realm. */
export const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== "object" || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/**
 * Whether own properties say what it is made of, as in a plain object or in an instance of a class, which decoding with a
 * Schema makes. One that has none hides it.
 */
export const hasOptions = (value: unknown): value is Readonly<Record<string, unknown>> =>
  isPlain(value) || (
    Object.prototype.toString.call(value) === "[object Object]" &&
    !Redacted.isRedacted(value) && !Effect.isEffect(value) &&
    Object.keys(value as object).length > 0
  )

/** What is longer is no name, and is not told in full. */
const longestName = 64

/** What is not, may be data that stands where options belong, and is not told. */
const isWord = (name: string): boolean => /^[A-Za-z]+$/.test(name)

/** The word that was probably meant: at the most one letter in three is wrong, whatever their case. */
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

/** How many letters have to be put in, left out, changed, or swapped with the next, to make one word of another. */
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
