/** Parts of a command about the whole cluster that fail, and what becomes of them when the cluster changes meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Command from "../src/Command.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import * as SlotMap from "../src/SlotMap.ts"
import { carrier, connected, connectedTo, start } from "./support/client.ts"
import { address } from "./support/learning.ts"
import { primary, replica } from "./support/replicas.ts"
import { advance, keyOfA, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedCluster, ScriptedNode } from "./support/ScriptedCluster.ts"
import { clientOf, told, whole } from "./support/sources.ts"

const ok = Reply.simple("OK")
const readonly = Reply.error("READONLY You can't write against a read only replica.")

/** The slots of three nodes, with other nodes in place of some. */
const three = (a: string, b: string, c: string) =>
  [[0, 5460, `${a}:7000`], [5461, 10922, `${b}:7000`], [10923, 16383, `${c}:7000`]] as const

/** The successor of b answers as the others do; the map that has it is learnt when the client asks. */
const promote = (cluster: ScriptedCluster, name: string, answer: Parameters<ScriptedNode["on"]>[1]) => {
  cluster.slots = three("a", "d", "c")
  return cluster.node("d:7000").on(name, answer)
}

const answering = (nodes: ReadonlyArray<ScriptedNode>, name: string, ...sizes: ReadonlyArray<number>) =>
  nodes.forEach((node, i) => node.on(name, name === "DBSIZE" ? Reply.integer(sizes[i]) : ok))

const partsOf = ({ parts = [] }: Redis.RedisError) =>
  parts.map(({ delivery, node, reason }) => [node, delivery, reason?._tag])

describe("a part that is refused", () => {
  it.effect("goes on at the successor of a node that was demoted, and no other part is repeated", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run } = yield* connected()
      answering([a, c], "FLUSHALL")
      b.on("FLUSHALL", readonly)
      const d = promote(cluster, "FLUSHALL", ok)
      const fiber = yield* start(run(Redis.flushall()))
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "OK")
      assert.deepStrictEqual([a, c, d].map((node) => node.count("FLUSHALL")), [1, 1, 1])
    }))

  it.effect("waits for its node where nobody takes over", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      answering([a, b, c], "DBSIZE", 1, 20, 300)
      b.on("DBSIZE", Reply.error("LOADING Redis is loading the dataset in memory"))
      const fibers = yield* Effect.replicateEffect(start(run(Redis.dbsize())), 100)
      yield* advance("10 seconds")
      assert.isAtMost(b.count("DBSIZE"), 125)
      b.on("DBSIZE", Reply.integer(20))
      yield* advance("2 seconds")
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), 321)
      assert.strictEqual(a.count("DBSIZE"), 100)
    }))

  it.effect("fails with the others' fate where nothing is tried again", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run } = yield* connected()
      answering([a, c], "FLUSHALL")
      b.on("FLUSHALL", readonly)
      const d = promote(cluster, "FLUSHALL", ok)
      const error = yield* Effect.flip(run(Redis.flushall().pipe(RedirectPolicy.provide(RedirectPolicy.none))))
      assert.deepStrictEqual([error.reason._tag, error.node, error.delivery], [
        "ClusterDown",
        "b:7000",
        "MaybeExecuted"
      ])
      assert.deepStrictEqual(partsOf(error), [
        ["a:7000", "Executed", undefined],
        ["b:7000", "Rejected", "ClusterDown"],
        ["c:7000", "Executed", undefined]
      ])
      assert.deepStrictEqual([b, d].map((node) => node.count("FLUSHALL")), [1, 0])
    }))

  it.effect("is given up when the policy is, and says how often it was tried", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      answering([a, c], "FLUSHALL")
      b.on("FLUSHALL", readonly)
      const fiber = yield* start(Effect.flip(run(Redis.flushall())))
      yield* advance("26 seconds")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ClusterDown", "MaybeExecuted"])
      const [, part] = error.parts ?? []
      assert.isAbove(part.attempts, 10)
      assert.isDefined(error.away)
      assert.deepStrictEqual([a, c].map((node) => node.count("FLUSHALL")), [1, 1])
    }))

  it.effect("goes where a lying node sends it, but not for ever", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      answering([a, c], "FLUSHALL")
      b.on("FLUSHALL", Reply.error("MOVED 7000 b:7000"))
      const fiber = yield* start(Effect.flip(run(Redis.flushall())))
      yield* advance("30 seconds")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Moved", "MaybeExecuted"])
    }))
})

