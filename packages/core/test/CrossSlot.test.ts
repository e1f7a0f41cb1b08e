/** Commands with keys of several slots, which are sent in parts. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import * as Command from "../src/Command.ts"
import * as CrossSlot from "../src/CrossSlot.ts"
import * as ReadFrom from "../src/ReadFrom.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import type * as RedisCluster from "../src/RedisCluster.ts"
import type { Part, RedisError } from "../src/RedisError.ts"
import * as Session from "../src/Session.ts"
import * as Slot from "../src/Slot.ts"
import { connected, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, keyOfC, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const [ofA, ofB, ofC] = [keyOfA, keyOfB, keyOfC]
const slots = { a: slotOfA, b: Slot.fromKey(ofB), c: Slot.fromKey(ofC) }

/** A node that answers as if each key had a value that tells the key and the node. */
const obliging = (node: ScriptedNode): void => {
  const counting = (keys: ReadonlyArray<string>) => Reply.integer(keys.length)
  for (const name of ["DEL", "UNLINK", "EXISTS", "TOUCH"]) node.on(name, counting)
  node.on("MGET", (keys) => Reply.array(keys.map((key) => Reply.bulk(`${key}@${node.key[0]}`))))
  node.on("MSET", Reply.simple("OK")).on("MSETEX", Reply.integer(1))
}

const started = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const nodes = yield* connected(options)
  const { a, b, c } = nodes
  for (const node of [a, b, c]) obliging(node)
  for (const key of [ofA, ofB, ofC]) yield* Effect.ignore(nodes.run(Redis.get(key)))
  const before = [a, b, c].map(({ commands }) => commands.length)
  /** What each node was sent since. */
  const sent = () => [a, b, c].map(({ commands }, n) => commands.slice(before[n]))
  const failed = <A>(command: Command.Command<A>) => Effect.flip(nodes.run(command))
  /** Lets time pass until an effect is done. */
  const inTime = <A, E>(effect: Effect.Effect<A, E, RedisCluster.Services>) =>
    Effect.gen(function*() {
      const fiber = yield* start(nodes.run(effect))
      yield* advance("30 seconds")
      return yield* Fiber.join(fiber)
    })
  return { ...nodes, sent, failed, inTime }
})

const shown = ({ parts = [] }: RedisError) =>
  parts.map(({ delivery, keys, node, reason, slot }: Part) => [keys, slot, node, reason?._tag, delivery])

