import { assert, describe, it } from "@effect/vitest"
import { PubSub, RedirectPolicy, Redis, RedisCluster, Session, Slot, Topology } from "@redisc/core"
import { FakeCluster, FakeRedis } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Redis as IoRedis } from "ioredis"
import { inTime } from "./time.ts"

/** Keys of three slots. */
const keys = ["a", "b", "c"] as const

const inMemory = (options: FakeRedis.LayerOptions = {}) => Effect.provide(FakeRedis.layer(options))

const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.map(Effect.flip(effect), (error) => `${error}`)

describe("A server in memory", () => {
  it.effect("takes keys of any slots, in commands, transactions, scripts and sessions", () =>
    Effect.gen(function*() {
      assert.strictEqual(new Set(keys.map(Slot.fromKey)).size, keys.length)
      yield* Redis.mset({ a: "1", b: "2", c: "3" })
      assert.deepStrictEqual(yield* Redis.mget(keys), ["1", "2", "3"])
      assert.deepStrictEqual(yield* Redis.transaction([Redis.incr("a"), Redis.incr("b")]), [2, 3])
      const sum = "local sum = 0 for _, key in ipairs(KEYS) do sum = sum + redis.call('get', key) end return sum"
      assert.strictEqual(yield* Redis.eval(sum, { keys }), 8)
      const conflict = Session.use(
        { keys },
        Effect.gen(function*() {
          yield* Redis.watch(keys)
          yield* Redis.incr("c")
          return yield* Effect.flip(Redis.transaction([Redis.set("a", "9")]))
        })
      )
      assert.strictEqual((yield* conflict).reason._tag, "Conflict")
      const { stats } = yield* RedisCluster.RedisCluster
      assert.strictEqual((yield* stats).redirects, 0)
    }).pipe(inMemory()))

  it.effect("has databases, each with its keys; a client's setting selects one", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      yield* servers.seed({ a: "zero" })
      yield* servers.seed({ a: "three" }, { database: 3 })
      assert.strictEqual(yield* Redis.get("a"), "three")
      yield* Redis.set("b", "1")
      assert.deepStrictEqual(yield* servers.keys(), ["a"])
      assert.deepStrictEqual(yield* servers.keys(undefined, { database: 3 }), ["a", "b"])
      assert.strictEqual(yield* servers.describe, "fake-0  fake-0:6379  running  primary  db0: 1 keys  db3: 2 keys")
      yield* servers.flushAll
      assert.strictEqual(yield* Redis.dbsize(), 0)
    }).pipe(inMemory({ client: { database: 3 } })))

  it.effect("expires keys by the Clock in every database", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      yield* Redis.set("a", "1", { ex: "1 minute" })
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* Redis.exists(["a"]), 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Redis.exists(["a"]), 0)
      assert.deepStrictEqual(yield* servers.keys(undefined, { database: 5 }), [])
    }).pipe(inMemory({ client: { database: 5 } })))

  it.effect("has the number of databases that it was given, and a password", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      assert.deepStrictEqual(
        yield* servers.command("fake-0", "CONFIG", ["GET", "databases"]),
        new Map([["databases", "2"]])
      )
      assert.include(yield* failureOf(servers.command("fake-0", "SELECT", [2])), "DB index is out of range")
      yield* Redis.set("a", "1")
    }).pipe(inMemory({ databases: 2, password: Redacted.make("secret") })))

  it.effect("shares its data with replicas, which answer reads", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      yield* Redis.set("a", "1")
      assert.strictEqual(yield* Redis.get("a"), "1")
      const [replica] = yield* servers.replicas
      assert.isTrue((yield* servers.journal(replica)).some(({ command }) => command[0] === "GET"))
      assert.deepStrictEqual(
        (yield* servers.nodes).map(({ isLinked, name, primary, role }) => ({ isLinked, name, primary, role })),
        [
          { name: "fake-0", role: "primary", primary: undefined, isLinked: false },
          { name: "fake-1", role: "replica", primary: "fake-0:6379", isLinked: true }
        ]
      )
    }).pipe(inMemory({ replicas: 1, client: { readFrom: "replica" } })))

  it.effect("is found again after a failover by its READONLY, with the data", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      yield* Redis.set("a", "1")
      yield* servers.failover("fake-1")
      assert.strictEqual((yield* servers.primary).name, "fake-1")
      assert.strictEqual(yield* inTime(Redis.set("a", "2", { get: true })), "1")
      assert.strictEqual(yield* servers.command("fake-2", "GET", ["a"]), "2")
      assert.deepStrictEqual((yield* servers.replicas).map(({ name, primary }) => `${name} of ${primary}`), [
        "fake-0 of fake-1:6379",
        "fake-2 of fake-1:6379"
      ])
    }).pipe(inMemory({ replicas: 2 })))

  it.effect("that dies is replaced by force, loses what nobody copied, and comes back as a replica", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      yield* servers.partition("fake-0", "fake-1")
      yield* Redis.set("lost", "1")
      yield* servers.kill("fake-0")
      assert.include(yield* failureOf(servers.primary), "no primary is running")
      assert.include(yield* failureOf(servers.failover("fake-1")), "use force")
      yield* servers.failover("fake-1", "force")
      assert.strictEqual(yield* inTime(Redis.get("lost")), null)
      yield* Redis.set("kept", "1")
      yield* servers.restart("fake-0")
      assert.isFalse((yield* servers.nodes)[0].isLinked)
      yield* servers.heal()
      assert.isTrue((yield* servers.nodes)[0].isLinked)
      assert.deepStrictEqual(yield* servers.keys("fake-0"), ["kept"])
    }).pipe(inMemory({ replicas: 1 })))

  it.effect("that is paused during a failover is a primary too when it goes on", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      yield* servers.seed({ a: "1" })
      yield* servers.pause("fake-0")
      yield* servers.failover("fake-1", "force")
      yield* servers.resume("fake-0")
      const roles = (yield* servers.nodes).map(({ name, role }) => `${name} ${role}`)
      assert.deepStrictEqual(roles, ["fake-0 primary", "fake-1 primary"])
      yield* servers.command("fake-0", "SET", ["a", "0"])
      assert.strictEqual(yield* servers.command("fake-1", "GET", ["a"]), "1")
      yield* servers.command("fake-0", "REPLICAOF", ["fake-1", 6379])
      assert.strictEqual(yield* servers.command("fake-0", "GET", ["a"]), "1")
    }).pipe(inMemory({ replicas: 1 })))

  it.effect("that is killed and restarted as a primary has lost its data, and so have its replicas", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      yield* Redis.set("a", "1")
      yield* servers.kill("fake-0")
      assert.deepStrictEqual(yield* servers.keys("fake-1"), ["a"])
      yield* servers.restart("fake-0")
      assert.deepStrictEqual(yield* servers.keys("fake-1"), [])
    }).pipe(inMemory({ replicas: 1 })))

  it.effect("gets another replica, and replicas of replicas", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      yield* Redis.set("a", "1")
      const added = yield* servers.addReplica()
      assert.strictEqual(added.name, "fake-1")
      const second = yield* servers.addReplica(added)
      assert.deepStrictEqual(yield* servers.keys(second), ["a"])
      yield* servers.partition("fake-0", "fake-1")
      yield* servers.command("fake-0", "SET", ["b", "1"])
      assert.deepStrictEqual(yield* servers.keys(second), ["a"])
      assert.isTrue((yield* servers.nodes)[2].isLinked)
      yield* servers.heal()
      assert.deepStrictEqual(yield* servers.keys(second), ["a", "b"])
    }).pipe(inMemory()))

  it.effect("does what subscribers and blocked commands know of a server, in the database of the client", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      const popped = yield* Effect.forkChild(Redis.blpop(["l", "m"], "1 minute"), { startImmediately: true })
      const messages = yield* PubSub.listen({ channels: ["news"], shardChannels: ["room"] })
      yield* Redis.publish("news", "1")
      yield* Redis.spublish("room", "2")
      yield* servers.command("fake-0", "RPUSH", ["m", "other database"])
      yield* Redis.rpush("m", ["here"])
      assert.deepStrictEqual(yield* Fiber.join(popped), { key: "m", element: "here" })
      const heard = yield* messages.pipe(
        Stream.filter((event) => event._tag === "Message"),
        Stream.map(({ channel, payload }) => `${channel}: ${payload}`),
        Stream.take(2),
        Stream.runCollect
      )
      assert.deepStrictEqual(Array.from(heard).toSorted(), ["news: 1", "room: 2"])
    }).pipe(Effect.scoped, inMemory({ client: { database: 1 } })))

  it.effect("keeps those who wait at a primary when its replica becomes a primary too", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      yield* servers.failover("fake-1")
      const popped = yield* Effect.forkChild(servers.command("fake-1", "BLPOP", ["l", 0]), { startImmediately: true })
      yield* servers.command("fake-0", "REPLICAOF", ["NO", "ONE"])
      yield* servers.command("fake-0", "RPUSH", ["l", "there"])
      yield* servers.command("fake-1", "RPUSH", ["l", "here"])
      assert.deepStrictEqual(yield* Fiber.join(popped), ["l", "here"])
      assert.deepStrictEqual(yield* servers.command("fake-0", "LRANGE", ["l", 0, -1]), ["there"])
    }).pipe(inMemory({ replicas: 1 })))

  it.effect("imitates the version that is asked for", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* FakeRedis.FakeRedis).version, "8.0.2")
      const greeting = yield* (yield* FakeRedis.FakeRedis).command("fake-0", "HELLO")
      assert.include([...greeting as Map<string, unknown>].map((pair) => pair.join(" ")), "mode standalone")
    }).pipe(inMemory({ version: "8.0" })))
})

