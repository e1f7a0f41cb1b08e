/**
 * What one node believes of its cluster: who owns which slot, in which epoch, who is a replica of whom, who is down.
 *
 * A view is immutable, so that nodes that agree share one. It changes by a node's own decisions (SETSLOT, a failover) and
 * by claims of others, which win by their epoch as on the real bus.
 *
 * @since 0.1.0
 */
import * as Slot from "@redisc/core/Slot"

/** One node as seen by another. */
export interface Member {
  readonly id: string
  /** The epoch of its slots. The higher one wins. */
  readonly epoch: number
  /** The id of its primary, if it is a replica. */
  readonly primary: string | undefined
  /** `suspect`: unreachable for too long (PFAIL); `failed`: the majority says so (FAIL). */
  readonly health: "online" | "suspect" | "failed"
}

/** What a node believes. */
export interface View {
  readonly owners: ReadonlyArray<string | undefined>
  readonly members: ReadonlyMap<string, Member>
  readonly epoch: number
}

/** What a node says of itself on the bus. */
export interface Claim {
  readonly member: Member
  readonly slots: ReadonlyArray<number>
  /** The highest epoch it knows. */
  readonly epoch: number
}

/** A run of slots with one owner. */
export interface Range {
  readonly first: number
  readonly last: number
  readonly owner: string
}

const nobody: ReadonlyArray<string | undefined> = Array.from({ length: Slot.count }, () => undefined)

/** Nobody owns anything, and only the given nodes are known. */
export const emptyView = (members: Iterable<Member>): View => ({
  owners: nobody,
  members: new Map(Array.from(members, (member) => [member.id, member])),
  epoch: 0
})

/** The part of all slots that the i-th of `count` primaries gets, as redis-cli divides them. */
export const share = (index: number, count: number): readonly [first: number, last: number] => {
  const lastOf = (i: number): number => i === count - 1 ? Slot.count - 1 : Math.round((i + 1) * Slot.count / count - 1)
  return [index === 0 ? 0 : lastOf(index - 1) + 1, lastOf(index)]
}

/** Gives slots to an owner, or to nobody. */
export const assign = (view: View, slots: Iterable<number>, owner: string | undefined): View => {
  const owners = view.owners.slice()
  for (const slot of slots) owners[slot] = owner
  return { ...view, owners }
}

/** Changes what is known of some members. */
export const update = (view: View, changed: Iterable<Member>): View => {
  const members = new Map(view.members)
  let { epoch } = view
  for (const member of changed) {
    members.set(member.id, member)
    epoch = Math.max(epoch, member.epoch)
  }
  return { ...view, members, epoch }
}

/** Forgets a member and whatever it owned. */
export const forget = (view: View, id: string): View => {
  const members = new Map(view.members)
  members.delete(id)
  return { ...view, members, owners: view.owners.map((owner) => owner === id ? undefined : owner) }
}

/** What a node, whose view this is, says of itself. */
export const claimOf = (view: View, id: string): Claim => {
  const slots: Array<number> = []
  for (let slot = 0; slot < view.owners.length; slot++) if (view.owners[slot] === id) slots.push(slot)
  return { member: view.members.get(id)!, slots, epoch: view.epoch }
}

/**
 * What a node believes after it has heard a claim. A slot goes to the claimant if nobody has it or its owner's epoch is
 * lower. `keep` are the slots that the listener is importing: those change by SETSLOT only.
 */
export const hear = (view: View, { epoch, member, slots }: Claim, keep?: ReadonlySet<number>): View => {
  const known = view.members.get(member.id)
  const seen: Member = { ...member, health: known?.health ?? "online" }
  let owners: Array<string | undefined> | undefined
  if (member.primary === undefined) {
    for (const slot of slots) {
      const owner = view.owners[slot]
      if (owner === member.id || keep?.has(slot) === true) continue
      if (owner !== undefined && (view.members.get(owner)?.epoch ?? -1) >= member.epoch) continue
      owners ??= view.owners.slice()
      owners[slot] = member.id
    }
  } else {
    // A node that has become a replica owns nothing any more.
    for (let slot = 0; slot < view.owners.length; slot++) {
      if (view.owners[slot] !== member.id) continue
      owners ??= view.owners.slice()
      owners[slot] = undefined
    }
  }
  const same = known !== undefined && known.epoch === seen.epoch && known.primary === seen.primary
  if (owners === undefined && same && epoch <= view.epoch) return view
  const members = same ? view.members : new Map(view.members).set(member.id, seen)
  return { owners: owners ?? view.owners, members, epoch: Math.max(view.epoch, epoch, member.epoch) }
}

const rangeCache = new WeakMap<ReadonlyArray<string | undefined>, ReadonlyArray<Range>>()

/** The slots that have an owner, as runs in ascending order. */
export const ranges = ({ owners }: View): ReadonlyArray<Range> => {
  const known = rangeCache.get(owners)
  if (known !== undefined) return known
  const found: Array<Range> = []
  for (let first = 0; first < owners.length;) {
    const owner = owners[first]
    let last = first
    while (last + 1 < owners.length && owners[last + 1] === owner) last++
    if (owner !== undefined) found.push({ first, last, owner })
    first = last + 1
  }
  rangeCache.set(owners, found)
  return found
}

const ownerCache = new WeakMap<ReadonlyArray<string | undefined>, ReadonlySet<string>>()

/** The ids of those who own slots. */
export const slotOwners = (view: View): ReadonlySet<string> => {
  const known = ownerCache.get(view.owners)
  if (known !== undefined) return known
  const owners = new Set(ranges(view).map(({ owner }) => owner))
  ownerCache.set(view.owners, owners)
  return owners
}

/** What CLUSTER INFO counts. */
export interface Summary {
  readonly assigned: number
  readonly suspect: number
  readonly failed: number
  /** Primaries with slots. */
  readonly size: number
  /** Of those, the ones that are online. */
  readonly reachable: number
}

const summaries = new WeakMap<View, Summary>()

/** Counts slots and primaries. */
export const summarize = (view: View): Summary => {
  const known = summaries.get(view)
  if (known !== undefined) return known
  let assigned = 0
  let suspect = 0
  let failed = 0
  const healthy = new Set<string>()
  for (const { first, last, owner } of ranges(view)) {
    const count = last - first + 1
    assigned += count
    const health = view.members.get(owner)?.health
    if (health === "suspect") suspect += count
    else if (health === "failed") failed += count
    else healthy.add(owner)
  }
  const summary = { assigned, suspect, failed, size: slotOwners(view).size, reachable: healthy.size }
  summaries.set(view, summary)
  return summary
}

/** Whether a node with this view serves commands. */
export const isOk = (view: View, requireFullCoverage: boolean): boolean => {
  const { assigned, failed, reachable, size } = summarize(view)
  if (requireFullCoverage && (assigned < view.owners.length || failed > 0)) return false
  return reachable > size / 2
}

/** The replicas of a primary. */
export const replicasOf = (view: View, id: string): ReadonlyArray<Member> =>
  [...view.members.values()].filter(({ primary }) => primary === id)
