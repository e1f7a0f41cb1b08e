/** What a client has done in a failover, by what it told of each number, and by what is in the lists in the end. */
import { median } from "../figures/median.ts"
import type { Told } from "./worker.ts"

export interface Verdict {
  /** Acknowledged a second, before anything was done to the servers. */
  readonly before: number
  /** In milliseconds: how long an append took then. */
  readonly latency: number
  /** The longest time without an acknowledgement, in milliseconds. */
  readonly outage: number
  /** The same, of the time after the sentinels' switch alone. */
  readonly outageAfterSwitch: number
  readonly errors: number
  /** Neither acknowledged nor failed in the end. */
  readonly unsettled: number
  /** Acknowledged, and not there. */
  readonly missing: number
  /** Those of them that were begun after the switch. */
  readonly missingAfterSwitch: number
  readonly doubled: number
  /** Appended behind one that was begun later. */
  readonly disordered: number
  /** Failed, and there all the same. */
  readonly failedButDone: number
  readonly kinds: ReadonlyMap<string, number>
}

export interface Moments {
  readonly disturbedAt: number
  readonly switchedAt: number
}

const longestGap = (times: ReadonlyArray<number>, from: number): number => {
  let longest = 0
  for (let n = 1; n < times.length; n++) {
    if (times[n] > from) longest = Math.max(longest, times[n] - Math.max(times[n - 1], from))
  }
  return longest
}

export const verdictOf = (
  { begunAt, endedAt, errors }: Told,
  lists: ReadonlyArray<ReadonlyArray<number>>,
  { disturbedAt, switchedAt }: Moments
): Verdict => {
  const times = new Map<number, number>()
  let disordered = 0
  for (const list of lists) {
    let last = -1
    for (const number of list) {
      const before = times.get(number) ?? 0
      if (before === 0 && number < last) disordered++
      times.set(number, before + 1)
      last = Math.max(last, number)
    }
  }
  const acknowledged: Array<number> = []
  const latencies: Array<number> = []
  const kinds = new Map<string, number>()
  const counts = { errors: 0, unsettled: 0, missing: 0, missingAfterSwitch: 0, doubled: 0, failedButDone: 0 }
  for (let number = 0; number < begunAt.length; number++) {
    const there = times.get(number) ?? 0
    if (there > 1) counts.doubled++
    const error = errors[number]
    if (error !== undefined) {
      counts.errors++
      if (there > 0) counts.failedButDone++
      const kind = error.replace(/\d+/g, "n").slice(0, 110)
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    } else if (endedAt[number] === 0) counts.unsettled++
    else {
      acknowledged.push(endedAt[number])
      if (endedAt[number] < disturbedAt) latencies.push(endedAt[number] - begunAt[number])
      if (there > 0) continue
      counts.missing++
      if (begunAt[number] > switchedAt) counts.missingAfterSwitch++
    }
  }
  acknowledged.sort((a, b) => a - b)
  return {
    before: Math.round(latencies.length * 1000 / (disturbedAt - begunAt[0])),
    latency: median(latencies),
    outage: longestGap(acknowledged, disturbedAt),
    outageAfterSwitch: longestGap(acknowledged, switchedAt),
    disordered,
    ...counts,
    kinds
  }
}
