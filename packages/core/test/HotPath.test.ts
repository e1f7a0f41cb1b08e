/**
 * What a command costs where nothing goes wrong, in counts, which no busy machine can change. A count that rises here has
 * made every command slower.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import { createHook } from "node:async_hooks"
import * as Redis from "../src/Redis.ts"
import { connected } from "./support/client.ts"
import type { ScriptedCluster } from "./support/ScriptedCluster.ts"

const thousand = 1000
const keys = Array.from({ length: thousand }, (_, n) => `key:${n}`)

interface Counts {
  /** Suspensions of a fiber; each keeps the async context of the moment. */
  readonly suspensions: number
  /** Effects that a fiber has evaluated. */
  readonly effects: number
  readonly fibers: number
  readonly timers: number
  readonly promises: number
}

const fiberId = Effect.withFiber((fiber) => Effect.succeed(fiber.id))

/** The number of the next fiber that is made. They are numbered in order. */
const nextFiber = Effect.flatMap(Effect.forkChild(fiberId), (fiber) => Effect.succeed(fiber.id))

const counted = Effect.fnUntraced(function*<E, R>(effect: Effect.Effect<void, E, R>) {
  const made = new Map<string, number>()
  const hook = createHook({
    init: (_, type) => {
      made.set(type, (made.get(type) ?? 0) + 1)
    }
  })
  let effects = 0
  const counting = Tracer.make({
    span: (options) => new Tracer.NativeSpan(options),
    context: (primitive, fiber) => {
      effects++
      return primitive["~effect/Effect/evaluate"](fiber)
    }
  })
  const first = yield* nextFiber
  yield* Effect.andThen(Effect.sync(() => hook.enable()), effect).pipe(
    Effect.ensuring(Effect.sync(() => hook.disable())),
    Effect.withTracer(counting),
    Effect.withTracerEnabled(false)
  )
  const last = yield* nextFiber
  const counts: Counts = {
    suspensions: made.get("effect/Fiber") ?? 0,
    effects,
    fibers: last - first - 1,
    timers: made.get("Timeout") ?? 0,
    promises: made.get("PROMISE") ?? 0
  }
  return counts
})

/** One after the other. */
const sequence = <A, E, R>(effects: ReadonlyArray<Effect.Effect<A, E, R>>) =>
  Effect.gen(function*() {
    for (const effect of effects) yield* effect
  })

const writesOf = ({ nodes }: ScriptedCluster): number =>
  Array.from(nodes.values()).flatMap(({ connections }) => connections.flatMap(({ writes }) => writes)).length

/** What an effect costs beyond one that is run likewise and does nothing. It has run before: its connections are open. */
const costOf = Effect.fnUntraced(function*<E, R>(effect: Effect.Effect<void, E, R>, idle: Effect.Effect<void, E, R>) {
  const nothing = yield* counted(idle)
  const { effects, fibers, promises, suspensions, timers } = yield* counted(effect)
  return {
    suspensions: suspensions - nothing.suspensions,
    effects: effects - nothing.effects,
    fibers: fibers - nothing.fibers,
    timers: timers - nothing.timers,
    promises: promises - nothing.promises
  }
})

describe("a thousand commands", () => {
  it.effect("one after the other suspend a thousand times, and evaluate three effects each", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* connected()
      const gets = run(sequence(keys.map((key) => Redis.get(key))))
      yield* gets
      const before = writesOf(cluster)
      const cost = yield* costOf(gets, run(sequence([])))
      // Each is the command, its suspension, and the reply.
      expect(cost).toEqual({ suspensions: thousand, effects: 3 * thousand, fibers: 0, timers: 0, promises: 0 })
      expect(writesOf(cluster) - before).toBe(thousand)
    }))

  it.effect("at once go out in one write a node, and make no fibers beyond those that ask", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* connected()
      const gets = run(Effect.forEach(keys, (key) => Redis.get(key), { concurrency: "unbounded", discard: true }))
      yield* gets
      const before = writesOf(cluster)
      const { fibers, promises, suspensions, timers } = yield* costOf(gets, run(Effect.void))
      expect({ suspensions, fibers, timers, promises }).toEqual({
        suspensions: thousand + 1,
        fibers: thousand,
        timers: 0,
        promises: 0
      })
      expect(writesOf(cluster) - before).toBe(cluster.nodes.size)
    }))

  it.effect("in a pipeline suspend once, and go out in one write a node", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* connected()
      const pipeline = Effect.asVoid(run(Redis.pipeline(keys.map((key) => Redis.get(key)))))
      yield* pipeline
      const before = writesOf(cluster)
      const { fibers, promises, suspensions, timers } = yield* costOf(pipeline, run(Effect.void))
      expect({ suspensions, fibers, timers, promises }).toEqual({ suspensions: 1, fibers: 0, timers: 0, promises: 0 })
      expect(writesOf(cluster) - before).toBe(cluster.nodes.size)
    }))
})
