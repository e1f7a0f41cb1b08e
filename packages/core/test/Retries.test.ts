import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Command from "../src/Command.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import { advance, keyOfA, keyOfB, keyOfC, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const connected = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const nodes = threeNodes()
  const service = yield* nodes.cluster.provide(RedisCluster.make({ nodes: ["a:7000"], ...options }))
  yield* settle
  const get = (key: string) => service.execute(Redis.get(key))
  const set = (key: string, value: string) => service.execute(Redis.set(key, value))
  return { ...nodes, service, get, set }
})

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })
const secret = "correct horse battery staple"

const transient = [
  "TRYAGAIN Multiple keys request during rehashing of slot",
  "CLUSTERDOWN The cluster is down",
  "CLUSTERDOWN Hash slot not served",
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "LOADING Redis is loading the dataset in memory",
  "READONLY You can't write against a read only replica."
]

describe("a node that can't serve now", () => {
  it.effect.each(transient)(
    "is asked again after a pause, and no other is: %s (trap 5)",
    (text) =>
      Effect.gen(function*() {
        const { a, b, c, cluster, get, service } = yield* connected()
        const before = cluster.questions
        a.once("GET", Reply.error(text), Reply.error(text))
        const fiber = yield* start(get(keyOfA))
        yield* settle
        assert.strictEqual(a.count("GET bar"), 1)
        yield* advance("500 millis")
        assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
        assert.strictEqual(a.count("GET bar"), 3)
        assert.deepStrictEqual([b.commands, c.commands], [[], []])
        const { redirects, retries } = yield* service.stats
        assert.deepStrictEqual([redirects, retries], [0, 2])
        if (text.startsWith("TRYAGAIN")) assert.strictEqual(cluster.questions, before)
        else assert.isAbove(cluster.questions, before)
      })
  )

  it.effect.each(transient)("is not asked for ever: %s", (text) =>
    Effect.gen(function*() {
      const { a, get } = yield* connected()
      a.on("GET", Reply.error(text))
      const fiber = yield* start(Effect.flip(get(keyOfA)))
      yield* advance("26 seconds")
      const error = yield* Fiber.join(fiber)
      assert.include(["TryAgain", "ClusterDown"], error.reason._tag)
      assert.strictEqual(error.delivery, "Rejected")
      assert.strictEqual(error.attempts, a.count("GET bar"))
      assert.isAtMost(error.attempts, 201)
    }))

  it.effect("because it was demoted is replaced by the new primary, when the refresh tells it", () =>
    Effect.gen(function*() {
      const { a, b, cluster, set } = yield* connected()
      a.on("SET", Reply.error(transient[5]))
      cluster.slots = [[0, 10922, "b:7000", "a:7000"], [10923, 16383, "c:7000"]]
      const fiber = yield* start(set(keyOfA, "1"))
      yield* advance("500 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "OK")
      assert.strictEqual(a.count("SET bar 1"), 1)
      assert.strictEqual(b.count("SET bar 1"), 1)
    }))
})

describe("a connection that is lost", () => {
  it.effect("before a command was written: it is sent again, once it is open again", () =>
    Effect.gen(function*() {
      const { a, set } = yield* connected({ maxInFlight: 1 })
      a.once("SET", "hold")
      const first = yield* start(Effect.flip(set(keyOfA, "1")))
      const second = yield* start(set(keyOfA, "2"))
      yield* settle
      a.drop()
      yield* advance("500 millis")
      assert.strictEqual((yield* Fiber.join(first)).delivery, "MaybeExecuted")
      assert.strictEqual(yield* Fiber.join(second), "OK")
      assert.deepStrictEqual(a.commands, ["SET bar 1", "SET bar 2"])
    }))

  it.effect("while a write was in flight: it fails, and says that it may have been executed (trap 1)", () =>
    Effect.gen(function*() {
      const { a, set } = yield* connected()
      a.once("SET", "drop")
      const error = yield* Effect.flip(set(keyOfA, "1"))
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.attempts], [
        "ConnectionLost",
        "MaybeExecuted",
        1
      ])
      yield* advance("5 seconds")
      assert.strictEqual(a.count("SET bar 1"), 1)
    }))

  it.effect("while a read was in flight: it is sent again", () =>
    Effect.gen(function*() {
      const { a, get } = yield* connected()
      a.once("GET", "drop")
      const fiber = yield* start(get(keyOfA))
      yield* advance("500 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
    }))

  it.effect("while a write marked idempotent was in flight: it is sent again", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.once("SET", "drop", "drop")
      const fiber = yield* start(service.execute(Redis.set(keyOfA, "1").pipe(Command.idempotent)))
      yield* advance("3 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "OK")
      assert.strictEqual(a.count("SET bar 1"), 3)
    }))

  it.effect("while a blocking pop was in flight: it is not sent again, an element may be gone (trap 46)", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.on("BLPOP", "drop")
      const error = yield* Effect.flip(service.execute(Redis.command("BLPOP", [keyOfA, 0])))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "MaybeExecuted"])
      assert.strictEqual(a.count("BLPOP bar 0"), 1)
    }))

  it.effect("what may once have been executed stays so, however later tries fail", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.once("SET", (_, connection) => {
        connection.node.accepts = "none"
        return "drop"
      })
      const fiber = yield* start(Effect.flip(service.execute(Redis.set(keyOfA, "1").pipe(Command.idempotent))))
      yield* advance("27 seconds")
      const refused = yield* Fiber.join(fiber)
      assert.deepStrictEqual([refused.reason._tag, refused.delivery], ["ConnectionFailed", "MaybeExecuted"])

      a.accepts = "all"
      yield* advance("2 seconds")
      a.once("SET", "drop", Reply.error("OOM command not allowed when used memory > 'maxmemory'."))
      const second = yield* start(Effect.flip(service.execute(Redis.set(keyOfA, "1").pipe(Command.idempotent))))
      yield* advance("2 seconds")
      const rejected = yield* Fiber.join(second)
      assert.deepStrictEqual([rejected.reason._tag, rejected.delivery], ["ServerError", "MaybeExecuted"])
    }))

  it.effect("by garbage instead of a reply: reads are sent again, over a new connection", () =>
    Effect.gen(function*() {
      const { a, get } = yield* connected()
      a.once("GET", (_, connection) => {
        connection.send("what is this\r\n")
        return Reply.null
      })
      const fiber = yield* start(get(keyOfA))
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
      assert.strictEqual(a.connections.length, 2)
      assert.strictEqual(a.live.length, 1)
    }))
})

