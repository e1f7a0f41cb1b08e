import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Command from "../src/Command.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import type * as RedisCluster from "../src/RedisCluster.ts"
import type { RedisError } from "../src/RedisError.ts"
import * as Script from "../src/Script.ts"
import * as Slot from "../src/Slot.ts"
import { connected, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, keyOfC, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { Script as Answers, ScriptedNode } from "./support/ScriptedCluster.ts"

const loading = Reply.error("LOADING Redis is loading the dataset in memory")
const script = Script.make({ lua: "return 1", params: (key: string) => ({ keys: [key] }) })

/** Keys of the first node, two on each of many slots. */
const keysOfA = (count: number): ReadonlyArray<string> => {
  const keys: Array<string> = []
  for (let i = 0; keys.length < count; i++) {
    if (Slot.fromKey(`${i}`) <= 5460) keys.push(`{${i}}`, `{${i}}:other`)
  }
  return keys.slice(0, count)
}

const errorOf = (result: Result.Result<unknown, RedisError>): RedisError =>
  Result.isFailure(result) ? result.failure : assert.fail("it succeeded")

/** The sizes of the writes that brought a command of that name, over all connections. */
const writesOf = (node: ScriptedNode, name: string): ReadonlyArray<number> =>
  node.connections.flatMap(({ received, writes }) => {
    let end = 0
    return writes.flatMap((size) => {
      end += size
      const found = received.slice(end - size, end).filter((line) => line.split(" ")[0] === name).length
      return found > 0 ? [found] : []
    })
  })

const answering = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const nodes = yield* connected(options)
  // So that all nodes are connected to before the pipeline comes.
  for (const key of [keyOfA, keyOfB, keyOfC]) yield* Effect.ignore(nodes.run(Redis.exists([key])))
  const pipeline = (commands: ReadonlyArray<Command.Any>) =>
    Effect.gen(function*() {
      const fiber = yield* start(nodes.run(Redis.pipeline(commands, { mode: "result" })))
      yield* advance("2 seconds")
      return yield* Fiber.join(fiber)
    })
  return { ...nodes, pipeline }
})

/** Answers so once to each of the first commands, and then as always. */
const first = (node: ScriptedNode, name: string, count: number, answer: Answers): void => {
  node.once(name, ...Array.from({ length: count }, () => answer))
}

