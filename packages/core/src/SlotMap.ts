/**
 * The map from hash slots to shards: who serves which slot, as an immutable value.
 *
 * A map is built from what one node replied, patched by redirects and compared with its successor. It neither asks nodes
 * nor decides which of several views to believe; that is the business of `Topology`.
 *
 * @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { isAddress } from "./Address.ts"
import type { Address } from "./Address.ts"
import * as parse from "./internal/values/layoutReply.ts"
import type { Node, ReplyOptions } from "./internal/values/layoutReply.ts"
import type * as Resp from "./Resp.ts"
import * as Slot from "./Slot.ts"

export type { Node, ReplyOptions } from "./internal/values/layoutReply.ts"

/**
 * A primary, the replicas that copy it, and in the map the slots that they serve together.
 *
 * **Details**
 *
 * Nodes that the cluster holds for failed are not part of a shard, though the map knows them. `primary` is `undefined` if
 * there is none to send a command to; then no slot is assigned to the shard.
 *
 * `replicasKnown` is false for a shard that only a redirect told of: it may well have replicas.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shard {
  readonly primary: Node | undefined
  readonly replicas: ReadonlyArray<Node>
  readonly replicasKnown: boolean
}

/**
 * Which shard serves which slot.
 *
 * @category models
 * @since 0.1.0
 */
export interface SlotMap {
  readonly shards: ReadonlyArray<Shard>
  /** All known nodes, failed ones too, by the key of their address. */
  readonly nodes: ReadonlyMap<string, Node>
  /** How many of the 16384 slots belong to a shard. */
  readonly assigned: number
  /**
   * For each slot the index of its shard plus one, or 0 if nobody serves it.
   *
   * @internal
   */
  readonly owners: Uint16Array
  /**
   * From the key of an alias to the key of the node.
   *
   * @internal
   */
  readonly aliases: ReadonlyMap<string, string>
}

/**
 * The map of a cluster that nobody has asked yet: no shards, no nodes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const empty: SlotMap = {
  shards: [],
  nodes: new Map(),
  assigned: 0,
  owners: new Uint16Array(Slot.count),
  aliases: new Map()
}

// One endpoint is one node. When two entries claim it, as they do after a node restarted with a new identity, the claim
// of the living counts more than that of the failed, and that of a primary more than that of a replica.
const weight = (node: Node): number => node.health === "failed" ? 0 : node.role === "replica" ? 1 : 2

interface Draft {
  readonly index: number
  readonly primary: Node | undefined
  readonly replicas: Map<string, Node>
}

const build = (reports: ReadonlyArray<parse.Report>): Result.Result<SlotMap, string> => {
  const nodes = new Map<string, Node>()
  for (const report of reports) {
    for (const node of report.nodes) {
      const rival = nodes.get(node.address.key)
      if (rival === undefined || weight(node) > weight(rival)) nodes.set(node.address.key, node)
    }
  }
  const drafts = new Map<string, Draft>()
  // For each slot the number of the report that lists it, from 1.
  const claims = new Uint32Array(Slot.count)
  const owners = new Uint16Array(Slot.count)
  let assigned = 0
  for (let i = 0; i < reports.length; i++) {
    const report = reports[i]
    const members = report.nodes.filter((node) => node.health !== "failed")
    const primaries = members.filter((node) => node.role === "primary")
    const listed = primaries.find((node) => node.health === "online") ?? primaries[0]
    const primary = listed === undefined ? undefined : nodes.get(listed.address.key)
    const identity = primary === undefined ? `no primary ${report.owner ?? report.entry}` : primary.address.key
    let draft = drafts.get(identity)
    if (draft === undefined) {
      draft = { index: drafts.size, primary, replicas: new Map() }
      drafts.set(identity, draft)
    }
    for (const node of members) {
      const known = nodes.get(node.address.key)
      if (known !== undefined && known.role === "replica") draft.replicas.set(known.address.key, known)
    }
    const owner = primary === undefined ? 0 : draft.index + 1
    for (const [start, end] of report.ranges) {
      for (let slot = start; slot <= end; slot++) {
        if (claims[slot] !== 0) return Result.fail(overlap(reports, claims, slot, end, report))
      }
      claims.fill(i + 1, start, end + 1)
      owners.fill(owner, start, end + 1)
      if (owner !== 0) assigned += end - start + 1
    }
  }
  // A shard without slots costs its sender nothing, and the table counts in 16 bits.
  if (drafts.size > Slot.count) return Result.fail(`the reply lists ${drafts.size} shards, more than there are slots`)
  const shards = Array.from(drafts.values(), (draft): Shard => ({
    primary: draft.primary,
    replicas: Array.from(draft.replicas.values()),
    replicasKnown: true
  }))
  return Result.succeed({ shards, nodes, assigned, owners, aliases: aliasesOf(nodes) })
}

const overlap = (
  reports: ReadonlyArray<parse.Report>,
  claims: Uint32Array,
  start: number,
  limit: number,
  second: parse.Report
): string => {
  let end = start
  while (end < limit && claims[end + 1] === claims[start]) end++
  const first = reports[claims[start] - 1]
  const place = first === second ? "the same entry" : first.entry
  return `${second.entry}: ${showRange(start, end)} listed before, in ${place}`
}

const countAssigned = (owners: Uint16Array): number => {
  let assigned = 0
  for (let slot = 0; slot < owners.length; slot++) if (owners[slot] !== 0) assigned++
  return assigned
}

/**
 * A name that two nodes go by, or that is the address of another, leads to no node. A failed node has to leave its names to
 * the living: its successor may well have taken over the host name.
 */
