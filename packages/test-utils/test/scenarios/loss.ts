/** What a client says and does when there is no node that could serve it. */
import { assert } from "@effect/vitest"
import { Nodes, RedirectPolicy, Redis, RedisCluster, Session, SlotMap } from "@redisc/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { changes, Cluster, failures, homeOf, reasonOf, scenario, tagOf, takeUntil, withClient } from "./Cluster.ts"
import type { Client } from "./Cluster.ts"

const key = "{loss}:a"
const impatient = RedirectPolicy.provide(RedirectPolicy.none)

/** Ways to ask that take a node, each with the error where there is none. */
const waysToAsk = {
  command: Redis.get(key),
  "command without keys": Redis.ping(),
  "command about all nodes": Redis.dbsize(),
  pipeline: Redis.pipeline([Redis.get(key), Redis.ping()]),
  transaction: Redis.transaction([Redis.incr(key)]),
  "bound session": Session.use({ keys: key }, Redis.ping()),
  "session on any primary": Session.use({}, Redis.ping())
}

/** Each of them fails for a reason, unsent. */
const allFail = Effect.fnUntraced(function*(tag: RegExp) {
  for (const [way, ask] of Object.entries<Effect.Effect<unknown, Redis.RedisError, Client>>(waysToAsk)) {
    const { delivery, reason } = yield* Effect.flip(impatient(ask))
    assert.match(reason._tag, tag, way)
    assert.strictEqual(delivery, "NotSent", way)
  }
})

/** On a cluster of one node. */
export const unserved = [
  scenario(
    "a client that is told of no node is refused (redisc 24)",
    Effect.gen(function*() {
      const error = yield* Effect.flip(withClient({ nodes: [] })(Redis.ping()))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.include(error.message, "give the address of at least one node")
    })
  ),
  scenario(
    "where no slot is assigned each way to ask says so, and a visit runs nothing (redisc 12, 24, 27)",
    Effect.gen(function*() {
      const { command, flushAll, primaries, waitUntilStable } = yield* Cluster
      const [node] = yield* primaries
      yield* flushAll
      yield* command(node, "CLUSTER", ["FLUSHSLOTS"])
      yield* Effect.gen(function*() {
        let runs = 0
        const counted = Effect.sync(() => ++runs)
        yield* allFail(/^NoNodeForSlot$/)
        assert.strictEqual(yield* tagOf(Nodes.collect("primaries", counted)), "NoNodeForSlot")
        assert.strictEqual(yield* tagOf(Nodes.collect("replicas", counted)), "NoNodeForSlot")
        assert.strictEqual(runs, 0)
        assert.strictEqual(yield* Nodes.executeOn(node.address, Redis.ping()), "PONG")

        const stored = yield* Effect.forkChild(Redis.set(key, "1"), { startImmediately: true })
        yield* command(node, "CLUSTER", ["ADDSLOTSRANGE", 0, 16383])
        assert.strictEqual(yield* Fiber.join(stored), "OK")
      }).pipe(
        withClient(),
        Effect.ensuring(Effect.ignore(command(node, "CLUSTER", ["ADDSLOTSRANGE", 0, 16383])))
      )
      yield* waitUntilStable
    })
  ),
  scenario(
    "a session for a slot that nobody serves has the layout learnt anew, and finds it served then (redisc 28)",
    Effect.gen(function*() {
      const { command } = yield* Cluster
      const { owner, slot } = yield* homeOf(key)
      yield* command(owner, "CLUSTER", ["DELSLOTS", slot])
      yield* Effect.gen(function*() {
        const swaps = yield* changes
        const session = Session.use({ keys: key }, Redis.clusterMyid())
        yield* command(owner, "CLUSTER", ["ADDSLOTS", slot])
        assert.deepInclude(yield* reasonOf(session), { _tag: "NoNodeForSlot", slot })
        yield* takeUntil(swaps, ({ after }) => SlotMap.shardOf(after, slot) !== undefined)
        assert.strictEqual(yield* session, owner.id)
      }).pipe(withClient())
    })
  )
]

/** On a cluster that does not outlive them. */
export const lost = [
  scenario(
    "when all nodes are gone each way to ask fails, and what fails unasked is told (redisc 5, 23, 24, 27)",
    Effect.gen(function*() {
      const { kill, nodes } = yield* Cluster
      const { refresh } = yield* RedisCluster.RedisCluster
      const told = yield* failures
      const all = yield* nodes
      for (const node of all) yield* kill(node)

      const { error } = yield* takeUntil(told, ({ source }) => source === "Refresh")
      assert.strictEqual(error.reason._tag, "DiscoveryFailed")
      const reason = yield* reasonOf(refresh)
      if (reason._tag !== "DiscoveryFailed") return assert.fail(reason._tag)
      assert.deepStrictEqual(
        [...new Set(reason.attempts.map(({ node }) => node))].sort(),
        all.map(({ address }) => address.key).sort()
      )
      yield* allFail(/^Connection(Lost|Failed)$/)
      yield* takeUntil(told, ({ error, source }) => source === "Connection" && error.reason._tag === "ConnectionFailed")
      assert.strictEqual(yield* tagOf(withClient()(Redis.ping())), "DiscoveryFailed")
      // That the layout can't be learnt is also logged.
    }).pipe(withClient(), Effect.provide(Logger.layer([])))
  )
]