describe("the commands of a pipeline that are tried again", () => {
  it.effect("after a loss go together, in one write to each node", () =>
    Effect.gen(function*() {
      const { a, b, pipeline } = yield* answering()
      a.once("GET", "drop")
      const keys = keysOfA(100)
      const results = yield* pipeline([...keys, keyOfB].map((key) => Redis.get(key)))
      assert.isTrue(results.every(Result.isSuccess))
      assert.deepStrictEqual(writesOf(a, "GET"), [100, 100])
      assert.deepStrictEqual(writesOf(b, "GET"), [1])
      assert.deepStrictEqual(a.commands.slice(-100), keys.map((key) => `GET ${key}`))
    }))

  it.effect("go to the nodes that have taken over, one write to each", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, pipeline } = yield* answering()
      a.once("GET", "drop").accepts = "none"
      cluster.slots = [[0, 2000, "b:7000"], [2001, 5460, "c:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      const keys = keysOfA(100)
      const results = yield* pipeline(keys.map((key) => Redis.get(key)))
      assert.isTrue(results.every(Result.isSuccess))
      const ofB = keys.filter((key) => Slot.fromKey(key) <= 2000).length
      assert.deepStrictEqual([a, b, c].map((node) => writesOf(node, "GET")), [[100], [ofB], [100 - ofB]])
    }))

  it.effect("pause once for all, as the policy says, and again together as often as it takes", () =>
    Effect.gen(function*() {
      let steps = 0
      const schedule = Schedule.spaced("20 millis").pipe(Schedule.tap(() =>
        Effect.sync(() => {
          steps++
        })
      ))
      const { a, pipeline, service } = yield* answering({ redirects: RedirectPolicy.make(schedule) })
      first(a, "GET", 300, loading)
      const before = (yield* service.stats).retries
      const results = yield* pipeline(keysOfA(100).map((key) => Redis.get(key)))
      assert.isTrue(results.every(Result.isSuccess))
      assert.deepStrictEqual(writesOf(a, "GET"), [100, 100, 100, 100])
      assert.strictEqual(steps, 3)
      assert.strictEqual((yield* service.stats).retries, before + 300)
    }))

  it.effect("keep their order on each key, also those that were never sent", () =>
    Effect.gen(function*() {
      const { a, pipeline } = yield* answering()
      a.accepts = "none"
      a.drop()
      yield* advance("10 millis")
      const keys = keysOfA(40)
      const commands = [
        ...keys.map((key) => Redis.set(key, "1")),
        ...keys.map((key) => Redis.get(key)),
        ...keys.map((key) => Redis.set(key, "2"))
      ]
      const fiber = yield* start(pipeline(commands))
      yield* advance("500 millis")
      a.accepts = "all"
      yield* advance("3 seconds")
      const results = yield* Fiber.join(fiber)
      assert.isTrue(results.every(Result.isSuccess))
      assert.deepStrictEqual(a.commands.slice(-120), [
        ...keys.map((key) => `SET ${key} 1`),
        ...keys.map((key) => `GET ${key}`),
        ...keys.map((key) => `SET ${key} 2`)
      ])
      assert.deepStrictEqual([writesOf(a, "SET"), writesOf(a, "GET")], [[40, 40], [40]])
    }))

  it.effect("after a redirect of a whole slot go together to its new owner", () =>
    Effect.gen(function*() {
      const { a, b, pipeline } = yield* answering()
      first(a, "SET", 50, Reply.error(`MOVED ${slotOfA} b:7000`))
      const keys = Array.from({ length: 50 }, (_, i) => `{${keyOfA}}${i}`)
      const results = yield* pipeline(keys.map((key) => Redis.set(key, "1")))
      assert.isTrue(results.every(Result.isSuccess))
      assert.deepStrictEqual(writesOf(b, "SET"), [50])
      assert.deepStrictEqual(b.commands.slice(1), keys.map((key) => `SET ${key} 1`))
    }))

  it.effect("are asked for together during a migration, each behind its ASKING", () =>
    Effect.gen(function*() {
      const { a, c, pipeline } = yield* answering()
      first(a, "GET", 3, Reply.error(`ASK ${slotOfA} c:7000`))
      const keys = [1, 2, 3].map((i) => `{${keyOfA}}${i}`)
      const results = yield* pipeline(keys.map((key) => Redis.get(key)))
      assert.deepStrictEqual(results.map(Result.getOrUndefined), ["c:7000", "c:7000", "c:7000"])
      assert.deepStrictEqual(c.commands.slice(1), keys.flatMap((key) => ["ASKING", `GET ${key}`]))
      assert.deepStrictEqual(writesOf(c, "GET"), [3])
    }))

  it.effect("leave the others once they fail in another way, and neither holds up the other", () =>
    Effect.gen(function*() {
      const { a, pipeline } = yield* answering({ redirects: RedirectPolicy.make(Schedule.spaced("100 millis")) })
      const keys = keysOfA(120).filter((key) => !key.endsWith("other"))
      const odd = Reply.error("TRYAGAIN Multiple keys request during rehashing of slot")
      // Each fails twice, and every third of them in another way the second time.
      let asked = 0
      a.on("GET", ([key]) => {
        const round = Math.floor(asked++ / keys.length)
        if (round === 0) return loading
        return round === 1 ? (keys.indexOf(key) % 3 === 0 ? odd : loading) : Reply.bulk("a:7000")
      })
      const results = yield* pipeline(keys.map((key) => Redis.get(key)))
      assert.isTrue(results.every(Result.isSuccess))
      const [one, two, ...more] = writesOf(a, "GET")
      assert.deepStrictEqual([one, two], [60, 60])
      assert.isAtMost(more.length, 2)
    }))

  it.effect("wait for those before them on their keys, and for no others", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* answering()
      const [here, , there] = keysOfA(3)
      const refused = new Set<string>()
      a.on("SET", ([key, value]) => {
        if (key === there) return Reply.error(`MOVED ${Slot.fromKey(there)} b:7000`)
        if (!refused.has(value)) return Reply.simple("OK")
        return loading
      })
      for (const value of ["1", "2"]) refused.add(value)
      a.once("GET", loading)
      const commands = [
        Redis.set(here, "1"),
        Redis.set(there, "1"),
        Redis.set(here, "2"),
        Redis.get(here),
        Redis.set(there, "2")
      ]
      const fiber = yield* start(run(Redis.pipeline(commands, { mode: "result" })))
      yield* advance("1 second")
      assert.deepStrictEqual(b.commands.slice(1), [`SET ${there} 1`, `SET ${there} 2`])
      refused.clear()
      yield* advance("1 second")
      assert.isTrue((yield* Fiber.join(fiber)).every(Result.isSuccess))
      const again = a.commands.slice(a.commands.indexOf(`GET ${here}`) + 2)
      assert.isTrue(again.length > 3 && again.slice(0, -3).every((line) => line === `SET ${here} 1`))
      assert.deepStrictEqual(again.slice(-3), [`SET ${here} 1`, `SET ${here} 2`, `GET ${here}`])
    }))

  it.effect("are not sent a third time when they may have been executed, unless that does no harm", () =>
    Effect.gen(function*() {
      const { a, pipeline } = yield* answering()
      const keys = keysOfA(20)
      first(a, "SET", 20, loading)
      first(a, "GET", 20, loading)
      a.once("GET", "drop")
      const results = yield* pipeline([
        ...keys.map((key) => Redis.get(`${key}:read`)),
        ...keys.map((key) => Redis.set(key, "1"))
      ])
      assert.isTrue(results.slice(0, 20).every(Result.isSuccess))
      for (const result of results.slice(20)) {
        const { attempts, delivery, reason } = errorOf(result)
        assert.deepStrictEqual([reason._tag, delivery, attempts], ["ConnectionLost", "MaybeExecuted", 2])
      }
      assert.deepStrictEqual([writesOf(a, "SET"), writesOf(a, "GET")], [[20, 20], [20, 20, 20]])
    }))

  it.effect("each fail with an error of their own once the policy gives up", () =>
    Effect.gen(function*() {
      const policy = RedirectPolicy.make(Schedule.max([Schedule.spaced("20 millis"), Schedule.recurs(2)]))
      const { a, pipeline } = yield* answering({ redirects: policy })
      a.on("SET", loading).on("STRLEN", loading)
      const keys = keysOfA(30)
      const results = yield* pipeline([
        ...keys.map((key) => Redis.set(key, "1")),
        ...keys.map((key) => Redis.strlen(key))
      ])
      assert.deepStrictEqual(
        results.map(errorOf).map(({ attempts, command, delivery, slot }) => [attempts, command, delivery, slot]),
        [
          ...keys.map((key) => [3, "SET", "Rejected", Slot.fromKey(key)]),
          ...keys.map((key) => [3, "STRLEN", "Rejected", Slot.fromKey(key)])
        ]
      )
      assert.deepStrictEqual(writesOf(a, "SET"), [30, 30, 30])
    }))

  it.effect("are sent in full together where their node does not know their scripts", () =>
    Effect.gen(function*() {
      const { a, pipeline } = yield* answering()
      a.on("EVALSHA", Reply.error("NOSCRIPT No matching script. Please use EVAL.")).on("EVAL", Reply.integer(1))
      const keys = keysOfA(40).filter((key) => !key.endsWith("other"))
      const results = yield* pipeline(keys.map((key) => script(key)))
      assert.isTrue(results.every(Result.isSuccess))
      assert.deepStrictEqual([writesOf(a, "EVALSHA"), writesOf(a, "EVAL")], [[20], [20]])
    }))

  it.effect("are given up when the pipeline is interrupted", () =>
    Effect.gen(function*() {
      const { a, run } = yield* answering()
      a.on("GET", loading)
      const fiber = yield* start(run(Redis.pipeline(keysOfA(20).map((key) => Redis.get(key)))))
      yield* advance("100 millis")
      yield* Fiber.interrupt(fiber)
      const sent = a.commands.length
      yield* advance("2 seconds")
      assert.strictEqual(a.commands.length, sent)
    }))
})
