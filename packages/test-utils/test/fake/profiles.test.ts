/** What services take away from a client, and what a program can still do there. */
import { assert, describe, it } from "@effect/vitest"
import * as Address from "@redisc/core/Address"
import * as CommandSpec from "@redisc/core/CommandSpec"
import * as Connector from "@redisc/core/Connector"
import * as PubSub from "@redisc/core/PubSub"
import * as ReadFrom from "@redisc/core/ReadFrom"
import * as Redis from "@redisc/core/Redis"
import * as RedisCluster from "@redisc/core/RedisCluster"
import type { RedisError } from "@redisc/core/RedisError"
import * as Replication from "@redisc/core/Replication"
import type * as Resp from "@redisc/core/Resp"
import * as Scan from "@redisc/core/Scan"
import * as Script from "@redisc/core/Script"
import * as Topology from "@redisc/core/Topology"
import { FakeCluster, FakeRedis, Profile } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"

const isCluster = ({ refuses, supports = [] }: Profile.Profile): boolean =>
  supports.includes("CLUSTER SLOTS") || (refuses !== "unlisted" && !refuses.includes("CLUSTER"))

const clusters = Profile.all.filter((profile) =>
  isCluster(profile) && profile.shape !== "name" && profile !== Profile.envoy
)
const withoutCluster = Profile.all.filter((profile) => !isCluster(profile))
const endpoints = [...withoutCluster, Profile.elastiCacheEndpoints]

/** The profile with more refusals. */
const refusing = (profile: Profile.Profile, ...names: ReadonlyArray<string>): Profile.Profile => ({
  ...profile,
  refusal: "unknown",
  refuses: profile.refuses === "unlisted" ? profile.refuses : [...profile.refuses, ...names]
})

type Services = Layer.Success<ReturnType<typeof FakeCluster.layer>>

const on = (layer: ReturnType<typeof FakeCluster.layer>) => Effect.provide(layer)

const password = Redacted.make("s3cret")

/** How many connections send commands to the first node. */
const connectionsOf = (fake: FakeCluster.FakeCluster["Service"]) =>
  Effect.map(fake.journal("fake-0"), (entries) => ({
    connections: new Set(entries.filter(({ command }) => command[0] === "GET").map(({ connection }) => connection)).size
  }))

const atEndpoint = (options: FakeRedis.LayerOptions) => Effect.provide(FakeRedis.layer(options))

/** The error that a node answers to words. */
const refusalOf = (...[name, ...args]: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    const error = yield* Effect.flip(fake.command("fake-0", name, args))
    return `${error.message}`
  })

describe.each(Profile.all)("The profile of $name", (profile) => {
  it("names commands that exist, and pages", () => {
    const { refuses, sources, supports = [] } = profile
    const isKnown = (name: string) => CommandSpec.find(name) !== undefined || CommandSpec.isContainer(name)
    const named = refuses === "unlisted" ? supports : [...refuses, ...supports]
    assert.deepStrictEqual(named.filter((name) => !isKnown(name)), [])
    assert.isAbove(sources.length, 0)
    for (const page of sources) assert.match(page, /^https:\/\/[a-z0-9.]+\/\S+$/)
  })

  it.effect("refuses what it names", () =>
    Effect.gen(function*() {
      const text = profile.refusal === "noPermission" ? /NOPERM .* no permissions/ : /ERR unknown (sub)?command/
      const names = profile.refuses === "unlisted" ? ["HELLO", "SUBSCRIBE", "CLIENT ID"] : profile.refuses
      for (const name of names) {
        if (profile.supports?.some((each) => each.startsWith(`${name} `)) === true) continue
        assert.match(yield* refusalOf(...name.split(" "), "x"), text, name)
      }
    }).pipe(Effect.provide(FakeCluster.layerConnector({ profile }))))
})

