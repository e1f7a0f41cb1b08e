/**
 * The cluster as its nodes see it: slots, shards, nodes and links. Each command replies with the view of the node that
 * is asked, which may be older than that of other nodes.
 *
 * Source: https://redis.io/docs/latest/commands/?group=cluster
 */
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"

const CLUSTER_COUNTKEYSINSLOT = CommandSpec.get("CLUSTER COUNTKEYSINSLOT")
const CLUSTER_GETKEYSINSLOT = CommandSpec.get("CLUSTER GETKEYSINSLOT")
const CLUSTER_INFO = CommandSpec.get("CLUSTER INFO")
const CLUSTER_KEYSLOT = CommandSpec.get("CLUSTER KEYSLOT")
const CLUSTER_LINKS = CommandSpec.get("CLUSTER LINKS")
const CLUSTER_MYID = CommandSpec.get("CLUSTER MYID")
const CLUSTER_NODES = CommandSpec.get("CLUSTER NODES")
const CLUSTER_REPLICAS = CommandSpec.get("CLUSTER REPLICAS")
const CLUSTER_SHARDS = CommandSpec.get("CLUSTER SHARDS")
const CLUSTER_SLOTS = CommandSpec.get("CLUSTER SLOTS")

const parts = Reply.array(Reply.raw)
const fields = Reply.record(Reply.raw)
const nameOrNull = Reply.nullOr(Reply.name)

/** Decodes a field that some versions omit, or that is missing for some nodes. */
const optional = <A>(value: Parameters<Reply.Decode<A>>[0] | undefined, decode: Reply.Decode<A>): A | null =>
  value === undefined ? null : decode(value)

/**
 * Slots from `start` to `end`, both included.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterSlotRange {
  readonly start: number
  readonly end: number
}

/**
 * The number of keys that the node holds in a slot; 0 for a slot that it does not serve.
 *
 * Fails with `ServerError` when there is no such slot. Since Redis 3.0.0.
 *
 * **Example** (Is the slot empty?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const count = Redis.clusterCountkeysinslot(5474) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/cluster-countkeysinslot/
 * @category cluster
 * @since 0.1.0
 */
export const clusterCountkeysinslot = (slot: number): Command.Command<number> =>
  Args.command(CLUSTER_COUNTKEYSINSLOT, () => [Args.integer(slot, "the slot")], Reply.integer)

/**
 * Up to `count` keys that the node holds in a slot; none for a slot that it does not serve.
 *
 * Fails with `ServerError` when there is no such slot, or the count is negative. Since Redis 3.0.0.
 *
 * **Example** (A hundred keys to move)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const found = Redis.clusterGetkeysinslot(5474, 100) // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/cluster-getkeysinslot/
 * @category cluster
 * @since 0.1.0
 */
export const clusterGetkeysinslot = (slot: number, count: number): Command.Command<ReadonlyArray<string>> =>
  Args.command(
    CLUSTER_GETKEYSINSLOT,
    () => [Args.integer(slot, "the slot"), Args.integer(count, "the count")],
    Reply.array(Reply.text)
  )

/**
 * The state of the cluster by the names that Redis gives the fields: `cluster_state`, `cluster_slots_assigned` and some
 * twenty more.
 *
 * Since Redis 3.0.0.
 *
 * **Example** (Is all well?)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const ok = Redis.clusterInfo().pipe(Command.map((fields) => fields["cluster_state"] === "ok")) // Command<boolean>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/cluster-info/
 * @category cluster
 * @since 0.1.0
 */
export const clusterInfo = (): Command.Command<Record<string, string>> =>
  Command.makeSealed(CLUSTER_INFO, [], Reply.lines)

/**
 * The slot of a key as a server computes it. `Slot.fromKey` computes the same without asking.
 *
 * Since Redis 3.0.0.
 *
 * **Example** (The slot of a hash tag)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const slot = Redis.clusterKeyslot("{user:1}:name") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/cluster-keyslot/
 * @category cluster
 * @since 0.1.0
 */