const aliasesOf = (nodes: ReadonlyMap<string, Node>): ReadonlyMap<string, string> => {
  const aliases = new Map<string, string>()
  const ambiguous = new Set<string>()
  const add = (node: Node): void => {
    for (const alias of node.aliases) {
      if (nodes.has(alias)) continue
      if (!aliases.has(alias)) aliases.set(alias, node.address.key)
      else if (node.health !== "failed") ambiguous.add(alias)
    }
  }
  for (const node of nodes.values()) if (node.health !== "failed") add(node)
  for (const node of nodes.values()) if (node.health === "failed") add(node)
  for (const alias of ambiguous) aliases.delete(alias)
  return aliases
}

/**
 * A shard as a program knows it, and the ranges of slots that it serves.
 *
 * @category models
 * @since 0.1.0
 */
export interface ShardInput {
  readonly primary: Address
  readonly replicas?: ReadonlyArray<Address> | undefined
  readonly slots: ReadonlyArray<readonly [start: number, end: number]>
}

const isRange = (range: unknown): boolean =>
  Array.isArray(range) && range.length === 2 && range.every((slot) => Number.isInteger(slot)) &&
  range[0] >= 0 && range[0] <= range[1] && range[1] < Slot.count

/**
 * A map of shards that are known. Slots that none of them has are unassigned. It fails when a slot is given twice, or what is
 * given is no address or no range of slots.
 *
 * **Example** (Two shards, one of which has a replica)
 *
 * ```ts
 * import { Address, SlotMap } from "@redisc/core"
 * import * as Result from "effect/Result"
 *
 * const map = Result.getOrThrow(SlotMap.make([
 *   { primary: Address.tcp("10.0.0.1", 7000), replicas: [Address.tcp("10.0.0.3", 7000)], slots: [[0, 8191]] },
 *   { primary: Address.tcp("10.0.0.2", 7000), slots: [[8192, 16383]] }
 * ]))
 * map.assigned // => 16384
 * SlotMap.shardOf(map, 0)?.replicas.length // => 1
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (shards: ReadonlyArray<ShardInput>): Result.Result<SlotMap, string> => {
  const node = (address: Address, role: Node["role"]): Node => ({
    id: undefined,
    address,
    role,
    aliases: [],
    availabilityZone: undefined,
    health: "online"
  })
  const reports: Array<parse.Report> = []
  for (const { primary, replicas = [], slots } of shards) {
    const entry = `shard ${reports.length}`
    if (![primary, ...replicas].every(isAddress)) return Result.fail(`${entry}: its nodes have to be addresses`)
    if (!slots.every(isRange)) return Result.fail(`${entry}: its slots have to be ranges within 0 to ${Slot.count - 1}`)
    const nodes = [node(primary, "primary"), ...replicas.map((address) => node(address, "replica"))]
    reports.push({ entry, owner: undefined, ranges: slots, nodes, problems: [] })
  }
  return build(reports)
}

/**
 * The map that a reply to `CLUSTER SLOTS` describes.
 *
 * **Details**
 *
 * Slots that the reply does not list are unassigned. A host that is null or empty is the host of `origin`; a node whose
 * host is `?` is left out, and if it is a primary, so are its slots; so is one of which it says what makes no sense, as
 * long as another can be read. A reply that contradicts itself or cannot be read is a failure that names the entry, and
 * there is no partial map.
 *
 * **Gotchas**
 *
 * The command tells only of nodes that have to do with slots, and not which of them have failed.
 *
 * **Example** (Reading a reply)
 *
 * ```ts
 * import { Address, SlotMap } from "@redisc/core"
 * import * as Result from "effect/Result"
 *
 * const origin = Address.tcp("10.0.0.1", 7000)
 * const map = Result.getOrThrow(
 *   SlotMap.fromClusterSlots([[0, 8191, [null, 7000]], [8192, 16383, ["10.0.0.2", 7000]]], { origin })
 * )
 * map.assigned // => 16384
 * SlotMap.shardOf(map, 0)?.primary?.address.key // => "10.0.0.1:7000"
 * ```
 *
 * Source: https://redis.io/docs/latest/commands/cluster-slots/ (since Redis 3.0.0; metadata since 7.0.0)
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromClusterSlots = (reply: Resp.Value, options: ReplyOptions): Result.Result<SlotMap, string> =>
  Result.flatMap(parse.clusterSlots(reply, options), build)

/**
 * The map that a reply to `CLUSTER SHARDS` describes, in RESP2 or RESP3.
 *
 * **Details**
 *
 * Reads hosts as `fromClusterSlots` does, and knows more: shards without slots, failed nodes, and both ports. With
 * `tls` the TLS port counts, or the plain one if there is no other; without `tls` a node that only serves TLS is left out, and
 * it is a failure if all do.
 *
 * **Gotchas**
 *
 * While a shard has only a failed primary, nobody can be sent its writes, so its slots are unassigned.
 *
 * **Example** (Reading a reply)
 *
 * ```ts
 * import { Address, SlotMap } from "@redisc/core"
 * import * as Result from "effect/Result"
 *
 * const node = ["id", "a1", "port", 7000, "ip", "10.0.0.1", "endpoint", "10.0.0.1", "role", "master", "health", "online"]
 * const map = Result.getOrThrow(
 *   SlotMap.fromClusterShards([["slots", [0, 16383], "nodes", [node]]], { origin: Address.tcp("10.0.0.1", 7000) })
 * )
 * map.assigned // => 16384
 * ```
 *
 * Source: https://redis.io/docs/latest/commands/cluster-shards/ (since Redis 7.0.0)
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromClusterShards = (reply: Resp.Value, options: ReplyOptions): Result.Result<SlotMap, string> =>
  Result.flatMap(parse.clusterShards(reply, options), build)

/**
 * The shard that serves a slot, or `undefined` if nobody is known to.
 *
 * **Details**
 *
 * A shard that serves a slot always has a primary. A slot out of range is served by nobody.
 *
 * **Example** (Finding the owner of a slot)
 *
 * ```ts
 * import { Address, SlotMap } from "@redisc/core"
 *
 * const map = SlotMap.patch(SlotMap.empty, 12182, Address.tcp("10.0.0.3", 7000))
 * SlotMap.shardOf(map, 12182)?.primary?.address.key // => "10.0.0.3:7000"
 * SlotMap.shardOf(map, 0) // => undefined
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const shardOf = (map: SlotMap, slot: number): Shard | undefined => {
  const owner = map.owners[slot]
  return owner > 0 ? map.shards[owner - 1] : undefined
}

/**
 * The node behind an address, be it the one we dial, an IP, a host name, or what the node announces of itself.
 *
 * **Details**
 *
 * A name that several nodes go by resolves to none of them.
 *
 * **Example** (Finding a node)
 *
 * ```ts
 * import { Address, SlotMap } from "@redisc/core"
 *
 * const map = SlotMap.patch(SlotMap.empty, 12182, Address.tcp("10.0.0.3", 7000))
 * SlotMap.resolve(map, Address.tcp("10.0.0.3", 7000))?.role // => "primary"
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const resolve = (map: SlotMap, address: Address): Node | undefined =>
  map.nodes.get(address.key) ?? map.nodes.get(map.aliases.get(address.key) ?? "")

/**
 * A run of slots that one shard serves, both ends included.
 *
 * @category models
 * @since 0.1.0
 */
