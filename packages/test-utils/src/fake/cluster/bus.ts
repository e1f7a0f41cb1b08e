/**
 * The cluster bus: nodes exchange claims to slots, roles, and failures of nodes, and hold elections.
 *
 * News reach all nodes of a component of the network at once, where the real bus takes some heartbeats.
 *
 * @since 0.1.0
 */
import { since } from "../facts/version.ts"
import * as PubSub from "../session/pubsub.ts"
import * as ClusterState from "../topology/clusterState.ts"
import type { FakeNode, FakeWorld } from "./node.ts"
import { relink, roleChanged } from "./replication.ts"

/** The time from a primary's failure to the election of a replica, in milliseconds. */
const electionDelay = 500

/** The time, in milliseconds, by which a platform's timer may fire too early by the clock. */
const timerSlack = 1

/** Sets a node's view of the cluster, and applies the consequences for the node itself. */
export const setView = (node: FakeNode, view: ClusterState.View): void => {
  const before = node.view
  if (before === view) return
  node.view = view
  if (before.owners !== view.owners) followSlots(node, before)
  for (const slot of node.migrating.keys()) if (view.owners[slot] !== node.id) node.migrating.delete(slot)
  const was = before.members.get(node.id)?.primary
  if (was === undefined && node.isReplica) {
    node.migrating.clear()
    node.importing.clear()
    for (const session of node.sessions) if (session.blocked) session.unblock(roleChanged)
  }
}

/** Makes a primary that has lost its last slot, and its replicas, replicas of the slot's new owner. */
const followSlots = (node: FakeNode, before: ClusterState.View): void => {
  const current = before.members.get(node.id)?.primary ?? node.id
  const had = ClusterState.slotOwners(before).has(current)
  const { view } = node
  if (!had || ClusterState.slotOwners(view).has(current)) return
  const slot = before.owners.findIndex((owner, index) => owner === current && view.owners[index] !== undefined)
  const next = slot < 0 ? undefined : view.owners[slot]
  const self = view.members.get(node.id)
  if (next === undefined || self === undefined || next === node.id) return
  if (node.config.get("cluster-allow-replica-migration") === "no" && current === node.id) return
  node.view = ClusterState.update(view, [{ ...self, primary: next }])
}

/** Removes the keys of slots that another node has claimed. Before 7.2 clients that cache them or watch them are not told. */
const abandonKeys = (node: FakeNode, before: ClusterState.View): void => {
  const silent = !since(node.version, 7.2)
  for (const keyspace of node.data.used) {
    for (const slot of keyspace.usedSlots()) {
      const owner = node.view.owners[slot]
      if (before.owners[slot] !== node.id || owner === undefined || owner === node.id || node.importing.has(slot)) {
        continue
      }
      for (const key of keyspace.slotKeys(slot)) keyspace.abandon(key, silent)
    }
  }
}

/** Applies the consequences of changed views to data and clients. Every change ends with this. */
const settle = (world: FakeWorld, before: Before): void => {
  // A node that has made itself a replica tells the others.
  for (const [node, view] of before) {
    const primary = node.primaryId
    if (primary !== undefined && view.members.get(node.id)?.primary !== primary) tell(world, node, before)
  }
  for (const [node, view] of before) {
    if (node.view.owners === view.owners) continue
    if (!node.isReplica) abandonKeys(node, view)
    // A replica that takes over the slots keeps its subscribers. The old primary and the other replicas end theirs.
    const served = view.members.get(node.id)?.primary ?? node.id
    PubSub.dropSharded(node, (slot) => {
      const owner = node.view.owners[slot]
      return view.owners[slot] === served && owner !== served && owner !== node.id
    })
  }
  relink(world)
  recheck(world)
}

/** Lets blocked clients check whether their slot has moved or the cluster is down. */
const recheck = (world: FakeWorld): void => {
  for (const node of world.nodes.values()) {
    for (const session of node.sessions) {
      if (session.blocked) session.recheck()
      // A WAIT may end now because a replica is back.
      if (session.blocked) session.retry()
    }
  }
}

/** The views of nodes at the beginning of a change. */
type Before = Map<FakeNode, ClusterState.View>

