/** One back-off a node, whoever connects to it, and one run of what yields the password for all who connect at the same time. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Address from "../src/Address.ts"
import { Backoff } from "../src/internal/connection/backoff.ts"
import { Pauses } from "../src/internal/connection/pauses.ts"
import * as NodePool from "../src/NodePool.ts"
import * as Redis from "../src/Redis.ts"
import { start } from "./support/client.ts"
import { advance, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const greeting = Reply.map([[Reply.bulk("proto"), Reply.integer(3)]])

const pooled = Effect.fnUntraced(function*(options?: NodePool.Options) {
  const { a, b, cluster } = threeNodes()
  const pool = yield* cluster.provide(NodePool.make(options))
  const address = Address.tcp("a", 7000)
  /** Leases a connection, until the test ends or the scope is closed. */
  const lease = Effect.suspend(() => pool.node(address).dedicated)
  const several = (count: number) => Effect.forEach(Array.from({ length: count }), () => start(Effect.exit(lease)))
  const get = Effect.suspend(() => pool.node(address).execute(Redis.get("k")))
  return { a, b, address, pool, lease, several, get }
})

const pacingOf = Effect.all({ clock: Clock.Clock, random: Random.Random })

const listener = { kinds: [], inResp2: false, onPush: () => {}, wantsBytes: () => false }

describe("connections to a node that is not known to accept any", () => {
  it.effect("wait for the first, and are opened at once after it", () =>
    Effect.gen(function*() {
      const { a, several } = yield* pooled()
      a.once("HELLO", "hold")
      const leases = yield* several(5)
      yield* settle
      assert.strictEqual(a.dialed.length, 1)
      a.connections[0].release(greeting)
      yield* settle
      assert.deepStrictEqual(a.dialed, [0, 0, 0, 0, 0])
      for (const fiber of leases) assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
    }))

  it.effect("share its failure", () =>
    Effect.gen(function*() {
      const { a, several } = yield* pooled({ connectTimeout: "2 seconds" })
      a.accepts = "neither"
      const leases = yield* several(5)
      yield* advance("2 seconds")
      assert.strictEqual(a.dialed.length, 1)
      for (const fiber of leases) {
        const error = yield* Effect.flip(yield* Fiber.join(fiber))
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionFailed", "NotSent"])
        assert.include(error.message, "did not answer within 2s")
      }
    }))

  it.effect("do not wait for one that was given up", () =>
    Effect.gen(function*() {
      const { a, address, lease, pool } = yield* pooled()
      a.once("HELLO", "hold")
      const given = yield* start(Effect.scoped(pool.connect(address, listener)))
      yield* settle
      const waiting = yield* start(lease)
      yield* settle
      assert.strictEqual(a.dialed.length, 1)
      yield* Fiber.interrupt(given)
      assert.isFalse((yield* Fiber.join(waiting)).isClosed())
      assert.strictEqual(a.dialed.length, 2)
    }))
})