export const clusterKeyslot = (key: Command.Arg): Command.Command<number> =>
  Command.make(CLUSTER_KEYSLOT, [key], Reply.integer)

/**
 * A connection between two nodes on the cluster bus, as one of them sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterLink {
  /** `"to"` if the node that is asked opened the connection, `"from"` if the other node did. */
  readonly direction: "to" | "from"
  /** The id of the other node. */
  readonly node: string
  /** When it was opened, in Unix milliseconds. */
  readonly createTime: number
  /** The events that the node waits for on it: `"r"`, `"w"` or `"rw"`, for reading and writing. */
  readonly events: string
  /** The size of the send buffer in bytes; `sendBufferUsed` is how many of them wait to be sent. */
  readonly sendBufferAllocated: number
  readonly sendBufferUsed: number
}

const linkOf: Reply.Decode<ClusterLink> = (value) => {
  const link = fields(value)
  const direction = Reply.name(link["direction"])
  if (direction !== "to" && direction !== "from") throw new Reply.Mismatch("to or from", "another direction")
  return {
    direction,
    node: Reply.name(link["node"]),
    createTime: Reply.integer(link["create-time"]),
    events: Reply.name(link["events"]),
    sendBufferAllocated: Reply.integer(link["send-buffer-allocated"]),
    sendBufferUsed: Reply.integer(link["send-buffer-used"])
  }
}

/**
 * The connections of the node to the others, two for each of them.
 *
 * Since Redis 7.0.0.
 *
 * **Example** (Are messages piling up?)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const waiting = Redis.clusterLinks().pipe(
 *   Command.map((links) => Math.max(0, ...links.map((link) => link.sendBufferUsed)))
 * ) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/cluster-links/
 * @category cluster
 * @since 0.1.0
 */
export const clusterLinks = (): Command.Command<ReadonlyArray<ClusterLink>> =>
  Command.makeSealed(CLUSTER_LINKS, [], Reply.array(linkOf))

/**
 * The id of the node.
 *
 * Since Redis 3.0.0.
 *
 * **Example** (Who answers?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const id = Redis.clusterMyid() // Command<string>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/cluster-myid/
 * @category cluster
 * @since 0.1.0
 */
export const clusterMyid = (): Command.Command<string> => Command.make(CLUSTER_MYID, [], Reply.text)

/**
 * A node as CLUSTER NODES lists it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterNode {
  readonly id: string
  /** Its IP address, empty when it isn't known. */
  readonly host: string
  readonly port: number
  /** The port of the cluster bus. */
  readonly busPort: number
  /** The host name that it announces, `null` if none. Since Redis 7.0.0. */
  readonly hostname: string | null
  /** Redis' flags of the node: `"myself"`, `"master"`, `"slave"`, `"fail?"`, `"fail"`, `"handshake"`, `"noaddr"`, ... */
  readonly flags: ReadonlyArray<string>
  /** The id of its primary, `null` if it is no replica. */
  readonly primary: string | null
  /** When the ping that is not answered yet was sent, in Unix milliseconds, else 0. */
  readonly pingSent: number
  /** When the last answer came, in Unix milliseconds. */
  readonly pongReceived: number
  readonly configEpoch: number
  /** Whether the link to it is up. */
  readonly connected: boolean
  readonly slots: ReadonlyArray<ClusterSlotRange>
  /** Slots that are migrating from the node that is asked, each with its target. */
  readonly migrating: ReadonlyArray<{ readonly slot: number; readonly node: string }>
  /** Slots that are migrating to the node that is asked, each with its source. */
  readonly importing: ReadonlyArray<{ readonly slot: number; readonly node: string }>
}

const malformed = (): never => {
  throw new Reply.Mismatch("the line of a node", "another text")
}

/** `ip:port@bus-port`, then `,hostname` and other facts; the IP may be of version 6, without brackets. */
const addressOf = /^(.*):(\d+)@(\d+)(?:,([^,]*))?(?:,.*)?$/

