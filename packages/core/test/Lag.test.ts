/**
 * A process that was busy: when its timers fire at last, there is something in its sockets that it has not read. In memory
 * that is what comes when the connector is asked to come back soon.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Address from "../src/Address.ts"
import * as Client from "../src/Client.ts"
import * as Command from "../src/Command.ts"
import * as Connection from "../src/Connection.ts"
import * as Connector from "../src/Connector.ts"
import * as NodePool from "../src/NodePool.ts"
import * as PubSub from "../src/PubSub.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import { start } from "./support/client.ts"
import { advance, keyOfA, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import { confirmation } from "./support/subscribers.ts"

const address = Address.tcp("a", 7000)

/** Nodes whose answers are read only when the connector comes back: `arrives` says what is in the socket. */
const laggard = () => {
  const nodes = threeNodes()
  let unread: (() => void) | undefined
  const connector = Connector.Connector.of({
    ...nodes.cluster.connector,
    soon: (task) =>
      setImmediate(() => {
        const read = unread
        unread = undefined
        read?.()
        task()
      })
  })
  const provide = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.provideService(self, Connector.Connector, connector)
  const arrives = (read: () => void): void => {
    unread = read
  }
  return { ...nodes, provide, arrives }
}

describe("what has come by the time that something is given up is read first:", () => {
  it.effect("the reply to a command with a timeout of its own", () =>
    Effect.gen(function*() {
      const { a, arrives, provide } = laggard()
      const connection = yield* provide(Connection.make(address))
      a.on("GET", "hold")
      const fiber = yield* start(connection.execute(Redis.get("k").pipe(Command.timeout("50 millis"))))
      yield* settle
      arrives(() => a.live[0].release(Reply.bulk("there")))
      yield* TestClock.adjust("120 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "there")
    }))

  it.effect("the reply to a command that is overdue by the settings", () =>
    Effect.gen(function*() {
      const { a, arrives, provide } = laggard()
      const connection = yield* provide(Connection.make(address, { commandTimeout: "1 second" }))
      a.on("GET", "hold")
      const fiber = yield* start(connection.execute(Redis.get("k")))
      yield* settle
      yield* TestClock.adjust("950 millis")
      arrives(() => a.live[0].release(Reply.bulk("there")))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), "there")
    }))

  it.effect("what a server said that seems to be silent", () =>
    Effect.gen(function*() {
      const { a, arrives, provide } = laggard()
      const connection = yield* provide(Connection.make(address))
      a.on("PING", "hold")
      yield* TestClock.adjust("5 seconds")
      yield* settle
      yield* TestClock.adjust("4900 millis")
      arrives(() => a.live[0].release(([token]) => Reply.bulk(token)))
      yield* TestClock.adjust("100 millis")
      yield* settle
      assert.isFalse(connection.isClosed())
    }))

  it.effect("the answer to a greeting", () =>
    Effect.gen(function*() {
      const { a, arrives, provide } = laggard()
      a.once("HELLO", "hold")
      const fiber = yield* start(provide(Connection.make(address, { connectTimeout: "1 second" })))
      yield* settle
      arrives(() => a.live[0].release(Reply.map([])))
      yield* TestClock.adjust("1 second")
      assert.isFalse((yield* Fiber.join(fiber)).isClosed())
    }))

  it.effect("the connection that a command waits for", () =>
    Effect.gen(function*() {
      const { a, arrives, provide } = laggard()
      a.once("CLIENT SETINFO", Reply.simple("OK"), "hold")
      const pool = yield* provide(NodePool.make())
      const fiber = yield* start(pool.node(address).execute(Redis.get("k").pipe(Command.timeout("1 second"))))
      yield* settle
      yield* TestClock.adjust("999 millis")
      arrives(() => a.live[0].release(Reply.simple("OK")))
      yield* TestClock.adjust("101 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
    }))

  it.effect("what gives a leased connection back", () =>
    Effect.gen(function*() {
      const { a, arrives, provide } = laggard()
      a.on("BLPOP", "hold")
      const pool = yield* provide(NodePool.make({ maxDedicated: 1, leaseTimeout: "1 second" }))
      const node = pool.node(address)
      const pop = (key: string) => node.execute(Redis.blpop([key], "1 minute"))
      yield* start(pop("one"))
      yield* settle
      const two = yield* start(pop("two"))
      yield* settle
      const line = a.live.find(({ received }) => received.some((each) => each.startsWith("BLPOP")))!
      arrives(() => line.release(Reply.null))
      yield* TestClock.adjust("1 second")
      yield* settle
      line.release(Reply.array([Reply.bulk("two"), Reply.bulk("element")]))
      assert.deepStrictEqual(yield* Fiber.join(two), { key: "two", element: "element" } as never)
    }))

  it.effect("the confirmation of a subscription", () =>
    Effect.gen(function*() {
      const { a, arrives, provide } = laggard()
      const service = yield* provide(RedisCluster.make({ nodes: ["a:7000"], commandTimeout: "2 seconds" }))
      yield* settle
      a.on("SUBSCRIBE", "hold")
      const fiber = yield* start(
        Effect.provideService(
          Effect.asVoid(PubSub.listen({ channels: ["news"] })),
          Client.Client,
          service.client
        )
      )
      yield* settle
      yield* advance("1950 millis")
      const line = a.live.find(({ received }) => received.includes("SUBSCRIBE news"))!
      arrives(() => line.release(confirmation("subscribe", "news")))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.isTrue(line.open)
    }))

  it.effect("the answers of a node that has left, before it is closed", () =>
    Effect.gen(function*() {
      const { a, arrives, provide } = laggard()
      a.on("GET", "hold")
      const pool = yield* provide(NodePool.make({ drainTimeout: "1 second" }))
      const fiber = yield* start(pool.node(address).execute(Redis.get(keyOfA)))
      yield* settle
      pool.retain(new Set(), new Set())
      yield* advance("950 millis")
      arrives(() => a.live[0].release(Reply.bulk("there")))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "there")
    }))
})
