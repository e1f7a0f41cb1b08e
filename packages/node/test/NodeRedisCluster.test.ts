import { assert, describe, it, layer } from "@effect/vitest"
import { Nodes, Redis, Session } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"

const roundTrip = Effect.gen(function*() {
  yield* Redis.set("greeting", "hello")
  return yield* Redis.get("greeting")
})

/** What building the layer fails with. */
const refusal = (options: NodeRedisCluster.Options) =>
  Effect.flip(Effect.scoped(Layer.build(NodeRedisCluster.layer(options))))

describe("NodeRedisCluster options", () => {
  it.effect("an empty list of nodes is refused with what to give", () =>
    Effect.gen(function*() {
      const error = yield* refusal({ nodes: [] })
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.include(error.message, "at least one node")
    }))

  it.effect("neither nodes nor a url, and both, are refused", () =>
    Effect.gen(function*() {
      assert.include((yield* refusal({})).message, "give the nodes")
      assert.include((yield* refusal({ nodes: ["a:1"], url: "redis://a" })).message, "not both")
    }))

  it.effect("an address without a port and a senseless setting are refused", () =>
    Effect.gen(function*() {
      assert.include((yield* refusal({ nodes: ["localhost"] })).message, "port")
      assert.include((yield* refusal({ nodes: ["a:1"], commandTimeout: 0 })).message, "commandTimeout")
      assert.include((yield* refusal({ nodes: ["a:1"], connectionsPerNode: 0 })).message, "connectionsPerNode")
    }))

  it.live("seeds that nobody listens at are each named", () =>
    Effect.gen(function*() {
      const error = yield* refusal({ nodes: ["127.0.0.1:1", "127.0.0.1:2"] })
      assert.strictEqual(error.reason._tag, "DiscoveryFailed")
      assert.include(error.message, "127.0.0.1:1: ")
      assert.include(error.message, "127.0.0.1:2: ")
    }))
})

layer(RealCluster.layer({ primaries: 3, password: Redacted.make("s3cret") }), {
  excludeTestServices: true
})("NodeRedisCluster with a password", (it) => {
  it.effect("credentials are used for every node", () =>
    Effect.gen(function*() {
      const { addresses } = yield* RealCluster.RealCluster
      const password = Redacted.make("s3cret")
      const results = yield* Effect.gen(function*() {
        assert.strictEqual(yield* roundTrip, "hello")
        return yield* Nodes.execute("all", Redis.ping())
      }).pipe(Effect.provide(NodeRedisCluster.layer({ nodes: addresses, credentials: { password } })))
      assert.deepStrictEqual(results.map(({ result }) => result._tag), ["Success", "Success", "Success"])
    }))

  it.effect("an effect that yields the password is run for each connection", () =>
    Effect.gen(function*() {
      const { addresses } = yield* RealCluster.RealCluster
      let asked = 0
      const password = Effect.sync(() => {
        asked++
        return Redacted.make("s3cret")
      })
      const value = yield* Effect.provide(
        Effect.gen(function*() {
          const first = yield* roundTrip
          assert.strictEqual(asked, 1)
          return yield* Session.use({ keys: "greeting" }, Effect.succeed(first))
        }),
        NodeRedisCluster.layer({ nodes: addresses, credentials: { username: "default", password } })
      )
      assert.strictEqual(value, "hello")
      assert.strictEqual(asked, 2)
    }))

  it.effect("a wrong password is said to be refused, and not shown", () =>
    Effect.gen(function*() {
      const { addresses } = yield* RealCluster.RealCluster
      const error = yield* refusal({ nodes: addresses, credentials: { password: Redacted.make("wr0ng") } })
      assert.include(error.message, "refused the credentials")
      assert.notInclude(error.message, "wr0ng")
    }))

  it.effect("a url from the configuration brings seeds and password", () =>
    Effect.gen(function*() {
      const { addresses } = yield* RealCluster.RealCluster
      const url = `redis://:s3cret@${addresses.map(({ key }) => key).join(",")}`
      const value = yield* Effect.provide(
        roundTrip,
        NodeRedisCluster.layerConfig({
          url: Config.Redacted("REDIS_URL"),
          clientName: Config.String("CLIENT").pipe(Config.withDefault("app"))
        }).pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ REDIS_URL: url }))))
      )
      assert.strictEqual(value, "hello")
    }))
})

layer(RealCluster.layer({ primaries: 3, tls: true }), { excludeTestServices: true })(
  "NodeRedisCluster over TLS",
  (it) => {
    it.effect("the TLS ports of all nodes are found and used", () =>
      Effect.gen(function*() {
        const { addresses, tls } = yield* RealCluster.RealCluster
        assert.isDefined(tls)
        const value = yield* Effect.provide(roundTrip, NodeRedisCluster.layer({ nodes: addresses, tls }))
        assert.strictEqual(value, "hello")
      }))

    it.effect("a server that nobody vouches for is not trusted", () =>
      Effect.gen(function*() {
        const { addresses } = yield* RealCluster.RealCluster
        const error = yield* refusal({ nodes: addresses, tls: true })
        assert.strictEqual(error.reason._tag, "DiscoveryFailed")
        assert.match(error.message, /certificate|trust/i)
      }))
  }
)
