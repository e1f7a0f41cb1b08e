/**
 * Cursors of HSCAN, SSCAN and ZSCAN: members in the order of a hash of theirs, so that a cursor stays good whatever is
 * written between two pages.
 *
 * @since 0.1.0
 */
import type { Bin } from "./binary.ts"

/** A hash, a set or a sorted set, as far as scanning goes. */
export interface Members {
  readonly has: (member: Bin) => boolean
  readonly keys: () => Iterable<Bin>
}

interface Place {
  /** From 1, because a cursor of 0 is both the beginning and the end. */
  readonly at: number
  readonly member: Bin
}

// What was there when the latest scan began. An older scan may use it too: all that was there throughout is in it.
const orders = new WeakMap<Members, ReadonlyArray<Place>>()

/** FNV-1a. */
const hash = (member: Bin): number => {
  let value = 0x811c9dc5
  for (let i = 0; i < member.length; i++) value = Math.imul(value ^ member.charCodeAt(i), 0x01000193)
  return (value >>> 0) + 1
}

const orderOf = (members: Members): ReadonlyArray<Place> =>
  Array.from(members.keys(), (member) => ({ at: hash(member), member })).sort((a, b) => a.at - b.at)

/**
 * About `count` members and the cursor of the next page, 0 at the end. What is there from the first page to the last is
 * answered exactly once.
 */
export const page = (
  members: Members,
  cursor: number,
  count: number
): { readonly cursor: number; readonly members: ReadonlyArray<Bin> } => {
  let order = cursor === 0 ? undefined : orders.get(members)
  if (order === undefined) orders.set(members, order = orderOf(members))
  let low = 0
  let high = order.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (order[middle].at < cursor) low = middle + 1
    else high = middle
  }
  const found: Array<Bin> = []
  let index = low
  // Members of one hash stay on one page.
  for (; index < order.length && (found.length < count || order[index].at === order[index - 1]?.at); index++) {
    if (members.has(order[index].member)) found.push(order[index].member)
  }
  return { cursor: index < order.length ? order[index].at : 0, members: found }
}
