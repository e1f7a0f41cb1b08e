/** How long a MOVED that was followed is believed, against nodes that say otherwise. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Address from "../src/Address.ts"
import { Patches } from "../src/internal/topology/patches.ts"
import * as PubSub from "../src/PubSub.ts"
import * as Redis from "../src/Redis.ts"
import * as Session from "../src/Session.ts"
import * as SlotMap from "../src/SlotMap.ts"
import { connected, start } from "./support/client.ts"
import { address, learn } from "./support/learning.ts"
import { advance, keyOfA, keyOfB, settle, slotOfA } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"
import type { Slots } from "./support/slotsReply.ts"

const moved = (to: string) => Reply.error(`MOVED ${slotOfA} ${to}`)

/** A client that has followed a MOVED from `a` to `b`. All nodes still say that the slot is at `a`. */
const redirected = Effect.fnUntraced(function*() {
  const client = yield* connected()
  const { a, run, service } = client
  a.on("GET", moved("b:7000"))
  const get = run(Redis.get(keyOfA))
  assert.strictEqual(yield* get, "b:7000")
  const owner = Effect.map(service.topology.current, (map) => SlotMap.shardOf(map, slotOfA)?.primary?.address.key)
  /** Refreshes over a time, as trouble and redirects of other slots would bring them. */
  const refreshed = Effect.fnUntraced(function*(seconds: number) {
    for (let i = 0; i < seconds * 2; i++) {
      yield* advance("500 millis")
      yield* service.refresh
    }
  })
  return { ...client, get, owner, refreshed }
})