describe("Profiles", () => {
  it.effect("refuse in scripts, too", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Redis.command("EVAL", ["return redis.call('KEYS', '*')", 0]))
      assert.include(error.message, "Unknown Redis command called from script")
    }).pipe(on(FakeCluster.layer({ profile: Profile.elastiCacheServerless }))))

  it.effect("break a transaction with what they refuse", () =>
    Effect.gen(function*() {
      const refused = Redis.command("OBJECT", ["ENCODING", "{a}1"], { keys: [1] })
      const error = yield* Effect.flip(Redis.transaction([Redis.set("{a}1", "x"), refused]))
      assert.include(error.message, "ERR unknown command")
      assert.strictEqual(error.delivery, "Rejected")
      assert.strictEqual(yield* Redis.get("{a}1"), null)
    }).pipe(on(FakeCluster.layer({ profile: Profile.elastiCacheServerless }))))

  it.effect.each<readonly [string, unknown]>([
    ["profile", "elastiCache"],
    ["profile has no", { ...Profile.memoryDb, refused: [] }],
    ["profile.shape", { ...Profile.memoryDb, shape: "proxy" }],
    ["profile.refusal", { ...Profile.memoryDb, refusal: "none" }],
    ["profile.secure", { ...Profile.memoryDb, secure: "yes" }],
    ["profile.refuses", { ...Profile.memoryDb, refuses: "KEYS" }],
    ["profile.refuses", { ...Profile.memoryDb, refuses: ["KEYS *"] }],
    ["profile.supports", { ...Profile.memoryDb, supports: [7] }],
    ["profile.mostArguments", { ...Profile.memoryDb, mostArguments: { PING: -1 } }]
  ])("are checked: %s %j", ([name, profile]) =>
    Effect.gen(function*() {
      const options = { profile: profile as Profile.Profile }
      const error = yield* Effect.flip(Effect.scoped(FakeCluster.make(options)))
      assert.include(error.message, name)
    }))

  it.effect("with one endpoint have one shard, and no ports", () =>
    Effect.gen(function*() {
      const profile = Profile.elastiCacheServerless
      const error = yield* Effect.flip(Effect.scoped(FakeCluster.make({ profile, primaries: 3 })))
      assert.include(error.message, "leave it out")
      const { service } = yield* FakeCluster.make({ profile })
      assert.include((yield* Effect.flip(Effect.scoped(service.listen))).message, "secure: false")
    }).pipe(Effect.scoped))
})

describe("One endpoint", () => {
  const profile: Profile.Profile = { ...Profile.elastiCacheServerless, refuses: [] }

  const hosts = (reply: Resp.Value): ReadonlyArray<string> =>
    JSON.stringify(reply, (_, value) => value instanceof Map ? Array.from(value) : value).match(/fake-\w+/g) ?? []

  it.effect("is the host of all nodes, in all that the cluster says of itself", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      for (const name of ["SLOTS", "SHARDS", "NODES"]) {
        const reply = yield* fake.command("fake-1", "CLUSTER", [name])
        assert.deepStrictEqual([...new Set(hosts(reply))], ["fake-cache"], name)
      }
      assert.deepStrictEqual(fake.addresses.map(({ key }) => key), ["fake-cache:6379", "fake-cache:6380"])
      const slots = yield* fake.command("fake-0", "CLUSTER", ["SLOTS"])
      // Of two replicas at one address, one is listed.
      assert.strictEqual((slots as ReadonlyArray<ReadonlyArray<Resp.Value>>)[0].length, 4)
    }).pipe(Effect.provide(FakeCluster.layerConnector({ profile, replicas: 2 }))))

  it.effect("leads to the new primary after a failover, and ends what led to the old one", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* Redis.set("a", "1")
      yield* fake.failover("fake-1")
      const set = yield* Effect.forkChild(Redis.set("b", "2"), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(set), "OK")
      assert.strictEqual(yield* Redis.get("a"), "1")
      const written = (yield* fake.journal("fake-1")).map(({ command }) => command.join(" "))
      assert.include(written, "SET b 2")
    }).pipe(on(FakeCluster.layer({ profile, replicas: 1 }))))

  it.effect("is found again after its primary died", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* Redis.set("a", "1")
      yield* fake.kill("fake-0")
      const get = yield* Effect.forkChild(Redis.incr("a"), { startImmediately: true })
      // There is no majority that could promote the replica: the service does it.
      yield* TestClock.adjust("3 seconds")
      yield* fake.failover("fake-1", "takeover")
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* Fiber.join(get), 2)
    }).pipe(on(FakeCluster.layer({ profile, replicas: 1 }))))

  it.effect("has its readers at another port", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* Redis.set("a", "1")
      assert.strictEqual(yield* Redis.get("a").pipe(ReadFrom.provide("replica")), "1")
      const read = (yield* fake.journal("fake-1")).map(({ command }) => command.join(" "))
      assert.include(read, "GET a")
    }).pipe(on(FakeCluster.layer({ profile, replicas: 1 }))))
})

