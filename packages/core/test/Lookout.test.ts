import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redis from "../src/Redis.ts"
import { connectedTo, start } from "./support/client.ts"
import { address, learn } from "./support/learning.ts"
import { advance, keyOfA, keyOfB } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"
import type { ScriptedCluster, ScriptedNode } from "./support/ScriptedCluster.ts"
import type { Slots } from "./support/slotsReply.ts"

const slots: Slots = [
  [0, 5460, "a:7000", "a2:7000"],
  [5461, 10922, "b:7000", "b2:7000"],
  [10923, 16383, "c:7000", "c2:7000"]
]
const promoted: Slots = [[0, 5460, "a2:7000", "a:7000"], ...slots.slice(1)]

const master = Reply.array([Reply.bulk("master"), Reply.integer(1), Reply.array([])])
const slave = Reply.array([
  Reply.bulk("slave"),
  Reply.bulk("a"),
  Reply.integer(7000),
  Reply.bulk("connected"),
  Reply.integer(1)
])

/** How often something was asked, of all nodes together. */
const asked = (cluster: ScriptedCluster, line: string): number =>
  Array.from(cluster.nodes.values()).reduce((sum, node) => sum + node.count(line), 0)

const die = (node: ScriptedNode): void => {
  node.accepts = "none"
  node.drop()
}

const withReplicas = Effect.fnUntraced(function*() {
  const nodes = yield* connectedTo(slots)
  const { cluster } = nodes
  for (const node of cluster.nodes.values()) node.on("ROLE", node.key.includes("2") ? slave : master)
  const node = (key: string) => cluster.node(`${key}:7000`)
  for (const key of [keyOfA, keyOfB]) yield* nodes.run(Redis.get(key))
  /** Commands for a key, so many a second, until the fiber is interrupted. */
  const load = (key: string, perSecond: number) =>
    start(Effect.forever(Effect.andThen(
      Effect.forkDetach(nodes.run(Redis.get(key)).pipe(Effect.ignore)),
      Effect.sleep(1000 / perSecond)
    )))
  return { ...nodes, load, a: node("a"), a2: node("a2"), b: node("b"), b2: node("b2"), c2: node("c2") }
})

