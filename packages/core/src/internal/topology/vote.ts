/**
 * Which of several nodes' views of the cluster to believe.
 */
import type * as SlotMap from "../../SlotMap.ts"

export interface View {
  /** The key of the address of the node that told it. */
  readonly node: string
  readonly map: SlotMap.SlotMap
  readonly fingerprint: string
  /**
   * Whether the node considers the cluster up: a node that is cut off, or has just joined or left, does not. Undefined
   * where we may not ask.
   */
  readonly healthy: boolean | undefined
  /** The configuration epoch that the node has seen last; undefined where we may not ask. */
  readonly epoch: number | undefined
}

interface Tally {
  readonly view: View
  readonly votes: number
  readonly epoch: number | undefined
}

const nameOf = ({ address, id }: SlotMap.Node): string => id ?? address.key

/** Whether a view is of the same cluster as another: they have a node in common. */
const isKin = (view: View, { map }: View): boolean => {
  const names = new Set(Array.from(map.nodes.values(), nameOf))
  return Array.from(view.map.nodes.values()).some((node) => names.has(nameOf(node)))
}

/** Whether a node that told a view has left the cluster that is believed in. */
export const hasLeft = (view: View, believed: View): boolean => view.map.assigned === 0 || !isKin(view, believed)

/**
 * Why a view can't take the place of the one that is believed now; undefined when it can.
 *
 * A node that was taken out of its cluster, or reset, goes on answering, and so may one of another cluster that got the
 * address of a member. Only when each member has been heard to be gone (`isAbandoned`) may the view be of another cluster:
 * the old one has been replaced then.
 */
export const objection = (view: View, believed: View | undefined, isAbandoned: boolean): string | undefined => {
  if (believed === undefined) return undefined
  if (view.healthy === false && believed.healthy !== false) return "it says that its cluster is down"
  if (view.map.assigned === 0 && believed.map.assigned > 0) return "it knows of nobody who serves a slot"
  return isAbandoned || isKin(view, believed) ? undefined : "it belongs to another cluster"
}

/** Whether a view is all that can be wished for. */
export const isSound = ({ healthy, map }: View): boolean => healthy !== false && map.assigned > 0

/**
 * The view that most nodes share; of equally common ones the fuller, then the newer. Healthy nodes outvote others, and
 * those that know of slots outvote those that know of none. What is older than what is believed now needs the majority of
 * all `voters`: a cluster may have been restored, but a single node is behind.
 */
export const elect = (
  views: ReadonlyArray<View>,
  voters: number,
  believed: View | undefined
): View | undefined => {
  const sound = views.filter(isSound)
  const filled = views.filter(({ map }) => map.assigned > 0)
  const tallies = new Map<string, Tally>()
  for (const view of [sound, filled].find(({ length }) => length > 0) ?? views) {
    const tally = tallies.get(view.fingerprint)
    tallies.set(view.fingerprint, {
      view: tally?.view ?? view,
      votes: (tally?.votes ?? 0) + 1,
      epoch: tally?.epoch === undefined ? view.epoch : Math.max(tally.epoch, view.epoch ?? 0)
    })
  }
  const since = believed?.epoch ?? 0
  let best: Tally | undefined
  for (const tally of tallies.values()) {
    if ((tally.epoch ?? since) < since && tally.votes * 2 <= voters) continue
    if (best === undefined || compare(tally, best) > 0) best = tally
  }
  return best === undefined ? undefined : { ...best.view, epoch: best.epoch ?? believed?.epoch }
}

const compare = (a: Tally, b: Tally): number =>
  a.votes - b.votes || a.view.map.assigned - b.view.map.assigned || (a.epoch ?? 0) - (b.epoch ?? 0)

/** Whether the view can't lose any more, so that nobody has to wait for a node that does not answer. */
export const isDecided = (views: ReadonlyArray<View>, voters: number): boolean => {
  const counts = new Map<string, number>()
  for (const view of views) {
    if (!isSound(view)) continue
    const count = (counts.get(view.fingerprint) ?? 0) + 1
    if (count * 2 > voters) return true
    counts.set(view.fingerprint, count)
  }
  return false
}