describe("a part whose connection is lost", () => {
  it.effect("before it was sent goes on at the successor", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run } = yield* connected()
      answering([a, c], "FLUSHALL")
      b.accepts = "none"
      b.drop()
      const d = promote(cluster, "FLUSHALL", ok)
      const fiber = yield* start(run(Redis.flushall()))
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "OK")
      assert.deepStrictEqual([a, c, d].map((node) => node.count("FLUSHALL")), [1, 1, 1])
    }))

  it.effect("after it was sent is not repeated if it writes, even if the successor is known by then", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run, service } = yield* connected()
      answering([a, c], "FLUSHALL")
      b.on("FLUSHALL", "hold")
      const fiber = yield* start(Effect.flip(run(Redis.flushall())))
      yield* settle
      const d = promote(cluster, "FLUSHALL", ok)
      yield* service.refresh
      b.drop()
      yield* advance("1 second")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual(partsOf(error), [
        ["a:7000", "Executed", undefined],
        ["b:7000", "MaybeExecuted", "ConnectionLost"],
        ["c:7000", "Executed", undefined]
      ])
      assert.strictEqual(d.count("FLUSHALL"), 0)
    }))

  it.effect.each(
    [
      ["is marked as idempotent", Redis.flushall().pipe(Command.idempotent)],
      ["changes nothing", Redis.ping().pipe(Command.map(String))],
      ["only reads", Redis.dbsize().pipe(Command.map(String))]
    ] as const
  )("after it was sent is repeated at the successor if it %s", ([, command]) =>
    Effect.gen(function*() {
      const { name } = command.spec
      const { a, b, c, cluster, run } = yield* connected()
      const answer = name === "DBSIZE" ? Reply.integer(7) : name === "PING" ? Reply.simple("PONG") : ok
      for (const node of [a, c]) node.on(name, answer)
      // The client's own PINGs, which have tokens, are answered.
      b.on(name, ([token]) => token === undefined ? "drop" : Reply.bulk(token))
      const d = promote(cluster, name, answer)
      const fiber = yield* start(run(command))
      yield* advance("2 seconds")
      assert.include(["OK", "PONG", "21"], yield* Fiber.join(fiber))
      assert.isAtLeast(d.count(name), 1)
    }))
})

describe("a node that is frozen", () => {
  it.effect("is waited for until the deadline, and the error says who has answered", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      answering([a, b, c], "DBSIZE", 1, 20, 300)
      b.frozen = true
      const fiber = yield* start(Effect.flip(run(Redis.dbsize().pipe(Command.timeout("1 second")))))
      yield* advance("1100 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.node], ["Timeout", "b:7000"])
      assert.include(error.message, "its deadline of 1 s passed")
      assert.deepStrictEqual(partsOf(error).map(([node, , reason]) => [node, reason]), [
        ["a:7000", undefined],
        ["b:7000", "Timeout"],
        ["c:7000", undefined]
      ])
    }))

  it.effect("fails all tries of one part by one deadline", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run } = yield* connected()
      answering([a, c], "FLUSHALL")
      b.on("FLUSHALL", readonly)
      promote(cluster, "FLUSHALL", ok).frozen = true
      const fiber = yield* start(Effect.flip(run(Redis.flushall().pipe(Command.timeout("3 seconds")))))
      yield* advance("3300 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Timeout", "MaybeExecuted"])
      assert.include(error.message, "its deadline of 3 s passed")
    }))
})

