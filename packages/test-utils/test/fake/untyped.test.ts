/** Whoever calls the controls without types is told what to give, by a failure: nothing dies, and nothing hangs. */
import { assert, describe, it } from "@effect/vitest"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"

type Fake = FakeCluster.FakeCluster["Service"]

const none: ReadonlyArray<unknown> = []
const bare = {}
const named = { name: 1 }

const wrong: ReadonlyArray<unknown> = [
  undefined,
  null,
  -1,
  1.5,
  Number.NaN,
  Infinity,
  99_999,
  "",
  "nowhere",
  bare,
  none,
  [null],
  named,
  () => {
    throw new Error("from the test")
  },
  Symbol("s"),
  true,
  1n
]

/** What is not allowed to be given where a value of a kind belongs: all that is wrong, but for what is right after all. */
const but = (...right: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  wrong.filter((value) => !right.some((one) => Object.is(one, value)))

const any = (value: unknown) => value as never

const attempts: Readonly<
  Record<string, readonly [ReadonlyArray<unknown>, (fake: Fake, value: never) => Effect.Effect<unknown, unknown>]>
> = {
  replicasOf: [wrong, (fake, value) => fake.replicasOf(value)],
  ownerOf: [wrong, (fake, value) => fake.ownerOf(value)],
  "command, its node": [wrong, (fake, value) => fake.command(value, "PING")],
  "command, its name": [but("nowhere"), (fake, value) => fake.command("fake-0", value)],
  "command, its arguments": [but(undefined, none), (fake, value) => fake.command("fake-0", "ECHO", value)],
  "command, an argument": [
    but(-1, 1.5, 99_999, "", "nowhere", 1n),
    (fake, value) => fake.command("fake-0", "ECHO", [value])
  ],
  seed: [[undefined, null, 1, "a", true], (fake, value) => fake.seed(value)],
  "seed, a value": [
    [
      undefined,
      null,
      true,
      {},
      [],
      [true],
      new Set([null]),
      new Map([["a", {}]]),
      new Map([[null, "a"]]),
      () => {},
      Symbol("s"),
      Number.NaN
    ],
    (fake, value) => fake.seed({ key: value })
  ],
  keys: [but(undefined), (fake, value) => fake.keys(value)],
  journal: [wrong, (fake, value) => fake.journal(value)],
  kill: [wrong, (fake, value) => fake.kill(value)],
  pause: [wrong, (fake, value) => fake.pause(value)],
  resume: [wrong, (fake, value) => fake.resume(value)],
  restart: [wrong, (fake, value) => fake.restart(value)],
  failover: [wrong, (fake, value) => fake.failover(value)],
  "failover, its mode": [but(undefined), (fake, value) => fake.failover("fake-3", value)],
  awaitPromotion: [wrong, (fake, value) => fake.awaitPromotion(value)],
  addNode: [but(undefined, bare), (fake, value) => fake.addNode(value)],
  "addNode, its primary": [but(undefined), (fake, value) => fake.addNode({ replicaOf: value })],
  removeNode: [wrong, (fake, value) => fake.removeNode(value)],
  "migrateSlot, its slot": [wrong, (fake, value) => fake.migrateSlot(value, "fake-0")],
  "migrateSlot, its target": [wrong, (fake, value) => fake.migrateSlot(1, value)],
  migrateSlots: [wrong, (fake, value) => fake.migrateSlots(value)],
  "migrateSlots, its slots": [
    but(none),
    (fake, value) => fake.migrateSlots({ to: "fake-0", slots: value })
  ],
  "migrateSlots, a range": [
    [[1], [1, 2, 3], ["1", "2"], [2, 1], "1", undefined, null, [null, 1]],
    (fake, value) => fake.migrateSlots({ to: "fake-0", slots: [value] })
  ],
  "migrateSlots, its source": [
    but(undefined),
    (fake, value) => fake.migrateSlots({ to: "fake-0", from: value, slots: [1] })
  ],
  "beginMigration, its slot": [wrong, (fake, value) => fake.beginMigration(value, "fake-1")],
  "migrateKeys, its slot": [wrong, (fake, value) => fake.migrateKeys(value, 1)],
  "migrateKeys, its limit": [
    but(Infinity, 99_999),
    (fake, value) => Effect.andThen(fake.beginMigration(1, "fake-1"), fake.migrateKeys(1, value))
  ],
  finishMigration: [wrong, (fake, value) => fake.finishMigration(value)],
  "partition, one side": [wrong, (fake, value) => fake.partition(value, "client")],
  "partition, the other": [wrong, (fake, value) => fake.partition("fake-0", value)],
  heal: [but(undefined), (fake, value) => fake.heal(value)],
  "latency, its node": [wrong, (fake, value) => fake.latency(value, 1)],
  "latency, its time": [but(1.5, Infinity, 99_999, 1n), (fake, value) => fake.latency("fake-0", value)],
  "dropConnections, its node": [wrong, (fake, value) => fake.dropConnections(value)],
  "dropConnections, its bytes": [
    but(undefined, 99_999),
    (fake, value) => fake.dropConnections("fake-0", { afterBytes: value })
  ],
  "reply, its node": [wrong, (fake, value) => fake.reply(value, "GET", "ERR x")],
  "reply, its match": [
    wrong.filter((value) => typeof value !== "function" && value !== "nowhere"),
    (fake, value) => fake.reply("any", value, "ERR x")
  ],
  "reply, its reply": [but("", "nowhere"), (fake, value) => fake.reply("any", "GET", value)],
  "reply, its times": [
    but(undefined, Infinity, 99_999),
    (fake, value) => fake.reply("any", "GET", "ERR x", { times: value })
  ],
  "mishap, its kind": [
    wrong.filter((value) => typeof value !== "function"),
    (fake, value) => fake.mishap("any", "GET", value)
  ],
  "say, its node": [wrong, (fake, value) => fake.say(value, "ERR x")],
  "say, its saying": [but("", "nowhere"), (fake, value) => fake.say("fake-0", value)],
  "say, its connection": [but(undefined), (fake, value) => fake.say("fake-0", "ERR x", { connection: value })]
}

describe("the controls, without types", () => {
  for (const [title, [values, attempt]] of Object.entries(attempts)) {
    it.effect(`${title}: refuses what makes no sense`, () =>
      Effect.gen(function*() {
        const { service: fake } = yield* FakeCluster.make({ primaries: 3, replicas: 1 })
        const answers: Array<string> = []
        for (const value of values) {
          const exit = yield* Effect.exit(Effect.suspend(() => attempt(fake, any(value))))
          const error = Exit.isFailure(exit)
            ? exit.cause.reasons.map((reason) => reason._tag === "Fail" ? reason.error : reason)
            : []
          const told = error[0]
          if (told instanceof FakeCluster.FakeClusterError && told.problem.length < 400) continue
          answers.push(
            `${String(value)}: ${
              Exit.isSuccess(exit) ? "succeeded" : String(JSON.stringify(told) ?? told).slice(0, 200)
            }`
          )
        }
        assert.deepStrictEqual(answers, [])
        assert.strictEqual(yield* fake.command("fake-0", "PING"), "PONG")
      }))
  }

  const options: ReadonlyArray<readonly [keyof FakeCluster.Options, ReadonlyArray<unknown>]> = [
    ["primaries", but(undefined, 99_999)],
    ["replicas", but(undefined, 99_999)],
    ["nodeTimeout", but(undefined, 1.5, Infinity, 99_999, 1n)],
    ["password", but(undefined)],
    ["requireFullCoverage", but(undefined, true)],
    ["config", but(undefined, bare, named)],
    ["seed", but(undefined, -1, 99_999)],
    ["version", but(undefined)]
  ]

  it.effect("a layer says it when it is built", () =>
    Effect.gen(function*() {
      const given: ReadonlyArray<unknown> = [
        null,
        1,
        "3",
        [3],
        { primary: 3 },
        { primaries: Symbol("s") },
        { primaries: {}, replicas: () => 1 },
        { password: "secret" }
      ]
      for (const options of given) {
        const error = yield* Effect.flip(
          Effect.scoped(Effect.suspend(() => Layer.build(FakeCluster.layer(any(options)))))
        )
        assert.instanceOf(error, FakeCluster.FakeClusterError)
        assert.notInclude(error.message, "secret")
      }
    }))

  it.effect("a key that is none has no slot", () =>
    Effect.gen(function*() {
      const { service: fake } = yield* FakeCluster.make()
      for (const key of [undefined, null, {}, []]) assert.throws(() => fake.slotOf(any(key)), /the key is/)
      assert.strictEqual(fake.slotOf("{a}b"), fake.slotOf("a"))
    }))

  for (const [name, values] of options) {
    it.effect(`the option ${name} is looked at`, () =>
      Effect.gen(function*() {
        const answers: Array<string> = []
        for (const value of values) {
          const exit = yield* Effect.exit(Effect.suspend(() => FakeCluster.make({ [name]: value })))
          const error = Exit.isFailure(exit)
            ? exit.cause.reasons.map((reason) => reason._tag === "Fail" ? reason.error : reason)
            : []
          if (error[0] instanceof FakeCluster.FakeClusterError && error[0].problem.includes(name)) continue
          answers.push(`${String(value)}: ${Exit.isSuccess(exit) ? "succeeded" : String(error[0]).slice(0, 200)}`)
        }
        assert.deepStrictEqual(answers, [])
      }))
  }
})
