/** What is done to real servers while the checker of cached reads runs. */
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"

export interface Trouble {
  readonly name: string
  /** Whether servers may lose what they have acknowledged. */
  readonly loses: boolean
  readonly isLong: boolean
  readonly run: (slot: number) => Effect.Effect<unknown, RealCluster.RealClusterError, RealCluster.RealCluster>
}

const cluster = RealCluster.RealCluster

/** The primary of a slot, and another one. */
const both = Effect.fnUntraced(function*(slot: number) {
  const servers = yield* cluster
  const { id } = yield* servers.ownerOf(slot)
  const primaries = (yield* servers.primaries).filter(({ slots }) => slots.length > 0)
  const owner = primaries.find((node) => node.id === id)!
  return { servers, owner, other: primaries.find((node) => node.id !== id)! }
})

const failover = (mode: "default" | "force" | "takeover") =>
  Effect.fnUntraced(function*(slot: number) {
    const { owner, servers } = yield* both(slot)
    const [replica] = yield* servers.replicasOf(owner)
    yield* servers.failover(replica, mode)
    yield* servers.waitUntilStable
  })

const replaced = (what: "kill" | "pause", back: "restart" | "resume") =>
  Effect.fnUntraced(function*(slot: number) {
    const { owner, servers } = yield* both(slot)
    yield* servers[what](owner)
    yield* servers.awaitPromotion(owner)
    yield* servers[back](owner)
    yield* servers.waitUntilStable
  })

export const troubles: ReadonlyArray<Trouble> = [
  {
    name: "slots move, and return",
    loses: false,
    isLong: false,
    run: Effect.fnUntraced(function*(slot) {
      const { other, owner, servers } = yield* both(slot)
      yield* servers.migrateSlots({ to: other, slots: [slot] })
      yield* servers.migrateSlots({ to: owner, slots: [slot] })
    })
  },
  {
    name: "a slot moves key by key",
    loses: false,
    isLong: false,
    run: Effect.fnUntraced(function*(slot) {
      const { other, servers } = yield* both(slot)
      yield* servers.beginMigration(slot, other)
      yield* Effect.sleep("200 millis")
      yield* servers.migrateKeys(slot, 1)
      yield* Effect.sleep("200 millis")
      yield* servers.finishMigration(slot)
    })
  },
  {
    name: "a slot is claimed by another primary",
    loses: true,
    isLong: false,
    run: Effect.fnUntraced(function*(slot) {
      const { other, owner, servers } = yield* both(slot)
      yield* servers.command(other, "CLUSTER", ["SETSLOT", slot, "IMPORTING", owner.id])
      yield* servers.command(other, "CLUSTER", ["SETSLOT", slot, "NODE", other.id])
      yield* servers.waitUntilStable
    })
  },
  {
    name: "slots move by CLUSTER MIGRATESLOTS",
    loses: false,
    isLong: false,
    run: Effect.fnUntraced(function*(slot) {
      const { other, owner, servers } = yield* both(slot)
      if (servers.kind !== "valkey" || Number.parseInt(servers.version) < 9) return
      yield* servers.command(owner, "CLUSTER", ["MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", other.id])
      yield* Effect.repeat(Effect.delay(servers.ownerOf(slot), "20 millis"), { until: ({ id }) => id === other.id })
      yield* servers.waitUntilStable
    })
  },
  { name: "a replica takes over", loses: false, isLong: false, run: failover("default") },
  {
    name: "connections are cut",
    loses: false,
    isLong: false,
    run: Effect.fnUntraced(function*(slot) {
      const { owner, servers } = yield* both(slot)
      for (let round = 0; round < 5; round++) {
        yield* servers.command(owner, "CLIENT", ["KILL", "TYPE", "normal", "SKIPME", "yes"])
        yield* Effect.sleep("50 millis")
      }
    })
  },
  {
    name: "a primary freezes for a moment",
    loses: false,
    isLong: false,
    run: Effect.fnUntraced(function*(slot) {
      const { owner, servers } = yield* both(slot)
      yield* servers.pause(owner)
      yield* Effect.sleep("400 millis")
      yield* servers.resume(owner)
    })
  },
  {
    name: "a primary is emptied",
    loses: true,
    isLong: false,
    run: Effect.fnUntraced(function*(slot) {
      const { owner, servers } = yield* both(slot)
      yield* servers.command(owner, "FLUSHALL")
    })
  },
  { name: "a primary is killed", loses: true, isLong: false, run: replaced("kill", "restart") },
  { name: "a primary freezes, and is replaced", loses: true, isLong: true, run: replaced("pause", "resume") },
  { name: "a replica takes over by force", loses: true, isLong: true, run: failover("force") },
  { name: "a replica takes over without a vote", loses: true, isLong: true, run: failover("takeover") }
]
