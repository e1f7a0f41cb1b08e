import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as Address from "../src/Address.ts"
import type { Failure } from "../src/internal/failures/failure.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as RedisError from "../src/RedisError.ts"
import * as Session from "../src/Session.ts"
import { connected } from "./support/client.ts"
import { keyOfA } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"

const a = Address.tcp("a", 7000)
const b = Address.tcp("b", 7000)

const failed = (reason: RedisError.Reason, delivery: RedisError.Delivery): Failure => ({
  reason,
  delivery,
  node: "a:7000"
})

const once: RedirectPolicy.Facts = { repeatable: false, redirects: 0, abridged: false, target: undefined }
const toward = (target: Address.Address | undefined, redirects = 0): RedirectPolicy.Facts => ({
  repeatable: false,
  redirects,
  abridged: false,
  target
})

/** A decision in a line. */
const show = ({ command, topology }: RedirectPolicy.Decision): string => {
  const what = command._tag === "GiveUp" || command._tag === "InFull"
    ? (command._tag === "GiveUp" ? "give up" : "in full")
    : `${command._tag === "ByMap" ? "by map" : `${command.asking ? "ask" : "to"} ${command.address.key}`}${
      command.pause ? " after a pause" : ""
    }`
  const map = topology._tag === "Patch"
    ? `patch ${topology.slot} ${topology.address.key}`
    : topology._tag === "Renew"
    ? `renew ${topology.address.key}`
    : topology._tag.toLowerCase()
  return `${what}; ${map}`
}

const moved = failed(new RedisError.Moved({ slot: 42, address: "b:7000" }), "Rejected")
const ask = failed(new RedisError.Ask({ slot: 42, address: "b:7000" }), "Rejected")
const down = (code: string) => failed(new RedisError.ClusterDown({ code, text: `${code} for now` }), "Rejected")
const lost = (delivery: RedisError.Delivery) => failed(new RedisError.ConnectionLost({ problem: "reset" }), delivery)
const garbled = (delivery: RedisError.Delivery) =>
  failed(new RedisError.ProtocolViolation({ problem: "garbage" }), delivery)

const again = "by map after a pause"

const table: ReadonlyArray<readonly [when: string, failure: Failure, facts: RedirectPolicy.Facts, then: string]> = [
  ["MOVED", moved, toward(b), "to b:7000; patch 42 b:7000"],
  ["a third MOVED in a row", moved, toward(b, 2), "to b:7000; patch 42 b:7000"],
  ["a fourth MOVED in a row (trap 9)", moved, toward(b, 3), "to b:7000 after a pause; patch 42 b:7000"],
  ["MOVED to nowhere (trap 16)", moved, toward(undefined), `${again}; refresh`],
  ["MOVED to the node itself (trap 8)", moved, toward(a), `${again}; renew a:7000`],
  ["ASK (traps 3, 4)", ask, toward(b), "ask b:7000; keep"],
  ["a fourth ASK in a row", ask, toward(b, 3), "ask b:7000 after a pause; keep"],
  ["ASK to nowhere", ask, toward(undefined), `${again}; refresh`],
  ["TRYAGAIN (trap 5)", failed(new RedisError.TryAgain(), "Rejected"), once, `${again}; keep`],
  ["CLUSTERDOWN (trap 5)", down("CLUSTERDOWN"), once, `${again}; refresh`],
  ["MASTERDOWN", down("MASTERDOWN"), once, `${again}; refresh`],
  ["LOADING", down("LOADING"), once, `${again}; refresh`],
  ["READONLY", down("READONLY"), once, `${again}; refresh`],
  [
    "no connection",
    failed(new RedisError.ConnectionFailed({ problem: "refused" }), "NotSent"),
    once,
    `${again}; refresh`
  ],
  [
    "no node for the slot (trap 15)",
    failed(new RedisError.NoNodeForSlot({ slot: 42 }), "NotSent"),
    once,
    `${again}; refresh`
  ],
  ["a loss before sending", lost("NotSent"), once, `${again}; refresh`],
  ["a loss before sending, repeatable", lost("NotSent"), { ...once, repeatable: true }, `${again}; refresh`],
  ["a loss in flight (traps 1, 46)", lost("MaybeExecuted"), once, "give up; refresh"],
  ["a loss in flight, repeatable", lost("MaybeExecuted"), { ...once, repeatable: true }, `${again}; refresh`],
  ["garbage before sending", garbled("NotSent"), once, `${again}; refresh`],
  ["garbage in flight", garbled("MaybeExecuted"), once, "give up; refresh"],
  ["garbage in flight, repeatable", garbled("MaybeExecuted"), { ...once, repeatable: true }, `${again}; refresh`],
  [
    "a deadline before sending",
    failed(new RedisError.Timeout({ waitingFor: "room" }), "NotSent"),
    once,
    "give up; refresh"
  ],
  [
    "a deadline in flight, repeatable",
    failed(new RedisError.Timeout({ waitingFor: "the reply" }), "MaybeExecuted"),
    { ...once, repeatable: true },
    "give up; refresh"
  ],
  [
    "another error of the server",
    failed(new RedisError.ServerError({ code: "WRONGTYPE", text: "" }), "Rejected"),
    once,
    "give up; keep"
  ],
  ["CROSSSLOT", failed(new RedisError.CrossSlot({ keys: [] }), "NotSent"), once, "give up; keep"],
  ["no room", failed(new RedisError.Overloaded({ limit: 1 }), "NotSent"), once, "give up; keep"],
  [
    "wrong credentials while connecting",
    failed(new RedisError.AuthenticationFailed({ code: "WRONGPASS", text: "" }), "NotSent"),
    once,
    "by map after a pause; keep"
  ],
  [
    "wrong credentials as a command's answer",
    failed(new RedisError.AuthenticationFailed({ code: "WRONGPASS", text: "" }), "Rejected"),
    once,
    "give up; keep"
  ],
  [
    "a reply of another form",
    failed(new RedisError.DecodeFailed({ expected: "", received: "" }), "MaybeExecuted"),
    once,
    "give up; keep"
  ],
  ["the end of the client", failed(new RedisError.Closed(), "NotSent"), once, "give up; keep"],
  ["wrong arguments", failed(new RedisError.InvalidArgument({ problem: "" }), "NotSent"), once, "give up; keep"]
]