export interface SlotRange {
  readonly start: number
  readonly end: number
  readonly shard: Shard
}

/**
 * The assigned slots as runs, ascending, each as long as possible.
 *
 * **Example** (Listing who serves what)
 *
 * ```ts
 * import { Address, SlotMap } from "@redisc/core"
 *
 * const map = SlotMap.patch(SlotMap.empty, 12182, Address.tcp("10.0.0.3", 7000))
 * SlotMap.ranges(map).map(({ start, end }) => [start, end]) // => [[12182, 12182]]
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const ranges = (map: SlotMap): ReadonlyArray<SlotRange> => {
  const { owners, shards } = map
  const out: Array<SlotRange> = []
  for (let start = 0; start < Slot.count;) {
    const owner = owners[start]
    let end = start
    while (end + 1 < Slot.count && owners[end + 1] === owner) end++
    if (owner !== 0) out.push({ start, end, shard: shards[owner - 1] })
    start = end + 1
  }
  return out
}

const runs = (label: (slot: number) => number, emit: (start: number, end: number, label: number) => void): void => {
  let start = 0
  let current = label(0)
  for (let slot = 1; slot < Slot.count; slot++) {
    const next = label(slot)
    if (next === current) continue
    emit(start, slot - 1, current)
    start = slot
    current = next
  }
  emit(start, Slot.count - 1, current)
}

const showRange = (start: number, end: number): string =>
  start === end ? `slot ${start} was` : `slots ${start}-${end} were`

/**
 * The map after a MOVED: `slot` now belongs to the node at `address`.
 *
 * **Details**
 *
 * The address of a known primary stands for its shard. A known replica has been promoted, it seems: it becomes the primary
 * of a new shard and is no longer among the replicas of the old one. So does a node that nobody knew. Nothing is known
 * about the replicas of such a shard, and those of the old owner are never kept for the slot.
 *
 * The answer is the same object if the map says so already, or if there is no such slot. ASK must not be applied: it does
 * not change the owner.
 *
 * **Example** (Learning from a redirect)
 *
 * ```ts
 * import { Address, SlotMap } from "@redisc/core"
 *
 * const map = SlotMap.patch(SlotMap.empty, 12182, Address.tcp("10.0.0.3", 7000))
 * SlotMap.shardOf(map, 12182)?.primary?.address.key // => "10.0.0.3:7000"
 * ```
 *
 * Source: cluster specification, "MOVED Redirection".
 *
 * @category patching
 * @since 0.1.0
 */
