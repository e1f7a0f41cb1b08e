/** How old the versions were that a reader has seen. */
import type { Sighting, Told } from "./worker.ts"
import type { Ack, Acks } from "./writer.ts"

export interface Verdict {
  /** The longest time for which a newer version had been acknowledged when a read began, in milliseconds: before the event, and after. */
  readonly before: number
  readonly after: number
  /** Whether such a read was among the last ones, so that nobody knows how long it would have lasted. */
  readonly isOpen: boolean
  /** The keys that were stale for longer than any before the event, by a tenth of a second at least. */
  readonly keys: number
  /** How often a reader saw a version and then an older one. */
  readonly back: number
  readonly errors: number
}

/** When the first version after this one was acknowledged; infinite if none was. */
const supersededAt = (acks: ReadonlyArray<Ack>, version: number): number => {
  let low = 0
  let high = acks.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (acks[middle].version > version) high = middle
    else low = middle + 1
  }
  return acks[low]?.at ?? Infinity
}

const noticeable = 100

const backIn = (sightings: ReadonlyArray<Sighting>): number => {
  let back = 0
  let most = -1
  for (const { version } of sightings) {
    if (version < most) back++
    most = Math.max(most, version)
  }
  return back
}

export const verdictOf = ({ errors, sightings }: Told, acks: Acks, happenedAt: number): Verdict => {
  const endedAt = Math.max(...sightings.flatMap((seen) => seen.slice(-1).map(({ to }) => to)))
  let before = 0
  let after = 0
  let isOpen = false
  let keys = 0
  for (const [key, seen] of sightings.entries()) {
    let longest = 0
    for (const { to, version } of seen) {
      const stale = Math.max(0, to - supersededAt(acks[key], version))
      if (to < happenedAt) before = Math.max(before, stale)
      else {
        longest = Math.max(longest, stale)
        if (stale > noticeable && to > endedAt - noticeable) isOpen = true
      }
    }
    if (longest > noticeable) keys++
    after = Math.max(after, longest)
  }
  return { before, after, isOpen, keys, back: sightings.reduce((sum, seen) => sum + backIn(seen), 0), errors }
}
