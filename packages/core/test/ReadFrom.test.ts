import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ReadFrom from "../src/ReadFrom.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as Session from "../src/Session.ts"
import { carrier, carrying, connectedTo, said, start } from "./support/client.ts"
import { replica, shard } from "./support/replicas.ts"
import { advance, keyOfA, keyOfC, settle, slotOfA, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const [a, b, c] = ["a:7000", "b:7000", "c:7000"]
const twoShards = [[0, 8191, "a:7000", "b:7000", "c:7000"], [8192, 16383, "d:7000", "e:7000", "f:7000"]] as const
const choices = ["primary", "replica", "preferReplica", "any", "nearest"] as const

const readers = (node: ScriptedNode) => node.connections.filter(({ received }) => received.includes("READONLY"))

describe("reads", () => {
  const turns = [
    ["primary", [a, a, a, a, a, a]],
    ["replica", [b, c, b, c, b, c]],
    ["preferReplica", [b, c, b, c, b, c]],
    ["any", [a, b, c, a, b, c]]
  ] as const
  it.effect.each(turns)("from %s are answered in turn", ([readFrom, expected]) =>
    Effect.gen(function*() {
      const { answers, warm } = yield* shard({ readFrom })
      yield* warm()
      const got = yield* answers(6)
      const turn = expected.indexOf(got[0] as typeof expected[number])
      assert.deepStrictEqual(got, [...expected.slice(turn), ...expected.slice(0, turn)])
    }))

  it.effect("from the nearest are answered by whoever answers fastest", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "nearest" })
      for (const [node, delay] of [[nodes.a, 30], [nodes.b, 20], [nodes.c, 10]] as const) node.delay = delay
      const first = yield* start(nodes.get())
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(first), a)
      const fiber = yield* start(nodes.answers(4))
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [c, c, c, c])
    }))

  it.effect("take turns in each shard, in whatever order shards are read", () =>
    Effect.gen(function*() {
      const { answers, get, warm } = yield* shard({ readFrom: "preferReplica", slots: twoShards })
      yield* warm()
      yield* get(undefined, keyOfC)
      yield* settle
      const both = Effect.all([get(), get(undefined, keyOfC)])
      const got = yield* Effect.replicateEffect(both, 4)
      assert.deepStrictEqual(new Set(got.map(([first]) => first)), new Set([b, c]))
      assert.deepStrictEqual(new Set(got.map(([, second]) => second)), new Set(["e:7000", "f:7000"]))
      assert.strictEqual((yield* answers(1))[0], got[0][0])
    }))

  it.effect.each(["preferReplica", "any", "nearest"] as const)(
    "from %s do not wait for the first connection to a replica",
    (readFrom) =>
      Effect.gen(function*() {
        const nodes = yield* shard({ readFrom })
        nodes.b.accepts = "neither"
        nodes.c.accepts = "neither"
        assert.deepStrictEqual(yield* nodes.answers(3), [a, a, a])
      })
  )

  it.effect("from replica go to one at once, since nobody else may answer", () =>
    Effect.gen(function*() {
      const { get, ...nodes } = yield* shard({ readFrom: "replica" })
      assert.include([b, c], yield* get())
      assert.strictEqual(nodes.a.count("GET bar"), 0)
    }))

  const alone = [["preferReplica", a], ["any", a], ["nearest", a], ["primary", a]] as const
  it.effect.each(alone)(
    "from %s go to the primary of a shard without replicas",
    ([readFrom, expected]) =>
      Effect.gen(function*() {
        const { answers, cluster } = yield* shard({ readFrom, slots: [[0, 16383, a]] })
        assert.deepStrictEqual(yield* answers(2), [expected, expected])
        yield* settle
        assert.strictEqual(cluster.node(a).count("ROLE"), 0)
      })
  )

  it.effect("from replica of a shard without replicas wait for one to come, and say so in the end", () =>
    Effect.gen(function*() {
      const { cluster, get } = yield* shard({ readFrom: "replica", slots: [[0, 16383, a]] })
      const failed = yield* start(Effect.flip(get()))
      yield* advance("26 seconds")
      const { delivery, message, reason } = yield* Fiber.join(failed)
      assert.deepStrictEqual([reason._tag, delivery], ["NoNodeForSlot", "NotSent"])
      assert.include(message, "no replica")
      assert.include(message, "preferReplica")
      const answered = yield* start(get())
      cluster.slots = [[0, 16383, a, b]]
      cluster.node(b).on("GET", Reply.bulk(b)).on("ROLE", replica())
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(answered), b)
    }))
})