export const patch = (map: SlotMap, slot: number, address: Address): SlotMap =>
  shardOf(map, slot)?.primary?.address.key === keyOf(map, address) ? map : patchAll(map, new Map([[slot, address]]))

const keyOf = (map: SlotMap, address: Address): string => resolve(map, address)?.address.key ?? address.key

/**
 * The map after several MOVED, at the price of one copy of the table.
 *
 * **Example** (Two redirects at once)
 *
 * ```ts
 * import { Address, SlotMap } from "@redisc/core"
 *
 * const address = Address.tcp("10.0.0.3", 7000)
 * SlotMap.patchAll(SlotMap.empty, new Map([[1, address], [2, address]])).assigned // => 2
 * ```
 *
 * @see {@link patch} for what each of them does
 * @category patching
 * @since 0.1.0
 */
export const patchAll = (map: SlotMap, patches: ReadonlyMap<number, Address>): SlotMap => {
  let shards = map.shards.slice()
  const nodes = new Map(map.nodes)
  const owners = map.owners.slice()
  let changed = false
  for (const [slot, address] of patches) {
    if (!Number.isInteger(slot) || slot < 0 || slot >= Slot.count) continue
    const key = keyOf(map, address)
    let index = shards.findIndex((shard) => shard.primary?.address.key === key)
    if (index === -1) {
      const primary = promoted(nodes.get(key), address)
      nodes.set(key, primary)
      shards = shards.map((shard) => withoutReplica(shard, key))
      index = shards.push({ primary, replicas: [], replicasKnown: false }) - 1
    }
    if (owners[slot] === index + 1) continue
    owners[slot] = index + 1
    changed = true
  }
  return changed ? sweep(shards, nodes, owners, map.aliases) : map
}