describe("a command with keys of several slots", () => {
  it.effect("is sent in parts, and replies as the server would with all keys in one slot", () =>
    Effect.gen(function*() {
      const { run, sent } = yield* started()
      assert.deepStrictEqual(yield* run(Redis.mget([ofC, ofA, `{${ofA}}2`, ofB])), [
        "foo@c",
        "bar@a",
        "{bar}2@a",
        "k@b"
      ])
      assert.strictEqual(yield* run(Redis.mset({ [ofA]: "1", [ofB]: "2", [`{${ofA}}2`]: "3" })), "OK")
      assert.strictEqual(yield* run(Redis.del([ofA, ofB])), 2)
      assert.strictEqual(yield* run(Redis.unlink([ofA, ofC])), 2)
      assert.strictEqual(yield* run(Redis.exists([ofA, ofB, ofC])), 3)
      assert.strictEqual(yield* run(Redis.touch([ofA, ofB])), 2)
      assert.deepStrictEqual(sent(), [
        ["MGET bar {bar}2", "MSET bar 1 {bar}2 3", "DEL bar", "UNLINK bar", "EXISTS bar", "TOUCH bar"],
        ["MGET k", "MSET k 2", "DEL k", "EXISTS k", "TOUCH k"],
        ["MGET foo", "UNLINK foo", "EXISTS foo"]
      ])
    }))

  it.effect("keeps its duplicates, in their order", () =>
    Effect.gen(function*() {
      const { run, sent } = yield* started()
      assert.deepStrictEqual(yield* run(Redis.mget([ofA, ofB, ofA])), ["bar@a", "k@b", "bar@a"])
      assert.strictEqual(yield* run(Redis.exists([ofA, ofB, ofA])), 3)
      assert.strictEqual(yield* run(Redis.mset([[ofA, "1"], [ofB, "2"], [ofA, "3"]])), "OK")
      assert.deepStrictEqual(sent()[0], ["MGET bar bar", "EXISTS bar bar", "MSET bar 1 bar 3"])
    }))

  it.effect("makes no fiber, goes out in one write to each node, and has a part for each slot of a node", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* started()
      const keys = Array.from({ length: 300 }, (_, n) => `key:${n}`)
      const before = [a, b, c].map(({ live }) => live[0].writes.length)
      assert.deepStrictEqual(
        (yield* run(Redis.mget(keys))).map((value) => value?.split("@")[0]),
        keys
      )
      const writes = [a, b, c].map(({ live }, n) => live[0].writes.slice(before[n]))
      assert.deepStrictEqual(writes.map(({ length }) => length), [1, 1, 1])
      const id = Effect.withFiber((fiber) => Effect.succeed(fiber.id))
      const next = Effect.flatMap(Effect.forkChild(id), Fiber.join)
      const first = yield* next
      yield* run(Redis.mget(keys))
      assert.strictEqual(yield* next, first + 1)
      assert.strictEqual(writes.flat().reduce((x, y) => x + y), new Set(keys.map(Slot.fromKey)).size)
    }))

  it.effect("decodes the merged reply, whatever is mapped over it", () =>
    Effect.gen(function*() {
      const { run } = yield* started()
      const bytes = yield* run(Redis.mget([ofA, ofB]).pipe(Command.bytes))
      assert.deepStrictEqual(bytes, ["bar@a", "k@b"].map((text) => new TextEncoder().encode(text)))
      const length = Redis.mget([ofA, ofB]).pipe(Command.map((values) => values.length))
      assert.strictEqual(yield* run(length), 2)
      const two = Redis.mget([ofA, ofB]).pipe(Command.schema(Schema.Tuple([Schema.String, Schema.Literal("k@b")])))
      assert.deepStrictEqual(yield* run(two), ["bar@a", "k@b"])
      const wrong = Redis.mget([ofA, ofB]).pipe(Command.schema(Schema.Array(Schema.Literal("no"))))
      const error = yield* Effect.flip(run(wrong))
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.parts], ["DecodeFailed", "Executed", undefined])
    }))

  it.effect("may have options behind its keys, and a count before them", () =>
    Effect.gen(function*() {
      const { run, sent } = yield* started()
      assert.strictEqual(yield* run(Redis.command("MSETEX", [3, ofA, 1, ofB, 2, `{${ofA}}2`, 3, "EX", 60])), 1)
      assert.deepStrictEqual(sent(), [["MSETEX 2 bar 1 {bar}2 3 EX 60"], ["MSETEX 1 k 2 EX 60"], []])
    }))

  it.effect("keeps what was said of it: idempotent, its timeout", () =>
    Effect.gen(function*() {
      const { a, inTime, sent } = yield* started()
      a.once("MSET", "drop")
      const saved = Redis.mset({ [ofA]: "1", [ofB]: "2" })
      const error = yield* Effect.flip(inTime(saved))
      assert.strictEqual(error.delivery, "MaybeExecuted")
      a.once("MSET", "drop")
      assert.strictEqual(yield* inTime(saved.pipe(Command.idempotent)), "OK")
      a.once("MSET", "hold")
      const late = yield* Effect.flip(inTime(saved.pipe(Command.timeout("200 millis"))))
      assert.deepStrictEqual([late.reason._tag, shown(late)[0][4]], ["Timeout", "MaybeExecuted"])
      assert.include(late.message, "of 200 ms")
      assert.strictEqual(sent()[0].filter((line) => line.startsWith("MSET")).length, 4)
    }))

  it.effect("reads from replicas as its region says", () =>
    Effect.gen(function*() {
      const { a, b, c, failed } = yield* started({ redirects: RedirectPolicy.none })
      const error = yield* failed(
        Redis.mget([ofA, ofB]).pipe(ReadFrom.provide("replica")) as unknown as Command.Command<unknown>
      )
      assert.deepStrictEqual(shown(error).map((part) => part[3]), ["NoNodeForSlot", "NoNodeForSlot"])
      assert.deepStrictEqual(
        [a, b, c].flatMap(({ commands }) => commands.filter((line) => line.startsWith("MGET"))),
        []
      )
    }))
})