describe("who answers", () => {
  it.effect("is said by the layer, for a region by the effect, and the innermost wins", () =>
    Effect.gen(function*() {
      const { get, run, warm } = yield* shard({ readFrom: "preferReplica" })
      yield* warm()
      assert.include([b, c], yield* get())
      assert.strictEqual(yield* get("primary"), a)
      const both = Effect.all([Redis.get(keyOfA), ReadFrom.provide(Redis.get(keyOfA), "primary")])
      const [outer, inner] = yield* run(ReadFrom.provide(both, "replica"))
      assert.include([b, c], outer)
      assert.strictEqual(inner, a)
      assert.include(
        [b, c],
        yield* run(Redis.get(keyOfA).pipe(ReadFrom.provide("replica"), ReadFrom.provide("primary")))
      )
    }))

  it.effect("is nobody's business but that of its fiber and the fibers forked in it", () =>
    Effect.gen(function*() {
      const { run, warm } = yield* shard()
      yield* warm()
      const [within, beside] = yield* run(Effect.all([
        ReadFrom.provide(Effect.flatMap(start(Redis.get(keyOfA)), Fiber.join), "replica"),
        Redis.get(keyOfA)
      ], { concurrency: 2 }))
      assert.include([b, c], within)
      assert.strictEqual(beside, a)
    }))

  it.effect.each(["secondary", "", "PRIMARY"])(
    "has to be one of the choices: %s",
    (readFrom) =>
      Effect.gen(function*() {
        const { cluster } = threeNodes()
        const wrong = { nodes: [a], readFrom: readFrom as ReadFrom.ReadFrom }
        const error = yield* Effect.flip(cluster.provide(RedisCluster.make(wrong)))
        assert.strictEqual(error.reason._tag, "InvalidArgument")
        for (const choice of choices) assert.include(error.message, choice)
      })
  )

  it.effect.each([0, -1, NaN, "soon" as "1 second"])(
    "has to be told a lag above zero: %s",
    (maxReplicaLag) =>
      Effect.gen(function*() {
        const { cluster } = threeNodes()
        const error = yield* Effect.flip(cluster.provide(RedisCluster.make({ nodes: [a], maxReplicaLag })))
        assert.strictEqual(error.reason._tag, "InvalidArgument")
        assert.include(error.message, "maxReplicaLag")
      })
  )
})

