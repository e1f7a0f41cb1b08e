/** What hears of invalidations runs in the middle of the client's own work, and harms nobody there, whatever it does. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Cached from "../src/Cached.ts"
import * as Redis from "../src/Redis.ts"
import { caching, gets, invalidated, watcher } from "./support/caching.ts"
import { start } from "./support/client.ts"
import { advance, keyOfA, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

/** A client with a kept reply, whose event number `count` from now on ends a fiber with an observer that throws. */
const observed = Effect.fnUntraced(
  function*(prepare?: (client: Effect.Success<ReturnType<typeof caching>>) => unknown) {
    const client = yield* caching()
    const { run } = client
    prepare?.(client)
    yield* client.read(keyOfA)
    const observe = Effect.fnUntraced(function*(count: number) {
      const reader = yield* start(run(Stream.runDrain(Stream.take(Cached.invalidations, count))))
      reader.addObserver(() => {
        throw new Error("from an observer")
      })
      yield* settle
      return reader
    })
    return { ...client, observe }
  }
)

const succeeded = (fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>>) =>
  fibers.map((fiber) => {
    const exit = fiber.pollUnsafe()
    return exit !== undefined && Exit.isSuccess(exit)
  })

describe("an observer that throws when it hears of an own write", () => {
  it.effect.each([["is sent off", 1], ["is written", 2], ["is answered", 3]] as const)(
    "that %s harms neither it nor the next",
    ([, count]) =>
      Effect.gen(function*() {
        const { a, observe, run } = yield* observed()
        const reader = yield* observe(count)
        const writes = [yield* start(run(Redis.set(keyOfA, "1"))), yield* start(run(Redis.get("{bar}2")))]
        yield* settle
        assert.deepStrictEqual(succeeded([...writes, reader]), [true, true, true])
        assert.isTrue(a.connections.every(({ open }) => open))
      })
  )

  it.effect("whose connection is lost leaves nobody waiting", () =>
    Effect.gen(function*() {
      const { a, observe, run } = yield* observed(({ a }) => a.on("INCR", "hold"))
      const writes = [yield* start(run(Redis.incr(keyOfA))), yield* start(run(Redis.incr("{bar}2")))]
      yield* settle
      // The first event is about the slots of the connection.
      yield* observe(2)
      watcher(a).drop()
      yield* advance("1 second")
      assert.deepStrictEqual(writes.map((fiber) => fiber.pollUnsafe() !== undefined), [true, true])
    }))
})

describe("a reader of invalidations", () => {
  it.effect("that sends very many commands at once gets the replies to each, and so does the write that it heard of", () =>
    Effect.gen(function*() {
      const { observe: _, run, values } = yield* observed()
      const many = Array.from({ length: 2000 }, (_, i) => `{bar}${i}`)
      for (const key of many) values.set(key, `of ${key}`)
      const reading = Effect.forEach(many, (key) => Redis.get(key), { concurrency: "unbounded" })
      const reader = yield* start(
        run(Stream.runCollect(Stream.mapEffect(Stream.take(Cached.invalidations, 3), () => reading)))
      )
      yield* settle
      const write = yield* start(run(Redis.set(keyOfA, "1")))
      yield* settle
      const all = reader.pollUnsafe()
      assert.deepStrictEqual(all && Exit.map(all, (lists) => lists.length), Exit.succeed(3))
      assert.deepStrictEqual(all && Exit.map(all, ([, , last]) => last), Exit.succeed(many.map((key) => `of ${key}`)))
      assert.deepStrictEqual(succeeded([write]), [true])
    }))

  it.effect("is told of keys as text that begin with any character", () =>
    Effect.gen(function*() {
      const { a, read, run } = yield* caching()
      const keys = ["\u{10000}{bar}", "\u{103ff}{bar}", "\u{10400}{bar}", "\ud7ff{bar}", "\ue000{bar}"]
      const heard: Array<Cached.Invalidation> = []
      yield* start(run(Stream.runForEach(Cached.invalidations, (one) => Effect.sync(() => heard.push(one)))))
      yield* Effect.forEach(keys, (key) => read(key), { discard: true })
      watcher(a).send(invalidated(...keys))
      yield* settle
      assert.deepStrictEqual(heard, [{ _tag: "Keys", keys, cause: "Pushed" }])
      assert.isTrue(keys.every((key) => Cached.concerns(heard[0], key)))
    }))
})

describe("the key of an event", () => {
  it.effect("stays what it was when the writer uses its bytes for something else", () =>
    Effect.gen(function*() {
      const { run } = yield* caching()
      const heard: Array<ReadonlyArray<number>> = []
      const late = Stream.runForEach(Cached.invalidations, (one) =>
        Effect.andThen(
          Effect.sleep("1 second"),
          Effect.sync(() => {
            if (one._tag === "Keys") heard.push(Array.from(one.keys[0] as Uint8Array))
          })
        ))
      yield* start(run(late))
      yield* settle
      const key = Uint8Array.of(0x61, 0xff)
      yield* run(Redis.set(key, "1"))
      key[1] = 0xfe
      yield* advance("4 seconds")
      assert.deepStrictEqual(heard, [[0x61, 0xff], [0x61, 0xff], [0x61, 0xff]])
    }))
})

describe("a key that is no proper text", () => {
  it.effect("is found by what is sent for it", () =>
    Effect.gen(function*() {
      const { a, read, run } = yield* caching()
      const key = "{bar}\ud800"
      yield* read(key)
      yield* read(key)
      assert.strictEqual(gets(a, "{bar}\ufffd"), 1)
      yield* run(Redis.set("{bar}\ufffd", "1"))
      assert.strictEqual(yield* read(key), "1")
      watcher(a).send(invalidated("{bar}\ufffd"))
      a.once("GET", Reply.bulk("2"))
      assert.strictEqual(yield* read(key), "2")
    }))
})
