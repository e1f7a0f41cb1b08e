/** Which view of the cluster takes the place of the one that is believed: nodes that left, were reset, or never belonged. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Vote from "../src/internal/topology/vote.ts"
import type * as Resp from "../src/Resp.ts"
import * as SlotMap from "../src/SlotMap.ts"
import { address, learn, owners, ownersOf, start } from "./support/learning.ts"
import { advance, settle } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"
import { slotsReply } from "./support/slotsReply.ts"
import type { Slots } from "./support/slotsReply.ts"

const thirds: Slots = [[0, 5460, "a:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]

/** A map that was learnt from three healthy nodes; `seed:1` is what the client was given. */
const known = Effect.fnUntraced(function*(slots: Slots = thirds) {
  const cluster = scriptedCluster(slots)
  const seed = cluster.node("seed:1")
  const { pool, topology } = yield* learn(cluster, ["seed:1"])
  const members = ["a:7000", "b:7000", "c:7000"].map((key) => cluster.node(key))
  yield* topology.refresh
  yield* settle
  /** A refresh, and the time that it takes. */
  const refreshed = Effect.gen(function*() {
    const fiber = yield* start(Effect.result(topology.refresh))
    while (fiber.pollUnsafe() === undefined) yield* advance("100 millis")
    return yield* Fiber.join(fiber)
  })
  const current = Effect.map(topology.current, (map: SlotMap.SlotMap) => owners(map))
  return { cluster, current, members, pool, refreshed, seed, topology }
})

/** What CLUSTER SLOTS answers where the nodes have other identities. */
const foreign = (slots: Slots): Resp.Reply =>
  JSON.parse(JSON.stringify(slotsReply(slots)).replaceAll("\"id-", "\"other-")) as Resp.Reply

/** A node that was taken out of its cluster, and reset. */
const leave = (node: ScriptedNode, state: "ok" | "fail" = "fail"): void => {
  node.state = state
  node.on("CLUSTER SLOTS", Reply.array([]))
}

