/** Who has written reads what was written, whichever way the write went, and whatever became of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Cached from "../src/Cached.ts"
import type { Client } from "../src/Client.ts"
import * as Command from "../src/Command.ts"
import * as Nodes from "../src/Nodes.ts"
import * as Redis from "../src/Redis.ts"
import * as Script from "../src/Script.ts"
import * as Session from "../src/Session.ts"
import { caching, gets, joined, ok, startAll, watcher } from "./support/caching.ts"
import { carrier, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, keyOfC, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const other = "{bar}other"

const set = Redis.set(keyOfA, "new")

/** A client that has kept the values of two keys of `a`, and one of `b`. No server pushes anything. */
const kept = Effect.fnUntraced(function*() {
  const client = yield* caching()
  const { a, b, c, read, values } = client
  for (const node of [a, b, c]) {
    node.on("MULTI", ok).on("FLUSHALL", ok).on("WATCH", ok).on("EVAL", Reply.integer(1)).on("WAIT", Reply.integer(1))
  }
  values.set(keyOfA, "old").set(other, "old").set(keyOfB, "old")
  for (const key of [keyOfA, other, keyOfB]) yield* read(key)
  values.set(keyOfA, "new")
  const travelled = () => [gets(a, keyOfA), gets(a, other), gets(b, keyOfB)].map((count) => count > 1)
  /** Which of the three travel when they are read again. */
  const again = Effect.gen(function*() {
    for (const key of [keyOfA, other, keyOfB]) yield* read(key)
    return travelled()
  })
  return { ...client, again }
})

type Write = Effect.Effect<unknown, Redis.RedisError, Redis.Redis | Client | Scope.Scope>

const incremented = Script.make({
  lua: "return redis.call('INCR', KEYS[1])",
  params: (key: string) => ({ keys: [key] })
})

const queues = (node: ScriptedNode) => node.on("SET", Reply.simple("QUEUED")).on("EXEC", Reply.array([ok]))

const ofOneKey: ReadonlyArray<readonly [name: string, write: Write, prepare?: (node: ScriptedNode) => unknown]> = [
  ["a command", set],
  ["a command in a pipeline", Redis.pipeline([Redis.get(keyOfC), set])],
  ["a transaction", Redis.transaction([set]), queues],
  ["a script with keys", Redis.eval("return 1", { keys: [keyOfA] })],
  ["a script with keys, by its digest", incremented(keyOfA), (node) => node.on("EVALSHA", Reply.integer(1))],
  ["a function", Redis.command("FCALL", ["f", 1, keyOfA]), (node) => node.on("FCALL", Reply.integer(1))],
  ["a session", Session.use({ keys: [keyOfA] }, set)],
  ["a transaction in a session", Session.use({ keys: [keyOfA] }, Redis.transaction([set])), queues],
  ["an optimistic transaction", Redis.optimistic([keyOfA], Effect.succeed([set])), queues],
  ["a region whose writes are replicated", Redis.ensureReplication(set, { replicas: 1, within: "1 second" })],
  ["a command for one node", Nodes.executeOn("a:7000", set)],
  ["a command for one of several keys", Redis.mset({ [keyOfA]: "new" }), (node) => node.on("MSET", ok)],
  ["a command that blocks", Redis.blpop([keyOfA], "1 second"), (node) => node.on("BLPOP", Reply.nullArray)],
  ["a command of a module", Redis.command("MY.SET", [keyOfA], { keys: [0] }), (node) => node.on("MY.SET", ok)],
  ["a command that is refused", Effect.ignore(Redis.incr(keyOfA)), (node) => node.on("INCR", Reply.error("ERR no"))]
]

const ofAllKeys: ReadonlyArray<readonly [name: string, write: Write, prepare?: (node: ScriptedNode) => unknown]> = [
  ["FLUSHALL", Redis.flushall()],
  ["a script that names no keys", Redis.eval("return 1", {})],
  [
    "a command of a module that names no keys",
    Redis.command("MY.ALL", [], { keys: [] }),
    (node) => node.on("MY.ALL", ok)
  ],
  [
    "a command some of whose keys are unknown",
    Redis.command("SORT", [keyOfB]),
    (node) => node.on("SORT", Reply.array([]))
  ]
]

describe("what is kept about a key is dropped by", () => {
  it.effect.each(ofOneKey)("%s", ([, write, prepare]) =>
    Effect.gen(function*() {
      const { a, again, read, run } = yield* kept()
      prepare?.(a)
      yield* Effect.scoped(run(write))
      assert.strictEqual(yield* read(keyOfA), "new")
      assert.deepStrictEqual(yield* again, [true, false, false])
    }))
})

describe("all that is kept is dropped by", () => {
  it.effect.each(ofAllKeys)("%s", ([, write, prepare]) =>
    Effect.gen(function*() {
      const { a, again, b, c, run } = yield* kept()
      for (const node of [a, b, c]) prepare?.(node)
      yield* Effect.scoped(run(write))
      assert.deepStrictEqual(yield* again, [true, true, true])
    }))
})