const append = Script.make({
  lua: "return redis.call('APPEND', KEYS[1], ARGV[1])",
  params: (key: string, text: string) => ({ keys: [key], args: [text] }),
  result: Schema.Number
})

/** What a program does on every cluster, whoever stands before it. */
const program = Effect.gen(function*() {
  yield* Redis.set("a", "1")
  assert.strictEqual(yield* Redis.get("a"), "1")
  assert.deepStrictEqual(yield* Redis.mget(["a", "b", "c"]), ["1", null, null])
  assert.deepStrictEqual(yield* Redis.pipeline([Redis.incr("n"), Redis.get("a")]), [1, "1"])
  assert.deepStrictEqual(yield* Redis.transaction([Redis.incr("{x}n"), Redis.get("{x}a")]), [1, null])
  const next = Effect.map(Redis.get("{x}n"), (n) => [Redis.set("{x}n", `${Number(n) + 1}`)])
  assert.deepStrictEqual(yield* Redis.optimistic(["{x}n"], next), ["OK"])
  assert.strictEqual(yield* append("a", "2"), 2)
  assert.strictEqual(yield* append("a", "3"), 3)
  yield* Redis.lpush("list", ["e"])
  assert.deepStrictEqual(yield* Redis.blpop(["list"], "1 second"), { key: "list", element: "e" })
  assert.strictEqual(yield* Redis.dbsize(), 3)
  assert.deepStrictEqual((yield* Stream.runCollect(Scan.keys())).slice().sort(), ["a", "n", "{x}n"])
  for (const kind of ["channels", "shardChannels"] as const) {
    const events = yield* PubSub.listen({ [kind]: ["news"] })
    yield* kind === "channels" ? Redis.publish("news", "rain") : Redis.spublish("news", "rain")
    const heard = yield* Stream.runHead(Stream.filter(events, ({ _tag }) => _tag === "Message"))
    assert.strictEqual(Option.getOrThrow(heard)._tag, "Message")
  }
})

describe.each(clusters)("A program on $name", (profile) => {
  it.effect("starts, reads, writes, pipelines, transacts, scripts, blocks, scans and subscribes", () =>
    program.pipe(Effect.scoped, on(FakeCluster.layer({ profile, replicas: 1, client: { clientName: "test" } }))))

  it.effect("speaks RESP2 if nothing else is allowed", () =>
    program.pipe(Effect.scoped, on(FakeCluster.layer({ profile: refusing(profile, "HELLO"), replicas: 1 }))))

  it.effect("tells the transport to be secure where the service is", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Connector.Connector).secure, profile.secure)
    }).pipe(Effect.provide(FakeCluster.layerConnector({ profile }))))

  it.effect("goes on after a failover", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* Redis.set("a", "1")
      const owner = yield* fake.ownerOf(fake.slotOf("a"))
      const [replica] = yield* fake.replicasOf(owner.id)
      yield* fake.failover(replica.name)
      const set = yield* Effect.forkChild(Redis.append("a", "2"), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(set), 2)
    }).pipe(on(FakeCluster.layer({ profile, replicas: 1 }))))

  it.effect("reads from replicas, or else from primaries", () =>
    Effect.gen(function*() {
      yield* Redis.set("a", "1")
      for (let i = 0; i < 3; i++) {
        assert.strictEqual(yield* Redis.get("a").pipe(ReadFrom.provide("preferReplica")), "1")
        yield* TestClock.adjust("1 second")
      }
    }).pipe(on(FakeCluster.layer({ profile, replicas: 1 }))))

  it.effect("has its blocked commands ended when it ends", () =>
    Effect.gen(function*() {
      const blocked = yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkDetach(Effect.flip(Redis.blpop(["nobody"], "1 hour")), {
          startImmediately: true
        })
        yield* TestClock.adjust("10 millis")
        return fiber
      }).pipe(on(FakeCluster.layer({ profile })))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(blocked)).reason._tag, "Closed")
    }))
})

