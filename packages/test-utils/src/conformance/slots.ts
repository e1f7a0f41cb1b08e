/**
 * Cases for commands with keys of several slots: a cluster refuses those that can't be split, other servers take them.
 *
 * @since 0.1.0
 */
import type * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Script from "@redisc/core/Script"
import * as Session from "@redisc/core/Session"
import * as Slot from "@redisc/core/Slot"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { failure, freshKeys, only, test } from "./Case.ts"
import type { Case } from "./Case.ts"

/** Unused keys of two slots. */
const twoKeys = Effect.gen(function*() {
  const one = (yield* freshKeys("slots:one"))("a")
  for (;;) {
    const other = (yield* freshKeys("slots:other"))("a")
    if (Slot.fromKey(other) !== Slot.fromKey(one)) return [one, other] as const
  }
})

const sum = `local sum = 0
  for _, key in ipairs(KEYS) do sum = sum + redis.call("INCR", key) end
  return sum`

const anywhere = { fromlonlat: { longitude: 12.5, latitude: 41.9 }, byradius: { radius: 1, unit: "KM" } } as const

const inClusters = only(["cluster"], "without cluster mode a server takes keys of all slots", [
  test(
    "keys of different slots are refused before sending, if they can't be split",
    Effect.gen(function*() {
      const [one, other] = yield* twoKeys
      const keys = [one, other]
      const script = Script.make({ lua: sum, params: () => ({ keys }) })
      const call = Script.fn({ name: "nothing", params: () => ({ keys }) })
      const commands: ReadonlyArray<Command.Command<unknown>> = [
        Redis.eval(sum, { keys }),
        Redis.evalsha("x", { keys }),
        script(),
        call(),
        Redis.rename(one, other),
        Redis.sunionstore(one, [other]),
        Redis.pfcount(keys),
        Redis.pfmerge(one, [other]),
        Redis.geosearchstore(one, other, anywhere),
        Redis.xread({ [one]: "0", [other]: "0" }),
        Redis.xreadgroup("group", "ada", { [one]: ">", [other]: ">" })
      ]
      for (const command of commands) assert.equal(yield* failure(command), "CrossSlot")
      assert.equal(yield* failure(Redis.transaction([Redis.incr(one), Redis.incr(other)])), "CrossSlot")
      assert.deepEqual(yield* Redis.mget(keys), [null, null])
    })
  ),
  test(
    "a script that is not for clusters is refused, and was not executed",
    Effect.gen(function*() {
      const [key] = yield* twoKeys
      const script = Redis.eval("#!lua flags=no-cluster\nreturn redis.call('SET', KEYS[1], '1')", { keys: [key] })
      const { delivery } = yield* Effect.flip(script)
      assert.equal(delivery, "Rejected")
      assert.equal(yield* Redis.get(key), null)
    })
  )
])

const elsewhere = only(["standalone", "sentinel"], "in a cluster the keys of a command are in one slot", [
  test(
    "keys of different slots go together in a command, atomically",
    Effect.gen(function*() {
      const [one, other] = yield* twoKeys
      yield* Redis.mset([[one, "1"], [other, "2"]])
      assert.deepEqual(yield* Redis.mget([one, other]), ["1", "2"])
      assert.equal(yield* Redis.msetnx([[one, "3"], [`${other}:new`, "3"]]), false)
      yield* Redis.rename(one, other)
      assert.equal(yield* Redis.exists([one, other]), 1)
      assert.equal(yield* Redis.del([one, other]), 1)
    })
  ),
  test(
    "keys of different slots go together in a transaction, a pipeline and a script",
    Effect.gen(function*() {
      const [one, other] = yield* twoKeys
      const both = [Redis.incr(one), Redis.incr(other)] as const
      assert.deepEqual(yield* Redis.transaction(both), [1, 1])
      assert.deepEqual(yield* Redis.pipeline([...both, Redis.mget([one, other])]), [2, 2, ["2", "2"]])
      assert.equal(yield* Redis.eval(sum, { keys: [one, other] }), 6)
      assert.equal(yield* Redis.eval("#!lua flags=no-cluster\nreturn redis.call('GET', KEYS[1])", { keys: [one] }), "3")
    })
  ),
  test(
    "keys of different slots are watched in a session, and waited for",
    Effect.gen(function*() {
      const [one, other] = yield* twoKeys
      const conflict = Session.use(
        { keys: [one, other] },
        Effect.gen(function*() {
          yield* Redis.watch([one, other])
          yield* Redis.set(other, "1")
          return yield* failure(Redis.transaction([Redis.set(one, "1")]))
        })
      )
      assert.equal(yield* conflict, "Conflict")
      yield* Redis.del([other])
      yield* Redis.rpush(other, ["a"])
      assert.deepEqual(yield* Redis.blpop([one, other], "10 seconds"), { key: other, element: "a" })
    })
  )
])

/**
 * @category suites
 * @since 0.1.0
 */
export const slots: ReadonlyArray<Case> = [...inClusters, ...elsewhere]
