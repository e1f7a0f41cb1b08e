/** Connections move before their endpoint does, without an error, a command twice or out of order; and wait longer meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import * as Connection from "../src/Connection.ts"
import { makePool } from "../src/internal/connection/nodePool.ts"
import type { Notice } from "../src/internal/connection/notices.ts"
import * as NodePool from "../src/NodePool.ts"
import * as Redis from "../src/Redis.ts"
import type * as Resp from "../src/Resp.ts"
import { start } from "./support/client.ts"
import { advance, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const addressOfA = Address.tcp("a", 7000)
const asked = "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip"

type Items = ReadonlyArray<string | number | null>

const push = (...items: Items): Resp.Reply =>
  Reply.push(
    items.map((item) => item === null ? Reply.null : typeof item === "number" ? Reply.integer(item) : Reply.bulk(item))
  )

/** A pool, and a node of it whose connection is open. */
const pooled = Effect.fnUntraced(function*(options?: NodePool.Options) {
  const { a, b, c, cluster } = threeNodes()
  for (const node of cluster.nodes.values()) node.on("CLIENT MAINT_NOTIFICATIONS", Reply.simple("OK"))
  const pool = yield* cluster.provide(NodePool.make({ drainTimeout: "100 millis", ...options }))
  const troubles: Array<string | undefined> = []
  pool.onTrouble((_, failure) => troubles.push(failure?.reason._tag))
  const node = pool.node(addressOfA)
  const get = (key: string) => node.execute(Redis.get(key))
  yield* get("k")
  const tell = (...items: Items) => {
    for (const connection of a.live) connection.send(push(...items))
  }
  return { a, b, c, cluster, pool, node, get, troubles, tell }
})

const gets = (node: ScriptedNode): ReadonlyArray<string> => node.commands.filter((line) => line.startsWith("GET"))

describe("notices", () => {
  it.effect("are asked for on shared connections, and on no others", () =>
    Effect.gen(function*() {
      const { a, cluster, node, pool } = yield* pooled()
      assert.strictEqual(a.count(asked), 1)
      yield* pool.reader(addressOfA).execute(Redis.get("k"))
      assert.strictEqual(a.count(asked), 2)
      yield* Effect.scoped(node.dedicated)
      yield* Effect.scoped(pool.connect(addressOfA, { kinds: ["message"], onPush: () => {} }))
      yield* cluster.provide(Connection.make(addressOfA))
      assert.strictEqual(a.connections.length, 5)
      assert.strictEqual(a.count(asked), 2)
    }))

  it.effect("are not asked for in RESP2, nor if they are turned off", () =>
    Effect.gen(function*() {
      const off = yield* pooled({ handoffs: "off" })
      assert.strictEqual(off.a.count(asked), 0)
      const { a, cluster } = threeNodes()
      a.on("HELLO", Reply.error("ERR unknown command 'HELLO'"))
      const pool = yield* cluster.provide(NodePool.make())
      assert.strictEqual(yield* pool.node(addressOfA).execute(Redis.get("k")), "a:7000")
      assert.strictEqual(a.count(asked), 0)
    }))

  it.effect("are done without where the server does not know them", () =>
    Effect.gen(function*() {
      const { a, cluster } = threeNodes()
      a.on("CLIENT MAINT_NOTIFICATIONS", Reply.error("ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP."))
      const pool = yield* cluster.provide(NodePool.make())
      assert.strictEqual(yield* pool.node(addressOfA).execute(Redis.get("k")), "a:7000")
      assert.strictEqual(a.connections.length, 1)
    }))

  it.effect("are heard by whoever listens; broken ones are told, and end no connection", () =>
    Effect.gen(function*() {
      const { a, get, pool, tell } = yield* pooled()
      const heard: Array<Notice["_tag"]> = []
      const unread: Array<string> = []
      pool.onNotice({
        locate: () => undefined,
        heard: ({ _tag }, node) => heard.push(`${_tag}` as Notice["_tag"]) && assert.strictEqual(node, "a:7000"),
        unread: ({ reason }) => unread.push(reason.message),
        moved: () => {}
      })
      tell("MIGRATING", 1, 2)
      tell("MIGRATED", 1)
      tell("MOVING", "soon")
      tell("SMIGRATED", 4, "a:1", "b:1", "0-99999")
      tell("SMIGRATING", 5, "1-5")
      assert.deepStrictEqual(heard, ["Begins", "Ended", "SlotsMoved", "Begins"])
      assert.strictEqual(unread.length, 2)
      assert.strictEqual(yield* get("k"), "a:7000")
      assert.strictEqual(a.connections.length, 1)
    }))

  it.effect("leave a PING its way past calls that wait for room", () =>
    Effect.gen(function*() {
      const { a, get } = yield* pooled({ maxInFlight: 1, pingInterval: "1 second", commandTimeout: "1 minute" })
      a.on("GET", "hold")
      for (const key of ["x", "y"]) yield* start(get(key))
      yield* advance("1500 millis")
      assert.deepStrictEqual(a.live[0].received.slice(-2), ["GET x", "PING"])
    }))

  it.effect("stand beside what a layer listens to", () =>
    Effect.gen(function*() {
      const { a, cluster } = threeNodes()
      const keys: Array<unknown> = []
      const listener = {
        kinds: ["changed"],
        onPush: (_: string, [, key]: ReadonlyArray<Resp.Value>) => keys.push(key)
      }
      const pool = yield* cluster.provide(makePool({}, () => ({ listeners: [listener] })))
      const heard: Array<string> = []
      pool.onNotice({
        locate: () => undefined,
        heard: ({ _tag }) => heard.push(_tag),
        unread: () => {},
        moved: () => {}
      })
      yield* pool.node(addressOfA).execute(Redis.get("k"))
      a.live[0].send(push("changed", "k"))
      a.live[0].send(push("MIGRATED", 1))
      assert.deepStrictEqual(keys, ["k"])
      assert.deepStrictEqual(heard, ["Ended"])
    }))
})