describe("A replica that redirects as Valkey does", () => {
  it.effect("sends a client that follows to its primary, and serves reads to one that wants them", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      const { changes } = yield* Topology.Topology
      yield* Redis.set("a", "1")
      const change = yield* Effect.forkChild(
        Stream.runHead(Stream.filter(changes, ({ moved }) => moved.length > 0)),
        { startImmediately: true }
      )
      yield* servers.failover("fake-1")
      // Without a moment's wait: the REDIRECT says where to go.
      assert.strictEqual(yield* Redis.get("a"), "1")
      yield* Redis.set("a", "2")
      const told = yield* Effect.fromOption(yield* Fiber.join(change))
      assert.deepStrictEqual(told.moved.map(({ to }) => to?.key), ["fake-1:6379"])
    }).pipe(inMemory({ replicas: 1, redirect: true })))

  it.effect("answers reads after READONLY", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      yield* Redis.set("a", "1")
      assert.strictEqual(yield* Redis.get("a"), "1")
      const answered = (yield* servers.journal("fake-1")).filter(({ command }) => command[0] === "GET")
      assert.strictEqual(answered.length, 1)
      const { stats } = yield* RedisCluster.RedisCluster
      assert.strictEqual((yield* stats).redirects, 0)
    }).pipe(inMemory({ replicas: 1, redirect: true, client: { readFrom: "replica" } })))
})

