/** What waits for a node that is away, how it finds out that the node is back, and in which order all leave. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Command from "../src/Command.ts"
import * as ReadFrom from "../src/ReadFrom.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as Session from "../src/Session.ts"
import { carrier, connected, connectedTo, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, keyOfC, settle, slotOfA, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const loading = Reply.error("LOADING Redis is loading the dataset in memory")
const unserved = Reply.error("CLUSTERDOWN Hash slot not served")

const away: ReadonlyArray<
  readonly [what: string, leave: (node: ScriptedNode) => void, back: (node: ScriptedNode) => void]
> = [
  ["can't be reached", (node) => {
    node.accepts = "none"
    node.drop()
  }, (node) => {
    node.accepts = "all"
  }],
  ...["LOADING Redis is loading the dataset in memory", "CLUSTERDOWN The cluster is down", "READONLY You can't write"]
    .map(
      (text) =>
        [
          `says ${text}`,
          (node: ScriptedNode) => {
            node.on("GET", Reply.error(text)).on("SET", Reply.error(text))
          },
          (node: ScriptedNode) => {
            node.on("GET", Reply.bulk(node.key)).on("SET", Reply.simple("OK"))
          }
        ] as const
    )
]

/** How often a node was sent a command of a name. */
const sent = (node: ScriptedNode, name: string): number =>
  node.connections.flatMap(({ received }) => received).filter((line) => line.startsWith(`${name} `)).length

describe.each(away)("a node that %s", (_, leaves, comesBack) => {
  it.effect("is tried on behalf of all who wait, and serves all of them once it is back", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      leaves(a)
      const fibers = yield* Effect.replicateEffect(start(run(Redis.get(keyOfA))), 1000)
      yield* advance("10 seconds")
      const before = sent(a, "GET")
      // Those of the first tick, before the first failure was there, and then one trial after the other.
      assert.isAtMost(before, 1000 + 35)
      comesBack(a)
      yield* advance("2 seconds")
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
      assert.isAtMost(sent(a, "GET") - before, 1000 + 5)
    }))

  it.effect("costs those who come later nothing at that node, and the other nodes are served meanwhile", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      leaves(a)
      yield* start(run(Redis.get(keyOfA)))
      yield* advance("2 seconds")
      const [asked, dialed] = [sent(a, "GET"), a.dialed.length]
      const late = yield* Effect.replicateEffect(start(run(Redis.get(keyOfA))), 500)
      for (const key of [keyOfB, keyOfC]) assert.include(["b:7000", "c:7000"], yield* run(Redis.get(key)))
      yield* settle
      assert.deepStrictEqual([sent(a, "GET"), a.dialed.length], [asked, dialed])
      comesBack(a)
      yield* advance("2 seconds")
      for (const fiber of late) assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
    }))

  it.effect("is waited for as long as the policy says, and the error says how long it has been away", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ commandTimeout: "1 hour" })
      leaves(a)
      const fiber = yield* start(Effect.flip(run(Redis.set(keyOfA, "1"))))
      yield* advance("24 seconds")
      const second = yield* start(Effect.flip(run(Redis.set(keyOfA, "2"))))
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("1500 millis")
      const error = yield* Fiber.join(fiber)
      assert.include(["ConnectionFailed", "ClusterDown"], error.reason._tag)
      assert.notStrictEqual(error.delivery, "MaybeExecuted")
      assert.isAtLeast(error.away!.millis, 24_000)
      assert.isAbove(error.away!.tries, 10)
      assert.match(error.message, /it has been so for 2[45](\.\d)? s, in \d+ tries$/)
      assert.isUndefined(second.pollUnsafe())
      yield* advance("25 seconds")
      assert.isAtLeast((yield* Fiber.join(second)).away!.millis, 48_000)
    }))

  it.effect("lets all of a slot leave in the order in which they came, and before whoever comes then", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      leaves(a)
      const set = (n: number) => start(run(Redis.set(keyOfA, `${n}`)))
      const fibers = yield* Effect.forEach(Array.from({ length: 600 }, (_, n) => n), set)
      yield* advance("5 seconds")
      const before = a.connections.flatMap(({ received }) => received).length
      comesBack(a)
      const late: Array<Fiber.Fiber<unknown, unknown>> = []
      for (let n = 600; n < 640; n++) {
        late.push(yield* set(n))
        yield* TestClock.adjust("50 millis")
      }
      yield* advance("1 second")
      for (const fiber of [...fibers, ...late]) assert.strictEqual(yield* Fiber.join(fiber), "OK")
      const lines = a.connections.flatMap(({ received }) => received).slice(before).filter((line) =>
        line.startsWith("SET")
      )
      const last = new Map(lines.map((line, at) => [Number(line.split(" ")[2]), at]))
      const order = Array.from(last).sort(([, a], [, b]) => a - b).map(([n]) => n)
      assert.deepStrictEqual(order, Array.from({ length: 640 }, (_, n) => n))
    }))
})

