/** What is kept falls when its slot has another owner, whoever tells it, and when a server answers that it is not the owner. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import { asked, caching, gets, invalidated, joined, startAll, turnOn, watched, watcher } from "./support/caching.ts"
import { start } from "./support/client.ts"
import { advance, keyOfA, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { Slots } from "./support/slotsReply.ts"

const moved = Reply.error(`MOVED ${slotOfA} b:7000`)
const ask = Reply.error(`ASK ${slotOfA} b:7000`)
const tryAgain = Reply.error("TRYAGAIN Multiple keys request during rehashing of slot")
const down = Reply.error("CLUSTERDOWN The cluster is down")
const loading = Reply.error("LOADING Redis is loading the dataset in memory")

const atHome: Slots = [[0, 5460, "a:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]

/** The slot of {@link keyOfA} is at `b`. */
const away: Slots = [
  [0, slotOfA - 1, "a:7000"],
  [slotOfA, slotOfA, "b:7000"],
  [slotOfA + 1, 5460, "a:7000"],
  ...atHome.slice(1)
]

/** A client that has kept a reply of `a`, about a key whose slot others will have, and another of `a` that stays. */
const kept = Effect.fnUntraced(function*() {
  const client = yield* caching({ pingInterval: "1 hour" })
  const { cluster, read, service, values } = client
  values.set(keyOfA, "old").set("key:0", "stays")
  yield* read(keyOfA)
  yield* read("key:0")
  const learn = Effect.fnUntraced(function*(slots: Slots) {
    cluster.slots = slots
    yield* service.refresh
  })
  return { ...client, learn }
})

