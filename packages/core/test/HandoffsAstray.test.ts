/** Hand-offs that lead astray: to nobody, to and fro, or while something else ends. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Address from "../src/Address.ts"
import * as NodePool from "../src/NodePool.ts"
import * as Redis from "../src/Redis.ts"
import { start } from "./support/client.ts"
import { advance, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const addressOfA = Address.tcp("a", 7000)

const moving = (seq: number, seconds: number, endpoint: string | undefined) =>
  Reply.push([
    Reply.bulk("MOVING"),
    Reply.integer(seq),
    Reply.integer(seconds),
    endpoint === undefined ? Reply.null : Reply.bulk(endpoint)
  ])

/** A pool, and a node of it whose connection is open. */
const pooled = Effect.fnUntraced(function*(options?: NodePool.Options) {
  const { a, b, c, cluster } = threeNodes()
  for (const node of cluster.nodes.values()) node.on("CLIENT MAINT_NOTIFICATIONS", Reply.simple("OK"))
  const scope = yield* Scope.fork(yield* Effect.scope)
  const pool = yield* Scope.provide(cluster.provide(NodePool.make(options)), scope)
  const node = pool.node(addressOfA)
  const get = (key: string) => node.execute(Redis.get(key))
  yield* get("k")
  return { a, b, c, pool, node, get, close: Scope.close(scope, Exit.void) }
})

describe("a connection that is told to move", () => {
  it.effect("is opened where it was if it is lost after nobody has answered at the new endpoint in time", () =>
    Effect.gen(function*() {
      const { a, b, get } = yield* pooled({ connectTimeout: "1 minute" })
      b.on("HELLO", "hold")
      a.live[0].send(moving(1, 2, "b:7000"))
      yield* advance("4 seconds")
      assert.strictEqual(b.live.length, 0)
      a.drop()
      yield* advance("100 millis")
      assert.strictEqual(a.live.length, 1)
      assert.strictEqual(yield* get("k"), "a:7000")
    }))

  it.effect("goes where it was told last, though the one before answers first", () =>
    Effect.gen(function*() {
      const { a, b, c, get } = yield* pooled({ connectTimeout: "10 seconds" })
      b.on("HELLO", "hold")
      a.live[0].send(moving(1, 2, "b:7000"))
      yield* advance("3 seconds")
      a.live[0].send(moving(2, 15, "c:7000"))
      yield* advance("100 millis")
      for (const line of b.live) line.release(Reply.map([[Reply.bulk("proto"), Reply.integer(3)]]))
      yield* advance("2 seconds")
      assert.strictEqual(yield* get("k"), "c:7000")
      assert.deepStrictEqual([b.live.length, c.live.length], [0, 1])
    }))

  it.effect("is not opened where it does not lead any more, though that answers in the end", () =>
    Effect.gen(function*() {
      const { a, b, c, get, node } = yield* pooled({ connectionsPerNode: 2, connectTimeout: "10 seconds" })
      yield* settle
      const [one, other] = a.live
      const hello = Reply.map([[Reply.bulk("proto"), Reply.integer(3)]])
      b.on("HELLO", "hold")
      one.send(moving(1, 15, "b:7000"))
      yield* advance("1 second")
      assert.strictEqual(b.live.length, 1)
      one.drop()
      other.send(moving(2, 15, "c:7000"))
      yield* advance("1 second")
      for (const line of b.live) line.release(hello)
      yield* advance("2 seconds")
      assert.strictEqual(yield* get("k"), "c:7000")
      assert.deepStrictEqual([a.live.length, b.live.length, c.live.length, node.stats().open], [0, 0, 2, 2])
    }))

  it.effect("does so a few times a second at most, whatever it is told", () =>
    Effect.gen(function*() {
      const { a, get, node } = yield* pooled()
      a.on("CLIENT MAINT_NOTIFICATIONS", (_, line) => {
        queueMicrotask(() => line.send(moving(node.stats().handoffs, 15, "a:7000")))
        return Reply.simple("OK")
      })
      a.live[0].send(moving(0, 15, "a:7000"))
      yield* advance("10 seconds")
      assert.isAtMost(a.connections.length, 25)
      assert.strictEqual(yield* get("k"), "a:7000")
    }))

  it.effect("lets the client end meanwhile: what blocks is unblocked", () =>
    Effect.gen(function*() {
      const { a, b, close, get, node } = yield* pooled({ drainTimeout: "2 seconds" })
      let ids = 100
      for (const each of [a, b]) {
        each.on("HELLO", () =>
          Reply.map([[Reply.bulk("proto"), Reply.integer(3)], [Reply.bulk("id"), Reply.integer(++ids)]]))
      }
      a.on("BLPOP", "hold").on("GET", "hold")
      const unblock = () => {
        const line = a.live.find(({ received }) =>
          received.some((text) => text.startsWith("BLPOP"))
        )!
        line.release(Reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK"))
        return Reply.integer(1)
      }
      for (const each of [a, b]) each.on("CLIENT UNBLOCK", unblock)
      const blocked = yield* start(Effect.flip(node.execute(Redis.blpop(["k"], "1 minute"))))
      yield* start(Effect.exit(get("x")))
      yield* settle
      a.live[0].send(moving(1, 15, "b:7000"))
      yield* advance("1 second")
      assert.strictEqual(b.live.length, 1)
      const closing = yield* start(close)
      yield* advance("3 seconds")
      const error = yield* Fiber.join(blocked)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Closed", "Rejected"])
      yield* Fiber.join(closing)
    }))
})
