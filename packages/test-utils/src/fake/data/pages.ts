/**
 * Cursors of SCAN, HSCAN, SSCAN and ZSCAN. Members are ordered by a hash, so that a cursor stays valid whatever is written
 * between two pages. Like a server, each process has a seed for its hash, so a cursor is valid at one node only.
 *
 * @since 0.1.0
 */
import type { Bin } from "../values/binary.ts"

/** A hash, a set, a sorted set or all keys, as far as scans use it. */
export interface Members {
  readonly has: (member: Bin) => boolean
  readonly keys: () => Iterable<Bin>
}

interface Place {
  /** At least 1, because a cursor of 0 is both the beginning and the end. */
  readonly at: number
  readonly member: Bin
}

// The members at the beginning of the latest scan, by seed. Older scans can use this order too: it contains everything that was
// there during the whole scan.
const orders = new WeakMap<Members, Map<number, ReadonlyArray<Place>>>()

/** FNV-1a, mixed once more with the seed, so that similar members or similar seeds do not give a similar order. */
const hash = (member: Bin, seed: number): number => {
  let value = 0x811c9dc5 ^ seed
  for (let i = 0; i < member.length; i++) value = Math.imul(value ^ member.charCodeAt(i), 0x01000193)
  value = Math.imul(value ^ (value >>> 16) ^ seed, 0x85ebca6b)
  return ((value ^ (value >>> 13)) >>> 0) + 1
}

/** Larger than any hash. */
const group = 2 ** 33

const orderOf = (members: Members, seed: number, groupOf: (member: Bin) => number): ReadonlyArray<Place> => {
  const place = (member: Bin): Place => ({ at: groupOf(member) * group + hash(member, seed), member })
  const order = Array.from(members.keys(), place).sort((a, b) => a.at - b.at)
  const known = orders.get(members)
  if (known === undefined) orders.set(members, new Map([[seed, order]]))
  else known.set(seed, order)
  return order
}

/**
 * A page of about `count` members, and the cursor of the next page, which is 0 at the end. Members that exist during the whole
 * scan are returned exactly once, as long as the seed is the same. Members of a lower group come first.
 */
export const page = (
  members: Members,
  cursor: number,
  count: number,
  seed: number,
  groupOf: (member: Bin) => number = () => 0
): { readonly cursor: number; readonly members: ReadonlyArray<Bin> } => {
  const order = (cursor === 0 ? undefined : orders.get(members)?.get(seed)) ?? orderOf(members, seed, groupOf)
  let low = 0
  let high = order.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (order[middle].at < cursor) low = middle + 1
    else high = middle
  }
  const found: Array<Bin> = []
  let index = low
  // Members with the same hash stay on one page.
  for (; index < order.length && (found.length < count || order[index].at === order[index - 1]?.at); index++) {
    if (members.has(order[index].member)) found.push(order[index].member)
  }
  return { cursor: index < order.length ? order[index].at : 0, members: found }
}
