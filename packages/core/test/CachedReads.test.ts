/** A read that may be kept travels once, with what lets its server watch the key, and others share its reply. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Cached from "../src/Cached.ts"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import { asked, caching, gets, invalidated, joined, startAll, turnOn, watched, watcher } from "./support/caching.ts"
import { start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, keyOfC, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const wrongType = Reply.error("WRONGTYPE Operation against a key holding the wrong kind of value")

describe("a cached read", () => {
  it.effect("travels once, in one write with what lets the server watch the key, and is answered by the client then", () =>
    Effect.gen(function*() {
      const { a, read, values } = yield* caching()
      values.set(keyOfA, "1")
      assert.strictEqual(yield* read(keyOfA), "1")
      assert.deepStrictEqual(asked(a), [turnOn, ...watched(keyOfA)])
      assert.strictEqual(watcher(a).writes.at(-1), 4)
      for (let i = 0; i < 3; i++) assert.strictEqual(yield* read(keyOfA), "1")
      assert.strictEqual(asked(a).length, 4)
    }))

  it.effect("turns the watch on once on a connection, and on those only that such reads travel over", () =>
    Effect.gen(function*() {
      const { a, b, c, read, run } = yield* caching()
      yield* run(Redis.get(keyOfA))
      for (const node of [a, b, c]) assert.strictEqual(node.count(turnOn), 0)
      yield* Effect.all([read(keyOfA), read(`{${keyOfA}}2`), read(`{${keyOfA}}3`), read(keyOfB)], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([a, b, c].map((node) => node.count(turnOn)), [1, 1, 0])
    }))

  it.effect("is suspended for nothing when it is kept, and is an Exit then", () =>
    Effect.gen(function*() {
      const { read } = yield* caching()
      yield* read(keyOfA)
      const fiber = yield* start(read(keyOfA))
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed(null))
    }))

  it.effect("that finds nothing is kept, too", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching()
      assert.strictEqual(yield* read(keyOfA), null)
      assert.strictEqual(yield* read(keyOfA), null)
      assert.strictEqual(gets(a, keyOfA), 1)
    }))

  it.effect("is one with the same words, whatever is made of its reply", () =>
    Effect.gen(function*() {
      const { a, run, values } = yield* caching()
      values.set(keyOfA, "1")
      const get = Redis.get(keyOfA).pipe(Cached.for("1 minute"))
      assert.strictEqual(yield* run(get), "1")
      assert.strictEqual(yield* run(Command.schema(Schema.NumberFromString)(get)), 1)
      assert.strictEqual(yield* run(Command.map(get, (value) => `${value}!`)), "1!")
      assert.strictEqual(yield* run(Cached.for(Command.map(Redis.get(keyOfA), Number), "1 minute")), 1)
      assert.strictEqual(yield* run(Redis.command("get", [keyOfA]).pipe(Cached.for("1 minute"))), "1")
      assert.strictEqual(gets(a, keyOfA), 1)
    }))

  it.effect("is another with other words, or as bytes", () =>
    Effect.gen(function*() {
      const { a, run } = yield* caching()
      a.on("GETRANGE", ([, from]) => Reply.bulk(from))
      for (const from of [0, 1, 0, 1]) {
        const range = Redis.getrange(keyOfA, from, 9).pipe(Cached.for("1 minute"))
        assert.strictEqual(yield* run(range), `${from}`)
      }
      const bytes = Redis.getrange(keyOfA, 0, 9).pipe(Command.bytes, Cached.for("1 minute"))
      assert.deepStrictEqual(yield* run(bytes), new TextEncoder().encode("0"))
      const sent = a.commands.filter((line) => line.startsWith("GETRANGE"))
      assert.deepStrictEqual(sent, ["GETRANGE bar 0 9", "GETRANGE bar 1 9", "GETRANGE bar 0 9"])
    }))

  it.effect("whose reply can't be decoded fails for those alone who decode it so", () =>
    Effect.gen(function*() {
      const { a, read, run, values } = yield* caching()
      values.set(keyOfA, "x")
      const number = Redis.get(keyOfA).pipe(Command.schema(Schema.FiniteFromString), Cached.for("1 minute"))
      for (let i = 0; i < 2; i++) {
        assert.strictEqual((yield* Effect.flip(run(number))).reason._tag, "DecodeFailed")
        assert.strictEqual(yield* read(keyOfA), "x")
      }
      assert.strictEqual(gets(a, keyOfA), 1)
    }))
})

describe("reads of one key at the same time", () => {
  it.effect("are one command, however many they are", () =>
    Effect.gen(function*() {
      const { a, read, values } = yield* caching()
      values.set(keyOfA, "1")
      const fibers = yield* startAll(read(keyOfA), 100)
      assert.deepStrictEqual(yield* joined(fibers), Array.from({ length: 100 }, () => "1"))
      assert.deepStrictEqual(asked(a), [turnOn, ...watched(keyOfA)])
    }))

  it.effect("share a failure that comes again, and it is not kept", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching()
      a.once("GET", wrongType)
      const fibers = yield* startAll(Effect.flip(read(keyOfA)), 10)
      for (const error of yield* joined(fibers)) {
        assert.deepInclude(error.reason, { _tag: "ServerError", code: "WRONGTYPE" })
      }
      assert.strictEqual(gets(a, keyOfA), 1)
      a.once("GET", wrongType)
      assert.strictEqual((yield* Effect.flip(read(keyOfA))).reason._tag, "ServerError")
      assert.strictEqual(gets(a, keyOfA), 2)
      assert.strictEqual(yield* read(keyOfA), null)
      assert.strictEqual(gets(a, keyOfA), 3)
    }))

  it.effect("go on for the others when the first is interrupted", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching()
      a.once("GET", "hold")
      const [first, ...others] = yield* startAll(read(keyOfA), 5)
      yield* settle
      yield* Fiber.interrupt(first)
      watcher(a).release(Reply.bulk("1"))
      assert.deepStrictEqual(yield* joined(others), ["1", "1", "1", "1"])
      assert.strictEqual(yield* read(keyOfA), "1")
      assert.strictEqual(gets(a, keyOfA), 1)
    }))

  it.effect("are not sent if all are interrupted before", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching({ maxInFlight: 1, pingInterval: "1 hour" })
      a.once("GET", "hold")
      const before = yield* start(read("{bar}before"))
      yield* settle
      const fibers = yield* startAll(read(keyOfA), 3)
      yield* settle
      yield* Effect.forEach(fibers, Fiber.interrupt)
      watcher(a).release(Reply.bulk("1"))
      assert.strictEqual(yield* Fiber.join(before), "1")
      yield* settle
      assert.strictEqual(gets(a, keyOfA), 0)
      assert.strictEqual(a.count(`PTTL ${keyOfA}`), 0)
      assert.strictEqual(yield* read(keyOfA), null)
    }))

  it.effect("are sent if one is left, and whoever comes later joins it", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching({ maxInFlight: 1, pingInterval: "1 hour" })
      a.once("GET", "hold")
      const before = yield* start(read("{bar}before"))
      yield* settle
      const [first, ...others] = yield* startAll(read(keyOfA), 3)
      yield* settle
      yield* Fiber.interrupt(first)
      const late = yield* start(read(keyOfA))
      watcher(a).release(Reply.bulk("1"))
      yield* Fiber.join(before)
      assert.deepStrictEqual(yield* joined([...others, late]), [null, null, null])
      assert.strictEqual(gets(a, keyOfA), 1)
    }))

  it.effect("are kept even if all are interrupted once it is sent", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching()
      a.once("GET", "hold")
      const fibers = yield* startAll(read(keyOfA), 3)
      yield* settle
      yield* Effect.forEach(fibers, Fiber.interrupt)
      watcher(a).release(Reply.bulk("1"))
      yield* settle
      assert.strictEqual(yield* read(keyOfA), "1")
      assert.strictEqual(gets(a, keyOfA), 1)
    }))

  it.effect("hold up none with a shorter timeout, which goes by itself", () =>
    Effect.gen(function*() {
      const { a, read, run } = yield* caching()
      a.once("GET", "hold", "hold")
      const slow = yield* start(read(keyOfA))
      yield* settle
      const short = Redis.get(keyOfA).pipe(Cached.for("1 minute"), Command.timeout("100 millis"))
      const quick = yield* start(Effect.flip(run(short)))
      yield* settle
      assert.strictEqual(gets(a, keyOfA), 2)
      yield* advance("200 millis")
      assert.strictEqual((yield* Fiber.join(quick)).reason._tag, "Timeout")
      assert.isUndefined(slow.pollUnsafe())
      watcher(a).release(Reply.bulk("1"))
      yield* settle
      assert.strictEqual(yield* Fiber.join(slow), "1")
    }))

  it.effect("are not kept if the key changes while they travel, though one with a shorter timeout has taken their place", () =>
    Effect.gen(function*() {
      const { a, read, run, values } = yield* caching()
      a.once("GET", "hold", "hold")
      const slow = yield* start(read(keyOfA))
      yield* settle
      const short = yield* start(run(Redis.get(keyOfA).pipe(Cached.for("1 minute"), Command.timeout("1 second"))))
      yield* settle
      watcher(a).send(invalidated(keyOfA))
      for (const _ of [slow, short]) watcher(a).release(Reply.bulk("old"))
      assert.deepStrictEqual(yield* joined([slow, short]), ["old", "old"])
      values.set(keyOfA, "new")
      assert.strictEqual(yield* read(keyOfA), "new")
    }))

  it.effect("are not answered by one that was sent longer ago than they may be old", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching()
      a.once("GET", "hold", "hold")
      const patient = yield* startAll(read(keyOfA), 1)
      yield* settle
      yield* advance("300 millis")
      const fresh = yield* startAll(read(keyOfA, "200 millis"), 2)
      patient.push(...yield* startAll(read(keyOfA), 1))
      yield* settle
      assert.strictEqual(gets(a, keyOfA), 2)
      watcher(a).release(Reply.bulk("1"))
      assert.deepStrictEqual(yield* joined(patient.slice(0, 1)), ["1"])
      assert.isTrue(fresh.every((fiber) => fiber.pollUnsafe() === undefined))
      watcher(a).release(Reply.bulk("2"))
      assert.deepStrictEqual(yield* joined([...fresh, ...patient.slice(1)]), ["2", "2", "2"])
    }))

  it.effect("outlive the timeout of the first: the others look again", () =>
    Effect.gen(function*() {
      const { a, read, run } = yield* caching()
      a.once("GET", "hold")
      const short = Redis.get(keyOfA).pipe(Cached.for("1 minute"), Command.timeout("100 millis"))
      const quick = yield* start(Effect.flip(run(short)))
      yield* settle
      const others = yield* startAll(read(keyOfA), 3)
      yield* settle
      assert.strictEqual(gets(a, keyOfA), 1)
      yield* advance("200 millis")
      assert.strictEqual((yield* Fiber.join(quick)).reason._tag, "Timeout")
      assert.strictEqual(gets(a, keyOfA), 2)
      watcher(a).release(Reply.bulk("late"))
      assert.deepStrictEqual(yield* joined(others), [null, null, null])
    }))

  it.effect("in pipelines outlive the timeout of another, too", () =>
    Effect.gen(function*() {
      const { a, run } = yield* caching()
      a.once("GET", "hold")
      const get = Redis.get(keyOfA).pipe(Cached.for("1 minute"))
      const quick = yield* start(Effect.flip(run(get.pipe(Command.timeout("100 millis")))))
      yield* settle
      const pipeline = yield* start(run(Redis.pipeline([get, get])))
      yield* advance("200 millis")
      assert.strictEqual((yield* Fiber.join(quick)).reason._tag, "Timeout")
      watcher(a).release(Reply.bulk("late"))
      assert.deepStrictEqual(yield* joined([pipeline]), [[null, null]])
      assert.strictEqual(gets(a, keyOfA), 2)
    }))

  it.effect("wait for one connection that is being opened", () =>
    Effect.gen(function*() {
      const { b, read } = yield* caching({}, ({ b }) => b.on("HELLO", "hold"))
      const fibers = yield* startAll(read(keyOfB), 10)
      yield* settle
      b.live[0].release(Reply.map([[Reply.bulk("proto"), Reply.integer(3)]]))
      assert.deepStrictEqual(yield* joined(fibers), Array.from({ length: 10 }, () => null))
      assert.strictEqual(gets(b, keyOfB), 1)
    }))
})

describe("reads of many keys", () => {
  it.effect("are kept for each key, and only those travel that are missing", () =>
    Effect.gen(function*() {
      const { a, b, c, read, run, values } = yield* caching()
      for (const key of [keyOfA, keyOfB, keyOfC]) values.set(key, key)
      const mget = (...keys: ReadonlyArray<string>) => run(Redis.mget(keys).pipe(Cached.for("1 minute")))
      assert.deepStrictEqual(yield* mget(keyOfA, keyOfB), [keyOfA, keyOfB])
      assert.deepStrictEqual(yield* mget(keyOfC, keyOfA, keyOfB, keyOfC), [keyOfC, keyOfA, keyOfB, keyOfC])
      assert.deepStrictEqual([a, b, c].map((node) => node.commands.filter((line) => line.startsWith("MGET"))), [
        ["MGET bar"],
        ["MGET k"],
        ["MGET foo"]
      ])
      assert.deepStrictEqual(yield* mget(keyOfB), [keyOfB])
      assert.strictEqual(yield* read(keyOfB), keyOfB)
      assert.deepStrictEqual(b.commands.filter((line) => line.startsWith("MGET")), ["MGET k"])
    }))

  it.effect("of one slot are kept for each key as well", () =>
    Effect.gen(function*() {
      const { a, run, values } = yield* caching()
      values.set("{bar}1", "1").set("{bar}2", "2")
      const mget = (...keys: ReadonlyArray<string>) => run(Redis.mget(keys).pipe(Cached.for("1 minute")))
      assert.deepStrictEqual(yield* mget("{bar}1", "{bar}2", "{bar}1"), ["1", "2", "1"])
      assert.deepStrictEqual(yield* mget("{bar}2", "{bar}3"), ["2", null])
      assert.deepStrictEqual(a.commands.filter((line) => line.startsWith("MGET")), [
        "MGET {bar}1",
        "MGET {bar}2",
        "MGET {bar}3"
      ])
    }))

  it.effect("count what exists, one key at a time", () =>
    Effect.gen(function*() {
      const { a, b, run, values } = yield* caching()
      values.set(keyOfA, "1")
      const exists = (...keys: ReadonlyArray<string>) => run(Redis.exists(keys).pipe(Cached.for("1 minute")))
      assert.strictEqual(yield* exists(keyOfA, keyOfB, keyOfA), 2)
      assert.strictEqual(yield* exists(keyOfA), 1)
      assert.strictEqual(yield* exists(keyOfB, keyOfA), 1)
      assert.strictEqual(a.count("EXISTS bar") + b.count("EXISTS k"), 2)
    }))

  it.effect("fail with what became of each key, and those that succeeded are kept", () =>
    Effect.gen(function*() {
      const { a, b, run, values } = yield* caching()
      values.set(keyOfA, "1")
      b.once("MGET", wrongType)
      const mget = Redis.mget([keyOfA, keyOfB]).pipe(Cached.for("1 minute"))
      const error = yield* Effect.flip(run(mget))
      assert.strictEqual(error.reason._tag, "ServerError")
      assert.deepStrictEqual(error.parts?.map(({ delivery, keys }) => [keys, delivery]), [
        [[keyOfA], "Executed"],
        [[keyOfB], "Rejected"]
      ])
      assert.deepStrictEqual(yield* run(mget), ["1", null])
      assert.strictEqual(a.count("MGET bar"), 1)
      assert.strictEqual(b.count("MGET k"), 2)
    }))

  it.effect("tell of each key by itself in the mode for that", () =>
    Effect.gen(function*() {
      const { a, b, run, values } = yield* caching()
      values.set(keyOfA, "1")
      b.once("MGET", wrongType)
      const mget = Redis.mget([keyOfA, keyOfB], { mode: "result" }).pipe(Cached.for("1 minute"))
      const [one, other] = yield* run(mget)
      assert.deepStrictEqual([one._tag, other._tag], ["Success", "Failure"])
      const again = yield* run(mget)
      assert.deepStrictEqual(again.map(({ _tag }) => _tag), ["Success", "Success"])
      assert.strictEqual(a.count("MGET bar"), 1)
    }))

  it.effect("whose replies fit no key fail when they are kept as they did when they came", () =>
    Effect.gen(function*() {
      const { a, run } = yield* caching()
      a.once("MGET", Reply.array([Reply.bulk("1"), Reply.bulk("2")]), Reply.array([]))
      const mget = Effect.flip(run(Redis.mget(["bar", "{bar}2"]).pipe(Cached.for("1 minute"))))
      const [first, second] = [yield* mget, yield* mget]
      assert.strictEqual(first.reason._tag, "DecodeFailed")
      assert.deepStrictEqual(second.reason, first.reason)
      assert.strictEqual(a.count("MGET bar"), 1)
    }))

  it.effect("that are one reply are dropped by a push about any of them", () =>
    Effect.gen(function*() {
      const { a, run } = yield* caching()
      a.on("SINTER", Reply.array([Reply.bulk("x")]))
      const sinter = run(Redis.sinter(["{bar}1", "{bar}2"]).pipe(Cached.for("1 minute")))
      yield* sinter
      yield* sinter
      assert.strictEqual(a.count("SINTER {bar}1 {bar}2"), 1)
      assert.strictEqual(a.count("CLIENT CACHING YES"), 2)
      for (const [i, key] of ["{bar}1", "{bar}2"].entries()) {
        watcher(a).send(Reply.push([Reply.bulk("invalidate"), Reply.array([Reply.bulk(key)])]))
        yield* sinter
        assert.strictEqual(a.count("SINTER {bar}1 {bar}2"), i + 2)
      }
    }))
})
