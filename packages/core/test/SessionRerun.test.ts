import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Command from "../src/Command.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import type * as RedisCluster from "../src/RedisCluster.ts"
import * as RedisError from "../src/RedisError.ts"
import * as Script from "../src/Script.ts"
import * as Session from "../src/Session.ts"
import * as SlotMap from "../src/SlotMap.ts"
import { carrier, connected, said, start } from "./support/client.ts"
import { advance, keyOfA, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { Answer } from "./support/ScriptedCluster.ts"

const moved = (to: string) => Reply.error(`MOVED ${slotOfA} ${to}`)
const ask = (to: string) => Reply.error(`ASK ${slotOfA} ${to}`)

/** A block of two commands, that goes again when it has to. `runs` counts how often it began. */
const blocks = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const nodes = yield* connected(options)
  let runs = 0
  const again = <A, E, R>(effect: Effect.Effect<A, E, R>, target: Session.Target = { keys: keyOfA }) =>
    nodes.run(Session.use(
      target,
      Effect.suspend(() => {
        runs++
        return effect
      }),
      { rerun: true }
    ))
  const both = again(Effect.all([Redis.set(keyOfA, "1"), Redis.get(keyOfA)]))
  return { ...nodes, again, both, runs: () => runs }
})

const lines = ["SET bar 1", "GET bar"]

