/**
 * What happens to the cluster of the model test. It may be anything that loses no acknowledged write on real servers: of
 * a shard one node at a time is out of order, and of all primaries one, so that a majority can put another in its place.
 */
import type { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import type { Happening } from "./plan.ts"

type Service = FakeCluster.FakeCluster["Service"]
type State = Effect.Success<Service["nodes"]>[number]

export interface Weather {
  readonly happen: (happening: Happening) => Effect.Effect<void, FakeCluster.FakeClusterError>
  /** Mends everything. */
  readonly clear: Effect.Effect<void, FakeCluster.FakeClusterError>
  /** By the key of its address, when something first happened to a node that may lose a reply. */
  readonly disturbed: ReadonlyMap<string, number>
  /** What did happen, for the report of a failure. */
  readonly log: ReadonlyArray<string>
}

const pick = <A>(items: ReadonlyArray<A>, index: number): A | undefined => items[index % items.length]

export const make = (options: {
  readonly fake: Service
  readonly slots: ReadonlyArray<number>
  readonly pass: (millis: number) => Effect.Effect<void>
  readonly time: () => number
}): Weather => {
  const { fake, pass, slots, time } = options
  const disturbed = new Map<string, number>()
  const log: Array<string> = []
  const isolated = new Set<string>()
  const cut = new Set<string>()
  const moving = new Set<number>()

  const isWell = (node: State): boolean => node.process === "running" && !isolated.has(node.name)
  const isOwner = (node: State): boolean => node.role === "primary" && node.slots.length > 0

  const disturb = (node: State): void => {
    if (!disturbed.has(node.address.key)) disturbed.set(node.address.key, time())
  }

  const finish = (slot: number) =>
    Effect.suspend(() => {
      moving.delete(slot)
      log.push(`slot ${slot} is finished`)
      return fake.finishMigration(slot)
    })

  // Which slots are on the move is known to the primaries only, and lost with them. And a node that did not hear of a move
  // may never learn of it, if the giver's epoch has grown since: so it is in Redis 7.0 (redis/redis#12336).
  const settle = Effect.suspend(() => Effect.forEach([...moving], finish, { discard: true }))

  const shardOf = (nodes: ReadonlyArray<State>, primary: State): ReadonlyArray<State> =>
    nodes.filter((node) => node.primary === primary.id)

  /** A node that may fall out: every slot has a primary that is well, and this one's shard another node. */
  const dispensable = (nodes: ReadonlyArray<State>, happening: Happening): State | undefined => {
    if (!nodes.filter(isOwner).every(isWell)) return undefined
    const node = pick(nodes.filter(isWell), happening.at)
    if (node === undefined || (isOwner(node) && !shardOf(nodes, node).some(isWell))) return undefined
    return node
  }

  const heal = (name: string) => {
    isolated.delete(name)
    cut.delete(name)
    log.push(`${name} is healed`)
    return fake.heal(name)
  }

  const fallOut = Effect.fnUntraced(function*(node: State, event: Happening["event"]) {
    disturb(node)
    yield* settle
    log.push(`${node.name}: ${event}`)
    if (event === "pause") return yield* fake.pause(node)
    if (event !== "isolate") return yield* fake.kill(node)
    isolated.add(node.name)
    yield* fake.partition("client", node)
    for (const other of yield* fake.nodes) if (other.name !== node.name) yield* fake.partition(node, other)
  })

  const happen = Effect.fnUntraced(function*(happening: Happening) {
    const { at, event, how } = happening
    const nodes = yield* fake.nodes
    const owners = nodes.filter(isOwner)
    const slot = pick(slots, at)!
    const from = owners.find((node) => node.slots.some(([first, last]) => first <= slot && slot <= last))!
    const to = pick(owners.filter((node) => node !== from && isWell(node)), how)
    switch (event) {
      case "begin":
      case "moveSlot": {
        if (moving.has(slot) || to === undefined || !nodes.every(isWell)) return
        log.push(`slot ${slot}: ${event} from ${from.name} to ${to.name}`)
        if (event === "moveSlot") return yield* fake.migrateSlot(slot, to)
        moving.add(slot)
        return yield* fake.beginMigration(slot, to)
      }
      case "moveKeys":
      case "finish": {
        const open = pick([...moving], at)
        if (open === undefined) return
        if (event === "finish") return yield* finish(open)
        log.push(`slot ${open}: keys move`)
        yield* fake.migrateKeys(open, 1 + how % 3)
        return
      }
      case "failover": {
        const primary = pick(owners.filter(isWell), at)
        const replica = primary === undefined ? undefined : shardOf(nodes, primary).find(isWell)
        if (primary === undefined || replica === undefined) return
        yield* settle
        log.push(`${replica.name} takes over from ${primary.name}`)
        return yield* fake.failover(replica)
      }
      case "killReplica":
      case "kill":
      case "pause":
      case "isolate": {
        const node = dispensable(nodes, happening)
        if (node === undefined || (event === "killReplica" && isOwner(node))) return
        return yield* fallOut(node, event)
      }
      case "restart": {
        // Nothing is saved: a primary that comes back before a replica has taken its place would lose all of it.
        const node = pick(nodes.filter((each) => each.process === "stopped" && !isOwner(each)), at)
        if (node === undefined) return
        log.push(`${node.name}: restart`)
        return yield* fake.restart(node)
      }
      case "resume": {
        const node = pick(nodes.filter(({ process }) => process === "paused"), at)
        if (node === undefined) return
        log.push(`${node.name}: resume`)
        return yield* fake.resume(node)
      }
      case "split": {
        const node = dispensable(nodes, happening)
        if (node === undefined) return
        log.push(`${node.name}: split for ${how * 9} ms`)
        const others = nodes.filter(({ name }) => name !== node.name)
        for (const other of others) yield* fake.partition(node, other)
        yield* pass(how * 9)
        for (const other of others) {
          if (!isolated.has(other.name)) yield* fake.heal(node, other)
        }
        return
      }
      case "cutClient": {
        const node = pick(nodes.filter(isWell), at)
        if (node === undefined) return
        disturb(node)
        cut.add(node.name)
        log.push(`${node.name}: cut off from the client`)
        return yield* fake.partition("client", node)
      }
      case "heal": {
        const name = pick([...isolated, ...cut], at)
        return name === undefined ? undefined : yield* heal(name)
      }
      case "drop": {
        const node = pick(nodes, at)!
        disturb(node)
        log.push(`${node.name}: connections drop after ${how} bytes`)
        return yield* fake.dropConnections(node, { afterBytes: how })
      }
      case "latency": {
        const node = pick(nodes, at)!
        log.push(`${node.name}: latency of ${how * 4} ms`)
        return yield* fake.latency(node, how * 4)
      }
    }
  })

  const clear = Effect.gen(function*() {
    for (const name of [...isolated, ...cut]) yield* heal(name)
    for (const node of yield* fake.nodes) {
      yield* fake.latency(node, 0)
      if (node.process === "paused") yield* fake.resume(node)
    }
    yield* pass(3000)
    for (const node of yield* fake.nodes) if (node.process === "stopped") yield* fake.restart(node)
    for (const slot of moving) yield* finish(slot)
  })

  return { happen, clear, disturbed, log }
}