describe("what is kept of a slot", () => {
  it.effect("is dropped when a new map gives it to another, with no word of the old owner", () =>
    Effect.gen(function*() {
      const { a, b, learn, read, values } = yield* kept()
      yield* learn(away)
      values.set(keyOfA, "new")
      assert.strictEqual(yield* read(keyOfA), "new")
      assert.deepStrictEqual([gets(a, keyOfA), gets(b, keyOfA)], [1, 1])
      assert.deepStrictEqual(asked(b), [turnOn, ...watched(keyOfA)])
    }))

  it.effect("is not served again when the slot has left and come back", () =>
    Effect.gen(function*() {
      const { a, b, learn, read, values } = yield* kept()
      yield* learn(away)
      yield* learn(atHome)
      values.set(keyOfA, "new")
      assert.strictEqual(yield* read(keyOfA), "new")
      assert.deepStrictEqual([gets(a, keyOfA), gets(b, keyOfA)], [2, 0])
    }))

  it.effect("is not kept if the slot has left and come back while the read was on its way", () =>
    Effect.gen(function*() {
      const { a, learn, read, values } = yield* kept()
      a.once("GET", "hold")
      const reader = yield* start(read("{bar}2"))
      yield* settle
      yield* learn(away)
      yield* learn(atHome)
      watcher(a).release(Reply.bulk("old"))
      assert.deepStrictEqual(yield* joined([reader]), ["old"])
      values.set("{bar}2", "new")
      assert.strictEqual(yield* read("{bar}2"), "new")
    }))

  it.effect("is joined by nobody once the slot has another owner, though its read is still on its way", () =>
    Effect.gen(function*() {
      const { a, b, learn, read, values } = yield* kept()
      a.once("GET", "hold")
      const reader = yield* start(read("{bar}2"))
      yield* settle
      yield* learn(away)
      values.set("{bar}2", "new")
      const late = yield* start(read("{bar}2"))
      yield* settle
      assert.strictEqual(gets(b, "{bar}2"), 1)
      watcher(a).release(Reply.bulk("old"))
      assert.deepStrictEqual(yield* joined([reader, late]), ["old", "new"])
      assert.strictEqual(yield* read("{bar}2"), "new")
      assert.strictEqual(gets(b, "{bar}2"), 1)
    }))

  it.effect("stays when other slots move", () =>
    Effect.gen(function*() {
      const { a, learn, read } = yield* kept()
      yield* learn([[0, 5460, "a:7000"], [5461, 16383, "b:7000"]])
      yield* read(keyOfA)
      assert.strictEqual(gets(a, keyOfA), 1)
    }))

  it.effect("is dropped when a MOVED about another of its keys says that it is elsewhere", () =>
    Effect.gen(function*() {
      const { a, b, read, run, values } = yield* kept()
      a.once("SET", moved)
      yield* run(Redis.set("{bar}2", "x"))
      values.set(keyOfA, "new")
      assert.strictEqual(yield* read(keyOfA), "new")
      assert.deepStrictEqual([gets(a, keyOfA), gets(b, keyOfA)], [1, 1])
      yield* read("key:0")
      assert.strictEqual(gets(a, "key:0") + gets(b, "key:0"), 1)
    }))

  it.effect("is dropped when a MOVED says that it is elsewhere, even if it is not followed", () =>
    Effect.gen(function*() {
      const { a, read, run, values } = yield* kept()
      a.once("SET", moved)
      const write = RedirectPolicy.provide(Redis.set("{bar}2", "x"), RedirectPolicy.none)
      assert.strictEqual((yield* Effect.flip(run(write))).reason._tag, "Moved")
      values.set(keyOfA, "new")
      assert.strictEqual(yield* read(keyOfA), "new")
    }))

  it.effect("is dropped when an ASK says that the slot is moving, since the owner does not tell what is created at the target", () =>
    Effect.gen(function*() {
      const { a, read, run, values } = yield* kept()
      a.once("GET", ask)
      yield* run(Redis.get(keyOfA))
      values.set(keyOfA, "new")
      assert.strictEqual(yield* read(keyOfA), "new")
    }))

  it.effect("is dropped when its primary is replaced, though the old connection stays open", () =>
    Effect.gen(function*() {
      const { a, c, learn, read, values } = yield* kept()
      yield* learn([[0, 5460, "c:7000", "a:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]])
      assert.strictEqual(watcher(a).open, true)
      values.set(keyOfA, "new")
      assert.strictEqual(yield* read(keyOfA), "new")
      assert.strictEqual(gets(c, keyOfA), 1)
      // The new owner watches, and the old one has no say any more.
      watcher(a).send(invalidated("x"))
      yield* read(keyOfA)
      assert.strictEqual(gets(c, keyOfA), 1)
    }))

  it.effect("is dropped when nobody has it, and when its primary is gone", () =>
    Effect.gen(function*() {
      const { a, learn, read, values } = yield* kept()
      yield* learn([[0, slotOfA - 1, "a:7000"], [slotOfA + 1, 5460, "a:7000"], ...atHome.slice(1)])
      yield* learn(atHome)
      values.set(keyOfA, "new")
      assert.strictEqual(yield* read(keyOfA), "new")
      assert.strictEqual(gets(a, keyOfA), 2)
    }))
})

describe("a cached read", () => {
  it.effect("that is answered MOVED is answered by the new owner, and kept from the next one on", () =>
    Effect.gen(function*() {
      const { a, b, read } = yield* caching()
      a.on("PTTL", moved).on("GET", moved)
      b.on("GET", Reply.bulk("1"))
      assert.strictEqual(yield* read(keyOfA), "1")
      for (let i = 0; i < 3; i++) assert.strictEqual(yield* read(keyOfA), "1")
      assert.deepStrictEqual([gets(a, keyOfA), gets(b, keyOfA)], [1, 2])
      assert.deepStrictEqual(asked(b), [`GET ${keyOfA}`, turnOn, ...watched(keyOfA)])
    }))

  it.effect("that is answered MOVED does so for a hundred readers in a few commands", () =>
    Effect.gen(function*() {
      const { a, b, read } = yield* caching()
      a.on("PTTL", moved).on("GET", moved)
      b.on("GET", Reply.bulk("1"))
      const fibers = yield* startAll(read(keyOfA), 100)
      assert.deepStrictEqual(new Set(yield* joined(fibers)), new Set(["1"]))
      assert.isAtMost(gets(a, keyOfA) + gets(b, keyOfA), 6)
    }))

  it.effect("that is answered ASK is answered there, and never kept", () =>
    Effect.gen(function*() {
      const { a, b, read } = yield* caching()
      a.on("GET", ask)
      b.on("GET", Reply.bulk("1"))
      for (let i = 0; i < 3; i++) assert.strictEqual(yield* read(keyOfA), "1")
      assert.deepStrictEqual(asked(b), Array.from({ length: 3 }, () => ["ASKING", `GET ${keyOfA}`]).flat())
      assert.strictEqual(gets(a, keyOfA), 3)
    }))

  it.effect.each([["ASK", ask], ["TRYAGAIN", tryAgain]] as const)(
    "that is answered %s does not let those who share it wait for each other",
    ([, reply]) =>
      Effect.gen(function*() {
        const { a, b, read } = yield* caching({ pingInterval: "1 hour" })
        b.on("GET", Reply.bulk("1"))
        yield* read("{bar}before")
        a.once("GET", "hold")
        const fibers = yield* startAll(read(keyOfA), 20)
        yield* settle
        a.on("GET", "hold")
        watcher(a).release(reply)
        yield* advance("1 second")
        assert.strictEqual(gets(a, keyOfA) + gets(b, keyOfA), 21)
        a.on("GET", Reply.bulk("1"))
        while (watcher(a).unanswered > 0) watcher(a).release(Reply.bulk("1"))
        yield* joined(fibers)
      })
  )

  it.effect("of a slot that moves and whose key is gone is kept once it has arrived", () =>
    Effect.gen(function*() {
      const { a, b, read } = yield* caching()
      a.once("GET", ask)
      b.on("GET", Reply.bulk("1"))
      assert.strictEqual(yield* read(keyOfA), "1")
      a.on("GET", moved).on("PTTL", moved)
      for (let i = 0; i < 3; i++) assert.strictEqual(yield* read(keyOfA), "1")
      assert.strictEqual(gets(b, keyOfA), 3)
    }))

  it.effect.each([["TRYAGAIN", tryAgain], ["CLUSTERDOWN", down], ["LOADING", loading]] as const)(
    "that is answered %s is tried again for all who wait, and kept later",
    ([, reply]) =>
      Effect.gen(function*() {
        const { a, read, values } = yield* caching({ pingInterval: "1 hour" })
        values.set(keyOfA, "1")
        a.once("GET", reply)
        const fibers = yield* startAll(read(keyOfA), 10)
        yield* advance("2 seconds")
        assert.deepStrictEqual(new Set(yield* joined(fibers)), new Set(["1"]))
        yield* read(keyOfA)
        const before = gets(a, keyOfA)
        assert.strictEqual(yield* read(keyOfA), "1")
        assert.strictEqual(gets(a, keyOfA), before)
      })
  )

  it.effect("whose questions are answered by another state of its slot than itself is not kept", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching()
      a.once("PTTL", moved)
      yield* read(keyOfA)
      yield* read(keyOfA)
      yield* read(keyOfA)
      assert.strictEqual(gets(a, keyOfA), 2)
    }))

  it.effect("goes to the primary that has taken over from one that died", () =>
    Effect.gen(function*() {
      const { a, c, cluster, learn, read, values } = yield* kept()
      a.accepts = "none"
      a.drop()
      cluster.slots = [[0, 5460, "c:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      values.set(keyOfA, "new")
      const reader = yield* start(read(keyOfA))
      yield* advance("3 seconds")
      assert.strictEqual(yield* Fiber.join(reader), "new")
      yield* learn(cluster.slots)
      yield* read(keyOfA)
      const before = gets(c, keyOfA)
      yield* read(keyOfA)
      assert.strictEqual(gets(c, keyOfA), before)
    }))

  it.effect("waits with others while its node is away, and is answered when it is back", () =>
    Effect.gen(function*() {
      const { a, read, values } = yield* kept()
      a.accepts = "none"
      a.drop()
      values.set(keyOfA, "new")
      const readers = yield* startAll(read(keyOfA), 20)
      yield* advance("1 second")
      const late = yield* startAll(read(keyOfA), 20)
      yield* advance("1 second")
      assert.isUndefined(late[0].pollUnsafe())
      const before = gets(a, keyOfA)
      a.accepts = "all"
      yield* advance("3 seconds")
      assert.deepStrictEqual(new Set(yield* joined([...readers, ...late])), new Set(["new"]))
      assert.isAtMost(gets(a, keyOfA) - before, 40)
    }))

  it.effect("that waits for a node that is away is not sent if it is interrupted", () =>
    Effect.gen(function*() {
      const { a, read } = yield* kept()
      a.accepts = "none"
      a.drop()
      const readers = yield* startAll(read("{bar}2"), 5)
      yield* advance("1 second")
      const late = yield* startAll(read("{bar}2"), 5)
      yield* advance("100 millis")
      yield* Effect.forEach([...readers, ...late], Fiber.interrupt)
      a.accepts = "all"
      yield* advance("3 seconds")
      assert.strictEqual(gets(a, "{bar}2"), 0)
      assert.strictEqual(yield* read("{bar}2"), null)
    }))
})

describe("a connection that is told to move", () => {
  it.effect("keeps what it has until it has moved; what is read over the next one is kept then", () =>
    Effect.gen(function*() {
      const { a, read, values } = yield* caching(
        { pingInterval: "1 hour" },
        ({ a }) => a.on("CLIENT MAINT_NOTIFICATIONS", Reply.simple("OK"))
      )
      values.set(keyOfA, "old")
      yield* read(keyOfA)
      const first = watcher(a)
      a.once("GET", "hold")
      const reader = yield* start(read("{bar}2"))
      yield* settle
      first.send(
        Reply.push(
          ["MOVING", 1, 15, null].map((item) =>
            item === null ? Reply.null : typeof item === "number" ? Reply.integer(item) : Reply.bulk(item)
          )
        )
      )
      yield* advance("1 second")
      assert.strictEqual(yield* read(keyOfA), "old")
      first.send(invalidated(keyOfA))
      values.set(keyOfA, "new")
      const late = yield* start(read(keyOfA))
      yield* settle
      first.release(Reply.bulk("2"))
      yield* advance("10 seconds")
      assert.deepStrictEqual(yield* joined([reader, late]), ["2", "new"])
      assert.strictEqual(first.open, false)
      yield* read("{bar}2")
      yield* read("{bar}2")
      assert.strictEqual(gets(a, "{bar}2"), 2)
    }))
})

describe("a server that is given more time, because it has said what it does,", () => {
  it.effect("has that also for cached reads, which follow its redirects then as others do", () =>
    Effect.gen(function*() {
      const { a, b, read, run, values } = yield* caching(
        { commandTimeout: "5 seconds", pingInterval: "1 minute" },
        ({ a }) => a.on("CLIENT MAINT_NOTIFICATIONS", Reply.simple("OK"))
      )
      values.set(keyOfA, "1").set("{bar}2", "2")
      yield* read("{bar}before")
      const peer = watcher(a)
      peer.send(Reply.push([Reply.bulk("MIGRATING"), Reply.integer(1), Reply.integer(2)]))
      a.once("GET", "hold", "hold")
      const plain = yield* start(run(Redis.get("{bar}2")))
      const cached = yield* startAll(read(keyOfA), 3)
      yield* advance("7 seconds")
      b.delay = 1000
      for (const _ of [plain, cached]) peer.release(moved)
      yield* advance("2500 millis")
      assert.deepStrictEqual(yield* joined([plain, ...cached]), ["2", "1", "1", "1"])
      assert.deepStrictEqual([gets(b, "{bar}2"), gets(b, keyOfA)], [1, 2])
    }))
})