describe("nothing that is kept is dropped by", () => {
  it.effect("reads, and commands about no key", () =>
    Effect.gen(function*() {
      const { a, again, b, c, run } = yield* kept()
      for (const node of [a, b, c]) {
        node.on("STRLEN", Reply.integer(1)).on("PUBLISH", Reply.integer(0)).on("EVAL_RO", ok)
      }
      yield* run(Effect.all([Redis.get(keyOfB), Redis.strlen(keyOfA), Redis.publish("x", "y"), Redis.ping()]))
      b.connections.length = 0
      assert.deepStrictEqual((yield* again).slice(0, 2), [false, false])
    }))
})

describe("a write that nobody waits for any more", () => {
  it.effect("lets no read be kept that began before its reply", () =>
    Effect.gen(function*() {
      const { a, read, run } = yield* caching()
      a.once("SET", "hold")
      const write = yield* start(run(set))
      yield* settle
      yield* Fiber.interrupt(write)
      const reader = yield* start(read(keyOfA))
      yield* settle
      carrier(a, "SET bar new").release(ok)
      yield* joined([reader])
      yield* read(keyOfA)
      assert.strictEqual(gets(a, keyOfA), 2)
    }))

  it.effect("drops what is kept when its connection is lost", () =>
    Effect.gen(function*() {
      const { a, read, run, values } = yield* kept()
      values.set(keyOfA, "old")
      a.once("SET", "hold")
      const session = yield* start(Effect.exit(run(Session.use({ keys: [keyOfA] }, set))))
      yield* settle
      assert.strictEqual(yield* read(keyOfA), "old")
      const before = gets(a, keyOfA)
      values.set(keyOfA, "new")
      carrier(a, "SET bar new").drop()
      yield* Fiber.join(session)
      assert.strictEqual(yield* read(keyOfA), "new")
      assert.strictEqual(gets(a, keyOfA), before + 1)
    }))

  it.effect("drops nothing if it is not written", () =>
    Effect.gen(function*() {
      const { a, read } = yield* kept()
      const invalid = Redis.set(keyOfA, undefined as never)
      yield* Effect.exit(Effect.provideService(invalid, Redis.Redis, (yield* caching()).service))
      yield* read(keyOfA)
      assert.strictEqual(gets(a, keyOfA), 1)
    }))
})

describe("a read that began before the reply to a write", () => {
  it.effect("is answered, but not kept, and nobody joins it after the reply", () =>
    Effect.gen(function*() {
      const { a, read, run } = yield* caching()
      a.once("GET", "hold")
      const reader = yield* start(read(keyOfA))
      yield* settle
      const write = yield* start(run(Session.use({ keys: [keyOfA] }, set)))
      yield* settle
      assert.strictEqual(yield* Fiber.join(write), "OK")
      const late = yield* start(read(keyOfA))
      yield* settle
      assert.strictEqual(gets(a, keyOfA), 2)
      watcher(a).release(Reply.bulk("old"))
      assert.deepStrictEqual(yield* joined([reader, late]), ["old", "new"])
      assert.strictEqual(yield* read(keyOfA), "new")
    }))

  it.effect("is not kept if the write is behind it on its connection, in one chunk of replies", () =>
    Effect.gen(function*() {
      const { a, read, run } = yield* caching()
      a.once("GET", "hold")
      const reader = yield* start(read(keyOfA))
      yield* settle
      const fibers = [reader, yield* start(run(set))]
      yield* settle
      watcher(a).release(Reply.bulk("old"))
      assert.deepStrictEqual(yield* joined<unknown, Redis.RedisError>(fibers), ["old", "OK"])
      assert.strictEqual(yield* read(keyOfA), "new")
      assert.strictEqual(gets(a, keyOfA), 2)
    }))

  it.effect("is not kept if it began while the write was on its way", () =>
    Effect.gen(function*() {
      const { a, read, run, values } = yield* caching()
      values.set(keyOfA, "old")
      a.once("SET", "hold")
      a.once("GET", "hold")
      const write = yield* start(run(Session.use({ keys: [keyOfA] }, set)))
      yield* settle
      const fibers = yield* startAll(read(keyOfA), 2)
      yield* settle
      carrier(a, "SET bar new").release(ok)
      yield* Fiber.join(write)
      values.set(keyOfA, "new")
      watcher(a).release(Reply.bulk("old"))
      assert.deepStrictEqual(yield* joined(fibers), ["old", "old"])
      assert.strictEqual(yield* read(keyOfA), "new")
    }))

  it.effect("is not kept if the write is a transaction that has been queued, and is executed then", () =>
    Effect.gen(function*() {
      const { a, read, run, values } = yield* caching()
      values.set(keyOfA, "old")
      a.on("MULTI", ok).on("SET", Reply.simple("QUEUED")).on("EXEC", "hold")
      const write = yield* start(run(Session.use({ keys: [keyOfA] }, Redis.transaction([set]))))
      yield* settle
      assert.strictEqual(yield* read(keyOfA), "old")
      values.set(keyOfA, "new")
      carrier(a, "EXEC").release(Reply.array([ok]))
      yield* Fiber.join(write)
      assert.strictEqual(yield* read(keyOfA), "new")
    }))

  it.effect("is not kept if the write's connection is lost meanwhile", () =>
    Effect.gen(function*() {
      const { a, read, run, values } = yield* caching()
      a.once("SET", "hold")
      a.once("GET", "hold")
      const write = yield* start(Effect.flip(run(Session.use({ keys: [keyOfA] }, set))))
      yield* settle
      const reader = yield* start(read(keyOfA))
      yield* settle
      carrier(a, "SET bar new").drop()
      assert.strictEqual((yield* Fiber.join(write)).delivery, "MaybeExecuted")
      values.set(keyOfA, "new")
      watcher(a).release(Reply.bulk("old"))
      assert.deepStrictEqual(yield* joined([reader]), ["old"])
      assert.strictEqual(yield* read(keyOfA), "new")
    }))

  it.effect("is not kept once the write has had no reply in time, though its connection stays", () =>
    Effect.gen(function*() {
      const { a, read, run, values } = yield* caching({ pingInterval: "1 minute" })
      a.once("SET", "hold")
      const failures: Array<Redis.RedisError> = []
      const late = Effect.catch(
        set.pipe(Command.timeout("1 second")),
        (failure) => Effect.sync(() => failures.push(failure))
      )
      const session = yield* start(run(Session.use({ keys: [keyOfA] }, Effect.andThen(late, Effect.never))))
      yield* settle
      values.set(keyOfA, "old")
      yield* read(keyOfA)
      values.set(keyOfA, "new")
      yield* advance("2 seconds")
      assert.deepStrictEqual(failures.map(({ delivery }) => delivery), ["MaybeExecuted"])
      assert.isTrue(carrier(a, "SET bar new").open)
      assert.strictEqual(yield* read(keyOfA), "new")
      yield* Fiber.interrupt(session)
    }))
})