describe("statistics", () => {
  it.effect("tell how many wait, for whom, since when and why", () =>
    Effect.gen(function*() {
      const { a, run, service } = yield* connected()
      const none = yield* service.stats
      assert.deepStrictEqual([none.waiting, none.away], [0, []])
      a.on("GET", loading)
      const fibers = yield* Effect.replicateEffect(start(run(Redis.get(keyOfA))), 3)
      yield* advance("5 seconds")
      const { away, waiting } = yield* service.stats
      assert.strictEqual(waiting, 3)
      assert.deepStrictEqual(away.map(({ of, reason }) => [of, reason._tag]), [["a:7000", "ClusterDown"]])
      assert.isAtLeast(away[0].millis, 4500)
      assert.isAbove(away[0].tries, 3)
      a.on("GET", Reply.bulk(a.key))
      yield* advance("2 seconds")
      yield* Effect.forEach(fibers, Fiber.join)
      const after = yield* service.stats
      assert.deepStrictEqual([after.waiting, after.away], [0, []])
    }))
})

describe("a patient policy", () => {
  it.effect("waits as long as it says; a bare schedule is stepped, and connects to nobody", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.accepts = "none"
      a.drop()
      const quick = RedirectPolicy.make(Schedule.max([Schedule.spaced("20 millis"), Schedule.recurs(5)]))
      yield* start(run(Redis.get(keyOfA)))
      yield* advance("3 seconds")
      const dialed = a.dialed.length
      const fiber = yield* start(Effect.flip(run(Redis.get(keyOfA).pipe(RedirectPolicy.provide(quick)))))
      yield* advance("100 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.attempts], ["ConnectionFailed", 6])
      assert.isAtMost(a.dialed.length - dialed, 1)
      const none = run(Redis.get(keyOfA).pipe(RedirectPolicy.provide(RedirectPolicy.none)))
      assert.strictEqual((yield* Effect.flip(none)).attempts, 1)
    }))

  it.effect("has the patience that it is given", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ redirects: RedirectPolicy.make(Schedule.forever, { within: "3 seconds" }) })
      a.accepts = "none"
      a.drop()
      const fiber = yield* start(Effect.flip(run(Redis.get(keyOfA))))
      yield* advance("2950 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("100 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "ConnectionFailed")
    }))

  it.effect.each([-1, "soon", {}, null, Number.NaN])("has to be a duration: %s", (within) =>
    Effect.gen(function*() {
      const redirects = RedirectPolicy.make(Schedule.forever, { within: within as never })
      const made = threeNodes().cluster.provide(Effect.scoped(RedisCluster.make({ nodes: ["a:7000"], redirects })))
      const error = yield* Effect.flip(made)
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.include(error.message, "within")
    }))

  it.effect.each(
    [
      ["the policy", {
        commandTimeout: Duration.infinity,
        redirects: RedirectPolicy.make(Schedule.forever, { within: Duration.infinity })
      }],
      ["the command", { commandTimeout: Duration.infinity }]
    ] as const
  )("has no end where %s has none", ([who, options]) =>
    Effect.gen(function*() {
      const { a, run, service } = yield* connected(options)
      a.accepts = "none"
      a.drop()
      const fiber = yield* start(Effect.result(run(Redis.get(keyOfA))))
      const other = yield* start(Effect.result(run(Redis.get(keyOfA).pipe(Command.timeout(Duration.infinity)))))
      yield* settle
      yield* Effect.replicateEffect(Effect.andThen(TestClock.adjust("1 minute"), settle), 5, { discard: true })
      const isEndless = who === "the policy"
      assert.strictEqual((yield* service.stats).waiting, isEndless ? 2 : 0)
      a.accepts = "all"
      yield* advance("5 seconds")
      for (const each of [fiber, other]) {
        assert.strictEqual((yield* Fiber.join(each))._tag, isEndless ? "Success" : "Failure")
      }
    }))

  it.effect("does not wait longer than a command may take", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("GET", loading)
      const fiber = yield* start(Effect.flip(run(Redis.get(keyOfA).pipe(Command.timeout("2 seconds")))))
      yield* advance("2 seconds")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Timeout", "Rejected"])
      assert.include(error.message, "LOADING")
    }))
})

