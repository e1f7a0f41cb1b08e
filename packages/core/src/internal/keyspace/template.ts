/**
 * Patterns of keys with parameters, as `cart:{<user>}:items`: their check, the key of some values, and the values of a key.
 *
 * Every parameter stands between delimiters, or at an end, and no value has a delimiter in it: letters, digits, `-`, `_`, `.`, `~`, `@`
 * and what is beyond ASCII stay as they are, all else is escaped. So a key can be taken apart in one way only, and a value can't make a
 * hash tag, a part of a pattern for SCAN, or a part of the key that is not its own. Pure.
 */

/** A pattern taken apart: `literals[i]` is before the parameter `names[i]`, and the last one is behind all of them. */
export interface Template {
  readonly literals: ReadonlyArray<string>
  readonly names: ReadonlyArray<string>
}

/** What a value may not hold. A half of a surrogate pair would be sent as U+FFFD, so that all halves would be the same key. */
const hidden = /[^\w.~@\u{80}-\u{10ffff}-]|\p{Cs}/gu
const isDelimiter = (text: string | undefined): boolean =>
  text !== undefined && /^[^\w.~@\u{80}-\u{10ffff}-]$/u.test(text)
const delimiter = /([^\w.~@\0\u{80}-\u{10ffff}-])/u

const nameOf = /^[A-Za-z]\w*$/
const parameter = /<([^<>]*)>/

const escapeOf = (character: string): string => {
  const hex = character.charCodeAt(0).toString(16).toUpperCase()
  return hex.length > 2 ? `%u${hex}` : `%${hex.padStart(2, "0")}`
}

const escape = (value: string): string => value.replace(hidden, escapeOf)

const unescape = (text: string): string =>
  text.replace(
    /%(?:u([0-9A-F]{4})|([0-9A-F]{2}))/g,
    (_, wide: string | undefined, narrow: string) => String.fromCharCode(Number.parseInt(wide ?? narrow, 16))
  )

const tagProblem = (pattern: string): string | undefined => {
  const braces = pattern.replace(/[^{}]/g, "")
  if (braces === "") return undefined
  if (braces !== "{}") return "has braces that are no single hash tag, as in cart:{<user>}"
  return pattern.includes("{}") ? "has an empty hash tag; Redis would hash the whole key" : undefined
}

const literalProblem = (literal: string): string | undefined =>
  /[<>%*?[\]\\\p{Cc}\p{Cs}]/u.test(literal)
    ? "can't have <, >, %, *, ?, [, ], \\ or control characters outside of its parameters"
    : undefined

const namesProblem = (names: ReadonlyArray<string>): string | undefined => {
  if (!names.every((name) => nameOf.test(name))) {
    return "has a parameter without a name of letters and digits, as <user>"
  }
  return new Set(names).size < names.length ? "has a parameter twice" : undefined
}

const edgesProblem = ({ literals, names }: Template): string | undefined => {
  const isRight = names.every((_, index) => {
    const before = literals[index]
    const after = literals[index + 1]
    return (index === 0 && before === "" || isDelimiter(before.at(-1))) &&
      (index === names.length - 1 && after === "" || isDelimiter(after[0]))
  })
  return isRight ? undefined : "has a parameter without a delimiter, such as a colon, on each side"
}

/** Takes a pattern apart, or says, as a text, what is wrong with it. */
export const parse = (pattern: string): Template | string => {
  if (pattern === "") return "is empty"
  const pieces = pattern.split(parameter)
  const literals = pieces.filter((_, index) => index % 2 === 0)
  const names = pieces.filter((_, index) => index % 2 === 1)
  const problem = literals.map(literalProblem).find((each) => each !== undefined) ?? namesProblem(names) ??
    tagProblem(literals.join("\0")) ?? edgesProblem({ literals, names })
  return problem ?? { literals, names }
}

const joined = ({ literals }: Template, values: ReadonlyArray<string>): string => {
  let key = literals[0]
  for (let index = 0; index < values.length; index++) key += values[index] + literals[index + 1]
  return key
}

/** The key of some values, of which none is empty. */
export const format = (template: Template, values: ReadonlyArray<string>): string =>
  joined(template, values.map(escape))

/** The pattern for SCAN of the keys with the values that are given. It may match keys of other patterns, too. */
export const glob = (template: Template, values: ReadonlyArray<string | undefined>): string =>
  joined(template, values.map((value) => value === undefined ? "*" : escape(value)))

/** The values in a key, or `undefined` if it is another key. The caller sees whether `format` would write them in the same way. */
export const valuesOf = (template: Template, key: string): ReadonlyArray<string> | undefined => {
  const { literals, names } = template
  if (!key.startsWith(literals[0])) return undefined
  let at = literals[0].length
  const values: Array<string> = []
  for (let index = 0; index < names.length; index++) {
    const next = literals[index + 1]
    const end = next === "" ? key.length : key.indexOf(next[0], at)
    if (end <= at || !key.startsWith(next, end)) return undefined
    values.push(unescape(key.slice(at, end)))
    at = end + next.length
  }
  return at === key.length ? values : undefined
}

const segmentsOf = ({ literals }: Template): ReadonlyArray<string> => literals.join("\0").split(delimiter)

/** Whether there are values with which both make the same key. */
export const overlap = (one: Template, other: Template): boolean => {
  const [segments, others] = [segmentsOf(one), segmentsOf(other)]
  const agree = (a: string, b: string): boolean => a === b || (a === "\0" && b !== "" && !isDelimiter(b))
  return segments.length === others.length &&
    segments.every((segment, index) => agree(segment, others[index]) || agree(others[index], segment))
}
