/** What else may be under way while a connection logs in again, or can't. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Address from "../src/Address.ts"
import * as Connection from "../src/Connection.ts"
import * as NodePool from "../src/NodePool.ts"
import * as Redis from "../src/Redis.ts"
import type { RedisError } from "../src/RedisError.ts"
import { connectedTo, start } from "./support/client.ts"
import { expiringService } from "./support/expiringService.ts"
import { advance, settle } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"

const addressOfA = Address.tcp("a", 7000)
const life = 4000

/** One connection. Its second token is had when the test says so. */
const slow = Effect.fnUntraced(function*() {
  const cluster = scriptedCluster([[0, 16383, "a:7000"]])
  const node = cluster.node("a:7000")
  node.on("MULTI", Reply.simple("OK")).on("GET", Reply.bulk("v"))
  const isHad = yield* Latch.make()
  let turn = 0
  const credentials = Effect.suspend(() => {
    const grant = { username: "app", password: Redacted.make(`t${++turn}`), validFor: life }
    return turn === 1 ? Effect.succeed(grant) : Effect.as(isHad.await, grant)
  })
  const connection = yield* cluster.provide(Connection.make(addressOfA, { credentials }))
  const [line] = node.live
  const said = () => line.received.filter((text) => /^(MULTI|AUTH)/.test(text))
  return { line, connection, said, yields: Effect.andThen(isHad.open, settle) }
})

/** A pool of connections to a node whose tokens hold for four seconds. */
const pooled = Effect.fnUntraced(function*(options?: NodePool.Options) {
  const service = expiringService(life)
  const cluster = scriptedCluster([[0, 16383, "a:7000"]])
  const a = cluster.node("a:7000").on("GET", Reply.bulk("v")).on("SET", Reply.simple("OK"))
  service.install(cluster)
  yield* service.guard(cluster)
  const scope = yield* Scope.fork(yield* Effect.scope)
  const pool = yield* Scope.provide(
    cluster.provide(NodePool.make({ credentials: service.credentials, ...options })),
    scope
  )
  const node = pool.node(addressOfA)
  const get = (key: string) => node.execute(Redis.get(key))
  yield* get("k")
  return { ...service, a, cluster, pool, node, get, close: Scope.close(scope, Exit.void) }
})

describe("credentials that are had while", () => {
  it.effect("a transaction was opened by hand are not sent into it", () =>
    Effect.gen(function*() {
      const { connection, said, yields } = yield* slow()
      yield* advance(3300)
      yield* connection.execute(Redis.command("MULTI"))
      yield* yields
      yield* advance(life)
      assert.deepStrictEqual(said(), ["MULTI"])
    }))

  it.effect("one waits to be written are not sent into it either", () =>
    Effect.gen(function*() {
      const { connection, line, said, yields } = yield* slow()
      line.full = true
      yield* connection.execute(Redis.get("k"))
      const fiber = yield* start(connection.execute(Redis.command("MULTI")))
      yield* advance(3300)
      assert.deepStrictEqual(said(), [])
      yield* yields
      line.drain()
      yield* Fiber.join(fiber)
      yield* advance(life)
      assert.deepStrictEqual(said(), ["MULTI"])
    }))

  it.effect("somebody else was logged in are not used", () =>
    Effect.gen(function*() {
      const { connection, said, yields } = yield* slow()
      yield* advance(3300)
      yield* connection.execute(Redis.command("AUTH", ["other", "s"]))
      yield* yields
      yield* advance(life)
      assert.deepStrictEqual(said(), ["AUTH other s"])
    }))

  it.effect("nothing else is going on are used", () =>
    Effect.gen(function*() {
      const { said, yields } = yield* slow()
      yield* advance(3300)
      yield* yields
      assert.deepStrictEqual(said(), ["AUTH app t2"])
    }))
})

