/**
 * COMMAND: information about the server's commands.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { FakeNode } from "../../cluster/node.ts"
import type { Group, Invocation } from "../../definitions/handler.ts"
import { categories, factsOf, namesOf } from "../../facts/commandTable.ts"
import type { Version } from "../../facts/version.ts"
import { syntaxError, word } from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import * as Glob from "../../values/glob.ts"

const { array, bulk, integer, map, null: nil, set, simple } = Resp.Reply

const shown = (name: string): string => name.toLowerCase().replace(" ", "|")

const topOf = (version: Version): ReadonlyArray<string> => namesOf(version).filter((name) => !name.includes(" "))

/** What COMMAND tells of one command. */
export const entry = (version: Version) => (name: string): Resp.Reply => {
  const facts = factsOf(name, version)
  if (facts === undefined) return nil
  const subcommands = name.includes(" ") ? [] : namesOf(version).filter((other) => other.startsWith(`${name} `))
  return array([
    bulk(shown(name)),
    integer(facts.arity),
    set(Array.from(facts.flags, (flag) => simple(flag))),
    integer(facts.first),
    integer(facts.last),
    integer(facts.step),
    set(Array.from(facts.categories, (category) => simple(`@${category}`))),
    array([]),
    array([]),
    array(subcommands.map(entry(version)))
  ])
}

const named = (name: string): string => name.toUpperCase().replace("|", " ")

const getKeys = ({ args, node }: Invocation): Resp.Reply => {
  const self = node as FakeNode
  let keys: ReadonlyArray<string>
  try {
    keys = self.keysOf(args)
  } catch (problem) {
    if (!(problem instanceof CommandError)) throw problem
    throw new CommandError(
      problem.text.startsWith("ERR wrong number")
        ? "ERR Invalid number of arguments specified for command"
        : "ERR Invalid command specified"
    )
  }
  if (keys.length === 0) throw new CommandError("ERR The command has no key arguments")
  return array(keys.map((key) => bulk(key)))
}

const list = ({ args, node: { version } }: Invocation): Resp.Reply => {
  const names = namesOf(version)
  if (args.length === 0) return array(topOf(version).map((name) => bulk(shown(name))))
  if (args.length !== 3 || word(args[0]) !== "FILTERBY") throw syntaxError()
  const all = names.map(shown)
  switch (word(args[1])) {
    case "PATTERN":
      return array(all.filter((name) => Glob.matches(args[2].toLowerCase(), name)).map((name) => bulk(name)))
    case "ACLCAT": {
      const category = args[2].toLowerCase()
      if (!categories.includes(category)) return array([])
      return array(
        names.filter((name) => factsOf(name, version)?.categories.has(category)).map((name) => bulk(shown(name)))
      )
    }
    case "MODULE":
      return array([])
    default:
      throw syntaxError()
  }
}

const docs = ({ args, node: { version } }: Invocation): Resp.Reply => {
  const wanted = args.length === 0
    ? topOf(version)
    : args.map(named).filter((name) => factsOf(name, version) !== undefined)
  return map(wanted.map((name) => [bulk(shown(name)), map([[bulk("summary"), bulk("")]])] as const))
}

export const commandInfo: Group = {
  COMMAND: { arity: -1, run: ({ node: { version } }) => array(topOf(version).map(entry(version))) },
  "COMMAND COUNT": { arity: 2, run: ({ node }) => integer(topOf(node.version).length) },
  "COMMAND INFO": {
    arity: -2,
    run: ({ args, node: { version } }) =>
      array((args.length === 0 ? topOf(version) : args.map(named)).map(entry(version)))
  },
  "COMMAND LIST": { arity: -2, run: list },
  "COMMAND GETKEYS": { arity: -4, run: getKeys },
  "COMMAND DOCS": { arity: -2, run: docs }
}
