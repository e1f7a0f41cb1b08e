/** What must not keep commands waiting: doors that nobody is behind, trials without an outcome, and others' connections. */
import { assert, describe, it } from "@effect/vitest"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as Command from "../src/Command.ts"
import { WaitingRoom } from "../src/internal/execution/waitingRoom.ts"
import type { Options } from "../src/internal/execution/waitingRoom.ts"
import type { Failure } from "../src/internal/failures/failure.ts"
import type * as NodePool from "../src/NodePool.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import { ConnectionLost } from "../src/RedisError.ts"
import type * as Resp from "../src/Resp.ts"
import * as Session from "../src/Session.ts"
import { connected, connectedTo, start } from "./support/client.ts"
import { advance, keyOfA, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const loading = Reply.error("LOADING Redis is loading the dataset in memory")
const readsOnly = Reply.error("CLUSTERDOWN The cluster is down and only accepts read commands")

/** Another key of the first of three nodes. Its slot, 449, and that of `keyOfA`, 5061, are both odd; that of `evenKeyOfA` is even. */
const otherKeyOfA = "k2"

const evenKeyOfA = "k3"

const sent = (node: ScriptedNode, name: string): number =>
  node.connections.flatMap(({ received }) => received).filter((line) => line.startsWith(`${name} `)).length

const none = RedirectPolicy.provide(RedirectPolicy.none)

describe("a door with nobody behind it", () => {
  it.effect("does not stay closed once the last who waited is interrupted", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("GET", loading)
      const fiber = yield* start(run(Redis.get(keyOfA)))
      yield* advance("1 second")
      yield* Fiber.interrupt(fiber)
      a.on("GET", Reply.bulk(a.key))
      yield* advance("5 seconds")
      assert.strictEqual(yield* run(Redis.get(keyOfA).pipe(none)), "a:7000")
    }))

  it.effect("does not stay closed after a trial that may have been executed", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("SET", loading)
      const fiber = yield* start(Effect.flip(run(Redis.set(keyOfA, "1"))))
      yield* advance("1 second")
      a.on("SET", "drop")
      yield* advance("3 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).delivery, "MaybeExecuted")
      yield* advance("3 seconds")
      assert.strictEqual(yield* run(Redis.get(keyOfA).pipe(none)), "a:7000")
    }))

  it.effect("does not stay closed while a trial blocks", () =>
    Effect.gen(function*() {
      const { a, cluster, run } = yield* connected()
      a.on("BLPOP", loading)
      const fiber = yield* start(run(Redis.blpop([keyOfA], "1 hour")))
      yield* advance("1 second")
      a.on("BLPOP", "hold")
      yield* advance("5 seconds")
      assert.strictEqual(yield* run(Redis.get(keyOfA).pipe(none)), "a:7000")
      const questions = cluster.questions
      yield* advance("10 seconds")
      assert.isAtMost(cluster.questions - questions, 3)
      yield* Fiber.interrupt(fiber)
    }))
})

describe("a trial", () => {
  it.effect("is not one that blocks, while another slot of the node has one that does not", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("BLPOP", loading).on("GET", loading)
      yield* Effect.replicateEffect(start(run(Redis.blpop([keyOfA], "1 minute"))), 16)
      yield* advance("1 second")
      const get = yield* start(run(Redis.get(otherKeyOfA)))
      yield* advance("1 second")
      a.on("BLPOP", "hold").on("GET", Reply.bulk(a.key))
      yield* advance("1500 millis")
      assert.strictEqual(yield* Fiber.join(get), "a:7000")
    }))

  it.effect("that blocks does not hold up two hundred others that block", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ maxDedicated: 300 })
      a.on("BLPOP", loading)
      yield* Effect.replicateEffect(start(run(Redis.blpop([keyOfA], "1 minute"))), 200)
      yield* advance("3 seconds")
      const before = sent(a, "BLPOP")
      a.on("BLPOP", "hold")
      yield* advance("12 seconds")
      assert.strictEqual(sent(a, "BLPOP") - before, 200)
    }))

  it.effect("that gets no reply opens nothing", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ commandTimeout: "1 day" })
      a.on("GET", loading)
      yield* start(Effect.exit(run(Redis.get(keyOfA).pipe(Command.timeout("1500 millis")))))
      yield* advance("10 millis")
      yield* Effect.replicateEffect(start(run(Redis.get(keyOfA))), 500)
      yield* advance("1 second")
      const before = sent(a, "GET")
      a.on("GET", "hold")
      yield* advance("4 seconds")
      assert.isAtMost(sent(a, "GET") - before, 5)
    }))
})

