/**
 * One node's view of its cluster: the owner of each slot, epochs, the primaries of replicas, and failed nodes.
 *
 * A view is immutable, so that nodes that agree share one. It changes by the node's own decisions (SETSLOT, a failover) and by
 * claims of other nodes, among which the higher epoch wins, as on the real bus.
 *
 * @since 0.1.0
 */
import * as Slot from "@redisc/core/Slot"

/** One node in the view of another. */
export interface Member {
  readonly id: string
  /** The epoch of its slots. The higher epoch wins. */
  readonly epoch: number
  /** The id of its primary, if it is a replica. */
  readonly primary: string | undefined
  /** `suspect`: unreachable for too long (PFAIL); `failed`: the majority says so (FAIL). */
  readonly health: "online" | "suspect" | "failed"
}

/** One node's view of the cluster. */
export interface View {
  readonly owners: ReadonlyArray<string | undefined>
  readonly members: ReadonlyMap<string, Member>
  readonly epoch: number
}

/** A node's message about itself on the bus. */
export interface Claim {
  readonly member: Member
  readonly slots: ReadonlyArray<number>
  /** The highest epoch that the node knows. */
  readonly epoch: number
}

/** A run of slots with one owner. */
export interface Range {
  readonly first: number
  readonly last: number
  readonly owner: string
}

const nobody: ReadonlyArray<string | undefined> = Array.from({ length: Slot.count }, () => undefined)

/** A view in which no slot has an owner, and only the given nodes are known. */
export const emptyView = (members: Iterable<Member>): View => ({
  owners: nobody,
  members: new Map(Array.from(members, (member) => [member.id, member])),
  epoch: 0
})

/** The slots of the i-th of `count` primaries, divided as by redis-cli. */
export const share = (index: number, count: number): readonly [first: number, last: number] => {
  const lastOf = (i: number): number => i === count - 1 ? Slot.count - 1 : Math.round((i + 1) * Slot.count / count - 1)
  return [index === 0 ? 0 : lastOf(index - 1) + 1, lastOf(index)]
}

/** Gives slots to an owner, or with `undefined` to no node. */
export const assign = (view: View, slots: Iterable<number>, owner: string | undefined): View => {
  const owners = view.owners.slice()
  for (const slot of slots) owners[slot] = owner
  return { ...view, owners }
}

export const update = (view: View, changed: Iterable<Member>): View => {
  const members = new Map(view.members)
  let { epoch } = view
  for (const member of changed) {
    members.set(member.id, member)
    epoch = Math.max(epoch, member.epoch)
  }
  return { ...view, members, epoch }
}

/** Removes a member and its ownership of slots. */
export const forget = (view: View, id: string): View => {
  const members = new Map(view.members)
  members.delete(id)
  return { ...view, members, owners: view.owners.map((owner) => owner === id ? undefined : owner) }
}

/** The claim of the node that has this view. */
export const claimOf = (view: View, id: string): Claim => {
  const slots: Array<number> = []
  for (let slot = 0; slot < view.owners.length; slot++) if (view.owners[slot] === id) slots.push(slot)
  return { member: view.members.get(id)!, slots, epoch: view.epoch }
}

/**
 * Applies a claim to a view. A slot goes to the claimant if it has no owner, or an owner with a lower epoch. `keep` are the
 * slots that the listening node is importing: those change only by SETSLOT.
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
    // A node that has become a replica no longer owns slots.
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

/** The ids of all nodes with slots. */
export const slotOwners = (view: View): ReadonlySet<string> => {
  const known = ownerCache.get(view.owners)
  if (known !== undefined) return known
  const owners = new Set(ranges(view).map(({ owner }) => owner))
  ownerCache.set(view.owners, owners)
  return owners
}

/** The counts in CLUSTER INFO. */
export interface Summary {
  readonly assigned: number
  readonly suspect: number
  readonly failed: number
  /** The number of primaries with slots. */
  readonly size: number
  /** The number of those that are online. */
  readonly reachable: number
}

const summaries = new WeakMap<View, Summary>()

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

export const replicasOf = (view: View, id: string): ReadonlyArray<Member> =>
  [...view.members.values()].filter(({ primary }) => primary === id)
