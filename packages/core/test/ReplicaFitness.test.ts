import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Session from "../src/Session.ts"
import { carrier, said, start } from "./support/client.ts"
import { primary, reading, replica, shard, startReading } from "./support/replicas.ts"
import { advance, keyOfA, keyOfB, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const [a, b, c] = ["a:7000", "b:7000", "c:7000"]
const fallible = ["preferReplica", "any", "nearest"] as const
const pair = [[0, 16383, "a:7000", "b:7000"]] as const
const twoShards = [[0, 8191, "a:7000", "b:7000"], [8192, 16383, "d:7000", "e:7000"]] as const

describe("a replica that refuses", () => {
  const refusals = [
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN The cluster is down"
  ]
  it.effect.each(refusals)("is passed over, and comes back: %s (trap 47)", (text) =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica" })
      yield* nodes.warm()
      nodes.b.on("GET", Reply.error(text)).on("ROLE", replica("sync"))
      const got = yield* reading(nodes.get(), 3000)
      assert.deepStrictEqual(new Set(got), new Set([c]))
      assert.strictEqual(nodes.b.count("GET bar"), 1)
      nodes.b.on("GET", Reply.bulk(b)).on("ROLE", replica())
      yield* reading(nodes.get(), 1500)
      assert.sameMembers([...yield* nodes.answers(2)], [b, c])
    }))

  it.effect("though it calls itself fit is tried no more than once a second (trap 47)", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica" })
      yield* nodes.warm()
      nodes.b.on("GET", Reply.error(refusals[0]))
      const got = yield* reading(nodes.get(), 10_000)
      assert.deepStrictEqual(new Set(got), new Set([c]))
      assert.isAtMost(nodes.b.count("GET bar"), 10)
    }))

  it.effect("is not believed what it was asked before it refused", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica", slots: pair })
      yield* nodes.warm()
      nodes.b.on("GET", "hold")
      const first = yield* start(nodes.get())
      yield* advance("1 second")
      nodes.b.once("ROLE", "hold")
      const second = yield* start(nodes.get())
      yield* settle
      const reader = nodes.b.live.find(({ received }) => received.includes("GET bar"))!
      reader.release(Reply.error(refusals[0]))
      yield* settle
      reader.release(replica())
      yield* advance("50 millis")
      assert.strictEqual(yield* Fiber.join(first), a)
      assert.deepStrictEqual(yield* nodes.answers(3), [a, a, a])
      yield* Fiber.interrupt(second)
    }))

  it.effect("is the only one that may answer: it is tried until it does", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "replica", slots: pair })
      yield* nodes.warm()
      nodes.b.on("GET", Reply.error(refusals[0])).on("ROLE", replica("sync"))
      const fiber = yield* start(nodes.get())
      yield* advance("2 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      nodes.b.on("GET", Reply.bulk(b))
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), b)
      assert.strictEqual(nodes.a.count("GET bar"), 0)
    }))
})

