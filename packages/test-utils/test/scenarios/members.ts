/** Nodes that join and leave, and users who may not ask for everything. */
import { assert } from "@effect/vitest"
import { Redis, RedisCluster, Session, Slot, SlotMap } from "@redisc/core"
import type { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { changes, Cluster, failures, homeOf, neighbourOf, scenario, takeUntil, withClient } from "./Cluster.ts"

const key = "{members}:a"

const currentMap = Effect.flatMap(RedisCluster.RedisCluster, ({ topology }) => topology.current)

/** A primary that joins for a while, and gets two slots of another. */
const joined = Effect.gen(function*() {
  const { addNode, migrateSlots, waitUntilStable } = yield* Cluster
  const home = yield* homeOf(key)
  const node = yield* addNode()
  yield* migrateSlots({ from: home.owner, to: node, slots: [home.slot, neighbourOf(home)] })
  yield* waitUntilStable
  return { ...home, node }
})

/** What a user may do who may not ask for something. */
const user = Effect.fnUntraced(function*(name: string, rules: ReadonlyArray<string>) {
  const { command, nodes } = yield* Cluster
  const all = yield* nodes
  const each = (args: ReadonlyArray<string>) =>
    Effect.forEach(all, (node) => command(node, "ACL", args), { discard: true })
  yield* each(["SETUSER", name, "on", ">secret", "~*", "&*", "+@all", ...rules])
  yield* Effect.addFinalizer(() => Effect.ignore(each(["DELUSER", name])))
  return { credentials: { username: name, password: Redacted.make("secret") } }
})

/** Rules under which MULTI is refused, each with what comes of a transaction that sets a key then. */
const withoutMulti: ReadonlyArray<readonly [rules: ReadonlyArray<string>, delivery: string, stored: string | null]> = [
  [["-multi"], "MaybeExecuted", "1"],
  [["-@transaction"], "MaybeExecuted", "1"],
  [["-multi", "-set"], "Rejected", null],
  [["-exec"], "Rejected", null],
  [["-set"], "Rejected", null]
]

const forbidden: ReadonlyArray<ReadonlyArray<string>> = [
  ["-cluster|info"],
  ["-cluster|slots"],
  ["-cluster|info", "-cluster|slots"],
  ["-ping"],
  ["-role"],
  ["-hello"],
  ["-client"],
  ["-ping", "-role", "-client", "-cluster|info", "-readonly"]
]

export const members = [
  scenario(
    "a node that is taken out of the cluster, and shut down, is nothing to tell of",
    Effect.gen(function*() {
      const { removeNode } = yield* Cluster
      const { node, slot } = yield* joined
      yield* Effect.gen(function*() {
        const told = yield* failures
        const swaps = yield* changes
        yield* Redis.set(key, "1")
        assert.strictEqual(yield* Session.use({ keys: key }, Redis.clusterMyid()), node.id)
        yield* removeNode(node)
        yield* takeUntil(swaps, ({ after }) => !after.nodes.has(node.address.key))
        assert.strictEqual(yield* Redis.get(key), "1")
        const map = yield* currentMap
        assert.notStrictEqual(SlotMap.shardOf(map, slot)?.primary?.address.key, node.address.key)
        assert.strictEqual(map.assigned, Slot.count)
        assert.deepStrictEqual(yield* Queue.clear(told), [])
      }).pipe(withClient())
    })
  ),
  scenario(
    "nor is a replica that was read from until then, whose shard had nothing to redirect",
    Effect.gen(function*() {
      const { addNode, removeNode, waitUntilStable } = yield* Cluster
      const { owner } = yield* homeOf(key)
      const replica = yield* addNode({ replicaOf: owner })
      yield* waitUntilStable
      yield* Effect.gen(function*() {
        const told = yield* failures
        const swaps = yield* changes
        yield* Redis.set(key, "1")
        const { stats } = yield* RedisCluster.RedisCluster
        const isRead = Effect.andThen(
          Redis.get(key),
          Effect.map(stats, ({ nodes }) => (nodes.get(replica.address.key)?.bytesRead ?? 0) > 0)
        )
        yield* Effect.repeat(isRead, { until: (is) => is, schedule: Schedule.spaced("10 millis") })
        yield* removeNode(replica)
        yield* takeUntil(swaps, ({ after }) => !after.nodes.has(replica.address.key))
        assert.strictEqual(yield* Redis.get(key), "1")
        assert.deepStrictEqual(yield* Queue.clear(told), [])
      }).pipe(withClient({ readFrom: "preferReplica", refreshInterval: "500 millis" }))
    })
  ),
  ...withoutMulti.map(([rules, delivery, stored]) =>
    scenario(
      `a user who has ${rules.join(" ")} is told what became of a transaction`,
      Effect.gen(function*() {
        const name = `{members:multi}:${rules.join(":")}`
        const settings = yield* user("hasty", rules)
        yield* withClient()(Redis.del([name]))
        const refused = Effect.gen(function*() {
          const both = Redis.transaction([Redis.set(name, "1"), Redis.get(name)])
          const errors = [yield* Effect.flip(both)]
          const [piped] = yield* Redis.pipeline([both], { mode: "result" })
          errors.push(yield* Effect.flip(Effect.fromResult(piped)))
          errors.push(yield* Effect.flip(Session.use({ keys: name }, both)))
          errors.push(yield* Effect.flip(both.pipe(Redis.ensureReplication({ replicas: 1, within: "100 millis" }))))
          return errors
        })
        for (const error of yield* withClient(settings)(refused)) {
          assert.match(error.message, /NOPERM .*no permissions to/)
          assert.strictEqual(error.delivery, delivery, error.message)
        }
        assert.strictEqual(yield* withClient()(Redis.get(name)), stored)
      })
    )
  ),
  ...forbidden.map((rules) =>
    scenario(
      `a user who has ${rules.join(" ")} can start, read and write, and follow a slot`,
      Effect.gen(function*() {
        const { migrateSlots } = yield* Cluster
        const settings = yield* user("limited", rules)
        const home = yield* homeOf(key)
        yield* Effect.gen(function*() {
          const told = yield* failures
          const { refresh } = yield* RedisCluster.RedisCluster
          yield* Redis.set(key, "1")
          assert.strictEqual((yield* refresh).assigned, Slot.count)
          yield* migrateSlots({ from: home.owner, to: home.other, slots: [home.slot] })
          assert.strictEqual(yield* Redis.get(key), "1")
          const map = yield* refresh
          assert.strictEqual(SlotMap.shardOf(map, home.slot)?.primary?.address.key, home.other.address.key)
          assert.deepStrictEqual(yield* Queue.clear(told), [])
        }).pipe(withClient(settings))
        yield* Effect.gen(function*() {
          assert.strictEqual(yield* Redis.get(key), "1")
        }).pipe(withClient({ ...settings, readFrom: "preferReplica" }))
      }).pipe(Effect.scoped)
    )
  )
]

const says = (node: RealCluster.Node) =>
  Effect.flatMap(Cluster, ({ command }) => Effect.map(command(node, "CLUSTER", ["INFO"]), String))

/** On a cluster without replicas, where nobody takes the place of who is gone. */
export const withoutMembers = [
  scenario(
    "a seed that was taken out and reset never empties the map, while the members are gone and when they are back",
    Effect.gen(function*() {
      const { addNode, command, kill, nodes, restart, waitUntilStable } = yield* Cluster
      const all = yield* nodes
      const seed = yield* addNode()
      yield* waitUntilStable
      yield* Effect.gen(function*() {
        const { refresh } = yield* RedisCluster.RedisCluster
        yield* Redis.set(key, "1")
        assert.strictEqual((yield* currentMap).assigned, Slot.count)
        for (const node of all) yield* command(node, "CLUSTER", ["FORGET", seed.id])
        yield* command(seed, "CLUSTER", ["RESET", "SOFT"])
        assert.include(yield* says(seed), "cluster_state:fail")
        for (const node of all) yield* kill(node)
        const error = yield* Effect.flip(refresh)
        assert.include(error.message, `${seed.address.key}: it says that its cluster is down`)
        assert.strictEqual((yield* currentMap).assigned, Slot.count)
        for (const node of all) yield* restart(node)
        const back = yield* Effect.retry(refresh, Schedule.spaced("50 millis"))
        assert.strictEqual(back.assigned, Slot.count)
        assert.strictEqual((yield* currentMap).assigned, Slot.count)
        yield* Redis.set(key, "2")
      }).pipe(withClient({ nodes: [seed.address] }))
    }).pipe(Effect.provide(Logger.layer([])))
  )
]
