/** Databases other than the first: on servers without cluster mode, and on clusters of Valkey 9. */
import { assert, describe, it } from "@effect/vitest"
import { PubSub, Redis, RedisCluster, Scan, Session, Topology } from "@redisc/core"
import type { Address } from "@redisc/core"
import { NodeConnector, NodeRedisCluster } from "@redisc/node"
import { RealCluster, RealRedis } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

const keys = ["a", "b", "c", "d", "e", "f"]

/** What every service finds in its database, while another one has the same keys with other values. */
const everywhere = Effect.gen(function*() {
  yield* Redis.mset(keys.map((key) => [key, key] as const))
  assert.deepStrictEqual(yield* Redis.mget(keys), keys)
  assert.deepStrictEqual((yield* Stream.runCollect(Scan.keys())).toSorted(), keys)
  assert.strictEqual(yield* Redis.dbsize(), keys.length)
  assert.deepStrictEqual((yield* Redis.keys("*")).toSorted(), keys)
  assert.include(keys, yield* Redis.randomkey())
  assert.deepStrictEqual(yield* Redis.transaction([Redis.append("a", "!"), Redis.get("a")]), [2, "a!"])
  assert.strictEqual(yield* Redis.eval("return redis.call('GET', KEYS[1])", { keys: ["a"] }), "a!")
  assert.strictEqual(yield* Session.use({ keys: "a" }, Effect.andThen(Redis.watch(["a"]), Redis.get("a"))), "a!")
  const popped = yield* Effect.forkChild(Redis.blpop(["list"], "5 seconds"), { startImmediately: true })
  yield* Redis.rpush("list", ["x"])
  assert.deepStrictEqual(yield* Fiber.join(popped), { key: "list", element: "x" })
  const told = yield* Effect.forkChild(
    PubSub.keyspace({ keys: "told" }).pipe(Stream.filter((event) => event._tag === "KeyEvent"), Stream.runHead)
  )
  const touched = yield* Effect.forkChild(
    Effect.forever(Effect.andThen(Redis.set("told", "1"), Effect.sleep("20 millis")))
  )
  yield* Fiber.join(told)
  yield* Fiber.interrupt(touched)
  yield* Stream.runDrain(Scan.unlinkMatching("*"))
  assert.strictEqual(yield* Redis.dbsize(), 0)
})

const first = Effect.gen(function*() {
  yield* Redis.mset(keys.map((key) => [key, "other"] as const))
})

const untouched = Effect.map(Redis.mget(keys), (values) => assert.deepStrictEqual(values, keys.map(() => "other")))

const config = { "notify-keyspace-events": "KEA" }

describe("a database by setting", () => {
  it.live("is that of all connections to a server without cluster mode", () =>
    Effect.gen(function*() {
      const { addresses: servers } = yield* RealRedis.RealRedis
      const layerOf = (database: number) =>
        Layer.provide(
          RedisCluster.layerFromSource(Topology.standalone({ servers }), { database }),
          NodeConnector.layer()
        )
      yield* Effect.provide(first, layerOf(0))
      yield* Effect.provide(everywhere, layerOf(7))
      yield* Effect.provide(untouched, layerOf(0))
    }).pipe(Effect.provide(RealRedis.layer({ config }))))

  it.live("is that of all connections to a cluster that has several; another cluster says that it has not", () =>
    Effect.gen(function*() {
      const { addresses: nodes, kind, version } = yield* RealCluster.RealCluster
      const layerOf = (database: number) => NodeRedisCluster.layer({ nodes, database })
      if (kind === "valkey" && Number.parseFloat(version) >= 9) {
        yield* Effect.provide(first, layerOf(0))
        yield* Effect.provide(everywhere, layerOf(7))
        yield* Effect.provide(untouched, layerOf(0))
      } else {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layerOf(7))))
        assert.include(error.message, "leave out database")
      }
    }).pipe(Effect.provide(Layer.unwrap(Effect.map(
      RealRedis.make(),
      ({ kind, version }) =>
        RealCluster.layer({
          primaries: 3,
          config: kind === "valkey" && Number.parseFloat(version) >= 9
            ? { ...config, "cluster-databases": "16" }
            : config
        })
    )))))
})

describe("a server without cluster mode that was demoted", () => {
  it.live("is left for its successor, whether it redirects or says that it is read-only", () =>
    Effect.gen(function*() {
      const servers = yield* RealRedis.RealRedis
      const [primary] = servers.addresses
      const [replica] = yield* servers.replicas
      const clientOf = (addresses: ReadonlyArray<Address.Address>) =>
        Layer.provide(RedisCluster.layerFromSource(Topology.standalone({ servers: addresses })), NodeConnector.layer())
      yield* Effect.gen(function*() {
        yield* Redis.set("k", "1")
        yield* servers.waitUntilStable
        yield* servers.failover(replica)
        yield* Redis.set("k", "2")
        assert.strictEqual(yield* Redis.get("k"), "2")
        const { shards } = yield* Effect.flatMap(Topology.Topology, ({ current }) => current)
        assert.strictEqual(shards[0].primary?.address.key, replica.address.key)
        const { redirects } = yield* Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats)
        if (servers.kind === "redis") assert.strictEqual(redirects, 0)
      }).pipe(Effect.provide(clientOf([primary])))
    }).pipe(Effect.provide(RealRedis.layer({ replicas: 1 }))))

  it.live("is left for its successor, too, by a user who may not ask for roles", () =>
    Effect.gen(function*() {
      const servers = yield* RealRedis.RealRedis
      const [replica] = yield* servers.replicas
      const source = Topology.standalone({ servers: servers.addresses })
      const credentials = { username: "app", password: Redacted.make("secret") }
      const client = Layer.provide(RedisCluster.layerFromSource(source, { credentials }), NodeConnector.layer())
      yield* Effect.gen(function*() {
        yield* Redis.set("k", "1")
        yield* servers.waitUntilStable
        yield* servers.failover(replica)
        yield* Redis.set("k", "2")
        const { shards } = yield* Effect.flatMap(Topology.Topology, ({ current }) => current)
        assert.strictEqual(shards[0].primary?.address.key, replica.address.key)
      }).pipe(Effect.provide(client))
    }).pipe(
      Effect.provide(RealRedis.layer({ replicas: 1, config: { user: "app on >secret ~* &* +@all -@dangerous" } }))
    ))
})
