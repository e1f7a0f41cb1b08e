import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Command from "../src/Command.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import { carrier, connected, said, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const ok = Reply.simple("OK")
const queued = Reply.simple("QUEUED")
const conflict = Reply.nullArray
const executed = Reply.array([Reply.integer(6)])
const moved = Reply.error(`MOVED ${slotOfA} b:7000`)
const ask = Reply.error(`ASK ${slotOfA} b:7000`)

const serve = (node: ScriptedNode) =>
  node.on("WATCH", ok).on("UNWATCH", ok).on("MULTI", ok).on("INCRBY", queued).on("EXEC", executed)
    .on("GET", Reply.bulk("5"))

/** What increments a number that it has read before. `runs` counts how often it has read. */
const incrementing = Effect.fnUntraced(function*() {
  const nodes = yield* connected()
  for (const node of nodes.cluster.nodes.values()) serve(node)
  let runs = 0
  const body = Effect.gen(function*() {
    runs++
    const value = Number(yield* Redis.get(keyOfA))
    return [Redis.incrby(keyOfA, value)] as const
  })
  const increment = (options?: Parameters<typeof Redis.optimistic>[2]) =>
    nodes.run(Redis.optimistic([keyOfA], body, options))
  return { ...nodes, increment, runs: () => runs }
})

const round = ["WATCH bar", "GET bar", "MULTI", "INCRBY bar 5", "EXEC"]

describe("an optimistic transaction", () => {
  it.effect("watches, reads and writes over one connection, and replies as a typed tuple", () =>
    Effect.gen(function*() {
      const { a, increment } = yield* incrementing()
      const replies = yield* increment()
      const types: readonly [number] = replies
      assert.deepStrictEqual(types, [6])
      assert.deepStrictEqual(said(carrier(a, "EXEC")), round)
      assert.strictEqual(a.connections.length, 2)
    }))

  it.effect("leaves the connection to the next as it was", () =>
    Effect.gen(function*() {
      const { a, increment } = yield* incrementing()
      yield* increment()
      yield* increment()
      assert.strictEqual(a.connections.length, 2)
      assert.strictEqual(a.count("UNWATCH"), 0)
    }))

  it.effect("of no commands executes nothing, and forgets what it watches", () =>
    Effect.gen(function*() {
      const { a, run } = yield* incrementing()
      const decided = Effect.as(Redis.get(keyOfA), [] as const)
      const replies: readonly [] = yield* run(Redis.optimistic([keyOfA], decided))
      assert.deepStrictEqual(replies, [])
      assert.deepStrictEqual(said(carrier(a, "GET bar")), ["WATCH bar", "GET bar", "UNWATCH"])
    }))

  it.effect("of an effect that answers now one thing, now another, has the replies of either", () =>
    Effect.gen(function*() {
      const { run } = yield* incrementing()
      const decided: Effect.Effect<ReadonlyArray<Command.Command<number>>, Redis.RedisError, Redis.Redis> = Effect.map(
        Redis.get(keyOfA),
        (value) => value === "5" ? [Redis.incrby(keyOfA, 1)] : []
      )
      const replies: ReadonlyArray<number> = yield* run(Redis.optimistic([keyOfA], decided))
      assert.deepStrictEqual(replies, [6])
    }))

  it.effect.each([[[]], [[keyOfA, keyOfB]]])(
    "is refused before anything is sent when its keys are %j",
    ([keys]) =>
      Effect.gen(function*() {
        const { a, run } = yield* incrementing()
        const error = yield* Effect.flip(run(Redis.optimistic(keys, Effect.succeed([Redis.incrby(keyOfA, 1)]))))
        assert.strictEqual(error.reason._tag, keys.length === 0 ? "InvalidArgument" : "CrossSlot")
        assert.deepStrictEqual(a.commands, [])
      })
  )

  it.effect("can't read keys of another slot, which it could not watch", () =>
    Effect.gen(function*() {
      const { a, run } = yield* incrementing()
      const elsewhere = Effect.as(Redis.get(keyOfB), [Redis.incrby(keyOfA, 1)])
      const error = yield* Effect.flip(run(Redis.optimistic([keyOfA], elsewhere)))
      assert.strictEqual(error.reason._tag, "SessionMisused")
      assert.strictEqual(a.count("EXEC"), 0)
    }))
})

