/**
 * Which of several nodes' views of the cluster to believe.
 */
import type * as SlotMap from "../SlotMap.ts"

export interface View {
  /** The key of the address of the node that told it. */
  readonly node: string
  readonly map: SlotMap.SlotMap
  readonly fingerprint: string
  /** Whether the node considers the cluster up: a node that is cut off, or has just joined, does not. */
  readonly healthy: boolean
  /** The configuration epoch that the node has seen last. */
  readonly epoch: number
}

interface Tally {
  readonly view: View
  readonly votes: number
  readonly epoch: number
}

/** The view that most nodes share; of equally common ones the fuller, then the newer. Healthy nodes outvote others. */
export const elect = (views: ReadonlyArray<View>): View | undefined => {
  const healthy = views.filter((view) => view.healthy)
  const tallies = new Map<string, Tally>()
  for (const view of healthy.length > 0 ? healthy : views) {
    const tally = tallies.get(view.fingerprint)
    tallies.set(view.fingerprint, {
      view: tally?.view ?? view,
      votes: (tally?.votes ?? 0) + 1,
      epoch: Math.max(tally?.epoch ?? 0, view.epoch)
    })
  }
  let best: Tally | undefined
  for (const tally of tallies.values()) {
    if (best === undefined || compare(tally, best) > 0) best = tally
  }
  return best?.view
}

const compare = (a: Tally, b: Tally): number =>
  a.votes - b.votes || a.view.map.assigned - b.view.map.assigned || a.epoch - b.epoch

/** Whether the view can't lose any more, so that nobody has to wait for a node that does not answer. */
export const isDecided = (views: ReadonlyArray<View>, voters: number): boolean => {
  const counts = new Map<string, number>()
  for (const view of views) {
    if (!view.healthy) continue
    const count = (counts.get(view.fingerprint) ?? 0) + 1
    if (count * 2 > voters) return true
    counts.set(view.fingerprint, count)
  }
  return false
}