describe("The ports of servers in memory", () => {
  it.live("let other clients in, which select databases and find replicas", () =>
    Effect.gen(function*() {
      const { service } = yield* FakeRedis.make({ replicas: 1 })
      const [primary, replica] = yield* service.listen
      const connect = (port: number) =>
        Effect.acquireRelease(
          Effect.sync(() => new IoRedis(port, "127.0.0.1", { db: 3 })),
          (client) => Effect.sync(() => client.disconnect())
        )
      const client = yield* connect(primary.port)
      const reader = yield* connect(replica.port)
      yield* Effect.promise(() => client.mset("a", "1", "b", "2"))
      assert.deepStrictEqual(yield* Effect.promise(() => reader.mget("a", "b")), ["1", "2"])
      assert.deepStrictEqual(yield* service.keys(undefined, { database: 3 }), ["a", "b"])
      const role = yield* service.command("fake-1", "ROLE")
      assert.deepStrictEqual((role as ReadonlyArray<unknown>).slice(0, 4), [
        "slave",
        "127.0.0.1",
        primary.port,
        "connected"
      ])
    }).pipe(Effect.scoped))
})

describe("Wrong arguments", () => {
  const wrong: ReadonlyArray<readonly [options: unknown, problem: string]> = [
    [null, "what the servers are made with is null"],
    [{ replicas: -1 }, "replicas is -1"],
    [{ primaries: 3 }, "what the servers are made with has no \"primaries\""],
    [{ databases: 0 }, "databases is 0"],
    [{ databases: "16" }, "databases is \"16\""],
    [{ redirect: "yes" }, "redirect is \"yes\""],
    [{ password: "secret" }, "password must be Redacted"],
    [{ version: "6.0" }, "version is \"6.0\""],
    [{ config: 3 }, "config is 3"],
    [{ seed: 1.5 }, "seed is 1.5"]
  ]
  for (const [options, problem] of wrong) {
    it.effect(`fail early: ${problem}`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Effect.scoped(FakeRedis.make(options as FakeRedis.Options)))
        assert.isTrue(Exit.isFailure(exit))
        assert.include(yield* failureOf(Effect.scoped(FakeRedis.make(options as FakeRedis.Options))), problem)
        const built = Layer.build(FakeRedis.layer(options as FakeRedis.LayerOptions))
        assert.include(yield* failureOf(Effect.scoped(built)), problem)
      }))
  }

  it.effect("of controls name what there is", () =>
    Effect.gen(function*() {
      const servers = yield* FakeRedis.FakeRedis
      assert.include(yield* failureOf(servers.failover("fake-9")), "fake-9")
      assert.include(yield* failureOf(servers.failover("fake-0")), "fake-0 is a primary")
      assert.include(yield* failureOf(servers.failover("fake-1", "takeover" as "force")), "mode is")
      assert.include(yield* failureOf(servers.seed({ a: "1" }, { database: 16 })), "there is no database 16")
      assert.include(yield* failureOf(servers.keys(undefined, { database: -1 })), "database is -1")
      assert.include(yield* failureOf(servers.latency("fake-0", -1)), "the round trip is")
      assert.include(yield* failureOf(servers.addReplica(7 as never)), "there is no node 7")
    }).pipe(inMemory({ replicas: 1 })))
})

