import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import * as Connection from "../src/Connection.ts"
import * as Connector from "../src/Connector.ts"
import { attempt } from "../src/internal/connection/call.ts"
import * as Redis from "../src/Redis.ts"
import type * as Resp from "../src/Resp.ts"
import { settle } from "./support/scenes.ts"
import { advance } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"

const address = Address.tcp("a", 7000)

/** A connection to one node that echoes the key of a GET. */
const connected = Effect.fnUntraced(function*(options?: Connection.Options) {
  const cluster = scriptedCluster([[0, 16383, "a:7000"]])
  const node = cluster.node("a:7000").on("GET", ([key]) => Reply.bulk(key)).on("SET", Reply.simple("OK"))
  const connection = yield* cluster.provide(Connection.make(address, options))
  const [peer] = node.connections
  peer.received.length = 0
  peer.writes.length = 0
  const get = (key: string) => connection.execute(Redis.get(key))
  return { cluster, node, connection, peer, get }
})

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })
const keys = (count: number) => Array.from({ length: count }, (_, i) => `k${i}`)
const held = (count: number) => Array.from({ length: count }, () => "hold" as const)

describe("pipelining", () => {
  it.effect("writes once for all fibers that are ready in one tick", () =>
    Effect.gen(function*() {
      const { get, peer } = yield* connected()
      const replies = yield* Effect.forEach(keys(200), get, { concurrency: "unbounded" })
      assert.deepStrictEqual(replies, keys(200))
      assert.deepStrictEqual(peer.writes, [200])
    }))

  it.effect("does not keep a long queue until the tick ends", () =>
    Effect.gen(function*() {
      const { get, peer } = yield* connected()
      const replies = yield* Effect.forEach(keys(1200), get, { concurrency: "unbounded" })
      assert.deepStrictEqual(replies, keys(1200))
      assert.deepStrictEqual(peer.writes, [512, 512, 176])
    }))

  it.effect("writes again to memory that the transport no longer holds, and to no other", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster([[0, 16383, "a:7000"]])
      cluster.node("a:7000").on("GET", ([key]) => Reply.bulk(key))
      const written: Array<{ readonly chunk: Uint8Array; readonly copy: Uint8Array }> = []
      let holds = true
      const connector = Connector.Connector.of({
        ...cluster.connector,
        open: (address, listener) =>
          Effect.map(cluster.connector.open(address, listener), (transport): Connector.Transport => ({
            write: (chunks) => {
              for (const chunk of chunks) written.push({ chunk, copy: chunk.slice() })
              return transport.write(chunks)
            },
            holds: () => holds
          }))
      })
      const connection = yield* Effect.provideService(Connection.make(address), Connector.Connector, connector)
      for (const key of keys(50)) yield* connection.execute(Redis.get(key))
      for (const { chunk, copy } of written) assert.deepStrictEqual(chunk, copy)
      holds = false
      for (const key of keys(5)) yield* connection.execute(Redis.get(key))
      const [one, other] = written.slice(-2).map(({ chunk }) => [chunk.buffer, chunk.byteOffset])
      assert.deepStrictEqual(one, other)
    }))

  it.effect("gives each fiber its own reply, in the order of the commands", () =>
    Effect.gen(function*() {
      const { get, node, peer } = yield* connected()
      node.once("GET", ...held(3))
      const fibers = yield* Effect.forEach(["a", "b", "c"], (key) => start(get(key)))
      yield* settle
      assert.deepStrictEqual(peer.received, ["GET a", "GET b", "GET c"])
      for (const text of ["first", "second", "third"]) peer.release(Reply.bulk(text))
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["first", "second", "third"])
    }))

  it.effect("pairs replies that are cut at every byte", () =>
    Effect.gen(function*() {
      const { get, node } = yield* connected()
      for (const size of [1, 2, 3, 7]) {
        node.chunkSize = size
        assert.deepStrictEqual(yield* Effect.forEach(keys(20), get, { concurrency: "unbounded" }), keys(20))
      }
    }))

  it.effect("asks for bytes only where the command does", () =>
    Effect.gen(function*() {
      const { connection } = yield* connected()
      const replies = yield* Effect.all([
        connection.execute(Redis.get("text")),
        connection.execute(Redis.get("raw").pipe(Command.bytes)),
        connection.execute(Redis.get("more"))
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual(replies, ["text", new TextEncoder().encode("raw"), "more"])
    }))

  it.effect("a server's error is the error of its command alone", () =>
    Effect.gen(function*() {
      const { get, node } = yield* connected()
      node.once("GET", Reply.bulk("1"), Reply.error("WRONGTYPE not a string"))
      const [one, two, three] = yield* Effect.forEach(keys(3), (key) => Effect.result(get(key)), {
        concurrency: "unbounded"
      })
      assert.strictEqual(one._tag, "Success")
      assert.strictEqual(three._tag, "Success")
      assert.isTrue(two._tag === "Failure" && two.failure.delivery === "Rejected")
    }))

  it.effect("push messages between replies are not replies (trap 38)", () =>
    Effect.gen(function*() {
      const { get, node } = yield* connected()
      const invalidate = Reply.push([Reply.bulk("invalidate"), Reply.array([Reply.bulk("k")])])
      node.on("GET", ([key], peer) => {
        peer.send(invalidate)
        return Reply.bulk(key)
      })
      assert.deepStrictEqual(yield* Effect.forEach(keys(3), get, { concurrency: "unbounded" }), keys(3))
    }))

  it.effect("refuses a command that was built from wrong arguments, and sends nothing", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* connected()
      const error = yield* Effect.flip(connection.execute(Command.command("NO.SUCH", ["k"])))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.strictEqual(error.delivery, "NotSent")
      assert.deepStrictEqual(peer.received, [])
    }))

  it.effect("refuses an argument of more than 512 MiB, and sends the commands around it", () =>
    Effect.gen(function*() {
      const { connection, get, peer } = yield* connected()
      // Never read, so the memory is never touched.
      const huge = new Uint8Array(512 * 1024 * 1024 + 1)
      const [before, error, after] = yield* Effect.all([
        get("a"),
        Effect.flip(connection.execute(Redis.command("SET", ["k", huge]))),
        get("b")
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual([before, after], ["a", "b"])
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.strictEqual(error.delivery, "NotSent")
      assert.deepStrictEqual(peer.received, ["GET a", "GET b"])
    }))
})