describe("a connection that is told to move", () => {
  it.effect("moves when everything on it is answered, and what waits goes out over the new one, in order", () =>
    Effect.gen(function*() {
      const { a, b, get, node, tell, troubles } = yield* pooled({ maxInFlight: 2 })
      a.on("GET", "hold")
      const replies: Array<string> = []
      for (const key of ["1", "2", "3", "4"]) {
        yield* start(Effect.map(get(key), (value) => replies.push(`${key} ${value}`)))
      }
      yield* settle
      tell("MOVING", 1, 15, "b:7000")
      yield* advance("1 second")
      yield* start(Effect.map(get("5"), (value) => replies.push(`5 ${value}`)))
      yield* settle
      // The new connection is open, and the old one has its answers to give.
      assert.strictEqual(b.live.length, 1)
      assert.deepStrictEqual(gets(a), ["GET k", "GET 1", "GET 2"])
      assert.deepStrictEqual(gets(b), [])
      const [old] = a.live
      old.release(Reply.bulk("old"))
      yield* settle
      assert.deepStrictEqual(gets(b), [])
      old.release(Reply.bulk("old"))
      yield* settle
      assert.deepStrictEqual(gets(b), ["GET 3", "GET 4", "GET 5"])
      assert.deepStrictEqual(replies, ["1 old", "2 old", "3 b:7000", "4 b:7000", "5 b:7000"])
      assert.strictEqual(a.live.length, 0)
      assert.deepStrictEqual(troubles, [])
      const { handoffs, open, reconnects } = node.stats()
      assert.deepStrictEqual({ handoffs, open, reconnects }, { handoffs: 1, open: 1, reconnects: 0 })
    }))

  it.effect("is used as before until the new one is open", () =>
    Effect.gen(function*() {
      const { a, b, get, tell, troubles } = yield* pooled()
      b.accepts = "none"
      tell("MOVING", 1, 15, "b:7000")
      yield* advance("5 seconds")
      assert.strictEqual(yield* get("k"), "a:7000")
      assert.isAtLeast(b.dialed.length, 3)
      b.accepts = "all"
      yield* advance("5 seconds")
      assert.strictEqual(yield* get("k"), "b:7000")
      assert.strictEqual(a.live.length, 0)
      assert.deepStrictEqual(troubles, [])
    }))

  it.effect("stays if nobody can be reached in time, and is told as a failure", () =>
    Effect.gen(function*() {
      const { a, b, get, tell, troubles } = yield* pooled()
      b.accepts = "neither"
      tell("MOVING", 1, 15, "b:7000")
      yield* advance("20 seconds")
      assert.strictEqual(yield* get("k"), "a:7000")
      assert.deepStrictEqual(troubles, ["ConnectionFailed"])
      a.drop()
      yield* settle
      assert.strictEqual(yield* get("k"), "a:7000")
      assert.strictEqual(a.connections.length, 2)
    }))

  it.effect("goes to the configured endpoint after half of the time if no other is named", () =>
    Effect.gen(function*() {
      const { a, get, tell } = yield* pooled()
      tell("MOVING", 1, 10, null)
      yield* advance("4900 millis")
      assert.strictEqual(a.connections.length, 1)
      yield* advance("200 millis")
      assert.strictEqual(a.connections.length, 2)
      assert.strictEqual(a.live.length, 1)
      assert.strictEqual(yield* get("k"), "a:7000")
    }))

  it.effect("that is lost before it has moved is opened at the new endpoint", () =>
    Effect.gen(function*() {
      const { a, b, get, tell } = yield* pooled()
      yield* advance("5 seconds")
      b.accepts = "neither"
      tell("MOVING", 1, 15, "b:7000")
      yield* advance("1 second")
      b.accepts = "all"
      a.accepts = "none"
      a.drop()
      yield* advance("5 seconds")
      assert.strictEqual(yield* get("k"), "b:7000")
    }))

  it.effect("fails what is on it by the usual rules if the answers don't come in time", () =>
    Effect.gen(function*() {
      const { a, b, get, node, tell } = yield* pooled({ pingInterval: "1 minute" })
      a.on("SET", "hold").on("GET", "hold")
      const set = yield* start(Effect.exit(node.execute(Redis.set("k", "v"))))
      yield* settle
      tell("MOVING", 1, 5, "b:7000")
      yield* advance("1 second")
      const later = yield* start(get("later"))
      yield* advance("3 seconds")
      assert.isUndefined(later.pollUnsafe())
      yield* advance("2 seconds")
      const exit = set.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && Exit.isFailure(exit.value))
      assert.deepStrictEqual(gets(b), ["GET later"])
      assert.deepStrictEqual(later.pollUnsafe(), Exit.succeed("b:7000"))
    }))

  it.effect("may be told again: the last word counts", () =>
    Effect.gen(function*() {
      const { b, c, get, tell } = yield* pooled()
      b.accepts = "none"
      tell("MOVING", 1, 15, "b:7000")
      yield* advance("1 second")
      tell("MOVING", 2, 15, "c:7000")
      yield* advance("2 seconds")
      assert.strictEqual(yield* get("k"), "c:7000")
      assert.strictEqual(c.live.length, 1)
      assert.strictEqual(b.live.length, 0)
    }))

  it.effect("takes the others along that are opened meanwhile, and those that are idle are closed", () =>
    Effect.gen(function*() {
      const { a, b, node, tell } = yield* pooled()
      const leased = (command: Command.Any) =>
        Effect.scoped(Effect.flatMap(node.dedicated, (connection) => connection.execute(command)))
      const get = Redis.get("k")
      assert.strictEqual(yield* leased(get), "a:7000")
      const before = yield* start(
        Effect.scoped(
          Effect.flatMap(
            node.dedicated,
            (connection) => Effect.andThen(Effect.sleep("2 seconds"), connection.execute(get))
          )
        )
      )
      yield* settle
      yield* leased(get)
      tell("MOVING", 1, 15, "b:7000")
      yield* advance("1 second")
      assert.strictEqual(yield* leased(get), "b:7000")
      // The one that is leased goes on, and is not leased again.
      assert.strictEqual(a.live.length, 1)
      yield* advance("2 seconds")
      assert.deepStrictEqual(before.pollUnsafe(), Exit.succeed("a:7000"))
      assert.strictEqual(a.live.length, 0)
      assert.strictEqual(yield* leased(get), "b:7000")
      assert.strictEqual(b.live.length, 2)
    }))

  it.effect("moves with all shared connections of its node, each when it is told", () =>
    Effect.gen(function*() {
      const { a, b, node, tell } = yield* pooled({ connectionsPerNode: 3 })
      assert.strictEqual(a.live.length, 3)
      tell("MOVING", 1, 15, "b:7000")
      yield* advance("1 second")
      assert.deepStrictEqual([a.live.length, b.live.length], [0, 3])
      assert.strictEqual(node.stats().handoffs, 3)
    }))

  it.effect("again and again loses nothing", () =>
    Effect.gen(function*() {
      const { a, b, get, node, troubles } = yield* pooled()
      for (let i = 0; i < 20; i++) {
        const [from, to] = i % 2 === 0 ? [a, b] : [b, a]
        for (const connection of from.live) connection.send(push("MOVING", i, 15, to.key))
        yield* advance("2 seconds")
        assert.strictEqual(yield* get("k"), to.key)
        assert.deepStrictEqual([from.live.length, to.live.length], [0, 1])
      }
      assert.strictEqual(node.stats().handoffs, 20)
      assert.deepStrictEqual(troubles, [])
    }))
})