describe("a node that answers reads only", () => {
  it.effect("is not sent all writes again and again", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("SET", readsOnly)
      yield* Effect.replicateEffect(start(run(Redis.set(keyOfA, "1"))), 300)
      yield* advance("100 millis")
      const reads = yield* start(
        Effect.forever(Effect.andThen(run(Redis.get(keyOfA).pipe(none)), Effect.sleep("5 millis")))
      )
      const before = sent(a, "SET")
      yield* advance("10 seconds")
      assert.isAtMost(sent(a, "SET") - before, 30)
      assert.isUndefined(reads.pollUnsafe())
      yield* Fiber.interrupt(reads)
    }))
})

describe("a node that begins to answer", () => {
  it.effect("reads only, is sent the reads that have waited with the writes", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("SET", loading).on("GET", loading)
      const set = yield* start(run(Redis.set(keyOfA, "1")))
      const get = yield* start(run(Redis.get(keyOfA)))
      yield* advance("1 second")
      a.on("SET", readsOnly).on("GET", Reply.bulk(a.key))
      yield* advance("3 seconds")
      assert.isUndefined(set.pollUnsafe())
      assert.strictEqual(yield* Fiber.join(get), "a:7000")
    }))

  it.effect("has one trial under way, also if nobody waits behind it", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("SET", loading)
      yield* start(run(Redis.set(keyOfA, "1")))
      yield* advance("200 millis")
      a.on("SET", "hold")
      const before = sent(a, "SET")
      for (let n = 0; sent(a, "SET") === before; n++) yield* advance("10 millis")
      yield* advance("600 millis")
      yield* start(run(Redis.set(keyOfA, "2")))
      yield* settle
      assert.strictEqual(sent(a, "SET") - before, 1)
    }))
})

describe("a node that says this and that by turns", () => {
  const unserved = Reply.error("CLUSTERDOWN Hash slot not served")
  const readOnly = Reply.error("READONLY You can't write against a read only replica.")
  const again = Reply.error("TRYAGAIN Multiple keys request during rehashing of slot")
  const toItself = Reply.error(`MOVED ${slotOfA} a:7000`)
  const toB = Reply.error(`ASK ${slotOfA} b:7000`)
  it.effect.each([
    [toItself, 101],
    [readOnly, 30],
    [[unserved, loading], 60],
    [[readOnly, loading], 60],
    [[unserved, toItself], 80],
    [[loading, again], 80],
    [[loading, toB], 80]
  ] as ReadonlyArray<readonly [Resp.Reply | ReadonlyArray<Resp.Reply>, number]>)(
    "is not tried without a pause: %j",
    ([said, most]) =>
      Effect.gen(function*() {
        const redirects = RedirectPolicy.make(Schedule.spaced("100 millis"), { within: "1 hour" })
        const { a, b, run } = yield* connected({ commandTimeout: "1 hour", redirects })
        let tries = 0
        const replies = Array.isArray(said) ? said : [said]
        a.on("SET", () => replies[tries++ % replies.length])
        b.on("SET", loading)
        const fiber = yield* start(run(Redis.set(keyOfA, "1")))
        yield* advance("10 seconds")
        assert.isUndefined(fiber.pollUnsafe())
        assert.isAtLeast(tries, 8)
        assert.isAtMost(tries, most)
      })
  )
})

