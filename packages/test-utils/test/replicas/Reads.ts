/**
 * Fibers that read without end, and what they were answered: every read has to bring the value that was stored.
 */
import { assert } from "@effect/vitest"
import { ReadFrom, Redis, Slot } from "@redisc/core"
import type { RealCluster } from "@redisc/test-utils"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { layout, Stage } from "./Stage.ts"

export interface Reads {
  count: number
  /** How long the longest took, in milliseconds. */
  longest: number
  /** What was not as it should be. */
  readonly wrong: Array<string>
  readonly waiters: Array<{ left: number; readonly reached: Deferred.Deferred<void> }>
  stopped: boolean
}

/** A read that took longer, in milliseconds, has waited for a connection that nobody answers. Machines are slow at times. */
export const patience = 4000

export const valueOf = (key: string): string => `the value of ${key}`.padEnd(1024, ".")

/** Keys of the slots of a node. */
export const keysOf = ({ slots }: RealCluster.NodeState, prefix: string, count: number): ReadonlyArray<string> => {
  const keys: Array<string> = []
  for (let n = 0; keys.length < count; n++) {
    const key = `${prefix}:${n}`
    const slot = Slot.fromKey(key)
    if (slots.some(([first, last]) => slot >= first && slot <= last)) keys.push(key)
  }
  return keys
}

/** Stores the keys, and waits until all replicas have them. */
export const store = (keys: ReadonlyArray<string>) =>
  Effect.forEach(keys, (key) => Redis.set(key, valueOf(key)), { concurrency: "unbounded", discard: true }).pipe(
    Redis.ensureReplication({ replicas: layout.replicas, within: "30 seconds" })
  )

const note = (reads: Reads, millis: number, problem: string | undefined): void => {
  reads.count++
  reads.longest = Math.max(reads.longest, millis)
  if (problem !== undefined) reads.wrong.push(problem)
  for (const waiter of reads.waiters) if (--waiter.left === 0) Deferred.doneUnsafe(waiter.reached, Effect.void)
}

const readOne = Effect.fnUntraced(function*(reads: Reads, key: string) {
  const clock = yield* Clock.Clock
  const startedAt = clock.currentTimeMillisUnsafe()
  const problem = yield* Effect.match(Redis.get(key), {
    onSuccess: (value) => value === valueOf(key) ? undefined : `${key} was ${value}`,
    onFailure: ({ message }) => message
  })
  note(reads, clock.currentTimeMillisUnsafe() - startedAt, problem)
})

/** Waits for that many more reads to be answered. */
export const more = (reads: Reads, count: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    const reached = Deferred.makeUnsafe<void>()
    reads.waiters.push({ left: count, reached })
    return Deferred.await(reached)
  })

/** Waits, read by read, until something is so. */
export const readUntil = <E, R>(reads: Reads, condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.asVoid(Effect.repeat(Effect.andThen(more(reads, 200), condition), { until: (done) => done }))

/** Reads in each of some ways by fibers of its own while something happens, and checks what they were answered. */
export const whileReading = Effect.fnUntraced(function*<A, E, R>(
  keys: ReadonlyArray<string>,
  ways: ReadonlyArray<ReadFrom.ReadFrom>,
  happening: (reads: Reads) => Effect.Effect<A, E, R>
) {
  const reads: Reads = { count: 0, longest: 0, wrong: [], waiters: [], stopped: false }
  const endless = Effect.fnUntraced(function*(start: number) {
    for (let n = start; !reads.stopped; n++) yield* readOne(reads, keys[n % keys.length])
  })
  const load = yield* Effect.forEach(
    ways.flatMap((way) => [way, way, way, way]),
    (way, index) => Effect.forkChild(ReadFrom.provide(endless(index), way))
  )
  yield* more(reads, 1000)
  const result = yield* happening(reads)
  yield* more(reads, 1000)
  reads.stopped = true
  yield* Fiber.joinAll(load)
  assert.deepStrictEqual(reads.wrong, [])
  return { reads, result }
})

/** Whether a node has answered reads since the last time. */
export const makeWatch = Effect.fnUntraced(function*(node: RealCluster.Node) {
  const { served } = yield* Stage
  let before = yield* served(node)
  return Effect.map(served(node), (now) => {
    const has = now !== before
    before = now
    return has
  })
})
