import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as SlotMap from "../src/SlotMap.ts"
import { advance, keyOfA, keyOfB, keyOfC, settle, slotOfA, threeNodes } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"

const connected = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const nodes = threeNodes()
  const service = yield* nodes.cluster.provide(RedisCluster.make({ nodes: ["a:7000"], ...options }))
  yield* settle
  const get = (key: string) => service.execute(Redis.get(key))
  const owner = Effect.map(service.topology.current, (map) => SlotMap.shardOf(map, slotOfA)?.primary?.address.key)
  return { ...nodes, service, get, owner }
})

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })
const moved = (to: string) => Reply.error(`MOVED ${slotOfA} ${to}`)
const ask = (to: string) => Reply.error(`ASK ${slotOfA} ${to}`)

describe("MOVED", () => {
  it.effect("is followed at once to the address it names, and noted in the map (traps 6, 7)", () =>
    Effect.gen(function*() {
      const { a, get, owner, service } = yield* connected()
      a.on("GET", moved("b:7000"))
      // A connection to the target is open already.
      yield* get(keyOfB)
      assert.strictEqual(yield* get(keyOfA), "b:7000")
      assert.strictEqual(yield* owner, "b:7000")
      assert.strictEqual(yield* get(keyOfA), "b:7000")
      assert.strictEqual(a.count("GET bar"), 1)
      const { redirects, retries } = yield* service.stats
      assert.deepStrictEqual([redirects, retries], [1, 0])
    }))

  it.effect("does not wait for the refresh that it asks for (trap 6)", () =>
    Effect.gen(function*() {
      const { a, cluster, get } = yield* connected()
      for (const node of cluster.nodes.values()) node.on("CLUSTER SLOTS", "hold")
      a.on("GET", moved("b:7000"))
      assert.strictEqual(yield* get(keyOfA), "b:7000")
    }))

  it.effect("stays noted when a refresh brings the old owner again (trap 11)", () =>
    Effect.gen(function*() {
      const { a, get, owner, service } = yield* connected()
      const before = service.topology.refreshes()
      a.on("GET", moved("b:7000"))
      yield* get(keyOfA)
      yield* advance("50 millis")
      assert.strictEqual(service.topology.refreshes(), before + 1)
      assert.strictEqual(yield* owner, "b:7000")
    }))

  it.effect("a storm of them makes few refreshes, and asks no node much (trap 22)", () =>
    Effect.gen(function*() {
      const { a, cluster, get, service } = yield* connected()
      const before = { refreshes: service.topology.refreshes(), questions: cluster.questions }
      a.on("GET", moved("b:7000"))
      const replies = yield* Effect.forEach(Array.from({ length: 1000 }), () => get(keyOfA), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(new Set(replies), new Set(["b:7000"]))
      yield* advance("2 seconds")
      assert.isAtLeast(service.topology.refreshes() - before.refreshes, 1)
      assert.isAtMost(service.topology.refreshes() - before.refreshes, 2)
      assert.isAtMost(cluster.questions - before.questions, 6)
    }))

  it.effect("with an empty host means the host of the node that says it (trap 16)", () =>
    Effect.gen(function*() {
      const { a, cluster, get, owner } = yield* connected()
      cluster.node("a:7009").on("GET", Reply.bulk("a:7009"))
      a.on("GET", moved(":7009"))
      assert.strictEqual(yield* get(keyOfA), "a:7009")
      assert.strictEqual(yield* owner, "a:7009")
    }))

  it.effect("to \"?\" is not dialed: the map is learnt anew (trap 16)", () =>
    Effect.gen(function*() {
      const { a, b, cluster, get } = yield* connected()
      a.on("GET", moved("?:7000"))
      const fiber = yield* start(get(keyOfA))
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      cluster.slots = [[0, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "b:7000")
      assert.isFalse(cluster.nodes.has("?:7000"))
      assert.isAtLeast(b.count("GET bar"), 1)
    }))

  it.effect("to an IPv6 address without brackets is split at the last colon (trap 17)", () =>
    Effect.gen(function*() {
      const { a, cluster, get } = yield* connected()
      cluster.node("[2001:db8::7]:7001").on("GET", Reply.bulk("six"))
      a.on("GET", moved("2001:db8::7:7001"))
      assert.strictEqual(yield* get(keyOfA), "six")
    }))

  it.effect("to another name of a known node goes to that node, over the connection there is (trap 58)", () =>
    Effect.gen(function*() {
      const nodes = threeNodes()
      const named = (start: number, end: number, host: string) =>
        Reply.array([
          Reply.integer(start),
          Reply.integer(end),
          Reply.array([
            Reply.bulk(host),
            Reply.integer(7000),
            Reply.bulk(`id-${host}`),
            Reply.array([Reply.bulk("hostname"), Reply.bulk(`${host}.example`)])
          ])
        ])
      const layout = Reply.array([named(0, 5460, "a"), named(5461, 10922, "b"), named(10923, 16383, "c")])
      for (const node of nodes.cluster.nodes.values()) node.on("CLUSTER SLOTS", layout)
      const service = yield* nodes.cluster.provide(RedisCluster.make({ nodes: ["a:7000"] }))
      nodes.a.on("GET", moved("b.example:7000"))
      assert.strictEqual(yield* service.execute(Redis.get(keyOfB)), "b:7000")
      assert.strictEqual(yield* service.execute(Redis.get(keyOfA)), "b:7000")
      assert.strictEqual(nodes.b.connections.length, 1)
      assert.isFalse(nodes.cluster.nodes.has("b.example:7000"))
    }))

  it.effect.each([
    "MOVED",
    `MOVED ${slotOfA}`,
    "MOVED 16384 b:7000",
    "MOVED -1 b:7000",
    "MOVED __proto__ b:7000",
    "MOVED 0x10 b:7000",
    `MOVED ${slotOfA} b:7000 and more`
  ])("that is none is an error of the server: %s (trap 19)", (text) =>
    Effect.gen(function*() {
      const { a, get, owner, service } = yield* connected()
      const before = service.topology.refreshes()
      a.on("GET", Reply.error(text))
      const error = yield* Effect.flip(get(keyOfA))
      assert.isTrue(error.reason._tag === "ServerError" && error.reason.code === "MOVED")
      assert.strictEqual(error.delivery, "Rejected")
      assert.strictEqual(yield* owner, "a:7000")
      assert.strictEqual(service.topology.refreshes(), before)
    }))

  it.effect.each(["b", "b:0", "b:99999", "b/etc:7000", "user@b:7000", ""])(
    "to what is no address is never dialed: %s (trap 19)",
    (text) =>
      Effect.gen(function*() {
        const { a, cluster, get } = yield* connected()
        a.once("GET", moved(text))
        const fiber = yield* start(get(keyOfA))
        yield* advance("1 second")
        assert.strictEqual((yield* Fiber.await(fiber))._tag, "Success")
        assert.deepStrictEqual([...cluster.nodes.keys()], ["a:7000", "b:7000", "c:7000"])
      })
  )

  it.effect("to the node that says it opens its connection anew, and tries again (trap 8)", () =>
    Effect.gen(function*() {
      const { a, get } = yield* connected()
      yield* advance("10 seconds")
      a.once("GET", moved("a:7000"))
      const fiber = yield* start(get(keyOfA))
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
      assert.strictEqual(a.connections.length, 2)
      assert.strictEqual(a.live.length, 1)
    }))

  it.effect("to the node that says it, from everywhere and for good, makes no storm of connections (trap 8)", () =>
    Effect.gen(function*() {
      const { a, get } = yield* connected()
      a.on("GET", moved("a:7000"))
      const fibers = yield* Effect.forEach(Array.from({ length: 50 }), () => start(Effect.flip(get(keyOfA))))
      yield* advance("40 seconds")
      for (const fiber of fibers) assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Moved")
      assert.isAtMost(a.connections.length, 40)
      assert.isAtMost(a.live.length, 1)
    }))

  it.effect("back and forth without end is given up (trap 9)", () =>
    Effect.gen(function*() {
      const { a, b, get } = yield* connected()
      a.on("GET", moved("b:7000"))
      b.on("GET", moved("a:7000"))
      const fiber = yield* start(Effect.flip(get(keyOfA)))
      yield* settle
      assert.isAtMost(a.commands.length + b.commands.length, 4)
      yield* advance("26 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "Moved")
      assert.isAtMost(error.attempts, 201)
      assert.strictEqual(a.commands.length + b.commands.length, error.attempts)
    }))

  it.effect("to a node that can't be reached falls back on the map", () =>
    Effect.gen(function*() {
      const { a, cluster, get } = yield* connected()
      cluster.node("d:7000").accepts = "none"
      a.once("GET", moved("d:7000"))
      const fiber = yield* start(get(keyOfA))
      yield* advance("5 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
    }))
})

describe("ASK", () => {
  it.effect("sends this one command there, behind ASKING, and leaves the map as it is (traps 3, 4)", () =>
    Effect.gen(function*() {
      const { a, b, cluster, get, owner, service } = yield* connected()
      const before = cluster.questions
      a.once("GET", ask("b:7000"))
      assert.strictEqual(yield* get(keyOfA), "b:7000")
      assert.strictEqual(yield* get(keyOfA), "a:7000")
      assert.deepStrictEqual(b.commands, ["ASKING", "GET bar"])
      assert.deepStrictEqual(a.commands, ["GET bar", "GET bar"])
      assert.strictEqual(yield* owner, "a:7000")
      yield* advance("5 seconds")
      assert.strictEqual(cluster.questions, before)
      assert.strictEqual((yield* service.stats).redirects, 1)
    }))

  it.effect("keeps ASKING next to its command among others (trap 2)", () =>
    Effect.gen(function*() {
      const { a, b, get } = yield* connected()
      a.on("GET", ask("b:7000"))
      yield* Effect.forEach(Array.from({ length: 100 }), (_, i) => get(i % 2 === 0 ? keyOfA : keyOfB), {
        concurrency: "unbounded"
      })
      b.commands.forEach((line, i) => {
        assert.strictEqual(b.commands[i - 1] === "ASKING", line === "GET bar")
      })
      assert.strictEqual(b.count("ASKING"), 50)
    }))

  it.effect("to a node that the map does not have keeps the connection while the migration goes on (trap 20)", () =>
    Effect.gen(function*() {
      const { a, cluster, get, service } = yield* connected()
      const target = cluster.node("d:7000").on("GET", Reply.bulk("d:7000"))
      a.on("GET", ask("d:7000"))
      for (let i = 0; i < 5; i++) {
        assert.strictEqual(yield* get(keyOfA), "d:7000")
        yield* service.refresh
        yield* advance("5 seconds")
      }
      assert.strictEqual(target.connections.length, 1)
      yield* advance("10 seconds")
      yield* service.refresh
      yield* advance("5 seconds")
      assert.strictEqual(target.live.length, 0)
    }))

  it.effect("answered by TRYAGAIN goes back to the owner, which may know better by then (trap 5)", () =>
    Effect.gen(function*() {
      const { a, b, get } = yield* connected()
      a.once("GET", ask("b:7000"))
      b.once("GET", Reply.error("TRYAGAIN Multiple keys request during rehashing of slot"))
      const fiber = yield* start(get(keyOfA))
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
      assert.deepStrictEqual(b.commands, ["ASKING", "GET bar"])
    }))

  it.effect("answered by MOVED is followed again", () =>
    Effect.gen(function*() {
      const { a, b, c, get, owner } = yield* connected()
      a.once("GET", ask("b:7000"))
      b.once("GET", moved("c:7000"))
      assert.strictEqual(yield* get(keyOfA), "c:7000")
      assert.deepStrictEqual(c.commands, ["GET bar"])
      assert.strictEqual(yield* owner, "c:7000")
    }))

  it.effect("of a blocking command takes a connection of its own there as well (trap 45)", () =>
    Effect.gen(function*() {
      const { a, b, get, service } = yield* connected()
      a.on("BLPOP", ask("b:7000"))
      b.on("BLPOP", "hold")
      const fiber = yield* start(service.execute(Redis.command("BLPOP", [keyOfA, 0])))
      yield* settle
      assert.strictEqual(yield* get(keyOfB), "b:7000")
      assert.strictEqual(b.connections.length, 2)
      const blocked = b.connections.find(({ received }) => received.includes("BLPOP bar 0"))!
      assert.deepStrictEqual(blocked.received.slice(-2), ["ASKING", "BLPOP bar 0"])
      blocked.release(Reply.array([Reply.bulk(keyOfA), Reply.bulk("job")]))
      assert.deepStrictEqual(yield* Fiber.join(fiber), [keyOfA, "job"])
    }))

  it.effect("of a blocking command keeps the connection to a node that the map does not have yet (trap 20)", () =>
    Effect.gen(function*() {
      const { a, cluster, service } = yield* connected()
      a.on("BLPOP", ask("d:7000"))
      const target = cluster.node("d:7000").on("BLPOP", "hold")
      const fiber = yield* start(service.execute(Redis.command("BLPOP", [keyOfA, 0])))
      yield* settle
      yield* service.refresh
      yield* advance("5 seconds")
      target.connections[0].release(Reply.nullArray)
      assert.strictEqual(yield* Fiber.join(fiber), null)
    }))
})

describe("redirects and the map's own addresses", () => {
  it.effect("pass through addressMap, as the layout does", () =>
    Effect.gen(function*() {
      const inner = scriptedCluster([[0, 8191, "10.0.0.1:7000"], [8192, 16383, "10.0.0.2:7000"]])
      const first = inner.node("public:7001").on("GET", moved("10.0.0.3:7000"))
      const third = inner.node("public:7003").on("GET", Reply.bulk("third"))
      const service = yield* inner.provide(RedisCluster.make({
        nodes: ["public:7001"],
        addressMap: (announced) => ({
          ...announced,
          host: "public",
          port: 7000 + Number(announced.key.slice(7, 8)),
          key: `public:700${announced.key.slice(7, 8)}`
        })
      }))
      assert.strictEqual(yield* service.execute(Redis.get(keyOfA)), "third")
      assert.strictEqual(first.commands.length, 1)
      assert.strictEqual(third.commands.length, 1)
      const dialed = [...inner.nodes.keys()].filter((key) => inner.node(key).dialed.length > 0)
      assert.includeMembers(dialed, ["public:7001", "public:7003"])
      assert.deepStrictEqual(dialed.filter((key) => !key.startsWith("public:")), [])
    }))

  it.effect("each shard keeps its own commands through the redirects of others", () =>
    Effect.gen(function*() {
      const { a, b, c, get } = yield* connected()
      a.on("GET", moved("b:7000"))
      const keys = [keyOfA, keyOfB, keyOfC, keyOfA, keyOfC]
      assert.deepStrictEqual(yield* Effect.forEach(keys, get, { concurrency: "unbounded" }), [
        "b:7000",
        "b:7000",
        "c:7000",
        "b:7000",
        "c:7000"
      ])
      assert.deepStrictEqual([a.count("GET foo"), b.count("GET foo"), c.count("GET foo")], [0, 0, 2])
    }))
})