const nodeOf = (line: string): ClusterNode => {
  const [id, address, flags, primary, ping, pong, epoch, link, ...slots] = line.trim().split(" ")
  if (link === undefined) return malformed()
  const [, host, port, busPort, hostname = ""] = addressOf.exec(address) ?? malformed()
  const ranges: Array<ClusterSlotRange> = []
  const migrating: Array<{ readonly slot: number; readonly node: string }> = []
  const importing: Array<{ readonly slot: number; readonly node: string }> = []
  for (const slot of slots) {
    const [, moving, arrow, node] = /^\[(\d+)-([<>])-(.*)\]$/.exec(slot) ?? []
    if (moving !== undefined) {
      const list = arrow === ">" ? migrating : importing
      list.push({ slot: Number(moving), node })
    } else {
      const [start, end = start] = slot.split("-")
      ranges.push({ start: Reply.integer(start), end: Reply.integer(end) })
    }
  }
  return {
    id,
    host,
    port: Number(port),
    busPort: Number(busPort),
    hostname: hostname === "" ? null : hostname,
    flags: flags.split(","),
    primary: primary === "-" ? null : primary,
    pingSent: Reply.integer(ping),
    pongReceived: Reply.integer(pong),
    configEpoch: Reply.integer(epoch),
    connected: link === "connected",
    slots: ranges,
    migrating,
    importing
  }
}

/**
 * All nodes that the asked node knows, including itself and failed ones.
 *
 * Since Redis 3.0.0.
 *
 * **Example** (Which nodes have failed?)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const failed = Redis.clusterNodes().pipe(
 *   Command.map((nodes) => nodes.filter((node) => node.flags.includes("fail")))
 * ) // Command<Array<Redis.ClusterNode>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/cluster-nodes/
 * @category cluster
 * @since 0.1.0
 */
export const clusterNodes = (): Command.Command<ReadonlyArray<ClusterNode>> =>
  Command.makeSealed(
    CLUSTER_NODES,
    [],
    (value) => Reply.name(value).split("\n").filter((line) => line !== "").map(nodeOf)
  )

/**
 * The replicas of a primary, given by its id.
 *
 * Fails with `ServerError` when the node doesn't know the id, or it is a replica's. Since Redis 5.0.0.
 *
 * **Example** (How many replicas?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const replicas = Redis.clusterReplicas("07c37dfeb235213a872192d90877d0cd55635b91")
 * // Command<ReadonlyArray<Redis.ClusterNode>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/cluster-replicas/
 * @category cluster
 * @since 0.1.0
 */
export const clusterReplicas = (id: Command.Arg): Command.Command<ReadonlyArray<ClusterNode>> =>
  Command.makeSealed(CLUSTER_REPLICAS, [id], Reply.array((value) => nodeOf(Reply.name(value))))

/**
 * A node as CLUSTER SHARDS lists it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterShardNode {
  readonly id: string
  /** Where clients should connect to: `null` or empty for the host that was asked, `"?"` when it isn't known. */
  readonly endpoint: string | null
  readonly ip: string
  /** The host name that it announces, `null` if none. */
  readonly hostname: string | null
  /** The port without TLS, `null` if it has none. */
  readonly port: number | null
  /** The port with TLS, `null` if it has none. */
  readonly tlsPort: number | null
  readonly role: "primary" | "replica"
  /** Its position in the replication stream, in bytes. */
  readonly replicationOffset: number
  readonly health: "online" | "failed" | "loading"
}

