import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import type * as RedisCluster from "../src/RedisCluster.ts"
import type * as Replication from "../src/Replication.ts"
import * as Session from "../src/Session.ts"
import { carrier, carrying, connected, onNodesOf, said, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, keyOfC, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const moved = Reply.error(`MOVED ${slotOfA} b:7000`)

/** Three nodes with two replicas each, all of which have everything. */
const replicated = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const nodes = yield* connected(options)
  for (const node of nodes.cluster.nodes.values()) node.on("WAIT", Reply.integer(2))
  const ensured = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    nodes.run(effect.pipe(Redis.ensureReplication({ replicas: 1, within: "100 millis" })))
  const node = nodes.service.client.router.cluster.pool.node(Address.tcp("a", 7000))
  return { ...nodes, ensured, node }
})

/** How many WAITs each node was sent. */
const waits = (...nodes: ReadonlyArray<ScriptedNode>) => nodes.map((node) => node.count("WAIT 1 100"))

const write = Redis.set(keyOfA, "1")

describe("writes that are to be replicated", () => {
  it.effect("are waited for on the very connection that they were written on (trap 44)", () =>
    Effect.gen(function*() {
      const { a, ensured } = yield* replicated()
      assert.deepStrictEqual(yield* ensured(Effect.all([write, Redis.get(keyOfA), write])), ["OK", "a:7000", "OK"])
      assert.deepStrictEqual(said(carrier(a, "WAIT 1 100")), ["SET bar 1", "GET bar", "SET bar 1", "WAIT 1 100"])
    }))

  it.effect("are waited for on each node that has some, and on no other (trap 44)", () =>
    Effect.gen(function*() {
      const { a, b, c, ensured } = yield* replicated()
      yield* ensured(Effect.all([write, Redis.set(keyOfB, "1"), Redis.get(keyOfC)], { concurrency: "unbounded" }))
      assert.deepStrictEqual(waits(a, b, c), [1, 1, 0])
      assert.deepStrictEqual(said(carrier(b, "WAIT 1 100")), ["SET k 1", "WAIT 1 100"])
      assert.deepStrictEqual(said(carrier(c, "GET foo")), ["GET foo"])
    }))

  it.effect("are waited for on all nodes at once", () =>
    Effect.gen(function*() {
      const { a, b, ensured } = yield* replicated()
      for (const node of [a, b]) node.on("WAIT", "hold")
      const fiber = yield* start(ensured(Effect.all([write, Redis.set(keyOfB, "1")])))
      yield* settle
      assert.deepStrictEqual(waits(a, b), [1, 1])
      for (const node of [a, b]) carrier(node, "WAIT 1 100").release(Reply.integer(1))
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["OK", "OK"])
    }))

  it.effect("count as such whichever way they are sent: in a pipeline, a transaction or a script", () =>
    Effect.gen(function*() {
      const { a, b, c, ensured } = yield* replicated()
      a.on("MULTI", Reply.simple("OK")).on("EXEC", Reply.array([Reply.simple("OK")]))
      b.on("EVAL", Reply.integer(1))
      yield* ensured(Redis.transaction([write]))
      assert.deepStrictEqual(waits(a, b, c), [1, 0, 0])
      yield* ensured(Redis.command("EVAL", ["return 1", 1, keyOfB]))
      assert.deepStrictEqual(waits(a, b, c), [1, 1, 0])
      yield* ensured(Redis.pipeline([Redis.set(keyOfC, "1"), Redis.get(keyOfA)]))
      assert.deepStrictEqual(waits(a, b, c), [1, 1, 1])
    }))

  it.effect("keep their place in a pipeline when they are about the whole cluster", () =>
    Effect.gen(function*() {
      const { a, cluster, ensured } = yield* replicated()
      for (const node of cluster.nodes.values()) node.on("FLUSHALL", Reply.simple("OK")).on("DBSIZE", Reply.integer(0))
      const order: Array<string> = []
      for (const name of ["FLUSHALL", "DBSIZE", "SET"]) {
        a.on(name, () => {
          order.push(name)
          return name === "DBSIZE" ? Reply.integer(0) : Reply.simple("OK")
        })
      }
      yield* ensured(Redis.pipeline([Redis.flushall(), Redis.dbsize(), write]))
      assert.deepStrictEqual(order, ["FLUSHALL", "DBSIZE", "SET"])
    }))

  it.effect("do not wait behind one that blocks, and those that block are waited for as well", () =>
    Effect.gen(function*() {
      const { a, ensured } = yield* replicated()
      a.on("BLPOP", "hold")
      const popped = Redis.blpop([keyOfA], "10 seconds")
      const fiber = yield* start(ensured(Effect.all([popped, write, popped], { concurrency: "unbounded" })))
      yield* settle
      const [first, second] = carrying(a, "BLPOP bar 10")
      assert.deepStrictEqual(said(carrier(a, "SET bar 1")), ["SET bar 1"])
      for (const connection of [first, second]) connection.release(Reply.nullArray)
      assert.deepStrictEqual(yield* Fiber.join(fiber), [null, "OK", null])
      assert.strictEqual(carrying(a, "WAIT 1 100").length, 3)
    }))

  it.effect("one after the other that block share a connection", () =>
    Effect.gen(function*() {
      const { a, ensured } = yield* replicated({ maxDedicated: 1 })
      a.on("BLPOP", Reply.nullArray)
      const popped = Redis.blpop([keyOfA], "10 seconds")
      yield* ensured(Effect.all([popped, popped, popped]))
      assert.strictEqual(carrier(a, "BLPOP bar 10").received.filter((line) => line.startsWith("BLPOP")).length, 3)
    }))

  it.effect("fail at their deadline while they wait for a connection, unsent", () =>
    Effect.gen(function*() {
      const { a, ensured, node } = yield* replicated({ maxDedicated: 1, leaseTimeout: "1 minute" })
      yield* node.dedicated
      const fiber = yield* start(Effect.flip(ensured(write.pipe(Command.timeout("500 millis")))))
      yield* advance("600 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Timeout", "NotSent"])
      assert.strictEqual(a.count("SET bar 1"), 0)
    }))

  it.effect("count as such when they block, too", () =>
    Effect.gen(function*() {
      const { a, ensured } = yield* replicated()
      a.on("BLPOP", Reply.array([Reply.bulk(keyOfA), Reply.bulk("job")]))
      yield* ensured(Redis.blpop([keyOfA], "1 second"))
      assert.deepStrictEqual(said(carrier(a, "WAIT 1 100")), ["BLPOP bar 1", "WAIT 1 100"])
    }))

  it.effect("that were none wait for nothing", () =>
    Effect.gen(function*() {
      const { a, b, c, ensured } = yield* replicated()
      assert.strictEqual(yield* ensured(Redis.get(keyOfA)), "a:7000")
      assert.strictEqual(yield* ensured(Effect.succeed("nothing at all")), "nothing at all")
      assert.deepStrictEqual(waits(a, b, c), [0, 0, 0])
    }))

  it.effect("of an effect that fails, dies or is interrupted are not waited for", () =>
    Effect.gen(function*() {
      const { a, ensured, service } = yield* replicated()
      assert.strictEqual(yield* Effect.flip(ensured(Effect.andThen(write, Effect.fail("no")))), "no")
      assert.deepStrictEqual(yield* Effect.exit(ensured(Effect.andThen(write, Effect.die("no")))), Exit.die("no"))
      const fiber = yield* start(ensured(Effect.andThen(write, Effect.never)))
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(waits(a), [0])
      assert.strictEqual((yield* service.stats).nodes.get("a:7000")?.leased, 0)
    }))

  it.effect("have their connection to themselves, and give it back", () =>
    Effect.gen(function*() {
      const { a, ensured, service } = yield* replicated()
      yield* ensured(Effect.all([write, write], { concurrency: "unbounded" }))
      yield* ensured(write)
      assert.strictEqual(a.connections.length, 2)
      const { dedicated, leased } = (yield* service.stats).nodes.get("a:7000")!
      assert.deepStrictEqual([dedicated, leased], [1, 0])
    }))
})