describe("a replica that redirects", () => {
  it.effect("to its primary has left the shard: the primary answers, and it is not asked again at once (trap 48)", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica", slots: pair })
      yield* nodes.warm()
      nodes.b.on("GET", Reply.error(`MOVED ${slotOfA} ${a}`))
      const before = nodes.cluster.questions
      assert.deepStrictEqual(yield* nodes.answers(10), Array.from({ length: 10 }, () => a))
      assert.strictEqual(nodes.b.count("GET bar"), 1)
      yield* advance("200 millis")
      assert.isAbove(nodes.cluster.questions, before)
      assert.strictEqual((yield* nodes.service.stats).redirects, 1)
    }))

  it.effect.each(["replica", ...fallible] as const)(
    "for good costs each read one redirect at the most: %s",
    (readFrom) =>
      Effect.gen(function*() {
        const nodes = yield* shard({ readFrom })
        for (const node of [nodes.b, nodes.c]) node.on("GET", Reply.error(`MOVED ${slotOfA} ${a}`))
        const got = yield* reading(nodes.get(), 3000)
        assert.deepStrictEqual(new Set(got), new Set([a]))
        assert.isAtMost(nodes.b.count("GET bar") + nodes.c.count("GET bar"), readFrom === "replica" ? got.length : 8)
      })
  )

  it.effect("because the slot has moved away still answers the others", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica", slots: twoShards })
      const node = (name: string) => nodes.cluster.node(`${name}:7000`)
      yield* nodes.warm()
      nodes.b.on("GET", ([key]) => key === keyOfA ? Reply.error(`MOVED ${slotOfA} d:7000`) : Reply.bulk(b))
      const both = yield* Effect.all([nodes.get(), nodes.get()], { concurrency: "unbounded" })
      assert.deepStrictEqual(both, ["d:7000", "d:7000"])
      assert.strictEqual(yield* nodes.get(undefined, keyOfB), b)
      // The slot is read from the replicas of its new shard, once they have said that they are fit.
      yield* nodes.warm()
      assert.strictEqual(yield* nodes.get(), "e:7000")
      assert.strictEqual(node("a").count("GET bar"), 1)
    }))

  it.effect("to a place that is none is passed over, and the map learnt anew", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica", slots: pair })
      yield* nodes.warm()
      nodes.b.on("GET", Reply.error(`MOVED ${slotOfA} ?:7000`))
      const got = yield* reading(nodes.get(), 500)
      assert.deepStrictEqual(new Set(got), new Set([a]))
      assert.strictEqual(nodes.b.count("GET bar"), 1)
    }))

  it.effect("by ASK, as Valkey's do, sends that one read on, over a connection that is no reader's", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica", slots: twoShards })
      yield* nodes.warm()
      nodes.b.once("GET", Reply.error(`ASK ${slotOfA} d:7000`))
      assert.strictEqual(yield* nodes.get(), "d:7000")
      assert.deepStrictEqual(said(carrier(nodes.cluster.node("d:7000"), "ASKING")), ["ASKING", "GET bar"])
      assert.strictEqual(yield* nodes.get(), b)
    }))
})

