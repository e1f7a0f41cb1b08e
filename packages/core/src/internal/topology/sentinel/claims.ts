/**
 * Which servers may be the primary, by what the sentinels say, in the order in which they are to be believed. Whether one is the
 * primary, only its own ROLE tells.
 */
import type { Address } from "../../../Address.ts"
import type { View } from "./poll.ts"
import { isUsable } from "./replies.ts"

/** A view whose addresses are those to connect to. */
export interface Mapped {
  readonly view: View
  readonly primary: Address
}

export interface Claim {
  readonly address: Address
  readonly epoch: number
  readonly views: ReadonlyArray<View>
  /** Whether most of the sentinels that were asked name this one. */
  readonly isOfMost: boolean
}

/** The epoch of a view that does not tell one: any other is newer. */
const unknownEpoch = -1

export interface Believed {
  readonly address: Address
  readonly epoch: number
}

/**
 * The claims by epoch, the newest first, and of the same epoch by the number of sentinels. What is older than what is believed
 * counts only if most sentinels say it, as they do after a group was set up anew.
 */
export const claimsOf = (
  views: ReadonlyArray<Mapped>,
  asked: number,
  believed: Believed | undefined
): ReadonlyArray<Claim> => {
  const byKey = new Map<string, { readonly address: Address; epoch: number; readonly views: Array<View> }>()
  for (const { primary, view } of views) {
    const epoch = view.epoch ?? unknownEpoch
    const known = byKey.get(primary.key)
    if (known === undefined) byKey.set(primary.key, { address: primary, epoch, views: [view] })
    else {
      known.epoch = Math.max(known.epoch, epoch)
      known.views.push(view)
    }
  }
  return Array.from(byKey.values(), (claim): Claim => ({ ...claim, isOfMost: claim.views.length * 2 > asked }))
    .filter(({ address, epoch, isOfMost }) =>
      believed === undefined || isOfMost || address.key === believed.address.key || epoch >= believed.epoch
    )
    .toSorted((a, b) => b.epoch - a.epoch || b.views.length - a.views.length)
}

/** The replicas that at least half of these sentinels find fit, as announced; and whether they know of any that is not. */
export const replicasOf = (
  views: ReadonlyArray<View>
): { readonly fit: ReadonlyArray<Address>; readonly areAllFit: boolean } => {
  const votes = new Map<string, { readonly address: Address; usable: number }>()
  for (const { replicas } of views) {
    for (const replica of replicas) {
      const { address } = replica
      const known = votes.get(address.key) ?? { address, usable: 0 }
      if (isUsable(replica)) known.usable++
      votes.set(address.key, known)
    }
  }
  const all = Array.from(votes.values())
  const fit = all.filter(({ usable }) => usable > 0 && usable * 2 >= views.length)
  return { fit: fit.map(({ address }) => address), areAllFit: fit.length === all.length }
}
