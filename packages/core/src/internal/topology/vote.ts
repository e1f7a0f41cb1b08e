/**
 * Elects one of the views that several nodes have of the cluster. Pure.
 */
import type * as SlotMap from "../../SlotMap.ts"

/** The cluster as one node sees it. */
export interface View {
  /** The key of the node's address. */
  readonly node: string
  readonly map: SlotMap.SlotMap
  readonly fingerprint: string
  /**
   * Whether the node says that the cluster is up. A node that is cut off, or has just joined or left, says no. Undefined if our
   * user may not ask.
   */
  readonly healthy: boolean | undefined
  /** The latest configuration epoch that the node has seen; undefined if our user may not ask. */
  readonly epoch: number | undefined
}

interface Tally {
  readonly view: View
  readonly votes: number
  readonly epoch: number | undefined
}

const nameOf = ({ address, id }: SlotMap.Node): string => id ?? address.key

/** Whether two views are of the same cluster: they have a node in common. */
const isKin = (view: View, { map }: View): boolean => {
  const names = new Set(Array.from(map.nodes.values(), nameOf))
  return Array.from(view.map.nodes.values()).some((node) => names.has(nameOf(node)))
}

/** Whether the node of a view has left the cluster of the view that is currently believed. */
export const hasLeft = (view: View, believed: View): boolean => view.map.assigned === 0 || !isKin(view, believed)

/**
 * Why a view can't replace the one that is currently believed; undefined if it can.
 *
 * A node that was removed from its cluster, or reset, still answers, and so may a node of another cluster that was given
 * the address of a member. A view of another cluster is accepted only when every known member is gone (`isAbandoned`): the
 * old cluster has been replaced then.
 */
export const objection = (view: View, believed: View | undefined, isAbandoned: boolean): string | undefined => {
  if (believed === undefined) return undefined
  if (view.healthy === false && believed.healthy !== false) return "it says that its cluster is down"
  if (view.map.assigned === 0 && believed.map.assigned > 0) return "it knows of nobody who serves a slot"
  return isAbandoned || isKin(view, believed) ? undefined : "it belongs to another cluster"
}

const zonesIn = ({ nodes }: SlotMap.SlotMap): number =>
  Array.from(nodes.values()).filter(({ availabilityZone }) => availabilityZone !== undefined).length

/** Of two views with one fingerprint the one that tells more zones: older servers, and those that have just joined, tell fewer. */
const fuller = (a: View | undefined, b: View): View =>
  a === undefined || (a.map !== b.map && zonesIn(b.map) > zonesIn(a.map)) ? b : a

/** Whether a view is of a cluster that is up and serves slots. */
export const isSound = ({ healthy, map }: View): boolean => healthy !== false && map.assigned > 0

/**
 * The view that most nodes share. Ties go to the view with more slots assigned, then to the newer epoch. Views of a healthy
 * cluster win over others, and views with slots over those without. A view with an older epoch than the currently believed one
 * needs more than half of all `voters`: a single node with it is merely behind, but if most have it, the cluster was restored.
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
      view: fuller(tally?.view, view),
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

/** Whether one view has the votes of more than half, so that there is no need to wait for the other answers. */
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
