/** Servers without cluster mode: who is the primary, and what becomes of commands when another one is. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type * as Address from "../src/Address.ts"
import * as PubSub from "../src/PubSub.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import type * as Resp from "../src/Resp.ts"
import * as Topology from "../src/Topology.ts"
import { start } from "./support/client.ts"
import { address } from "./support/learning.ts"
import { advance, settle } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const primary = Reply.array([Reply.bulk("master"), Reply.integer(0), Reply.array([])])
const replicaOf = (host: string, port = 6379) =>
  Reply.array([Reply.bulk("slave"), Reply.bulk(host), Reply.integer(port), Reply.bulk("connected"), Reply.integer(0)])
const readonly = Reply.error("READONLY You can't write against a read only replica.")

/** Servers by their keys, none of which knows of clusters. */
const serversOf = (
  ...keys: ReadonlyArray<string>
): ReadonlyArray<ScriptedNode> & { cluster: ReturnType<typeof scriptedCluster> } => {
  const cluster = scriptedCluster([])
  const nodes = keys.map((key) => {
    const node = cluster.node(key)
    for (const name of ["CLUSTER SLOTS", "CLUSTER INFO", "READONLY"]) {
      node.on(name, Reply.error("ERR This instance has cluster support disabled"))
    }
    return node.on("ROLE", primary).on("GET", Reply.bulk(key)).on("SET", Reply.simple("OK"))
  })
  return Object.assign(nodes, { cluster })
}

const clientOf = Effect.fnUntraced(function*(
  nodes: ReturnType<typeof serversOf>,
  given: ReadonlyArray<string>,
  options: RedisCluster.SourceOptions & Pick<Topology.StandaloneOptions, "addressMap"> = {}
) {
  const { addressMap, ...settings } = options
  const source = Topology.standalone({ servers: given.map(address), addressMap })
  const context = yield* nodes.cluster.provide(Layer.build(RedisCluster.layerFromSource(source, settings)))
  yield* settle
  const run = <A, E>(effect: Effect.Effect<A, E, RedisCluster.Services>): Effect.Effect<A, E> =>
    Effect.provideContext(effect, context)
  const primaryOf = run(Effect.map(
    Effect.flatMap(Topology.Topology, ({ current }) => current),
    ({ shards }) => shards[0].primary?.address.key
  ))
  return { run, primaryOf }
})

describe("a server without cluster mode", () => {
  it.effect("has all keys, which may stand together in a command, and is not asked about clusters", () =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379")
      nodes[0].on("MGET", Reply.array([Reply.bulk("1"), Reply.bulk("2"), Reply.bulk("3")]))
      const { run } = yield* clientOf(nodes, ["a:6379"])
      assert.deepStrictEqual(yield* run(Redis.mget(["x", "y", "z"])), ["1", "2", "3"])
      assert.deepStrictEqual(nodes[0].commands, ["MGET x y z"])
      assert.strictEqual(nodes[0].count("CLUSTER SLOTS"), 0)
    }))

  it.effect.each<readonly [string, Resp.Reply]>([
    [
      "is not told by the user's permissions",
      Reply.error("NOPERM this user has no permissions to run the 'role' command")
    ],
    ["is not known to a proxy", Reply.error("ERR unknown command 'ROLE', with args beginning with: ")]
  ])("is the primary if its role %s", ([, role]) =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379")
      nodes[0].on("ROLE", role)
      const { run } = yield* clientOf(nodes, ["a:6379"])
      assert.strictEqual(yield* run(Redis.get("k")), "a:6379")
    }))

  it.effect("whose connections select a database tells of the keys of that one", () =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379")
      const [a] = nodes
      const { run } = yield* clientOf(nodes, ["a:6379"], { database: 2 })
      yield* run(Redis.get("k"))
      yield* start(run(Stream.runDrain(PubSub.keyspace())))
      yield* settle
      for (const { received } of a.connections) assert.include(received, "SELECT 2")
      assert.strictEqual(a.count("PSUBSCRIBE __keyspace@2__:*"), 1)
    }))

  it.effect.each<readonly [string, unknown, string]>([
    ["none", [], "servers is empty: give the address of at least one node"],
    ["no list", "a:6379", "servers has to be an array of addresses"],
    ["text", ["a:6379"], "servers have to be addresses"]
  ])("has to be given: %s is none", ([, servers, problem]) =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379")
      const source = Topology.standalone({ servers: servers as never })
      const layer = RedisCluster.layerFromSource(source)
      const error = yield* Effect.flip(Effect.scoped(nodes.cluster.provide(Layer.build(layer))))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.include(error.message, problem)
    }))

  it.effect.each<readonly [string, Resp.Reply, string]>([
    ["a Sentinel", Reply.array([Reply.bulk("sentinel"), Reply.array([])]), "it is a Sentinel: use Topology.sentinel"],
    ["a replica of nobody", replicaOf("gone", 1), "it is a replica, and its primary can't be reached"]
  ])("says what it is if it is %s", ([, role, problem]) =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379", "gone:1")
      nodes[0].on("ROLE", role)
      nodes[1].accepts = "none"
      const error = yield* Effect.flip(clientOf(nodes, ["a:6379"]))
      assert.strictEqual(error.reason._tag, "DiscoveryFailed")
      assert.include(error.message, problem)
    }))

  it.effect("that is a node of a cluster has its redirects followed, and the mistake is told", () =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379", "b:6379")
      const { run } = yield* clientOf(nodes, ["a:6379"])
      const failures = yield* start(run(
        Effect.flatMap(Topology.Topology, ({ failures }) => Stream.runHead(failures))
      ))
      nodes[0].on("GET", Reply.error("MOVED 7629 b:6379"))
      assert.strictEqual(yield* run(Redis.get("k")), "b:6379")
      yield* advance("1 second")
      const exit = failures.pollUnsafe()
      assert.include(JSON.stringify(exit), "it is a node of a cluster: use Topology.cluster")
      yield* advance("2 seconds")
      yield* run(Effect.flatMap(Topology.Topology, ({ refresh }) => refresh))
    }))
})