const tell = (world: FakeWorld, speaker: FakeNode, before: Before): void => {
  const claim = ClusterState.claimOf(speaker.view, speaker.id)
  // Most nodes share a view, so the result is computed once for each view.
  const heard = new Map<ClusterState.View, ClusterState.View>()
  for (const node of world.component(speaker)) {
    if (node === speaker || !node.view.members.has(speaker.id)) continue
    if (!before.has(node)) before.set(node, node.view)
    if (node.importing.size > 0) {
      setView(node, ClusterState.hear(node.view, claim, new Set(node.importing.keys())))
      continue
    }
    let view = heard.get(node.view)
    if (view === undefined) {
      view = ClusterState.hear(node.view, claim)
      heard.set(node.view, view)
    }
    setView(node, view)
  }
  // Nodes that now agree with the speaker share its view object again.
  const verdicts = new Map<ClusterState.View, boolean>([[speaker.view, true]])
  for (const node of world.component(speaker)) {
    const same = verdicts.get(node.view) ?? agree(node.view, speaker.view)
    verdicts.set(node.view, same)
    if (same) node.view = speaker.view
  }
}

const agree = (a: ClusterState.View, b: ClusterState.View): boolean => {
  if (a === b) return true
  if (a.epoch !== b.epoch || a.members.size !== b.members.size) return false
  for (const [id, member] of a.members) {
    const other = b.members.get(id)
    if (other === undefined) return false
    if (
      member !== other &&
      (member.epoch !== other.epoch || member.primary !== other.primary || member.health !== other.health)
    ) return false
  }
  return a.owners === b.owners || a.owners.every((owner, slot) => owner === b.owners[slot])
}

/** Changes a node's view, and sends the others its role and slots. */
export const decide = (world: FakeWorld, node: FakeNode, view: ClusterState.View): void => {
  const before = new Map([[node, node.view]])
  setView(node, view)
  tell(world, node, before)
  settle(world, before)
}

/** Changes only the node's own view. */
export const decideAlone = (world: FakeWorld, node: FakeNode, view: ClusterState.View): void => {
  const before = new Map([[node, node.view]])
  setView(node, view)
  settle(world, before)
}

/** Gives a node the highest epoch of all, for taking over slots. */
export const bumped = (node: FakeNode, view: ClusterState.View): ClusterState.View => {
  const self = view.members.get(node.id)!
  const epoch = view.epoch + 1
  return ClusterState.update({ ...view, epoch }, [{ ...self, epoch }])
}

/** Makes a replica the primary of its shard. */
export const promote = (world: FakeWorld, replica: FakeNode): void => {
  const primary = replica.primaryId
  if (primary === undefined) return
  const self = replica.view.members.get(replica.id)!
  const epoch = replica.view.epoch + 1
  const slots = replica.view.owners.flatMap((owner, slot) => owner === primary ? [slot] : [])
  const view = ClusterState.update(ClusterState.assign(replica.view, slots, replica.id), [
    { ...self, primary: undefined, epoch }
  ])
  decide(world, replica, view)
  for (const told of Array.from(world.promotions)) told(primary, replica)
}

/** Lets two nodes meet, and all nodes that they know. */
export const introduce = (world: FakeWorld, a: FakeNode, b: FakeNode): void => {
  const nodes = new Set(
    [...world.component(a), b].filter((node) => a.view.members.has(node.id) || b.view.members.has(node.id))
  )
  const before: Before = new Map()
  const members = new Map([...a.view.members, ...b.view.members])
  for (const node of nodes) {
    before.set(node, node.view)
    const unknown = [...members.values()].filter(({ id }) => !node.view.members.has(id))
    setView(node, ClusterState.update(node.view, unknown))
  }
  for (const node of nodes) tell(world, node, before)
  settle(world, before)
}

/** Brings nodes to agreement after the network was mended or a node came back. */
export const reunite = (world: FakeWorld): void => {
  const before = new Map(Array.from(world.nodes.values(), (node) => [node, node.view] as const))
  for (const component of world.components()) {
    const speakers = component.slice().sort((a, b) => epochOf(a) - epochOf(b))
    const single = component.every(({ view }) => view === component[0].view)
    if (!single) {
      // A node may learn only now that another became a replica, so everything is sent twice.
      for (const speaker of speakers) tell(world, speaker, before)
      // Absent owners are spoken for after those that can speak for themselves, which have spoken in the order of their epochs.
      correct(component)
      for (const speaker of speakers) tell(world, speaker, before)
    }
    markHealth(world, component, true)
  }
  settle(world, before)
  watch(world)
}

/**
 * The UPDATE message of the real bus: corrects nodes that believe that their shard owns slots which, as others know, went to an
 * owner with a higher epoch. It is needed only for owners that are silent at the moment; the others have spoken for themselves.
 */