describe("the bound on commands in flight", () => {
  it.effect("lets no more on the wire, and sends the rest as replies come", () =>
    Effect.gen(function*() {
      const { connection, get, node, peer } = yield* connected({ maxInFlight: 2 })
      node.once("GET", ...held(5))
      const fibers = yield* Effect.forEach(keys(5), (key) => start(get(key)))
      yield* settle
      assert.deepStrictEqual(peer.received, ["GET k0", "GET k1"])
      const { inFlight, waiting } = connection.stats()
      assert.deepStrictEqual([inFlight, waiting], [2, 3])
      for (let i = 0; i < 5; i++) {
        peer.release(Reply.bulk(`${i}`))
        yield* settle
        assert.strictEqual(peer.received.length, Math.min(5, 3 + i))
      }
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["0", "1", "2", "3", "4"])
    }))

  it.effect("fails with Overloaded instead, where that is asked for", () =>
    Effect.gen(function*() {
      const { get, node, peer } = yield* connected({ maxInFlight: 2, failWhenFull: true })
      node.once("GET", "hold", "hold")
      const fibers = yield* Effect.forEach(keys(2), (key) => start(get(key)))
      const error = yield* Effect.flip(get("k2"))
      assert.strictEqual(error.reason._tag, "Overloaded")
      assert.strictEqual(error.delivery, "NotSent")
      yield* settle
      peer.release(Reply.null)
      peer.release(Reply.null)
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [null, null])
      assert.strictEqual(yield* get("k3"), "k3")
    }))

  it.effect("waits while the peer reads too slowly, and goes on when it has caught up", () =>
    Effect.gen(function*() {
      const { connection, get, peer } = yield* connected()
      peer.full = true
      assert.strictEqual(yield* get("a"), "a")
      const fiber = yield* start(get("b"))
      yield* settle
      assert.deepStrictEqual(peer.received, ["GET a"])
      assert.strictEqual(connection.stats().waiting, 1)
      peer.drain()
      assert.strictEqual(yield* Fiber.join(fiber), "b")
    }))
})