describe("a replica that is out of reach", () => {
  it.effect.each(fallible)(
    "from the start is passed over without anybody's waiting: %s",
    (readFrom) =>
      Effect.gen(function*() {
        const nodes = yield* shard({ readFrom })
        nodes.b.accepts = "none"
        nodes.c.accepts = "neither"
        const got = yield* reading(nodes.get(), 8000)
        assert.deepStrictEqual(new Set(got), new Set([a]))
        assert.strictEqual((yield* nodes.service.stats).retries, 0)
      })
  )

  it.effect("because it died costs the reads that it had a second try, and no others", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica" })
      yield* nodes.warm()
      nodes.b.on("GET", "hold")
      const fibers = yield* Effect.forEach(Array.from({ length: 10 }), () => start(nodes.get()))
      yield* settle
      assert.strictEqual(nodes.b.count("GET bar"), 5)
      nodes.b.accepts = "none"
      nodes.b.drop()
      yield* advance("50 millis")
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), c)
      const { retries } = yield* nodes.service.stats
      assert.strictEqual(retries, 5)
      assert.deepStrictEqual(new Set(yield* reading(nodes.get(), 3000)), new Set([c]))
      assert.strictEqual((yield* nodes.service.stats).retries, retries)
    }))

  it.effect("and comes back empty answers nothing before it has its data", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "any" })
      yield* nodes.warm()
      // Nothing was on its way there: only the lost connection tells.
      nodes.b.on("GET", Reply.null).on("ROLE", primary())
      nodes.b.drop()
      assert.notInclude(yield* reading(nodes.get(), 2000), null)
      nodes.b.on("ROLE", replica("connect"))
      assert.notInclude(yield* reading(nodes.get(), 2000), null)
      nodes.b.on("ROLE", replica("sync"))
      assert.notInclude(yield* reading(nodes.get(), 2000), null)
      nodes.b.on("ROLE", replica()).on("GET", Reply.bulk(b))
      assert.include(yield* reading(nodes.get(), 2000), b)
    }))

  it.effect("is asked for its role as soon as it is back, before any read", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "replica", slots: pair })
      yield* nodes.warm()
      nodes.b.on("GET", Reply.null).on("ROLE", replica("connect"))
      nodes.b.accepts = "none"
      nodes.b.drop()
      const fiber = yield* start(nodes.get())
      yield* advance("1 second")
      nodes.b.accepts = "all"
      // What goes along with the question can't know the answer. What comes after it does.
      yield* advance("2 seconds")
      const reader = nodes.b.live.find(({ received }) => received.includes("READONLY"))!
      assert.deepStrictEqual(reader.received.filter((line) => /^(READONLY|ROLE|GET)/.test(line)).slice(0, 2), [
        "READONLY",
        "ROLE"
      ])
      const sent = nodes.b.count("GET bar")
      yield* Fiber.interrupt(fiber)
      const waiting = yield* start(nodes.get())
      yield* advance("2 seconds")
      assert.strictEqual(nodes.b.count("GET bar"), sent)
      nodes.b.on("GET", Reply.bulk(b)).on("ROLE", replica())
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(waiting), b)
    }))

  it.effect("for a moment is back as soon as its connection is", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica", slots: pair })
      yield* nodes.warm()
      yield* advance("5 seconds")
      nodes.b.drop()
      yield* nodes.warm()
      assert.strictEqual(yield* nodes.get(), b)
    }))

  it.effect("because it froze stops being read from within three seconds", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica" })
      yield* nodes.warm()
      nodes.b.frozen = true
      const fibers = yield* startReading(nodes.get(), 3000)
      assert.deepStrictEqual(new Set(yield* reading(nodes.get(), 9000)), new Set([c]))
      // Those that it was sent are answered elsewhere when its connection is given up.
      for (const fiber of fibers) {
        assert.isDefined(fiber.pollUnsafe())
        assert.strictEqual(yield* Fiber.join(fiber), c)
      }
      nodes.b.frozen = false
      assert.include(yield* reading(nodes.get(), 8000), b)
    }))

  it.effect("because it froze is passed over, whenever the answers to its questions are due", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica", slots: pair })
      yield* nodes.warm()
      yield* advance("1500 millis")
      nodes.b.on("GET", "hold")
      const first = yield* start(nodes.get())
      yield* settle
      nodes.b.frozen = true
      // Deadlines are looked at every second from now on, and the next question is asked in between.
      yield* advance("1200 millis")
      const fibers = yield* startReading(nodes.get(), 3000)
      assert.deepStrictEqual(new Set(yield* reading(nodes.get(), 1000)), new Set([a]))
      yield* Fiber.interruptAll([first, ...fibers])
    }))

  it.effect("makes no session wait, which is opened elsewhere", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica" })
      yield* nodes.warm()
      nodes.b.accepts = "none"
      nodes.b.drop()
      yield* settle
      const where = nodes.run(Effect.scoped(
        Effect.map(Session.make({ keys: keyOfA, readFrom: "preferReplica" }), ({ address }) => address.key)
      ))
      assert.deepStrictEqual(yield* Effect.replicateEffect(where, 4), [c, c, c, c])
    }))
})

describe("a primary that is unfit", () => {
  it.effect("answers no reads from any while a replica is fit, and all others as ever", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "any" })
      yield* nodes.warm()
      nodes.a.once("GET", Reply.error("LOADING Redis is loading the dataset in memory"))
      yield* reading(nodes.get(), 500)
      assert.notInclude(yield* nodes.answers(6), a)
      assert.strictEqual(yield* nodes.get("primary"), a)
      yield* reading(nodes.get(), 1500)
      assert.include(yield* nodes.answers(3), a)
    }))

  it.effect("answers where no replica can", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "any" })
      yield* nodes.warm()
      for (const node of [nodes.b, nodes.c]) node.accepts = "none"
      for (const node of [nodes.b, nodes.c]) node.drop()
      nodes.a.on("ROLE", Reply.error("NOAUTH Authentication required."))
      yield* reading(nodes.get(), 2000)
      assert.deepStrictEqual(yield* nodes.answers(3), [a, a, a])
    }))
})

describe("a read that takes too long at a replica", () => {
  it.effect("has that passed over for a second, and is the caller's to repeat", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica", commandTimeout: "300 millis" })
      yield* nodes.warm()
      for (const node of [nodes.b, nodes.c]) node.once("GET", "hold")
      const fibers = yield* Effect.forEach([1, 2], () => start(Effect.flip(nodes.get())))
      yield* advance("400 millis")
      for (const fiber of fibers) assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
      assert.deepStrictEqual(yield* nodes.answers(2), [a, a])
    }))
})
