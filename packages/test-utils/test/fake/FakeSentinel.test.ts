import { assert, describe, it } from "@effect/vitest"
import { Redis, Topology } from "@redisc/core"
import { FakeSentinel } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"

const { FakeSentinel: Group } = FakeSentinel

const primaryKey = Effect.flatMap(
  Topology.Topology,
  ({ current }) => Effect.map(current, (map) => map.shards[0].primary?.address.key)
)

/** Lets time pass in small steps, so that what follows from each happens before the next. */
const pass = (seconds: number) => Effect.replicateEffect(TestClock.adjust("50 millis"), seconds * 20, { discard: true })

/** Runs an effect while time passes. */
const during = <A, E, R>(effect: Effect.Effect<A, E, R>, seconds = 20) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (let step = 0; step < seconds * 20 && fiber.pollUnsafe() === undefined; step++) {
      yield* TestClock.adjust("50 millis")
    }
    return yield* Fiber.join(fiber)
  })

const channelsOf = (sentinel: string) =>
  Effect.flatMap(Group, ({ events }) => Effect.map(events(sentinel), (all) => all.map(({ channel }) => channel)))

describe("the sentinels in memory", () => {
  it.effect("promote a replica of a primary that has died, and make it one when it is back", () =>
    Effect.gen(function*() {
      const group = yield* Group
      const first = yield* group.primary
      assert.strictEqual(yield* Redis.set("a", "1"), "OK")
      yield* group.kill(first)
      const write = yield* Effect.forkChild(Redis.set("a", "2"), { startImmediately: true })
      const heir = yield* during(group.awaitSwitch(first))
      assert.notStrictEqual(heir.name, first.name)
      yield* pass(1)
      assert.strictEqual(yield* Fiber.join(write), "OK")
      assert.strictEqual(yield* primaryKey, heir.address.key)
      yield* group.restart(first)
      yield* pass(2)
      const back = (yield* group.nodes).find(({ name }) => name === first.name)
      assert.strictEqual(back?.role, "primary")
      yield* during(group.waitUntilStable, 60)
      assert.strictEqual((yield* group.replicas).length, 2)
    }).pipe(Effect.provide(FakeSentinel.layer({ replicas: 2 }))))

  it.effect("fail over when asked to, without a write that fails", () =>
    Effect.gen(function*() {
      const group = yield* Group
      const writes = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 200 }), () => Effect.andThen(Redis.incr("n"), Effect.sleep("20 millis")), {
          discard: true
        }),
        { startImmediately: true }
      )
      const heir = yield* during(group.failover)
      yield* pass(10)
      yield* Fiber.join(writes)
      assert.strictEqual(yield* primaryKey, heir.address.key)
      assert.includeMembers([...(yield* channelsOf("sentinel-0"))], [
        "+try-failover",
        "+elected-leader",
        "+promoted-slave",
        "+failover-end",
        "+switch-master"
      ])
    }).pipe(Effect.provide(FakeSentinel.layer({ replicas: 2 }))))

  it.effect("do nothing without a majority", () =>
    Effect.gen(function*() {
      const group = yield* Group
      yield* group.kill("sentinel-1")
      yield* group.kill("sentinel-2")
      yield* pass(2)
      yield* group.kill("fake-0")
      yield* pass(20)
      assert.notInclude([...(yield* channelsOf("sentinel-0"))], "+try-failover")
      yield* group.restart("sentinel-1")
      const heir = yield* during(group.awaitSwitch("fake-0"))
      assert.strictEqual(heir.name, "fake-1")
    }).pipe(Effect.provide(FakeSentinel.layer())))

  it.effect("cost nothing while they rest", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("10000 days")
      const group = yield* Group
      assert.deepStrictEqual(yield* group.events("sentinel-0"), [])
      const heir = yield* during(group.failover)
      yield* during(group.waitUntilStable, 60)
      yield* TestClock.adjust("10000 days")
      assert.strictEqual((yield* group.primary).name, heir.name)
    }).pipe(Effect.provide(FakeSentinel.layerConnector({ replicas: 2 }))))
})

const wrong: ReadonlyArray<readonly [name: string, options: object, problem: string]> = [
  ["a name with a space", { name: "my master" }, "name is"],
  ["no sentinel", { sentinels: 0 }, "sentinels is"],
  ["a quorum of half a sentinel", { quorum: 0.5 }, "quorum is"],
  ["a negative time", { downAfter: -1 }, "downAfter"],
  ["a text as a switch", { hurried: "yes" }, "hurried is"],
  ["a password in the open", { sentinelPassword: "secret" }, "sentinelPassword must be Redacted"],
  ["an option that does not exist", { sentinel: 3 }, "sentinel"]
]

describe("a group in memory", () => {
  it.effect.each(wrong)("is not made with %s", ([, options, problem]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(FakeSentinel.make(options)))
      assert.include(error.message, problem)
      assert.notInclude(error.message, "secret")
    }))

  it.effect("lets only a majority act that hears each other, and the others adopt what it has done", () =>
    Effect.gen(function*() {
      const group = yield* Group
      for (const other of ["fake-1", "sentinel-1", "sentinel-2"]) {
        yield* group.partition("fake-0", other)
        yield* group.partition("sentinel-0", other)
      }
      yield* pass(10)
      assert.notInclude(yield* channelsOf("sentinel-0"), "+try-failover")
      assert.strictEqual((yield* group.primary).name, "fake-1")
      yield* group.heal()
      yield* during(group.waitUntilStable, 60)
      assert.include(yield* channelsOf("sentinel-0"), "+config-update-from")
      assert.strictEqual((yield* group.replicas)[0].name, "fake-0")
    }).pipe(Effect.provide(FakeSentinel.layerConnector())))

  it.effect("finds a replica that was added, and promotes the one with the lowest priority", () =>
    Effect.gen(function*() {
      const group = yield* Group
      const added = yield* group.addReplica()
      yield* during(group.waitUntilStable, 60)
      assert.include(yield* channelsOf("sentinel-0"), "+slave")
      yield* group.command(added, "CONFIG", ["SET", "replica-priority", 1])
      assert.strictEqual((yield* during(group.failover)).name, added.name)
    }).pipe(Effect.provide(FakeSentinel.layerConnector({ replicas: 2 }))))

  it.effect("has sentinels that do not act for a while after they were stopped", () =>
    Effect.gen(function*() {
      const group = yield* Group
      yield* group.pause("sentinel-0")
      yield* pass(5)
      yield* group.resume("sentinel-0")
      yield* pass(40)
      const channels = yield* channelsOf("sentinel-0")
      assert.include(channels, "+tilt")
      assert.include(channels, "-tilt")
    }).pipe(Effect.provide(FakeSentinel.layerConnector())))
})
