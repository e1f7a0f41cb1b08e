/** Which commands may be cached, with which words and options; and what readers do with a reply is their own business. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Cached from "../src/Cached.ts"
import * as Command from "../src/Command.ts"
import * as CommandSpec from "../src/CommandSpec.ts"
import * as Redis from "../src/Redis.ts"
import * as Script from "../src/Script.ts"
import { caching, gets, joined, watcher } from "./support/caching.ts"
import { start } from "./support/client.ts"
import { keyOfA, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { Script as Answer } from "./support/ScriptedCluster.ts"

const cached = <A>(command: Command.Command<A>): Command.Command<A> => Cached.for(command, "1 minute")

const get = Redis.get(keyOfA)

const throwing = {
  get millis(): never {
    throw new Error("secret")
  }
}

const wrongAges: ReadonlyArray<readonly [name: string, age: unknown]> = [
  ["nothing", undefined],
  ["null", null],
  ["NaN", NaN],
  ["a negative number", -1],
  ["nothing at all", 0],
  ["less than a millisecond", 0.5],
  ["text that is no duration", "soon"],
  ["a negative duration", "-1 minute"],
  ["an object", {}],
  ["an object that throws", throwing],
  ["a function", () => 1000],
  ["a symbol", Symbol.iterator],
  ["true", true]
]

describe("a maximum age", () => {
  it.effect.each(wrongAges)("that is %s is refused when the command is run", ([, age]) =>
    Effect.gen(function*() {
      const { a, run } = yield* caching()
      for (const command of [Cached.for(get, age as never), get.pipe(Cached.for(age as never))]) {
        const { delivery, reason } = yield* Effect.flip(run(command))
        assert.deepStrictEqual([reason._tag, delivery], ["InvalidArgument", "NotSent"])
        assert.match(reason.message, /the maximum age has to be a/)
        assert.notInclude(reason.message, "secret")
      }
      assert.deepStrictEqual(a.commands, [])
    }))

  it.effect.each([[1], [1e9], [Number.MAX_VALUE], [Infinity], ["2 weeks"], [[1, 500_000_000]]])(
    "may be %j",
    ([age]) =>
      Effect.gen(function*() {
        const { a, run } = yield* caching()
        const command = Cached.for(get, age as never)
        yield* run(command)
        yield* run(command)
        assert.strictEqual(gets(a, keyOfA), 1)
        assert.isAtMost(command.maxAge!, Number.MAX_SAFE_INTEGER)
      })
  )

  it.effect("is the last one that was given", () =>
    Effect.gen(function*() {
      assert.strictEqual(get.pipe(Cached.for("1 second"), Cached.for("1 minute")).maxAge, 60_000)
      assert.strictEqual(Command.timeout(cached(get), "1 second").maxAge, 60_000)
      yield* Effect.void
    }))
})

const refused: ReadonlyArray<readonly [name: string, command: Command.Any, problem?: RegExp]> = [
  ["that writes", Redis.set(keyOfA, "1")],
  ["that writes, though it reads too", Redis.getdel(keyOfA)],
  ["without a key", Redis.ping()],
  ["about all keys", Redis.dbsize()],
  ["whose reply is another each time", Redis.srandmember(keyOfA)],
  ["whose reply depends on the time", Redis.ttl(keyOfA)],
  ["that is sent for a side effect", Redis.touch([keyOfA])],
  ["that is a page of a scan", Redis.command("HSCAN", [keyOfA, 0])],
  ["that blocks", Redis.blpop([keyOfA], "1 second")],
  ["that runs a script", Redis.eval("return 1", { keys: [keyOfA] })],
  ["that runs a script that only reads", Redis.command("EVAL_RO", ["return 1", 1, keyOfA])],
  ["that is a script", Script.make({ lua: "return 1", params: (key: string) => ({ keys: [key] }) })(keyOfA)],
  ["some of whose keys are unknown", Redis.command("SORT_RO", [keyOfA])],
  ["of a module", Redis.command("MY.GET", [keyOfA], { keys: [0] })],
  ["that is a transaction", Redis.transaction([get])],
  ["whose keys were given as none", Redis.command("GET", [keyOfA], { keys: [] })],
  ["that names no key", Redis.command("MGET", [])],
  ["that counts no key", Redis.command("SINTERCARD", [0])],
  ["that is wrong already", Redis.get(undefined as never)],
  ["that is none", "GET" as never]
]

describe("a command", () => {
  it.effect.each(refused)("%s can't be cached, and says why when it is run", ([, command]) =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* caching()
      const { delivery, reason } = yield* Effect.flip(run(cached(command)))
      assert.deepStrictEqual([reason._tag, delivery], ["InvalidArgument", "NotSent"])
      assert.isAbove(reason.message.length, 20)
      assert.deepStrictEqual([a, b, c].flatMap(({ commands }) => commands), [])
    }))

  it.effect("that can be cached stays what it was without it", () =>
    Effect.gen(function*() {
      assert.strictEqual(get.maxAge, undefined)
      assert.strictEqual(cached(get).spec, get.spec)
      assert.strictEqual(Command.isCommand(cached(get)), true)
      assert.strictEqual(get.maxAge, undefined)
      yield* Effect.void
    }))

  it.effect("whose facts name other keys is another", () =>
    Effect.gen(function*() {
      const { a, run } = yield* caching()
      a.on("OBJECT ENCODING", Reply.bulk("raw"))
      const spec = CommandSpec.find("GETRANGE")!
      assert.strictEqual(spec.cacheable, true)
      a.on("GETRANGE", ([key]) => Reply.bulk(key))
      const range = (key: string) => run(cached(Redis.getrange(key, 0, 1)))
      assert.deepStrictEqual([yield* range("{bar}1"), yield* range("{bar}2")], ["{bar}1", "{bar}2"])
    }))
})

const bytes = Uint8Array.of(1, 2, 3)

const mutable: ReadonlyArray<
  readonly [name: string, answer: Answer, command: Command.Any, mutate: (value: never) => unknown]
> = [
  [
    "bytes",
    Reply.bulk(bytes),
    Redis.command("GET", [keyOfA]).pipe(Command.bytes),
    (value: Uint8Array) => value.fill(9)
  ],
  [
    "an array",
    Reply.array([Reply.bulk("a"), Reply.bulk("b")]),
    Redis.lrange(keyOfA, 0, -1),
    (value: Array<string>) => value.splice(0)
  ],
  [
    "an array of bytes",
    Reply.array([Reply.bulk(bytes)]),
    Redis.lrange(keyOfA, 0, -1).pipe(Command.bytes),
    ([value]: ReadonlyArray<never>) => (value as Uint8Array).fill(9)
  ],
  [
    "a raw array of arrays",
    Reply.array([Reply.array([Reply.bulk("a")])]),
    Redis.command("LRANGE", [keyOfA, 0, -1]),
    ([value]: ReadonlyArray<never>) => (value as Array<string>).push("x")
  ],
  [
    "a map",
    Reply.map([[Reply.bulk("f"), Reply.bulk("v")]]),
    Redis.command("HGETALL", [keyOfA]),
    (value: Map<string, string>) => value.set("f", "x")
  ],
  [
    "a record",
    Reply.map([[Reply.bulk("f"), Reply.bulk("v")]]),
    Redis.hgetall(keyOfA),
    (value: Record<string, string>) => Object.assign(value, { f: "x" })
  ]
]

describe("a reader who changes", () => {
  it.effect.each(mutable)(
    "%s that it got changes nothing for others",
    ([, answer, command, mutate]) =>
      Effect.gen(function*() {
        const { a, run } = yield* caching()
        for (const name of ["GET", "LRANGE", "HGETALL"]) a.on(name, answer)
        const original = yield* run(command)
        const read = run(cached(command))
        const [one, two] = yield* Effect.all([read, read], { concurrency: "unbounded" })
        assert.deepStrictEqual([one, two], [original, original])
        mutate(one as never)
        assert.deepStrictEqual(two, original)
        const third = yield* read
        assert.deepStrictEqual(third, original)
        mutate(third as never)
        const [piped] = yield* run(Redis.pipeline([cached(command)]))
        assert.deepStrictEqual(piped, original)
        mutate(piped as never)
        assert.deepStrictEqual(yield* read, original)
        assert.strictEqual(a.count("CLIENT CACHING YES"), 1)
      })
  )

  it.effect("the bytes of its arguments afterwards reads something else, and changes nothing for others", () =>
    Effect.gen(function*() {
      const { a, run } = yield* caching()
      a.on("HGET", ([, field]) => Reply.bulk(field))
      const encoder = new TextEncoder()
      const field = encoder.encode("one")
      const hget = (field: Uint8Array) => run(cached(Redis.hget(keyOfA, field)))
      assert.strictEqual(yield* hget(field), "one")
      field.set(encoder.encode("two"))
      assert.strictEqual(yield* hget(encoder.encode("two")), "two")
      assert.strictEqual(yield* hget(field), "two")
      assert.strictEqual(yield* hget(encoder.encode("one")), "one")
    }))

  it.effect("the bytes of its arguments before it is sent asks what they were", () =>
    Effect.gen(function*() {
      const { a, run } = yield* caching()
      a.on("HGET", ([, field]) => Reply.bulk(field))
      const encoder = new TextEncoder()
      const field = encoder.encode("one")
      const read = yield* start(run(cached(Redis.hget(keyOfA, field))))
      field.set(encoder.encode("two"))
      assert.strictEqual(yield* Fiber.join(read), "one")
    }))

  it.effect("the bytes of its arguments while it waits keeps its reply for what it asked", () =>
    Effect.gen(function*() {
      const { a, run } = yield* caching()
      a.on("HGET", ([, field]) => Reply.bulk(field)).once("HGET", "hold")
      const encoder = new TextEncoder()
      const field = encoder.encode("one")
      const hget = (field: Uint8Array) => run(cached(Redis.hget(keyOfA, field)))
      const first = yield* start(hget(field))
      yield* settle
      field.set(encoder.encode("two"))
      watcher(a).release(Reply.bulk("one"))
      assert.deepStrictEqual(yield* joined([first]), ["one"])
      assert.strictEqual(yield* hget(encoder.encode("two")), "two")
      assert.strictEqual(yield* hget(encoder.encode("one")), "one")
    }))

  it.effect("the bytes of its arguments while it waits lets nobody get another's reply", () =>
    Effect.gen(function*() {
      const { a, run } = yield* caching()
      a.on("HGET", ([, field]) => Reply.bulk(field))
      const encoder = new TextEncoder()
      const field = encoder.encode("one")
      const change = Effect.sync(() => field.set(encoder.encode("two")))
      const hget = (field: Uint8Array) => run(cached(Redis.hget(keyOfA, field)))
      a.once("HGET", "hold")
      const [, , two] = yield* Effect.all([
        hget(field),
        Effect.andThen(Effect.replicateEffect(Effect.yieldNow, 30, { discard: true }), change),
        Effect.andThen(
          Effect.replicateEffect(Effect.yieldNow, 40, { discard: true }),
          Effect.all([
            hget(encoder.encode("two")),
            Effect.andThen(Effect.yieldNow, Effect.sync(() => a.live[0].release(Reply.bulk("one"))))
          ], { concurrency: "unbounded" })
        )
      ], { concurrency: "unbounded" })
      assert.strictEqual(two[0], "two")
      assert.strictEqual(yield* hget(encoder.encode("two")), "two")
      assert.strictEqual(yield* hget(encoder.encode("one")), "one")
    }))
})
