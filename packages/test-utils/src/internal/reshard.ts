import type * as Resp from "@redisc/core/Resp"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Admin, Target } from "./clusterAdmin.ts"
import type { RealClusterError } from "./realClusterError.ts"
import type { Server } from "./serverProcess.ts"

export interface Owner extends Target {
  readonly id: string
}

export interface Resharding {
  readonly begin: (slot: number, from: Owner, to: Owner) => Effect.Effect<void, RealClusterError>
  /** Moves at most `limit` keys of a slot, and returns how many were moved. */
  readonly moveKeys: (slot: number, from: Owner, to: Owner, limit: number) => Effect.Effect<number, RealClusterError>
  readonly finish: (
    slot: number,
    from: Owner,
    to: Owner,
    others: ReadonlyArray<Owner>
  ) => Effect.Effect<void, RealClusterError>
  /** Tells nodes again who has got slots. */
  readonly tell: (
    slots: ReadonlyArray<number>,
    to: Owner,
    others: ReadonlyArray<Owner>
  ) => Effect.Effect<void, RealClusterError>
  readonly move: (
    slots: ReadonlyArray<number>,
    from: Owner,
    to: Owner,
    others: ReadonlyArray<Owner>
  ) => Effect.Effect<void, RealClusterError>
}

const keysAtOnce = 100
// Nodes save their layout once for all commands that arrive together, so batches are many times as fast. Each slot that arrives is
// told to all nodes by a message of its own: so many at once would keep servers from answering pings that others take them for dead.
const slotsAtOnce = 128

export const makeResharding = (
  admin: Admin,
  server: Server,
  password: Redacted.Redacted | undefined
): Resharding => {
  const auth = password === undefined ? [] : ["AUTH", Redacted.value(password)]
  const forAll = (slots: ReadonlyArray<number>, f: (slot: number) => Effect.Effect<unknown, RealClusterError>) =>
    Effect.forEach(slots, f, { concurrency: "unbounded", discard: true })
  // Valkey answers SETSLOT only when its replicas know, too, and blocks the connection until then: use several connections.
  const setSlots = (node: Owner, slots: ReadonlyArray<number>, ...how: ReadonlyArray<string>) =>
    server.kind === "valkey"
      ? admin.sendAll(node, slots.map((slot) => ["CLUSTER", "SETSLOT", slot, ...how] as const))
      : forAll(slots, (slot) => admin.send(node, "CLUSTER", "SETSLOT", slot, ...how))

  const moveKeys = Effect.fnUntraced(function*(
    slot: number,
    from: Owner,
    to: Owner,
    limit: number
  ): Effect.fn.Return<number, RealClusterError> {
    let moved = 0
    while (moved < limit) {
      const reply = yield* admin.sendBytes(from, "CLUSTER", "GETKEYSINSLOT", slot, Math.min(keysAtOnce, limit - moved))
      const keys = reply as ReadonlyArray<Resp.Value> as ReadonlyArray<Uint8Array>
      if (keys.length === 0) break
      yield* admin.send(from, "MIGRATE", to.address.host, to.address.port, "", 0, 20_000, ...auth, "KEYS", ...keys)
      moved += keys.length
    }
    return moved
  })

  const beginAll = Effect.fnUntraced(function*(slots: ReadonlyArray<number>, from: Owner, to: Owner) {
    // The target first: otherwise it would send clients that follow an ASK back to the source.
    yield* setSlots(to, slots, "IMPORTING", from.id)
    yield* setSlots(from, slots, "MIGRATING", to.id)
  })

  const finishAll = Effect.fnUntraced(function*(
    slots: ReadonlyArray<number>,
    from: Owner,
    to: Owner,
    others: ReadonlyArray<Owner>
  ) {
    // The target first, so that some node serves the slot at any time.
    for (const node of [to, from]) yield* setSlots(node, slots, "NODE", to.id)
    yield* Effect.forEach(others, (node) => setSlots(node, slots, "NODE", to.id), {
      concurrency: "unbounded",
      discard: true
    })
  })

  /** Ends migrations where they are. A node does not believe what others say of a slot for as long as it waits for it. */
  const giveUp = (slots: ReadonlyArray<number>, ...nodes: ReadonlyArray<Owner>) =>
    Effect.forEach(nodes, (node) => Effect.ignore(setSlots(node, slots, "STABLE")), { discard: true })

  return {
    begin: (slot, from, to) => beginAll([slot], from, to),
    moveKeys,
    finish: Effect.fnUntraced(function*(slot, from, to, others) {
      yield* moveKeys(slot, from, to, Infinity)
      yield* finishAll([slot], from, to, others)
    }),
    tell: (slots, to, others) =>
      Effect.forEach([to, ...others], (node) => setSlots(node, slots, "NODE", to.id), { discard: true }),
    move: Effect.fnUntraced(function*(slots, from, to, others) {
      for (let start = 0; start < slots.length; start += slotsAtOnce) {
        const batch = slots.slice(start, start + slotsAtOnce)
        yield* beginAll(batch, from, to).pipe(
          Effect.andThen(forAll(batch, (slot) => moveKeys(slot, from, to, Infinity))),
          Effect.andThen(finishAll(batch, from, to, others)),
          Effect.tapError(() => giveUp(batch, to, from))
        )
      }
    })
  }
}
