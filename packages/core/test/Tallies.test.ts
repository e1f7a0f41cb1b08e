/** What is counted "so far" never falls, whatever becomes of the node. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Address from "../src/Address.ts"
import type { Connection } from "../src/internal/connection/connection.ts"
import { makePool } from "../src/internal/connection/nodePool.ts"
import { Tallies } from "../src/internal/connection/tally.ts"
import type { Totals } from "../src/internal/connection/tally.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import { advance, keyOfA, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const address = Address.tcp("a", 7000)
const get = Redis.get("k")

const assertRisen = (before: Totals | undefined, after: Totals | undefined) => {
  for (const name of ["reconnects", "bytesWritten", "bytesRead"] as const) {
    assert.isAtLeast(after?.[name] ?? -1, before?.[name] ?? 0, name)
  }
}

const pooled = Effect.gen(function*() {
  const nodes = threeNodes()
  const pool = yield* nodes.cluster.provide(makePool({ drainTimeout: "1 second" }))
  return { ...nodes, pool }
})

describe("what has gone on at a node so far", () => {
  it.effect("goes on where it was when the node is renewed, also while the old connections are drained", () =>
    Effect.gen(function*() {
      const { a, pool } = yield* pooled
      yield* pool.node(address).execute(get)
      a.drop()
      yield* advance("2 seconds")
      const before = pool.node(address).stats()
      assert.strictEqual(before.reconnects, 1)
      a.on("GET", "hold")
      yield* Effect.forkChild(pool.node(address).execute(get), { startImmediately: true })
      yield* settle
      const busy = pool.node(address).stats()
      assert.isAbove(busy.bytesWritten, before.bytesWritten)
      pool.renew(address)
      const during = pool.node(address).stats()
      assertRisen(busy, during)
      assert.deepStrictEqual([during.open, during.inFlight], [0, 0])
      yield* advance("2 seconds")
      assertRisen(during, pool.node(address).stats())
      a.on("GET", Reply.null)
      yield* pool.node(address).execute(get)
      assert.isAbove(pool.node(address).stats().bytesRead, busy.bytesRead)
    }))

  it.effect("goes on when the node leaves and comes back", () =>
    Effect.gen(function*() {
      const { cluster } = threeNodes()
      const service = yield* cluster.provide(RedisCluster.make({ nodes: ["a:7000"] }))
      const { slots } = cluster
      const ofA = Effect.map(service.stats, ({ nodes }) => nodes.get("a:7000"))
      yield* service.execute(Redis.get(keyOfA))
      const before = yield* ofA
      assert.isAbove(before?.bytesRead ?? 0, 0)
      cluster.slots = [[0, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      yield* service.refresh
      yield* advance("3 seconds")
      assert.isUndefined(yield* ofA)
      cluster.slots = slots
      yield* service.refresh
      yield* service.execute(Redis.get(keyOfA))
      const after = yield* ofA
      assertRisen(before, after)
      assert.isAbove(after?.bytesRead ?? 0, before?.bytesRead ?? 0)
    }))

  it.effect("keeps what went over a reader that is no replica any more", () =>
    Effect.gen(function*() {
      const { pool } = yield* pooled
      yield* pool.node(address).execute(get)
      const alone = pool.node(address).stats()
      yield* pool.reader(address).execute(get)
      const before = pool.node(address).stats()
      assert.isAbove(before.bytesRead, alone.bytesRead)
      assert.deepInclude(pool.reader(address).stats(), { bytesRead: before.bytesRead })
      pool.retain(new Set(["a:7000"]), new Set())
      assertRisen(before, pool.node(address).stats())
      yield* advance("2 seconds")
      assertRisen(before, pool.node(address).stats())
    }))
})

describe("the tallies of addresses that are gone", () => {
  const counted = { watch: () => {}, stats: () => ({ bytesRead: 1, bytesWritten: 1 }) } as unknown as Connection

  it("are not kept where nothing was counted: of 10,000 addresses that nobody answered at", () => {
    const tallies = new Tallies()
    for (let n = 0; n < 10_000; n++) {
      tallies.acquire(`${n}`)
      tallies.release(`${n}`)
    }
    assert.strictEqual(tallies.size, 0)
  })

  it("are kept of so many, those that left last", () => {
    const tallies = new Tallies()
    for (let n = 0; n < 10_000; n++) {
      tallies.acquire(`${n}`).add(counted)
      tallies.release(`${n}`)
    }
    assert.strictEqual(tallies.size, 1000)
    assert.strictEqual(tallies.acquire("9000").totals.bytesRead, 1)
    assert.strictEqual(tallies.acquire("8999").totals.bytesRead, 0)
  })

  it("are one for all connections to an address, and kept while the last of these is in use", () => {
    const tallies = new Tallies()
    const tally = tallies.acquire("a")
    tally.reconnects++
    assert.strictEqual(tallies.acquire("a"), tally)
    tallies.release("a")
    tallies.release("a")
    assert.strictEqual(tallies.acquire("a"), tally)
    assert.strictEqual(tallies.size, 1)
  })
})
