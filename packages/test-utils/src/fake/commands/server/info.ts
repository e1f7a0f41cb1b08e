/**
 * INFO.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { FakeNode } from "../../cluster/node.ts"
import { linkedReplicas } from "../../cluster/replication.ts"
import type { Group, Invocation } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"

export type Lines = ReadonlyArray<readonly [name: string, value: string | number]>

const server = (node: FakeNode, now: number): Lines => [
  ["redis_version", node.version.release],
  ["redis_git_sha1", "00000000"],
  ["redis_git_dirty", 0],
  ["redis_build_id", "0"],
  ["redis_mode", node.isSentinel ? "sentinel" : node.isClustered ? "cluster" : "standalone"],
  ["os", "simulated"],
  ["arch_bits", 64],
  ["process_id", 1],
  ["run_id", node.runId],
  ["tcp_port", node.port],
  ["server_time_usec", Math.floor(now * 1000)],
  ["uptime_in_seconds", Math.floor((now - node.startedAt) / 1000)],
  ["uptime_in_days", Math.floor((now - node.startedAt) / 86_400_000)],
  ["hz", 10],
  ...(node.zone === undefined ? [] : [["availability_zone", node.zone] as const])
]

const clients = (node: FakeNode): Lines => [
  ["connected_clients", node.sessions.size],
  ["cluster_connections", node.peers().length * 2],
  ["maxclients", node.config.get("maxclients") ?? "10000"],
  ["blocked_clients", node.blockedClients],
  ["tracking_clients", node.tracking.counts.clients]
]

const memory = (node: FakeNode): Lines => [
  ["used_memory", 1_000_000 + node.data.size * 100],
  ["used_memory_human", `${((1_000_000 + node.data.size * 100) / 1048576).toFixed(2)}M`],
  ["maxmemory", node.config.get("maxmemory") ?? "0"],
  ["maxmemory_human", "0B"],
  ["maxmemory_policy", node.config.get("maxmemory-policy") ?? "noeviction"]
]

const persistence = (node: FakeNode): Lines => [
  ["loading", 0],
  ["rdb_changes_since_last_save", node.data.changes],
  ["rdb_bgsave_in_progress", 0],
  ["rdb_last_save_time", Math.floor(node.startedAt / 1000)],
  ["rdb_last_bgsave_status", "ok"],
  ["aof_enabled", 0]
]

const stats = (node: FakeNode): Lines => [
  ["total_connections_received", node.connectionCount],
  ["total_commands_processed", node.commandCount],
  ["rejected_connections", 0],
  ["evicted_keys", node.evictions],
  ["tracking_total_keys", node.tracking.counts.keys],
  ["tracking_total_items", node.tracking.counts.items],
  ["tracking_total_prefixes", node.tracking.counts.prefixes]
]

const replication = (node: FakeNode): Lines => {
  const { primaryAddress, world } = node
  const offset = world.offsetOf(node)
  const replicas = linkedReplicas(world, node)
  const followers: Lines = [
    ["connected_slaves", replicas.length],
    ...replicas.map((replica, index) =>
      [
        `slave${index}`,
        `ip=${replica.host},port=${replica.port},state=online,offset=${world.offsetOf(replica)},lag=0`
      ] as const
    )
  ]
  const tail: Lines = [
    ["master_failover_state", "no-failover"],
    ["master_replid", node.primaryId ?? node.id],
    ["master_replid2", "0".repeat(40)],
    ["master_repl_offset", offset],
    ["second_repl_offset", -1]
  ]
  if (node.isReplica) {
    return [
      ["role", "slave"],
      ["master_host", primaryAddress?.host ?? ""],
      ["master_port", primaryAddress?.port ?? 0],
      ["master_link_status", node.isLinked ? "up" : "down"],
      ["master_last_io_seconds_ago", node.isLinked ? 0 : -1],
      ["master_sync_in_progress", 0],
      ["slave_read_repl_offset", offset],
      ["slave_repl_offset", offset],
      ["slave_priority", 100],
      ["slave_read_only", 1],
      ["replica_announced", 1],
      ...followers,
      ...tail
    ]
  }
  return [["role", "master"], ...followers, ...tail]
}

const keyspace = (node: FakeNode, now: number): Lines =>
  node.data.used.filter(({ size }) => size > 0).map(({ database, nextExpiry, size, volatile }) => [
    `db${database}`,
    `keys=${size},expires=${volatile},avg_ttl=${volatile === 0 ? 0 : Math.max(0, Math.round(nextExpiry - now))}${
      since(node.version, 7.4) ? ",subexpiry=0" : ""
    }`
  ])

/** Only of the commands by which keys move between nodes. Those that were never called are left out. */
const commandStats = ({ traffic: { received, sent } }: FakeNode): Lines =>
  ([["cmdstat_migrate", sent], ["cmdstat_restore-asking", received]] as const).flatMap(([name, calls]) =>
    calls === 0 ? [] : [[name, `calls=${calls},usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0`]]
  )

export type Sections = Readonly<Record<string, (node: FakeNode, now: number) => Lines>>

const cpu: Sections[string] = () => [["used_cpu_sys", "0.000000"], ["used_cpu_user", "0.000000"]]

/** The sections that sentinels have, too. */
export const ofAll: Sections = { Server: server, Clients: clients, Stats: stats, CPU: cpu }

const sections: Sections = {
  Server: server,
  Clients: clients,
  Memory: memory,
  Persistence: persistence,
  Stats: stats,
  Replication: replication,
  CPU: cpu,
  Modules: () => [],
  Commandstats: commandStats,
  Errorstats: () => [],
  Cluster: (node) => [["cluster_enabled", node.isClustered ? 1 : 0]],
  Keyspace: keyspace
}

/** INFO with the given sections. */
export const infoOf = (sections: Sections) => ({ args, node, now }: Invocation): Resp.Reply => {
  const wanted = new Set(args.map((arg) => arg.toLowerCase()))
  const every = wanted.has("all") || wanted.has("everything")
  const usual = every || wanted.size === 0 || wanted.has("default")
  const texts = Object.entries(sections).flatMap(([title, lines]) => {
    const isMeant = title === "Commandstats" ? every : usual
    if (!isMeant && !wanted.has(title.toLowerCase())) return []
    const body = lines(node as FakeNode, now).map(([name, value]) => `${name}:${value}\r\n`).join("")
    return [`# ${title}\r\n${body}`]
  })
  return Resp.Reply.verbatim("txt", texts.join("\r\n"))
}

export const info: Group = { INFO: { arity: -1, run: infoOf(sections) } }
