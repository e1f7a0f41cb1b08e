/** Replies that are lost on the way, or come unasked: nobody is given another's for long. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Address from "../src/Address.ts"
import type * as Command from "../src/Command.ts"
import * as Connection from "../src/Connection.ts"
import * as Redis from "../src/Redis.ts"
import type * as Resp from "../src/Resp.ts"
import { start } from "./support/client.ts"
import { advance, settle } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"
import type { Script } from "./support/ScriptedCluster.ts"

const lost: Script = () => []

const single = Effect.fnUntraced(function*(options?: Connection.Options, hello?: Script) {
  const cluster = scriptedCluster([[0, 16383, "a:7000"]])
  const node = cluster.node("a:7000").on("GET", ([key]) => Reply.bulk(key)).on("SET", Reply.simple("OK"))
  if (hello !== undefined) node.on("HELLO", hello)
  const connection = yield* cluster.provide(Connection.make(Address.tcp("a", 7000), options))
  const [peer] = node.connections
  const get = (key: string) => connection.execute(Redis.get(key))
  return { node, connection, peer, get }
})

describe.each(
  [
    ["RESP3", undefined],
    ["RESP2", Reply.error("NOPROTO unsupported protocol version")]
  ] as const
)("a reply that is lost, in %s,", (_, hello) => {
  it.effect("is noticed within a second or two while there are others", () =>
    Effect.gen(function*() {
      const { connection, get, node } = yield* single({}, hello)
      node.once("GET", lost)
      const first = yield* start(Effect.result(get("0")))
      let wrong = 0
      let at = 0
      for (let n = 1; n < 200 && !connection.isClosed(); n++) {
        at = n * 50
        const fiber = yield* start(Effect.result(get(`${n}`)))
        yield* advance(50)
        const exit = fiber.pollUnsafe()
        if (exit?._tag === "Success" && exit.value._tag === "Success" && exit.value.success !== `${n}`) wrong++
      }
      assert.isTrue(connection.isClosed())
      assert.isAtMost(at, 2000)
      assert.isAtMost(wrong, 40)
      assert.strictEqual((yield* connection.closed).reason._tag, "ProtocolViolation")
      yield* Fiber.await(first)
    }))

  it.effect("is noticed by the next PING where there are no others, and the PING's answer is not taken for it", () =>
    Effect.gen(function*() {
      const { connection, get, node } = yield* single({}, hello)
      node.once("GET", lost)
      const fiber = yield* start(Effect.flip(get("k")))
      yield* advance("6 seconds")
      assert.isTrue(connection.isClosed())
      const { delivery, reason } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([reason._tag, delivery], ["ProtocolViolation", "MaybeExecuted"])
    }))
})

describe("the client's own PING", () => {
  it.effect.each([
    ["BUSY Redis is busy running a script."],
    ["NOPERM this user has no permissions to run the 'ping' command"],
    ["LOADING Redis is loading the dataset in memory"],
    ["ERR unknown command 'PING'"]
  ])("may be answered by an error: %s", ([error]) =>
    Effect.gen(function*() {
      const { connection, get, node } = yield* single()
      node.on("PING", Reply.error(error))
      for (let n = 0; n < 10; n++) {
        assert.strictEqual(yield* get(`${n}`), `${n}`)
        yield* advance("2 seconds")
      }
      assert.isFalse(connection.isClosed())
      assert.isAtLeast(node.count("PING"), 5)
    }))

  it.effect.each<readonly [what: string, reply: Resp.Reply]>([
    ["nothing of its own", Reply.simple("PONG")],
    ["another's token", Reply.bulk("redisc:0:1")],
    ["nil", Reply.null],
    ["a number", Reply.integer(1)]
  ])("that is answered by %s ends the connection", ([, reply]) =>
    Effect.gen(function*() {
      const { connection, node } = yield* single()
      node.on("PING", reply)
      yield* advance("6 seconds")
      assert.strictEqual((yield* connection.closed).reason._tag, "ProtocolViolation")
    }))

  it.effect("does not go into a transaction that somebody has begun by hand", () =>
    Effect.gen(function*() {
      const { connection, node } = yield* single()
      node.on("MULTI", Reply.simple("OK")).on("GET", Reply.simple("QUEUED")).on("EXEC", Reply.array([Reply.bulk("v")]))
      yield* connection.execute(Redis.command("MULTI"))
      assert.strictEqual(yield* connection.execute(Redis.command("GET", ["k"])), "QUEUED")
      yield* connection.execute(Redis.command("GET", ["k"]))
      yield* advance("30 seconds")
      assert.deepStrictEqual(yield* connection.execute(Redis.command("EXEC")), ["v"])
      assert.strictEqual(node.count("PING"), 0)
      assert.isFalse(connection.isClosed())
    }))

  it.effect("goes out at most once a second, however much there is to prove, and counts as nothing under way", () =>
    Effect.gen(function*() {
      const { connection, get, node } = yield* single()
      for (let n = 0; n < 100; n++) {
        yield* get("k")
        yield* advance(100)
      }
      assert.isAtMost(node.count("PING"), 11)
      assert.isAtLeast(node.count("PING"), 8)
      node.on("PING", "hold")
      yield* get("k")
      yield* advance("2 seconds")
      assert.deepStrictEqual([connection.stats().inFlight, connection.stats().waiting], [0, 0])
    }))
})

describe("what nobody asked for ends the connection, and what is in flight may have been executed:", () => {
  const pushes = [
    "message",
    "pmessage",
    "smessage",
    "subscribe",
    "ssubscribe",
    "psubscribe",
    "unsubscribe",
    "sunsubscribe"
  ]
  it.effect.each(pushes.map((kind) => [kind] as const))(
    "a push of the kind %s, where nothing is subscribed to",
    ([kind]) =>
      Effect.gen(function*() {
        const { connection, get, node, peer } = yield* single()
        node.on("GET", "hold")
        const fiber = yield* start(Effect.flip(get("k")))
        yield* settle
        peer.send(Reply.push([Reply.bulk(kind), Reply.bulk("news"), Reply.bulk("x")]))
        const { delivery, reason } = yield* Fiber.join(fiber)
        assert.deepStrictEqual([reason._tag, delivery], ["ProtocolViolation", "MaybeExecuted"])
        assert.include((yield* connection.closed).message, kind)
      })
  )

  it.effect("but other pushes are ignored", () =>
    Effect.gen(function*() {
      const { connection, get, peer } = yield* single()
      for (const kind of ["invalidate", "tracking-redir-broken", "something-new"]) {
        peer.send(Reply.push([Reply.bulk(kind), Reply.null]))
      }
      assert.strictEqual(yield* get("k"), "k")
      assert.isFalse(connection.isClosed())
    }))

  it.effect("a reply", () =>
    Effect.gen(function*() {
      const { connection, get, peer } = yield* single()
      assert.strictEqual(yield* get("k"), "k")
      peer.send(Reply.bulk("more"))
      assert.strictEqual((yield* connection.closed).reason._tag, "ProtocolViolation")
    }))
})

describe("a reply of a kind that can't answer its command", () => {
  const odd: ReadonlyArray<readonly [what: string, command: Command.Any, reply: Resp.Reply]> = [
    ["an array to GET", Redis.get("k"), Reply.array([])],
    ["a number to GET", Redis.get("k"), Reply.integer(1)],
    ["text to INCR", Redis.incr("k"), Reply.simple("OK")],
    ["text to LRANGE", Redis.lrange("k", 0, -1), Reply.bulk("v")]
  ]
  it.effect.each(odd)("ends the connection: %s", ([, command, reply]) =>
    Effect.gen(function*() {
      const { connection, get, node } = yield* single()
      node.on(command.spec.name, reply)
      const first = yield* start(Effect.flip(Effect.asVoid(connection.execute(command))))
      const second = yield* start(Effect.flip(Effect.asVoid(get("other"))))
      for (const fiber of [first, second]) {
        const { delivery, reason } = yield* Fiber.join(fiber)
        assert.deepStrictEqual([reason._tag, delivery], ["ProtocolViolation", "MaybeExecuted"])
      }
    }))

  it.effect("is no text that a decoder does not like, nor nil, nor an error, nor what answers within a transaction", () =>
    Effect.gen(function*() {
      const { connection, node } = yield* single()
      for (const reply of [Reply.bulk("no"), Reply.null, Reply.error("ERR no")]) {
        node.on("SET", reply)
        yield* Effect.ignore(connection.execute(Redis.set("k", "v")))
      }
      node.on("MULTI", Reply.simple("OK")).on("INCR", Reply.simple("QUEUED")).on(
        "EXEC",
        Reply.array([Reply.integer(1)])
      )
      assert.deepStrictEqual(yield* connection.execute(Redis.transaction([Redis.incr("k")])), [1])
      assert.isFalse(connection.isClosed())
    }))
})