describe("in a pipeline", () => {
  it.effect("a command in parts keeps its order with others on its keys, and all share one write to each node", () =>
    Effect.gen(function*() {
      const { a, run, sent } = yield* started()
      const before = a.live[0].writes.length
      const replies = yield* run(Redis.pipeline([
        Redis.set(ofA, "0"),
        Redis.mset({ [ofB]: "1", [ofA]: "1" }),
        Redis.get(ofA),
        Redis.del([ofA, ofC]),
        Redis.mget([ofA, ofB])
      ]))
      assert.deepStrictEqual(replies, ["OK", "OK", "a:7000", 2, ["bar@a", "k@b"]])
      assert.deepStrictEqual(sent(), [
        ["SET bar 0", "MSET bar 1", "GET bar", "DEL bar", "MGET bar"],
        ["MSET k 1", "MGET k"],
        ["DEL foo"]
      ])
      assert.strictEqual(a.live[0].writes.length, before + 1)
    }))

  it.effect("only the parts that were not executed are tried again, unless they were overtaken", () =>
    Effect.gen(function*() {
      const { a, inTime, sent } = yield* started()
      a.once("MSET", Reply.error("TRYAGAIN Multiple keys request during rehashing of slot"))
      const [saved, value] = yield* inTime(
        Redis.pipeline([Redis.mset({ [ofA]: "1", [ofB]: "1" }), Redis.get(ofC)], { mode: "result" })
      )
      assert.deepStrictEqual([saved, value], [Result.succeed("OK"), Result.succeed("c:7000")])
      assert.deepStrictEqual(sent(), [["MSET bar 1", "MSET bar 1"], ["MSET k 1"], ["GET foo"]])
      a.once("MSET", Reply.error("TRYAGAIN Multiple keys request during rehashing of slot"))
      const [overtaken] = yield* inTime(
        Redis.pipeline([Redis.mset({ [ofA]: "1", [ofB]: "1" }), Redis.set(ofA, "2")], { mode: "result" })
      )
      const error = Result.getOrThrow(Result.flip(overtaken))
      assert.deepStrictEqual([error.overtaken, error.delivery], [true, "MaybeExecuted"])
      assert.deepStrictEqual(shown(error), [
        [["bar"], slots.a, "a:7000", "TryAgain", "Rejected"],
        [["k"], slots.b, "b:7000", undefined, "Executed"]
      ])
    }))

  it.effect("one that can't be sent keeps all others from being sent, with results only itself", () =>
    Effect.gen(function*() {
      const { run, sent } = yield* started()
      const commands = [Redis.mset({ [ofA]: "1", [ofB]: "1" }), Redis.rename(ofA, ofB)] as const
      const error = yield* Effect.flip(run(Redis.pipeline(commands)))
      assert.strictEqual(error.reason._tag, "CrossSlot")
      assert.deepStrictEqual(sent(), [[], [], []])
      const [saved, renamed] = yield* run(Redis.pipeline(commands, { mode: "result" }))
      assert.deepStrictEqual([saved._tag, renamed._tag], ["Success", "Failure"])
    }))
})

