/**
 * All groups of commands of the simulated server.
 *
 * @since 0.1.0
 */
import type { Group } from "../definitions/handler.ts"
import { onlyInCluster } from "../definitions/modes.ts"
import { bitmaps } from "./data/bitmaps.ts"
import { geo } from "./data/geo.ts"
import { hashes } from "./data/hashes.ts"
import { hyperLogLog } from "./data/hyperLogLog.ts"
import { keys } from "./data/keys.ts"
import { lists } from "./data/lists.ts"
import { sets } from "./data/sets.ts"
import { sortedSets } from "./data/sortedSets.ts"
import { streams } from "./data/streams.ts"
import { strings } from "./data/strings.ts"
import { access } from "./server/access.ts"
import { clients } from "./server/clients.ts"
import { cluster } from "./server/cluster.ts"
import { clusterAdmin } from "./server/clusterAdmin.ts"
import { commandInfo } from "./server/commandInfo.ts"
import { config } from "./server/config.ts"
import { connection } from "./server/connection.ts"
import { functions } from "./server/functions.ts"
import { info } from "./server/info.ts"
import { migration } from "./server/migrate.ts"
import { pubSub } from "./server/pubSub.ts"
import { replication } from "./server/replication.ts"
import { scripting } from "./server/scripting.ts"
import { sentinel } from "./server/sentinel.ts"
import { server } from "./server/server.ts"
import { tracking } from "./server/tracking.ts"
import { transactions } from "./server/transactions.ts"

/** The commands of one group that sentinels know, too. */
const known = (group: Group, names: ReadonlyArray<string>): Group =>
  Object.fromEntries(Object.entries(group).filter(([name]) => names.includes(name)))

/** What a sentinel knows. */
export const sentinelGroups: ReadonlyArray<Group> = [
  known(connection, ["HELLO", "AUTH", "PING"]),
  known(pubSub, ["SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE"]),
  known(server, ["SHUTDOWN"]),
  clients,
  tracking,
  access,
  commandInfo,
  sentinel
]

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
  replication,
  connection,
  clients,
  tracking,
  server,
  access,
  commandInfo,
  config,
  info,
  transactions,
  onlyInCluster(cluster),
  onlyInCluster(clusterAdmin),
  migration
]
