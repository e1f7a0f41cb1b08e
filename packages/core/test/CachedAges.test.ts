/** How long a reply is kept: as long as its key has left, and no longer than each reader wants. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as Cached from "../src/Cached.ts"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import { caching, gets, joined, watcher } from "./support/caching.ts"
import { start } from "./support/client.ts"
import { advance, keyOfA, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

describe("a reply", () => {
  it.effect("is kept until its key expires", () =>
    Effect.gen(function*() {
      const { a, lefts, read, values } = yield* caching()
      yield* TestClock.adjust("1 hour")
      values.set(keyOfA, "1")
      lefts.set(keyOfA, 1000)
      yield* read(keyOfA)
      yield* advance("999 millis")
      yield* read(keyOfA)
      assert.strictEqual(gets(a, keyOfA), 1)
      yield* advance("1 millis")
      yield* read(keyOfA)
      assert.strictEqual(gets(a, keyOfA), 2)
    }))

  it.effect("is kept until its key expires, counted from when the read was sent", () =>
    Effect.gen(function*() {
      const { a, lefts, read, values } = yield* caching({ pingInterval: "1 hour" })
      values.set(keyOfA, "1")
      lefts.set(keyOfA, 1000)
      a.once("GET", "hold")
      const reader = yield* start(read(keyOfA))
      yield* advance("600 millis")
      watcher(a).release(Reply.bulk("1"))
      yield* joined([reader])
      yield* advance("399 millis")
      yield* read(keyOfA)
      assert.strictEqual(gets(a, keyOfA), 1)
      yield* advance("1 millis")
      yield* read(keyOfA)
      assert.strictEqual(gets(a, keyOfA), 2)
    }))

  it.effect("is not kept if its key has expired on the way", () =>
    Effect.gen(function*() {
      const { a, lefts, read, values } = yield* caching({ pingInterval: "1 hour" })
      values.set(keyOfA, "1")
      lefts.set(keyOfA, 500)
      a.once("GET", "hold")
      const reader = yield* start(read(keyOfA))
      yield* advance("600 millis")
      watcher(a).release(Reply.bulk("1"))
      assert.deepStrictEqual(yield* joined([reader]), ["1"])
      yield* read(keyOfA)
      assert.strictEqual(gets(a, keyOfA), 2)
    }))

  it.effect("about several keys is kept until the first of them expires", () =>
    Effect.gen(function*() {
      const { a, lefts, run, values } = yield* caching()
      a.on("SINTER", Reply.array([]))
      for (const [key, left] of [["{bar}1", 5000], ["{bar}2", 1000], ["{bar}3", 3000]] as const) {
        values.set(key, "")
        lefts.set(key, left)
      }
      const line = "SINTER {bar}1 {bar}2 {bar}3"
      const sinter = run(Redis.sinter(["{bar}1", "{bar}2", "{bar}3"]).pipe(Cached.for("1 minute")))
      yield* sinter
      yield* advance("999 millis")
      yield* sinter
      assert.strictEqual(a.count(line), 1)
      yield* advance("1 millis")
      yield* sinter
      assert.strictEqual(a.count(line), 2)
    }))

  it.effect.each([["that does not expire", "1"], ["that does not exist", undefined]] as const)(
    "about a key %s is kept for as long as readers want",
    ([, value]) =>
      Effect.gen(function*() {
        const { a, read, values } = yield* caching()
        if (value !== undefined) values.set(keyOfA, value)
        yield* read(keyOfA, "1 hour")
        yield* TestClock.adjust("59 minutes")
        assert.strictEqual(yield* read(keyOfA, "1 hour"), value ?? null)
        assert.strictEqual(gets(a, keyOfA), 1)
        yield* TestClock.adjust("1 minute")
        yield* read(keyOfA, "1 hour")
        assert.strictEqual(gets(a, keyOfA), 2)
      })
  )

  it.effect("of a key that has nothing left is not kept", () =>
    Effect.gen(function*() {
      const { a, lefts, read, values } = yield* caching()
      values.set(keyOfA, "1")
      lefts.set(keyOfA, 0)
      yield* read(keyOfA)
      yield* read(keyOfA)
      assert.strictEqual(gets(a, keyOfA), 2)
    }))

  it.effect("is too old for one reader, and young enough for another", () =>
    Effect.gen(function*() {
      const { a, read, values } = yield* caching()
      values.set(keyOfA, "1")
      yield* read(keyOfA, "1 minute")
      yield* advance("10 seconds")
      values.set(keyOfA, "2")
      assert.strictEqual(yield* read(keyOfA, "1 minute"), "1")
      assert.strictEqual(yield* read(keyOfA, "11 seconds"), "1")
      assert.strictEqual(yield* read(keyOfA, "10 seconds"), "2")
      assert.strictEqual(yield* read(keyOfA, "1 minute"), "2")
      assert.strictEqual(gets(a, keyOfA), 2)
      yield* advance("1 second")
      assert.strictEqual(yield* read(keyOfA, "1 second"), "2")
      assert.strictEqual(gets(a, keyOfA), 3)
    }))

  it.effect("that never gets too old is kept until a server says that it changed", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching({ pingInterval: "1 hour", refreshInterval: "1 day" })
      yield* read(keyOfA, Infinity)
      yield* TestClock.adjust("20 hours")
      yield* read(keyOfA, Infinity)
      assert.strictEqual(gets(a, keyOfA), 1)
    }))

  it.effect("is as old as the time since its read was sent, not since it was answered", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching({ pingInterval: "1 hour" })
      a.once("GET", "hold")
      const reader = yield* start(read(keyOfA))
      yield* advance("600 millis")
      watcher(a).release(Reply.bulk("1"))
      yield* joined([reader])
      assert.strictEqual(yield* read(keyOfA, "700 millis"), "1")
      assert.strictEqual(yield* read(keyOfA, "600 millis"), null)
    }))

  it.effect("does not live longer because the clock is set back", () =>
    Effect.gen(function*() {
      const { a, read, values } = yield* caching({ pingInterval: "1 day" })
      yield* TestClock.adjust("1 hour")
      values.set(keyOfA, "1")
      yield* read(keyOfA)
      yield* TestClock.setTime(0)
      values.set(keyOfA, "2")
      yield* settle
      assert.strictEqual(yield* read(keyOfA), "2")
      assert.strictEqual(gets(a, keyOfA), 2)
    }))
})

describe("a read that is on its way", () => {
  it.effect("is joined by those only for whom it is young enough", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching({ pingInterval: "1 hour" })
      a.once("GET", "hold")
      const first = yield* start(read(keyOfA, "1 second"))
      yield* advance("600 millis")
      const young = yield* start(read(keyOfA, "700 millis"))
      yield* settle
      assert.strictEqual(gets(a, keyOfA), 1)
      const old = yield* start(read(keyOfA, "600 millis"))
      yield* settle
      assert.strictEqual(gets(a, keyOfA), 2)
      watcher(a).release(Reply.bulk("1"))
      assert.deepStrictEqual(yield* joined([first, young, old]), ["1", "1", null])
      // The younger of the two is kept.
      assert.strictEqual(yield* read(keyOfA), null)
      assert.strictEqual(gets(a, keyOfA), 2)
    }))

  it.effect("is joined by all while it waits to be sent", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching({ maxInFlight: 1, pingInterval: "1 hour" })
      a.once("GET", "hold")
      const before = yield* start(read("{bar}before"))
      yield* settle
      const first = yield* start(read(keyOfA, "1 millis"))
      yield* advance("1 second")
      const second = yield* start(read(keyOfA, "1 millis"))
      watcher(a).release(Reply.null)
      yield* joined([before, first, second])
      assert.strictEqual(gets(a, keyOfA), 1)
    }))

  it.effect("is not joined by those with a timeout of their own if it may be given more time", () =>
    Effect.gen(function*() {
      const options = { commandTimeout: "5 seconds", pingInterval: "1 minute" } as const
      const { a, read, run } = yield* caching(
        options,
        ({ a }) => a.on("CLIENT MAINT_NOTIFICATIONS", Reply.simple("OK"))
      )
      yield* read("{bar}before")
      watcher(a).send(Reply.push([Reply.bulk("MIGRATING"), Reply.integer(1), Reply.integer(2)]))
      a.once("GET", "hold")
      yield* start(Effect.exit(read(keyOfA)))
      const sixSeconds = Redis.get(keyOfA).pipe(Cached.for("1 minute"), Command.timeout("6 seconds"))
      const own = yield* start(Effect.exit(run(sixSeconds)))
      yield* advance("7 seconds")
      assert.isDefined(own.pollUnsafe())
    }))
})