describe("the parts of a command", () => {
  it.effect("follow redirects, each its own", () =>
    Effect.gen(function*() {
      const { a, c, run, sent, service } = yield* started()
      a.once("MGET", Reply.error(`MOVED ${slotOfA} b:7000`))
      c.once("MGET", Reply.error(`ASK ${slots.c} b:7000`))
      assert.deepStrictEqual(yield* run(Redis.mget([ofA, ofB, ofC])), ["bar@b", "k@b", "foo@b"])
      assert.deepStrictEqual(sent(), [["MGET bar"], ["MGET k", "MGET bar", "ASKING", "MGET foo"], ["MGET foo"]])
      assert.strictEqual((yield* service.stats).redirects, 2)
    }))

  it.effect("that fail are told of one by one, with their keys, and so are those that were done", () =>
    Effect.gen(function*() {
      const { a, b, inTime } = yield* started()
      a.once("MSET", "drop")
      b.on("MSET", Reply.error("OOM command not allowed when used memory > 'maxmemory'."))
      const error = yield* Effect.flip(inTime(Redis.mset({ [ofA]: "s3cret", [ofB]: "s3cret", [ofC]: "s3cret" })))
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.command], [
        "ConnectionLost",
        "MaybeExecuted",
        "MSET"
      ])
      assert.deepStrictEqual(shown(error), [
        [["bar"], slots.a, "a:7000", "ConnectionLost", "MaybeExecuted"],
        [["k"], slots.b, "b:7000", "ServerError", "Rejected"],
        [["foo"], slots.c, "c:7000", undefined, "Executed"]
      ])
      assert.include(error.message, "1 of its 3 parts were done")
      assert.notInclude(error.message + JSON.stringify(error), "s3cret")
      for (const key of [ofA, `"${ofB}"`, ofC]) assert.notInclude(error.message, key)
    }))

  it.effect("that were done tell where, and in how many tries", () =>
    Effect.gen(function*() {
      const { a, b, c, failed } = yield* started()
      a.once("MSET", Reply.error(`MOVED ${slotOfA} b:7000`))
      b.once("MSET", Reply.error(`ASK ${slots.b} c:7000`))
      c.once("MSET", Reply.error("OOM command not allowed when used memory > 'maxmemory'."))
      const { parts = [] } = yield* failed(Redis.mset({ [ofA]: "1", [ofB]: "1", [ofC]: "1" }))
      assert.deepStrictEqual(parts.map(({ attempts, node, reason }) => [node, attempts, reason?._tag]), [
        ["b:7000", 2, undefined],
        ["c:7000", 2, undefined],
        ["c:7000", 1, "ServerError"]
      ])
    }))

  it.effect("make the whole as uncertain as the worst of them, if it writes", () =>
    Effect.gen(function*() {
      const { a, b, c, inTime } = yield* started({ redirects: RedirectPolicy.none })
      const oom = Reply.error("OOM command not allowed when used memory > 'maxmemory'.")
      const deliveryOf = <A>(command: Command.Command<A>) =>
        Effect.map(Effect.flip(inTime(command)), ({ delivery }) => delivery)
      const saved = Redis.mset({ [ofA]: "1", [ofB]: "2" })
      a.on("MSET", oom)
      assert.strictEqual(yield* deliveryOf(saved), "MaybeExecuted")
      b.on("MSET", oom)
      assert.strictEqual(yield* deliveryOf(saved), "Rejected")
      c.on("EXISTS", Reply.error("NOPERM no permissions to access a key"))
      assert.strictEqual(yield* deliveryOf(Redis.exists([ofA, ofC])), "Rejected")
      a.on("DEL", Reply.double(1.5))
      c.on("DEL", oom)
      assert.strictEqual(yield* deliveryOf(Redis.del([ofA, ofC])), "MaybeExecuted")
      a.on("EXISTS", Reply.double(1.5))
      c.on("EXISTS", Reply.integer(1))
      assert.strictEqual(yield* deliveryOf(Redis.exists([ofA, ofC])), "Executed")
      for (const node of [a, b]) {
        node.accepts = "none"
        node.drop()
      }
      yield* advance("100 millis")
      assert.strictEqual(yield* deliveryOf(saved), "NotSent")
    }))

  it.effect("have replies of their own shape, or fail", () =>
    Effect.gen(function*() {
      const { a, b, failed } = yield* started()
      a.once("MGET", Reply.array([]))
      const few = yield* failed(Redis.mget([ofA, ofB]))
      assert.deepStrictEqual(shown(few), [
        [["bar"], slots.a, "a:7000", "DecodeFailed", "Executed"],
        [["k"], slots.b, "b:7000", undefined, "Executed"]
      ])
      assert.include(few.message, "expected an array of 1 in the reply, received an array of 0")
      b.once("MSET", Reply.simple("QUEUED"))
      const odd = yield* failed(Redis.mset({ [ofA]: "1", [ofB]: "2" }))
      assert.deepStrictEqual([odd.reason._tag, odd.delivery], ["DecodeFailed", "Executed"])
    }))

  it.effect("wait for a node that is away, and go on when it is back", () =>
    Effect.gen(function*() {
      const { a, inTime, run } = yield* started()
      a.accepts = "none"
      a.drop()
      const fiber = yield* start(run(Redis.mget([ofA, `{x${ofA}}`, ofB])))
      yield* advance("2 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      a.accepts = "all"
      yield* advance("2 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))[0], "bar@a")
      a.accepts = "none"
      a.drop()
      const error = yield* Effect.flip(inTime(Redis.mset({ [ofA]: "1", [ofB]: "2" })))
      assert.deepStrictEqual(shown(error).map(([, , , tag, delivery]) => [tag, delivery]), [
        ["ConnectionFailed", "NotSent"],
        [undefined, "Executed"]
      ])
      assert.isDefined(error.away)
    }))

  it.effect("take room together, as one command to each node", () =>
    Effect.gen(function*() {
      const { a, run, service } = yield* started({ failWhenFull: true, maxInFlight: 10 })
      const keys = Array.from({ length: 300 }, (_, n) => `key:${n}`)
      assert.strictEqual((yield* run(Redis.mget(keys))).length, 300)
      a.on("GET", "hold")
      const full = yield* start(run(Redis.pipeline(Array.from({ length: 10 }, () => Redis.get(ofA)))))
      yield* advance("10 millis")
      const error = yield* Effect.flip(run(Redis.mset([...keys.map((key) => [key, "1"] as const), [ofA, "1"]])))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Overloaded", "MaybeExecuted"])
      const told = new Set(shown(error).map(([, , node, tag, delivery]) => `${node} ${tag} ${delivery}`))
      assert.deepStrictEqual([...told].toSorted(), [
        "a:7000 Overloaded NotSent",
        "b:7000 undefined Executed",
        "c:7000 undefined Executed"
      ])
      yield* Fiber.interrupt(full)
      assert.strictEqual((yield* service.stats).waiting, 0)
      for (const node of ["b", "c"]) assert.strictEqual((yield* service.stats).nodes.get(`${node}:7000`)?.waiting, 0)
    }))

  it.effect("make one span, which names all their nodes", () =>
    Effect.gen(function*() {
      const { a, run } = yield* started()
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const traced = Effect.provideService(Tracer.Tracer, tracer)
      yield* run(traced(Redis.mget([ofA, ofB])))
      a.on("MGET", Reply.error("NOPERM no permissions to access a key"))
      yield* Effect.flip(run(traced(Redis.mget([ofA, ofB]))))
      assert.deepStrictEqual(spans.map(({ attributes, name }) => [name, attributes.get("db.redis.nodes")]), [
        ["MGET", ["a:7000", "b:7000"]],
        ["MGET", undefined]
      ])
      assert.deepStrictEqual(
        ["network.peer.address", "error.type", "db.redis.delivery"].map((name) => spans[1].attributes.get(name)),
        ["a:7000", "ServerError", "Rejected"]
      )
    }))

  it.effect("are waited for by ensureReplication, each at its node", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* started()
      for (const node of [a, b, c]) node.on("WAIT", Reply.integer(1))
      const saved = Redis.mset({ [ofA]: "1", [ofB]: "2" }).pipe(
        Redis.ensureReplication({ replicas: 1, within: "100 millis" })
      )
      assert.strictEqual(yield* run(saved), "OK")
      assert.deepStrictEqual([a, b, c].map((node) => node.count("WAIT 1 100")), [1, 1, 0])
    }))

  it.effect("are given up when the fiber is interrupted, wherever it waits", () =>
    Effect.gen(function*() {
      const { a, b, run, sent, service } = yield* started()
      a.once("MGET", "hold")
      const first = yield* start(run(Redis.mget([ofA, ofB])))
      yield* advance("10 millis")
      yield* Fiber.interrupt(first)
      a.live[0].release(Reply.array([Reply.bulk("late")]))
      b.on("MGET", Reply.error("LOADING Redis is loading the dataset in memory"))
      const second = yield* start(run(Redis.mget([ofA, ofB])))
      yield* advance("1 second")
      yield* Fiber.interrupt(second)
      const before = sent()
      b.accepts = "none"
      b.drop()
      const third = yield* start(run(Redis.mget([ofA, ofB])))
      yield* advance("1 second")
      yield* Fiber.interrupt(third)
      assert.strictEqual((yield* service.stats).waiting, 0)
      assert.strictEqual(sent()[1].length, before[1].length)
    }))
})