describe("interruption", () => {
  it.effect("before the write: the command is never written", () =>
    Effect.gen(function*() {
      const { connection, get, peer } = yield* connected()
      const fibers = yield* Effect.forEach(["a", "b", "c"], (key) => start(get(key)))
      yield* Fiber.interrupt(fibers[1])
      assert.deepStrictEqual([yield* Fiber.join(fibers[0]), yield* Fiber.join(fibers[2])], ["a", "c"])
      assert.deepStrictEqual(peer.received, ["GET a", "GET c"])
      assert.strictEqual(connection.stats().waiting, 0)
    }))

  it.effect("in flight: the reply is dropped, and nobody else's is (trap 37)", () =>
    Effect.gen(function*() {
      const { connection, get, node, peer } = yield* connected()
      node.once("GET", ...held(3))
      const fibers = yield* Effect.forEach(["a", "b", "c"], (key) => start(get(key)))
      yield* settle
      yield* Fiber.interrupt(fibers[1])
      assert.strictEqual(connection.stats().inFlight, 3)
      for (const text of ["1", "2", "3"]) peer.release(Reply.bulk(text))
      assert.deepStrictEqual([yield* Fiber.join(fibers[0]), yield* Fiber.join(fibers[2])], ["1", "3"])
      assert.strictEqual(connection.stats().inFlight, 0)
      assert.strictEqual(yield* get("d"), "d")
    }))

  it.effect("ASKING stays next to its command, whatever is interrupted around them (trap 2)", () =>
    Effect.gen(function*() {
      const { connection, get, peer } = yield* connected()
      const ask = (key: string) =>
        attempt(connection, Redis.get(key), { asking: true, deadline: Infinity }).pipe(
          Effect.map((outcome) => outcome._tag === "Replied" ? outcome.value : outcome.failure.reason._tag)
        )
      const fibers = yield* Effect.forEach(
        [get("a"), ask("b"), get("c"), ask("d"), ask("e"), get("f")],
        (effect) => start(effect as Effect.Effect<Resp.Value, unknown>)
      )
      yield* Effect.forEach([fibers[0], fibers[2], fibers[3]], (fiber) => Fiber.interrupt(fiber))
      yield* settle
      assert.deepStrictEqual(peer.received, ["ASKING", "GET b", "ASKING", "GET e", "GET f"])
      assert.deepStrictEqual(
        yield* Effect.forEach([fibers[1], fibers[4], fibers[5]], (fiber) => Fiber.join(fiber)),
        ["b", "e", "f"]
      )
    }))
})