describe("a connection of one's own that can't be had", () => {
  it.effect("holds up nobody on the shared one", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      yield* run(Redis.get(keyOfA))
      a.accepts = "none"
      const session = yield* start(
        Effect.exit(run(Session.use({ keys: keyOfA }, Redis.get(keyOfA), { rerun: true })))
      )
      const dialed = a.dialed.length
      for (let n = 0; n < 40; n++) {
        const get = yield* start(run(Redis.get(keyOfA).pipe(none)))
        yield* settle
        assert.strictEqual(yield* Fiber.join(get), "a:7000")
        yield* advance("50 millis")
      }
      assert.isAtMost(a.dialed.length - dialed, 20)
      yield* Fiber.interrupt(session)
    }))

  it.effect("or one of several shared ones, holds up nobody on the others", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ connectionsPerNode: 2 })
      yield* run(Redis.get(keyOfA))
      yield* advance("100 millis")
      const shared = a.live.filter(({ received }) => received.some((line) => line.startsWith("GET")))
      assert.strictEqual(shared.length, 1)
      a.accepts = "none"
      const others = a.live.filter((connection) => connection !== shared[0])
      for (const connection of others) connection.drop()
      yield* advance("200 millis")
      const held = yield* start(run(Redis.get(evenKeyOfA)))
      for (let n = 0; n < 20; n++) {
        yield* advance("100 millis")
        assert.strictEqual(yield* run(Redis.get(keyOfA).pipe(none)), "a:7000")
      }
      assert.isUndefined(held.pollUnsafe())
      a.accepts = "all"
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(held), "a:7000")
    }))
})

describe("patience", () => {
  it.effect("begins anew for a command that has blocked in between", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.once("BLPOP", loading).on("BLPOP", "hold")
      const fiber = yield* start(Effect.exit(run(Redis.blpop([keyOfA], "1 hour"))))
      yield* advance("1 minute")
      assert.isUndefined(fiber.pollUnsafe())
      a.on("BLPOP", loading)
      a.live.find(({ received }) =>
        received.some((line) => line.startsWith("BLPOP 1 ")) || received.some((line) => line.startsWith("BLPOP "))
      )!
        .release(
          Reply.error("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)")
        )
      yield* advance("5 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      a.on("BLPOP", Reply.array([Reply.bulk(keyOfA), Reply.bulk("x")]))
      yield* advance("5 seconds")
      assert.isDefined(fiber.pollUnsafe())
    }))
})

describe("a slot that nobody serves", () => {
  it.effect("has been so since the first failure", () =>
    Effect.gen(function*() {
      const { run } = yield* connectedTo([[0, 5000, "a:7000"], [5461, 16383, "b:7000"]], { commandTimeout: "1 day" })
      const first = yield* start(Effect.flip(run(Redis.get(keyOfA))))
      yield* advance("20 seconds")
      const second = yield* start(Effect.flip(run(Redis.get(keyOfA))))
      yield* advance("6 seconds")
      assert.isAtLeast((yield* Fiber.join(first)).away!.millis, 24_000)
      yield* advance("20 seconds")
      assert.isAtLeast((yield* Fiber.join(second)).away!.millis, 44_000)
    }))
})

describe("commands of a pipeline that go on one after the other", () => {
  it.effect("do not take a node that is back for away: their failures are old", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.accepts = "none"
      a.drop()
      yield* settle
      const fiber = yield* start(run(Redis.pipeline(Array.from({ length: 20 }, () => Redis.set(keyOfA, "1")))))
      yield* advance("2 seconds")
      a.accepts = "all"
      for (let n = 0; a.live.length === 0; n++) yield* TestClock.adjust("10 millis")
      yield* advance("100 millis")
      assert.isDefined(fiber.pollUnsafe())
    }))
})

