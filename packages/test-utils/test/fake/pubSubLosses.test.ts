import { assert, describe, it } from "@effect/vitest"
import { PubSub, Redis, Slot } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { home, settled } from "./subscribers.ts"

/** Lets time pass in small steps, with all that happens in between. */
const pass = Effect.fnUntraced(function*(millis: number) {
  for (let at = 0; at < millis; at += 25) {
    yield* TestClock.adjust(25)
    yield* settled
  }
})

/** A program that mirrors a key: it is told of each change, and reads anew when it may not have been. */
const mirror = Effect.fnUntraced(function*(key: string) {
  const seen = { value: yield* Redis.get(key), rereads: 0 }
  const events = yield* PubSub.listen({ shardChannels: [key] })
  const follow = Stream.runForEach(events, (event) =>
    Effect.gen(function*() {
      if (event._tag === "Message") seen.value = event.payload
      if (event._tag !== "Gap") return
      seen.rereads++
      seen.value = yield* Redis.get(key)
    }))
  yield* Effect.forkScoped(follow)
  return seen
})

const change = (key: string, value: string) => Effect.andThen(Redis.set(key, value), Redis.spublish(key, value))

/** Changes a key behind the back of the client, and tells whoever listens at that node. */
const changeAt = Effect.fnUntraced(function*(node: FakeCluster.NodeRef, key: string, value: string) {
  const fake = yield* FakeCluster.FakeCluster
  yield* fake.command(node, "SET", [key, value])
  yield* fake.command(node, "SPUBLISH", [key, value])
})

describe("a program that reads anew after each gap", () => {
  const key = "price:1"
  const setting = Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    const owner = yield* fake.ownerOf(fake.slotOf(key))
    const other = (yield* fake.primaries).find(({ id }) => id !== owner.id)!
    yield* change(key, "1")
    const seen = yield* mirror(key)
    yield* change(key, "2")
    yield* settled
    assert.deepStrictEqual(seen, { value: "2", rereads: 0 })
    return { fake, owner, other, seen }
  })
  const withCluster = Effect.provide(
    FakeCluster.layer({ primaries: 3, replicas: 1, client: { pingInterval: "1 second" } })
  )

  it.effect("knows what was changed while its connection was down", () =>
    Effect.gen(function*() {
      const { fake, owner, seen } = yield* setting
      yield* fake.partition("client", owner)
      yield* fake.dropConnections(owner)
      yield* pass(500)
      yield* fake.heal()
      yield* changeAt(owner, key, "3")
      yield* pass(5000)
      assert.deepStrictEqual(seen, { value: "3", rereads: 1 })
    }).pipe(withCluster))

  it.effect("knows what was changed at the new owner of its slot", () =>
    Effect.gen(function*() {
      const { fake, other, seen } = yield* setting
      yield* fake.migrateSlot(fake.slotOf(key), other)
      yield* changeAt(other, key, "3")
      yield* pass(1000)
      assert.strictEqual(seen.value, "3")
      assert.isAtLeast(seen.rereads, 1)
    }).pipe(withCluster))

  it.effect("knows what was changed at the replica that took over", () =>
    Effect.gen(function*() {
      const { fake, owner, seen } = yield* setting
      yield* fake.kill(owner)
      yield* pass(1550)
      const successor = yield* fake.awaitPromotion(owner)
      yield* changeAt(successor, key, "3")
      yield* pass(3000)
      assert.strictEqual(seen.value, "3")
      assert.isAtLeast(seen.rereads, 1)
    }).pipe(withCluster))

  it.effect("knows what was changed while it was cut off from its node, and has to be told only once", () =>
    Effect.gen(function*() {
      const { fake, owner, seen } = yield* setting
      yield* fake.partition("client", owner)
      yield* fake.seed({ [key]: "3" })
      yield* pass(10_000)
      yield* fake.heal()
      yield* pass(5000)
      assert.deepStrictEqual(seen, { value: "3", rereads: 1 })
    }).pipe(withCluster))
})

interface Published {
  readonly number: number
  readonly startedAt: number
  readonly endedAt: number
}

interface Channel {
  readonly name: string
  readonly sharded: boolean
  readonly published: Array<Published>
  readonly heard: Map<number, number>
  readonly gaps: Array<PubSub.Gap>
}

/** Numbers from 0 to below n, the same for the same seed. */
const dice = (seed: number) => {
  let state = seed * 7919 + 1
  return (n: number): number => {
    state = (state * 48271) % 2147483647
    return state % n
  }
}

