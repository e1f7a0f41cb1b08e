/**
 * What redirects have told about slots, against the views of nodes that may not know of it yet.
 *
 * A redirect that was followed holds, however many nodes say otherwise, until its target disclaims the slot or can't be
 * reached, or the view that is believed has it too. It is the target that knows: the others hear of a move one by one.
 */
import * as Address from "../../Address.ts"
import * as Slot from "../../Slot.ts"
import * as SlotMap from "../../SlotMap.ts"
import type { View } from "./vote.ts"

interface Patch {
  readonly address: Address.Address
  /** When a redirect told it last, in milliseconds. */
  readonly at: number
  /** Whether the target has answered a command on the slot. Until then it is only hearsay. */
  readonly served: boolean
}

/** A redirect younger than this, in milliseconds, when a refresh began is believed more than what that finds out. */
const grace = 500

/** What the targets of redirects said when they were asked. */
export interface Testimony {
  /** By the key of their address, of those that answered. */
  readonly views: ReadonlyMap<string, View>
  /** Those that were asked. To say nothing is held against nobody else. */
  readonly asked: ReadonlySet<string>
  readonly isLost: (address: Address.Address) => boolean
}

export class Patches {
  private readonly bySlot = new Map<number, Patch>()

  /**
   * Notes what a redirect told at a time, and answers whether it is believed. The last one is, since a target may have
   * passed the slot on; but when the target has answered for it, nobody else (`from`) knows better.
   */
  note(slot: number, address: Address.Address, at: number, from: string | undefined): boolean {
    if (!Number.isInteger(slot) || slot < 0 || slot >= Slot.count || !Address.isAddress(address)) return false
    const known = this.bySlot.get(slot)
    const isSame = known?.address.key === address.key
    if (known?.served === true && !isSame && from !== undefined && from !== known.address.key) return false
    this.bySlot.set(slot, { address, at, served: isSame && known?.served === true })
    return true
  }

  /** Notes that a node has answered a command on a slot. */
  serves(slot: number, node: string): void {
    const known = this.bySlot.get(slot)
    if (known?.address.key === node) this.bySlot.set(slot, { ...known, served: true })
  }

  /** A node says that it does not have a slot, and names nobody who has. It answers whether that makes a difference. */
  disclaim(slot: number, node: string): boolean {
    return this.bySlot.get(slot)?.address.key === node && this.bySlot.delete(slot)
  }

  /** The nodes that hold slots by redirects alone, those that were told of last first. */
  targets(): ReadonlyArray<Address.Address> {
    const latest = Array.from(this.bySlot.values()).sort((a, b) => b.at - a.at)
    return Array.from(new Map(latest.map(({ address }) => [address.key, address])).values())
  }

  /**
   * Lets go of what does not hold any more, against the view that is believed from now on. It answers at what time there
   * is more to say: when one that is hearsay, and contradicted by the view, is old enough to be judged.
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

  /** A map as redirects have it. */
  applyTo(map: SlotMap.SlotMap): SlotMap.SlotMap {
    return SlotMap.patchAll(map, new Map(Array.from(this.bySlot, ([slot, { address }]) => [slot, address])))
  }
}

/** Whether a target stands by what a redirect told of it, as far as that is known. */
const holds = (slot: number, { address, served }: Patch, believed: View, testimony: Testimony): boolean => {
  const own = testimony.views.get(address.key)
  if (own === undefined) return !testimony.asked.has(address.key)
  // A target that is cut off serves nobody, unless nobody does; and one that has become a replica answers subscribers only.
  if (own.healthy === false && believed.healthy !== false) return false
  if (own.map.nodes.get(address.key)?.role === "replica") return false
  return served || has(own.map, slot, address)
}

const has = (map: SlotMap.SlotMap, slot: number, address: Address.Address): boolean => {
  const { key } = SlotMap.resolve(map, address)?.address ?? address
  return SlotMap.shardOf(map, slot)?.primary?.address.key === key
}