describe("A cluster with databases, as of Valkey 9,", () => {
  const inCluster = (options: FakeCluster.LayerOptions = {}) =>
    Effect.provide(FakeCluster.layer({ primaries: 2, databases: 16, ...options }))

  it.effect("has them at every node, by the setting of the client", () =>
    Effect.gen(function*() {
      const cluster = yield* FakeCluster.FakeCluster
      yield* Redis.mset({ a: "1", b: "2", c: "3" })
      assert.deepStrictEqual(yield* cluster.keys(undefined, { database: 2 }), ["a", "b", "c"])
      assert.deepStrictEqual(yield* cluster.keys(), [])
      assert.strictEqual(yield* Redis.dbsize(), 3)
      assert.include(yield* failureOf(cluster.command("fake-0", "SELECT", [16])), "DB index is out of range")
    }).pipe(inCluster({ client: { database: 2 } })))

  it.effect("moves the keys of all of them with their slot", () =>
    Effect.gen(function*() {
      const cluster = yield* FakeCluster.FakeCluster
      yield* cluster.seed({ a: "zero" })
      yield* cluster.seed({ a: "two", "{a}b": "two" }, { database: 2 })
      const slot = cluster.slotOf("a")
      const from = yield* cluster.ownerOf(slot)
      const to = (yield* cluster.primaries).find(({ name }) => name !== from.name)!
      yield* cluster.beginMigration(slot, to)
      assert.strictEqual(yield* cluster.migrateKeys(slot, 2), 2)
      const split = RedirectPolicy.provide(Redis.mget(["a", "{a}b"]), RedirectPolicy.none)
      assert.include(yield* failureOf(split), "split between two nodes")
      assert.strictEqual(yield* cluster.migrateKeys(slot, 9), 1)
      assert.deepStrictEqual(yield* Redis.mget(["a", "{a}b"]), ["two", "two"])
      yield* cluster.finishMigration(slot)
      assert.deepStrictEqual(yield* Redis.mget(["a", "{a}b"]), ["two", "two"])
      assert.deepStrictEqual(yield* cluster.keys(to), ["a"])
      assert.deepStrictEqual(yield* cluster.keys(from, { database: 2 }), [])
    }).pipe(inCluster({ client: { database: 2 } })))

  it.effect("that has only one refuses SELECT, as before", () =>
    Effect.gen(function*() {
      const cluster = yield* FakeCluster.FakeCluster
      assert.include(
        yield* failureOf(cluster.command("fake-0", "SELECT", [1])),
        "SELECT is not allowed in cluster mode"
      )
      assert.include(
        yield* failureOf(cluster.command("fake-0", "MOVE", ["a", 1])),
        "MOVE is not allowed in cluster mode"
      )
    }).pipe(Effect.provide(FakeCluster.layer({ primaries: 1 }))))
})
