/**
 * The map from hash slots to the shards that serve them, as an immutable value.
 *
 * A map is built from one node's reply, patched by redirects and compared with its successor. This module asks no nodes and
 * does not decide which of several views to believe; `Topology` does.
 *
 * @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { isAddress } from "./Address.ts"
import type { Address } from "./Address.ts"
import * as parse from "./internal/values/layoutReply.ts"
import type { Node, ReplyOptions } from "./internal/values/layoutReply.ts"
import * as Settings from "./internal/values/settings.ts"
import type * as Resp from "./Resp.ts"
import * as Slot from "./Slot.ts"

export type { Node, ReplyOptions } from "./internal/values/layoutReply.ts"

/**
 * A primary and its replicas. The map says which slots they serve.
 *
 * **Details**
 *
 * Nodes that the cluster considers failed are in the map, but in no shard. `primary` is `undefined` if there is none to send
 * a command to; then no slot is assigned to the shard.
 *
 * `replicasKnown` is false for a shard known only from a redirect: it may have replicas.
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
  /** All known nodes, including failed ones, by the key of their address. */
  readonly nodes: ReadonlyMap<string, Node>
  /** How many of the 16384 slots belong to a shard. */
  readonly assigned: number
  /**
   * For each slot the index of its shard plus one, or 0 if the slot is unassigned.
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
 * The map before discovery: no shards, no nodes.
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

/**
 * Whether a value is a map that this module has made.
 *
 * @internal
 */
export const isSlotMap = (value: unknown): value is SlotMap => {
  const map = value as SlotMap | null | undefined
  return Array.isArray(map?.shards) && map.nodes instanceof Map && map.aliases instanceof Map &&
    map.owners instanceof Uint16Array && map.owners.length === Slot.count
}

// An endpoint belongs to one node. If two entries have the same one, as after a node restarted with a new identity, a living
// node wins over a failed one, and a primary over a replica.
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
  // `owners` has 16 bits per slot, and a node could list any number of shards without slots.
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
 * Maps aliases to nodes. An alias that two nodes share, or that is the address of another node, is left out. A living node
 * takes an alias from a failed one, since it may have taken over the host name.
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
 * A shard as a program describes it for {@link make}, with the ranges of slots that it serves.
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

const isListOf = (value: unknown, is: (item: unknown) => boolean): boolean => Array.isArray(value) && value.every(is)

/** What a shard may have. What each of it has to be is checked where all of it is known. */
const shardChecks: Settings.Checks = { primary: () => undefined, replicas: () => undefined, slots: () => undefined }

const nodeAt = (address: Address, role: Node["role"]): Node => ({
  id: undefined,
  address,
  role,
  aliases: [],
  availabilityZone: undefined,
  health: "online"
})