const publishing = Effect.fnUntraced(function*({ name, published, sharded }: Channel, pause: number) {
  const clock = yield* Clock.Clock
  for (let number = 0;; number++) {
    const startedAt = clock.currentTimeMillisUnsafe()
    const outcome = yield* Effect.result(sharded ? Redis.spublish(name, `${number}`) : Redis.publish(name, `${number}`))
    if (Result.isSuccess(outcome)) published.push({ number, startedAt, endedAt: clock.currentTimeMillisUnsafe() })
    yield* Effect.sleep(pause)
  }
})

const listening = Effect.fnUntraced(function*(channels: ReadonlyMap<string, Channel>) {
  const names = (sharded: boolean) =>
    [...channels.values()].flatMap((each) => each.sharded === sharded ? [each.name] : [])
  const events = yield* PubSub.listen({ channels: names(false), shardChannels: names(true) }, { buffer: 100_000 })
  yield* Effect.forkScoped(Stream.runForEach(events, (event) =>
    Effect.sync(() => {
      if (event._tag === "Message") {
        const { heard } = channels.get(event.channel)!
        heard.set(Number(event.payload), (heard.get(Number(event.payload)) ?? 0) + 1)
      } else if (event._tag === "Gap") channels.get(event.name!)!.gaps.push(event)
    })))
})

/** One thing that goes wrong, and is mended. */
const trouble = Effect.fnUntraced(function*(roll: (n: number) => number, slots: ReadonlyArray<number>) {
  const fake = yield* FakeCluster.FakeCluster
  const primaries = yield* fake.primaries
  const victim = primaries[roll(primaries.length)]
  switch (roll(6)) {
    case 0:
      return yield* fake.dropConnections(victim, { afterBytes: roll(2000) })
    case 1:
      yield* fake.kill(victim)
      yield* pass(2000)
      return yield* fake.restart(victim)
    case 2: {
      const [replica] = yield* fake.replicasOf(victim)
      return yield* fake.failover(replica)
    }
    case 3:
      return yield* fake.migrateSlots({ to: victim, slots: slots.filter(() => roll(2) === 0) })
    case 4:
      yield* fake.partition("client", victim)
      yield* pass(4000)
      return yield* fake.heal()
    default:
      return yield* fake.latency(victim, roll(300))
  }
})

describe("what is published while things go wrong", () => {
  it.effect.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
    "is heard, or was published in a gap that was told: seed %d (traps 41, 42)",
    (seed) =>
      Effect.gen(function*() {
        const fake = yield* FakeCluster.FakeCluster
        const roll = dice(seed)
        const channels = new Map(Array.from({ length: 12 }, (_, i): [string, Channel] => {
          const name = `channel ${i}`
          return [name, { name, sharded: i % 3 !== 0, published: [], heard: new Map(), gaps: [] }]
        }))
        const slots = [...channels.values()].flatMap(({ name, sharded }) => sharded ? [Slot.fromKey(name)] : [])
        for (const { name } of yield* fake.nodes) yield* fake.latency(name, roll(100))
        const opening = yield* Effect.forkChild(listening(channels))
        yield* pass(2000)
        assert.isDefined(opening.pollUnsafe())
        for (const channel of channels.values()) yield* Effect.forkChild(publishing(channel, 20 + roll(60)))
        for (let i = 0; i < 12; i++) {
          yield* pass(roll(1500))
          yield* trouble(roll, slots)
        }
        for (const { name } of yield* fake.nodes) yield* fake.latency(name, 0)
        yield* pass(3000)
        // Whatever the dice have done: classic messages that are published elsewhere are lost now.
        yield* fake.partition("client", yield* home)
        yield* pass(4000)
        yield* fake.heal()
        yield* pass(8000)
        const before = [...channels.values()].map(({ heard }) => heard.size)
        yield* pass(2000)

        for (const [i, { gaps, heard, name, published }] of [...channels.values()].entries()) {
          assert.isAbove(heard.size, before[i], `${name} is heard again`)
          const latest = Math.max(...heard.keys())
          const untold = published.filter(({ endedAt, number, startedAt }) =>
            number <= latest && !heard.has(number) &&
            !gaps.some(({ from, until }) =>
              DateTime.toEpochMillis(from) <= endedAt && DateTime.toEpochMillis(until) >= startedAt
            )
          )
          assert.deepStrictEqual(untold, [], `${name} lost messages without a word`)
          const doubled = [...heard.values()].filter((times) => times > 1)
          assert.isTrue(doubled.length === 0 || gaps.length > 0, `${name} told a message twice`)
        }
        const missing = [...channels.values()].map(({ heard, published }) => published.length - heard.size)
        assert.isAbove(Math.max(...missing), 0)
      }).pipe(
        Effect.scoped,
        Effect.provide(FakeCluster.layer({
          primaries: 3,
          replicas: 1,
          seed,
          client: { pingInterval: "1 second", connectTimeout: "1 second", commandTimeout: "3 seconds" }
        }))
      )
  )
})
