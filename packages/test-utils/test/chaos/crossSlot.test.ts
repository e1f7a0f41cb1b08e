import { assert, describe, it } from "@effect/vitest"
import { RedirectPolicy, Redis, Slot } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import { watchful } from "./patience.ts"

/** A writer has keys of its own, in slots of all shards, so that it knows what is in them. */
const writers = 8
const keysEach = 60

const keyOf = (writer: number, n: number): string => `split:${writer}:${n}`

/** What a key may hold: the last value that was written for sure, and later ones that may have been. */
interface Entry {
  right: ReadonlySet<string>
  /** What it might hold before that. */
  earlier: ReadonlySet<string>
}

interface State {
  stopped: boolean
  /** Whether a slot has lost its primary, and with it, perhaps, the last writes that had not reached the replica yet. */
  lost: (slot: number) => boolean
  rounds: number
  /** Errors of the writers that leave redirects and losses to the client. */
  failures: number
  readonly parts: { done: number; notExecuted: number; uncertain: number }
}

const writer = Effect.fnUntraced(function*(name: number, state: State) {
  const isPatient = name % 2 === 0
  const keys = Array.from({ length: keysEach }, (_, n) => keyOf(name, n))
  const none: ReadonlySet<string> = new Set(["none"])
  const entries = new Map<string, Entry>(keys.map((key) => [key, { right: none, earlier: none }]))

  const written = (key: string, value: string, isSure: boolean): void => {
    const entry = entries.get(key)!
    if (isSure) entry.earlier = entry.right
    entry.right = isSure ? new Set([value]) : new Set([...entry.right, value])
  }

  const write = Effect.fnUntraced(function*(value: string) {
    const result = yield* Effect.result(Redis.mset(keys.map((key) => [key, value] as const)))
    if (Result.isSuccess(result)) return keys.forEach((key) => written(key, value, true))
    if (isPatient) state.failures++
    const { message, parts = [] } = result.failure
    assert.sameMembers(parts.flatMap(({ keys = [] }) => keys), keys, message)
    for (const { delivery, keys = [], reason } of parts) {
      const isDone = reason === undefined
      if (!isDone && delivery !== "MaybeExecuted") {
        assert.include(["NotSent", "Rejected"], delivery)
        state.parts.notExecuted++
        continue
      }
      state.parts[isDone ? "done" : "uncertain"]++
      for (const key of keys as ReadonlyArray<string>) written(key, value, isDone)
    }
  })

  const read = Effect.gen(function*() {
    // Some twice, and not in the order in which they were written.
    const asked = [...keys.toReversed(), ...keys.slice(0, 10)]
    const values = yield* Redis.mget(asked, { mode: "result" })
    assert.strictEqual(values.length, asked.length)
    values.forEach((result, n) => {
      if (Result.isFailure(result)) {
        if (isPatient) state.failures++
        return
      }
      const value = result.success ?? "nothing"
      const entry = entries.get(asked[n])!
      const isLost = !entry.right.has(value) && state.lost(Slot.fromKey(asked[n])) && entry.earlier.has(value)
      if (isLost) entry.right = new Set([value])
      assert.isTrue(entry.right.has(value), `${asked[n]} is ${value}, not ${[...entry.right].join(" or ")}`)
    })
  })

  for (let round = 0; !state.stopped; round++) {
    yield* isPatient
      ? write(`${name}:${round}`)
      : RedirectPolicy.provide(write(`${name}:${round}`), RedirectPolicy.none)
    yield* isPatient ? read : RedirectPolicy.provide(read, RedirectPolicy.none)
    state.rounds++
  }
  yield* read
  assert.strictEqual(yield* Redis.exists([keys[0], ...keys]), keysEach + 1)
})

describe("commands with keys of many slots, on real servers", () => {
  it.live("tell no wrong value and lose no report, while slots move and a primary dies", () =>
    Effect.gen(function*() {
      const servers = yield* RealCluster.RealCluster
      const [first, second, third] = yield* servers.primaries
      const parts = { done: 0, notExecuted: 0, uncertain: 0 }
      const state: State = { stopped: false, lost: () => false, rounds: 0, failures: 0, parts }
      const all = Array.from({ length: writers * keysEach }, (_, n) => keyOf(n % writers, Math.floor(n / writers)))
      const slots = [...new Set(all.slice(0, writers * 5).map(Slot.fromKey))]
      const rounds = (count: number) =>
        Effect.suspend(() => {
          const until = state.rounds + count
          return Effect.repeat(Effect.yieldNow, { until: () => state.rounds >= until })
        })
      yield* Effect.gen(function*() {
        yield* Redis.mset(all.map((key) => [key, "none"] as const))
        const load = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: writers }, (_, n) => n), (name) => writer(name, state), {
            concurrency: "unbounded",
            discard: true
          })
        )
        for (const to of [second, third, first]) yield* servers.migrateSlots({ to, slots })
        assert.strictEqual(state.failures, 0)
        const { slots: owned } = (yield* servers.primaries).find(({ id }) => id === first.id)!
        state.lost = (slot) => owned.some(([start, end]) => slot >= start && slot <= end)
        yield* servers.kill(first)
        yield* servers.awaitPromotion(first)
        yield* servers.waitUntilStable
        yield* rounds(3 * writers)
        state.stopped = true
        yield* Fiber.join(load)
        assert.isAbove(parts.done, 0)
        assert.isAbove(parts.notExecuted, 0)
        const { failures, rounds: made } = state
        yield* Effect.log(`${made} rounds, ${failures} errors of the patient, parts ${JSON.stringify(parts)}`)
      }).pipe(Effect.provide(NodeRedisCluster.layer({ nodes: servers.addresses })))
    }).pipe(
      Effect.provide(
        RealCluster.layer({ primaries: 3, replicas: 1, requireFullCoverage: false, nodeTimeout: watchful })
      )
    ))
})