describe("in a region that reads from replicas", () => {
  it.effect("writes, commands without keys and transactions stay with the primary", () =>
    Effect.gen(function*() {
      const { run, warm, ...nodes } = yield* shard({ readFrom: "replica" })
      nodes.a.on("RANDOMKEY", Reply.bulk("k")).on("DBSIZE", Reply.integer(1)).on("MULTI", Reply.simple("OK")).on(
        "EXEC",
        Reply.array([Reply.bulk("v")])
      )
        .on("GETDEL", Reply.bulk("v")).on("EVAL", Reply.integer(1))
      yield* warm()
      yield* run(Redis.set(keyOfA, "1"))
      yield* run(Redis.getdel(keyOfA))
      yield* run(Redis.command("EVAL", ["return 1", 1, keyOfA]))
      yield* run(Redis.command("RANDOMKEY"))
      nodes.a.once("GET", Reply.simple("QUEUED"))
      yield* run(Redis.transaction([Redis.get(keyOfA)]))
      const sent = said(carrier(nodes.a, "SET bar 1"))
      assert.deepStrictEqual(sent, [
        "SET bar 1",
        "GETDEL bar",
        "EVAL return 1 1 bar",
        "RANDOMKEY",
        "DBSIZE",
        "MULTI",
        "GET bar",
        "EXEC"
      ])
      for (const node of [nodes.b, nodes.c]) {
        assert.deepStrictEqual(node.commands.filter((line) => /SET|EVAL/.test(line)), [])
      }
    }))

  it.effect("scripts and other commands that only read go to replicas", () =>
    Effect.gen(function*() {
      const { run, warm, ...nodes } = yield* shard({ readFrom: "replica", slots: [[0, 16383, a, b]] })
      nodes.b.on("EVAL_RO", Reply.integer(7)).on("TTL", Reply.integer(-1))
      yield* warm()
      assert.strictEqual(yield* run(Redis.command("EVAL_RO", ["return 7", 1, keyOfA])), 7)
      yield* run(Redis.command("TTL", [keyOfA]))
      assert.deepStrictEqual(said(carrier(nodes.b, "TTL bar")).slice(-2), ["EVAL_RO return 7 1 bar", "TTL bar"])
    }))

  it.effect("a pipeline is split: its reads go to a replica, its writes to the primary, one write each", () =>
    Effect.gen(function*() {
      const { run, warm, ...nodes } = yield* shard({ readFrom: "replica", slots: [[0, 16383, a, b]] })
      yield* warm()
      const commands = [Redis.set("{bar}1", "1"), Redis.get("{bar}2"), Redis.set("{bar}3", "3"), Redis.get("{bar}4")]
      assert.deepStrictEqual(yield* run(Redis.pipeline(commands)), ["OK", b, "OK", b])
      const [writes, reads] = [carrier(nodes.a, "SET {bar}1 1"), carrier(nodes.b, "GET {bar}2")]
      assert.deepStrictEqual(said(writes).slice(-2), ["SET {bar}1 1", "SET {bar}3 3"])
      assert.deepStrictEqual(said(reads).slice(-2), ["GET {bar}2", "GET {bar}4"])
      assert.deepStrictEqual([writes.writes.at(-1), reads.writes.at(-1)], [2, 2])
    }))

  it.effect("a read that blocks goes to a replica over a connection of its own, which has declared READONLY", () =>
    Effect.gen(function*() {
      const { get, run, warm, ...nodes } = yield* shard({ readFrom: "replica", slots: [[0, 16383, a, b]] })
      nodes.b.on("XREAD", "hold")
      yield* warm()
      const fiber = yield* start(run(Redis.command("XREAD", ["BLOCK", 0, "STREAMS", keyOfA, "$"])))
      yield* settle
      const blocked = carrier(nodes.b, "XREAD BLOCK 0 STREAMS bar $")
      assert.deepStrictEqual(said(blocked), ["READONLY", "XREAD BLOCK 0 STREAMS bar $"])
      assert.strictEqual(yield* get(), b)
      blocked.release(Reply.nullArray)
      assert.strictEqual(yield* Fiber.join(fiber), null)
    }))

  it.effect("a session without keys goes to a shard that has somebody to answer", () =>
    Effect.gen(function*() {
      const slots = [[0, 5460, a], [5461, 10922, b, "e:7000"], [10923, 16383, c, "f:7000"]] as const
      const { run } = yield* shard({ slots })
      const at = run(Effect.scoped(Effect.map(Session.make({ readFrom: "replica" }), ({ address }) => address.key)))
      assert.deepStrictEqual(new Set(yield* Effect.replicateEffect(at, 6)), new Set(["e:7000", "f:7000"]))
    }))

  it.effect.each(["replica", "preferReplica", "any", "nearest"] as const)(
    "a shard whose primary nobody knows is read from its replicas: %s",
    (readFrom) =>
      Effect.gen(function*() {
        const slots = [[0, 16383, "?:7000", b]] as const
        const { cluster, run } = yield* connectedTo(slots, { nodes: [b] })
        cluster.node(b).on("ROLE", replica())
        const read = run(Session.use({ readFrom }, Redis.get(keyOfA)))
        assert.deepStrictEqual([yield* read, yield* read], [b, b])
        assert.isFalse(cluster.nodes.get("?:7000")!.dialed.length > 0)
      })
  )
})

