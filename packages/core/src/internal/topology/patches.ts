/**
 * The corrections of the slot map from MOVED replies. They are applied on top of the map that nodes return in a refresh.
 *
 * Nodes learn of a moved slot one by one, and its new owner, the target of the MOVED, knows first. So a correction holds, even
 * if many nodes disagree, until the target disclaims the slot or can't be reached, or the elected view agrees.
 */
import * as Address from "../../Address.ts"
import * as Slot from "../../Slot.ts"
import * as SlotMap from "../../SlotMap.ts"
import type { View } from "./vote.ts"

interface Patch {
  readonly address: Address.Address
  /** The time of the last MOVED with this target, in milliseconds. */
  readonly at: number
  /** Whether the target has answered a command on the slot. Until then there is only the word of the node that sent MOVED. */
  readonly served: boolean
}

/** A patch that was younger than this, in milliseconds, when a refresh began is kept whatever the refresh finds. */
const grace = 500

/** The views of the targets themselves, from the refresh that is being settled. */
export interface Testimony {
  /** The views of the targets that answered, by the key of their address. */
  readonly views: ReadonlyMap<string, View>
  /** The keys of the targets that were asked. Only these lose their slots by not answering. */
  readonly asked: ReadonlySet<string>
  readonly isLost: (address: Address.Address) => boolean
}

/** How many nodes that no elected view has may be given slots. Of more the one that was named longest ago loses its slots. */
const mostStrangers = 32
/** How long, in milliseconds, such a node keeps a slot for which it has answered no command. */
const trial = 10_000

export class Patches {
  private readonly bySlot = new Map<number, Patch>()
  /** How many slots each target has, by the key of its address. */
  private readonly counts = new Map<string, number>()
  /** When each target was last asked for its view. */
  private readonly askedAt = new Map<string, number>()

  private put(slot: number, patch: Patch): void {
    this.remove(slot)
    this.bySlot.set(slot, patch)
    this.counts.set(patch.address.key, (this.counts.get(patch.address.key) ?? 0) + 1)
  }

  private remove(slot: number): boolean {
    const key = this.bySlot.get(slot)?.address.key
    if (key === undefined) return false
    const left = this.counts.get(key)! - 1
    if (left > 0) {
      this.counts.set(key, left)
    } else {
      this.counts.delete(key)
      this.askedAt.delete(key)
    }
    return this.bySlot.delete(slot)
  }

  /**
   * Where the new target of a patch is one too many that the elected view does not have, the oldest of these loses its slots.
   * Returns whether one has lost them.
   */
  makeRoomFor({ key }: Address.Address, believed: SlotMap.SlotMap): boolean {
    if (this.counts.size <= mostStrangers || this.counts.get(key) !== 1) return false
    const strangers = this.targets().filter((target) => !isKnown(believed, target))
    const oldest = strangers[mostStrangers]?.key
    if (oldest === undefined) return false
    for (const [slot, { address }] of this.bySlot) if (address.key === oldest) this.remove(slot)
    return true
  }

  /**
   * Adds the target of a MOVED, and returns whether the MOVED is believed. A newer MOVED usually is, since the earlier target
   * may have passed the slot on. But once a target has served the slot, only that target (`from`) can send it elsewhere.
   */
  note(slot: number, address: Address.Address, at: number, from: string | undefined): boolean {
    if (!Number.isInteger(slot) || slot < 0 || slot >= Slot.count || !Address.isAddress(address)) return false
    const known = this.bySlot.get(slot)
    const isSame = known?.address.key === address.key
    if (known?.served === true && !isSame && from !== undefined && from !== known.address.key) return false
    this.put(slot, { address, at, served: isSame && known?.served === true })
    return true
  }

  /** Marks a patch as confirmed: its target has answered a command on the slot. */
  serves(slot: number, node: string): void {
    const known = this.bySlot.get(slot)
    if (known?.address.key === node) this.bySlot.set(slot, { ...known, served: true })
  }

  /**
   * Removes the patch of a slot if it names the given node, which says that it does not have the slot. Returns whether there
   * was one.
   */
  disclaim(slot: number, node: string): boolean {
    return this.bySlot.get(slot)?.address.key === node && this.remove(slot)
  }

  /** The nodes that patches name as owners, with those of the newest patches first. */
  targets(): ReadonlyArray<Address.Address> {
    const latest = Array.from(this.bySlot.values()).toReversed().sort((a, b) => b.at - a.at)
    return Array.from(new Map(latest.map(({ address }) => [address.key, address])).values())
  }

  /** Chooses the targets to ask for their views now: those that were not asked for the longest time, then the newest. */
  toAsk(count: number, now: number): ReadonlyArray<Address.Address> {
    const askedAt = ({ key }: Address.Address): number => this.askedAt.get(key) ?? -Infinity
    const chosen = this.targets().toSorted((a, b) => askedAt(a) === askedAt(b) ? 0 : askedAt(a) - askedAt(b)).slice(
      0,
      count
    )
    for (const { key } of chosen) this.askedAt.set(key, now)
    return chosen
  }

  /**
   * Removes the patches that no longer hold after a view was elected. Returns when to settle again: the time at which an
   * unconfirmed patch that the view contradicts is old enough to be judged; undefined if there is none.
   */
  settle(believed: View, testimony: Testimony, startedAt: number): number | undefined {
    let due: number | undefined
    for (const [slot, patch] of this.bySlot) {
      const { address, at, served } = patch
      const isYoung = at >= startedAt - grace
      const isTold = has(believed.map, slot, address)
      const isOverdue = !served && at < startedAt - trial && !isKnown(believed.map, address)
      const isKept = isYoung || (!isTold && !isOverdue && holds(slot, patch, believed, testimony))
      if (testimony.isLost(address) || !isKept) {
        this.remove(slot)
      } else if (!isTold && !served) {
        if (isYoung) due = Math.min(due ?? Infinity, at + grace + 1)
        else if (!isKnown(believed.map, address)) due = Math.min(due ?? Infinity, at + trial + 1)
      }
    }
    return due
  }

  /** The map with all patches applied. */
  applyTo(map: SlotMap.SlotMap): SlotMap.SlotMap {
    return SlotMap.patchAll(map, new Map(Array.from(this.bySlot, ([slot, { address }]) => [slot, address])))
  }
}

/** Whether the target still has the slot, according to its own view if that is known. */
const holds = (slot: number, { address, served }: Patch, believed: View, testimony: Testimony): boolean => {
  const own = testimony.views.get(address.key)
  if (own === undefined) return !testimony.asked.has(address.key)
  // A target that is cut off executes no commands, unless all nodes are cut off. A target that has become a replica still
  // accepts subscriptions, but no commands on the slot.
  if (own.healthy === false && believed.healthy !== false) return false
  if (own.map.nodes.get(address.key)?.role === "replica") return false
  return served || has(own.map, slot, address)
}

const isKnown = (map: SlotMap.SlotMap, address: Address.Address): boolean => SlotMap.resolve(map, address) !== undefined

const has = (map: SlotMap.SlotMap, slot: number, address: Address.Address): boolean => {
  const { key } = SlotMap.resolve(map, address)?.address ?? address
  return SlotMap.shardOf(map, slot)?.primary?.address.key === key
}
