/**
 * All commands of the simulated server, by name.
 *
 * @since 0.1.0
 */
import * as CommandSpec from "@redisc/core/CommandSpec"
import { bitmaps } from "./commands/bitmaps.ts"
import { cluster } from "./commands/cluster.ts"
import { connection } from "./commands/connection.ts"
import { functions } from "./commands/functions.ts"
import { geo } from "./commands/geo.ts"
import { hashes } from "./commands/hashes.ts"
import { hyperLogLog } from "./commands/hyperLogLog.ts"
import { keys } from "./commands/keys.ts"
import { lists } from "./commands/lists.ts"
import { pubSub } from "./commands/pubSub.ts"
import { scripting } from "./commands/scripting.ts"
import { server } from "./commands/server.ts"
import { sets } from "./commands/sets.ts"
import { sortedSets } from "./commands/sortedSets.ts"
import { streams } from "./commands/streams.ts"
import { strings } from "./commands/strings.ts"
import { transactions } from "./commands/transactions.ts"
import type { Definition, Group } from "./handler.ts"

/** A command that was found. */
export interface Entry {
  readonly name: string
  readonly definition: Definition
  readonly spec: CommandSpec.CommandSpec
  /** 2 for a subcommand, else 1: how many of the words are its name. */
  readonly words: 1 | 2
}

const groups: ReadonlyArray<Group> = [
  strings,
  bitmaps,
  keys,
  hyperLogLog,
  geo,
  hashes,
  lists,
  sets,
  sortedSets,
  streams,
  scripting,
  functions,
  pubSub,
  connection,
  server,
  transactions,
  cluster
]

const entries = new Map<string, Entry>()
const containers = new Set<string>()

for (const group of groups) {
  for (const [name, definition] of Object.entries(group)) {
    const words = name.includes(" ") ? 2 : 1
    if (words === 2) containers.add(name.slice(0, name.indexOf(" ")))
    entries.set(name, { name, definition, words, spec: CommandSpec.find(name) ?? CommandSpec.unknown(name, []) })
  }
}

/** Every command there is. */
export const all = (): Iterable<Entry> => entries.values()

/** A command or subcommand by its full name in upper case. */
export const find = (name: string): Entry | undefined => entries.get(name)

/** Whether the name is known to have subcommands, such as `XINFO`. */
export const isContainer = (name: string): boolean => containers.has(name)