const correct = (component: ReadonlyArray<FakeNode>): void => {
  const views = new Set(component.map(({ view }) => view))
  const present = new Set(component.map(({ id }) => id))
  for (const node of component) {
    const shard = node.primaryId ?? node.id
    for (const other of views) {
      const { owners } = node.view
      if (owners === other.owners) continue
      const epoch = node.view.members.get(shard)?.epoch ?? 0
      const newer = new Set<string>()
      for (let slot = 0; slot < owners.length; slot++) {
        const rival = other.owners[slot]
        if (owners[slot] !== shard || rival === undefined || present.has(rival)) continue
        if (rival !== shard && (other.members.get(rival)?.epoch ?? 0) > epoch) newer.add(rival)
      }
      for (const id of newer) {
        const claim = ClusterState.claimOf(other, id)
        setView(node, ClusterState.hear(node.view, claim, new Set(node.importing.keys())))
      }
    }
  }
}

const epochOf = (node: FakeNode): number => node.view.members.get(node.id)?.epoch ?? 0

/** Called when nodes can no longer hear each other. It has consequences once it has lasted for the node timeout. */
export const watch = (world: FakeWorld): void => {
  relink(world)
  if (healthy(world)) return
  world.timers.after(world.settings.nodeTimeout, () => assess(world))
}

const healthy = (world: FakeWorld): boolean => {
  const components = world.components()
  return components.length === 1 && components[0].length === world.nodes.size
}

/**
 * The node whose view represents a component: one of the largest group that shares a view. A node that has just come back may
 * not know who owns the slots of a shard whose new primary it has never heard.
 */
export const speakerOf = (component: ReadonlyArray<FakeNode>): FakeNode => {
  if (component.every(({ view }) => view === component[0].view)) return component[0]
  const counts = new Map<ClusterState.View, number>()
  for (const { view } of component) counts.set(view, (counts.get(view) ?? 0) + 1)
  const countOf = ({ view }: FakeNode): number => counts.get(view) ?? 0
  return component.reduce((best, node) => countOf(node) > countOf(best) ? node : best)
}

/** Whether enough primaries hear each other to elect. */
export const hasMajority = (component: ReadonlyArray<FakeNode>): boolean => {
  const owners = ClusterState.slotOwners(speakerOf(component).view)
  const present = component.filter(({ id, isReplica }) => owners.has(id) && !isReplica).length
  return present > owners.size / 2
}

/** Marks nodes that were silent for the node timeout: as failed where there is a majority, otherwise as suspect. */
const assess = (world: FakeWorld): void => {
  for (const component of world.components()) markHealth(world, component, false)
  recheck(world)
  world.timers.after(electionDelay, () => elect(world))
}

const markHealth = (world: FakeWorld, component: ReadonlyArray<FakeNode>, onlyBetter: boolean): void => {
  const present = new Set(component.map(({ id }) => id))
  const verdict = hasMajority(component) ? "failed" : "suspect"
  const now = world.now()
  const marked = new Map<ClusterState.View, ClusterState.View>()
  for (const node of component) {
    let view = marked.get(node.view)
    if (view === undefined) {
      const changed: Array<ClusterState.Member> = []
      for (const member of node.view.members.values()) {
        if (present.has(member.id)) {
          if (member.health !== "online") changed.push({ ...member, health: "online" })
          continue
        }
        if (onlyBetter || member.health === verdict) continue
        const other = world.byId.get(member.id)
        const since = other === undefined || other.process !== "running" ? other?.silentSince ?? 0 : world.cutAt
        if (now - since + timerSlack >= world.settings.nodeTimeout) changed.push({ ...member, health: verdict })
      }
      view = changed.length === 0 ? node.view : ClusterState.update(node.view, changed)
      marked.set(node.view, view)
    }
    node.view = view
  }
}

const elect = (world: FakeWorld): void => {
  for (const component of world.components()) {
    if (!hasMajority(component)) continue
    const { view } = speakerOf(component)
    for (const id of ClusterState.slotOwners(view)) {
      if (view.members.get(id)?.health !== "failed") continue
      const candidates = component
        .filter((node) => node.primaryId === id && node.config.get("cluster-replica-no-failover") !== "yes")
        .sort((a, b) => world.offsetOf(b) - world.offsetOf(a))
      if (candidates.length > 0) promote(world, candidates[0])
    }
  }
}
