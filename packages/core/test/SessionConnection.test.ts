import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import { attempt } from "../src/internal/connection/call.ts"
import { byMap } from "../src/internal/execution/router.ts"
import { SessionRouter } from "../src/internal/execution/sessionRouter.ts"
import * as Redis from "../src/Redis.ts"
import type * as RedisCluster from "../src/RedisCluster.ts"
import * as Script from "../src/Script.ts"
import * as Session from "../src/Session.ts"
import { carrier, carrying, connected, said, start } from "./support/client.ts"
import { advance, keyOfA, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const ok = Reply.simple("OK")

const opened = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const nodes = yield* connected(options)
  for (const name of ["SELECT", "WATCH", "UNWATCH", "MULTI", "CLIENT SETNAME", "READWRITE"]) nodes.a.on(name, ok)
  nodes.a.on("INCR", Reply.integer(1))
  const use = <A, E, R>(effect: Effect.Effect<A, E, R>) => nodes.run(Session.use({ keys: keyOfA }, effect))
  const statsOfA = Effect.map(nodes.service.stats, ({ nodes }) => nodes.get("a:7000")!)
  return { ...nodes, use, statsOfA }
})

describe("a session that has ended", () => {
  it.effect("sends nothing any more for what it has let in before: its connection may be another's by now", () =>
    Effect.gen(function*() {
      const { a, service } = yield* opened()
      const connection = yield* service.client.router.cluster.pool.node(Address.tcp("a", 7000)).dedicated
      const cluster = service.client.router
      const slot = slotOfA
      const session = new SessionRouter({ asking: false, cluster, connection, slot })
      const get = Redis.get(keyOfA)
      const attempts = [
        attempt({ submit: session.dispatch }, get, { asking: false, deadline: Infinity }),
        session.send({ command: get, slot, deadline: Infinity, route: byMap, together: false })
      ]
      session.end()
      for (const one of attempts) {
        const outcome = yield* one
        assert.isTrue(outcome._tag === "Failed" && outcome.failure.reason._tag === "SessionMisused")
        assert.isTrue(outcome._tag === "Failed" && outcome.failure.delivery === "NotSent")
      }
      yield* settle
      assert.strictEqual(a.count("GET bar"), 0)
    }))
})