/**
 * Makes a map from shards that the program knows. Slots of no shard are unassigned. It fails if a slot is given twice, or if an
 * address or a range of slots is invalid.
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
  if (!Array.isArray(shards)) return Result.fail("the shards have to be an array")
  const reports: Array<parse.Report> = []
  for (const shard of shards as ReadonlyArray<ShardInput>) {
    const entry = `shard ${reports.length}`
    if (typeof shard !== "object" || shard === null) return Result.fail(`${entry} has to be an object`)
    const problem = Settings.optionsProblem(shard, shardChecks, entry)
    if (problem !== undefined) return Result.fail(problem)
    const { primary, replicas = [], slots } = shard
    if (!isAddress(primary) || !isListOf(replicas, isAddress)) {
      return Result.fail(`${entry}: its nodes have to be addresses, such as Address.tcp("10.0.0.1", 6379)`)
    }
    if (!isListOf(slots, isRange)) {
      return Result.fail(`${entry}: its slots have to be ranges within 0 to ${Slot.count - 1}, such as [[0, 5460]]`)
    }
    const nodes = [nodeAt(primary, "primary"), ...replicas.map((address) => nodeAt(address, "replica"))]
    reports.push({ entry, owner: undefined, ranges: slots, nodes, problems: [] })
  }
  return build(reports)
}

/**
 * The map that a reply to `CLUSTER SLOTS` describes.
 *
 * **Details**
 *
 * Slots that the reply does not list are unassigned. A host that is null or empty is the host of `origin`. A node whose host is
 * `?` is left out, and so are its slots if it is a primary. The same goes for a node whose description is invalid, as long as
 * another node can be read. A reply that contradicts itself or cannot be read is a failure that names the entry; there are no
 * partial maps.
 *
 * **Gotchas**
 *
 * The reply contains only nodes that serve slots, and does not say which of them have failed.
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
 * Reads hosts as `fromClusterSlots` does, and knows more: shards without slots, failed nodes, and both ports. With `tls` it
 * takes the TLS port, or the plain one if there is no other. Without `tls` a node that serves only TLS is left out; it is a
 * failure if all do.
 *
 * **Gotchas**
 *
 * While a shard's only primary has failed, the shard's slots are unassigned: no node can take its writes.
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
 * The shard that serves a slot, or `undefined` if none is known.
 *
 * **Details**
 *
 * A shard that serves a slot always has a primary. The result is `undefined` for a slot out of range.
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
 * The node at an address. The address may be the one to connect to, an IP, a host name, or the one that the node announces.
 *
 * **Details**
 *
 * A name that several nodes share resolves to none of them.
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
 * A range of slots that one shard serves, both ends included.
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
 * The assigned slots as ranges, ascending, each as long as possible.
 *
 * **Example** (Listing the ranges of slots)
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
 * If the address is a known primary's, the slot goes to its shard. A known replica has probably been promoted: it becomes the
 * primary of a new shard and is removed from the replicas of the old one. An unknown node becomes the primary of a new shard,
 * too. The replicas of a new shard are unknown, and the slot never keeps the replicas of its old owner.
 *
 * Returns the same object if nothing changes, or if there is no such slot. Do not apply ASK: it does not change the owner.
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
 * The map after several MOVED, with only one copy of the table.
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
 * @see {@link patch} for the effect of each
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
 * Removes shards that were added by redirects and have lost all their slots to others. Otherwise a node that redirects to ever
 * new addresses would make the map grow without bound.
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
 * A range of slots whose owner changed. `from` or `to` is `undefined` if the slots were, or now are, unassigned.
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
 * The differences between two maps.
 *
 * @category models
 * @since 0.1.0
 */
export interface Changes {
  readonly added: ReadonlyArray<Node>
  readonly removed: ReadonlyArray<Node>
  /** Nodes that were promoted or demoted, with their new role. */
  readonly roleChanged: ReadonlyArray<Node>
  /** Nodes that are now told to be in another availability zone, or in none. */
  readonly zoneChanged: ReadonlyArray<Node>
  readonly moved: ReadonlyArray<MovedRange>
}

/**
 * Compares two maps: nodes that were added, removed, or changed role or availability zone, and slots whose owner changed.
 *
 * **Gotchas**
 *
 * Nodes are compared by the address to connect to. A node with a new address is in `removed` and in `added`, since its
 * connections cannot move with it.
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
  // No two shards of a map have the same primary, so different pairs of owners are different pairs of addresses.
  runs((slot) => before.owners[slot] * 65536 + after.owners[slot], (start, end) => {
    const from = shardOf(before, start)?.primary?.address
    const to = shardOf(after, start)?.primary?.address
    if (from?.key !== to?.key) moved.push({ start, end, from, to })
  })
  const added: Array<Node> = []
  const roleChanged: Array<Node> = []
  const zoneChanged: Array<Node> = []
  for (const [key, node] of after.nodes) {
    const old = before.nodes.get(key)
    if (old === undefined) {
      added.push(node)
      continue
    }
    if (old.role !== node.role) roleChanged.push(node)
    if (old.availabilityZone !== node.availabilityZone) zoneChanged.push(node)
  }
  const removed = Array.from(before.nodes.values()).filter((node) => !after.nodes.has(node.address.key))
  return { added, removed, roleChanged, zoneChanged, moved }
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
 * A canonical text of the owners of all slots and of their replicas. Equal views have equal texts, whatever the order in which
 * the nodes listed their shards, so that the views of several nodes can be counted like votes.
 *
 * **Gotchas**
 *
 * A node is named by its id if it has one, since different nodes may announce the same node by different addresses. Use `diff`
 * to see that an address changed, or an availability zone, which is no part of the text: nodes learn of a new one one by one,
 * and agree about the slots meanwhile. Compare only maps read from the same command.
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
 * A table of the map for people: one line per shard with its slots, primary and replicas, then the failed nodes and the number
 * of unassigned slots.
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