describe("the Redis of a region that has ended", () => {
  const misused = ["SessionMisused", "NotSent"]
  const told = ({ delivery, reason }: Redis.RedisError) => [reason._tag, delivery]

  /** The service of a region that has held a connection to each node and given it back. */
  const leaked = Effect.fnUntraced(function*() {
    const nodes = yield* replicated({ maxDedicated: 1 })
    for (const name of ["WATCH", "UNWATCH"]) nodes.a.on(name, Reply.simple("OK"))
    nodes.a.on("BLPOP", Reply.nullArray).on("MULTI", Reply.simple("OK")).on("EXEC", Reply.array([]))
    for (const node of nodes.cluster.nodes.values()) node.on("FLUSHALL", Reply.simple("OK"))
    const redis = yield* nodes.ensured(Effect.andThen(write, Effect.service(Redis.Redis)))
    return { ...nodes, redis }
  })

  it.effect("sends nothing any more, whichever way, into what is another's session by now", () =>
    Effect.gen(function*() {
      const { a, redis, run } = yield* leaked()
      const read = yield* run(Effect.scoped(Effect.gen(function*() {
        const session = yield* Session.make({ keys: keyOfA })
        yield* session.execute(Redis.command("WATCH", [keyOfA]))
        const commands: ReadonlyArray<Command.Any> = [
          Redis.set(keyOfA, "2"),
          Redis.get(keyOfA),
          Redis.blpop([keyOfA], "1 second"),
          Redis.flushall(),
          Redis.dbsize(),
          Redis.transaction([write])
        ]
        for (const command of commands) {
          assert.deepStrictEqual(told(yield* Effect.flip(redis.execute(command))), misused, command.spec.name)
          const [piped] = yield* redis.executeAll([command])
          assert.deepStrictEqual(told(yield* Effect.flip(Effect.fromResult(piped))), misused, command.spec.name)
        }
        return yield* session.execute(Redis.get(keyOfA))
      })))
      assert.strictEqual(read, "a:7000")
      assert.deepStrictEqual(said(carrier(a, "WAIT 1 100")), [
        "SET bar 1",
        "WAIT 1 100",
        "WATCH bar",
        "GET bar",
        "UNWATCH"
      ])
    }))

  it.effect("tells a fiber that outlives the region, instead of letting it wait", () =>
    Effect.gen(function*() {
      const { ensured, node, service } = yield* replicated({ maxDedicated: 1, leaseTimeout: "1 minute" })
      const scope = yield* Scope.make()
      yield* Scope.provide(node.dedicated, scope)
      const fibers = yield* ensured(Effect.all([
        Effect.forkDetach(Effect.flip(write), { startImmediately: true }),
        Effect.forkDetach(Effect.flip(Redis.blpop([keyOfA], "Infinity")), { startImmediately: true })
      ]))
      for (const fiber of fibers) {
        assert.deepStrictEqual(told(yield* Fiber.join(fiber as Fiber.Fiber<Redis.RedisError, unknown>)), misused)
      }
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* service.stats).nodes.get("a:7000")?.leased, 0)
    }))

  it.effect("does not try again for a fiber that outlives the region", () =>
    Effect.gen(function*() {
      const { a, ensured, service } = yield* replicated()
      a.on("SET", Reply.error("LOADING Redis is loading the dataset in memory"))
      const forked = Effect.forkDetach(Effect.flip(write), { startImmediately: true })
      const fiber = yield* ensured(Effect.tap(forked, () => settle))
      const sent = a.count("SET bar 1")
      yield* advance("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "SessionMisused")
      assert.strictEqual(a.count("SET bar 1"), sent)
      assert.strictEqual((yield* service.stats).nodes.get("a:7000")?.leased, 0)
    }))

  it.effect("has ended before it is asked who has acknowledged", () =>
    Effect.gen(function*() {
      const { a, ensured } = yield* replicated()
      const fiber = yield* ensured(
        Effect.gen(function*() {
          yield* write
          const redis = yield* Redis.Redis
          a.on("WAIT", "hold")
          return yield* Effect.forkDetach(
            Effect.andThen(Effect.yieldNow, Effect.flip(redis.execute(Redis.set(keyOfA, "2"))))
          )
        }).pipe(Effect.tap(() => Effect.sync(() => a.on("WAIT", Reply.integer(1)))))
      )
      assert.deepStrictEqual(told(yield* Fiber.join(fiber)), misused)
      assert.strictEqual(a.count("SET bar 2"), 0)
    }))
})

