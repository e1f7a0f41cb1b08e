/** Sessions that read from replicas. */
import { assert } from "@effect/vitest"
import { ReadFrom, Redis, Session } from "@redisc/core"
import * as Effect from "effect/Effect"
import { changes, Cluster, homeOf, moveAway, reasonOf, scenario, tagOf, takeUntil, withClient } from "./Cluster.ts"

const storeSafely = (key: string, value: string) =>
  Redis.set(key, value).pipe(Redis.ensureReplication({ replicas: 1, within: "30 seconds" }))

const ownRole = Effect.map(Redis.role(), ({ role }) => role)

const replicaOf = Effect.fnUntraced(function*(key: string) {
  const { replicasOf } = yield* Cluster
  const { owner } = yield* homeOf(key)
  const [replica] = yield* replicasOf(owner)
  return replica
})

export const replicas = [
  scenario(
    "a session that reads from a replica reads there, can't write, and can take that back (redisc 18)",
    Effect.gen(function*() {
      const keys = "{replicas:read}:a"
      const { owner, slot } = yield* homeOf(keys)
      yield* storeSafely(keys, "1")
      const elsewhere = { _tag: "Moved", slot, address: owner.address.key } as const
      yield* Session.use(
        { keys, readFrom: "replica" },
        Effect.gen(function*() {
          assert.strictEqual(yield* Redis.clusterMyid(), (yield* replicaOf(keys)).id)
          assert.strictEqual(yield* ownRole, "replica")
          assert.strictEqual(yield* Redis.get(keys), "1")
          assert.deepInclude(yield* reasonOf(Redis.set(keys, "2")), elsewhere)
          assert.strictEqual(yield* Redis.get(keys), "1")
          yield* Redis.readwrite()
          assert.deepInclude(yield* reasonOf(Redis.get(keys)), elsewhere)
        })
      )
      assert.strictEqual(yield* Session.use({ keys, readFrom: "replica" }, Redis.get(keys)), "1")
    }).pipe(withClient())
  ),
  scenario(
    "a session without keys that reads from replicas is bound to one, another each time (redisc 19)",
    Effect.gen(function*() {
      const { primaries, replicasOf } = yield* Cluster
      const all = yield* Effect.forEach(yield* primaries, replicasOf)
      const visited = yield* Effect.forEach(
        all,
        () => Session.use({ readFrom: "replica" }, Effect.all([Redis.clusterMyid(), ownRole]))
      )
      assert.deepStrictEqual(visited.map(([, role]) => role), ["replica", "replica", "replica"])
      assert.deepStrictEqual(visited.map(([id]) => id).sort(), all.flat().map(({ id }) => id).sort())
    }).pipe(withClient())
  ),
  scenario(
    "a read from a replica that has lost the slot goes on at the new primary, and the next at its replica (redisc 20)",
    Effect.gen(function*() {
      const keys = "{replicas:moved}:a"
      yield* storeSafely(keys, "1")
      const swaps = yield* changes
      const { neighbour, other } = yield* moveAway(keys)
      const read = Session.use(
        { keys, readFrom: "replica" },
        Effect.all([Redis.get(keys), Redis.clusterMyid()]),
        { rerun: true }
      )
      assert.deepStrictEqual(yield* read, ["1", other.id])
      yield* takeUntil(swaps, ({ moved }) => moved.some(({ start }) => start === neighbour))
      yield* storeSafely(keys, "2")
      assert.deepStrictEqual(yield* read, ["2", (yield* replicaOf(keys)).id])
    }).pipe(withClient())
  ),
  scenario(
    "a session that runs again leaves the replica for the primary when it takes READONLY back (redisc 20)",
    Effect.gen(function*() {
      const keys = "{replicas:left}:a"
      yield* storeSafely(keys, "1")
      const roles: Array<string> = []
      const work = Effect.gen(function*() {
        roles.push(yield* ownRole)
        const before = yield* Redis.get(keys)
        yield* Redis.readwrite()
        return [before, yield* Redis.get(keys)]
      })
      assert.deepStrictEqual(yield* Session.use({ keys, readFrom: "replica" }, work, { rerun: true }), ["1", "1"])
      assert.deepStrictEqual(roles, ["replica", "primary"])
    }).pipe(withClient())
  )
]

/** The same, where there are none. */
export const withoutReplicas = [
  scenario(
    "where there are no replicas the primary answers, if it may (redisc 6)",
    Effect.gen(function*() {
      const keys = "{replicas:none}:a"
      const { owner } = yield* homeOf(keys)
      yield* Redis.set(keys, "1")
      const read = Effect.all([Redis.get(keys), Redis.clusterMyid()])
      assert.deepStrictEqual(yield* Session.use({ keys, readFrom: "preferReplica" }, read), ["1", owner.id])
      assert.strictEqual(yield* Redis.get(keys).pipe(ReadFrom.provide("preferReplica")), "1")
      const reason = yield* reasonOf(Session.use({ keys, readFrom: "replica" }, read))
      assert.deepInclude(reason, { _tag: "NoNodeForSlot", role: "replica" })
    }).pipe(withClient())
  ),
  scenario(
    "READONLY is for sessions, where it may come at any time, also on a primary (redisc 6)",
    Effect.gen(function*() {
      const keys = "{replicas:none}:b"
      yield* Session.use(
        { keys },
        Effect.gen(function*() {
          yield* Redis.set(keys, "1")
          yield* Redis.readonly()
          assert.strictEqual(yield* Redis.get(keys), "1")
          assert.strictEqual(yield* Redis.incr(keys), 2)
        })
      )
      assert.strictEqual(yield* tagOf(Redis.readonly()), "InvalidArgument")
    }).pipe(withClient())
  )
]
