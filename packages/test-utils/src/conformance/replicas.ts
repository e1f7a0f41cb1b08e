/**
 * Cases for reads that replicas may answer. They also hold for clusters without replicas, where the primary answers all.
 *
 * @since 0.1.0
 */
import * as ReadFrom from "@redisc/core/ReadFrom"
import * as Redis from "@redisc/core/Redis"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { freshKeys, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const fallible = ["preferReplica", "any", "nearest"] as const

/**
 * @category suites
 * @since 0.1.0
 */
export const replicas: ReadonlyArray<Case> = [
  test(
    "whoever answers reads, they bring what was written in the end",
    Effect.gen(function*() {
      const key = yield* freshKeys("replicas:end")
      yield* Redis.set(key("text"), "1")
      yield* Redis.rpush(key("list"), ["a", "b"])
      // Twice, so that each node has answered at least once.
      for (const readFrom of [...fallible, ...fallible, ...fallible]) {
        const read = Effect.all([Redis.get(key("text")), Redis.lrange(key("list"), 0, -1)])
        yield* ReadFrom.provide(read, readFrom).pipe(
          Effect.repeat({ until: ([text, list]) => text === "1" && list.join() === "a,b" })
        )
      }
    })
  ),
  test(
    "where reads may be answered by replicas, writes and transactions are the primary's all the same",
    Effect.gen(function*() {
      const key = yield* freshKeys("replicas:write")
      for (const readFrom of fallible) {
        const results = yield* ReadFrom.provide(
          Effect.all([
            Redis.set(key(readFrom), "1"),
            Redis.incr(key(readFrom)),
            Redis.transaction([Redis.incr(key(readFrom)), Redis.get(key(readFrom))])
          ]),
          readFrom
        )
        assert.deepEqual(results, ["OK", 2, [3, "3"]])
        assert.equal(yield* ReadFrom.provide(Redis.get(key(readFrom)), "primary"), "3")
      }
    })
  ),
  test(
    "a pipeline may be split between a replica and the primary, and its results are in order",
    Effect.gen(function*() {
      const key = yield* freshKeys("replicas:pipeline")
      yield* Redis.set(key("read"), "1")
      yield* ReadFrom.provide(Redis.get(key("read")), "preferReplica").pipe(
        Effect.repeat({ until: (value) => value === "1" })
      )
      const pipeline = Redis.pipeline([
        Redis.set(key("a"), "1"),
        Redis.exists([key("never")]),
        Redis.incr(key("a")),
        Redis.type(key("never"))
      ])
      assert.deepEqual(yield* ReadFrom.provide(pipeline, "preferReplica"), ["OK", 0, 2, "none"])
    })
  )
]
