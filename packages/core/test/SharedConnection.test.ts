import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Address from "../src/Address.ts"
import * as NodePool from "../src/NodePool.ts"
import * as Redis from "../src/Redis.ts"
import { advance, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** One node, whose commands are tried once: what the connection says is what the caller sees. */
const pooled = Effect.fnUntraced(function*(options?: NodePool.Options) {
  const { a, cluster } = threeNodes()
  const pool = yield* cluster.provide(NodePool.make(options))
  const troubles: Array<string | undefined> = []
  pool.onTrouble((_, failure) => troubles.push(failure?.reason._tag))
  const node = pool.node(Address.tcp("a", 7000))
  const get = node.execute(Redis.get("k"))
  return { a, cluster, pool, node, get, troubles }
})

const gaps = (times: ReadonlyArray<number>) => times.slice(1).map((time, i) => time - times[i])

describe("a shared connection that is lost", () => {
  it.effect("is opened again at once when it had lasted", () =>
    Effect.gen(function*() {
      const { a, get, node } = yield* pooled()
      yield* get
      yield* advance("10 seconds")
      a.drop()
      assert.strictEqual(yield* get, "a:7000")
      assert.deepStrictEqual(a.dialed, [0, 10_000])
      assert.strictEqual(node.stats().reconnects, 1)
    }))

  it.effect("is opened once, not twice", () =>
    Effect.gen(function*() {
      const { a, get } = yield* pooled()
      yield* get
      for (let i = 1; i <= 5; i++) {
        yield* advance("10 seconds")
        a.drop()
        yield* advance("10 seconds")
        assert.strictEqual(a.dialed.length, 1 + i)
        assert.strictEqual(a.live.length, 1)
      }
    }))

  it.effect("is opened again after a pause when it had not lasted: a flapping node is not called all the time", () =>
    Effect.gen(function*() {
      const { a, get } = yield* pooled()
      yield* start(Effect.ignore(get))
      for (let now = 0; now < 20_000; now += 50) {
        a.drop()
        yield* advance(50)
      }
      assert.isAtLeast(a.dialed.length, 10)
      assert.isAtMost(a.dialed.length, 40)
      yield* advance("3 seconds")
      assert.strictEqual(yield* get, "a:7000")
    }))

  it.effect("is not opened again before that pause", () =>
    Effect.gen(function*() {
      const { a, get } = yield* pooled()
      yield* get
      a.drop()
      yield* settle
      assert.deepStrictEqual(a.dialed, [0])
      yield* advance("100 millis")
      assert.strictEqual(a.dialed.length, 2)
    }))

  it.effect("declares READONLY again (trap 32)", () =>
    Effect.gen(function*() {
      const { a, pool } = yield* pooled()
      const get = pool.reader(Address.tcp("a", 7000)).execute(Redis.get("k"))
      yield* get
      yield* advance("10 seconds")
      a.drop()
      yield* get
      assert.deepStrictEqual(a.connections.map(({ received }) => received.includes("READONLY")), [true, true])
    }))

  it.effect("asks for the password again, and uses the new one (trap 55)", () =>
    Effect.gen(function*() {
      let turn = 0
      const password = Effect.sync(() => Redacted.make(`token-${++turn}`))
      const { a, get } = yield* pooled({ credentials: { password } })
      yield* get
      yield* advance("10 seconds")
      a.drop()
      yield* get
      assert.deepStrictEqual(a.connections.map(({ received }) => received[0]), [
        "HELLO 3 AUTH default token-1",
        "HELLO 3 AUTH default token-2"
      ])
    }))

  it.effect("is reported, with why", () =>
    Effect.gen(function*() {
      const { a, get, troubles } = yield* pooled()
      yield* get
      yield* advance("10 seconds")
      assert.deepStrictEqual(troubles, [])
      a.accepts = "none"
      a.drop()
      yield* settle
      assert.deepStrictEqual(troubles, ["ConnectionLost", "ConnectionFailed"])
    }))
})

describe("a node that refuses connections", () => {
  it.effect("is called again after 50 ms, doubling up to a second, jittered", () =>
    Effect.gen(function*() {
      const { a, get } = yield* pooled()
      a.accepts = "none"
      yield* start(Effect.ignore(get))
      yield* advance("20 seconds")
      const pauses = gaps(a.dialed)
      pauses.forEach((pause, i) => {
        const nominal = Math.min(50 * 2 ** i, 1000)
        // The clock of the test ticks every 50 ms at the most.
        assert.isAtLeast(pause, nominal * 0.8 - 50)
        assert.isAtMost(pause, nominal * 1.2 + 50)
      })
      assert.isAtLeast(new Set(pauses.slice(5)).size, 5)
    }))

  it.effect("fails commands at once, unsent, between two tries", () =>
    Effect.gen(function*() {
      const { a, get } = yield* pooled()
      a.accepts = "none"
      yield* start(Effect.ignore(get))
      yield* advance("5 seconds")
      const error = yield* Effect.flip(get)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionFailed", "NotSent"])
      assert.include(error.message, "a:7000 refused the connection")
    }))

  it.effect("is used again when it accepts, and its bad times are forgotten", () =>
    Effect.gen(function*() {
      const { a, get } = yield* pooled()
      a.accepts = "none"
      yield* start(Effect.ignore(get))
      yield* advance("10 seconds")
      a.accepts = "all"
      yield* advance("1300 millis")
      assert.strictEqual(yield* get, "a:7000")
      yield* advance("10 seconds")
      const before = a.dialed.length
      a.accepts = "none"
      a.drop()
      yield* advance("100 millis")
      assert.isAtLeast(a.dialed.length - before, 2)
    }))
})

describe("while it connects", () => {
  it.effect("commands wait, and are sent in order when it is open", () =>
    Effect.gen(function*() {
      const { a, node } = yield* pooled()
      a.once("HELLO", "hold")
      const fibers = yield* Effect.forEach(["x", "y", "z"], (key) => start(node.execute(Redis.get(key))))
      yield* settle
      assert.strictEqual(node.stats().waiting, 3)
      yield* Fiber.interrupt(fibers[1])
      a.connections[0].release(Reply.map([]))
      yield* Fiber.join(fibers[2])
      assert.deepStrictEqual(a.commands, ["GET x", "GET z"])
    }))

  it.effect("no more of them wait than may, where that is asked for (trap 51)", () =>
    Effect.gen(function*() {
      const { a, get } = yield* pooled({ maxInFlight: 2, failWhenFull: true })
      a.accepts = "neither"
      yield* Effect.forEach([1, 2], () => start(Effect.ignore(get)))
      yield* settle
      const error = yield* Effect.flip(get)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Overloaded", "NotSent"])
    }))

  it.effect("commands whose deadline passes fail, unsent", () =>
    Effect.gen(function*() {
      const { a, get } = yield* pooled({ commandTimeout: "2 seconds", connectTimeout: "1 minute" })
      a.accepts = "neither"
      const fiber = yield* start(Effect.flip(get))
      yield* advance("1900 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("1100 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Timeout", "NotSent"])
    }))

  it.effect("wrong credentials fail commands at once, and right ones are tried later", () =>
    Effect.gen(function*() {
      const { a, get } = yield* pooled({ credentials: { password: Redacted.make("pw") } })
      a.once("HELLO", Reply.error("WRONGPASS invalid username-password pair or user is disabled."))
      const error = yield* Effect.flip(get)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["AuthenticationFailed", "NotSent"])
      yield* advance("200 millis")
      assert.strictEqual(yield* get, "a:7000")
    }))

  it.effect("a defect of the effect that yields the password fails commands, and is got over", () =>
    Effect.gen(function*() {
      let turn = 0
      const password = Effect.suspend(() => ++turn < 3 ? Effect.die("a bug") : Effect.succeed(Redacted.make("pw")))
      const { get } = yield* pooled({ credentials: { password } })
      const error = yield* Effect.flip(get)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionFailed", "NotSent"])
      yield* advance("1 second")
      assert.strictEqual(yield* get, "a:7000")
    }))

  it.effect("a connect timeout ends the try, and the next begins", () =>
    Effect.gen(function*() {
      const { a, get } = yield* pooled({ connectTimeout: "2 seconds" })
      a.accepts = "neither"
      const fiber = yield* start(Effect.flip(get))
      yield* advance("2 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "ConnectionFailed")
      a.accepts = "all"
      yield* advance("200 millis")
      assert.strictEqual(yield* get, "a:7000")
      assert.strictEqual(a.dialed.length, 2)
    }))
})