describe("after failures", () => {
  it.effect("leases, subscriptions and commands fail at once with the last one, without a connect", () =>
    Effect.gen(function*() {
      const { a, address, get, lease, pool } = yield* pooled()
      a.accepts = "none"
      yield* start(Effect.ignore(get))
      yield* advance("5 seconds")
      const before = a.dialed.length
      for (const work of [Effect.asVoid(lease), Effect.asVoid(get), Effect.asVoid(pool.connect(address, listener))]) {
        for (let i = 0; i < 20; i++) {
          const error = yield* Effect.flip(work)
          assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionFailed", "NotSent"])
          assert.include(error.message, "a:7000 refused the connection")
        }
      }
      assert.strictEqual(a.dialed.length, before)
    }))

  it.effect("one try finds the node for all, within about a second", () =>
    Effect.gen(function*() {
      const { a, lease } = yield* pooled()
      a.accepts = "none"
      const eager = yield* start(Effect.retry(lease, { schedule: Schedule.spaced("10 millis") }))
      yield* advance("20 seconds")
      assert.isAtMost(a.dialed.length, 30)
      a.accepts = "all"
      yield* advance("1250 millis")
      assert.isFalse((yield* Fiber.join(eager)).isClosed())
    }))

  it.effect("the pauses go on for a node whose connections are made anew", () =>
    Effect.gen(function*() {
      const { a, address, get, pool } = yield* pooled()
      a.accepts = "none"
      yield* start(Effect.ignore(get))
      yield* advance("10 seconds")
      const before = a.dialed.length
      for (let i = 0; i < 200; i++) {
        pool.renew(address)
        if (i % 2 === 0) pool.retain(new Set(), new Set())
        yield* Effect.ignore(get)
        yield* advance("50 millis")
      }
      assert.isAtMost(a.dialed.length - before, 13)
    }))

  it.effect("a connection that does not last is another one, and one that lasts ends them", () =>
    Effect.gen(function*() {
      const { a, lease } = yield* pooled()
      a.on("HELLO", (_, connection) => {
        queueMicrotask(() => queueMicrotask(() => connection.drop()))
        return greeting
      })
      for (let i = 0; i < 100; i++) {
        yield* Effect.ignore(Effect.scoped(lease))
        yield* advance("100 millis")
      }
      assert.isAtMost(a.dialed.length, 20)
      a.on("HELLO", greeting)
      yield* advance("1250 millis")
      const scope = yield* Scope.make()
      yield* Scope.provide(lease, scope)
      yield* advance("2 seconds")
      a.drop()
      assert.isFalse((yield* lease).isClosed())
    }))

  it.effect("readers that a node refuses hold up nobody else", () =>
    Effect.gen(function*() {
      const { a, address, get, lease, pool } = yield* pooled()
      a.on("READONLY", Reply.error("NOPERM this user has no permissions"))
      const read = pool.reader(address).execute(Redis.get("k"))
      for (let i = 0; i < 100; i++) {
        yield* Effect.flip(read)
        yield* advance("50 millis")
      }
      assert.strictEqual(yield* get, "a:7000")
      yield* lease
    }))

  it.effect("other nodes are connected to as ever", () =>
    Effect.gen(function*() {
      const { a, b, get, pool } = yield* pooled()
      a.accepts = "none"
      yield* start(Effect.ignore(get))
      yield* advance("5 seconds")
      yield* pool.node(Address.tcp("b", 7000)).dedicated
      assert.strictEqual(b.dialed.length, 1)
    }))

  it.effect("no more nodes are remembered than a cluster may have", () =>
    Effect.gen(function*() {
      const pacing = yield* pacingOf
      const backoff = new Backoff({ ...pacing, logins: new Pauses(pacing), isOwn: () => false })
      const failing = Effect.fail("no" as never)
      for (let i = 0; i < 10_000; i++) yield* Effect.flip(backoff.of(`host-${i}:7000`).connect(failing))
      assert.isAtMost(backoff.size, 2000)
      assert.isTrue(backoff.of("host-9999:7000").isPausing())
    }))
})

