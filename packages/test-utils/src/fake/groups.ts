/**
 * All groups of commands that the simulated server has.
 *
 * @since 0.1.0
 */
import { access } from "./commands/access.ts"
import { bitmaps } from "./commands/bitmaps.ts"
import { clients } from "./commands/clients.ts"
import { cluster } from "./commands/cluster.ts"
import { clusterAdmin } from "./commands/clusterAdmin.ts"
import { commandInfo } from "./commands/commandInfo.ts"
import { config } from "./commands/config.ts"
import { connection } from "./commands/connection.ts"
import { functions } from "./commands/functions.ts"
import { geo } from "./commands/geo.ts"
import { hashes } from "./commands/hashes.ts"
import { hyperLogLog } from "./commands/hyperLogLog.ts"
import { info } from "./commands/info.ts"
import { keys } from "./commands/keys.ts"
import { lists } from "./commands/lists.ts"
import { migration } from "./commands/migrate.ts"
import { pubSub } from "./commands/pubSub.ts"
import { scripting } from "./commands/scripting.ts"
import { server } from "./commands/server.ts"
import { sets } from "./commands/sets.ts"
import { sortedSets } from "./commands/sortedSets.ts"
import { streams } from "./commands/streams.ts"
import { strings } from "./commands/strings.ts"
import { transactions } from "./commands/transactions.ts"
import type { Group } from "./handler.ts"

/** The groups. */
export const groups: ReadonlyArray<Group> = [
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
  clients,
  server,
  access,
  commandInfo,
  config,
  info,
  transactions,
  cluster,
  clusterAdmin,
  migration
]