describe("what is decided", () => {
  it.each(table)("%s", (_, failure, facts, then) => {
    assert.strictEqual(show(RedirectPolicy.decide(failure, facts)), then)
  })

  it("only the delivery of a lost connection depends on whether the command is repeatable", () => {
    for (const [, failure, facts] of table) {
      if (failure.reason._tag === "ConnectionLost" || failure.reason._tag === "ProtocolViolation") continue
      assert.strictEqual(
        show(RedirectPolicy.decide(failure, { ...facts, repeatable: true })),
        show(RedirectPolicy.decide(failure, { ...facts, repeatable: false }))
      )
    }
  })
})

const error = new RedisError.RedisError({ reason: new RedisError.TryAgain(), delivery: "Rejected", attempts: 1 })

/** The delays that a policy gives, in milliseconds, when each try takes no time of its own. */
const delays = Effect.fnUntraced(function*(policy: RedirectPolicy.RedirectPolicy, triesTake = 0) {
  const step = yield* Schedule.toStep(policy.schedule!)
  const all: Array<number> = []
  let now = 0
  while (true) {
    const delay = yield* Pull.catchDone(
      Effect.map(step(now, error), ([, duration]) => Duration.toMillis(duration)),
      () => Effect.succeed(undefined)
    )
    if (delay === undefined) return all
    all.push(delay)
    now += delay + triesTake
  }
})

describe("the standard schedule", () => {
  it.effect("doubles from about 10 ms to about a quarter of a second", () =>
    Effect.gen(function*() {
      const all = yield* delays(RedirectPolicy.standard)
      all.forEach((delay, i) => {
        const nominal = Math.min(10 * 2 ** i, 250)
        assert.isAtLeast(delay, nominal * 0.8)
        assert.isAtMost(delay, nominal * 1.2)
      })
    }))

  it.effect("is jittered", () =>
    Effect.gen(function*() {
      const all = yield* delays(RedirectPolicy.standard)
      assert.isAbove(new Set(all.slice(-20)).size, 10)
    }))

  it.effect("ends after 25 seconds", () =>
    Effect.gen(function*() {
      const total = (yield* delays(RedirectPolicy.standard)).reduce((sum, delay) => sum + delay, 0)
      assert.isAtLeast(total, 24_500)
      assert.isAtMost(total, 25_500)
    }))

  it.effect("counts the time that the tries take", () =>
    Effect.gen(function*() {
      assert.isAtMost((yield* delays(RedirectPolicy.standard, 5000)).length, 6)
    }))
})

