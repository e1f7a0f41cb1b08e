/** What waits for a node that is away gets an outcome whatever users give, and leaves nothing behind. */
import { assert, describe, it } from "@effect/vitest"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { WaitingRoom } from "../src/internal/execution/waitingRoom.ts"
import type { Failure } from "../src/internal/failures/failure.ts"
import type * as NodePool from "../src/NodePool.ts"
import * as ReadFrom from "../src/ReadFrom.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import { ConnectionLost } from "../src/RedisError.ts"
import * as Slot from "../src/Slot.ts"
import { connected, connectedTo, start } from "./support/client.ts"
import { shard } from "./support/replicas.ts"
import { advance, keyOfA, keyOfB, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const loading = Reply.error("LOADING Redis is loading the dataset in memory")
const unserved = Reply.error("CLUSTERDOWN Hash slot not served")
const none = RedirectPolicy.provide(RedirectPolicy.none)

/** Another slot of the same node. */
const secondOfA = "{b5}"

const sent = (node: ScriptedNode, name: string): number =>
  node.connections.flatMap(({ received }) => received).filter((line) => line.startsWith(`${name} `)).length

describe("an observer of a fiber that throws", () => {
  it.effect("keeps nobody else from being told that it is too late", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ commandTimeout: "3 seconds" })
      a.accepts = "none"
      a.drop()
      yield* settle
      const fibers = yield* Effect.replicateEffect(start(Effect.exit(run(Redis.get(keyOfA)))), 5)
      for (const fiber of fibers.slice(0, 2)) {
        fiber.addObserver(() => {
          throw new Error("observer")
        })
      }
      yield* advance("4 seconds")
      for (const fiber of fibers.slice(2)) assert.isDefined(fiber.pollUnsafe())
    }))

  it.effect("keeps nobody else from being told that the client has ended", () =>
    Effect.gen(function*() {
      const { a, cluster } = threeNodes()
      const scope = yield* Scope.make()
      const service = yield* cluster.provide(Scope.provide(RedisCluster.make({ nodes: ["a:7000"] }), scope))
      a.accepts = "none"
      a.drop()
      yield* settle
      const fibers = yield* Effect.replicateEffect(start(Effect.exit(service.execute(Redis.get(keyOfA)))), 5)
      for (const fiber of fibers.slice(0, 2)) {
        fiber.addObserver(() => {
          throw new Error("observer")
        })
      }
      yield* advance("1 second")
      const closing = yield* start(Scope.close(scope, Exit.void))
      yield* advance("3 seconds")
      yield* Fiber.join(closing)
      for (const fiber of fibers.slice(2)) assert.isDefined(fiber.pollUnsafe())
    }))
})

describe("a policy whose properties are code", () => {
  /** Reads `within` well so many times, and then throws, or says something else. */
  const fickle = (reads: number, then: () => unknown) => {
    let count = 0
    return {
      schedule: Schedule.recurs(3),
      get within() {
        return count++ < reads ? "2 seconds" : then()
      }
    } as unknown as RedirectPolicy.RedirectPolicy
  }
  const misdeeds: ReadonlyArray<readonly [string, () => unknown]> = [
    ["throws", () => {
      throw new Error("getter")
    }],
    ["says nonsense", () => "soon"]
  ]
  const cases = misdeeds.flatMap(([what, then]) =>
    Array.from({ length: 8 }, (_, reads) => [what, reads, then] as const)
  )

  it.effect.each(cases)(
    "that %s after %i reads ends no fiber by a defect",
    ([, reads, then]) =>
      Effect.gen(function*() {
        const { a, run } = yield* connected()
        a.on("GET", loading).on("SET", loading)
        yield* start(run(Redis.get(keyOfA)))
        yield* advance("100 millis")
        const policy = fickle(reads, then)
        const work = run(Effect.all([Redis.get(keyOfA), Redis.set(keyOfA, "1")], { concurrency: 2 }))
        const fiber = yield* start(Effect.exit(work.pipe(RedirectPolicy.provide(policy))))
        const direct = yield* start(
          Effect.exit(run(Redis.get(keyOfA)).pipe(Effect.provideService(RedirectPolicy.Current, fickle(reads, then))))
        )
        yield* advance("10 seconds")
        const both = yield* Fiber.join(fiber)
        const alone = yield* Fiber.join(direct)
        assert.isTrue(Exit.isFailure(both) && !Exit.hasDies(both))
        assert.isTrue(Exit.isFailure(alone) && !Exit.hasDies(alone))
      })
  )
})