describe("a shard that changes while a command is under way", () => {
  it.effect("is asked too if it is new and has got slots of one that was asked", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run, service } = yield* connected()
      answering([a, b, c], "DBSIZE", 1, 20, 300)
      b.on("DBSIZE", "hold")
      const fiber = yield* start(run(Redis.dbsize()))
      yield* settle
      cluster.slots = [[0, 100, "d:7000"], [101, 5460, "a:7000"], ...three("a", "b", "c").slice(1)]
      cluster.node("d:7000").on("DBSIZE", Reply.integer(4000))
      yield* service.refresh
      carrier(b, "DBSIZE").release(Reply.integer(20))
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), 4321)
      assert.deepStrictEqual([a, b, c].map((node) => node.count("DBSIZE")), [1, 1, 1])
    }))

  it.effect("is not asked again if its primary is replaced after it has answered", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run, service } = yield* connected()
      answering([a, b, c], "DBSIZE", 1, 20, 300)
      a.on("DBSIZE", "hold")
      const fiber = yield* start(run(Redis.dbsize()))
      yield* settle
      const d = promote(cluster, "DBSIZE", Reply.integer(20))
      yield* service.refresh
      carrier(a, "DBSIZE").release(Reply.integer(1))
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), 321)
      assert.strictEqual(d.count("DBSIZE"), 0)
    }))

  it.effect("is not counted twice if a redirect tells of its new primary first", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run } = yield* connected()
      answering([a, b, c], "DBSIZE", 1, 20, 300)
      cluster.slots = three("d", "b", "c")
      cluster.node("d:7000").on("DBSIZE", Reply.integer(1)).on("GET", Reply.bulk("d"))
      a.on("GET", Reply.error("MOVED 5061 d:7000")).on("ROLE", replica())
      // Nobody but a and d knows it.
      for (const node of [a, b, c]) node.slots = three("a", "b", "c")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "d")
      const fibers = yield* Effect.replicateEffect(start(run(Redis.dbsize())), 3)
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), [321, 321, 321])
      assert.strictEqual(a.count("DBSIZE"), 0)
    }))

  it.effect("is not counted twice either if that redirect comes while it is asked", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run } = yield* connected()
      answering([a, b, c], "DBSIZE", 1, 20, 300)
      b.on("DBSIZE", "hold")
      const fiber = yield* start(run(Redis.dbsize()))
      yield* settle
      const d = cluster.node("d:7000").on("DBSIZE", Reply.integer(1)).on("GET", Reply.bulk("d"))
      a.on("GET", Reply.error("MOVED 5061 d:7000")).on("ROLE", replica())
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "d")
      carrier(b, "DBSIZE").release(Reply.integer(20))
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), 321)
      assert.strictEqual(d.count("DBSIZE"), 0)
    }))

  it.effect("is counted beside the one that a redirect has taken a slot from, if both are primaries", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run } = yield* connected()
      answering([a, b, c], "DBSIZE", 1, 20, 300)
      cluster.node("d:7000").on("DBSIZE", Reply.integer(4000)).on("GET", Reply.bulk("d")).on("ROLE", primary())
      a.on("GET", Reply.error("MOVED 5061 d:7000")).on("ROLE", primary())
      c.on("ROLE", "hold")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "d")
      const fiber = yield* start(run(Redis.dbsize()))
      yield* advance("1100 millis")
      carrier(c, "ROLE").release(replica())
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), 4321)
    }))

  it.effect("is counted once, as it is then, if another one that was asked takes its slots", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run } = yield* connected()
      answering([a, b, c], "DBSIZE", 1, 20, 300)
      b.accepts = "none"
      b.drop()
      yield* settle
      const fiber = yield* start(run(Redis.dbsize()))
      yield* settle
      a.on("DBSIZE", Reply.integer(21))
      cluster.slots = three("a", "a", "c")
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), 321)
      assert.strictEqual(a.count("DBSIZE"), 2)
    }))

  it.effect("is flushed where its slots are, but gets no library twice", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run } = yield* connected()
      for (const node of [a, b, c]) node.on("FLUSHALL", ok).on("FUNCTION LOAD", Reply.bulk("lib"))
      b.accepts = "none"
      b.drop()
      yield* settle
      const fibers = [yield* start(run(Redis.flushall())), yield* start(run(Redis.functionLoad("#!lua name=lib")))]
      yield* settle
      a.on("FUNCTION LOAD", Reply.error("ERR Library 'lib' already exists"))
      cluster.slots = three("a", "a", "c")
      yield* advance("2 seconds")
      assert.deepStrictEqual(yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber)), ["OK", "lib"])
      assert.deepStrictEqual(
        ["FLUSHALL", "FUNCTION LOAD #!lua name=lib"].map((line) => a.count(line)),
        [2, 1]
      )
    }))
})