describe("what is run in a session", () => {
  it.effect("logs in alone: nothing is under way before it, and nothing goes out behind it until it is answered", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      const wrong = Reply.error("WRONGPASS invalid username-password pair or user is disabled.")
      a.on("AUTH", wrong).once("GET", "hold")
      const logins = [Redis.command("AUTH", ["no"]), Redis.command("hello", [3, "AUTH", "default", "no"])]
      a.once("HELLO", Reply.map([[Reply.bulk("proto"), Reply.integer(3)]])).on("HELLO", wrong)
      const get = Redis.get(keyOfA)
      const fiber = yield* start(use(Redis.pipeline([get, ...logins, get, get], { mode: "result" })))
      yield* settle
      const line = carrier(a, `GET ${keyOfA}`)
      assert.deepStrictEqual(said(line), [`GET ${keyOfA}`])
      line.release(Reply.bulk("first"))
      const replies = yield* Fiber.join(fiber)
      assert.deepStrictEqual(replies.map(({ _tag }) => _tag), ["Success", "Failure", "Failure", "Success", "Success"])
      assert.deepStrictEqual(line.writes.slice(-4), [1, 1, 1, 2])
    }))

  it.effect("goes out in one write, in order, when it is a pipeline", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      const commands = Array.from({ length: 100 }, (_, n) => n % 2 === 0 ? Redis.incr(keyOfA) : Redis.get(keyOfA))
      const replies = yield* use(Redis.pipeline(commands))
      assert.deepStrictEqual(replies, commands.map((_, n) => n % 2 === 0 ? 1 : "a:7000"))
      const { received, writes } = carrier(a, "GET bar")
      assert.deepStrictEqual(received.slice(-100), commands.map((_, n) => n % 2 === 0 ? "INCR bar" : "GET bar"))
      assert.strictEqual(writes.at(-1), 100)
    }))

  it.effect("goes out in one write, in order, when it comes from many fibers", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      a.on("SET", ok)
      const values = Array.from({ length: 50 }, (_, n) => `${n}`)
      yield* use(Effect.forEach(values, (value) => Redis.set(keyOfA, value), { concurrency: "unbounded" }))
      const peer = carrier(a, "SET bar 0")
      assert.deepStrictEqual(said(peer), values.map((value) => `SET bar ${value}`))
      assert.strictEqual(peer.writes.at(-1), 50)
    }))

  it.effect("goes out in one write when it is a transaction, between what stands around it (trap 31)", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      a.once("GET", Reply.bulk("before"), Reply.simple("QUEUED"), Reply.bulk("after"))
      a.once("INCR", Reply.simple("QUEUED")).on("EXEC", Reply.array([Reply.bulk("in"), Reply.integer(7)]))
      const replies = yield* use(Effect.all([
        Redis.get(keyOfA),
        Redis.transaction([Redis.get(keyOfA), Redis.incr(keyOfA)]),
        Redis.get(keyOfA)
      ], { concurrency: "unbounded" }))
      assert.deepStrictEqual(replies, ["before", ["in", 7], "after"])
      const peer = carrier(a, "EXEC")
      assert.deepStrictEqual(said(peer), ["GET bar", "MULTI", "GET bar", "INCR bar", "EXEC", "GET bar"])
      assert.strictEqual(peer.writes.at(-1), 6)
    }))

  it.effect("stays on its connection when it is about the whole cluster", () =>
    Effect.gen(function*() {
      const { a, b, c, use } = yield* opened()
      for (const node of [a, b, c]) node.on("DBSIZE", Reply.integer(7))
      assert.strictEqual(yield* use(Redis.dbsize()), 7)
      assert.deepStrictEqual([a, b, c].map((node) => node.count("DBSIZE")), [1, 0, 0])
      assert.deepStrictEqual(yield* use(Redis.pipeline([Redis.dbsize(), Redis.get(keyOfA)])), [7, "a:7000"])
      assert.strictEqual(carrying(a, "DBSIZE").length, 1)
    }))

  it.effect("is sent in full when it is a script that the node does not know (trap 36)", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      a.on("EVALSHA", Reply.error("NOSCRIPT No matching script")).on("EVAL", Reply.bulk("full"))
      const script = Script.make({ lua: "return 1", params: (key: string) => ({ keys: [key] }), result: Schema.String })
      assert.strictEqual(yield* use(script(keyOfA)), "full")
      assert.deepStrictEqual(yield* use(Redis.pipeline([script(keyOfA), Redis.get(keyOfA)])), ["full", "a:7000"])
      assert.strictEqual(carrying(a, "EVAL return 1 1 bar").length, 1)
    }))

  it.effect("waits for replicas on the connection that has written (trap 44)", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      a.on("WAIT", Reply.integer(2))
      assert.strictEqual(yield* use(Effect.andThen(Redis.set(keyOfA, "1"), Redis.wait(1, "100 millis"))), 2)
      assert.deepStrictEqual(said(carrier(a, "SET bar 1")), ["SET bar 1", "WAIT 1 100"])
    }))

  it.effect("leaves no reply behind when it is a transaction that was not executed (trap 30)", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      a.once("INCR", Reply.error("ERR wrong number of arguments"))
      a.on("EXEC", Reply.error("EXECABORT Transaction discarded because of previous errors."))
      const [refused, next] = yield* use(Effect.all([
        Effect.flip(Redis.transaction([Redis.incr(keyOfA), Redis.incr(keyOfA)])),
        Redis.get(keyOfA)
      ], { concurrency: "unbounded" }))
      assert.include(refused.message, "wrong number of arguments")
      assert.strictEqual(next, "a:7000")
    }))

  it.effect("is not confused by the late reply to a command that was interrupted (trap 37)", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      a.once("GET", "hold")
      const fiber = yield* start(use(Effect.gen(function*() {
        const first = yield* start(Redis.get(keyOfA))
        yield* settle
        yield* Fiber.interrupt(first)
        return yield* Redis.get(keyOfA)
      })))
      yield* settle
      carrier(a, "GET bar").release(Reply.bulk("late"))
      assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
    }))

  it.effect("has its deadline, and the reply that comes later is nobody's (trap 37)", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened({ commandTimeout: "1 second" })
      a.once("GET", "hold")
      const fiber = yield* start(use(Effect.all([Effect.flip(Redis.get(keyOfA)), Redis.get(keyOfA)])))
      yield* advance("1100 millis")
      carrier(a, "GET bar").release(Reply.bulk("late"))
      const [error, second] = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Timeout", "MaybeExecuted"])
      assert.strictEqual(second, "a:7000")
    }))

  it.effect("is never sent again when the connection goes: a write may have been executed (trap 1)", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      a.once("SET", "drop")
      const [set, get] = yield* use(Effect.all([
        Effect.flip(Redis.set(keyOfA, "1").pipe(Command.idempotent)),
        Effect.flip(Redis.get(keyOfA))
      ]))
      assert.deepStrictEqual([set.reason._tag, set.delivery], ["ConnectionLost", "MaybeExecuted"])
      assert.deepStrictEqual([get.reason._tag, get.delivery], ["ConnectionLost", "NotSent"])
      assert.strictEqual(a.count("SET bar 1"), 1)
    }))
})

