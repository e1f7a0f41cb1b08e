/**
 * The slots and members of a simulated cluster, as plain functions that throw a `FakeClusterError` for invalid arguments.
 *
 * @since 0.1.0
 */
import * as Slot from "@redisc/core/Slot"
import type { Slots } from "../../internal/clusterNode.ts"
import * as Bus from "../cluster/bus.ts"
import * as Migration from "../cluster/migration.ts"
import type { FakeNode, FakeWorld } from "../cluster/node.ts"
import { relink } from "../cluster/replication.ts"
import * as Checks from "../input/checks.ts"
import { fail, shown } from "../input/checks.ts"
import * as ClusterState from "../topology/clusterState.ts"
import { find, running } from "./find.ts"
import type { NodeRef } from "./find.ts"
import { announceSlots } from "./handoffs.ts"

export const checkSlot = (slot: number): number =>
  Number.isInteger(slot) && slot >= 0 && slot < Slot.count
    ? slot
    : fail(`there is no slot ${shown(slot)}: slots are whole numbers from 0 to ${Slot.count - 1}`)

const expand = (slots: Slots): ReadonlyArray<number> =>
  Checks.list("slots", slots).flatMap((each) => {
    if (Array.isArray(each) && each.length !== 2) {
      fail(`slots has a range of ${each.length} numbers: give the first and the last`)
    }
    const [first, last] = Array.isArray(each) ? each as readonly [number, number] : [each as number, each as number]
    checkSlot(first)
    checkSlot(last)
    if (first > last) fail(`the range from ${first} to ${last} is empty`)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })

/** A node of the majority. Its view answers the test's questions about the cluster. */
export const witness = (world: FakeWorld): FakeNode => {
  const components = world.components().slice().sort((a, b) => b.length - a.length)
  const component = components.find(Bus.hasMajority) ?? components[0]
  return component === undefined ? fail("no node is running") : Bus.speakerOf(component)
}

export const ownerOf = (world: FakeWorld, slot: number): FakeNode => {
  const owner = witness(world).view.owners[checkSlot(slot)]
  const node = owner === undefined ? undefined : world.byId.get(owner)
  return node ?? fail(`nobody owns slot ${slot}`)
}

const primaryFor = (world: FakeWorld, to: NodeRef): FakeNode => {
  const node = running(world, to)
  return node.isReplica ? fail(`${node.name} is a replica, and only a primary can own slots`) : node
}

export const beginMigration = (world: FakeWorld, slot: number, to: NodeRef): void => {
  const from = ownerOf(world, slot)
  const target = primaryFor(world, to)
  if (from === target) fail(`${target.name} owns slot ${slot} already`)
  if (from.migrating.has(slot)) fail(`slot ${slot} is being moved already`)
  Migration.begin(from, target, slot)
}

const open = (world: FakeWorld, slot: number): readonly [from: FakeNode, to: FakeNode] => {
  const from = ownerOf(world, slot)
  const id = from.migrating.get(slot)
  const to = id === undefined ? undefined : world.byId.get(id)
  return to === undefined ? fail(`slot ${slot} is not being moved: begin by beginMigration`) : [from, to]
}

/** Moves some keys. */
export const migrateKeys = (world: FakeWorld, slot: number, limit: number): number =>
  Migration.moveKeys(...open(world, slot), slot, limit === Infinity ? limit : Checks.whole("limit", limit, 0))

/** Moves the remaining keys, and then the slot. */
export const finishMigration = (world: FakeWorld, slot: number): void => {
  const [from, to] = open(world, slot)
  Migration.moveKeys(from, to, slot, Infinity)
  Migration.finish(from, to, [slot])
}

