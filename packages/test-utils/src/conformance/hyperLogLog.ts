/**
 * Cases for HyperLogLogs.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { failure, freshKeys, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const keyOf = (name: string) => freshKeys(`hyperLogLog:${name}`)

const users = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `user:${from + index}`)

/**
 * @category suites
 * @since 0.1.0
 */
export const hyperLogLog: ReadonlyArray<Case> = [
  test(
    "different elements are counted once",
    Effect.gen(function*() {
      const key = (yield* keyOf("count"))("seen")
      assert.equal(yield* Redis.pfcount([key]), 0)
      assert.equal(yield* Redis.pfadd(key, ["a", "b", "a"]), true)
      assert.equal(yield* Redis.pfadd(key, ["b", "a"]), false)
      assert.equal(yield* Redis.pfadd(key, [new TextEncoder().encode("a"), ""]), true)
      assert.equal(yield* Redis.pfcount([key]), 3)
      assert.equal(yield* Redis.pfcount([key]), 3)
    })
  ),
  test(
    "a HyperLogLog without elements is a key all the same",
    Effect.gen(function*() {
      const key = (yield* keyOf("empty"))("seen")
      assert.equal(yield* Redis.pfadd(key, []), true)
      assert.equal(yield* Redis.pfadd(key, []), false)
      assert.equal(yield* Redis.command("EXISTS", [key]), 1)
      assert.equal(yield* Redis.pfcount([key]), 0)
    })
  ),
  test(
    "many elements are counted approximately",
    Effect.gen(function*() {
      const key = (yield* keyOf("many"))("seen")
      assert.equal(yield* Redis.pfadd(key, users(0, 20_000)), true)
      assert.equal(yield* Redis.pfcount([key]), 19_857)
      assert.equal((yield* Command.bytes(Redis.get(key)))?.length, 16 + 12_288)
    })
  ),
  test(
    "several are counted together, and merged",
    Effect.gen(function*() {
      const key = yield* keyOf("merge")
      const [a, b, none, all] = [key("a"), key("b"), key("none"), key("all")]
      yield* Redis.pfadd(a, users(0, 60))
      yield* Redis.pfadd(b, users(40, 100))
      const together = yield* Redis.pfcount([a, b, none])
      assert.ok(Math.abs(together - 100) <= 3, `${together}`)
      assert.equal(yield* Redis.pfmerge(all, [a, b, none]), "OK")
      assert.equal(yield* Redis.pfcount([all]), together)
      assert.equal(yield* Redis.pfmerge(a, [b]), "OK")
      assert.equal(yield* Redis.pfcount([a]), together)
      assert.equal(yield* Redis.pfadd(a, users(0, 100)), false)
      assert.equal(yield* Redis.pfmerge(none, []), "OK")
      assert.equal(yield* Redis.pfcount([none]), 0)
      assert.equal(yield* Redis.command("EXISTS", [none]), 1)
    })
  ),
  test(
    "commands on HyperLogLogs refuse other types",
    Effect.gen(function*() {
      const key = yield* keyOf("types")
      const [text, list, seen] = [key("text"), key("list"), key("seen")]
      yield* Redis.set(text, "x")
      yield* Redis.rpush(list, ["a"])
      yield* Redis.pfadd(seen, ["a"])
      for (const other of [text, list]) {
        assert.equal(yield* failure(Redis.pfadd(other, ["a"])), "WRONGTYPE")
        assert.equal(yield* failure(Redis.pfcount([other])), "WRONGTYPE")
        assert.equal(yield* failure(Redis.pfcount([seen, other])), "WRONGTYPE")
        assert.equal(yield* failure(Redis.pfmerge(seen, [other])), "WRONGTYPE")
        assert.equal(yield* failure(Redis.pfmerge(other, [seen])), "WRONGTYPE")
      }
      assert.equal(yield* Redis.pfcount([seen]), 1)
      assert.equal(yield* failure(Redis.pfcount([])), "InvalidArgument")
    })
  )
]