describe("a conflict", () => {
  it.effect("makes it go again from WATCH on, in the same session", () =>
    Effect.gen(function*() {
      const { a, increment, runs } = yield* incrementing()
      a.once("EXEC", conflict, conflict)
      const fiber = yield* start(increment())
      yield* advance("50 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [6])
      assert.deepStrictEqual(said(carrier(a, "EXEC")), [...round, ...round, ...round])
      assert.strictEqual(runs(), 3)
    }))

  it.effect("makes it go again at once at first, then after pauses that double, for 10 seconds", () =>
    Effect.gen(function*() {
      const { a, increment } = yield* incrementing()
      const times: Array<number> = []
      const clock = yield* Clock.Clock
      a.on("EXEC", () => {
        times.push(clock.currentTimeMillisUnsafe())
        return conflict
      })
      const fiber = yield* start(Effect.flip(increment()))
      yield* settle
      assert.deepStrictEqual(times, [0, 0])
      yield* advance("9 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("2 seconds")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Conflict", "Rejected"])
      const pauses = times.slice(2).map((time, i) => time - times[i + 1])
      assert.isAtMost(Math.max(...pauses), 100)
      assert.isAtLeast(times.length, 80)
    }))

  it.effect("is the caller's once the schedule is done, with nothing executed", () =>
    Effect.gen(function*() {
      const { a, increment, runs } = yield* incrementing()
      a.on("EXEC", conflict)
      const error = yield* Effect.flip(increment({ schedule: Schedule.recurs(2) }))
      assert.deepStrictEqual([error.reason._tag, error.delivery, runs()], ["Conflict", "Rejected", 3])
      assert.include(error.message, "changed by another client")
      yield* settle
      assert.strictEqual(a.live.length, 2)
    }))

  it.effect("is given to the schedule, which may look at it", () =>
    Effect.gen(function*() {
      const { a, increment } = yield* incrementing()
      a.on("EXEC", conflict)
      const seen: Array<string> = []
      const schedule = Schedule.recurs(1).pipe(
        Schedule.setInputType<Redis.RedisError>(),
        Schedule.while(({ input }) => {
          seen.push(input.reason._tag)
          return true
        })
      )
      yield* Effect.flip(increment({ schedule }))
      assert.deepStrictEqual(new Set(seen), new Set(["Conflict"]))
    }))
})

describe("a redirect", () => {
  it.effect.each(["WATCH", "GET"])(
    "of %s makes it go again from WATCH on, where it is sent",
    (name) =>
      Effect.gen(function*() {
        const { a, b, increment } = yield* incrementing()
        a.on(name, moved)
        assert.deepStrictEqual(yield* increment(), [6])
        assert.deepStrictEqual(said(carrier(b, "EXEC")), round)
        assert.strictEqual(a.count("EXEC"), 0)
      })
  )

  it.effect("of EXEC makes it go again from WATCH on, where it is sent (trap 30)", () =>
    Effect.gen(function*() {
      const { a, b, increment } = yield* incrementing()
      a.on("EXEC", moved)
      assert.deepStrictEqual(yield* increment(), [6])
      assert.deepStrictEqual(said(carrier(b, "EXEC")), round)
    }))

  it.effect("of what is queued, seen only behind EXECABORT, makes it go again (trap 30)", () =>
    Effect.gen(function*() {
      const { a, b, increment } = yield* incrementing()
      a.on("INCRBY", moved).on("EXEC", Reply.error("EXECABORT Transaction discarded because of previous errors."))
      assert.deepStrictEqual(yield* increment(), [6])
      assert.deepStrictEqual(said(carrier(b, "EXEC")), round)
    }))

  it.effect("to the target of a migration goes again there, behind ASKING (trap 2)", () =>
    Effect.gen(function*() {
      const { a, b, increment } = yield* incrementing()
      a.on("WATCH", ask)
      assert.deepStrictEqual(yield* increment(), [6])
      assert.deepStrictEqual(
        said(carrier(b, "EXEC")),
        ["ASKING", "WATCH bar", "ASKING", "GET bar", "ASKING", "MULTI", "INCRBY bar 5", "EXEC"]
      )
    }))

  it.effect("is the caller's under a policy that follows nothing", () =>
    Effect.gen(function*() {
      const { a, b, increment } = yield* incrementing()
      a.on("EXEC", moved)
      const error = yield* Effect.flip(increment().pipe(RedirectPolicy.provide(RedirectPolicy.none)))
      assert.strictEqual(error.reason._tag, "Moved")
      assert.deepStrictEqual(b.commands, [])
    }))

  it.effect.each(["TRYAGAIN in pieces", "CLUSTERDOWN The cluster is down"])(
    "is none, but goes again after a pause: %s",
    (text) =>
      Effect.gen(function*() {
        const { a, increment, runs } = yield* incrementing()
        a.once("GET", Reply.error(text))
        const fiber = yield* start(increment())
        yield* settle
        assert.strictEqual(runs(), 1)
        yield* advance("100 millis")
        assert.deepStrictEqual(yield* Fiber.join(fiber), [6])
        assert.strictEqual(runs(), 2)
      })
  )
})