describe("what is away", () => {
  it.effect("can be one slot: the others of its node are served", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      const other = "{bar2}"
      a.on("GET", ([key]) => key === keyOfA ? unserved : Reply.bulk(a.key))
      const fiber = yield* start(run(Redis.get(keyOfA)))
      yield* advance("1 second")
      const keys = Array.from({ length: 3000 }, (_, n) => `${other}${n}:{k${n}}`)
      for (const key of keys.slice(0, 50)) yield* run(Redis.get(key))
      assert.isUndefined(fiber.pollUnsafe())
      a.on("GET", Reply.bulk(a.key))
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
    }))

  it.effect("can be a slot that nobody serves by the map, until one does", () =>
    Effect.gen(function*() {
      const { cluster, run, service } = yield* connectedTo([[0, 5000, "a:7000"], [5461, 16383, "b:7000"]])
      const fiber = yield* start(run(Redis.get(keyOfA)))
      yield* advance("5 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      assert.strictEqual(yield* run(Redis.get(keyOfB)), "b:7000")
      cluster.slots = [[0, 5460, "a:7000"], [5461, 16383, "b:7000"]]
      yield* service.refresh
      yield* settle
      assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
    }))

  it.effect("can be the target of an ASK: that holds up one command only", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      b.accepts = "none"
      b.drop()
      a.once("GET", Reply.error(`ASK ${slotOfA} b:7000`))
      const fiber = yield* start(run(Redis.get(keyOfA)))
      yield* settle
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
      yield* advance("3 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
    }))

  it.effect("does not hold up reads that a replica may answer", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* connectedTo([[0, 16383, "a:7000", "r:7000"]])
      cluster.node("a:7000").on("ROLE", Reply.array([Reply.bulk("master"), Reply.integer(0), Reply.array([])]))
      cluster.node("r:7000").on(
        "ROLE",
        Reply.array([
          Reply.bulk("slave"),
          Reply.bulk("a"),
          Reply.integer(7000),
          Reply.bulk("connected"),
          Reply.integer(0)
        ])
      )
      const read = run(Redis.get(keyOfA).pipe(ReadFrom.provide("preferReplica")))
      yield* read
      yield* advance("2 seconds")
      cluster.node("a:7000").on("SET", loading)
      const fiber = yield* start(run(Redis.set(keyOfA, "1")))
      yield* advance("500 millis")
      assert.strictEqual(yield* read, "r:7000")
      assert.isUndefined(fiber.pollUnsafe())
    }))
})