const promoted = (known: Node | undefined, address: Address): Node =>
  known === undefined
    ? { id: undefined, address, role: "primary", aliases: [], availabilityZone: undefined, health: "online" }
    : { ...known, role: "primary", health: "online" }

const withoutReplica = (shard: Shard, key: string): Shard =>
  shard.replicas.some((replica) => replica.address.key === key)
    ? { ...shard, replicas: shard.replicas.filter((replica) => replica.address.key !== key) }
    : shard

/**
 * Drops shards that redirects brought and took away again. Without it a node that redirects to ever new places would make
 * the map grow without bound.
 */
const sweep = (
  shards: ReadonlyArray<Shard>,
  nodes: Map<string, Node>,
  owners: Uint16Array,
  aliases: ReadonlyMap<string, string>
): SlotMap => {
  const used = new Uint8Array(shards.length + 1)
  for (let slot = 0; slot < owners.length; slot++) used[owners[slot]] = 1
  const kept: Array<Shard> = []
  const moves = new Uint16Array(shards.length + 1)
  for (let i = 0; i < shards.length; i++) {
    const { primary, replicasKnown } = shards[i]
    if (replicasKnown || used[i + 1] === 1) moves[i + 1] = kept.push(shards[i])
    else if (primary !== undefined && primary.id === undefined) nodes.delete(primary.address.key)
  }
  if (kept.length < shards.length) {
    for (let slot = 0; slot < owners.length; slot++) {
      owners[slot] = moves[owners[slot]]
    }
  }
  return { shards: kept, nodes, assigned: countAssigned(owners), owners, aliases }
}

/**
 * A run of slots that changed hands. An end without address is nobody: the slots were, or now are, unassigned.
 *
 * @category models
 * @since 0.1.0
 */
export interface MovedRange {
  readonly start: number
  readonly end: number
  readonly from: Address | undefined
  readonly to: Address | undefined
}

/**
 * What is different between two maps.
 *
 * @category models
 * @since 0.1.0
 */
export interface Changes {
  readonly added: ReadonlyArray<Node>
  readonly removed: ReadonlyArray<Node>
  /** Nodes that were promoted or demoted, as they are now. */
  readonly roleChanged: ReadonlyArray<Node>
  readonly moved: ReadonlyArray<MovedRange>
}

/**
 * What happened between two maps: nodes that came, left or changed role, and slots that changed hands.
 *
 * **Gotchas**
 *
 * Nodes are compared by the address that is dialed. One that is now reached elsewhere is in `removed` and in `added`,
 * since its connections cannot follow it.
 *
 * **Example** (What a redirect changed)
 *
 * ```ts
 * import { Address, SlotMap } from "@redisc/core"
 *
 * const map = SlotMap.patch(SlotMap.empty, 12182, Address.tcp("10.0.0.3", 7000))
 * SlotMap.diff(SlotMap.empty, map).moved
 * // => [{ start: 12182, end: 12182, from: undefined, to: Address.tcp("10.0.0.3", 7000) }]
 * ```
 *
 * @category comparing
 * @since 0.1.0
 */
