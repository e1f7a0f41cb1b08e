/** What becomes of a command that meets a redirect, or a slot that is half-way. */
import { assert } from "@effect/vitest"
import { RedirectPolicy, Redis, RedisCluster, SlotMap } from "@redisc/core"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Cluster, homeOf, scenario, withClient } from "./Cluster.ts"

const fewTries = (times: number) =>
  RedirectPolicy.provide(RedirectPolicy.make(Schedule.max([Schedule.spaced("1 millis"), Schedule.recurs(times)])))

const counts = Effect.map(
  Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats),
  ({ redirects, retries }) => ({ redirects, retries })
)

/** Begins to move the slot of two keys, and moves one of them. */
const split = Effect.fnUntraced(function*(keys: readonly [string, string]) {
  const { beginMigration, finishMigration, migrateKeys } = yield* Cluster
  const home = yield* homeOf(keys[0])
  yield* Redis.mset({ [keys[0]]: "1", [keys[1]]: "2" })
  yield* beginMigration(home.slot, home.other)
  assert.strictEqual(yield* migrateKeys(home.slot, 1), 1)
  return { ...home, finish: finishMigration(home.slot) }
})

export const redirects = [
  scenario(
    "two nodes that send a command back and forth are left after as many tries as the policy says (redisc 10)",
    Effect.gen(function*() {
      const { command } = yield* Cluster
      const key = "{redirects:loop}:a"
      const { other, owner, slot } = yield* homeOf(key)
      yield* command(owner, "CLUSTER", ["SETSLOT", slot, "NODE", other.id])
      const error = yield* Effect.flip(fewTries(5)(Redis.set(key, "1")))
      yield* command(owner, "CLUSTER", ["SETSLOT", slot, "NODE", owner.id])

      assert.strictEqual(error.reason._tag, "Moved")
      assert.deepInclude(error, { attempts: 6, delivery: "Rejected", slot })
      assert.deepStrictEqual(yield* counts, { redirects: 5, retries: 0 })
      assert.strictEqual(yield* Redis.set(key, "1"), "OK")
    }).pipe(withClient())
  ),
  scenario(
    "a slot that stays half-way fails its commands after as many tries as the policy says (redisc 10)",
    Effect.gen(function*() {
      const keys = ["{redirects:halfway}:a", "{redirects:halfway}:b"] as const
      const { finish } = yield* split(keys)
      const error = yield* Effect.flip(fewTries(3)(Redis.mget(keys)))
      yield* finish
      assert.strictEqual(error.reason._tag, "TryAgain")
      assert.deepInclude(error, { attempts: 4, delivery: "Rejected" })
      assert.deepStrictEqual(yield* counts, { redirects: 0, retries: 3 })
    }).pipe(withClient())
  ),
  scenario(
    "an ASK sends its command to the other node, behind ASKING, and leaves the map as it is (redisc 33)",
    Effect.gen(function*() {
      const { beginMigration, finishMigration, migrateKeys } = yield* Cluster
      const { topology } = yield* RedisCluster.RedisCluster
      const [moved, kept] = ["{redirects:asked}:a", "{redirects:asked}:b"]
      const { other, owner, slot } = yield* homeOf(moved)
      yield* Redis.set(moved, "1")
      yield* beginMigration(slot, other)
      yield* migrateKeys(slot, 1)

      // A node that is importing a slot refuses it to those who do not say ASKING.
      assert.strictEqual(yield* Redis.get(moved), "1")
      assert.strictEqual(yield* Redis.incr(moved), 2)
      assert.strictEqual(yield* Redis.set(kept, "3"), "OK")
      assert.deepStrictEqual(yield* counts, { redirects: 3, retries: 0 })
      const shard = SlotMap.shardOf(yield* topology.current, slot)
      assert.strictEqual(shard?.primary?.address.key, owner.address.key)

      yield* finishMigration(slot)
      assert.deepStrictEqual(yield* Redis.mget([moved, kept]), ["2", "3"])
      assert.deepStrictEqual(yield* counts, { redirects: 4, retries: 0 })
    }).pipe(withClient())
  ),
  scenario(
    "TRYAGAIN is tried again, after the pause of the policy, until the slot has arrived (redisc 34)",
    Effect.gen(function*() {
      const keys = ["{redirects:arriving}:a", "{redirects:arriving}:b"] as const
      const { finish } = yield* split(keys)
      const arrivesAtLast = Schedule.tap(
        Schedule.spaced("5 millis"),
        ({ attempt }) => attempt === 2 ? Effect.orDie(finish) : Effect.void
      )
      const values = Redis.mget(keys).pipe(RedirectPolicy.provide(RedirectPolicy.make(arrivesAtLast)))
      assert.deepStrictEqual(yield* values, ["1", "2"])
      assert.deepStrictEqual(yield* counts, { redirects: 1, retries: 2 })
    }).pipe(withClient())
  )
]
