/**
 * COMMAND: what the server knows of its commands.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { syntaxError, word } from "../arguments.ts"
import { categories, factsOf, names } from "../commandTable.ts"
import * as Glob from "../glob.ts"
import { CommandError } from "../handler.ts"
import type { Group, Invocation } from "../handler.ts"
import type { FakeNode } from "../node.ts"

const { array, bulk, integer, map, null: nil, set, simple } = Resp.Reply

const shown = (name: string): string => name.toLowerCase().replace(" ", "|")

const top = names.filter((name) => !name.includes(" "))

const entry = (name: string): Resp.Reply => {
  const facts = factsOf(name)
  if (facts === undefined) return nil
  const subcommands = name.includes(" ") ? [] : names.filter((other) => other.startsWith(`${name} `))
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
    array(subcommands.map(entry))
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

const list = ({ args }: Invocation): Resp.Reply => {
  if (args.length === 0) return array(top.map((name) => bulk(shown(name))))
  if (args.length !== 3 || word(args[0]) !== "FILTERBY") throw syntaxError()
  const all = names.map(shown)
  switch (word(args[1])) {
    case "PATTERN":
      return array(all.filter((name) => Glob.matches(args[2].toLowerCase(), name)).map((name) => bulk(name)))
    case "ACLCAT": {
      const category = args[2].toLowerCase()
      if (!categories.includes(category)) return array([])
      return array(names.filter((name) => factsOf(name)?.categories.has(category)).map((name) => bulk(shown(name))))
    }
    case "MODULE":
      return array([])
    default:
      throw syntaxError()
  }
}

const docs = ({ args }: Invocation): Resp.Reply => {
  const wanted = args.length === 0 ? top : args.map(named).filter((name) => factsOf(name) !== undefined)
  return map(wanted.map((name) => [bulk(shown(name)), map([[bulk("summary"), bulk("")]])] as const))
}

export const commandInfo: Group = {
  COMMAND: { arity: -1, run: () => array(top.map(entry)) },
  "COMMAND COUNT": { arity: 2, run: () => integer(top.length) },
  "COMMAND INFO": {
    arity: -2,
    run: ({ args }) => array((args.length === 0 ? top : args.map(named)).map(entry))
  },
  "COMMAND LIST": { arity: -2, run: list },
  "COMMAND GETKEYS": { arity: -4, run: getKeys },
  "COMMAND DOCS": { arity: -2, run: docs }
}
