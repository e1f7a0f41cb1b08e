/**
 * What a node says of itself, and what a scan may conclude from two of its answers: one before it has read the node's keys, and one
 * after. Pure.
 *
 * A node's own epoch tells what a map of the cluster can't. A slot that has left the node and come back has raised it, because whoever
 * takes a slot needs a higher epoch than the one who had it. The second and later slot that a node takes in a row need not raise its
 * epoch, so only slots that the node had at the beginning are done.
 *
 * A migration that is called off leaves the epoch as it is, though keys have gone and come back. The node has both sent and received
 * keys then.
 */
import type { ClusterNode } from "../../commands/cluster.ts"
import * as Slots from "./slots.ts"

export interface Traffic {
  readonly sent: number
  readonly received: number
}

export interface Standing {
  readonly id: string
  readonly isPrimary: boolean
  readonly epoch: number
  /** How often the process had sent keys to other nodes, and how many keys it had received, before it told the rest. */
  readonly traffic: Traffic
  /** The same, after it had told the rest. */
  readonly laterTraffic: Traffic
  readonly owned: Slots.Slots
  /** The nodes, by their ids, that slots are migrating to, and from. */
  readonly migrating: ReadonlyMap<number, string>
  readonly importing: ReadonlyMap<number, string>
}

const bySlot = (moves: ClusterNode["migrating"]): ReadonlyMap<number, string> =>
  new Map(moves.map(({ node, slot }) => [slot, node]))

/** The traffic of a node whose slots don't move. */
export const still: Traffic = { sent: 0, received: 0 }

const callsOf = (calls: Readonly<Record<string, string>>, command: string): number =>
  Number(/^calls=(\d+)/.exec(calls[`cmdstat_${command}`] ?? "")?.[1] ?? 0)

/** Reads the section `commandstats` of INFO. */
export const trafficOf = (calls: Readonly<Record<string, string>>): Traffic => ({
  sent: callsOf(calls, "migrate"),
  received: callsOf(calls, "restore-asking")
})

/** Reads the node's own line of CLUSTER NODES; undefined if there is none. */
export const read = (
  nodes: ReadonlyArray<ClusterNode>,
  traffic: Traffic = still,
  laterTraffic: Traffic = traffic
): Standing | undefined => {
  const self = nodes.find(({ flags }) => flags.includes("myself"))
  return self === undefined ? undefined : {
    id: self.id,
    isPrimary: self.flags.includes("master"),
    epoch: self.configEpoch,
    traffic,
    laterTraffic,
    owned: Slots.fromRanges(self.slots.map(({ end, start }) => [start, end])),
    migrating: bySlot(self.migrating),
    importing: bySlot(self.importing)
  }
}

/** Of the wanted slots, those whose keys are all at the node. */
export const closed = ({ importing, isPrimary, migrating, owned }: Standing, wanted: Slots.Slots): Slots.Slots =>
  isPrimary
    ? Slots.filter(wanted, (slot) => owned[slot] === 1 && !migrating.has(slot) && !importing.has(slot))
    : Slots.none()

/** Of the wanted slots, those whose keys are on their way from the node to another one. */
export const leaving = ({ isPrimary, migrating, owned }: Standing, wanted: Slots.Slots): ReadonlyArray<number> =>
  isPrimary ? Array.from(migrating.keys()).filter((slot) => wanted[slot] === 1 && owned[slot] === 1) : []

const isSame = (before: Standing, after: Standing): boolean =>
  after.id === before.id && after.isPrimary && before.isPrimary && after.epoch === before.epoch

/** Whether no key can have left a node and come back since it has said how much it had sent and received. */
export const isOneWay = (before: Traffic, { laterTraffic: after }: Standing): boolean =>
  before.sent === after.sent || before.received === after.received

/**
 * The slots that are done when all keys that a node had of the wanted slots were read between two answers. None if its epoch has
 * changed, or if it has both sent and received keys: a slot, or some of its keys, may have left and come back.
 */
export const settled = (before: Standing, after: Standing, wanted: Slots.Slots): Slots.Slots =>
  isSame(before, after) && isOneWay(before.traffic, after) ? closed(after, closed(before, wanted)) : Slots.none()

/** A node's answers before and after its keys were read. */
export interface Twice {
  readonly before: Standing
  readonly after: Standing
}

/**
 * Whether a slot that is leaving its owner is done, when its keys were read first at the owner, then at the target, and once more at
 * the owner, between the answers. A key that had left when the owner was read was at the target, and one that someone brought back
 * is found at the second reading.
 */
export const settledLeaving = (slot: number, owner: Twice, target: Twice): boolean =>
  isSame(owner.before, owner.after) && isSame(target.before, target.after) &&
  owner.before.migrating.get(slot) === target.before.id && owner.after.migrating.get(slot) === target.before.id &&
  owner.before.owned[slot] === 1 && owner.after.owned[slot] === 1 &&
  target.before.owned[slot] === target.after.owned[slot]