describe.each(endpoints)("A program at the endpoint of $name", (profile) => {
  it.effect("starts, reads, writes, pipelines, transacts, scripts, blocks, scans and subscribes", () =>
    program.pipe(Effect.scoped, atEndpoint({ profile, client: { clientName: "test" } })))

  it.effect("uses keys of any slots in one command", () =>
    Effect.gen(function*() {
      yield* Redis.sadd("a", ["1", "2"])
      yield* Redis.sadd("b", ["2"])
      assert.deepStrictEqual(yield* Redis.sinter(["a", "b"]), ["2"])
    }).pipe(atEndpoint({ profile })))

  it.effect("goes on after a failover", () =>
    Effect.gen(function*() {
      const fake = yield* FakeRedis.FakeRedis
      yield* Redis.set("a", "1")
      yield* fake.failover("fake-1")
      const set = yield* Effect.forkChild(Redis.append("a", "2"), { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* Fiber.join(set), 2)
      assert.deepStrictEqual(yield* fake.keys("fake-1"), ["a"])
    }).pipe(atEndpoint({ profile, replicas: 1 })))

  it.effect("goes on after its primary died", () =>
    Effect.gen(function*() {
      const fake = yield* FakeRedis.FakeRedis
      yield* Redis.set("a", "1")
      yield* fake.kill("fake-0")
      const get = yield* Effect.forkChild(Redis.incr("a"), { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      yield* fake.failover("fake-1", "force")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(get), 2)
    }).pipe(atEndpoint({ profile, replicas: 1 })))

  it.effect("reads at the readers' endpoint, whose role ROLE tells, or HELLO where ROLE is refused", () =>
    Effect.gen(function*() {
      const fake = yield* FakeRedis.FakeRedis
      yield* Redis.set("a", "1")
      for (let i = 0; i < 3; i++) {
        assert.strictEqual(yield* Redis.get("a").pipe(ReadFrom.provide("preferReplica")), "1")
        yield* TestClock.adjust("1 second")
      }
      const read = (yield* fake.journal("fake-1")).some(({ command }) => command[0] === "GET")
      assert.isTrue(read)
    }).pipe(atEndpoint({ profile, replicas: 1 })))
})

describe("A client that detects the mode", () => {
  const detected = RedisCluster.layerFromSource(Topology.detect({
    nodes: [Address.tcp("fake-cache", 6379), Address.tcp("fake-0", 6379)]
  }))
  const oneSlot = Effect.map(Topology.Topology, (topology) => topology.oneSlot())

  it.effect.each(clusters)("is one of clusters on $name", (profile) =>
    Effect.gen(function*() {
      yield* Redis.set("a", "1")
      assert.isTrue(yield* oneSlot)
    }).pipe(Effect.provide(Layer.provide(detected, FakeCluster.layerConnector({ profile })))))

  it.effect.each([...endpoints, Profile.envoy])("is one of an endpoint on $name", (profile) =>
    Effect.gen(function*() {
      yield* Redis.set("a", "1")
      assert.isFalse(yield* oneSlot)
    }).pipe(Effect.provide(Layer.provide(detected, FakeRedis.layerConnector({ profile })))))
})

describe("A name that leads elsewhere", () => {
  it.effect("is resolved anew when the cluster's node behind it redirects to it", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* Redis.set("a", "1")
      yield* fake.failover("fake-1")
      const set = yield* Effect.forkChild(Redis.append("a", "2"), { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* Fiber.join(set), 2)
    }).pipe(on(FakeCluster.layer({ profile: Profile.elastiCacheEndpoints, replicas: 1 }))))
})

describe("What is refused", () => {
  it.effect.each<readonly [Profile.Profile, Effect.Effect<unknown, RedisError, Services>]>([
    [Profile.elastiCacheServerless, Redis.keys("*")],
    [Profile.elastiCacheServerless, Redis.command("FCALL", ["f", 0])],
    [Profile.elastiCacheServerless, Redis.objectEncoding("a")],
    [Profile.elastiCacheServerless, Effect.scoped(PubSub.listen({ patterns: ["news.*"] }))],
    [Profile.elastiCacheServerless, Stream.runDrain(PubSub.psubscribe(["news.*"]))],
    [Profile.memorystoreValkey, Redis.configGet(["maxmemory"])],
    [Profile.redisSoftwareCluster, Redis.command("ROLE", [])]
  ])("fails at once, and says why: %#", ([profile, command]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(command)
      assert.strictEqual(error.reason._tag, "ServerError")
      assert.strictEqual(error.delivery, "Rejected")
      assert.match(error.message, /a service or a proxy withholds it|as the service has it/)
    }).pipe(on(FakeCluster.layer({ profile, replicas: 1 }))))

  it.effect("is told where writes could not be ensured for it", () =>
    Effect.gen(function*() {
      const ensured = Replication.ensureReplication(Redis.set("a", "1"), { replicas: 1, within: "1 second" })
      const error = yield* Effect.flip(ensured)
      assert.strictEqual(error.reason._tag, "NotReplicated")
      assert.match(error.message, /WAIT failed, .*a service or a proxy withholds it/)
    }).pipe(on(FakeCluster.layer({ profile: Profile.elastiCacheServerless, replicas: 1 }))))

  it.effect("is no reason to doubt that a node lives, or that a replica may be read", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* Redis.set("a", "1")
      // Without READONLY a replica leads reads to its primary.
      assert.strictEqual(yield* Redis.get("a").pipe(ReadFrom.provide("replica")), "1")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Redis.get("a"), "1")
      const hellos = (yield* fake.journal("fake-0")).filter(({ command }) => command[0] === "HELLO")
      assert.isAtMost(hellos.length, 2)
    }).pipe(on(FakeCluster.layer({
      profile: { ...Profile.redisSoftwareCluster, mostArguments: { PING: 0 } },
      primaries: 1,
      replicas: 1,
      client: { pingInterval: "5 seconds" }
    }))))
})