describe("those who wait", () => {
  it.effect("leave together, in order, for the new owner of their slot", () =>
    Effect.gen(function*() {
      const { a, b, cluster, run, service } = yield* connected()
      a.accepts = "none"
      a.drop()
      const set = (n: number) => start(run(Redis.set(keyOfA, `${n}`)))
      const fibers = yield* Effect.forEach(Array.from({ length: 700 }, (_, n) => n), set)
      yield* advance("2 seconds")
      cluster.slots = [[0, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      yield* service.refresh
      const late = yield* set(700)
      yield* advance("1 second")
      for (const fiber of [...fibers, late]) assert.strictEqual(yield* Fiber.join(fiber), "OK")
      const lines = b.connections.flatMap(({ received }) => received).filter((line) => line.startsWith("SET bar"))
      assert.deepStrictEqual(lines, Array.from({ length: 701 }, (_, n) => `SET bar ${n}`))
    }))

  it.effect("leave behind those that were sent before them, and were refused only after they had come", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      const set = (n: number) => start(run(Redis.set(keyOfA, `${n}`)))
      a.on("SET", "hold")
      const fibers = [yield* set(0), yield* set(1), yield* set(2)]
      yield* settle
      const connection = carrier(a, "SET bar 0")
      connection.release(loading)
      yield* settle
      fibers.push(yield* set(3))
      yield* settle
      connection.release(loading)
      connection.release(loading)
      a.on("SET", Reply.simple("OK"))
      yield* advance("1 second")
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), "OK")
      const lines = a.commands.filter((line) => line.startsWith("SET"))
      assert.deepStrictEqual(lines.slice(3), ["SET bar 0", "SET bar 1", "SET bar 2", "SET bar 3"])
    }))

  it.effect("and have not been sent to a node that hangs leave it with the slot, before whoever comes then", () =>
    Effect.gen(function*() {
      const { a, b, cluster, run, service } = yield* connected({ maxInFlight: 2 })
      const set = (n: number) => start(run(Redis.set(keyOfA, `${n}`)))
      a.on("SET", "hold")
      const fibers = yield* Effect.forEach([0, 1, 2, 3, 4, 5], set)
      yield* settle
      cluster.slots = [[0, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      yield* service.refresh
      fibers.push(yield* set(6))
      yield* settle
      for (const fiber of fibers.slice(2)) assert.strictEqual(yield* Fiber.join(fiber), "OK")
      const lines = b.commands.filter((line) => line.startsWith("SET"))
      assert.deepStrictEqual(lines, [2, 3, 4, 5, 6].map((n) => `SET ${keyOfA} ${n}`))
      assert.isUndefined(fibers[0].pollUnsafe())
      yield* advance("3 seconds")
      const error = yield* Effect.flip(Fiber.join(fibers[0]))
      assert.strictEqual(error.delivery, "MaybeExecuted")
    }))

  it.effect("are told when the client ends", () =>
    Effect.gen(function*() {
      const { a, cluster } = threeNodes()
      const scope = yield* Scope.make()
      const service = yield* cluster.provide(Scope.provide(RedisCluster.make({ nodes: ["a:7000"] }), scope))
      a.accepts = "none"
      a.drop()
      const fibers = yield* Effect.replicateEffect(start(Effect.flip(service.execute(Redis.set(keyOfA, "1")))), 50)
      yield* advance("1 second")
      const closing = yield* start(Scope.close(scope, { _tag: "Success", value: undefined } as never))
      yield* advance("3 seconds")
      yield* Fiber.join(closing)
      for (const fiber of fibers) {
        const error = yield* Fiber.join(fiber)
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["Closed", "NotSent"])
      }
    }))

  it.effect("can be interrupted, the trial too: the next one goes instead", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("GET", loading)
      const fibers = yield* Effect.replicateEffect(start(run(Redis.get(keyOfA))), 20)
      yield* advance("1 second")
      a.on("GET", "hold")
      yield* advance("900 millis")
      // The trial hangs. It, and half of the others, are given up.
      yield* Effect.forEach(fibers.slice(0, 10), (fiber) => Fiber.interrupt(fiber))
      a.on("GET", Reply.bulk(a.key))
      // Until the connection, on which nothing is answered behind the trial, is given up.
      yield* advance("12 seconds")
      for (const fiber of fibers.slice(10)) assert.isDefined(fiber.pollUnsafe())
    }))

  it.effect("and block do not stand before those who do not: sixteen BLPOPs and the LPUSH that they wait for", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("BLPOP", loading).on("LPUSH", loading)
      const pops = yield* Effect.replicateEffect(start(run(Redis.blpop([keyOfA], "1 minute"))), 16)
      yield* advance("1 second")
      const push = yield* start(run(Redis.lpush(keyOfA, ["x"])))
      yield* advance("1 second")
      a.on("BLPOP", "hold").on("LPUSH", Reply.integer(1))
      yield* advance("2500 millis")
      assert.strictEqual(yield* Fiber.join(push), 1)
      assert.isAtLeast(a.count(`BLPOP bar 60`) + sent(a, "BLPOP"), 16)
      yield* Effect.forEach(pops, (fiber) => Fiber.interrupt(fiber))
    }))

  it.effect("are no more than may be in flight, where a full one fails; and those that were let in go out", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ maxInFlight: 20, failWhenFull: true })
      a.accepts = "none"
      a.drop()
      yield* settle
      const fibers: Array<Fiber.Fiber<string | null, Redis.RedisError>> = []
      for (let n = 0; n < 30; n++) fibers.push(yield* start(run(Redis.get(keyOfA))))
      yield* advance("1 second")
      const done = fibers.map((fiber) => fiber.pollUnsafe())
      assert.strictEqual(done.filter((exit) => exit !== undefined).length, 10)
      const refused = yield* Effect.flip(Fiber.join(fibers[29]))
      assert.deepStrictEqual([refused.reason._tag, refused.delivery], ["Overloaded", "NotSent"])
      assert.strictEqual(yield* run(Redis.get(keyOfB)), "b:7000")
      a.accepts = "all"
      yield* advance("2 seconds")
      for (const fiber of fibers.slice(0, 20)) assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
    }))

  it.effect("may be a session that is run again", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.accepts = "none"
      a.drop()
      const fiber = yield* start(run(Session.use({ keys: keyOfA }, Redis.get(keyOfA), { rerun: true })))
      yield* advance("5 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      a.accepts = "all"
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
    }))

  it.effect("may be a pipeline, in its order", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.accepts = "none"
      a.drop()
      yield* settle
      const sets = Array.from({ length: 20 }, (_, n) => Redis.set(keyOfA, `${n}`))
      const fiber = yield* start(run(Redis.pipeline([...sets, Redis.get(keyOfB)])))
      yield* advance("2 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      a.accepts = "all"
      yield* advance("3 seconds")
      const replies = yield* Fiber.join(fiber)
      assert.strictEqual(replies.at(-1), "b:7000")
      const lines = a.connections.flatMap(({ received }) => received).filter((line) => line.startsWith("SET bar"))
      assert.deepStrictEqual(lines, sets.map((_, n) => `SET bar ${n}`))
    }))

  it.effect("may be twenty thousand, for an hour", () =>
    Effect.gen(function*() {
      const redirects = RedirectPolicy.make(Schedule.forever, { within: "1 day" })
      const { a, cluster, run } = yield* connected({ redirects, commandTimeout: "1 day" })
      a.accepts = "none"
      a.drop()
      yield* settle
      const fibers = yield* Effect.replicateEffect(start(run(Redis.get(keyOfA))), 20_000)
      const questions = cluster.questions
      yield* Effect.replicateEffect(Effect.andThen(TestClock.adjust("1 minute"), settle), 60, { discard: true })
      assert.isAtMost(sent(a, "GET"), 0)
      assert.isAtMost(cluster.questions - questions, 60 * 60 * 12)
      a.accepts = "all"
      yield* advance("5 seconds")
      for (const fiber of fibers) assert.isDefined(fiber.pollUnsafe())
    }))
})