describe("a block that goes again", () => {
  it.effect("runs once where nothing is amiss", () =>
    Effect.gen(function*() {
      const { a, both, runs } = yield* blocks()
      assert.deepStrictEqual(yield* both, ["OK", "a:7000"])
      assert.deepStrictEqual(said(carrier(a, "GET bar")), lines)
      assert.strictEqual(runs(), 1)
    }))

  it.effect("follows MOVED from its beginning, in a session on the node that was named, which is noted", () =>
    Effect.gen(function*() {
      const { a, b, both, runs, service } = yield* blocks()
      a.on("GET", moved("b:7000"))
      assert.deepStrictEqual(yield* both, ["OK", "b:7000"])
      assert.deepStrictEqual([a.commands, b.commands], [lines, lines])
      assert.strictEqual(runs(), 2)
      assert.strictEqual(SlotMap.shardOf(yield* service.topology.current, slotOfA)?.primary?.address.key, "b:7000")
      const { redirects, retries } = yield* service.stats
      assert.deepStrictEqual([redirects, retries], [1, 0])
    }))

  it.effect("follows ASK with ASKING before each command, and leaves the map as it is (traps 2, 3, 4)", () =>
    Effect.gen(function*() {
      const { a, b, both, cluster, runs, service } = yield* blocks()
      const before = [yield* service.topology.current, cluster.questions]
      a.once("GET", ask("b:7000"))
      assert.deepStrictEqual(yield* both, ["OK", "b:7000"])
      assert.deepStrictEqual(said(carrier(b, "GET bar")), ["ASKING", "SET bar 1", "ASKING", "GET bar"])
      assert.strictEqual(runs(), 2)
      yield* advance("5 seconds")
      assert.deepStrictEqual([yield* service.topology.current, cluster.questions], before)
      assert.deepStrictEqual(yield* both, ["OK", "a:7000"])
    }))

  it.effect("under ASK has ASKING before each command of a pipeline and once before a transaction (trap 2)", () =>
    Effect.gen(function*() {
      const { a, again, b } = yield* blocks()
      a.on("WATCH", ask("b:7000"))
      b.on("WATCH", Reply.simple("OK")).on("MULTI", Reply.simple("OK")).on("EXEC", Reply.array([Reply.bulk("x")]))
      yield* again(Effect.all([
        Redis.watch([keyOfA]),
        Redis.pipeline([Redis.get(keyOfA), Redis.set(keyOfA, "1")]),
        Redis.transaction([Redis.get(keyOfA)])
      ]))
      assert.strictEqual(
        said(carrier(b, "WATCH bar")).join(", "),
        "ASKING, WATCH bar, ASKING, GET bar, ASKING, SET bar 1, ASKING, MULTI, GET bar, EXEC"
      )
      assert.strictEqual(b.live.length, 1)
    }))

  it.effect("under ASK has ASKING before the full form of a script, too, that the target does not know (trap 2)", () =>
    Effect.gen(function*() {
      const { a, again, b } = yield* blocks()
      a.on("EVALSHA", ask("b:7000"))
      b.on("EVALSHA", Reply.error("NOSCRIPT No matching script")).on("EVAL", Reply.integer(1))
      const script = Script.make({ lua: "return 1", params: (key: string) => ({ keys: [key] }) })
      assert.strictEqual(yield* again(script(keyOfA)), 1)
      const words = said(carrier(b, "EVAL return 1 1 bar")).map((line) => line.split(" ")[0])
      assert.deepStrictEqual(words, ["ASKING", "EVALSHA", "ASKING", "EVAL"])
    }))

  it.effect("goes again over a new connection when its node names itself (trap 8)", () =>
    Effect.gen(function*() {
      const { a, both, runs } = yield* blocks()
      yield* advance("10 seconds")
      a.once("GET", moved("a:7000"))
      const fiber = yield* start(both)
      yield* settle
      assert.strictEqual(runs(), 1)
      yield* advance("500 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["OK", "a:7000"])
      const over = a.connections.filter(({ received }) => received.includes("GET bar"))
      assert.deepStrictEqual(over.map(({ open }) => open), [false, true])
    }))

  it.effect("of which a key is still at the source goes back there with the next redirect", () =>
    Effect.gen(function*() {
      const { a, b, both, c } = yield* blocks()
      a.once("GET", ask("b:7000"))
      b.once("GET", moved("c:7000"))
      assert.deepStrictEqual(yield* both, ["OK", "c:7000"])
      assert.deepStrictEqual(said(carrier(c, "GET bar")), lines)
    }))

  it.effect("keeps the connection to the target of an ASK that the map does not have (trap 20)", () =>
    Effect.gen(function*() {
      const { a, again, cluster, service } = yield* blocks()
      const target = cluster.node("d:7000").on("GET", "hold")
      a.once("GET", ask("d:7000"))
      const fiber = yield* start(again(Redis.get(keyOfA)))
      yield* settle
      yield* service.refresh
      yield* advance("5 seconds")
      carrier(target, "GET bar").release(Reply.bulk("at last"))
      assert.strictEqual(yield* Fiber.join(fiber), "at last")
    }))

  const transient = [
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "CLUSTERDOWN The cluster is down",
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica."
  ]
  it.effect.each(transient)("tries the same node after a pause: %s (trap 5)", (text) =>
    Effect.gen(function*() {
      const { a, b, both, c, service } = yield* blocks()
      a.once("GET", Reply.error(text), Reply.error(text))
      const fiber = yield* start(both)
      yield* settle
      assert.deepStrictEqual(a.commands, lines)
      yield* advance("500 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["OK", "a:7000"])
      assert.deepStrictEqual(a.commands, [...lines, ...lines, ...lines])
      assert.deepStrictEqual([b.commands, c.commands], [[], []])
      assert.strictEqual((yield* service.stats).retries, 2)
    }))

  it.effect("goes to the new owner once the map has it, when its node can't be reached", () =>
    Effect.gen(function*() {
      const { a, b, both, cluster } = yield* blocks()
      a.accepts = "none"
      a.drop()
      const fiber = yield* start(both)
      yield* advance("2 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      cluster.slots = [[0, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["OK", "b:7000"])
      assert.deepStrictEqual(b.commands, lines)
    }))

  it.effect("waits for a slot that nobody serves", () =>
    Effect.gen(function*() {
      const { both, cluster, service } = yield* blocks()
      cluster.slots = [[5461, 10922, "b:7000"]]
      yield* service.refresh
      const fiber = yield* start(both)
      yield* advance("1 second")
      assert.isUndefined(fiber.pollUnsafe())
      cluster.slots = [[0, 10922, "b:7000"]]
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["OK", "b:7000"])
    }))

  it.effect("goes again when the connection went before a command was written", () =>
    Effect.gen(function*() {
      const { a, again, runs } = yield* blocks()
      const fiber = yield* start(again(Effect.gen(function*() {
        const first = yield* Redis.get(keyOfA)
        if (runs() === 1) carrier(a, "GET bar").drop()
        return [first, yield* Redis.set(keyOfA, "1")]
      })))
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["a:7000", "OK"])
      assert.strictEqual(a.count("SET bar 1"), 1)
    }))

  it.effect("does not go again when the connection went with a write in flight (trap 1)", () =>
    Effect.gen(function*() {
      const { a, both, runs } = yield* blocks()
      a.on("SET", "drop")
      const error = yield* Effect.flip(both)
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.command], [
        "ConnectionLost",
        "MaybeExecuted",
        "SET"
      ])
      yield* advance("2 seconds")
      assert.strictEqual(runs(), 1)
    }))

  it.effect("does not go again when a write was in flight next to a read that fails first (trap 1)", () =>
    Effect.gen(function*() {
      const { a, again, runs } = yield* blocks()
      a.on("GET", "drop")
      const commands = [Redis.get(keyOfA), Redis.set(keyOfA, "1")] as const
      for (const work of [Redis.pipeline(commands), Effect.all(commands, { concurrency: "unbounded" })]) {
        const fiber = yield* start(Effect.flip(again(work)))
        yield* advance("2 seconds")
        const error = yield* Fiber.join(fiber)
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "MaybeExecuted"])
      }
      assert.deepStrictEqual([runs(), a.count("SET bar 1")], [2, 2])
    }))

  it.effect("goes again when the connection went with nothing but a read in flight", () =>
    Effect.gen(function*() {
      const { a, both, runs } = yield* blocks()
      a.once("GET", "drop")
      const fiber = yield* start(both)
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["OK", "a:7000"])
      assert.deepStrictEqual([a.commands, runs()], [[...lines, ...lines], 2])
    }))

  it.effect("does not go again after a timeout", () =>
    Effect.gen(function*() {
      const { a, both, runs } = yield* blocks({ commandTimeout: "1 second" })
      a.on("GET", "hold")
      const fiber = yield* start(Effect.flip(both))
      yield* advance("1200 millis")
      assert.deepStrictEqual([(yield* Fiber.join(fiber)).reason._tag, runs()], ["Timeout", 1])
    }))

  it.effect.each(["WRONGTYPE Operation against a key", "ERR no such thing", "NOPERM no"])(
    "does not go again for what no other node would do better: %s",
    (text) =>
      Effect.gen(function*() {
        const { a, both, runs } = yield* blocks()
        a.on("GET", Reply.error(text))
        const error = yield* Effect.flip(both)
        assert.deepStrictEqual([error.reason._tag, runs()], ["ServerError", 1])
      })
  )

  it.effect("to one node goes where that node sends it", () =>
    Effect.gen(function*() {
      const { a, again } = yield* blocks()
      a.once("GET", moved("b:7000"))
      assert.strictEqual(yield* again(Redis.get(keyOfA), { node: "a:7000" }), "b:7000")
    }))
})