describe("a connection that takes no more commands because its credentials end", () => {
  it.effect("has its last answers when the client ends meanwhile", () =>
    Effect.gen(function*() {
      const { a, close, get, provider } = yield* pooled()
      provider.state = "fails"
      yield* advance(3700)
      a.on("GET", "hold")
      const fiber = yield* start(get("x"))
      yield* advance(150)
      assert.isUndefined(fiber.pollUnsafe())
      const closing = yield* start(close)
      yield* settle
      a.live[0]?.release(Reply.bulk("late"))
      yield* advance(100)
      assert.strictEqual(yield* Fiber.join(fiber), "late")
      yield* Fiber.join(closing)
    }))

  it.effect("has its last answers when its node leaves meanwhile", () =>
    Effect.gen(function*() {
      const { a, get, pool, provider } = yield* pooled()
      provider.state = "fails"
      yield* advance(3700)
      a.on("GET", "hold")
      const fiber = yield* start(get("x"))
      yield* advance(150)
      pool.retain(new Set(), new Set())
      yield* advance(40)
      a.live[0]?.release(Reply.bulk("late"))
      assert.strictEqual(yield* Fiber.join(fiber), "late")
    }))

  it.effect("sends none of those that wait for room on it: they go out over the next one, in order", () =>
    Effect.gen(function*() {
      const service = expiringService(life)
      const { cuts, provider } = service
      const { cluster, run } = yield* connectedTo(
        [[0, 16383, "a:7000"]],
        { credentials: service.credentials, maxInFlight: 1 },
        service.install
      )
      yield* service.guard(cluster)
      const a = cluster.node("a:7000")
      yield* run(Redis.get("k"))
      a.delay = 20
      provider.state = "fails"
      yield* advance(3500)
      const failures: Array<RedisError> = []
      const done: Array<number> = []
      for (let i = 0; i < 100; i++) {
        yield* start(Effect.match(run(Redis.set("k", `${i}`)), {
          onSuccess: () => void done.push(i),
          onFailure: (error) => void failures.push(error)
        }))
      }
      yield* advance(300)
      provider.state = "yields"
      yield* advance(8000)
      assert.deepStrictEqual([cuts, failures], [[], []])
      const all = Array.from({ length: 100 }, (_, i) => i)
      assert.deepStrictEqual(done, all)
      assert.deepStrictEqual(a.commands.filter((line) => line.startsWith("SET")), all.map((i) => `SET k ${i}`))
    }))
})

describe("an effect that yields credentials", () => {
  it.effect("may yield what it has yielded before: that is not sent again", () =>
    Effect.gen(function*() {
      const { a, provider } = yield* pooled()
      provider.state = "repeats"
      yield* advance(3700)
      assert.deepStrictEqual(a.connections[0].received.filter((line) => line.startsWith("AUTH")), [])
      assert.isAtLeast(provider.calls, 2)
    }))

  it.effect("is asked for others after a server has refused what it yielded", () =>
    Effect.gen(function*() {
      const { a, service } = yield* pooled()
      service.isRefusing = true
      yield* advance(3700)
      const sent = a.connections[0].received.filter((line) => line.startsWith("AUTH"))
      assert.isAtLeast(sent.length, 2)
      assert.strictEqual(new Set(sent).size, sent.length)
    }))

  it.effect("is run again if a run has not ended for connectTimeout", () =>
    Effect.gen(function*() {
      const { a, cuts, logins, provider } = yield* pooled({ connectTimeout: "200 millis" })
      provider.state = "never ends"
      yield* advance(3300)
      provider.state = "yields"
      yield* advance(600)
      assert.deepStrictEqual([logins.get(a.connections[0])?.length, cuts], [2, []])
      assert.strictEqual(a.connections.length, 1)
    }))

  it.effect("may yield what throws when it is read: that is a failure, and the connection ends in time", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster([[0, 16383, "a:7000"]])
      let turn = 0
      const credentials = Effect.sync(() => {
        let reads = 0
        turn++
        return {
          username: "app",
          password: Redacted.make("s3cret"),
          get validFor() {
            if (turn > 1 && ++reads > 1) throw new Error("s3cret")
            return life
          }
        }
      })
      const connection = yield* cluster.provide(Connection.make(addressOfA, { credentials }))
      yield* advance(life)
      assert.isTrue(connection.isClosed())
      assert.notInclude(`${yield* connection.closed}`, "s3cret")
    }))
})
