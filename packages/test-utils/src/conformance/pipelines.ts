/**
 * Cases for pipelines.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import assert from "node:assert/strict"
import { freshKeys, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const keyOf = (name: string) => freshKeys(`pipelines:${name}`)

/**
 * @category suites
 * @since 0.1.0
 */
export const pipelines: ReadonlyArray<Case> = [
  test(
    "a pipeline over many slots replies in the order of its commands",
    Effect.gen(function*() {
      const key = yield* keyOf("order")
      // Without the braces of the hash tag the keys are in different slots.
      const keys = Array.from({ length: 200 }, (_, n) => key(`${n}`).replace(/[{}]/g, ""))
      yield* Redis.pipeline(keys.map((name, n) => Redis.set(name, `${n}`)))
      assert.deepEqual(yield* Redis.pipeline(keys.map((name) => Redis.get(name))), keys.map((_, n) => `${n}`))
      const [length, bytes] = yield* Redis.pipeline([
        Redis.strlen(keys[10]),
        Redis.get(keys[11]).pipe(Command.bytes)
      ])
      assert.equal(length, 2)
      assert.deepEqual(bytes, new TextEncoder().encode("11"))
    })
  ),
  test(
    "commands of a pipeline on one key are executed in their order",
    Effect.gen(function*() {
      const key = yield* keyOf("key")
      const numbers = Array.from({ length: 500 }, (_, n) => `${n}`)
      yield* Redis.pipeline(numbers.map((number) => Redis.rpush(key("list"), [number])))
      assert.deepEqual(yield* Redis.lrange(key("list"), 0, -1), numbers)
    })
  ),
  test(
    "a command that fails leaves the others of its pipeline alone",
    Effect.gen(function*() {
      const key = yield* keyOf("partial")
      yield* Redis.set(key("text"), "no number")
      const [before, failed, after] = yield* Redis.pipeline(
        [Redis.set(key("a"), "1"), Redis.incr(key("text")), Redis.incr(key("a"))],
        { mode: "result" }
      )
      assert.deepEqual(before, Result.succeed("OK"))
      assert.equal(Result.isFailure(failed) ? failed.failure.delivery : "", "Rejected")
      assert.deepEqual(after, Result.succeed(2))
    })
  )
]