describe("a command for all nodes", () => {
  const pairs = [[0, 8191, "a:7000", "b:7000"], [8192, 16383, "c:7000", "d:7000"]] as const

  const client = Effect.gen(function*() {
    const { cluster, ...rest } = yield* connectedTo(pairs)
    for (const node of cluster.nodes.values()) node.on("SCRIPT LOAD", Reply.bulk("sha"))
    const nodes = ["a", "b", "c", "d"].map((name) => cluster.node(`${name}:7000`))
    const counts = () => nodes.map((node) => node.count("SCRIPT LOAD return 1"))
    return { cluster, counts, nodes, load: Redis.scriptLoad("return 1"), ...rest }
  })

  it.effect("tries a node again that could not be reached", () =>
    Effect.gen(function*() {
      const { counts, load, nodes, run } = yield* client
      nodes[3].accepts = "none"
      const fiber = yield* start(run(load))
      yield* advance("3 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      nodes[3].accepts = "all"
      yield* advance("3 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "sha")
      assert.deepStrictEqual(counts(), [1, 1, 1, 1])
    }))

  it.effect("is done without a node that has left", () =>
    Effect.gen(function*() {
      const { cluster, counts, load, nodes, run } = yield* client
      nodes[3].accepts = "none"
      const fiber = yield* start(run(load))
      yield* advance("1 second")
      cluster.slots = [[0, 8191, "a:7000", "b:7000"], [8192, 16383, "c:7000"]]
      yield* advance("5 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "sha")
      assert.deepStrictEqual(counts(), [1, 1, 1, 0])
    }))

  it.effect("is for a node that has come meanwhile, too", () =>
    Effect.gen(function*() {
      const { cluster, load, nodes, run, service } = yield* client
      nodes[0].on("SCRIPT LOAD", "hold")
      const fiber = yield* start(run(load))
      yield* settle
      cluster.slots = [...pairs.slice(0, 1), [8192, 16383, "c:7000", "d:7000", "e:7000"]]
      const e = cluster.node("e:7000").on("SCRIPT LOAD", Reply.bulk("sha"))
      yield* service.refresh
      carrier(nodes[0], "SCRIPT LOAD return 1").release(Reply.bulk("sha"))
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "sha")
      assert.strictEqual(e.count("SCRIPT LOAD return 1"), 1)
    }))
})

describe("a command that one node is enough for", () => {
  const idle = Reply.error("NOTBUSY No scripts in execution right now.")

  it.effect("is done when one has done it, however long another takes", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      a.frozen = true
      b.on("SCRIPT KILL", ok)
      c.on("SCRIPT KILL", idle)
      const fiber = yield* start(run(Redis.scriptKill()))
      yield* advance("1100 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "OK")
    }))

  it.effect("is done when one has done it, and another is away", () =>
    Effect.gen(function*() {
      const { a, b, c, run, service } = yield* connected()
      a.accepts = "none"
      a.drop()
      b.on("SCRIPT KILL", ok)
      c.on("SCRIPT KILL", idle)
      const fiber = yield* start(run(Redis.scriptKill()))
      yield* advance("1100 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "OK")
      assert.strictEqual((yield* service.stats).waiting, 0)
    }))

  it.effect("does not wait behind others for a node that is away", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      a.on("GET", Reply.error("LOADING Redis is loading the dataset in memory")).on("SCRIPT KILL", ok)
      for (const node of [b, c]) node.on("SCRIPT KILL", idle)
      yield* start(run(Redis.get(keyOfA)))
      yield* settle
      assert.strictEqual(yield* run(Redis.scriptKill()), "OK")
    }))

  it.effect("tries those again that could not be asked, where nobody has done it", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      a.accepts = "none"
      a.drop()
      for (const node of [a, b, c]) node.on("SCRIPT KILL", idle)
      const fiber = yield* start(Effect.flip(run(Redis.scriptKill())))
      yield* advance("1 second")
      assert.isUndefined(fiber.pollUnsafe())
      a.accepts = "all"
      yield* advance("3 seconds")
      assert.include((yield* Fiber.join(fiber)).message, "NOTBUSY")
    }))

  it.effect("fails at once when none had anything to do, as one of them says", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      for (const node of [a, b, c]) node.on("FUNCTION KILL", idle)
      const error = yield* Effect.flip(run(Redis.functionKill()))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ServerError", "Rejected"])
      assert.include(error.message, "NOTBUSY")
      assert.deepStrictEqual([a, b, c].map((node) => node.count("FUNCTION KILL")), [1, 1, 1])
    }))
})