describe("of several servers", () => {
  it.effect("the one that says so is the primary, wherever it stands, and the others answer reads", () =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379", "b:6379", "c:6379")
      const [a, , c] = nodes
      a.on("ROLE", replicaOf("b"))
      c.on("ROLE", replicaOf("b"))
      const { primaryOf, run } = yield* clientOf(nodes, ["a:6379", "b:6379", "c:6379"], { readFrom: "preferReplica" })
      assert.strictEqual(yield* primaryOf, "b:6379")
      yield* run(Redis.get("k"))
      yield* settle
      const read = [yield* run(Redis.get("k")), yield* run(Redis.get("k"))]
      assert.deepStrictEqual(read.toSorted(), ["a:6379", "c:6379"])
    }))

  it.effect("the one whose greeting says so is the primary where the user may not ask for roles", () =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379", "b:6379", "c:6379")
      const greeting = (role: string) =>
        Reply.map([[Reply.bulk("proto"), Reply.integer(3)], [Reply.bulk("role"), Reply.bulk(role)]])
      for (const node of nodes) node.on("ROLE", Reply.error("NOPERM no")).on("HELLO", greeting("replica"))
      const [a, b] = nodes
      b.on("HELLO", greeting("master"))
      const { primaryOf, run } = yield* clientOf(nodes, ["a:6379", "b:6379"])
      assert.strictEqual(yield* primaryOf, "b:6379")
      a.on("HELLO", greeting("master"))
      b.on("HELLO", greeting("replica")).on("SET", readonly)
      yield* run(Redis.set("k", "1"))
      assert.strictEqual(yield* primaryOf, "a:6379")
      assert.strictEqual(a.count("SET k 1"), 1)
    }))

  it.effect("the one whose replica is there is the primary if two say so", () =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379", "b:6379", "c:6379")
      nodes[2].on("ROLE", replicaOf("b"))
      const { primaryOf } = yield* clientOf(nodes, ["a:6379", "b:6379", "c:6379"])
      assert.strictEqual(yield* primaryOf, "b:6379")
    }))

  it.effect("the known primary stays if another one says so, too, as after a restart", () =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379", "b:6379")
      const [a, b] = nodes
      a.accepts = "none"
      const { primaryOf, run } = yield* clientOf(nodes, ["a:6379", "b:6379"])
      assert.strictEqual(yield* primaryOf, "b:6379")
      a.accepts = "all"
      yield* advance("5 seconds")
      yield* run(Effect.flatMap(Topology.Topology, ({ refresh }) => refresh))
      assert.strictEqual(yield* primaryOf, "b:6379")
      assert.isAtLeast(a.count("ROLE"), 1)
      assert.isAtLeast(b.count("ROLE"), 2)
    }))

  it.effect("one that hangs holds up nobody", () =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379", "b:6379")
      nodes[0].frozen = true
      const client = yield* start(clientOf(nodes, ["a:6379", "b:6379"]))
      yield* advance("400 millis")
      assert.isDefined(client.pollUnsafe())
    }))
})