describe("a map that healthy nodes have told", () => {
  it.effect("outlives a seed that was taken out of the cluster, while the members say nothing", () =>
    Effect.gen(function*() {
      const { current, members, refreshed, seed } = yield* known()
      leave(seed)
      for (const member of members) member.frozen = true
      const learnt = yield* refreshed
      assert.strictEqual(learnt._tag, "Failure")
      assert.include(
        learnt._tag === "Failure" ? learnt.failure.message : "",
        "seed:1: it says that its cluster is down"
      )
      assert.deepStrictEqual(yield* current, ownersOf(thirds))
    }))

  it.effect("is told by the members again as soon as they speak, however long they were silent", () =>
    Effect.gen(function*() {
      const { cluster, current, members, seed, topology } = yield* known()
      leave(seed)
      for (const member of members) {
        member.accepts = "none"
        member.frozen = true
        member.drop()
      }
      yield* advance("30 seconds")
      assert.deepStrictEqual(yield* current, ownersOf(thirds))
      cluster.slots = [[0, 16383, "b:7000"]]
      for (const member of members) {
        member.accepts = "all"
        member.frozen = false
      }
      topology.requestRefresh()
      yield* advance("8 seconds")
      assert.deepStrictEqual(yield* current, ownersOf(cluster.slots))
    }))

  it.effect("outlives a seed that knows of no slots and calls that well", () =>
    Effect.gen(function*() {
      const { current, members, refreshed, seed } = yield* known()
      leave(seed, "ok")
      for (const member of members) member.frozen = true
      const learnt = yield* refreshed
      assert.include(learnt._tag === "Failure" ? learnt.failure.message : "", "it knows of nobody who serves a slot")
      assert.deepStrictEqual(yield* current, ownersOf(thirds))
    }))

  it.effect("outlives the minority of a partition, which tells what was before", () =>
    Effect.gen(function*() {
      const { current, members: [a, b, c], refreshed, seed } = yield* known()
      a.state = "fail"
      a.slots = [[0, 16383, "a:7000"]]
      for (const other of [b, c, seed]) other.frozen = true
      assert.strictEqual((yield* refreshed)._tag, "Failure")
      assert.deepStrictEqual(yield* current, ownersOf(thirds))
    }))

  it.effect("outlives that all nodes call the cluster down", () =>
    Effect.gen(function*() {
      const { cluster, current, members, refreshed, seed, topology } = yield* known()
      cluster.slots = [[0, 5460, "a:7000"]]
      for (const node of [...members, seed]) node.state = "fail"
      const before = topology.learntAt()
      assert.strictEqual((yield* refreshed)._tag, "Failure")
      assert.deepStrictEqual(yield* current, ownersOf(thirds))
      assert.strictEqual(topology.learntAt(), before)
      for (const node of members) node.state = "ok"
      assert.strictEqual((yield* refreshed)._tag, "Success")
      assert.deepStrictEqual(yield* current, ownersOf(cluster.slots))
    }))

  it.effect("outlives a healthy node of another cluster that got the address of a member", () =>
    Effect.gen(function*() {
      const { current, members: [a, b, c], refreshed, seed } = yield* known()
      a.on("CLUSTER SLOTS", foreign([[0, 16383, "a:7000"]]))
      a.epoch = 99
      for (const other of [b, c, seed]) other.frozen = true
      const learnt = yield* refreshed
      assert.include(learnt._tag === "Failure" ? learnt.failure.message : "", "a:7000: it belongs to another cluster")
      assert.deepStrictEqual(yield* current, ownersOf(thirds))
    }))

  it.effect("is told by one member rather than by many strangers", () =>
    Effect.gen(function*() {
      const { cluster, current, members: [a, b, c], refreshed } = yield* known()
      for (const node of [a, b]) node.on("CLUSTER SLOTS", foreign([[0, 16383, "a:7000"]]))
      cluster.slots = [[0, 5000, "a:7000"], [5001, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      assert.strictEqual(c.state, "ok")
      yield* refreshed
      assert.deepStrictEqual(yield* current, ownersOf(cluster.slots))
    }))

  it.effect("gives way to another cluster that was put in its place, node by node", () =>
    Effect.gen(function*() {
      const { current, members, refreshed, seed } = yield* known()
      const slots: Slots = [[0, 8191, "a:7000"], [8192, 16383, "b:7000"]]
      for (const node of [...members, seed]) {
        node.on("CLUSTER SLOTS", foreign(slots))
        node.epoch = 0
      }
      yield* refreshed
      assert.deepStrictEqual(yield* current, ownersOf(slots))
    }))

  it.effect("gives way to another cluster that the seeds lead to, once no member can be reached", () =>
    Effect.gen(function*() {
      const { cluster, current, members, refreshed, seed } = yield* known()
      for (const node of [seed, cluster.node("d:7000")]) {
        node.on("CLUSTER SLOTS", foreign([[0, 16383, "d:7000"]]))
        node.epoch = 0
      }
      for (const member of members) member.frozen = true
      assert.strictEqual((yield* refreshed)._tag, "Failure")
      assert.deepStrictEqual(yield* current, ownersOf(thirds))
      for (const member of members) {
        member.accepts = "none"
        member.drop()
      }
      yield* advance("1 second")
      yield* refreshed
      assert.deepStrictEqual(yield* current, ["0-16383 d:7000"])
    }))

  it.effect("gives way to another cluster once all tries to reach a member have come to nothing", () =>
    Effect.gen(function*() {
      const { cluster, current, members, seed, topology } = yield* known()
      for (const node of [seed, cluster.node("d:7000")]) node.on("CLUSTER SLOTS", foreign([[0, 16383, "d:7000"]]))
      yield* advance("2 seconds")
      for (const member of members) {
        member.accepts = "neither"
        member.drop()
      }
      topology.requestRefresh()
      yield* advance("4 seconds")
      assert.deepStrictEqual(yield* current, ownersOf(thirds))
      yield* advance("20 seconds")
      assert.deepStrictEqual(yield* current, ["0-16383 d:7000"])
    }))

  it.effect("gives way to another cluster when the members are gone but for one that was reset", () =>
    Effect.gen(function*() {
      const { cluster, current, members: [a, b, c], refreshed, seed } = yield* known()
      for (const node of [seed, cluster.node("d:7000")]) node.on("CLUSTER SLOTS", foreign([[0, 16383, "d:7000"]]))
      leave(a)
      for (const member of [b, c]) {
        member.accepts = "none"
        member.drop()
      }
      yield* advance("1 second")
      yield* refreshed
      assert.deepStrictEqual(yield* current, ["0-16383 d:7000"])
    }))

  it.effect("outlives one node that is behind, and gives way to most of them, as after a restore", () =>
    Effect.gen(function*() {
      const { cluster, current, members, refreshed, seed } = yield* known()
      for (const node of [...members, seed]) node.epoch = 7
      yield* refreshed
      const [a, b, c] = members
      a.epoch = 5
      a.slots = [[0, 16383, "a:7000"]]
      for (const other of [b, c, seed]) other.frozen = true
      const learnt = yield* refreshed
      assert.include(learnt._tag === "Failure" ? learnt.failure.message : "", "a:7000: what it tells is older")
      assert.deepStrictEqual(yield* current, ownersOf(thirds))
      for (const other of [b, c, seed]) other.frozen = false
      for (const node of members) node.drop()
      cluster.slots = [[0, 16383, "c:7000"]]
      a.slots = undefined
      for (const node of [...members, seed]) node.epoch = 3
      yield* refreshed
      assert.deepStrictEqual(yield* current, ownersOf(cluster.slots))
    }))

  it.effect("may have holes: what nobody serves in a healthy view is nobody's", () =>
    Effect.gen(function*() {
      const { cluster, current, refreshed } = yield* known()
      cluster.slots = [[0, 10, "a:7000"]]
      yield* refreshed
      assert.deepStrictEqual(yield* current, ["0-10 a:7000"])
    }))
})

describe("a refresh that learns nothing", () => {
  it.effect("connects to the seeds anew the next time: their names may lead elsewhere by then", () =>
    Effect.gen(function*() {
      const { members, refreshed, seed } = yield* known()
      leave(seed)
      for (const member of members) member.frozen = true
      const before = seed.dialed.length
      yield* refreshed
      yield* advance("3 seconds")
      yield* refreshed
      assert.isAtLeast(seed.dialed.length, before + 2)
    }))

  it.effect("is tried again by itself", () =>
    Effect.gen(function*() {
      const { cluster, current, members, topology } = yield* known()
      for (const node of cluster.nodes.values()) node.on("CLUSTER SLOTS", Reply.error("ERR not now"))
      topology.requestRefresh()
      yield* advance("500 millis")
      const slots: Slots = [[0, 16383, "a:7000"]]
      for (const node of members) node.on("CLUSTER SLOTS", slotsReply(slots))
      yield* advance("3 seconds")
      assert.deepStrictEqual(yield* current, ownersOf(slots))
    }))
})

describe("a node that hangs", () => {
  it.effect("does not hold up the news while the others say that the cluster is down, nor once they are well again", () =>
    Effect.gen(function*() {
      const { cluster, current, members, topology } = yield* known()
      members[0].frozen = true
      for (const member of members.slice(1)) member.state = "fail"
      const down = yield* start(topology.refresh)
      yield* advance("600 millis")
      assert.isDefined(down.pollUnsafe())
      const promoted: Slots = [[0, 5460, "b:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      cluster.slots = promoted
      for (const member of members.slice(1)) member.state = "ok"
      const fiber = yield* start(topology.refresh)
      yield* advance("600 millis")
      assert.isDefined(fiber.pollUnsafe())
      assert.deepStrictEqual(yield* current, ["0-10922 b:7000", "10923-16383 c:7000"])
    }))
})

describe("at the start", () => {
  it.effect("a healthy seed is waited for, though most were taken out and say alike that they know nothing", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      for (const key of ["x:1", "y:2"]) leave(cluster.node(key))
      cluster.node("a:7000").delay = 500
      const learning = yield* start(learn(cluster, ["x:1", "a:7000", "y:2"]))
      yield* advance("3 seconds")
      const { topology } = yield* Fiber.join(learning)
      assert.deepStrictEqual(owners(yield* topology.current), ownersOf(thirds))
    }))

  it.effect("half of the seeds are no majority: the fuller view is waited for", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      cluster.node("x:1").slots = [[0, 9, "x:1"]]
      cluster.node("a:7000").delay = 500
      const learning = yield* start(learn(cluster, ["x:1", "a:7000"]))
      yield* advance("3 seconds")
      const { topology } = yield* Fiber.join(learning)
      assert.deepStrictEqual(owners(yield* topology.current), ownersOf(thirds))
    }))

  it.effect("a healthy seed counts more than those that were taken out", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      for (const key of ["x:1", "y:2"]) leave(cluster.node(key))
      const { topology } = yield* learn(cluster, ["x:1", "a:7000", "y:2"])
      assert.deepStrictEqual(owners(yield* topology.current), ownersOf(thirds))
    }))

  it.effect("a cluster without slots is taken as it is, and one with slots in its place", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster([])
      const seed = cluster.node("seed:1")
      seed.state = "fail"
      const { topology } = yield* learn(cluster, ["seed:1"])
      assert.strictEqual((yield* topology.current).assigned, 0)
      cluster.slots = [[0, 16383, "a:7000"]]
      assert.deepStrictEqual(owners(yield* topology.refresh), ownersOf(cluster.slots))
    }))

  it.effect("one that is down is taken as it is, and asked for by the seeds until it is up", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      for (const node of cluster.nodes.values()) node.state = "fail"
      cluster.node("seed:1").slots = [[0, 16383, "d:7000"]]
      const { topology } = yield* learn(cluster, ["a:7000", "seed:1"])
      // The one seed that is up has told this.
      assert.deepStrictEqual(owners(yield* topology.current), ["0-16383 d:7000"])
    }))
})

