/**
 * Cases for transactions.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import assert from "node:assert/strict"
import { failure, freshKeys, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const keyOf = (name: string) => freshKeys(`transactions:${name}`)

/**
 * @category suites
 * @since 0.1.0
 */
export const transactions: ReadonlyArray<Case> = [
  test(
    "a transaction replies with each command's own reply",
    Effect.gen(function*() {
      const key = yield* keyOf("replies")
      const [set, length, map, text, bytes, scored] = yield* Redis.transaction([
        Redis.set(key("text"), "ada"),
        Redis.rpush(key("list"), ["a", "b"]),
        Redis.hgetall(key("none")),
        Redis.get(key("text")),
        Redis.get(key("text")).pipe(Command.bytes),
        Redis.zscore(key("none"), "member")
      ])
      assert.equal(set, "OK")
      assert.equal(length, 2)
      assert.deepEqual({ ...map }, {})
      assert.equal(text, "ada")
      assert.deepEqual(bytes, new TextEncoder().encode("ada"))
      assert.equal(scored, null)
    })
  ),
  test(
    "a command that fails inside leaves the others executed",
    Effect.gen(function*() {
      const key = yield* keyOf("failing")
      yield* Redis.set(key("text"), "no number")
      const commands = [Redis.incr(key("count")), Redis.incr(key("text")), Redis.incr(key("count"))] as const
      assert.equal(yield* failure(Redis.transaction(commands)), "ERR")
      assert.equal(yield* Redis.get(key("count")), "2")
      const results = yield* Redis.transaction(commands, { mode: "result" })
      assert.deepEqual(results.map(Result.isSuccess), [true, false, true])
    })
  ),
  test(
    "a command that is not even queued makes a transaction execute nothing",
    Effect.gen(function*() {
      const key = yield* keyOf("refused")
      const refused = Redis.transaction([Redis.incr(key("count")), Redis.command("GET", [key("a"), "too", "many"])])
      assert.equal(yield* failure(refused), "ERR")
      assert.equal(yield* Redis.get(key("count")), null)
    })
  ),
  test(
    "many transactions at once keep out of each other",
    Effect.gen(function*() {
      const key = yield* keyOf("many")
      const transfer = Redis.transaction([Redis.decr(key("a")), Redis.incr(key("b"))])
      const pairs = yield* Effect.all(Array.from({ length: 200 }, () => transfer), { concurrency: "unbounded" })
      assert.ok(pairs.every(([a, b]) => a + b === 0))
      assert.equal(new Set(pairs.map(([, b]) => b)).size, 200)
    })
  )
]