describe("a policy", () => {
  const key = "k"
  const connected = Effect.fnUntraced(function*(redirects?: RedirectPolicy.RedirectPolicy) {
    const cluster = scriptedCluster([[0, 16383, "a:7000"]])
    const node = cluster.node("a:7000").on("GET", Reply.error("TRYAGAIN later"))
    const service = yield* cluster.provide(RedisCluster.make({ nodes: ["a:7000"], redirects }))
    return { node, get: service.execute(Redis.get(key)) }
  })
  const triesOf = (schedule: Schedule.Schedule<unknown>) => RedirectPolicy.make(schedule)

  it.effect("that follows nothing leaves every failure to the caller", () =>
    Effect.gen(function*() {
      const { get, node } = yield* connected(RedirectPolicy.none)
      const first = yield* Effect.flip(get)
      assert.strictEqual(first.reason._tag, "TryAgain")
      assert.strictEqual(first.attempts, 1)
      node.on("GET", Reply.error("MOVED 7629 b:7000"))
      const second = yield* Effect.flip(get)
      assert.isTrue(second.reason._tag === "Moved" && second.reason.address === "b:7000")
      assert.strictEqual(node.count("GET k"), 2)
    }))

  it.effect("of one's own says how often and when", () =>
    Effect.gen(function*() {
      const { get, node } = yield* connected(
        triesOf(Schedule.max([Schedule.spaced("1 second"), Schedule.recurs(3)]))
      )
      const fiber = yield* Effect.forkChild(Effect.flip(get), { startImmediately: true })
      yield* TestClock.adjust("1500 millis")
      assert.strictEqual(node.count("GET k"), 2)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).attempts, 4)
      assert.strictEqual(node.count("GET k"), 4)
    }))

  it.effect("sees the error so far", () =>
    Effect.gen(function*() {
      const seen: Array<number> = []
      const { get } = yield* connected(RedirectPolicy.make(
        Schedule.recurs(2).pipe(
          Schedule.setInputType<RedisError.RedisError>(),
          Schedule.while(({ input }) => {
            seen.push(input.attempts)
            return input.reason._tag === "TryAgain"
          })
        )
      ))
      yield* Effect.flip(get)
      assert.deepStrictEqual(seen, [1, 2])
    }))

  it.effect("of a region beats the layer's, and ends with the region", () =>
    Effect.gen(function*() {
      const { get, node } = yield* connected(triesOf(Schedule.recurs(4)))
      assert.strictEqual((yield* Effect.flip(get.pipe(RedirectPolicy.provide(RedirectPolicy.none)))).attempts, 1)
      const twice = triesOf(Schedule.recurs(1))
      assert.strictEqual((yield* Effect.flip(RedirectPolicy.provide(get, twice))).attempts, 2)
      assert.strictEqual((yield* Effect.flip(get)).attempts, 5)
      assert.strictEqual(node.count("GET k"), 8)
    }))
})

describe("a policy", () => {
  it.effect("is read once, however many commands fail under it", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      let reads = 0
      const policy: RedirectPolicy.RedirectPolicy = {
        get schedule() {
          reads++
          return Schedule.recurs(1)
        }
      }
      a.on("GET", Reply.error("TRYAGAIN Multiple keys request during rehashing of slot"))
      const failing = Effect.flip(run(Redis.get(keyOfA).pipe(RedirectPolicy.provide(policy))))
      for (let i = 0; i < 3; i++) assert.strictEqual((yield* failing).attempts, 2)
      assert.strictEqual(reads, 1)
    }))
})

describe("what is no policy", () => {
  const garbage: ReadonlyArray<readonly [string, unknown]> = [
    ["null", null],
    ["text", "none"],
    ["a number", 3],
    ["a Schedule by itself", Schedule.recurs(3)],
    ["an object without a schedule", { retries: 3 }],
    ["a schedule that is none", { schedule: 3 }],
    ["null for a schedule", { schedule: null }],
    ["a getter that throws", {
      get schedule(): never {
        throw new Error("secret")
      }
    }]
  ]
  const problem = (error: RedisError.RedisError) =>
    error.reason._tag === "InvalidArgument" ? error.reason.problem : error.reason._tag

  it.effect.each(garbage)(
    "fails the region that it is given for, and nothing is sent: %s",
    ([, policy]) =>
      Effect.gen(function*() {
        const { a, run } = yield* connected()
        const error = yield* Effect.flip(run(Redis.get(keyOfA).pipe(RedirectPolicy.provide(policy as never))))
        assert.match(
          problem(error),
          /^what RedirectPolicy\.provide is given has to be a policy: RedirectPolicy\.standard/
        )
        assert.strictEqual(error.delivery, "NotSent")
        assert.strictEqual(a.count("GET bar"), 0)
      })
  )

  it.effect.each(garbage.slice(1))(
    "is told of where a session is to run again, with why: %s",
    ([, policy]) =>
      Effect.gen(function*() {
        const { a, run } = yield* connected()
        a.on("GET", Reply.error("TRYAGAIN"))
        const session = Session.use({ keys: keyOfA }, Redis.get(keyOfA), { rerun: true })
        const error = yield* Effect.flip(run(Effect.provideService(session, RedirectPolicy.Current, policy as never)))
        assert.match(problem(error), /^the redirect policy has to be a policy: .*, after this: /)
        assert.strictEqual(error.delivery, "Rejected")
      })
  )
})