describe("a user who may not ask for all of it", () => {
  const noPermission = Reply.error("NOPERM User limited has no permissions to run the 'cluster|info' command")
  const shardsReply = (slots: Slots): Resp.Reply =>
    Reply.array(slots.map(([start, end, ...nodes]) =>
      Reply.map([
        [Reply.bulk("slots"), Reply.array([Reply.integer(start), Reply.integer(end)])],
        [
          Reply.bulk("nodes"),
          Reply.array(nodes.map((node, i) =>
            Reply.map([
              [Reply.bulk("id"), Reply.bulk(`id-${node}`)],
              [Reply.bulk("endpoint"), Reply.bulk(node.split(":")[0])],
              [Reply.bulk("port"), Reply.integer(Number(node.split(":")[1]))],
              [Reply.bulk("role"), Reply.bulk(i === 0 ? "master" : "replica")],
              [Reply.bulk("health"), Reply.bulk("online")]
            ])
          ))
        ]
      ])
    ))

  it.effect("learns without CLUSTER INFO by what most nodes say, and an empty view counts for nothing", () =>
    Effect.gen(function*() {
      const { cluster, current, members: [a, b, c], refreshed, seed } = yield* known()
      for (const node of [a, b, c, seed]) node.on("CLUSTER INFO", noPermission)
      leave(seed)
      a.slots = [[0, 16383, "a:7000"]]
      cluster.slots = [[0, 8191, "b:7000"], [8192, 16383, "c:7000"]]
      yield* refreshed
      assert.deepStrictEqual(yield* current, ownersOf(cluster.slots))
      for (const node of [a, b, c]) node.frozen = true
      assert.strictEqual((yield* refreshed)._tag, "Failure")
      assert.deepStrictEqual(yield* current, ownersOf(cluster.slots))
    }))

  it.effect("starts without it", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      for (const node of cluster.nodes.values()) node.on("CLUSTER INFO", noPermission)
      const { topology } = yield* learn(cluster, ["a:7000"])
      assert.deepStrictEqual(owners(yield* topology.current), ownersOf(thirds))
    }))

  it.effect.each(["", "cluster_enabled:1\r\n", "cluster_size:3\r\ncluster_current_epoch:x\r\n"])(
    "learns from nodes that do not say whether the cluster is up: %j",
    (info) =>
      Effect.gen(function*() {
        const { cluster, current, members, refreshed, seed } = yield* known()
        for (const node of [...members, seed]) node.on("CLUSTER INFO", Reply.bulk(info))
        cluster.slots = [[0, 8191, "b:7000"], [8192, 16383, "c:7000"]]
        yield* refreshed
        assert.deepStrictEqual(yield* current, ownersOf(cluster.slots))
      })
  )

  it.effect("learns from CLUSTER SHARDS without CLUSTER SLOTS, each host from who tells it", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      for (const node of cluster.nodes.values()) {
        node.on("CLUSTER SLOTS", noPermission).on("CLUSTER SHARDS", shardsReply(thirds))
      }
      const { topology } = yield* learn(cluster, ["a:7000"])
      assert.deepStrictEqual(owners(yield* topology.current), ownersOf(thirds))
      const before = topology.refreshes()
      yield* topology.refresh
      assert.strictEqual(topology.refreshes(), before + 1)
    }))

  it.effect("learns from CLUSTER SHARDS where CLUSTER SLOTS is unknown", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      for (const node of cluster.nodes.values()) {
        node.on("CLUSTER SLOTS", Reply.error("ERR unknown subcommand 'slots'. Try CLUSTER HELP."))
          .on("CLUSTER SHARDS", shardsReply(thirds))
      }
      const { topology } = yield* learn(cluster, ["a:7000"])
      assert.deepStrictEqual(owners(yield* topology.current), ownersOf(thirds))
    }))

  it.effect("fails with what the server says when neither may be asked", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      for (const node of cluster.nodes.values()) {
        node.on("CLUSTER SLOTS", noPermission).on("CLUSTER SHARDS", noPermission).on("CLUSTER INFO", noPermission)
      }
      const error = yield* Effect.flip(Effect.scoped(learn(cluster, ["a:7000"])))
      assert.strictEqual(error.reason._tag, "DiscoveryFailed")
      assert.include(error.message, "NOPERM")
    }))
})