describe("a room", () => {
  const failure: Failure = { reason: new ConnectionLost({ problem: "gone" }), delivery: "NotSent", node: "a:7000" }
  const about = { slot: 1, readFrom: "primary", beside: false, reads: true } as const
  const node = { address: { key: "a:7000" }, absence: () => failure } as unknown as NodePool.Node
  const roomAt = Effect.map(
    Effect.context<never>(),
    (context) => (options: Partial<Options>) =>
      new WaitingRoom({
        clock: { currentTimeMillisUnsafe: () => 0 } as Clock.Clock,
        soon: queueMicrotask,
        report: () => {},
        random: () => 0.5,
        fork: Effect.runForkWith(context),
        nodeOf: () => node,
        shardOf: () => "a:7000",
        isOpen: () => false,
        onAway: () => {},
        maxWaiting: Infinity,
        connectionsPerNode: 1,
        ...options
      })
  )

  it.effect("forgets those who were interrupted, although nobody else leaves", () =>
    Effect.gen(function*() {
      const room = (yield* roomAt)({})
      assert.isTrue(room.close(failure, about))
      const kept = yield* start(room.wait({ ...about, until: Infinity, ticket: undefined }))
      for (let n = 0; n < 5000; n++) {
        const fiber = yield* start(room.wait({ ...about, until: Infinity, ticket: undefined }))
        yield* Fiber.interrupt(fiber)
      }
      assert.strictEqual(room.stats.waiting, 1)
      const { queues } = (room as unknown as {
        readonly places: { readonly queues: Map<number, { readonly guests: ReadonlyArray<unknown> }> }
      }).places
      assert.isAtMost(queues.get(1)!.guests.length, 1100)
      room.end()
      assert.strictEqual((yield* Fiber.join(kept))._tag, "Closed")
    }))

  it.effect("forgets the places of pipelines that come back again and again", () =>
    Effect.gen(function*() {
      const room = (yield* roomAt)({})
      assert.isTrue(room.close(failure, about))
      yield* start(room.wait({ ...about, slot: 2, until: Infinity, ticket: undefined }))
      for (let n = 0; n < 5000; n++) {
        const fiber = yield* start(room.wait({ ...about, also: [2], until: Infinity, ticket: undefined }))
        yield* Fiber.interrupt(fiber)
      }
      const { queues } = (room as unknown as {
        readonly places: { readonly queues: Map<number, { readonly guests: ReadonlyArray<unknown> }> }
      }).places
      assert.isAtMost(queues.get(2)!.guests.length, 600)
      room.end()
    }))

  it.effect("has a place for whoever comes back, also if it is full by then", () =>
    Effect.gen(function*() {
      const room = (yield* roomAt)({ maxWaiting: 1 })
      assert.isTrue(room.close(failure, about))
      yield* start(room.wait({ ...about, until: Infinity, ticket: undefined }))
      const full = yield* start(room.wait({ ...about, until: Infinity, ticket: undefined }))
      assert.strictEqual((yield* Fiber.join(full))._tag, "Full")
      const back = yield* start(room.wait({ ...about, until: Infinity, ticket: 0 }))
      assert.isUndefined(back.pollUnsafe())
      assert.strictEqual(room.stats.waiting, 2)
      room.end()
    }))

  it.effect("takes nobody in, and closes no door, once it has ended", () =>
    Effect.gen(function*() {
      const room = (yield* roomAt)({})
      room.end()
      assert.isFalse(room.close(failure, about))
      const late = yield* start(room.wait({ ...about, until: Infinity, ticket: undefined }))
      assert.strictEqual((yield* Fiber.join(late))._tag, "Closed")
      assert.isTrue(room.isEmpty)
    }))

  it.effect("keeps a door closed whose trial is interrupted", () =>
    Effect.gen(function*() {
      const room = (yield* roomAt)({})
      assert.isTrue(room.close(failure, about))
      yield* start(room.wait({ ...about, until: Infinity, ticket: undefined }))
      const [door] = room.stats.away
      door.trials++
      const trial = yield* start(room.tried(door, about, Effect.never))
      yield* Fiber.interrupt(trial)
      assert.deepStrictEqual([room.stats.away, door.trials], [[door], 0])
      room.end()
    }))

  it.live("goes on when the clock is set back", () =>
    Effect.gen(function*() {
      let now = 3_600_000
      let away: Failure | undefined = failure
      const node = { address: { key: "a:7000" }, absence: () => away } as unknown as NodePool.Node
      const clock = { currentTimeMillisUnsafe: () => now } as Clock.Clock
      const room = (yield* roomAt)({ clock, nodeOf: () => node })
      assert.isTrue(room.close(failure, about))
      const first = yield* start(room.wait({ ...about, until: Infinity, ticket: undefined }))
      yield* Effect.sleep("100 millis")
      now = 1000
      away = undefined
      const late = yield* start(room.wait({ ...about, until: 1000, ticket: undefined }))
      yield* Fiber.join(first)
      yield* Fiber.join(late)
      room.end()
    }))
})

describe("a node that takes long to refuse", () => {
  it.effect("has been away since the first failure, also for one who waits alone", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ commandTimeout: "1 day", connectTimeout: "5 seconds" })
      a.accepts = "neither"
      a.drop()
      yield* advance("6 seconds")
      const fiber = yield* start(Effect.flip(run(Redis.get(keyOfA))))
      yield* advance("36 seconds")
      const { away } = yield* Fiber.join(fiber)
      assert.isAtLeast(away!.millis, 24_000)
      assert.isAtLeast(away!.tries, 2)
    }))
})