describe("too few replicas", () => {
  it.effect("fail it with NotReplicated, though it is written", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* replicated()
      a.on("WAIT", Reply.integer(1))
      b.on("WAIT", Reply.integer(3))
      const both = Effect.all([write, Redis.set(keyOfB, "1")])
      const error = yield* Effect.flip(run(Redis.ensureReplication(both, { replicas: 2, within: "1 second" })))
      assert.isTrue(
        error.reason._tag === "NotReplicated" && error.reason.wanted === 2 && error.reason.acknowledged === 1
      )
      assert.strictEqual(error.delivery, "MaybeExecuted")
      assert.strictEqual(error.message, "it was written, but only 1 of 2 replicas have acknowledged it in time")
    }))

  it.effect("are none where the node can't tell", () =>
    Effect.gen(function*() {
      const { a, ensured } = yield* replicated()
      a.on("WAIT", Reply.error("ERR WAIT cannot be used with replica instances."))
      const error = yield* Effect.flip(ensured(write))
      assert.isTrue(error.reason._tag === "NotReplicated" && error.reason.acknowledged === 0)
    }))

  it.effect("are none where the node falls silent, once the time for WAIT and for a command is over", () =>
    Effect.gen(function*() {
      const { a, ensured } = yield* replicated({ commandTimeout: "1 second" })
      a.on("WAIT", "hold")
      const fiber = yield* start(Effect.flip(ensured(write)))
      yield* advance("1 second")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("300 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "NotReplicated")
    }))

  it.effect.each(["before WAIT", "in WAIT", "before another write"])(
    "are none where the connection that was written on is lost: %s",
    (when) =>
      Effect.gen(function*() {
        const { a, ensured } = yield* replicated()
        if (when === "in WAIT") a.on("WAIT", "drop")
        const lose = Effect.sync(() => carrier(a, "SET bar 1").drop())
        const fiber = yield* start(Effect.flip(ensured(Effect.gen(function*() {
          yield* write
          if (when !== "in WAIT") yield* lose
          if (when === "before another write") yield* Redis.set(keyOfA, "2")
        }))))
        yield* advance("2 seconds")
        const error = yield* Fiber.join(fiber)
        assert.isTrue(error.reason._tag === "NotReplicated" && error.reason.acknowledged === 0)
        if (when === "before another write") assert.strictEqual(a.count("SET bar 2"), 1)
      })
  )

  it.effect("are not blamed for a connection that was only read from", () =>
    Effect.gen(function*() {
      const { a, b, ensured } = yield* replicated()
      const replies = yield* ensured(Effect.gen(function*() {
        const value = yield* Redis.get(keyOfB)
        carrier(b, "GET k").drop()
        return [value, yield* write]
      }))
      assert.deepStrictEqual(replies, ["b:7000", "OK"])
      assert.deepStrictEqual(waits(a, b), [1, 0])
    }))
})