it("a node has left that sees itself alone, or none of those that are known", () => {
  const view = (slots: Slots): Vote.View => {
    const reply = slots.map(([start, end, key]) => [start, end, [key.split(":")[0], 7000, key]])
    const map = Result.getOrThrow(SlotMap.fromClusterSlots(reply, { origin: address("a:7000") }))
    return { node: "a:7000", map, fingerprint: "", healthy: true, epoch: 1 }
  }
  const believed = view(thirds)
  const alone = { ...believed, map: { ...believed.map, assigned: 0 } }
  assert.deepStrictEqual(
    [view([]), alone, view([[0, 1, "d:7000"]]), view([[0, 1, "a:7000"]])].map((own) => Vote.hasLeft(own, believed)),
    [true, true, true, false]
  )
})

describe("whom a refresh asks", () => {
  it.effect("each once, though a seed is a member and nobody tells what could be believed", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      const { topology } = yield* learn(cluster, ["a:7000", "b:7000"], { refreshInterval: Infinity })
      yield* topology.refresh
      for (const node of cluster.nodes.values()) node.state = "fail"
      const before = cluster.questions
      yield* Effect.flip(topology.refresh)
      assert.strictEqual(cluster.questions - before, 3)
    }))

  it.effect("those first that are not known to be down, however many are", () =>
    Effect.gen(function*() {
      const slots: Slots = Array.from({ length: 12 }, (_, i) => [i, i, `n${i}:7000`] as const)
      const cluster = scriptedCluster(slots)
      const { topology } = yield* learn(cluster, ["n11:7000"], { refreshInterval: Infinity })
      yield* topology.refresh
      const down = Array.from({ length: 7 }, (_, i) => cluster.node(`n${i}:7000`))
      for (const node of down) node.accepts = "none"
      // Each has been tried, and is known to be down from then on.
      for (const node of down) {
        yield* topology.patch(0, address(node.key))
        node.drop()
      }
      const trying = yield* start(Effect.result(Effect.forEach(
        down,
        () => topology.refresh,
        { discard: true }
      )))
      yield* advance("5 seconds")
      yield* Fiber.join(trying)
      for (let i = 0; i < 20; i++) {
        const before = { asked: cluster.questions, dialed: down.reduce((sum, { dialed }) => sum + dialed.length, 0) }
        yield* topology.refresh
        assert.strictEqual(cluster.questions - before.asked, 5)
      }
    }))
})