describe("chance that throws", () => {
  it.effect("keeps nobody waiting for ever", () =>
    Effect.gen(function*() {
      let broken = false
      const chance: typeof Random.Random.Service = {
        ...Random.Random.defaultValue(),
        nextDoubleUnsafe: () => {
          if (broken) throw new Error("chance")
          return 0.5
        }
      }
      const { a, cluster } = threeNodes()
      const service = yield* cluster.provide(
        Effect.provideService(RedisCluster.make({ nodes: ["a:7000"] }), Random.Random, chance)
      )
      a.on("GET", loading)
      const fibers = yield* Effect.replicateEffect(start(Effect.exit(service.execute(Redis.get(keyOfA)))), 5)
      yield* advance("100 millis")
      const later = yield* Effect.replicateEffect(start(Effect.exit(service.execute(Redis.get(keyOfA)))), 5)
      broken = true
      yield* advance("40 seconds")
      for (const fiber of [...fibers, ...later]) assert.isDefined(fiber.pollUnsafe())
      assert.strictEqual((yield* service.stats).waiting, 0)
    }))
})

describe("a pipeline", () => {
  it.effect("one slot of which nobody serves holds up nobody for the others", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("SET", ([key]) => key === keyOfA ? unserved : Reply.simple("OK"))
      const first = yield* start(run(Redis.set(keyOfA, "f")))
      yield* advance("1 second")
      a.once("SET", unserved)
      const pipeline = yield* start(run(Redis.pipeline([Redis.set(keyOfA, "p"), Redis.set(secondOfA, "p")])))
      yield* settle
      const single = yield* start(run(Redis.set(secondOfA, "s")))
      yield* advance("3 seconds")
      assert.isDefined(single.pollUnsafe())
      assert.isUndefined(first.pollUnsafe())
      assert.isUndefined(pipeline.pollUnsafe())
      assert.deepStrictEqual(a.commands.filter((line) => line.startsWith(`SET ${secondOfA}`)).slice(-2), [
        `SET ${secondOfA} p`,
        `SET ${secondOfA} s`
      ])
    }))

  it.effect("of a read and a write: the write waits for its node, although others may answer the read", () =>
    Effect.gen(function*() {
      const { a, get, run, warm } = yield* shard({ readFrom: "any" })
      yield* warm()
      yield* advance("2 seconds")
      while ((yield* get()) !== "a:7000");
      yield* Effect.replicateEffect(get(), 2)
      a.on("GET", loading).on("SET", loading)
      const reads = sent(a, "GET")
      const fiber = yield* start(run(Redis.pipeline([Redis.get(keyOfA), Redis.set(secondOfA, "1")])))
      yield* settle
      assert.strictEqual(sent(a, "GET") - reads, 1)
      yield* advance("1 second")
      const before = sent(a, "SET")
      yield* advance("10 seconds")
      assert.isAtMost(sent(a, "SET") - before, 30)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("part of which is done waits where the others are", () =>
    Effect.gen(function*() {
      const { a, cluster, run, service } = yield* connected()
      a.on("SET", loading)
      const fiber = yield* start(run(Redis.pipeline([Redis.set(keyOfA, "1"), Redis.set(secondOfA, "1")])))
      yield* advance("1 second")
      const moved = Slot.fromKey(keyOfA)
      cluster.slots = [[0, moved - 1, "a:7000"], [moved, moved, "b:7000"], [moved + 1, 5460, "a:7000"], [
        5461,
        16383,
        "b:7000"
      ]]
      yield* service.refresh
      yield* advance("1 second")
      const before = sent(a, "SET")
      yield* advance("10 seconds")
      assert.isAtMost(sent(a, "SET") - before, 30)
      a.on("SET", Reply.simple("OK"))
      yield* advance("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["OK", "OK"])
    }))

  it.effect("with an old refusal does not take a node for away that is back", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      a.on("GET", loading)
      const first = yield* start(run(Redis.get(keyOfA)))
      yield* settle
      b.on("GET", "hold")
      const pipeline = yield* start(run(Redis.pipeline([Redis.get(keyOfA), Redis.get(keyOfB)])))
      yield* advance("500 millis")
      a.on("GET", Reply.bulk(a.key))
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(first), "a:7000")
      b.live[0].release(Reply.bulk(b.key))
      yield* Effect.yieldNow
      assert.strictEqual(yield* run(Redis.get(keyOfA).pipe(none)), "a:7000")
      yield* settle
      assert.deepStrictEqual(yield* Fiber.join(pipeline), ["a:7000", "b:7000"])
    }))

  it.effect("with an old failure does not take a node for away that is back", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      a.once("GET", loading)
      b.on("GET", "hold")
      const pipeline = yield* start(run(Redis.pipeline([Redis.get(keyOfA), Redis.get(keyOfB)])))
      yield* advance("1 second")
      assert.strictEqual(yield* run(Redis.get(keyOfA).pipe(none)), "a:7000")
      b.live[0].release(Reply.bulk(b.key))
      yield* Effect.yieldNow
      assert.strictEqual(yield* run(Redis.get(keyOfA).pipe(none)), "a:7000")
      yield* settle
      assert.deepStrictEqual(yield* Fiber.join(pipeline), ["a:7000", "b:7000"])
    }))
})