describe("the deadline of a command", () => {
  it.effect("in flight: Timeout, perhaps executed; the late reply is not the next command's (trap 37)", () =>
    Effect.gen(function*() {
      const { get, node, peer } = yield* connected({ commandTimeout: "1 second" })
      node.once("GET", "hold")
      const fiber = yield* start(Effect.flip(get("a")))
      yield* TestClock.adjust("900 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("200 millis")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "Timeout")
      assert.strictEqual(error.delivery, "MaybeExecuted")
      const next = yield* start(get("b"))
      yield* settle
      peer.release(Reply.bulk("late"))
      assert.strictEqual(yield* Fiber.join(next), "b")
    }))

  it.effect("waiting for room: Timeout, not sent, and never sent later", () =>
    Effect.gen(function*() {
      const { get, node, peer } = yield* connected({ commandTimeout: "1 second", maxInFlight: 1 })
      node.once("GET", "hold")
      const first = yield* start(Effect.flip(get("a")))
      const second = yield* start(Effect.flip(get("b")))
      yield* TestClock.adjust("1100 millis")
      assert.strictEqual((yield* Fiber.join(first)).delivery, "MaybeExecuted")
      const error = yield* Fiber.join(second)
      assert.strictEqual(error.reason._tag, "Timeout")
      assert.strictEqual(error.delivery, "NotSent")
      peer.release(Reply.null)
      yield* settle
      assert.deepStrictEqual(peer.received, ["GET a"])
    }))

  it.effect("does not apply to a command that blocks on the server by design (trap 45)", () =>
    Effect.gen(function*() {
      const { connection, node, peer } = yield* connected({ commandTimeout: "1 second" })
      node.once("BLPOP", "hold")
      const fiber = yield* start(connection.execute(Command.command("BLPOP", ["queue", 0])))
      yield* TestClock.adjust("2 minutes")
      assert.isUndefined(fiber.pollUnsafe())
      peer.release(Reply.array([Reply.bulk("queue"), Reply.bulk("job")]))
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["queue", "job"])
    }))
})

describe("a peer that falls silent", () => {
  it.effect("is pinged when idle, and stays connected while it answers", () =>
    Effect.gen(function*() {
      const { connection, node } = yield* connected({ pingInterval: "5 seconds" })
      for (let pings = 1; pings <= 12; pings++) {
        yield* advance("5 seconds")
        assert.strictEqual(node.count("PING"), pings)
      }
      assert.isFalse(connection.isClosed())
    }))

  it.effect("is given up after two intervals, with all that was in flight (trap 49)", () =>
    Effect.gen(function*() {
      const { connection, get, node } = yield* connected({ pingInterval: "5 seconds" })
      node.frozen = true
      const fiber = yield* start(Effect.flip(get("a")))
      yield* TestClock.adjust("9 seconds")
      assert.isFalse(connection.isClosed())
      assert.strictEqual(node.count("PING"), 1)
      yield* TestClock.adjust("3 seconds")
      assert.isTrue(connection.isClosed())
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "ConnectionLost")
      assert.strictEqual(error.delivery, "MaybeExecuted")
      assert.include(error.message, "silent")
    }))

  it.effect("is not suspected while it holds a blocking command", () =>
    Effect.gen(function*() {
      const { connection, node, peer } = yield* connected({ pingInterval: "1 second" })
      node.once("BLPOP", "hold")
      const fiber = yield* start(connection.execute(Command.command("BLPOP", ["queue", 10])))
      yield* TestClock.adjust("9 seconds")
      assert.isFalse(connection.isClosed())
      peer.release(Reply.nullArray)
      assert.strictEqual(yield* Fiber.join(fiber), null)
    }))

  it.effect("is reported to its watchers before it is given up, when commands wait for it", () =>
    Effect.gen(function*() {
      const { connection, get, node } = yield* connected()
      const events: Array<string> = []
      connection.watch({ onClosed: () => events.push("closed"), onQuiet: () => events.push("quiet") })
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(events, [])
      node.frozen = true
      yield* start(Effect.ignore(get("a")))
      yield* TestClock.adjust("3 seconds")
      assert.include(events, "quiet")
      assert.notInclude(events, "closed")
    }))
})