describe("a node that can't be reached", () => {
  it.effect("lets its commands wait until the map shows another owner", () =>
    Effect.gen(function*() {
      const { a, b, cluster, set } = yield* connected()
      a.accepts = "none"
      a.drop()
      const fiber = yield* start(set(keyOfA, "1"))
      yield* advance("3 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      cluster.slots = [[0, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "OK")
      assert.strictEqual(b.count("SET bar 1"), 1)
    }))

  it.effect("does not keep commands that were not sent once it has left the map (trap 57)", () =>
    Effect.gen(function*() {
      const { a, b, cluster, set } = yield* connected({ connectTimeout: "1 minute" })
      yield* advance("5 seconds")
      a.accepts = "neither"
      a.drop()
      const fiber = yield* start(set(keyOfA, "1"))
      cluster.slots = [[0, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      yield* advance("500 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "OK")
      assert.strictEqual(b.count("SET bar 1"), 1)
    }))

  it.effect.each(["none", "neither"] as const)(
    "never holds up the commands of other shards: it accepts %s (traps 21, 57)",
    (accepts) =>
      Effect.gen(function*() {
        const { a, get } = yield* connected()
        a.accepts = accepts
        a.drop()
        const stuck = yield* start(Effect.ignore(get(keyOfA)))
        for (let i = 0; i < 5; i++) {
          assert.strictEqual(yield* get(keyOfB), "b:7000")
          assert.strictEqual(yield* get(keyOfC), "c:7000")
          yield* advance("100 millis")
        }
        assert.isUndefined(stuck.pollUnsafe())
      })
  )

  it.effect("never holds up the commands of other shards, nor does a refresh that hangs (trap 21)", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, get } = yield* connected()
      yield* get(keyOfB)
      yield* get(keyOfC)
      a.frozen = true
      for (const node of [b, c]) node.on("CLUSTER SLOTS", Reply.error("ERR not now"))
      const stuck = yield* start(Effect.ignore(get(keyOfA)))
      yield* advance("3 seconds")
      assert.isAbove(cluster.questions, 3)
      assert.strictEqual(yield* get(keyOfB), "b:7000")
      assert.strictEqual(yield* get(keyOfC), "c:7000")
      assert.isUndefined(stuck.pollUnsafe())
      yield* Fiber.interrupt(stuck)
    }))

  it.effect("is passed over by commands without keys", () =>
    Effect.gen(function*() {
      const { a, b, c, service } = yield* connected()
      a.accepts = "none"
      a.drop()
      yield* advance("200 millis")
      for (const node of [a, b, c]) node.on("ECHO", ([text]) => Reply.bulk(text))
      for (let i = 0; i < 6; i++) yield* service.execute(Redis.command("ECHO", ["hi"]))
      assert.deepStrictEqual([a.count("ECHO hi"), b.count("ECHO hi") + c.count("ECHO hi")], [0, 6])
    }))
})

describe("a slot that nobody serves", () => {
  const gap = [[0, 4999, "a:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]] as const

  it.effect("lets its commands wait until it is served, while the map is learnt anew (trap 15)", () =>
    Effect.gen(function*() {
      const { cluster, get, service } = yield* connected()
      cluster.slots = gap
      yield* service.refresh
      const before = cluster.questions
      const fiber = yield* start(get(keyOfA))
      yield* advance("2 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      assert.isAbove(cluster.questions, before)
      assert.strictEqual(yield* get(keyOfB), "b:7000")
      cluster.slots = [...gap, [5000, 5460, "b:7000"]]
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "b:7000")
    }))

  it.effect("fails its commands with NoNodeForSlot in the end (trap 15)", () =>
    Effect.gen(function*() {
      const { cluster, get, service } = yield* connected()
      cluster.slots = gap
      yield* service.refresh
      const fiber = yield* start(Effect.flip(get(keyOfA)))
      yield* advance("26 seconds")
      const error = yield* Fiber.join(fiber)
      assert.isTrue(error.reason._tag === "NoNodeForSlot" && error.reason.slot === 5061)
      assert.strictEqual(error.delivery, "NotSent")
      assert.include(error.message, "no node serves slot 5061")
    }))
})

describe("the deadline", () => {
  it.effect("holds over all tries together", () =>
    Effect.gen(function*() {
      const { a, get } = yield* connected({ commandTimeout: "1 second" })
      a.on("GET", Reply.error("CLUSTERDOWN The cluster is down"))
      const fiber = yield* start(Effect.flip(get(keyOfA)))
      yield* advance("950 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("100 millis")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "Timeout")
      assert.strictEqual(error.delivery, "Rejected")
      assert.include(error.message, "CLUSTERDOWN")
    }))

  it.effect("of a command that waits for a connection: not sent", () =>
    Effect.gen(function*() {
      const { a, set } = yield* connected({ commandTimeout: "2 seconds" })
      a.accepts = "neither"
      a.drop()
      const fiber = yield* start(Effect.flip(set(keyOfA, secret)))
      yield* advance("3500 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Timeout", "NotSent"])
      a.accepts = "all"
      yield* advance("10 seconds")
      assert.deepStrictEqual(a.commands, [])
    }))

  it.effect("of a command in flight: perhaps executed, and the map is looked at (trap 49)", () =>
    Effect.gen(function*() {
      const { a, cluster, set } = yield* connected({ commandTimeout: "2 seconds" })
      a.on("SET", "hold")
      const before = cluster.questions
      const fiber = yield* start(Effect.flip(set(keyOfA, "1")))
      yield* advance("2500 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Timeout", "MaybeExecuted"])
      assert.isAbove(cluster.questions, before)
    }))
})

describe("the message of an error", () => {
  const impatient = RedirectPolicy.make(Schedule.recurs(2))

  it.effect("names the command, the slot, the node and the tries, and never a value", () =>
    Effect.gen(function*() {
      const { a, set } = yield* connected({ redirects: impatient })
      a.on("SET", Reply.error("CLUSTERDOWN The cluster is down"))
      const error = yield* Effect.flip(set(keyOfA, secret))
      assert.strictEqual(
        error.message,
        "SET (slot 5061, a:7000, 3 tries): the node can't serve the command: \"CLUSTERDOWN The cluster is down\""
      )
      assert.notInclude(String(error) + JSON.stringify(error), secret)
    }))

  it.effect("says when the command may have been executed", () =>
    Effect.gen(function*() {
      const { a, set } = yield* connected()
      a.once("SET", "drop")
      const error = yield* Effect.flip(set(keyOfA, secret))
      assert.strictEqual(
        error.message,
        "SET (slot 5061, a:7000): the connection was lost: the peer hung up; it may have been executed"
      )
    }))

  it.effect("leaves out the arguments that a server repeats", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.on("NO.SUCH", Reply.error(`ERR unknown command 'NO.SUCH', with args beginning with: 'bar' '${secret}' `))
      const error = yield* Effect.flip(service.execute(Redis.command("NO.SUCH", [keyOfA, secret], { keys: [0] })))
      assert.include(error.message, "unknown command 'NO.SUCH'")
      assert.notInclude(error.message + JSON.stringify(error), secret)
    }))

  it.effect("names keys and slots when they differ, before anything is sent", () =>
    Effect.gen(function*() {
      const { a, b, c, service } = yield* connected()
      const error = yield* Effect.flip(service.execute(Redis.command("RENAME", [keyOfA, keyOfC])))
      assert.strictEqual(error.reason._tag, "CrossSlot")
      assert.deepStrictEqual([error.delivery, error.attempts], ["NotSent", 0])
      assert.include(error.message, "\"bar\" (slot 5061), \"foo\" (slot 12182)")
      assert.deepStrictEqual([a.commands, b.commands, c.commands], [[], [], []])
    }))

  it.effect("says what to do with a command that nobody knows", () =>
    Effect.gen(function*() {
      const { a, b, c, service } = yield* connected()
      const error = yield* Effect.flip(service.execute(Redis.command("NO.SUCH", [keyOfA])))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.deepStrictEqual([error.delivery, error.attempts], ["NotSent", 0])
      assert.include(error.message, "{ keys: [0] }")
      assert.deepStrictEqual([a.commands, b.commands, c.commands], [[], [], []])
    }))
})