describe("a connection that is lost", () => {
  it.effect("between EXEC and its reply: perhaps executed, and not run again (trap 1)", () =>
    Effect.gen(function*() {
      const { a, increment, runs } = yield* incrementing()
      a.on("EXEC", "drop")
      const error = yield* Effect.flip(increment())
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "MaybeExecuted"])
      yield* advance("5 seconds")
      assert.strictEqual(runs(), 1)
      assert.strictEqual(a.count("EXEC"), 1)
    }))

  it.effect.each(["WATCH", "GET"])(
    "while it watches or reads, with %s in flight: run again",
    (name) =>
      Effect.gen(function*() {
        const { a, increment } = yield* incrementing()
        a.once(name, "drop")
        const fiber = yield* start(increment())
        yield* advance("500 millis")
        assert.deepStrictEqual(yield* Fiber.join(fiber), [6])
        assert.deepStrictEqual(said(carrier(a, "EXEC")), round)
      })
  )

  it.effect("between the read and EXEC: nothing is watched any more, so it is run again", () =>
    Effect.gen(function*() {
      const { a, run } = yield* incrementing()
      let runs = 0
      const fiber = yield* start(run(Redis.optimistic(
        [keyOfA],
        Effect.map(Redis.get(keyOfA), () => {
          if (++runs === 1) carrier(a, "GET bar").drop()
          return [Redis.incrby(keyOfA, 1)]
        })
      )))
      yield* advance("500 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [6])
      assert.deepStrictEqual([runs, a.count("EXEC")], [2, 1])
    }))
})

describe("an effect that fails", () => {
  it.effect("with an error of its own ends it, typed, and nothing stays watched", () =>
    Effect.gen(function*() {
      class TooLittle extends Data.TaggedError("TooLittle")<{}> {}
      const { a, run } = yield* incrementing()
      const poor = Effect.andThen(Redis.get(keyOfA), Effect.fail(new TooLittle()))
      const error: TooLittle | Redis.RedisError = yield* Effect.flip(run(Redis.optimistic([keyOfA], poor)))
      assert.strictEqual(error._tag, "TooLittle")
      assert.deepStrictEqual(said(carrier(a, "GET bar")), ["WATCH bar", "GET bar", "UNWATCH"])
      assert.strictEqual(a.live.length, 2)
    }))

  it.effect("with an error of the server ends it", () =>
    Effect.gen(function*() {
      const { a, increment, runs } = yield* incrementing()
      a.on("GET", Reply.error("WRONGTYPE Operation against a key"))
      const error = yield* Effect.flip(increment())
      assert.deepStrictEqual([error.reason._tag, error.command, runs()], ["ServerError", "GET", 1])
    }))

  it.effect("by an error inside the transaction ends it, though the rest was executed", () =>
    Effect.gen(function*() {
      const { a, increment, runs } = yield* incrementing()
      a.on("EXEC", Reply.array([Reply.error("ERR value is not an integer or out of range")]))
      const error = yield* Effect.flip(increment())
      assert.deepStrictEqual([error.reason._tag, error.command, runs()], ["ServerError", "INCRBY", 1])
    }))

  it.effect("by a defect, or by being interrupted, ends it, and nothing stays watched", () =>
    Effect.gen(function*() {
      const { a, run } = yield* incrementing()
      const exit = yield* Effect.exit(run(Redis.optimistic([keyOfA], Effect.die("broken"))))
      assert.deepStrictEqual(exit, Exit.die("broken"))
      const fiber = yield* start(run(Redis.optimistic([keyOfA], Effect.never)))
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(said(carrier(a, "WATCH bar")), ["WATCH bar", "UNWATCH", "WATCH bar", "UNWATCH"])
    }))
})