describe("the connection of a session", () => {
  it.effect("is leased again when it was only used", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      a.on("EXEC", Reply.array([Reply.integer(1)]))
      yield* use(Redis.get(keyOfA))
      yield* use(Redis.transaction([Redis.incr(keyOfA)]))
      yield* use(Redis.pipeline([Redis.get(keyOfA), Redis.incr(keyOfA)]))
      yield* use(Effect.flip(Redis.command("NO.SUCH", [keyOfA], { keys: [0] })))
      assert.strictEqual(a.connections.length, 2)
    }))

  it.effect.each(
    [
      ["SELECT 0", Redis.command("SELECT", [0])],
      ["READONLY", Redis.readonly()],
      ["READWRITE", Redis.readwrite()],
      ["CLIENT SETNAME x", Redis.command("CLIENT SETNAME", ["x"])],
      ["ASKING", Redis.command("ASKING")]
    ] as const
  )("is closed at the end when its state was changed: %s (trap 32)", ([line, command]) =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      yield* use(command)
      yield* settle
      assert.isFalse(carrier(a, line).open)
      yield* use(Redis.get(keyOfA))
      assert.notInclude(carrier(a, "GET bar").received, line)
    }))

  it.effect("is closed at the end though what should have changed its state was refused", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      a.on("SELECT", Reply.error("ERR SELECT is not allowed in cluster mode"))
      yield* use(Effect.ignore(Redis.command("SELECT", [1])))
      yield* settle
      assert.isFalse(carrier(a, "SELECT 1").open)
    }))

  it.effect("that still watches forgets it, and is leased again", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      yield* use(Redis.watch([keyOfA]))
      const peer = carrier(a, "WATCH bar")
      assert.deepStrictEqual(said(peer), ["WATCH bar", "UNWATCH"])
      yield* use(Redis.get(keyOfA))
      assert.strictEqual(carrier(a, "GET bar"), peer)
    }))

  const transaction = Redis.transaction([Redis.incr(keyOfA)])
  const ends: ReadonlyArray<readonly [name: string, effect: Effect.Effect<unknown, Redis.RedisError, Redis.Redis>]> = [
    ["UNWATCH", Redis.unwatch()],
    ["EXEC", transaction],
    ["an EXEC that executes nothing", Effect.ignore(transaction)]
  ]
  it.effect.each(ends)(
    "that watches no more is leased again as it is: after %s",
    ([name, effect]) =>
      Effect.gen(function*() {
        const { a, use } = yield* opened()
        a.on("EXEC", name === "EXEC" ? Reply.array([Reply.integer(1)]) : Reply.nullArray)
        yield* use(Effect.andThen(Redis.watch([keyOfA]), effect))
        const peer = carrier(a, "WATCH bar")
        assert.strictEqual(said(peer).filter((line) => line === "UNWATCH").length, name === "UNWATCH" ? 1 : 0)
        yield* use(Redis.get(keyOfA))
        assert.strictEqual(carrier(a, "GET bar"), peer)
      })
  )

  it.effect("that still watches after a transaction was refused outright is made to forget it", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      a.on("MULTI", Reply.error("ERR MULTI calls can not be nested")).on("EXEC", Reply.error("ERR EXEC without MULTI"))
      yield* use(Effect.andThen(Redis.watch([keyOfA]), Effect.flip(Redis.transaction([Redis.incr(keyOfA)]))))
      assert.strictEqual(said(carrier(a, "WATCH bar")).at(-1), "UNWATCH")
    }))

  it.effect("that can't be made to forget what it watches is closed", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      a.on("UNWATCH", "hold")
      const fiber = yield* start(use(Redis.watch([keyOfA])))
      yield* advance("3 seconds")
      yield* Fiber.join(fiber)
      assert.isFalse(carrier(a, "WATCH bar").open)
    }))

  it.effect("that watches and has changed is closed, without further words", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      yield* use(Effect.andThen(Redis.watch([keyOfA]), Redis.readonly()))
      yield* settle
      const peer = carrier(a, "WATCH bar")
      assert.deepStrictEqual([said(peer).at(-1), peer.open], ["READONLY", false])
    }))

  it.effect("is closed when a command is still under way at the end", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened()
      a.once("GET", "hold")
      yield* use(Effect.andThen(start(Redis.get(keyOfA)), settle))
      yield* settle
      assert.isFalse(carrier(a, "GET bar").open)
      yield* use(Redis.incr(keyOfA))
      assert.notStrictEqual(carrier(a, "INCR bar"), carrier(a, "GET bar"))
    }))

  it.effect("is given back when the effect fails, dies or is interrupted", () =>
    Effect.gen(function*() {
      const { a, statsOfA, use } = yield* opened()
      const used = (end: Effect.Effect<never, string>) => use(Effect.andThen(Redis.get(keyOfA), end))
      yield* Effect.exit(used(Effect.fail("no")))
      yield* Effect.exit(used(Effect.die("no")))
      const fiber = yield* start(used(Effect.never))
      yield* settle
      assert.strictEqual((yield* statsOfA).leased, 1)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual([(yield* statsOfA).leased, a.connections.length], [0, 2])
    }))

  it.effect("is counted while it is leased, and as long as it is open", () =>
    Effect.gen(function*() {
      const { a, statsOfA, use } = yield* opened({ dedicatedTimeToLive: "10 seconds" })
      const counts = Effect.map(statsOfA, ({ dedicated, leased, open }) => [open, dedicated, leased])
      assert.deepStrictEqual(yield* counts, [1, 0, 0])
      const nested = use(Effect.andThen(Redis.get(keyOfA), Effect.andThen(use(Redis.get(keyOfA)), counts)))
      assert.deepStrictEqual(yield* nested, [1, 2, 1])
      assert.deepStrictEqual(yield* counts, [1, 2, 0])
      a.connections[1].drop()
      yield* settle
      assert.deepStrictEqual(yield* counts, [1, 1, 0])
      yield* advance("25 seconds")
      assert.deepStrictEqual(yield* counts, [1, 0, 0])
    }))

  it.effect("is closed with its node, when that leaves the cluster, after the time to drain", () =>
    Effect.gen(function*() {
      const { a, cluster, service, use } = yield* opened({ drainTimeout: "2 seconds" })
      a.on("SET", "hold")
      const fiber = yield* start(Effect.flip(use(Redis.set(keyOfA, "1"))))
      yield* settle
      cluster.slots = [[0, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      yield* service.refresh
      yield* advance("1500 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("1 second")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "MaybeExecuted"])
      assert.strictEqual(a.live.length, 0)
    }))

  it.effect("is not leased twice at the same time", () =>
    Effect.gen(function*() {
      const { a, use } = yield* opened({ maxDedicated: 3 })
      a.on("GET", ([key], peer) => Reply.bulk(`${key} ${peer.node.connections.indexOf(peer)}`))
      const results = yield* Effect.forEach(Array.from({ length: 30 }), () =>
        use(Effect.gen(function*() {
          const first = yield* Redis.get(keyOfA)
          yield* Effect.yieldNow
          return [first, yield* Redis.get(keyOfA)]
        })), { concurrency: "unbounded" })
      for (const [first, second] of results) assert.strictEqual(first, second)
      assert.isAtMost(a.connections.length, 4)
    }))
})