describe("an effect that yields the password", () => {
  const tokens = () => {
    const state = { calls: 0 }
    const next = Effect.sync(() => Redacted.make(`token-${++state.calls}`))
    return { state, next }
  }
  const said = (lines: ReadonlyArray<{ readonly received: ReadonlyArray<string> }>) =>
    lines.map(({ received }) => received[0])

  it.effect("is run once for all nodes that are connected to at the same time", () =>
    Effect.gen(function*() {
      const { next, state } = tokens()
      const { cluster } = threeNodes()
      const password = Effect.delay(next, "100 millis")
      const pool = yield* cluster.provide(NodePool.make({ credentials: { password } }))
      for (const { key } of cluster.nodes.values()) {
        const [host] = key.split(":")
        yield* start(pool.node(Address.tcp(host, 7000)).execute(Redis.get("k")))
      }
      yield* advance("200 millis")
      assert.strictEqual(state.calls, 1)
      for (const { connections } of cluster.nodes.values()) {
        assert.deepStrictEqual(said(connections), ["HELLO 3 AUTH default token-1"])
      }
    }))

  it.effect("is run once for a burst of connections, and again for the next", () =>
    Effect.gen(function*() {
      const { next, state } = tokens()
      const { a, get, several } = yield* pooled({ credentials: { password: next } })
      yield* get
      assert.strictEqual(state.calls, 1)
      yield* Effect.forEach(yield* several(8), Fiber.join)
      assert.strictEqual(state.calls, 2)
      yield* advance("10 seconds")
      yield* Effect.forEach(yield* several(8), Fiber.join)
      assert.strictEqual(state.calls, 3)
      assert.deepStrictEqual(
        said(a.connections),
        [1, ...Array.from({ length: 8 }, () => 2), ...Array.from({ length: 8 }, () => 3)]
          .map((turn) => `HELLO 3 AUTH default token-${turn}`)
      )
    }))

  it.effect("is run again for each try after a password that was refused", () =>
    Effect.gen(function*() {
      const { next } = tokens()
      const { a, get } = yield* pooled({ credentials: { password: next } })
      a.on("HELLO", (args) => args.includes("token-3") ? greeting : Reply.error("WRONGPASS no"))
      yield* start(Effect.ignore(get))
      yield* advance("1 second")
      assert.strictEqual(yield* get, "a:7000")
    }))

  it.effect("that fails is run ever less often, however many nodes there are, and used once it succeeds", () =>
    Effect.gen(function*() {
      const { cluster } = threeNodes()
      let calls = 0
      let fails = true
      const password = Effect.suspend(() => {
        calls++
        return fails ? Effect.fail("no token") : Effect.succeed(Redacted.make("pw"))
      })
      const pool = yield* cluster.provide(NodePool.make({ credentials: { password } }))
      const nodes = Array.from({ length: 50 }, (_, i) => pool.node(Address.tcp(`n${i}`, 7000)))
      for (const node of cluster.nodes.values()) node.on("GET", Reply.bulk("v"))
      for (const node of nodes) yield* start(Effect.ignore(node.execute(Redis.get("k"))))
      yield* advance("1 second")
      assert.isAtMost(calls, 8)
      calls = 0
      yield* advance("10 seconds")
      assert.isAtMost(calls, 13)
      fails = false
      yield* advance("1250 millis")
      assert.strictEqual(cluster.live, 50)
    }))

  it.effect("may take its time, and a node that hangs up meanwhile is not waited for", () =>
    Effect.gen(function*() {
      const password = Effect.delay(Effect.succeed(Redacted.make("pw")), "100 millis")
      const { a, lease } = yield* pooled({ credentials: { password } })
      const leasing = yield* start(Effect.flip(lease))
      yield* advance("50 millis")
      a.drop()
      yield* advance("50 millis")
      const error = yield* Fiber.join(leasing)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "NotSent"])
    }))

  it.effect("that does not end is not waited for by those who come after its time", () =>
    Effect.gen(function*() {
      let calls = 0
      let interrupted = 0
      const password = Effect.suspend(() =>
        ++calls === 1
          ? Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
          : Effect.succeed(Redacted.make("pw"))
      )
      const { get, pool } = yield* pooled({ credentials: { password }, connectTimeout: "1 second" })
      yield* start(Effect.ignore(get))
      yield* advance("600 millis")
      const other = yield* start(Effect.exit(pool.node(Address.tcp("b", 7000)).dedicated))
      yield* advance("600 millis")
      assert.deepStrictEqual([calls, interrupted], [2, 0])
      assert.strictEqual(yield* get, "a:7000")
      yield* advance("500 millis")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(other)))
      assert.strictEqual(interrupted, 1)
    }))
})