/**
 * A shard: nodes with the same data, and the slots that they serve.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterShard {
  readonly slots: ReadonlyArray<ClusterSlotRange>
  readonly nodes: ReadonlyArray<ClusterShardNode>
}

const shardRoleOf: Reply.Decode<ClusterShardNode["role"]> = (value) => {
  const role = Reply.name(value)
  if (role === "master") return "primary"
  if (role === "replica" || role === "slave") return "replica"
  throw new Reply.Mismatch("master or replica", "another role")
}

const healthOf: Reply.Decode<ClusterShardNode["health"]> = (value) => {
  const health = Reply.name(value)
  if (health === "online" || health === "loading") return health
  if (health === "fail" || health === "failed") return "failed"
  throw new Reply.Mismatch("online, failed or loading", "another health")
}

const shardNodes = Reply.array((value): ClusterShardNode => {
  const node = fields(value)
  return {
    id: Reply.name(node["id"]),
    endpoint: optional(node["endpoint"], nameOrNull),
    ip: Reply.name(node["ip"]),
    hostname: optional(node["hostname"], nameOrNull),
    port: optional(node["port"], Reply.integer),
    tlsPort: optional(node["tls-port"], Reply.integer),
    role: shardRoleOf(node["role"]),
    replicationOffset: Reply.integer(node["replication-offset"]),
    health: healthOf(node["health"])
  }
})

const slotRanges = Reply.entries(Reply.integer, Reply.integer)

const shardOf: Reply.Decode<ClusterShard> = (value) => {
  const shard = fields(value)
  return {
    slots: slotRanges(shard["slots"]).map(([start, end]) => ({ start, end })),
    nodes: shardNodes(shard["nodes"])
  }
}

/**
 * The shards of the cluster, with failed nodes and with shards that serve no slot.
 *
 * Redis calls a primary `master`. Since Redis 7.0.0.
 *
 * **Example** (Shards that have lost a node)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const weak = Redis.clusterShards().pipe(
 *   Command.map((shards) => shards.filter((shard) => shard.nodes.some((node) => node.health === "failed")))
 * ) // Command<Array<Redis.ClusterShard>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/cluster-shards/
 * @category cluster
 * @since 0.1.0
 */
export const clusterShards = (): Command.Command<ReadonlyArray<ClusterShard>> =>
  Command.makeSealed(CLUSTER_SHARDS, [], Reply.array(shardOf))

/**
 * A node as CLUSTER SLOTS lists it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterSlotsNode {
  /** Where clients should connect to: `null` or empty for the host that was asked, `"?"` when it isn't known. */
  readonly endpoint: string | null
  /** The port for connections of the kind that asked, with TLS or without. */
  readonly port: number
  readonly id: string
  /** Other facts, such as `ip` and `hostname` when they are not the endpoint. Empty before Redis 7.0.0. */
  readonly metadata: Record<string, string>
}

/**
 * A range of slots, and the nodes that serve it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterSlots extends ClusterSlotRange {
  readonly primary: ClusterSlotsNode
  readonly replicas: ReadonlyArray<ClusterSlotsNode>
}

const metadataOf = Reply.record(Reply.name)

const slotsNodeOf: Reply.Decode<ClusterSlotsNode> = (value) => {
  const [endpoint, port, id, metadata] = parts(value)
  return {
    endpoint: nameOrNull(endpoint),
    port: Reply.integer(port),
    id: Reply.name(id),
    metadata: metadataOf(metadata ?? [])
  }
}

const slotsOf: Reply.Decode<ClusterSlots> = (value) => {
  const [start, end, primary, ...replicas] = parts(value)
  return {
    start: Reply.integer(start),
    end: Reply.integer(end),
    primary: slotsNodeOf(primary),
    replicas: replicas.map(slotsNodeOf)
  }
}

/**
 * The ranges of slots and the nodes that serve them. Slots without a primary and failed replicas are left out.
 *
 * Redis 7.0 deprecated it in favour of `clusterShards`. Since Redis 3.0.0.
 *
 * **Example** (Is every slot served?)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const served = Redis.clusterSlots().pipe(
 *   Command.map((entries) => entries.reduce((sum, { start, end }) => sum + end - start + 1, 0))
 * ) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/cluster-slots/
 * @category cluster
 * @since 0.1.0
 */
export const clusterSlots = (): Command.Command<ReadonlyArray<ClusterSlots>> =>
  Command.makeSealed(CLUSTER_SLOTS, [], Reply.array(slotsOf))
