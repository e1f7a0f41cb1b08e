/**
 * All commands of the simulated server, by name.
 *
 * @since 0.1.0
 */
import * as CommandSpec from "@redisc/core/CommandSpec"
import { since } from "../facts/version.ts"
import type { Version } from "../facts/version.ts"
import type { Bin } from "../values/binary.ts"
import type { Definition, Group } from "./handler.ts"

export interface Entry {
  readonly name: string
  readonly definition: Definition
  readonly spec: CommandSpec.CommandSpec
  /** The number of words in its name: 2 for a subcommand, otherwise 1. */
  readonly words: 1 | 2
}

/** A request whose command is known. */
export interface Resolved {
  readonly entry: Entry
  readonly argv: ReadonlyArray<Bin>
}

/** Which of the two processes a command is sent to. They know different commands. */
export type Place = "server" | "sentinel"

/** The commands of one kind of process. */
interface Book {
  readonly entries: Map<string, Entry>
  readonly containers: Set<string>
}

const bookOf = (): Book => ({ entries: new Map(), containers: new Set() })

const books: Readonly<Record<Place, Book>> = { server: bookOf(), sentinel: bookOf() }

const fill = ({ containers, entries }: Book, groups: ReadonlyArray<Group>): void => {
  for (const group of groups) {
    for (const [name, definition] of Object.entries(group)) {
      const words = name.includes(" ") ? 2 : 1
      if (words === 2) containers.add(name.slice(0, name.indexOf(" ")))
      entries.set(name, { name, definition, words, spec: CommandSpec.find(name) ?? CommandSpec.unknown(name, []) })
    }
  }
}

/** Adds groups to the registry, once for all simulated processes of a kind. */
export const load = (groups: ReadonlyArray<Group>, place: Place = "server"): void => {
  const { entries } = books[place]
  if (entries.size > 0) return
  fill(books[place], groups)
  // RESTORE-ASKING, which MIGRATE sends: a RESTORE that is accepted in a slot which is being imported.
  const restore = entries.get("RESTORE")
  if (restore === undefined) return
  const name = "RESTORE-ASKING"
  entries.set(name, { ...restore, name, spec: CommandSpec.find(name) ?? restore.spec })
}

export const all = (place: Place = "server"): Iterable<Entry> => books[place].entries.values()

/** A command or subcommand by its full name in upper case; undefined if the version doesn't know it. */
export const find = (name: string, version: Version, place: Place = "server"): Entry | undefined => {
  const entry = books[place].entries.get(name)
  return entry?.definition.since === undefined || since(version, entry.definition.since) ? entry : undefined
}

/** Whether a name has subcommands, such as `XINFO`. */
export const isContainer = (name: string, place: Place = "server"): boolean => books[place].containers.has(name)
