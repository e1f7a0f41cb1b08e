/** What happens when one chunk brings the answers to several calls. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import * as Connection from "../src/Connection.ts"
import * as Redis from "../src/Redis.ts"
import { carrier, connected, start } from "./support/client.ts"
import { advance, keyOfA, settle } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"

/** A connection on which the test itself says what comes, and in which chunks. */
const silent = Effect.fnUntraced(function*() {
  const cluster = scriptedCluster([[0, 16383, "a:7000"]])
  const node = cluster.node("a:7000").on("GET", "hold")
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const connection = yield* cluster.provide(Connection.make(Address.tcp("a", 7000))).pipe(Scope.provide(scope))
  const [peer] = node.connections
  return { connection, peer, close: Scope.close(scope, Exit.void) }
})

const three = (get: (key: string) => Effect.Effect<string | null, Redis.RedisError>) =>
  Effect.forEach(["a", "b", "c"], (key) => start(get(key)))

describe("answers in one chunk", () => {
  it.effect("go to their fibers in order", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* silent()
      const order: Array<string | null> = []
      const fibers = yield* three((key) =>
        Effect.tap(connection.execute(Redis.get(key)), (value) => Effect.sync(() => order.push(value)))
      )
      yield* settle
      peer.send("+1\r\n+2\r\n+3\r\n")
      assert.deepStrictEqual(order, ["1", "2", "3"])
      yield* Fiber.joinAll(fibers)
    }))

  it.effect("are given although a fiber that goes on before closes the connection", () =>
    Effect.gen(function*() {
      const { close, connection, peer } = yield* silent()
      const fibers = yield* three((key) =>
        Effect.tap(connection.execute(Redis.get(key)), () => key === "a" ? close : Effect.void)
      )
      yield* settle
      peer.send("+1\r\n+2\r\n+3\r\n")
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["1", "2", "3"])
    }))

  it.effect("are not given to a fiber that one before it has interrupted", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* silent()
      const get = (key: string) => connection.execute(Redis.get(key))
      const last: { fiber?: Fiber.Fiber<string | null, Redis.RedisError> } = {}
      const first = yield* start(
        Effect.andThen(get("a"), Effect.suspend(() => Fiber.interrupt(last.fiber!)))
      )
      last.fiber = yield* start(get("b"))
      yield* settle
      peer.send("+1\r\n+2\r\n")
      yield* Fiber.join(first)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(last.fiber)))
      assert.isFalse(connection.isClosed())
    }))

  it.effect("are given before what comes behind them breaks the connection", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* silent()
      const fibers = yield* three((key) => connection.execute(Redis.get(key)))
      yield* settle
      peer.send("+1\r\n+2\r\nnonsense\r\n")
      const [one, two, three_] = yield* Effect.forEach(fibers, (fiber) => Effect.result(Fiber.join(fiber)))
      assert.deepStrictEqual([one, two].map((result) => result._tag === "Success" && result.success), ["1", "2"])
      assert.isTrue(three_._tag === "Failure" && three_.failure.reason._tag === "ProtocolViolation")
    }))

  it.effect("are all given although somebody who observes a fiber throws", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* silent()
      const [first, ...others] = yield* three((key) => connection.execute(Redis.get(key)))
      first.addObserver(() => {
        throw new Error("an observer's own")
      })
      yield* settle
      assert.throws(() => peer.send("+1\r\n+2\r\n+3\r\n"), "an observer's own")
      assert.deepStrictEqual(yield* Fiber.joinAll(others), ["2", "3"])
    }))

  it.effect("let a fiber ask again at once", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* silent()
      const get = (key: string) => connection.execute(Redis.get(key))
      const fibers = yield* three((key) => Effect.flatMap(get(key), () => get(`${key}2`)))
      yield* settle
      peer.send("+1\r\n+2\r\n+3\r\n")
      yield* settle
      assert.deepStrictEqual(peer.received.slice(-3), ["GET a2", "GET b2", "GET c2"])
      peer.send("+4\r\n+5\r\n+6\r\n")
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["4", "5", "6"])
    }))

  it.effect("that come late to a command of a pipeline, which is given up, are not counted as another's", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("GET", "hold")
      const pipeline = yield* start(run(Redis.pipeline([
        Redis.get(keyOfA).pipe(Command.timeout("50 millis")),
        Redis.get(keyOfA)
      ], { mode: "result" })))
      yield* advance("100 millis")
      const line = carrier(a, `GET ${keyOfA}`)
      line.release(Reply.bulk("late"))
      yield* settle
      assert.isUndefined(pipeline.pollUnsafe())
      line.release(Reply.bulk("in time"))
      const [one, two] = yield* Fiber.join(pipeline)
      assert.isTrue(Result.isFailure(one) && one.failure.reason._tag === "Timeout")
      assert.deepStrictEqual(two, Result.succeed("in time"))
    }))

  it.effect("that are out of step are not given to anybody, nor are those that were read before and not yet given", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* silent()
      const fibers = yield* three((key) => connection.execute(Redis.get(key)))
      yield* settle
      peer.send("+1\r\n*0\r\n+3\r\n")
      for (const fiber of fibers) {
        const { delivery, reason } = yield* Effect.flip(Fiber.join(fiber))
        assert.deepStrictEqual([reason._tag, delivery], ["ProtocolViolation", "MaybeExecuted"])
      }
    }))
})
