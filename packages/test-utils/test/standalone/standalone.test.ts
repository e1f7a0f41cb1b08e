/** The client of servers without cluster mode. */
import { assert, describe, it } from "@effect/vitest"
import { PubSub, Redis, RedisCluster, Scan, Session, Slot, Topology } from "@redisc/core"
import type { Address } from "@redisc/core"
import { NodeConnector } from "@redisc/node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as RealRedis from "../../src/RealRedis.ts"
import { startStandalone } from "./server.ts"

const clientOf = (servers: ReadonlyArray<Address.Address>, options?: RedisCluster.SourceOptions) =>
  Layer.provide(RedisCluster.layerFromSource(Topology.standalone({ servers }), options), NodeConnector.layer())

/** Keys of three slots. */
const keys = ["a", "b", "c"] as const

const startPair = Effect.gen(function*() {
  const servers = yield* RealRedis.make({ replicas: 1 })
  const [primary, replica] = (yield* servers.nodes).map((node) => ({
    address: node.address,
    command: (name: string, ...args: ReadonlyArray<string | number>) => servers.command(node, name, args)
  }))
  return { primary, replica, servers: servers.addresses }
})

describe("a server without cluster mode", () => {
  it.live("runs commands, on keys of any slots too, and pipelines and transactions of them", () =>
    Effect.gen(function*() {
      const { address } = yield* startStandalone()
      yield* Effect.gen(function*() {
        assert.strictEqual(new Set(keys.map(Slot.fromKey)).size, keys.length)
        yield* Redis.set("a", "1")
        assert.strictEqual(yield* Redis.get("a"), "1")
        yield* Redis.mset({ a: "1", b: "2", c: "3" })
        assert.deepStrictEqual(yield* Redis.mget(keys), ["1", "2", "3"])
        const replies = yield* Redis.pipeline([
          Redis.mset({ a: "4", b: "5" }),
          Redis.incr("a"),
          Redis.mget(keys),
          Redis.del(["a", "b", "c"]),
          Redis.dbsize()
        ])
        assert.deepStrictEqual(replies, ["OK", 5, ["5", "5", "3"], 3, 0])
        assert.deepStrictEqual(yield* Redis.transaction([Redis.set("a", "1"), Redis.incr("b")]), ["OK", 1])
      }).pipe(Effect.provide(clientOf([address])))
    }))

  it.live("has sessions that take keys of any slots", () =>
    Effect.gen(function*() {
      const { address } = yield* startStandalone()
      yield* Effect.gen(function*() {
        const conflict = Session.use(
          { keys },
          Effect.gen(function*() {
            yield* Redis.watch(keys)
            yield* Redis.incr("c")
            return yield* Effect.flip(Redis.transaction([Redis.set("a", "1"), Redis.set("b", "1")]))
          })
        )
        assert.strictEqual((yield* conflict).reason._tag, "Conflict")
        assert.deepStrictEqual(yield* Redis.mget(keys), [null, null, "1"])
      }).pipe(Effect.provide(clientOf([address])))
    }))

  it.live("tells its subscribers what is published, to channels and to sharded ones", () =>
    Effect.gen(function*() {
      const { address } = yield* startStandalone()
      yield* Effect.gen(function*() {
        const messages = yield* PubSub.listen({ channels: ["news"], patterns: ["n*"], shardChannels: ["room"] })
        yield* Redis.publish("news", "it rains")
        yield* Redis.spublish("room", "hello")
        const heard = yield* messages.pipe(
          Stream.filter((event) => event._tag === "Message"),
          Stream.map(({ channel, payload }) => `${channel}: ${payload}`),
          Stream.take(3),
          Stream.runCollect
        )
        assert.deepStrictEqual(Array.from(heard).toSorted(), ["news: it rains", "news: it rains", "room: hello"])
      }).pipe(Effect.scoped, Effect.provide(clientOf([address])))
    }))

  it.live("is scanned as a cluster is, and goes on from a checkpoint while its process lives", () =>
    Effect.gen(function*() {
      const { address } = yield* startStandalone()
      yield* Effect.gen(function*() {
        const all = Array.from({ length: 500 }, (_, n) => `key:${n}`)
        yield* Redis.mset(all.map((key) => [key, "1"] as const))
        const pages = yield* Stream.runCollect(Stream.take(Scan.pages({ count: 20 }), 5))
        const first = pages.flatMap((page) => page.keys)
        const checkpoint = pages.at(-1)?.checkpoint
        const rest = yield* Stream.runCollect(Scan.keys({ checkpoint }))
        assert.deepStrictEqual([...new Set([...first, ...rest])].toSorted(), all.toSorted())
        assert.isBelow(rest.length, 450)
        const found = yield* Stream.runCollect(Scan.keys({ match: "key:1?", type: "string" }))
        assert.deepStrictEqual(found.toSorted(), (yield* Redis.keys("key:1?")).toSorted())
        yield* Stream.runDrain(Scan.unlinkMatching("key:*"))
        assert.strictEqual(yield* Redis.dbsize(), 0)
      }).pipe(Effect.provide(clientOf([address])))
    }))

  it.live("has replicas that answer reads without READONLY, which servers without cluster mode refuse", () =>
    Effect.gen(function*() {
      const { replica, servers } = yield* startPair
      yield* Effect.gen(function*() {
        const { refresh } = yield* Topology.Topology
        const paired = Effect.map(refresh, ({ shards }) => shards[0].replicas.length === 1)
        yield* Effect.repeat(paired, { until: (done) => done, schedule: Schedule.spaced("20 millis") })
        yield* Redis.set("a", "1")
        const read = Effect.result(Redis.get("a"))
        const answered = (result: Result.Result<string | null, unknown>) =>
          Result.isSuccess(result) && result.success === "1"
        yield* Effect.repeat(read, { until: answered, schedule: Schedule.spaced("20 millis") })
        assert.include(`${yield* replica.command("INFO", "commandstats")}`, "cmdstat_get:")
      }).pipe(Effect.provide(clientOf(servers, { readFrom: "replica" })))
    }))

  it.live("follows to the new primary when servers change their parts, and tells of it", () =>
    Effect.gen(function*() {
      const { primary, replica, servers } = yield* startPair
      yield* Effect.gen(function*() {
        const { changes } = yield* Topology.Topology
        yield* Redis.set("a", "1")
        const change = yield* Effect.forkChild(
          Stream.runHead(Stream.filter(changes, ({ moved }) => moved.length > 0)),
          { startImmediately: true }
        )
        yield* replica.command("REPLICAOF", "NO", "ONE")
        yield* primary.command("REPLICAOF", "127.0.0.1", replica.address.port)
        yield* Redis.set("a", "2")
        assert.strictEqual(`${yield* replica.command("GET", "a")}`, "2")
        const told = yield* Effect.fromOption(yield* Fiber.join(change))
        assert.deepStrictEqual(told.moved.map(({ to }) => to?.key), [replica.address.key])
      }).pipe(Effect.provide(clientOf(servers)))
    }))
})
