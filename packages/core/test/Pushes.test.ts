/** Pushes go to whoever listens for their kind, and pairing replies with commands is none the wiser. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Address from "../src/Address.ts"
import { connect } from "../src/internal/connection/connect.ts"
import { makePool } from "../src/internal/connection/nodePool.ts"
import type { PushListener } from "../src/internal/connection/pushes.ts"
import * as Redis from "../src/Redis.ts"
import { start } from "./support/client.ts"
import { settle } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"
import type { ScriptedCluster, ScriptedNode } from "./support/ScriptedCluster.ts"
import { message } from "./support/subscribers.ts"

const address = Address.tcp("a", 7000)

const oneNode = (): { readonly cluster: ScriptedCluster; readonly node: ScriptedNode } => {
  const cluster = scriptedCluster([[0, 16383, "a:7000"]])
  const node = cluster.node("a:7000")
  node.on("GET", ([key]) => Reply.bulk(`value of ${key}`))
  return { cluster, node }
}

const invalidate = (...keys: ReadonlyArray<string>) =>
  Reply.push([Reply.bulk("invalidate"), Reply.array(keys.map(Reply.bulk))])

/** What a cache would listen with. */
const cache = (kinds: ReadonlyArray<string> = ["invalidate"]) => {
  const heard: Array<unknown> = []
  const listener: PushListener = { kinds, onPush: (_kind, [, ...rest]) => heard.push(...rest) }
  return { heard, listener }
}

const withListeners = Effect.fnUntraced(function*(
  listeners: ReadonlyArray<PushListener>,
  nodes?: ReturnType<typeof oneNode>
) {
  const { cluster, node } = nodes ?? oneNode()
  const connection = yield* cluster.provide(connect(address, {}, { listeners }))
  const [peer] = node.connections
  return { connection, node, peer, get: (key: string) => connection.execute(Redis.get(key)) }
})

describe("a listener", () => {
  it.effect("hears the pushes of its kind and no others, between replies as they come", () =>
    Effect.gen(function*() {
      const { heard, listener } = cache()
      const { get, node, peer } = yield* withListeners([listener])
      node.once("GET", "hold")
      const fiber = yield* start(Effect.map(get("k"), (value) => heard.push(value)))
      yield* settle
      peer.send(invalidate("j"))
      peer.send(Reply.push([Reply.bulk("tracking-redir-broken")]))
      assert.deepStrictEqual(heard, [["j"]])
      peer.release(Reply.bulk("1"))
      peer.send(invalidate("k", "l"))
      yield* settle
      assert.deepStrictEqual(heard, [["j"], "1", ["k", "l"]])
      assert.strictEqual(fiber.pollUnsafe()?._tag, "Success")
      assert.strictEqual(yield* get("m"), "value of m")
    }))

  it.effect("is told after the replies that came before a push in the same chunk", () =>
    Effect.gen(function*() {
      const heard: Array<unknown> = []
      const { get, node, peer } = yield* withListeners([{
        kinds: ["invalidate"],
        onPush: () => heard.push("push")
      }])
      node.on("GET", "hold")
      for (const key of ["1", "2"]) yield* start(Effect.map(get(key), (value) => heard.push(value)))
      yield* settle
      peer.send("+one\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n+two\r\n")
      assert.deepStrictEqual(heard, ["one", "push", "two"])
    }))

  it.effect("stands beside another: each has its kinds, and strings as it wants them", () =>
    Effect.gen(function*() {
      const { heard, listener } = cache()
      const messages: Array<unknown> = []
      const { connection, get, peer } = yield* withListeners([listener, {
        kinds: ["message"],
        inResp2: true,
        wantsBytes: () => true,
        onPush: (kind, [, channel, payload]) => messages.push([kind, channel, payload])
      }])
      peer.send(message("c", "m"))
      peer.send(invalidate("k"))
      assert.deepStrictEqual(heard, [["k"]])
      assert.deepStrictEqual(messages, [["message", Uint8Array.of(0x63), Uint8Array.of(0x6d)]])
      assert.strictEqual(yield* get("k"), "value of k")
      assert.isFalse(connection.isClosed())
    }))

  it.effect("is handed pushes that begin alike one by one, unless it takes many", () =>
    Effect.gen(function*() {
      const burst = ["1", "2", "3"].map((payload) => `>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n${payload}\r\n`).join("")
      const { heard, listener } = cache(["message"])
      const single = yield* withListeners([listener])
      single.peer.send(burst)
      single.peer.send(burst)
      assert.deepStrictEqual(heard, ["1", "2", "3", "1", "2", "3"].flatMap((payload) => ["c", payload]))
      const many: Array<unknown> = []
      const { peer } = yield* withListeners([{ ...listener, onMany: (...all) => many.push(all) }])
      peer.send(burst)
      peer.send(burst)
      assert.deepInclude(many, ["message", "c", ["1", "2", "3"]])
    }))

  it.effect("that throws costs nobody else anything", () =>
    Effect.gen(function*() {
      const { get, peer } = yield* withListeners([{
        kinds: ["invalidate"],
        onPush: () => {
          throw new Error("a fault of the listener")
        }
      }])
      peer.send(invalidate("k"))
      assert.strictEqual(yield* get("k"), "value of k")
    }))

  it.effect("for a kind that another listens for is refused", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(withListeners([cache().listener, cache().listener]))
      assert.isTrue(Exit.hasDies(exit))
    }))

  it.effect("of other kinds does not make up for a subscription that nobody asked for", () =>
    Effect.gen(function*() {
      const { connection, peer } = yield* withListeners([cache().listener])
      peer.send(message("c", "m"))
      assert.isTrue(connection.isClosed())
      assert.strictEqual((yield* connection.closed).reason._tag, "ProtocolViolation")
    }))

  it.effect("takes no reply for a push in RESP2, where only those who subscribe are sent some", () =>
    Effect.gen(function*() {
      const { cluster, node } = oneNode()
      node.on("HELLO", Reply.error("NOPROTO unsupported protocol version"))
      node.on("LRANGE", Reply.array(["invalidate", "b", "c"].map(Reply.bulk)))
      const { heard, listener } = cache()
      const { connection } = yield* withListeners([listener], { cluster, node })
      assert.strictEqual(connection.protocol, 2)
      assert.deepStrictEqual(yield* connection.execute(Redis.lrange("k", 0, -1)), ["invalidate", "b", "c"])
      assert.deepStrictEqual(heard, [])
    }))

  it.effect("listens on every connection of a pool, if a layer adds it there", () =>
    Effect.gen(function*() {
      const { cluster, node } = oneNode()
      const { heard, listener } = cache(["changed"])
      const changed = Reply.push([Reply.bulk("changed"), Reply.array([Reply.bulk("k")])])
      const made: Array<string> = []
      const pool = yield* cluster.provide(makePool({ connectionsPerNode: 2 }, ({ key }) => {
        made.push(key)
        return { listeners: [listener] }
      }))
      const at = pool.node(address)
      yield* at.execute(Redis.get("k"))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* at.dedicated
        for (const connection of node.live) connection.send(changed)
      }))
      assert.deepStrictEqual(made, ["a:7000", "a:7000", "a:7000"])
      assert.deepStrictEqual(heard, [["k"], ["k"], ["k"]])
    }))
})