describe("a redirect inside", () => {
  it.effect("is followed over a connection that is held as well, and the refusal counts for nothing", () =>
    Effect.gen(function*() {
      const { a, b, ensured, service } = yield* replicated()
      a.on("SET", moved).on("WAIT", Reply.error("ERR WAIT cannot be used with replica instances."))
      assert.strictEqual(yield* ensured(write), "OK")
      assert.deepStrictEqual(said(carrier(b, "SET bar 1")), ["SET bar 1", "WAIT 1 100"])
      assert.deepStrictEqual(waits(a), [0])
      assert.strictEqual((yield* service.stats).redirects, 1)
    }))

  it.effect("of a migration is followed behind ASKING", () =>
    Effect.gen(function*() {
      const { a, b, ensured } = yield* replicated()
      a.once("SET", Reply.error(`ASK ${slotOfA} b:7000`))
      assert.deepStrictEqual(yield* ensured(Effect.all([write, Redis.set(keyOfB, "1")])), ["OK", "OK"])
      assert.deepStrictEqual(said(carrier(b, "SET k 1")), ["ASKING", "SET bar 1", "SET k 1", "WAIT 1 100"])
      assert.deepStrictEqual(waits(a), [0])
    }))

  it.effect("does not make one forget what was written before it", () =>
    Effect.gen(function*() {
      const { a, b, ensured } = yield* replicated()
      a.once("SET", Reply.simple("OK"), moved)
      yield* ensured(Effect.all([write, write]))
      assert.deepStrictEqual(waits(a, b), [1, 1])
    }))

  it.effect("of a node that can't serve now is tried again over the same connection", () =>
    Effect.gen(function*() {
      const { a, ensured } = yield* replicated()
      a.once("SET", Reply.error("CLUSTERDOWN The cluster is down"))
      const fiber = yield* start(ensured(write))
      yield* advance("200 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "OK")
      assert.deepStrictEqual(said(carrier(a, "SET bar 1")), ["SET bar 1", "SET bar 1", "WAIT 1 100"])
    }))
})

describe("a command inside", () => {
  it.effect("whose connection can't be opened is tried elsewhere once the map has changed", () =>
    Effect.gen(function*() {
      const { a, b, cluster, ensured } = yield* replicated()
      a.accepts = "none"
      a.drop()
      const fiber = yield* start(ensured(write))
      yield* advance("1 second")
      assert.isUndefined(fiber.pollUnsafe())
      cluster.slots = [[0, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "OK")
      assert.deepStrictEqual(waits(b), [1])
    }))

  it.effect("that was in flight when its connection was lost fails, and may have been executed (trap 1)", () =>
    Effect.gen(function*() {
      const { a, ensured } = yield* replicated()
      a.once("SET", "drop")
      const error = yield* Effect.flip(ensured(write))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "MaybeExecuted"])
      assert.strictEqual(a.count("SET bar 1"), 1)
    }))

  it.effect("that is sent again, being idempotent, is waited for nowhere: what the first try wrote is not known", () =>
    Effect.gen(function*() {
      const { a, ensured } = yield* replicated()
      a.once("SET", "drop")
      const fiber = yield* start(Effect.flip(ensured(write.pipe(Command.idempotent))))
      yield* advance("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "NotReplicated")
    }))

  it.effect("that was not written yet when its connection was lost is waited for where it is written", () =>
    Effect.gen(function*() {
      const { a, ensured } = yield* replicated({ maxInFlight: 1 })
      a.once("GET", "hold")
      const both = Effect.all([Redis.get(keyOfA), write], { concurrency: "unbounded" })
      const fiber = yield* start(ensured(both))
      yield* settle
      carrier(a, "GET bar").drop()
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["a:7000", "OK"])
      assert.deepStrictEqual(waits(a), [1])
    }))

  it.effect("that is interrupted before it has a connection is never sent", () =>
    Effect.gen(function*() {
      const { a, ensured } = yield* replicated()
      yield* ensured(Effect.gen(function*() {
        const fiber = yield* start(Redis.set(keyOfA, "2"))
        yield* Fiber.interrupt(fiber)
        yield* settle
      }))
      assert.strictEqual(a.count("SET bar 2"), 0)
    }))

  it.effect("that is about the whole cluster is waited for on all of it", () =>
    Effect.gen(function*() {
      const { a, b, c, ensured } = yield* replicated()
      for (const node of [a, b, c]) node.on("FLUSHALL", Reply.simple("OK"))
      yield* ensured(Redis.command("FLUSHALL"))
      assert.deepStrictEqual(waits(a, b, c), [1, 1, 1])
    }))
})

