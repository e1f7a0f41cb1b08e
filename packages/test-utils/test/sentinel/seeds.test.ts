/** Many failovers, each of its own seed, in no time: writes wait, and none is doubled, or lost but by a server that died with it. */
import { assert, it } from "@effect/vitest"
import { Redis } from "@redisc/core"
import { FakeSentinel } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"

const runs = Number(process.env["REDISC_SENTINEL_SEEDS"] ?? 40)

type Group = FakeSentinel.FakeSentinel["Service"]

/** What happens to a group, and after which writes may be lost: those that only the old primary had. */
const disturbances: ReadonlyArray<
  readonly [name: string, mayLose: boolean, run: (group: Group) => Effect.Effect<void, unknown>]
> = [
  ["death", false, (group) => Effect.flatMap(group.primary, group.kill)],
  ["silence", false, (group) => Effect.flatMap(group.primary, group.pause)],
  ["planned", true, (group) => Effect.asVoid(group.failover)],
  [
    "partition",
    true,
    (group) =>
      Effect.flatMap(
        group.primary,
        ({ name }) =>
          Effect.forEach(["fake-1", "fake-2", "sentinel-0", "sentinel-1", "sentinel-2"], (other) =>
            group.partition(name, other), { discard: true })
      )
  ],
  [
    "a sentinel less",
    false,
    (group) => Effect.andThen(group.kill("sentinel-0"), Effect.flatMap(group.primary, group.kill))
  ]
]

const failover = (seed: number) => {
  const [name, mayLose, disturb] = disturbances[seed % disturbances.length]
  return Effect.gen(function*() {
    const group = yield* FakeSentinel.FakeSentinel
    const old = yield* group.primary
    const acknowledged: Array<string> = []
    const uncertain: Array<string> = []
    const program = Effect.forEach(
      Array.from({ length: 40 }, (_, index) => `${index}`),
      (value) =>
        Effect.match(Redis.rpush("log", [value]), {
          onSuccess: () => void acknowledged.push(value),
          onFailure: ({ delivery }) => void (delivery === "MaybeExecuted" && uncertain.push(value))
        }).pipe(Effect.andThen(Effect.sleep("100 millis"))),
      { discard: true }
    )
    const fiber = yield* Effect.forkChild(program, { startImmediately: true })
    yield* TestClock.adjust(`${seed % 7 * 30} millis`)
    const disturbing = yield* Effect.forkChild(disturb(group), { startImmediately: true })
    const switched = yield* Effect.forkChild(group.awaitSwitch(old), { startImmediately: true })
    for (let step = 0; step < 300 && fiber.pollUnsafe() === undefined; step++) yield* TestClock.adjust("100 millis")
    yield* Fiber.join(fiber)
    yield* Fiber.join(disturbing)
    const heir = yield* Fiber.join(switched)
    const list = yield* group.command(heir, "LRANGE", ["log", 0, -1])
    const kept = Array.isArray(list) ? list.map(String) : []
    assert.strictEqual(new Set(kept).size, kept.length, `${name}, seed ${seed}: a write is there twice`)
    const lost = acknowledged.filter((value) => !kept.includes(value))
    if (!mayLose) assert.deepStrictEqual(lost, [], `${name}, seed ${seed}: acknowledged writes are lost`)
    const strange = kept.filter((value) => !acknowledged.includes(value) && !uncertain.includes(value))
    assert.deepStrictEqual(strange, [], `${name}, seed ${seed}: a write that failed was executed`)
    assert.include(kept, acknowledged.at(-1))
    return {
      name,
      lost: lost.length,
      at: (yield* group.events("sentinel-1")).map(({ at, channel }) => `${at} ${channel}`)
    }
  }).pipe(Effect.provide(FakeSentinel.layer({ replicas: 2, seed })))
}

it.effect(`${runs} failovers, of which no client loses what its servers have not lost`, () =>
  Effect.gen(function*() {
    for (let seed = 0; seed < runs; seed++) yield* Effect.scoped(failover(seed))
  }), 600_000)

it.effect("the same seed is the same failover", () =>
  Effect.gen(function*() {
    const times = (yield* Effect.scoped(failover(5))).at.map((entry) => entry.split(" ")[1])
    const again = (yield* Effect.scoped(failover(5))).at.map((entry) => entry.split(" ")[1])
    assert.deepStrictEqual(again, times)
    assert.include(times, "+switch-master")
  }))