describe("READONLY (trap 32)", () => {
  it.effect("is declared on the connections that replicas answer reads on, and on no others", () =>
    Effect.gen(function*() {
      const { answers, cluster, run, warm, ...nodes } = yield* shard({ readFrom: "any" })
      yield* warm()
      yield* answers(6)
      yield* run(Redis.set(keyOfA, "1"))
      assert.isEmpty(readers(nodes.a))
      for (const node of [nodes.b, nodes.c]) {
        assert.strictEqual(said(carrier(node, "GET bar"))[0], "READONLY")
        assert.strictEqual(readers(node).length, 1)
      }
      assert.strictEqual(cluster.live, 3)
    }))

  it.effect("can't be asked for where primaries are read, by settings that come from elsewhere", () =>
    Effect.gen(function*() {
      const settings: object = { readOnly: true }
      const { get, ...nodes } = yield* shard(settings)
      assert.strictEqual(yield* get(), a)
      assert.isEmpty(readers(nodes.a))
    }))

  it.effect("is declared again when such a connection was lost", () =>
    Effect.gen(function*() {
      const { get, warm, ...nodes } = yield* shard({ readFrom: "replica", slots: [[0, 16383, a, b]] })
      yield* warm()
      for (let times = 1; times <= 3; times++) {
        nodes.b.drop()
        yield* advance("3 seconds")
        assert.strictEqual(yield* get(), b)
        const open = readers(nodes.b).find((connection) => connection.open)!
        assert.deepStrictEqual(said(open).filter((line) => line !== "GET bar"), ["READONLY"])
        assert.isAtLeast(readers(nodes.b).length, times + 1)
      }
    }))

  it.effect("that a node refuses makes it no replica to read from", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica" })
      nodes.b.on("READONLY", Reply.error("NOPERM this user has no permissions to run the 'readonly' command"))
      yield* nodes.warm()
      assert.deepStrictEqual(yield* nodes.answers(3), [c, c, c])
      assert.strictEqual(nodes.b.count("GET bar"), 0)
    }))

  it.effect("is on no connection over which a primary is read, when a replica was promoted", () =>
    Effect.gen(function*() {
      const { cluster, get, run, service, warm, ...nodes } = yield* shard({ slots: [[0, 16383, a, b]] })
      yield* warm("replica")
      assert.strictEqual(yield* get("replica"), b)
      cluster.slots = [[0, 16383, b, a]]
      nodes.a.on("ROLE", replica())
      yield* service.refresh
      yield* advance("1 second")
      assert.strictEqual(yield* get("primary"), b)
      yield* run(Redis.set(keyOfA, "1"))
      const connection = nodes.b.live.find(({ received }) => received.includes("SET bar 1"))!
      assert.deepStrictEqual(said(connection), ["GET bar", "SET bar 1"])
      assert.isFalse(readers(nodes.b).some(({ open }) => open))
      assert.strictEqual(yield* get("replica"), a)
      assert.deepStrictEqual(said(carrying(nodes.a, "GET bar").at(-1)!), ["READONLY", "GET bar"])
    }))

  it.effect("does not make a demoted primary answer what is read from the primary", () =>
    Effect.gen(function*() {
      const { answers, cluster, get, warm, ...nodes } = yield* shard({ slots: [[0, 16383, a, b]] })
      yield* warm("any")
      yield* answers(4, "any")
      // As the server does it: a replica answers reads only to those who have said READONLY.
      nodes.a.on("GET", (_, { received }) =>
        received.includes("READONLY") ? Reply.bulk("stale") : Reply.error(`MOVED ${slotOfA} ${b}`))
      cluster.slots = [[0, 16383, b, a]]
      assert.strictEqual(yield* get("primary"), b)
      yield* advance("2 seconds")
      assert.strictEqual(yield* get("primary"), b)
      assert.strictEqual(yield* get("replica"), "stale")
      assert.strictEqual(yield* get("primary"), b)
    }))
})