describe("a slot", () => {
  it.effect("that its primary does not serve holds up no reads of its replicas", () =>
    Effect.gen(function*() {
      const { a, get, run, warm } = yield* shard({ readFrom: "replica" })
      yield* warm()
      a.on("SET", unserved)
      const set = yield* start(run(Redis.set(keyOfA, "1")))
      yield* advance("500 millis")
      const read = yield* start(get())
      yield* settle
      assert.isDefined(read.pollUnsafe())
      assert.isUndefined(set.pollUnsafe())
    }))

  it.effect("that nobody serves does not hide what is wrong with `readFrom`", () =>
    Effect.gen(function*() {
      const { run } = yield* connectedTo([[0, 5000, "a:7000"], [5461, 16383, "b:7000"]])
      yield* start(run(Redis.get(keyOfA)))
      yield* advance("100 millis")
      for (const readFrom of ["primaries", 7, {}]) {
        const read = yield* start(Effect.flip(run(ReadFrom.provide(Redis.get(keyOfA), readFrom as never))))
        const direct = yield* start(
          Effect.flip(run(Effect.provideService(Redis.get(keyOfA), ReadFrom.Current, readFrom as never)))
        )
        yield* advance("100 millis")
        for (const fiber of [read, direct]) {
          assert.isDefined(fiber.pollUnsafe())
          assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "InvalidArgument")
        }
      }
    }))
})

describe("an error", () => {
  it.effect("names the slot that was waited for, not the node of others", () =>
    Effect.gen(function*() {
      const redirects = RedirectPolicy.make(Schedule.forever, { within: "5 seconds" })
      const { cluster, run, service } = yield* connectedTo([[0, 5460, "a:7000"], [5461, 16383, "b:7000"]], {
        redirects
      })
      const [a, b] = [cluster.node("a:7000"), cluster.node("b:7000")]
      a.on("GET", loading)
      yield* start(Effect.exit(run(Redis.get(keyOfA))))
      yield* advance("1 second")
      cluster.slots = [[5461, 16383, "b:7000"]]
      yield* service.refresh
      b.on("GET", loading)
      yield* start(Effect.exit(run(Redis.get(keyOfB))))
      yield* advance("100 millis")
      const fiber = yield* start(Effect.flip(run(Redis.get(keyOfA))))
      yield* advance("6 seconds")
      const { node, reason } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([reason._tag, node], ["NoNodeForSlot", undefined])
    }))
})

describe("patience without end", () => {
  it.effect("lasts until the node is back", () =>
    Effect.gen(function*() {
      const redirects = RedirectPolicy.make(Schedule.forever, { within: "Infinity" })
      const { a, run, service } = yield* connected({ redirects, commandTimeout: "Infinity" })
      a.on("GET", loading)
      const fibers = yield* Effect.replicateEffect(start(run(Redis.get(keyOfA))), 3)
      yield* advance("2 minutes")
      assert.strictEqual((yield* service.stats).waiting, 3)
      a.on("GET", Reply.bulk(a.key))
      yield* advance("3 seconds")
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
    }))
})

describe("a room", () => {
  const failure: Failure = { reason: new ConnectionLost({ problem: "gone" }), delivery: "NotSent", node: "a:7000" }
  const about = { slot: 1, readFrom: "primary", beside: false, reads: true } as const

  it.live("goes on after its clock has thrown once, whenever that is", () =>
    Effect.gen(function*() {
      const context = yield* Effect.context<never>()
      const goesOn = Effect.fnUntraced(function*(at: number) {
        let reads = 0
        let armed = false
        let away: Failure | undefined = failure
        const room = new WaitingRoom({
          clock: {
            currentTimeMillisUnsafe: () => {
              if (armed && ++reads === at) throw new Error("clock")
              return Date.now()
            }
          } as Clock.Clock,
          soon: queueMicrotask,
          report: () => {},
          random: () => 0.5,
          fork: Effect.runForkWith(context),
          nodeOf: () => ({ address: { key: "a:7000" }, absence: () => away } as unknown as NodePool.Node),
          shardOf: () => "a:7000",
          isOpen: () => false,
          onAway: () => {},
          maxWaiting: Infinity,
          connectionsPerNode: 1
        })
        room.close(failure, about)
        const waiter = yield* start(room.wait({ ...about, until: Infinity, ticket: undefined }))
        armed = true
        yield* Effect.sleep("30 millis")
        away = undefined
        assert.isTrue(
          Option.isSome(yield* Effect.timeoutOption(Fiber.await(waiter), "30 seconds")),
          `read ${at} has thrown`
        )
        room.end()
      })
      yield* Effect.forEach(Array.from({ length: 25 }, (_, at) => at + 1), goesOn, { concurrency: "unbounded" })
    }))
})