describe("mget with results", () => {
  it.effect("has the error of a part in the places of its keys, and the values of the others", () =>
    Effect.gen(function*() {
      const { a, run } = yield* started()
      a.on("MGET", Reply.error("NOPERM no permissions to access a key"))
      const results = yield* run(Redis.mget([ofB, ofA, ofC, `{${ofA}}2`], { mode: "result" }))
      const typed: ReadonlyArray<Result.Result<string | null, RedisError>> = results
      assert.deepStrictEqual(typed.map(Result.getOrElse(({ reason, slot }) => [reason._tag, slot])), [
        "k@b",
        ["ServerError", slotOfA],
        "foo@c",
        ["ServerError", slotOfA]
      ] as ReadonlyArray<unknown>)
      const one = yield* run(Redis.mget([ofA], { mode: "result" }))
      assert.deepStrictEqual(one.map(({ _tag }) => _tag), ["Failure"])
      const bytes = yield* run(Redis.mget([ofB, ofA], { mode: "result" }).pipe(Command.bytes))
      assert.deepStrictEqual(Result.getOrThrow(bytes[0]), new TextEncoder().encode("k@b"))
    }))

  it.effect("can be part of a pipeline, and fails as a whole only if it can't be sent", () =>
    Effect.gen(function*() {
      const { a, run } = yield* started()
      a.on("MGET", Reply.error("NOPERM no permissions to access a key"))
      const [results, value] = yield* run(Redis.pipeline([
        Redis.mget([ofB, ofA], { mode: "result" }),
        Redis.get(ofA)
      ]))
      assert.deepStrictEqual([results.map(({ _tag }) => _tag), value], [["Success", "Failure"], "a:7000"])
      const problems: ReadonlyArray<Command.Any> = [
        Redis.mget([], { mode: "result" }),
        Redis.mget([ofA], { mode: "results" } as never)
      ]
      for (const command of problems) {
        assert.strictEqual((yield* Effect.flip(run(command))).reason._tag, "InvalidArgument")
      }
      const whole = yield* Effect.flip(run(Redis.mget([ofA, ofB], { mode: "result" }).pipe(CrossSlot.provide("fail"))))
      assert.strictEqual(whole.reason._tag, "CrossSlot")
      const inTransaction = yield* Effect.flip(run(Redis.transaction([Redis.mget([ofA, ofB], { mode: "result" })])))
      assert.strictEqual(inTransaction.reason._tag, "CrossSlot")
    }))
})