describe("while a primary is away", () => {
  it.effect("few refreshes are made, and ever fewer, however many commands are waiting for it", () =>
    Effect.gen(function*() {
      const { a, cluster, load } = yield* withReplicas()
      const fiber = yield* load(keyOfA, 2)
      die(a)
      const perSecond: Array<number> = []
      for (let i = 0; i < 6; i++) {
        const before = { slots: cluster.questions, info: asked(cluster, "CLUSTER INFO") }
        yield* advance("10 seconds")
        perSecond.push((cluster.questions - before.slots) / 10)
        assert.isAtMost((asked(cluster, "CLUSTER INFO") - before.info) / 10, 5)
      }
      yield* Fiber.interrupt(fiber)
      assert.isAtMost(perSecond[0], 5)
      for (const later of perSecond.slice(1)) assert.isAtMost(later, 2.5)
    }))

  it.effect("one of its replicas is asked for its role twice a second, after a minute less often", () =>
    Effect.gen(function*() {
      const { a, a2, b2, c2, cluster, load } = yield* withReplicas()
      const fiber = yield* load(keyOfA, 0.2)
      die(a)
      const perTenSeconds: Array<number> = []
      for (let i = 0; i < 9; i++) {
        const before = asked(cluster, "ROLE")
        yield* advance("10 seconds")
        perTenSeconds.push(asked(cluster, "ROLE") - before)
      }
      yield* Fiber.interrupt(fiber)
      for (const early of perTenSeconds.slice(0, 6)) {
        assert.isAtLeast(early, 15)
        assert.isAtMost(early, 26)
      }
      for (const late of perTenSeconds.slice(7)) assert.isAtMost(late, 3)
      assert.deepStrictEqual([b2, c2].map((node) => node.count("ROLE")), [0, 0])
      assert.isAbove(a2.count("ROLE"), 100)
    }))

  it.effect("a promotion is noticed within a second, however long that took", () =>
    Effect.gen(function*() {
      const { a, a2, cluster, load, run } = yield* withReplicas()
      const fiber = yield* load(keyOfA, 2)
      die(a)
      yield* advance("40 seconds")
      cluster.slots = promoted
      a2.on("ROLE", master)
      yield* advance("1 second")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a2:7000")
      const { questions } = cluster
      const roles = asked(cluster, "ROLE")
      yield* Fiber.interrupt(fiber)
      yield* advance("20 seconds")
      assert.isAtMost(cluster.questions - questions, 45)
      assert.isAtMost(asked(cluster, "ROLE") - roles, 2)
    }))

  it.effect("a promotion that the others have not heard of yet is asked for until they have", () =>
    Effect.gen(function*() {
      const { a, a2, cluster, load, run } = yield* withReplicas()
      const fiber = yield* load(keyOfA, 2)
      die(a)
      yield* advance("20 seconds")
      a2.slots = promoted
      a2.on("ROLE", master)
      yield* advance("3 seconds")
      cluster.slots = promoted
      yield* advance("1 second")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a2:7000")
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("one that says master for ever, where the others disagree, costs a few questions a second", () =>
    Effect.gen(function*() {
      const { a, a2, cluster, load } = yield* withReplicas()
      const fiber = yield* load(keyOfA, 2)
      die(a)
      a2.slots = promoted
      a2.on("ROLE", master)
      yield* advance("20 seconds")
      const { questions } = cluster
      yield* advance("20 seconds")
      assert.isAtMost((cluster.questions - questions) / 20, 7.5)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("another node is asked where it has no replica that can be reached", () =>
    Effect.gen(function*() {
      const { a, a2, b, b2, c2, cluster, load } = yield* withReplicas()
      const fiber = yield* load(keyOfA, 2)
      for (const node of [a, a2]) die(node)
      yield* advance("10 seconds")
      assert.isAbove([b2, c2, b].reduce((sum, node) => sum + node.count("ROLE"), 0), 5)
      assert.isAtMost(asked(cluster, "ROLE"), 26)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("one that says that it is loading counts as away, for as long as it says so", () =>
    Effect.gen(function*() {
      const { a, a2, cluster, load, run } = yield* withReplicas()
      a.on("GET", Reply.error("LOADING Redis is loading the dataset in memory"))
      const fiber = yield* load(keyOfA, 2)
      yield* advance("20 seconds")
      const roles = a2.count("ROLE")
      assert.isAbove(roles, 25)
      cluster.slots = promoted
      a2.on("ROLE", master)
      yield* advance("1 second")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a2:7000")
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("a node that comes back is news, and ends the questions", () =>
    Effect.gen(function*() {
      const { a, cluster, load } = yield* withReplicas()
      const fiber = yield* load(keyOfA, 2)
      die(a)
      yield* advance("40 seconds")
      const before = cluster.questions
      a.accepts = "all"
      yield* advance("2 seconds")
      assert.isAbove(cluster.questions, before)
      const roles = asked(cluster, "ROLE")
      yield* advance("20 seconds")
      assert.strictEqual(asked(cluster, "ROLE"), roles)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("a user who may not ask for the role still notices a promotion, with a few questions a second", () =>
    Effect.gen(function*() {
      const { a, cluster, load, run } = yield* withReplicas()
      for (const node of cluster.nodes.values()) node.on("ROLE", Reply.error("NOPERM this user has no permissions"))
      const fiber = yield* load(keyOfA, 2)
      die(a)
      yield* advance("10 seconds")
      const { questions } = cluster
      yield* advance("10 seconds")
      assert.isAtMost((cluster.questions - questions) / 10, 7.5)
      cluster.slots = promoted
      yield* advance("2 seconds")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a2:7000")
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("a slot that nobody serves is found again within two seconds once somebody does, with a few questions a second", () =>
    Effect.gen(function*() {
      const { cluster, load, run, service } = yield* withReplicas()
      cluster.slots = slots.slice(1)
      yield* service.refresh
      const fiber = yield* load(keyOfA, 2)
      yield* advance("20 seconds")
      const { questions } = cluster
      yield* advance("10 seconds")
      assert.isAtMost((cluster.questions - questions) / 10, 7.5)
      cluster.slots = promoted
      yield* advance("2 seconds")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a2:7000")
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("nobody is asked for a role while all is well, nor when a replica is lost", () =>
    Effect.gen(function*() {
      const { a2, cluster, load } = yield* withReplicas()
      const fiber = yield* load(keyOfA, 2)
      yield* advance("10 seconds")
      die(a2)
      yield* advance("10 seconds")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(asked(cluster, "ROLE"), 0)
    }))
})

describe("the pause between refreshes", () => {
  const thirds: Slots = [[0, 5460, "a:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]

  /** Asks for a refresh all the time, and returns the times of those that were made. */
  const timesOf = Effect.fnUntraced(function*(
    topology: { readonly refreshes: () => number; readonly requestRefresh: () => void },
    seconds: number
  ) {
    const times: Array<number> = []
    let seen = topology.refreshes()
    for (let now = 0; now < seconds * 1000; now += 50) {
      topology.requestRefresh()
      yield* advance(50)
      if (topology.refreshes() > seen) times.push(now)
      seen = topology.refreshes()
    }
    return times
  })

  it.effect("doubles up to some seconds while they bring nothing new", () =>
    Effect.gen(function*() {
      const { topology } = yield* learn(scriptedCluster(thirds), ["a:7000"], { refreshInterval: "Infinity" })
      const times = yield* timesOf(topology, 60)
      const pauses = times.slice(1).map((time, i) => time - times[i])
      assert.isAtMost(pauses[0], 350)
      assert.isAtMost(times.filter((time) => time < 10_000).length, 9)
      for (const pause of pauses.slice(7)) {
        assert.isAtLeast(pause, 1950)
        assert.isAtMost(pause, 6100)
      }
      assert.isAbove(new Set(pauses.slice(7)).size, 3)
    }))

  it.effect("is short again after a change, a redirect to somewhere new, and a quiet time", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      const { topology } = yield* learn(cluster, ["a:7000"], { refreshInterval: "Infinity" })
      const isShort = Effect.map(timesOf(topology, 2), ({ length }) => length >= 3)
      yield* timesOf(topology, 20)
      yield* topology.patch(1, address("b:7000"))
      assert.isTrue(yield* isShort)
      yield* timesOf(topology, 20)
      cluster.slots = [[0, 8191, "a:7000"], [8192, 16383, "b:7000"]]
      yield* topology.refresh
      assert.isTrue(yield* isShort)
      yield* timesOf(topology, 20)
      yield* advance("30 seconds")
      assert.isTrue(yield* isShort)
    }))

  it.effect("is never longer than the interval in which the map is learnt anyway", () =>
    Effect.gen(function*() {
      const { topology } = yield* learn(scriptedCluster(thirds), ["a:7000"], { refreshInterval: "1 second" })
      assert.isAtLeast((yield* timesOf(topology, 30)).length, 20)
    }))
})