describe("a region that ensures replication", () => {
  it.effect("waits for the replicas of the node where a part was done in the end", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run } = yield* connected()
      const d = promote(cluster, "FLUSHALL", ok)
      for (const node of [a, c, d]) node.on("FLUSHALL", ok)
      for (const node of [a, b, c, d]) node.on("WAIT", Reply.integer(1))
      b.on("FLUSHALL", readonly)
      const fiber = yield* start(
        run(Redis.flushall().pipe(Redis.ensureReplication({ replicas: 1, within: "1 second" })))
      )
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "OK")
      assert.deepStrictEqual([a, b, c, d].map((node) => node.count("WAIT 1 1000")), [1, 0, 1, 1])
    }))
})

describe("several connections to each node", () => {
  it.effect("hold nobody up who waits for one of them", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected({ connectionsPerNode: 4 })
      answering([a, b, c], "DBSIZE", 1, 20, 300)
      b.accepts = "none"
      b.drop()
      const fibers = yield* Effect.replicateEffect(start(run(Redis.dbsize())), 100)
      yield* advance("5 seconds")
      b.accepts = "all"
      yield* advance("3 seconds")
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), 321)
    }))
})

describe("where there is nobody to ask", () => {
  it.effect("a command waits as long as the policy does, and goes on when there is", () =>
    Effect.gen(function*() {
      let map = SlotMap.empty
      const source = { open: Effect.succeed({ learn: Effect.sync(() => map) }) }
      const { a, b, c, run } = yield* clientOf(source)
      answering([a, b, c], "DBSIZE", 1, 20, 300)
      const error = yield* Effect.flip(run(Redis.dbsize().pipe(RedirectPolicy.provide(RedirectPolicy.none))))
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.parts], ["NoNodeForSlot", "NotSent", undefined])
      const fiber = yield* start(run(Redis.dbsize()))
      yield* advance("3 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      map = whole
      yield* advance("5 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), 321)
    }))
})