describe("wrong arguments", () => {
  it.effect.each(
    [
      [-1, "1 second"],
      [1.5, "1 second"],
      [NaN, "1 second"],
      [1, 0],
      [1, -5],
      [1, "soon" as "1 second"]
    ] as const
  )("are refused before anything is run: %j", ([replicas, within]) =>
    Effect.gen(function*() {
      const { a, run } = yield* replicated()
      const error = yield* Effect.flip(run(Redis.ensureReplication(write, { replicas, within })))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "NotSent"])
      assert.deepStrictEqual(a.commands, [])
    }))
})

describe("wrong options", () => {
  class Decoded {
    readonly replicas = 1
    readonly within = "100 millis"
  }
  const wrong: ReadonlyArray<readonly [string, unknown, string]> = [
    ["none", undefined, "options have to be a plain object of replicas and within"],
    ["a number", 1, "options have to be a plain object of replicas and within"],
    ["an empty object", {}, "within has to be a duration"],
    ["no replicas", { within: "1 second" }, "the number of replicas"],
    ["a slip", { replica: 1, within: "1 second" }, "replica is not an option; did you mean replicas?"],
    ["one too many", { replicas: 1, within: "1 second", rerun: true }, "rerun is not an option"],
    ["a getter that throws", {
      replicas: 1,
      get within() {
        throw new Error("a bug")
      }
    }, "within can't be read"] // dprint-ignore
  ]

  it.effect.each(wrong)(
    "are refused before anything is run, in both forms: %s",
    ([, options, problem]) =>
      Effect.gen(function*() {
        const { a, run } = yield* replicated()
        const given = options as Replication.Options
        for (const ensured of [Redis.ensureReplication(write, given), Redis.ensureReplication(given)(write)]) {
          const error = yield* Effect.flip(run(ensured))
          assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "NotSent"])
          assert.include(error.message, problem)
        }
        assert.deepStrictEqual(a.commands, [])
      })
  )

  it.effect("are not those of a class, as decoding with a Schema makes", () =>
    Effect.gen(function*() {
      const { a, run } = yield* replicated()
      yield* run(Redis.ensureReplication(write, new Decoded() as Replication.Options))
      assert.deepStrictEqual(waits(a), [1])
    }))
})

describe("WAIT outside of a session", () => {
  it.effect("is refused: it would be about somebody else's writes (trap 44)", () =>
    Effect.gen(function*() {
      const { a, b, c, run, service } = yield* replicated()
      const error = yield* Effect.flip(run(Redis.wait(1, "1 second")))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.include(error.message, "session")
      const each = yield* onNodesOf(service).executeEach(Redis.wait(1, "1 second"), "all")
      assert.deepStrictEqual(each.map(({ result }) => result._tag), ["Failure", "Failure", "Failure"])
      assert.deepStrictEqual([a.commands, b.commands, c.commands], [[], [], []])
    }))
})
