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

export class Patches {
  private readonly bySlot = new Map<number, Patch>()

  /**
   * Adds the target of a MOVED, and returns whether the MOVED is believed. A newer MOVED usually is, since the earlier target
   * may have passed the slot on. But once a target has served the slot, only that target (`from`) can send it elsewhere.
   */
  note(slot: number, address: Address.Address, at: number, from: string | undefined): boolean {
    if (!Number.isInteger(slot) || slot < 0 || slot >= Slot.count || !Address.isAddress(address)) return false
    const known = this.bySlot.get(slot)
    const isSame = known?.address.key === address.key
    if (known?.served === true && !isSame && from !== undefined && from !== known.address.key) return false
    this.bySlot.set(slot, { address, at, served: isSame && known?.served === true })
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
    return this.bySlot.get(slot)?.address.key === node && this.bySlot.delete(slot)
  }

  /** The nodes that patches name as owners, with those of the newest patches first. */
  targets(): ReadonlyArray<Address.Address> {
    const latest = Array.from(this.bySlot.values()).sort((a, b) => b.at - a.at)
    return Array.from(new Map(latest.map(({ address }) => [address.key, address])).values())
  }

  /**
   * Removes the patches that no longer hold after a view was elected. Returns when to settle again: the time at which an
   * unconfirmed patch that the view contradicts is old enough to be judged; undefined if there is none.
   */
  settle(believed: View, testimony: Testimony, startedAt: number): number | undefined {
    let due: number | undefined
    for (const [slot, patch] of this.bySlot) {
      const isYoung = patch.at >= startedAt - grace
      const isTold = has(believed.map, slot, patch.address)
      if (testimony.isLost(patch.address) || !(isYoung || (!isTold && holds(slot, patch, believed, testimony)))) {
        this.bySlot.delete(slot)
      } else if (isYoung && !isTold && !patch.served) {
        due = Math.min(due ?? Infinity, patch.at + grace + 1)
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

const has = (map: SlotMap.SlotMap, slot: number, address: Address.Address): boolean => {
  const { key } = SlotMap.resolve(map, address)?.address ?? address
  return SlotMap.shardOf(map, slot)?.primary?.address.key === key
}