/** Moves whole slots at once. */
export const migrateSlots = (
  world: FakeWorld,
  options: { readonly to: NodeRef; readonly from?: NodeRef | undefined; readonly slots?: Slots | undefined }
): void => {
  Checks.record("what migrateSlots is given", options, ["to", "from", "slots"])
  const to = primaryFor(world, options.to)
  const from = options.from === undefined ? undefined : find(world, options.from)
  if (from === undefined && options.slots === undefined) {
    fail("migrateSlots needs slots, or from, whose slots are all moved")
  }
  const { owners } = witness(world).view
  const slots = options.slots === undefined
    ? owners.flatMap((owner, slot) => owner === from?.id ? [slot] : [])
    : expand(options.slots)
  const byOwner = new Map<FakeNode, Array<number>>()
  for (const slot of slots) {
    const owner = ownerOf(world, slot)
    if (from !== undefined && owner !== from) fail(`slot ${slot} belongs to ${owner.name} and not to ${from.name}`)
    if (owner === to) continue
    const known = byOwner.get(owner)
    if (known === undefined) byOwner.set(owner, [slot])
    else known.push(slot)
  }
  for (const [owner, moved] of byOwner) {
    for (const slot of moved) if (owner.data.slotSize(slot) > 0) Migration.moveKeys(owner, to, slot, Infinity)
    Migration.finish(owner, to, moved)
  }
  if (world.settings.announces && byOwner.size > 0) {
    announceSlots(world, Array.from(byOwner, ([from, moved]) => ({ from, to, slots: moved })))
  }
}

/** Lets another primary claim a slot without its keys. */
export const claimSlot = (world: FakeWorld, slot: number, ref: NodeRef): void => {
  const from = ownerOf(world, slot)
  const by = primaryFor(world, ref)
  if (from === by) fail(`${by.name} owns slot ${slot} already`)
  Migration.finish(from, by, [slot])
}

export const failover = (world: FakeWorld, ref: NodeRef, mode: "default" | "force" | "takeover"): void => {
  const node = running(world, ref)
  Checks.oneOf("mode", mode, ["default", "force", "takeover"])
  if (!node.isReplica) fail(`${node.name} is a primary: a failover begins at the replica`)
  const { primary } = node
  if (mode === "default" && (primary === undefined || !world.reaches(node, primary))) {
    fail(`${primary?.name ?? "its primary"} can't be reached by ${node.name}: use force or takeover`)
  }
  if (mode === "force" && !Bus.hasMajority(world.component(node))) {
    fail(`${node.name} has no majority to elect it: use takeover`)
  }
  Bus.promote(world, node)
}

/** Removes a node without slots from the cluster, and ends it. */
export const removeNode = (world: FakeWorld, ref: NodeRef): void => {
  const node = find(world, ref)
  const others = [...world.nodes.values()].filter((other) => other !== node && other.process === "running")
  const replicas = others.filter(({ primaryId }) => primaryId === node.id)
  if (replicas.length > 0) {
    fail(`${node.name} has replicas, which have to be removed first: ${replicas.map(({ name }) => name).join(", ")}`)
  }
  const slots = witness(world).view.owners.flatMap((owner, slot) => owner === node.id ? [slot] : [])
  const heirs = others.filter((other) => !other.isReplica)
  if (slots.length > 0) {
    if (heirs.length === 0) fail(`${node.name} is the last primary`)
    heirs.forEach((heir, index) => {
      const each = Math.ceil(slots.length / heirs.length)
      const part = slots.slice(index * each, (index + 1) * each)
      if (part.length > 0) migrateSlots(world, { to: heir.name, slots: part })
    })
  }
  node.kill()
  world.remove(node)
  for (const other of others) {
    if (other.view.members.has(node.id)) Bus.decideAlone(world, other, ClusterState.forget(other.view, node.id))
  }
  relink(world)
}

/** The owners of slots and the primaries of replicas, as the majority sees them, one line per node. */
export const describe = (world: FakeWorld): string => {
  const { view } = witness(world)
  const lines = [...world.nodes.values()].map((node) => {
    const member = view.members.get(node.id)
    const primary = member?.primary === undefined ? undefined : world.byId.get(member.primary)?.name
    const owned = ClusterState.ranges(view)
      .filter(({ owner }) => owner === node.id)
      .map(({ first, last }) => first === last ? `${first}` : `${first}-${last}`)
    const moving = [
      ...Array.from(node.migrating, ([slot, to]) => `${slot} -> ${world.byId.get(to)?.name}`),
      ...Array.from(node.importing, ([slot, from]) => `${slot} <- ${world.byId.get(from)?.name}`)
    ]
    return [
      node.name,
      `${node.host}:${node.port}`,
      node.process === "running" ? member?.health ?? "unknown" : node.process,
      primary === undefined ? "primary" : `replica of ${primary}`,
      `epoch ${member?.epoch ?? 0}`,
      primary === undefined ? owned.length === 0 ? "no slots" : `slots ${owned.join(" ")}` : "",
      ...(moving.length === 0 ? [] : [`[${moving.join(", ")}]`])
    ].filter((part) => part !== "").join("  ")
  })
  return lines.join("\n")
}
