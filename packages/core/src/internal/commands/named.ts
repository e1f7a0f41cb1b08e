/**
 * Finds the facts about a command from the name that a caller wrote: in upper or lower case, with extra blanks, with the
 * subcommand in the name or as the first argument.
 */
import * as CommandSpec from "../../CommandSpec.ts"
import { kindOf, optionsProblem } from "../values/settings.ts"

/**
 * The facts about a command, and how many arguments belong to its name (1 if the subcommand was one). If there is a `problem`,
 * `spec` has the command's name as far as it is known.
 */
export interface Named {
  readonly spec: CommandSpec.CommandSpec
  readonly taken: number
  readonly problem: string | undefined
}

/** Whether a text can be a name: words of printable ASCII. Other text may be data, and must not appear in messages. */
const isName = (text: string): boolean => text.length <= 64 && /^[\x21-\x7e]+( +[\x21-\x7e]+)*$/.test(text)

const decoder = new TextDecoder()

const wordOf = (arg: unknown): string | undefined => {
  const text = arg instanceof Uint8Array && arg.length <= 64 ? decoder.decode(arg) : arg
  return typeof text === "string" && isName(text) && !text.includes(" ") ? text : undefined
}

const nameless = CommandSpec.unknown("", [])

const invalid = (spec: CommandSpec.CommandSpec, problem: string): Named => ({ spec, taken: 0, problem })

const keysProblem = (keys: unknown, taken: number, end: number): string | undefined => {
  const right = "keys has to be an array of the places of the keys among the arguments, counted from 0"
  if (!Array.isArray(keys)) return `${right}, not ${kindOf(keys)}`
  for (let i = 0; i < keys.length; i++) {
    if (!Number.isInteger(keys[i]) || keys[i] < 0) return `${right}: each a whole number`
    if (keys[i] < taken) return `${right}: this one is of a word of the name`
    if (keys[i] >= end) return `${right}: there are only ${end}`
  }
  return new Set(keys).size < keys.length ? `${right}: each of them once` : undefined
}

const given = { keys: () => undefined }

/** Looks up a command by name. `options.keys`, if given, replaces the positions of the keys in the table. */
export const named = (name: unknown, args: unknown, options: unknown): Named => {
  const trimmed = typeof name === "string" ? name.replace(/^ +| +$/g, "") : ""
  if (!isName(trimmed)) {
    return invalid(nameless, `give the name of the command to send: a word, or two, of plain characters`)
  }
  const words = trimmed.split(/ +/)
  const [first] = words
  const isContainer = CommandSpec.isContainer(first)
  // The caller wrote arguments into the name. They may be data, so the problem names only the first word.
  if (words.length > 2 || (words.length > 1 && !isContainer && CommandSpec.find(first) !== undefined)) {
    return invalid(CommandSpec.unknown(first, []), "give its arguments in an array behind its name")
  }
  if (!Array.isArray(args)) {
    return invalid(CommandSpec.unknown(words.join(" "), []), `give its arguments in an array, not ${kindOf(args)}`)
  }
  const sub = words.length === 1 && isContainer ? wordOf(args[0]) : undefined
  const taken = sub === undefined ? 0 : 1
  const full = taken === 1 ? `${first} ${sub}` : words.join(" ")
  const known = CommandSpec.find(full)
  const problem = options === undefined ? undefined : optionsProblem(options, given)
  if (problem !== undefined) return invalid(CommandSpec.unknown(full, []), problem)
  const { keys } = (options ?? {}) as { readonly keys?: ReadonlyArray<number> | undefined }
  if (keys === undefined) {
    return known === undefined ? invalid(CommandSpec.unknown(full, []), unknown) : { spec: known, taken, problem }
  }
  const misplaced = keysProblem(keys, taken, args.length)
  if (misplaced !== undefined) return invalid(CommandSpec.unknown(full, []), misplaced)
  return { spec: CommandSpec.unknown(full, keys.map((index) => index - taken)), taken, problem }
}

const unknown =
  "redisc does not know this command; say which arguments are keys, as in { keys: [0] }, or { keys: [] } for none"
