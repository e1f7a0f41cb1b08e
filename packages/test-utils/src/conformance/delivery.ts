/**
 * Cases for `delivery`: whether a command was executed according to its error, compared with the data stored afterwards.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Script from "@redisc/core/Script"
import * as Slot from "@redisc/core/Slot"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { freshKeys, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const keyOf = (name: string) => freshKeys(`delivery:${name}`)

const tagAndDelivery = <A, R>(effect: Effect.Effect<A, Redis.RedisError, R>) =>
  Effect.map(Effect.flip(effect), ({ delivery, reason }) => [reason._tag, delivery])

/** Scripts that write and then reply with an error, each in a different way. */
const failing: ReadonlyArray<readonly [name: string, lua: string]> = [
  ["a command in it fails", `return redis.call("LPUSH", KEYS[1], "x")`],
  ["a command in it fails, and that is the reply", `return redis.pcall("LPUSH", KEYS[1], "x")`],
  ["it calls what no command is called", `return redis.call("NO-SUCH-COMMAND")`],
  ["it calls what no command is called, and that is the reply", `return redis.pcall("NO-SUCH-COMMAND")`],
  ["it calls a command without its arguments, and that is the reply", `return redis.pcall("HSET", KEYS[1], "f")`],
  ["it throws", `error("boom")`],
  ["it throws what looks like a redirect", `error({ err = ARGV[1] })`],
  ["it replies a redirect to another slot", `return redis.error_reply("-MOVED 1 127.0.0.1:1")`],
  ["it replies what an unknown digest does, in other words", `return redis.error_reply("-NOSCRIPT try me")`],
  ["it replies what a replica does, in other words", `return redis.error_reply("-READONLY not here")`],
  ["it replies what a cluster does, in other words", `return redis.error_reply("-CLUSTERDOWN not now")`],
  ["it replies TRYAGAIN, in other words", `return redis.error_reply("-TRYAGAIN soon")`],
  ["it replies LOADING, in other words", `return redis.error_reply("-LOADING slowly")`],
  ["it replies what asks for a password, in other words", `return redis.error_reply("-NOAUTH who are you")`]
]

/** Whether the key has been written to. */
const isWritten = (key: string) => Effect.map(Redis.exists([key]), (count) => count === 1)

/**
 * @category suites
 * @since 0.1.0
 */
export const delivery: ReadonlyArray<Case> = [
  ...failing.map(([name, rest]) =>
    test(
      `a script that has written may have been executed, and is not run again, when ${name}`,
      Effect.gen(function*() {
        const key = yield* keyOf("script")
        const [string, count] = [key("string"), key("count")]
        const lua = `redis.call("SET", KEYS[1], "1") redis.call("INCR", KEYS[2]) ${rest}`
        const moved = `MOVED ${Slot.fromKey(string)} 127.0.0.1:1`
        const input = { keys: [string, count], args: [moved] }
        const script = Script.make({ lua, params: () => input })
        const ways = [Redis.eval(lua, input), script(), script(), Redis.transaction([Redis.get(string), script()])]
        for (const way of ways) {
          assert.deepEqual(yield* tagAndDelivery(way), ["ServerError", "MaybeExecuted"])
        }
        const [result] = yield* Redis.pipeline([script()], { mode: "result" })
        assert.deepEqual(yield* tagAndDelivery(Effect.fromResult(result)), ["ServerError", "MaybeExecuted"])
        assert.equal(yield* Redis.get(count), `${ways.length + 1}`)
      })
    )
  ),
  test(
    "a script that can't begin was not executed",
    Effect.gen(function*() {
      const key = yield* keyOf("unbegun")
      const keys = [key("a")]
      for (
        const way of [
          Redis.eval("no lua at all", { keys }),
          Redis.eval("#!lua flags=no-such-flag\nreturn 1", { keys }),
          Redis.evalsha("0".repeat(40), { keys }),
          Redis.fcall("no_such_function", { keys }),
          Redis.command("EVAL", ["return 1"]),
          Redis.command("EVAL", ["return 1", "-1"]),
          Redis.command("EVAL", ["return 1", "3", key("a")])
        ]
      ) {
        assert.deepEqual(yield* tagAndDelivery(way), ["ServerError", "Rejected"])
      }
      assert.equal(yield* isWritten(key("a")), false)
    })
  ),
  test(
    "a script that can't write was not executed as far as anybody can tell",
    Effect.gen(function*() {
      const key = yield* keyOf("reading")
      const writes = Redis.evalRo(`return redis.call("SET", KEYS[1], "1")`, { keys: [key("a")] })
      assert.deepEqual(yield* tagAndDelivery(writes), ["ServerError", "Rejected"])
      assert.equal(yield* isWritten(key("a")), false)
    })
  ),
  test(
    "a function that has written and fails may have been executed",
    Effect.gen(function*() {
      const key = yield* keyOf("function")
      const name = key("").replace(/\W/g, "_")
      const code = `#!lua name=${name}
        redis.register_function("${name}", function(keys)
          redis.call("SET", keys[1], "1")
          return redis.call("LPUSH", keys[1], "x")
        end)`
      yield* Effect.acquireUseRelease(
        Redis.functionLoad(code),
        () =>
          Effect.gen(function*() {
            const call = Redis.fcall(name, { keys: [key("a")] })
            assert.deepEqual(yield* tagAndDelivery(call), ["ServerError", "MaybeExecuted"])
            assert.equal(yield* isWritten(key("a")), true)
          }),
        () => Effect.ignore(Redis.functionDelete(name))
      )
    })
  ),
  test(
    "a command that is refused was not executed, and one whose answer can't be used was",
    Effect.gen(function*() {
      const key = yield* keyOf("plain")
      yield* Redis.set(key("text"), "no number")
      assert.deepEqual(yield* tagAndDelivery(Redis.incr(key("text"))), ["ServerError", "Rejected"])
      assert.deepEqual(yield* tagAndDelivery(Redis.command("NO-SUCH-COMMAND", [key("a")], { keys: [0] })), [
        "ServerError",
        "Rejected"
      ])
      yield* Redis.set(key("count"), "9007199254740992")
      assert.deepEqual(yield* tagAndDelivery(Redis.incr(key("count"))), ["DecodeFailed", "Executed"])
      assert.equal(yield* Redis.get(key("count")), "9007199254740993")
    })
  ),
  test(
    "a transaction of which a part failed may have been executed, unless nothing else in it writes",
    Effect.gen(function*() {
      const key = yield* keyOf("transaction")
      yield* Redis.set(key("text"), "no number")
      const fails = Redis.incr(key("text"))
      const both = Redis.transaction([Redis.set(key("other"), "1"), fails])
      assert.deepEqual(yield* tagAndDelivery(both), ["ServerError", "MaybeExecuted"])
      assert.equal(yield* isWritten(key("other")), true)
      const alone = Redis.transaction([Redis.get(key("text")), fails])
      assert.deepEqual(yield* tagAndDelivery(alone), ["ServerError", "Rejected"])
      const unqueued = Redis.transaction([Redis.set(key("none"), "1"), Redis.command("GET", [key("a"), "b", "c"])])
      assert.deepEqual(yield* tagAndDelivery(unqueued), ["ServerError", "Rejected"])
      assert.equal(yield* isWritten(key("none")), false)
      const nonsense = Redis.transaction([
        Redis.set(key("more"), "1").pipe(Command.map(() => 1)),
        Redis.incr(key("big"))
      ])
      yield* Redis.set(key("big"), "9007199254740992")
      assert.deepEqual(yield* tagAndDelivery(nonsense), ["DecodeFailed", "Executed"])
    })
  )
]
