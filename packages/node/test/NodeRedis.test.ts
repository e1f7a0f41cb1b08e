/** One layer for a server, for Sentinels and for a cluster: the address decides. */
import { assert, describe, it } from "@effect/vitest"
import { Redis, RedisCluster, Session, Topology } from "@redisc/core"
import { NodeRedis, NodeRedisCluster } from "@redisc/node"
import { RealCluster, RealRedis, RealSentinel } from "@redisc/test-utils"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"

/** What building the layer fails with. */
const refusal = (options: NodeRedis.Options) => Effect.flip(Effect.scoped(Layer.build(NodeRedis.layer(options))))

/** A program that knows nothing of modes, and what it finds. */
const program = Effect.gen(function*() {
  yield* Redis.mset({ a: "1", b: "2", c: "3" })
  const pipelined = yield* Redis.pipeline([Redis.incr("a"), Redis.mget(["a", "b", "c"])])
  const stored = yield* Redis.transaction([Redis.set("{a}:1", "x"), Redis.append("{a}:1", "y")])
  const read = yield* Session.use({ keys: "a" }, Redis.get("a"))
  return { pipelined, stored, read, size: yield* Redis.dbsize() }
})

const found = { pipelined: [2, ["2", "2", "3"]], stored: ["OK", 2], read: "2", size: 4 }

const isCluster = Effect.map(Topology.Topology, ({ oneSlot }) => oneSlot())

describe("the same program", () => {
  it.live("runs on a server without cluster mode, and in a database of it", () =>
    Effect.gen(function*() {
      const { addresses } = yield* RealRedis.RealRedis
      const [{ key }] = addresses
      assert.deepStrictEqual(yield* Effect.provide(program, NodeRedis.layer({ url: `redis://${key}` })), found as never)
      assert.deepStrictEqual(
        yield* Effect.provide(program, NodeRedis.layer({ url: `redis://${key}/3` })),
        found as never
      )
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* Redis.dbsize(), 0)
        assert.isFalse(yield* isCluster)
      }).pipe(Effect.provide(NodeRedis.layer({ nodes: [key], database: 4 })))
      const error = yield* refusal({ nodes: [key], database: 99 })
      assert.include(error.message, "DB index is out of range")
    }).pipe(Effect.provide(RealRedis.layer())))

  it.live("runs on a cluster", () =>
    Effect.gen(function*() {
      const { addresses } = yield* RealCluster.RealCluster
      const url = `redis://${addresses.map(({ key }) => key).join(",")}`
      yield* Effect.gen(function*() {
        assert.deepStrictEqual(yield* program, found as never)
        assert.isTrue(yield* isCluster)
      }).pipe(Effect.provide(NodeRedis.layer({ url })))
    }).pipe(Effect.provide(RealCluster.layer({ primaries: 3 }))))

  it.live("runs on a primary that Sentinels watch", () =>
    Effect.gen(function*() {
      const { addresses, name } = yield* RealSentinel.RealSentinel
      const hosts = addresses.map(({ key }) => key)
      const url = `redis+sentinel://:s3cret@${hosts.join(",")}/${name}/1`
      const sentinel = { name, credentials: { password: Redacted.make("s3ntinel") } }
      assert.deepStrictEqual(yield* Effect.provide(program, NodeRedis.layer({ url, sentinel })), found as never)
      const credentials = { password: Redacted.make("s3cret") }
      yield* Effect.gen(function*() {
        assert.deepStrictEqual(yield* program, found as never)
        assert.isFalse(yield* isCluster)
      }).pipe(Effect.provide(NodeRedis.layer({ nodes: hosts, sentinel, credentials })))
      assert.include(
        (yield* refusal({ nodes: hosts, sentinel: { ...sentinel, name: "other" }, credentials })).message,
        name
      )
    }).pipe(Effect.provide(RealSentinel.layer({
      replicas: 1,
      downAfter: "10 seconds",
      password: Redacted.make("s3cret"),
      sentinelPassword: Redacted.make("s3ntinel")
    }))))
})

describe("the wrong layer", () => {
  it.live("for a server without cluster mode says which one is right", () =>
    Effect.gen(function*() {
      const { addresses } = yield* RealRedis.RealRedis
      const layer = NodeRedisCluster.layer({ nodes: addresses })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.include(error.message, "NodeRedis.layer")
    }).pipe(Effect.provide(RealRedis.layer())))

  it.live("for Sentinels is no mistake, if they watch one primary; of several they say which", () =>
    Effect.gen(function*() {
      const { addresses, command, name, sentinels } = yield* RealSentinel.RealSentinel
      const [{ key }] = addresses
      assert.deepStrictEqual(yield* Effect.provide(program, NodeRedis.layer({ nodes: addresses })), found as never)
      yield* command(sentinels[0], "SENTINEL", ["MONITOR", "another", "127.0.0.1", 1, 1])
      const error = yield* refusal({ url: `redis://${key}` })
      assert.include(error.message, `"another"`)
      assert.include(error.message, `redis+sentinel://host:26379/`)
      assert.include(error.message, name)
    }).pipe(Effect.provide(RealSentinel.layer({ replicas: 0, sentinels: 1, quorum: 1 }))))
})

describe("options", () => {
  it.effect.each<readonly [string, unknown, string]>([
    ["nothing at all", {}, "give the nodes"],
    ["nodes and a url", { nodes: ["a:1"], url: "redis://a" }, "not both"],
    ["no nodes", { nodes: [] }, "at least one node"],
    ["a node without a port", { nodes: ["localhost"] }, "port"],
    ["a Sentinel without a name", { nodes: ["a:1"], sentinel: {} }, "sentinel has no name"],
    ["a Sentinel with an empty name", { nodes: ["a:1"], sentinel: { name: "" } }, "sentinel has no name"],
    ["text as Sentinel", { nodes: ["a:1"], sentinel: "mymaster" }, "sentinel has to be a plain object"],
    ["an unknown option of Sentinel", { nodes: ["a:1"], sentinel: { nane: "m" } }, "did you mean sentinel.name?"],
    ["another name than the url's", { url: "redis+sentinel://a/m", sentinel: { name: "n" } }, "name it once"],
    ["a negative database", { nodes: ["a:1"], database: -1 }, "database has to be a whole number"],
    ["an unknown option", { nodes: ["a:1"], databse: 1 }, "did you mean database?"],
    ["an addressMap that is none", { nodes: ["a:1"], addressMap: {} }, "addressMap has to be a function"]
  ])("with %s are refused", ([, options, problem]) =>
    Effect.gen(function*() {
      const error = yield* refusal(options as NodeRedis.Options)
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.include(error.message, problem)
    }))

  it.effect("of Sentinels are refused for a cluster", () =>
    Effect.gen(function*() {
      const layer = NodeRedisCluster.layer({ url: "redis+sentinel://a/mymaster" })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.include(error.message, "use NodeRedis.layer")
    }))

  it.live("come from the program's configuration", () =>
    Effect.gen(function*() {
      const { addresses } = yield* RealRedis.RealRedis
      const env = { REDIS_URL: `redis://${addresses[0].key}/2` }
      const layer = NodeRedis.layerConfig({ url: Config.Redacted("REDIS_URL") })
      const context = yield* Layer.build(layer).pipe(
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(env))
      )
      assert.strictEqual(yield* Context.get(context, RedisCluster.RedisCluster).execute(Redis.ping()), "PONG")
    }).pipe(Effect.scoped, Effect.provide(RealRedis.layer())))
})
