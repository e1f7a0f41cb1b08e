/** Under constant load, nodes and slots are handed over again and again, and programs notice nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Address from "@redisc/core/Address"
import * as Redis from "@redisc/core/Redis"
import * as RedisCluster from "@redisc/core/RedisCluster"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as FakeCluster from "../../src/FakeCluster.ts"

const settle = Effect.replicateEffect(Effect.yieldNow, 20, { discard: true })

/** Lets time pass, in small steps. */
const advance = Effect.fnUntraced(function*(duration: Duration.Input) {
  const end = Duration.toMillis(Duration.fromInputUnsafe(duration))
  for (let now = 0; now < end; now += 50) {
    yield* TestClock.adjust(50)
    yield* settle
  }
})

const writers = 6
const keyOf = (writer: number): string => `list:${writer}`

/**
 * Writers that append the next number to a list each, every 5 ms, whether the last one is done or not, until they are told to stop.
 * Fails if any append does; answers how many each has appended.
 */
const load = Effect.gen(function*() {
  const told = { stop: false }
  const write = Effect.fnUntraced(function*(writer: number) {
    const appends: Array<Fiber.Fiber<number, unknown>> = []
    while (!told.stop) {
      appends.push(
        yield* Effect.forkChild(Redis.rpush(keyOf(writer), [`${appends.length}`]), { startImmediately: true })
      )
      yield* Effect.sleep("5 millis")
    }
    yield* Effect.forEach(appends, Fiber.join)
    return appends.length
  })
  const fiber = yield* Effect.forkChild(
    Effect.forEach(Array.from({ length: writers }, (_, n) => n), write, { concurrency: "unbounded" }),
    { startImmediately: true }
  )
  yield* settle
  return Effect.suspend(() => {
    told.stop = true
    return Effect.andThen(advance("3 seconds"), Fiber.join(fiber))
  })
})

/** Nothing was lost, doubled, or overtaken. */
const complete = Effect.fnUntraced(function*(counts: ReadonlyArray<number>) {
  const cluster = yield* FakeCluster.FakeCluster
  for (const { name } of yield* cluster.nodes) yield* cluster.latency(name, 0)
  for (const [writer, count] of counts.entries()) {
    assert.isAbove(count, 300)
    const items = yield* Redis.lrange(keyOf(writer), 0, -1)
    assert.deepStrictEqual(items, Array.from({ length: count }, (_, n) => `${n}`))
  }
})

const announcing = (client: Partial<RedisCluster.Options> = {}) =>
  FakeCluster.layer({ primaries: 3, announces: true, client: { commandTimeout: "5 seconds", ...client } })

describe("hand-offs under load", () => {
  it.effect("of nodes to other addresses cost no error, no double and no order", () =>
    Effect.gen(function*() {
      const cluster = yield* FakeCluster.FakeCluster
      for (const node of ["fake-0", "fake-1", "fake-2"]) yield* cluster.latency(node, "8 millis")
      const stop = yield* load
      yield* advance("1 second")
      for (let i = 0; i < 6; i++) {
        const to = Address.tcp(`moved-${i}`, 6379)
        yield* cluster.moveEndpoint(`fake-${i % 3}`, to, { within: "3 seconds" })
        yield* advance("3500 millis")
      }
      yield* complete(yield* stop)
      const { nodes, retries } = yield* Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats)
      assert.strictEqual(retries, 0)
      assert.deepStrictEqual([...nodes.keys()].sort(), ["moved-3:6379", "moved-4:6379", "moved-5:6379"])
    }).pipe(Effect.provide(announcing())))

  it.effect("of slots cost no error, no double and no order", () =>
    Effect.gen(function*() {
      const cluster = yield* FakeCluster.FakeCluster
      for (const node of ["fake-0", "fake-1", "fake-2"]) yield* cluster.latency(node, "8 millis")
      const stop = yield* load
      yield* advance("1 second")
      for (let i = 0; i < 12; i++) {
        const slots = Array.from({ length: writers }, (_, writer) => cluster.slotOf(keyOf(writer)))
        yield* cluster.migrateSlots({ to: `fake-${i % 3}`, slots: slots.filter((_, n) => (n + i) % 2 === 0) })
        yield* advance("200 millis")
      }
      yield* complete(yield* stop)
      const { slotHandoffs } = yield* Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats)
      assert.isAtLeast(slotHandoffs, 10)
    }).pipe(Effect.provide(announcing())))

  it.effect("that pause a node for 8 seconds fail no command whose timeout is 5", () =>
    Effect.gen(function*() {
      const cluster = yield* FakeCluster.FakeCluster
      const stop = yield* load
      yield* advance("4 seconds")
      for (const [begin, end] of [["MIGRATING", "MIGRATED"], ["FAILING_OVER", "FAILED_OVER"]]) {
        assert.isAtLeast(yield* cluster.announce("fake-1", [begin, 1, 2]), 1)
        yield* settle
        yield* cluster.partition("client", "fake-1")
        yield* advance("8 seconds")
        yield* cluster.heal("client", "fake-1")
        yield* cluster.announce("fake-1", [end, 1])
        yield* advance("4 seconds")
      }
      yield* complete(yield* stop)
    }).pipe(Effect.provide(announcing({ pingInterval: "2 seconds" }))))
})

describe("CLIENT MAINT_NOTIFICATIONS", () => {
  it.effect("is refused by servers that announce nothing, as by real ones", () =>
    Effect.gen(function*() {
      const cluster = yield* FakeCluster.FakeCluster
      const error = yield* Effect.flip(cluster.command("fake-0", "CLIENT", ["MAINT_NOTIFICATIONS", "ON"]))
      assert.include(error.message, "ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.")
      assert.strictEqual(yield* Redis.set("k", "v"), "OK")
      assert.strictEqual(yield* cluster.announce("fake-0", ["MIGRATED", 1]), 0)
    }).pipe(Effect.provide(FakeCluster.layer())))
})