describe("deadlines", () => {
  const pong = ([token]: ReadonlyArray<string>) => Reply.bulk(token)
  const hung = Effect.fnUntraced(function*(options?: NodePool.Options) {
    const parts = yield* pooled({ commandTimeout: "5 seconds", pingInterval: "1 second", ...options })
    parts.a.on("GET", "hold").on("PING", "hold")
    return parts
  })
  const isDone = (fiber: { readonly pollUnsafe: () => Exit.Exit<unknown, unknown> | undefined }) =>
    fiber.pollUnsafe() !== undefined

  for (
    const [begin, end] of [["MIGRATING", "MIGRATED"], ["FAILING_OVER", "FAILED_OVER"], ["SMIGRATING", "SMIGRATED"]]
  ) {
    it.effect(`are put off from ${begin} until ${end}, and silence may last as long`, () =>
      Effect.gen(function*() {
        const { a, get, tell } = yield* hung()
        tell(begin, 1, 2)
        const fiber = yield* start(get("x"))
        yield* advance("8 seconds")
        assert.isFalse(isDone(fiber))
        const [connection] = a.live
        tell(end, 1, "a:7000", "b:7000", "1")
        a.on("PING", pong)
        connection.release(Reply.bulk("late"))
        connection.release(pong)
        yield* advance("2 seconds")
        assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed("late"))
        assert.strictEqual(a.connections.length, 1)
        // Afterwards all is as it was.
        a.on("PING", "hold")
        yield* start(get("y"))
        yield* advance("3 seconds")
        assert.strictEqual(a.connections.length, 2)
      }))
  }

  it.effect("pass in the end, ten seconds after the beginning", () =>
    Effect.gen(function*() {
      const { get, tell } = yield* hung({ pingInterval: "1 minute" })
      tell("MIGRATING", 1, 2)
      const fiber = yield* start(get("x"))
      yield* advance("9 seconds")
      assert.isFalse(isDone(fiber))
      yield* advance("2 seconds")
      assert.isTrue(isDone(fiber))
    }))

  it.effect("of commands that have a timeout of their own are kept", () =>
    Effect.gen(function*() {
      const { node, tell } = yield* hung()
      tell("MIGRATING", 1, 2)
      const fiber = yield* start(node.execute(Command.timeout(Redis.get("x"), "1 second")))
      yield* advance("1500 millis")
      assert.isTrue(isDone(fiber))
    }))

  it.effect("are as before if the end never comes: after 30 seconds for slots, and two minutes for shards", () =>
    Effect.gen(function*() {
      const { get, tell } = yield* hung({ pingInterval: "10 minutes" })
      const lasts = Effect.fnUntraced(function*() {
        const fiber = yield* start(get("x"))
        yield* advance("6 seconds")
        return !isDone(fiber)
      })
      tell("SMIGRATING", 1, "5")
      yield* advance("20 seconds")
      assert.isTrue(yield* lasts())
      yield* advance("10 seconds")
      assert.isFalse(yield* lasts())
      tell("FAILING_OVER", 2, 2)
      yield* advance("100 seconds")
      assert.isTrue(yield* lasts())
      yield* advance("20 seconds")
      assert.isFalse(yield* lasts())
    }))

  it.effect("are put off for as long as anything goes on, and several connections tell of the same", () =>
    Effect.gen(function*() {
      const { get, tell } = yield* hung({ pingInterval: "10 minutes", connectionsPerNode: 2 })
      tell("MIGRATING", 1, 2)
      tell("MIGRATING", 2, 2)
      tell("MIGRATED", 1)
      yield* advance("2 seconds")
      const first = yield* start(get("x"))
      yield* advance("6 seconds")
      assert.isFalse(isDone(first))
      tell("MIGRATED", 2)
      yield* advance("2 seconds")
      const second = yield* start(get("x"))
      yield* advance("6 seconds")
      assert.isTrue(isDone(second))
    }))
})