describe("the end of a connection", () => {
  it.effect("by the peer: what was written may have been executed, what was not is not sent", () =>
    Effect.gen(function*() {
      const { connection, get, node, peer } = yield* connected({ maxInFlight: 1 })
      node.once("GET", "hold")
      const written = yield* start(Effect.flip(get("a")))
      const waiting = yield* start(Effect.flip(get("b")))
      yield* settle
      peer.drop("the cable was cut")
      const [one, two] = yield* Fiber.joinAll([written, waiting])
      assert.deepStrictEqual([one.reason._tag, one.delivery], ["ConnectionLost", "MaybeExecuted"])
      assert.deepStrictEqual([two.reason._tag, two.delivery], ["ConnectionLost", "NotSent"])
      assert.include(one.message, "the cable was cut")
      assert.strictEqual((yield* connection.closed).reason._tag, "ConnectionLost")
      const three = yield* Effect.flip(get("c"))
      assert.strictEqual(three.delivery, "NotSent")
    }))

  it.effect("in the middle of a reply: its command may have been executed", () =>
    Effect.gen(function*() {
      const { get, node } = yield* connected()
      node.once("GET", (_, peer) => {
        peer.send("$5\r\nhel")
        return "drop"
      })
      const error = yield* Effect.flip(get("a"))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "MaybeExecuted"])
    }))

  it.effect.each([
    ["a reply that nobody asked for", "+OK\r\n"],
    ["bytes that are not RESP", "HTTP/1.1 400 Bad Request\r\n"],
    ["the server's farewell", "-ERR max number of clients reached\r\n"]
  ])("by %s: ProtocolViolation", ([, bytes]) =>
    Effect.gen(function*() {
      const { connection, peer } = yield* connected()
      peer.send(bytes)
      assert.isTrue(connection.isClosed())
      const error = yield* connection.closed
      assert.strictEqual(error.reason._tag, "ProtocolViolation")
      if (bytes.startsWith("-")) assert.include(error.message, "max number of clients reached")
    }))

  it.effect("by garbage in place of a reply: the replies before it still count", () =>
    Effect.gen(function*() {
      const { get, node, peer } = yield* connected()
      node.once("GET", ...held(2))
      const fibers = yield* Effect.forEach(["a", "b"], (key) => start(Effect.result(get(key))))
      yield* settle
      peer.send("$1\r\n1\r\n?what\r\n")
      const [one, two] = yield* Fiber.joinAll(fibers)
      assert.isTrue(one._tag === "Success" && one.success === "1")
      assert.isTrue(
        two._tag === "Failure" && two.failure.reason._tag === "ProtocolViolation" &&
          two.failure.delivery === "MaybeExecuted"
      )
    }))

  it.effect("by its scope: commands fail with Closed, and no transport, timer or fiber is left", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { cluster, connection, get, node } = yield* Scope.provide(connected({ maxInFlight: 1 }), scope)
      node.once("GET", "hold")
      const fibers = yield* Effect.forEach(["a", "b"], (key) => start(Effect.flip(get(key))))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      const [one, two] = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual([one.reason._tag, one.delivery], ["Closed", "MaybeExecuted"])
      assert.deepStrictEqual([two.reason._tag, two.delivery], ["Closed", "NotSent"])
      const three = yield* Effect.flip(get("c"))
      assert.deepStrictEqual([three.reason._tag, three.delivery], ["Closed", "NotSent"])
      assert.strictEqual((yield* connection.closed).reason._tag, "Closed")
      assert.strictEqual(cluster.live, 0)
      const pings = node.count("PING")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(node.count("PING"), pings)
    }))

  it.effect("is one only: the first reason stays", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* connected()
      peer.send("nonsense\r\n")
      peer.drop("too late")
      assert.strictEqual((yield* connection.closed).reason._tag, "ProtocolViolation")
    }))

  it.effect("is told to watchers before any command fails", () =>
    Effect.gen(function*() {
      const { connection, get, node, peer } = yield* connected()
      const events: Array<string> = []
      connection.watch({ onClosed: () => events.push("watcher"), onQuiet: () => {} })
      node.once("GET", "hold")
      const fiber = yield* start(Effect.tapError(get("a"), () => Effect.sync(() => events.push("command"))))
      yield* settle
      peer.drop()
      yield* Fiber.await(fiber)
      assert.deepStrictEqual(events, ["watcher", "command"])
    }))
})