export const diff = (before: SlotMap, after: SlotMap): Changes => {
  const moved: Array<MovedRange> = []
  // Within a map no two shards have the same primary, so a pair of owners that differs is a pair of addresses that does.
  runs((slot) => before.owners[slot] * 65536 + after.owners[slot], (start, end) => {
    const from = shardOf(before, start)?.primary?.address
    const to = shardOf(after, start)?.primary?.address
    if (from?.key !== to?.key) moved.push({ start, end, from, to })
  })
  const added: Array<Node> = []
  const roleChanged: Array<Node> = []
  for (const [key, node] of after.nodes) {
    const old = before.nodes.get(key)
    if (old === undefined) added.push(node)
    else if (old.role !== node.role) roleChanged.push(node)
  }
  const removed = Array.from(before.nodes.values()).filter((node) => !after.nodes.has(node.address.key))
  return { added, removed, roleChanged, moved }
}

const slotTexts = (map: SlotMap): ReadonlyMap<Shard, string> => {
  const texts = new Map<Shard, string>()
  for (const { end, shard, start } of ranges(map)) {
    const text = start === end ? `${start}` : `${start}-${end}`
    const before = texts.get(shard)
    texts.set(shard, before === undefined ? text : `${before},${text}`)
  }
  return texts
}

/**
 * A canonical text of who owns which slots and who replicates whom. Equal views have equal texts, in whatever order the
 * nodes listed their shards, so that the views of several nodes can be counted like votes.
 *
 * **Gotchas**
 *
 * A node is named by its id if it has one, since nodes may announce one and the same node by different addresses. Use
 * `diff` to see that an address changed. Compare only maps read from the same command.
 *
 * **Example** (The vote of a node)
 *
 * ```ts
 * import { Address, SlotMap } from "@redisc/core"
 *
 * const map = SlotMap.patch(SlotMap.empty, 12182, Address.tcp("10.0.0.3", 7000))
 * SlotMap.fingerprint(map) // => "10.0.0.3:7000 [12182] ?"
 * ```
 *
 * @category comparing
 * @since 0.1.0
 */
export const fingerprint = (map: SlotMap): string => {
  const nameOf = (node: Node | undefined): string => node === undefined ? "?" : node.id ?? node.address.key
  const slots = slotTexts(map)
  return map.shards.map((shard) => {
    const replicas = shard.replicasKnown ? shard.replicas.map(nameOf).sort().join(",") : "?"
    return `${nameOf(shard.primary)} [${slots.get(shard) ?? ""}] ${replicas}`
  }).sort().join("\n")
}

/**
 * A table of the map for people: a line a shard with its slots, its primary and its replicas, and one for what is missing.
 *
 * **Example** (Printing a map)
 *
 * ```ts
 * import { Address, SlotMap } from "@redisc/core"
 *
 * SlotMap.describe(SlotMap.patch(SlotMap.empty, 7, Address.tcp("10.0.0.1", 7000)))
 * // => "slots  primary        replicas\n7      10.0.0.1:7000  unknown\n16383 of 16384 slots unassigned"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const describe = (map: SlotMap): string => {
  const slots = slotTexts(map)
  const rows = map.shards.map((shard) => [
    abridged(slots.get(shard) ?? "none"),
    shard.primary?.address.key ?? "unknown",
    shard.replicas.map(describeReplica).join(", ") || (shard.replicasKnown ? "none" : "unknown")
  ])
  const table = [["slots", "primary", "replicas"], ...rows]
  const widths = [0, 1].map((column) => Math.max(...table.map((row) => row[column].length)))
  const lines = table.map(([slots, primary, replicas]) =>
    `${slots.padEnd(widths[0])}  ${primary.padEnd(widths[1])}  ${replicas}`
  )
  const failed = Array.from(map.nodes.values()).filter((node) => node.health === "failed")
  if (failed.length > 0) lines.push(`failed: ${failed.map((node) => node.address.key).join(", ")}`)
  if (map.assigned < Slot.count) lines.push(`${Slot.count - map.assigned} of ${Slot.count} slots unassigned`)
  return lines.join("\n")
}

const abridged = (slots: string): string => {
  const ranges = slots.split(",")
  return ranges.length <= 4 ? slots : `${ranges.slice(0, 3).join(",")} and ${ranges.length - 3} more`
}

const describeReplica = (node: Node): string =>
  node.health === "loading" ? `${node.address.key} (loading)` : node.address.key