describe("a primary that is demoted", () => {
  it.effect("answers READONLY, and the command waits until another one is found", () =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379", "b:6379")
      const [a, b] = nodes
      b.on("ROLE", replicaOf("a"))
      const { run } = yield* clientOf(nodes, ["a:6379", "b:6379"])
      a.on("ROLE", replicaOf("b")).on("SET", readonly)
      const stored = yield* start(run(Redis.set("k", "1")))
      yield* advance("300 millis")
      assert.isUndefined(stored.pollUnsafe())
      b.on("ROLE", primary)
      yield* advance("2 seconds")
      assert.isDefined(stored.pollUnsafe())
      assert.strictEqual(b.count("SET k 1"), 1)
    }))

  it.effect("is left for the primary that it names, if no other server was given", () =>
    Effect.gen(function*() {
      const nodes = serversOf("10.0.0.1:6379", "outside:7000")
      const [a, b] = nodes
      a.on("ROLE", replicaOf("10.0.0.2"))
      const { primaryOf, run } = yield* clientOf(nodes, ["10.0.0.1:6379"], {
        addressMap: () => address("outside:7000")
      })
      assert.strictEqual(yield* primaryOf, "outside:7000")
      yield* run(Redis.set("k", "1"))
      assert.strictEqual(b.count("SET k 1"), 1)
    }))

  it.effect("is followed over several servers, of which those that were not given answer no reads", () =>
    Effect.gen(function*() {
      const nodes = serversOf("10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379")
      const [a, b] = nodes
      a.on("ROLE", replicaOf("10.0.0.2"))
      b.on("ROLE", replicaOf("10.0.0.3"))
      const { primaryOf, run } = yield* clientOf(nodes, ["10.0.0.1:6379"])
      assert.strictEqual(yield* primaryOf, "10.0.0.3:6379")
      const { shards } = yield* run(Effect.flatMap(Topology.Topology, ({ current }) => current))
      assert.deepStrictEqual(shards[0].replicas.map(({ address }) => address.key), ["10.0.0.1:6379"])
    }))

  it.effect("is connected to anew if it was found by name, since the name may lead elsewhere by now", () =>
    Effect.gen(function*() {
      const nodes = serversOf("redis.example:6379")
      const [a] = nodes
      const { run } = yield* clientOf(nodes, ["redis.example:6379"])
      yield* run(Redis.get("k"))
      yield* advance("2 seconds")
      const before = a.connections.length
      a.once("ROLE", replicaOf("10.0.0.2"))
      a.once("SET", readonly)
      const stored = yield* start(run(Redis.set("k", "1")))
      yield* advance("3 seconds")
      assert.isDefined(stored.pollUnsafe())
      assert.isAbove(a.connections.length, before)
    }))

  it.effect("redirects to its successor, which is followed at once and becomes the primary of the map", () =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379", "b:6379", "c:6379")
      const [a, b, c] = nodes
      b.on("ROLE", replicaOf("a"))
      const { primaryOf, run } = yield* clientOf(nodes, ["a:6379", "b:6379"], { redirectsTo: "anyNode" })
      for (const name of ["SET", "GET"]) a.on(name, Reply.error("REDIRECT c:6379"))
      a.on("ROLE", replicaOf("c"))
      yield* run(Redis.set("k", "1"))
      assert.strictEqual(yield* primaryOf, "c:6379")
      assert.strictEqual(yield* run(Redis.get("k")), "c:6379")
      assert.deepStrictEqual(yield* run(Redis.pipeline([Redis.get("k"), Redis.set("k", "2")])), ["c:6379", "OK"])
      assert.deepStrictEqual(c.commands, ["SET k 1", "GET k", "GET k", "SET k 2"])
      assert.strictEqual(a.count("GET k"), 0)
    }))

  it.effect("redirects many commands that were under way, and changes the map once", () =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379", "c:6379")
      const [a, c] = nodes
      const { run } = yield* clientOf(nodes, ["a:6379"])
      const topology = yield* run(Topology.Topology)
      const maps = new Set<unknown>()
      a.on("SET", "hold").on("ROLE", "hold")
      c.on("SET", () => {
        maps.add(topology.currentUnsafe())
        return Reply.simple("OK")
      })
      const stored = yield* Effect.forEach(Array.from({ length: 100 }), () => start(run(Redis.set("k", "1"))))
      yield* settle
      const connection = a.live.find(({ received }) => received.includes("SET k 1"))!
      for (let n = 0; n < stored.length; n++) {
        connection.release(Reply.error("REDIRECT c:6379"))
        yield* settle
      }
      yield* Effect.forEach(stored, Fiber.join)
      assert.strictEqual(maps.size, 1)
    }))

  it.effect.each<readonly [string, Effect.Effect<unknown, unknown, Redis.Redis>]>([
    ["EVAL", Redis.eval("return redis.call('INCR', KEYS[1])", { keys: ["k"] })],
    ["BLPOP", Redis.blpop(["k", "l"], "Infinity")]
  ])(
    "redirects scripts and what blocks, too, which have not begun there: %s",
    ([name, command]) =>
      Effect.gen(function*() {
        const nodes = serversOf("a:6379", "c:6379")
        const [a, c] = nodes
        const { run } = yield* clientOf(nodes, ["a:6379"])
        a.on(name, Reply.error("REDIRECT c:6379"))
        c.on(name, Reply.array([Reply.bulk("k"), Reply.bulk("v")]))
        yield* run(command)
        assert.strictEqual(c.commands.length, 1)
      })
  )

  it.effect("redirects a pipeline as a whole", () =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379", "c:6379")
      const [a, c] = nodes
      const { run } = yield* clientOf(nodes, ["a:6379"])
      for (const name of ["SET", "GET"]) a.on(name, Reply.error("REDIRECT c:6379"))
      a.on("ROLE", replicaOf("c"))
      const replies = yield* run(Redis.pipeline([Redis.set("k", "1"), Redis.get("k"), Redis.set("l", "2")]))
      assert.deepStrictEqual(replies, ["OK", "c:6379", "OK"])
      assert.deepStrictEqual(c.commands.toSorted(), ["GET k", "SET k 1", "SET l 2"])
    }))

  it.effect.each([
    ["to itself", "REDIRECT a:6379"],
    ["to nobody", "REDIRECT ?:6379"],
    ["to no port", "REDIRECT b:0"]
  ])("that redirects %s is asked again after a pause", ([, text]) =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379")
      const { run } = yield* clientOf(nodes, ["a:6379"])
      nodes[0].once("SET", Reply.error(text))
      const stored = yield* start(run(Redis.set("k", "1")))
      yield* settle
      assert.isUndefined(stored.pollUnsafe())
      yield* advance("1 second")
      assert.isDefined(stored.pollUnsafe())
    }))

  it.effect("may not redirect elsewhere where that is forbidden", () =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379", "b:6379")
      const { run } = yield* clientOf(nodes, ["a:6379"], { redirectsTo: "knownNodes" })
      nodes[0].on("SET", Reply.error("REDIRECT b:6379"))
      const error = yield* Effect.flip(run(Redis.set("k", "1")))
      assert.strictEqual(error.reason._tag, "RedirectRefused")
    }))
})

describe("addressMap", () => {
  it.effect.each<readonly [string, (announced: Address.Address) => Address.Address]>([
    ["throws", () => {
      throw new Error("a bug")
    }],
    ["answers nonsense", () => "elsewhere" as never]
  ])("that %s costs the address, and no more", ([, addressMap]) =>
    Effect.gen(function*() {
      const nodes = serversOf("a:6379", "b:6379")
      nodes[1].on("ROLE", replicaOf("a"))
      const { primaryOf } = yield* clientOf(nodes, ["a:6379", "b:6379"], { addressMap })
      assert.strictEqual(yield* primaryOf, "a:6379")
    }))
})