const cached = (key: string) => Redis.get(key).pipe(Cached.for("1 minute"))

describe("in a pipeline", () => {
  const run2 = (commands: ReadonlyArray<Command.Command<string | null>>, from: string) =>
    Effect.gen(function*() {
      const client = yield* caching()
      client.values.set(keyOfA, from)
      return { ...client, replies: yield* client.run(Redis.pipeline(commands)) }
    })

  it.effect("a read behind a write has what was written, and the next one travels", () =>
    Effect.gen(function*() {
      const { a, read, replies } = yield* run2([set as Command.Command<string | null>, cached(keyOfA)], "old")
      assert.deepStrictEqual(replies, ["OK", "new"])
      yield* read(keyOfA)
      yield* read(keyOfA)
      assert.strictEqual(gets(a, keyOfA), 2)
    }))

  it.effect("a read before a write has what was there before, and one behind it does not share it", () =>
    Effect.gen(function*() {
      const commands = [cached(keyOfA), set as Command.Command<string | null>, cached(keyOfA), cached(keyOfA)]
      const { a, replies } = yield* run2(commands, "old")
      assert.deepStrictEqual(replies, ["old", "OK", "new", "new"])
      assert.strictEqual(gets(a, keyOfA), 2)
    }))

  it.effect("hits, misses and writes have their replies at their places", () =>
    Effect.gen(function*() {
      const { a, read, run, values } = yield* caching()
      values.set(keyOfA, "1").set(keyOfB, "2")
      yield* read(keyOfA)
      const pipeline = Redis.pipeline([
        cached(keyOfA),
        cached(keyOfB),
        Redis.mget([keyOfB, keyOfA]).pipe(Cached.for("1 minute")),
        Redis.set(other, "3"),
        cached(other),
        cached(keyOfA)
      ])
      for (let i = 0; i < 2; i++) {
        assert.deepStrictEqual(yield* run(pipeline), ["1", "2", ["2", "1"], "OK", "3", "1"])
      }
      assert.strictEqual(gets(a, keyOfA), 1)
      assert.strictEqual(a.count("MGET bar"), 1)
    }))

  it.effect("of hits only nothing travels", () =>
    Effect.gen(function*() {
      const { a, read, run } = yield* caching()
      yield* read(keyOfA)
      const before = a.commands.length
      assert.deepStrictEqual(yield* run(Redis.pipeline([cached(keyOfA), cached(keyOfA)])), [null, null])
      assert.strictEqual(a.commands.length, before)
    }))

  it.effect("a read behind a write that is tried again waits for it, as those that share it do", () =>
    Effect.gen(function*() {
      const { a, run, values } = yield* caching()
      values.set(keyOfA, "old")
      const down = Reply.error("CLUSTERDOWN The cluster is down")
      a.once("SET", down)
      a.once("GET", down)
      const pipeline = yield* start(run(Redis.pipeline([set, cached(keyOfA), cached(keyOfA)])))
      yield* advance("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(pipeline), ["OK", "new", "new"])
    }))
})