describe("a shard that has lost its primary", () => {
  const node = (key: string, role: string, health: string) =>
    ["id", key, "port", 7000, "ip", key, "endpoint", key, "role", role, "health", health] as const
  const mapWith = (third: ReadonlyArray<unknown>) =>
    Effect.fromResult(SlotMap.fromClusterShards(
      [
        ["slots", [0, 5460], "nodes", [node("a", "master", "online")]],
        ["slots", [5461, 10922], "nodes", [node("b", "master", "online")]],
        ["slots", [10923, 16383], "nodes", third]
      ] as never,
      { origin: address("a:7000") }
    ))

  it.effect("is waited for, since the reply would be without its keys", () =>
    Effect.gen(function*() {
      const { asked, source } = told()
      asked.map = yield* mapWith([node("c", "master", "failed"), node("d", "replica", "online")])
      const { a, b, cluster, run } = yield* clientOf(source)
      answering([a, b, cluster.node("d:7000")], "DBSIZE", 1, 20, 4000)
      const error = yield* Effect.flip(run(Redis.dbsize().pipe(RedirectPolicy.provide(RedirectPolicy.none))))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["NoNodeForSlot", "NotSent"])
      assert.include(error.message, "no node serves slot 10923")
      const fiber = yield* start(run(Redis.dbsize()))
      yield* advance("1 second")
      assert.strictEqual(a.count("DBSIZE"), 0)
      asked.map = yield* mapWith([node("c", "master", "failed"), node("d", "master", "online")])
      yield* advance("3 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), 4021)
    }))
})

describe("an interruption", () => {
  it.effect("ends a command while nodes are asked for their role", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run, service } = yield* connected()
      answering([a, b, c], "DBSIZE", 1, 20, 300)
      cluster.node("d:7000").on("DBSIZE", Reply.integer(1)).on("GET", Reply.bulk("d")).on("ROLE", "hold")
      a.on("GET", Reply.error("MOVED 5061 d:7000")).on("ROLE", "hold")
      yield* run(Redis.get(keyOfA))
      const fiber = yield* start(run(Redis.dbsize()))
      yield* settle
      yield* Fiber.interrupt(fiber)
      yield* advance("3 seconds")
      assert.strictEqual(b.count("DBSIZE"), 0)
      assert.strictEqual((yield* service.stats).waiting, 0)
    }))

  it.effect("ends a command of which one part is done, while others have their time to do it", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      a.frozen = true
      for (const node of [b, c]) node.on("SCRIPT KILL", ok)
      const fiber = yield* start(run(Redis.scriptKill()))
      yield* advance("500 millis")
      yield* Fiber.interrupt(fiber)
      assert.isDefined(fiber.pollUnsafe())
    }))

  it.effect.each(["while it is asked", "while a part waits for its node"] as const)(
    "ends a command %s, and nothing more is sent",
    (when) =>
      Effect.gen(function*() {
        const { a, b, c, run, service } = yield* connected()
        answering([a, b, c], "FLUSHALL")
        b.on("FLUSHALL", when === "while it is asked" ? "hold" : readonly)
        const fiber = yield* start(run(Redis.flushall()))
        yield* advance("1 second")
        assert.isUndefined(fiber.pollUnsafe())
        yield* Fiber.interrupt(fiber)
        const before = b.count("FLUSHALL")
        b.on("FLUSHALL", ok)
        yield* advance("5 seconds")
        assert.strictEqual(b.count("FLUSHALL"), before)
        assert.strictEqual((yield* service.stats).waiting, 0)
      })
  )
})

describe("a cluster of a hundred shards, half of which fail over", () => {
  it.effect("is flushed once each", () =>
    Effect.gen(function*() {
      const slots = Array.from({ length: 100 }, (_, i) => [i * 163, i * 163 + 162, `n${i}:7000`] as const)
      const { cluster, run } = yield* connectedTo(slots, { nodes: ["n0:7000"] })
      for (const [i, node] of [...cluster.nodes.values()].entries()) node.on("FLUSHALL", i % 2 === 0 ? ok : readonly)
      cluster.slots = slots.map(([start, end, key], i) => [start, end, i % 2 === 0 ? key : `new-${key}`])
      for (const [, , key] of cluster.slots) cluster.node(key).on("FLUSHALL", ok)
      const fiber = yield* start(run(Redis.flushall()))
      yield* advance("3 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "OK")
      for (const [, , key] of cluster.slots) assert.strictEqual(cluster.node(key).count("FLUSHALL"), 1)
    }))
})