describe("a MOVED that was followed", () => {
  it.effect("holds against all views, as long as its target answers for the slot", () =>
    Effect.gen(function*() {
      const { a, get, owner, refreshed } = yield* redirected()
      yield* refreshed(30)
      assert.strictEqual(yield* owner, "b:7000")
      assert.strictEqual(yield* get, "b:7000")
      assert.strictEqual(a.count(`GET ${keyOfA}`), 1)
    }))

  it.effect("is let go when its target says MOVED itself, and again, and back", () =>
    Effect.gen(function*() {
      const { a, b, c, get, owner, refreshed } = yield* redirected()
      b.on("GET", moved("c:7000"))
      assert.strictEqual(yield* get, "c:7000")
      yield* refreshed(5)
      assert.strictEqual(yield* owner, "c:7000")
      a.on("GET", Reply.bulk("a again"))
      c.on("GET", moved("a:7000"))
      assert.strictEqual(yield* get, "a again")
      yield* refreshed(5)
      assert.strictEqual(yield* owner, "a:7000")
    }))

  it.effect.each(["?:7000", "b:7000", ":0"])(
    "is let go when its target names nobody else: %s",
    (text) =>
      Effect.gen(function*() {
        const { a, b, get, owner } = yield* redirected()
        a.on("GET", Reply.bulk("a again"))
        b.on("GET", moved(text))
        const reading = yield* start(get)
        yield* advance("200 millis")
        assert.strictEqual(yield* Fiber.join(reading), "a again")
        assert.strictEqual(yield* owner, "a:7000")
      })
  )

  it.effect("holds against a third node that is behind", () =>
    Effect.gen(function*() {
      const { c, get, owner, run } = yield* redirected()
      c.on("GET", moved("a:7000"))
      const error = yield* Effect.flip(run(Session.use({ node: "c:7000" }, Redis.get(keyOfA))))
      assert.strictEqual(error.reason._tag, "Moved")
      assert.strictEqual(yield* owner, "b:7000")
      assert.strictEqual(yield* get, "b:7000")
    }))

  it.effect("is part of the map that is believed once that has it, and then no more than that", () =>
    Effect.gen(function*() {
      const { cluster, owner, refreshed } = yield* redirected()
      cluster.slots = [[0, 5060, "a:7000"], [5061, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      yield* refreshed(2)
      assert.strictEqual(yield* owner, "b:7000")
      cluster.slots = [[0, 5460, "a:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      yield* refreshed(1)
      assert.strictEqual(yield* owner, "a:7000")
    }))

  it.effect("is let go when its target thinks the cluster down and the others do not", () =>
    Effect.gen(function*() {
      const { b, owner, refreshed } = yield* redirected()
      b.state = "fail"
      yield* refreshed(2)
      assert.strictEqual(yield* owner, "a:7000")
    }))

  it.effect("is let go when its target has become a replica, which answers subscribers of a sharded channel all the same", () =>
    Effect.gen(function*() {
      const { cluster, owner, refreshed } = yield* redirected()
      cluster.slots = [[0, 10922, "a:7000", "b:7000"], [10923, 16383, "c:7000"]]
      yield* refreshed(2)
      assert.strictEqual(yield* owner, "a:7000")
    }))

  it.effect("is let go when its target has frozen", () =>
    Effect.gen(function*() {
      const { b, owner, refreshed } = yield* redirected()
      yield* refreshed(2)
      b.frozen = true
      const refreshing = yield* start(refreshed(2))
      yield* advance("3 seconds")
      yield* Fiber.join(refreshing)
      assert.strictEqual(yield* owner, "a:7000")
    }))

  it.effect("is let go when its target has left the cluster and is gone", () =>
    Effect.gen(function*() {
      const { b, cluster, get, owner, a } = yield* redirected()
      a.on("GET", Reply.bulk("a again"))
      b.accepts = "none"
      b.drop()
      cluster.slots = [[0, 10922, "a:7000"], [10923, 16383, "c:7000"]]
      const reading = yield* start(get)
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(reading), "a again")
      assert.strictEqual(yield* owner, "a:7000")
    }))
})

describe("the others follow", () => {
  const confirmation = (kind: string) => ([channel]: ReadonlyArray<string>) => [
    Reply.push([Reply.bulk(kind), Reply.bulk(channel), Reply.integer(1)])
  ]

  it.effect("a subscription stays where a MOVED has led it, against all views", () =>
    Effect.gen(function*() {
      const { a, b, run, service } = yield* connected()
      a.on("SSUBSCRIBE", moved("b:7000"))
      b.on("SSUBSCRIBE", confirmation("ssubscribe"))
      const listening = yield* start(run(Stream.runDrain(PubSub.ssubscribe([keyOfA]))))
      for (let i = 0; i < 10; i++) {
        yield* advance("500 millis")
        yield* service.refresh
      }
      assert.deepStrictEqual([a, b].map((node) => node.count(`SSUBSCRIBE ${keyOfA}`)), [1, 1])
      assert.strictEqual(b.count(`SUNSUBSCRIBE ${keyOfA}`), 0)
      yield* Fiber.interrupt(listening)
    }))

  it.effect("a session opens where a MOVED has led, and one that is led elsewhere tells the others", () =>
    Effect.gen(function*() {
      const { b, get, owner, refreshed, run } = yield* redirected()
      yield* refreshed(3)
      const held = run(Session.use({ keys: keyOfA }, Redis.get(keyOfA)))
      assert.strictEqual(yield* held, "b:7000")
      b.on("GET", moved("c:7000"))
      assert.strictEqual((yield* Effect.flip(held)).reason._tag, "Moved")
      assert.strictEqual(yield* owner, "c:7000")
      assert.strictEqual(yield* get, "c:7000")
      assert.strictEqual(yield* held, "c:7000")
    }))

  it.effect("a session's block that goes again leads the others along", () =>
    Effect.gen(function*() {
      const { a, run, service } = yield* connected()
      a.on("GET", moved("b:7000"))
      const held = Session.use({ keys: keyOfA }, Redis.get(keyOfA), { rerun: true })
      assert.strictEqual(yield* run(held), "b:7000")
      for (let i = 0; i < 10; i++) {
        yield* advance("500 millis")
        yield* service.refresh
      }
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "b:7000")
      assert.strictEqual(a.count(`GET ${keyOfA}`), 1)
    }))

  it.effect("a refresh that began before it does not take it back, one that began long after asks its target", () =>
    Effect.gen(function*() {
      const { a, b, cluster, owner, run, service } = yield* redirected()
      for (const node of cluster.nodes.values()) node.delay = 300
      const refreshing = yield* start(service.refresh)
      b.on("GET", moved("c:7000"))
      const reading = yield* start(run(Redis.get(keyOfA)))
      yield* advance("1 second")
      yield* Fiber.join(refreshing)
      assert.strictEqual(yield* Fiber.join(reading), "c:7000")
      assert.strictEqual(yield* owner, "c:7000")
      assert.strictEqual(a.count(`GET ${keyOfA}`), 1)
    }))
})

describe("a stale MOVED", () => {
  const costOf = Effect.fnUntraced(function*(kill: "none" | "neither" | "frozen", known: boolean) {
    const { a, b, cluster, run } = yield* connected()
    const target = known ? b : cluster.node("dead:7000")
    if (known) yield* run(Redis.get(keyOfB))
    if (kill === "frozen") target.frozen = true
    else {
      target.accepts = kill
      target.drop()
    }
    yield* settle
    a.once("GET", moved(target.key))
    const before = yield* Clock.currentTimeMillis
    const reading = yield* start(run(Redis.get(keyOfA)))
    while (reading.pollUnsafe() === undefined) yield* advance("10 millis")
    assert.strictEqual(yield* Fiber.join(reading), "a:7000")
    return (yield* Clock.currentTimeMillis) - before
  })

  it.effect.each(
    [
      ["refuses connections", "none", false],
      ["refuses connections, and was a member", "none", true],
      ["lets nobody in", "neither", false],
      ["accepts, and says nothing", "frozen", false]
    ] as const
  )("to a node that %s costs at the most 0.8 seconds", ([, kill, known]) =>
    Effect.gen(function*() {
      for (let i = 0; i < 5; i++) assert.isAtMost(yield* Effect.scoped(costOf(kill, known)), 800)
    }))
})

describe("many of them", () => {
  it("are kept for slots that there are, and for no others", () => {
    const patches = new Patches()
    const noted = [-1, 16384, 1.5, NaN, Infinity, 0, 16383].map((slot) =>
      patches.note(slot, address("x:7000"), 0, undefined)
    )
    assert.deepStrictEqual(noted, [false, false, false, false, false, true, true])
    for (const nowhere of [undefined, "a:7000", {}, Address.tcp("a\n", 1)]) {
      assert.isFalse(patches.note(1, nowhere as Address.Address, 0, undefined))
    }
  })

  const thirds: Slots = [[0, 5460, "a:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]

  it.effect("to more nodes than are asked at once hold all the same", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      const { topology } = yield* learn(cluster, ["a:7000"], { refreshInterval: Infinity })
      const ownerOf = (slot: number) =>
        Effect.map(topology.current, (map) => SlotMap.shardOf(map, slot)?.primary?.address.key)
      for (let i = 0; i < 12; i++) {
        yield* topology.patch(i, address(`n${i}:7000`))
        topology.serves(i, `n${i}:7000`)
        // It is told again, by commands that were under way.
        yield* topology.patch(i, address(`n${i}:7000`))
      }
      for (let turn = 0; turn < 5; turn++) {
        const refreshing = yield* start(topology.refresh)
        yield* advance("1 second")
        yield* Fiber.join(refreshing)
      }
      for (let i = 0; i < 12; i++) assert.strictEqual(yield* ownerOf(i), `n${i}:7000`)
    }))

  it.effect(
    "to ever new places leave no more than one a slot, and are gone when those are",
    () =>
      Effect.gen(function*() {
        const cluster = scriptedCluster(thirds)
        const { topology } = yield* learn(cluster, ["a:7000"], { refreshInterval: Infinity })
        for (let i = 0; i < 10_000; i++) yield* topology.patch(i % 50, address(`n${i}:7000`))
        for (const slot of [-1, 16384, 1.5, NaN]) yield* topology.patch(slot, address("x:7000"))
        assert.isAtMost((yield* topology.current).nodes.size, 60)
        const before = cluster.live
        yield* advance("1 second")
        const refreshing = yield* start(topology.refresh)
        yield* advance("3 seconds")
        yield* Fiber.join(refreshing)
        assert.isAtMost(cluster.live, before + 10)
        // Those that were asked say that they do not have the slot; by and by all are.
        for (let i = 0; i < 12; i++) {
          const again = yield* start(topology.refresh)
          yield* advance("1 second")
          yield* Fiber.join(again)
        }
        assert.deepStrictEqual([...(yield* topology.current).nodes.keys()], ["a:7000", "b:7000", "c:7000"])
      })
  )
})