describe("a block that fails for good", () => {
  const fails = (script: Answer, policy: RedirectPolicy.RedirectPolicy) =>
    Effect.gen(function*() {
      const { a, both, runs } = yield* blocks({ redirects: policy })
      a.on("GET", script)
      const fiber = yield* start(Effect.flip(both))
      yield* advance("30 seconds")
      return { error: yield* Fiber.join(fiber), runs: runs() }
    })

  it.effect("after as many tries as the policy has tells the command that met it", () =>
    Effect.gen(function*() {
      const { error, runs } = yield* fails(
        Reply.error("CLUSTERDOWN The cluster is down"),
        RedirectPolicy.make(Schedule.recurs(2))
      )
      assert.deepStrictEqual([error.reason._tag, error.command, error.node, runs], ["ClusterDown", "GET", "a:7000", 3])
    }))

  it.effect("is not tried for ever by the standard policy", () =>
    Effect.gen(function*() {
      const { error, runs } = yield* fails(Reply.error("CLUSTERDOWN The cluster is down"), RedirectPolicy.standard)
      assert.strictEqual(error.reason._tag, "ClusterDown")
      assert.isAtMost(runs, 201)
    }))

  it.effect("under a policy that follows nothing runs once", () =>
    Effect.gen(function*() {
      const { a, both, runs, service } = yield* blocks()
      a.on("GET", moved("b:7000"))
      const error = yield* Effect.flip(both.pipe(RedirectPolicy.provide(RedirectPolicy.none)))
      assert.deepStrictEqual([error.reason._tag, error.command, runs()], ["Moved", "GET", 1])
      assert.strictEqual(SlotMap.shardOf(yield* service.topology.current, slotOfA)?.primary?.address.key, "b:7000")
    }))

  it.effect("with an error of its own is left alone, whatever that looks like", () =>
    Effect.gen(function*() {
      class Mine extends Data.TaggedError("Mine")<{ readonly reason: RedisError.Reason }> {}
      const { again, runs } = yield* blocks()
      const mine = new Mine({ reason: new RedisError.TryAgain() })
      const caught = yield* Effect.flip(again(Effect.fail(mine)))
      const typed: Mine | Redis.RedisError = caught
      assert.strictEqual(typed, mine)
      assert.strictEqual(yield* Effect.flip(again(Effect.fail("text"))), "text")
      assert.strictEqual(runs(), 2)
    }))

  it.effect("with a defect dies of it", () =>
    Effect.gen(function*() {
      const { again, runs } = yield* blocks()
      const exit = yield* Effect.exit(again(Effect.die("broken")))
      assert.deepStrictEqual([exit, runs()], [Exit.die("broken"), 1])
    }))

  it.effect("by being interrupted ends at once, also between two tries", () =>
    Effect.gen(function*() {
      const { a, both, runs, service } = yield* blocks()
      a.on("GET", Reply.error("CLUSTERDOWN The cluster is down"))
      const fiber = yield* start(both)
      yield* advance("100 millis")
      const before = runs()
      yield* Fiber.interrupt(fiber)
      yield* advance("5 seconds")
      assert.strictEqual(runs(), before)
      assert.strictEqual((yield* service.stats).nodes.get("a:7000")?.leased, 0)
    }))

  it.effect("with what it caught itself is not run again", () =>
    Effect.gen(function*() {
      const { a, again, runs } = yield* blocks()
      a.on("GET", moved("b:7000"))
      const fallback = Effect.catchReason(Redis.get(keyOfA), "RedisError", "Moved", () => Effect.succeed("caught"))
      assert.strictEqual(yield* again(fallback), "caught")
      assert.strictEqual(runs(), 1)
    }))
})

describe("a block without rerun", () => {
  it.effect("runs once, and its redirect is the caller's, also for a command marked idempotent", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      a.on("SET", moved("b:7000"))
      const set = Redis.set(keyOfA, "1").pipe(Command.idempotent)
      const error = yield* Effect.flip(run(Session.use({ keys: keyOfA }, set)))
      assert.strictEqual(error.reason._tag, "Moved")
      assert.deepStrictEqual([a.commands, b.commands], [["SET bar 1"], []])
    }))
})