describe("A proxy that knows few commands", () => {
  const { envoy } = Profile

  it.effect("is spoken to in RESP2, and kept", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* Redis.set("a", "1")
      assert.deepStrictEqual(yield* Redis.mget(["a", "b"]), ["1", null])
      assert.deepStrictEqual(yield* Redis.pipeline([Redis.incr("n"), Redis.get("a")]), [1, "1"])
      assert.deepStrictEqual(yield* Redis.transaction([Redis.incr("{x}n"), Redis.get("{x}a")]), [1, null])
      assert.strictEqual(yield* append("a", "2"), 2)
      assert.deepStrictEqual((yield* Stream.runCollect(Scan.keys())).slice().sort(), ["a", "n", "{x}n"])
      const error = yield* Effect.flip(Effect.scoped(PubSub.listen({ channels: ["news"] })))
      assert.include(error.message, "ERR unknown command 'SUBSCRIBE'")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Redis.get("a"), "12")
      const { connections } = yield* connectionsOf(fake)
      assert.strictEqual(connections, 1)
    }).pipe(on(FakeCluster.layer({ profile: envoy, client: { clientName: "test", pingInterval: "5 seconds" } }))))

  it.effect("may want AUTH before anything else", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* fake.reply("any", "HELLO", "NOAUTH Authentication required.", { times: Infinity })
      const client = RedisCluster.layer({ nodes: ["fake-cache:6379"], credentials: { password } })
      const value = yield* Redis.append("a", "1").pipe(Effect.provide(client))
      assert.strictEqual(value, 1)
    }).pipe(Effect.provide(FakeCluster.layerConnector({ profile: envoy, password }))))
})

describe("Where there are no cluster commands", () => {
  it.effect.each(withoutCluster)("a client of clusters says so: $name", (profile) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(FakeCluster.layer({ profile }))))
      assert.include(error.message, "it knows no CLUSTER commands")
    }))
})