describe("never in parts is", () => {
  const atomic: ReadonlyArray<Command.Any> = [
    Redis.msetnx({ [ofA]: "1", [ofB]: "2" }),
    Redis.command("MSETEX", [2, ofA, 1, ofB, 2, "NX"]),
    Redis.command("MSETEX", [2, ofA, 1, ofB, 2, "EX", 60, new TextEncoder().encode("xx")]),
    Redis.rename(ofA, ofB),
    Redis.sinterstore(ofA, [ofB]),
    Redis.pfcount([ofA, ofB]),
    Redis.command("EVAL", ["return 1", 2, ofA, ofB]),
    Redis.command("JSON.MGET", [ofA, ofB, "$"]),
    Redis.transaction([Redis.mget([ofA, ofB])]),
    Redis.transaction([Redis.del([ofA]), Redis.del([ofB])])
  ]
  it.effect("what promises all or nothing", () =>
    Effect.gen(function*() {
      const { failed, sent } = yield* started()
      for (const command of atomic) {
        const error = yield* failed(command)
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["CrossSlot", "NotSent"], command.spec.name)
      }
      const inSession = yield* Effect.flip(
        (yield* started()).run(Session.use({ keys: ofA }, Redis.mget([ofA, ofB])))
      )
      assert.strictEqual(inSession.reason._tag, "CrossSlot")
      assert.deepStrictEqual(sent(), [[], [], []])
    }))

  it.effect("anything where the settings, or the region, forbid it", () =>
    Effect.gen(function*() {
      const strict = yield* started({ crossSlot: "fail" })
      const both = Redis.mget([ofA, ofB])
      assert.strictEqual((yield* strict.failed(both)).reason._tag, "CrossSlot")
      assert.deepStrictEqual(yield* strict.run(both.pipe(CrossSlot.provide("split"))), ["bar@a", "k@b"])
      assert.deepStrictEqual(yield* strict.run(Redis.mget([ofA])), ["bar@a"])
      const lax = yield* started()
      const region = Redis.pipeline([both, Redis.get(ofC)]).pipe(CrossSlot.provide("fail"))
      assert.strictEqual((yield* Effect.flip(lax.run(region))).reason._tag, "CrossSlot")
      const untyped = yield* Effect.flip(lax.run(both.pipe(CrossSlot.provide("never" as never))))
      assert.strictEqual(untyped.reason._tag, "InvalidArgument")
      const setting = yield* Effect.flip(connected({ crossSlot: true as never }))
      assert.include(setting.message, "crossSlot has to be one of")
    }))

  it.effect("a command whose keys can't be told apart", () =>
    Effect.gen(function*() {
      const { failed, run, sent } = yield* started()
      const odd = yield* failed(Redis.command("MSET", [ofA, "1", ofB]))
      assert.include(odd.message, "each of its keys needs a value behind it")
      const few = yield* failed(Redis.command("MSETEX", [9, ofA, "1", ofB, "2"]))
      assert.include(few.message, "it says that it has more keys than are given")
      const given = yield* failed(Redis.command("MGET", [ofA, ofB], { keys: [0, 1] }))
      assert.strictEqual(given.reason._tag, "CrossSlot")
      assert.deepStrictEqual(sent(), [[], [], []])
      yield* Effect.ignore(run(Redis.command("MGET")))
      assert.deepStrictEqual(sent().flat(), ["MGET"])
    }))
})
