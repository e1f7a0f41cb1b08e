/**
 * Cases for scripts and functions. They use their own scripts and libraries, and never flush any, so as not to disturb others.
 *
 * @since 0.1.0
 */
import * as Command from "@redisc/core/Command"
import * as Redis from "@redisc/core/Redis"
import * as Script from "@redisc/core/Script"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import assert from "node:assert/strict"
import { failure, freshKeys, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const keyOf = (name: string) => freshKeys(`scripting:${name}`)

/** A word that no script or library contains yet. */
const freshWord = (name: string) => Effect.map(keyOf(name), (key) => key("").replace(/\W/g, "_"))

/** Keys without a common tag: enough of them to have some on each primary. */
const spread = (key: (suffix: string) => string): ReadonlyArray<string> =>
  Array.from({ length: 60 }, (_, n) => key(`${n}`).replace(/[{}]/g, ""))

const counter = (word: string) =>
  Script.make({
    lua: `return redis.call("INCRBY", KEYS[1], ARGV[1]) -- ${word}`,
    params: (key: string, by: number) => ({ keys: [key], args: [by] }),
    result: Schema.Number
  })

const libraryOf = (name: string, version = 1) =>
  `#!lua name=${name}
redis.register_function("${name}_set", function(keys, args) return redis.call("SET", keys[1], args[1]) end)
redis.register_function{
  function_name = "${name}_get",
  callback = function(keys) return redis.call("GET", keys[1]) end,
  description = "version ${version}",
  flags = { "no-writes" }
}`

/** Loads a new library, and deletes it in the end. */
const withLibrary = <A>(
  name: string,
  use: (library: string) => Effect.Effect<A, unknown, Redis.Redis>
): Effect.Effect<A, unknown, Redis.Redis> =>
  Effect.flatMap(freshWord(name), (library) =>
    Effect.acquireUseRelease(
      Redis.functionLoad(libraryOf(library)),
      () => use(library),
      () => Effect.ignore(Redis.functionDelete(library))
    ))

/**
 * @category suites
 * @since 0.1.0
 */
export const scripting: ReadonlyArray<Case> = [
  test(
    "a script has keys and arguments, and replies with what it returns",
    Effect.gen(function*() {
      const key = yield* keyOf("eval")
      const input = { keys: [key("a"), key("b")], args: ["x", 7, 0.5] }
      assert.deepEqual(yield* Redis.eval("return { KEYS, ARGV, #ARGV }", input), [
        [key("a"), key("b")],
        ["x", "7", "0.5"],
        3
      ])
      assert.deepEqual(yield* Redis.eval("return { #KEYS, #ARGV }"), [0, 0])
      assert.equal(
        yield* Redis.eval(`return redis.call("SET", KEYS[1], ARGV[1])`, { keys: [key("a")], args: [1] }),
        "OK"
      )
      assert.equal(yield* Redis.get(key("a")), "1")
      const binary = Uint8Array.from([0, 255])
      assert.deepEqual(yield* Command.bytes(Redis.eval("return ARGV[1]", { args: [binary] })), binary)
    })
  ),
  test(
    "what Lua returns loses decimals, what follows a nil, and the difference of false and nil",
    Effect.gen(function*() {
      assert.equal(yield* Redis.eval("return 3.99"), 3)
      assert.equal(yield* Redis.eval("return -3.99"), -3)
      assert.equal(yield* Redis.eval("return tostring(3.99)"), "3.99")
      assert.equal(yield* Redis.eval("return true"), 1)
      assert.equal(yield* Redis.eval("return false"), null)
      assert.equal(yield* Redis.eval("return nil"), null)
      assert.equal(yield* Redis.eval("return"), null)
      assert.deepEqual(yield* Redis.eval("return { 1, 2, nil, 4 }"), [1, 2])
      assert.deepEqual(yield* Redis.eval("return { false, {}, name = 'x' }"), [null, []])
      assert.equal(yield* Redis.eval("return tonumber(ARGV[1])", { args: [-12] }), -12)
      assert.equal(yield* Redis.eval("return ARGV[1] + 0 == math.huge", { args: [Infinity] }), 1)
      assert.equal(yield* Redis.eval("return ARGV[1] + 0 == -math.huge", { args: [-Infinity] }), 1)
    })
  ),
  test(
    "a script that fails does so with a code",
    Effect.gen(function*() {
      const key = yield* keyOf("errors")
      const keys = [key("list")]
      yield* Redis.rpush(key("list"), ["a"])
      assert.equal(yield* failure(Redis.eval("return nothing.at.all")), "ERR")
      assert.equal(yield* failure(Redis.eval("this is not Lua")), "ERR")
      assert.equal(yield* failure(Redis.eval(`return redis.error_reply("MINE of my own")`)), "MINE")
      assert.equal(yield* failure(Redis.eval(`return redis.call("INCR", KEYS[1])`, { keys })), "WRONGTYPE")
      assert.equal(yield* failure(Redis.eval(`return redis.pcall("INCR", KEYS[1])`, { keys })), "WRONGTYPE")
      assert.equal(
        yield* Redis.eval(`return redis.pcall("INCR", KEYS[1])["err"] and "caught"`, { keys }),
        "caught"
      )
      assert.equal(
        yield* failure(Redis.eval(`redis.call("SET", KEYS[1], "1") return redis.call("GET")`, { keys })),
        "ERR"
      )
      assert.equal(yield* Redis.get(key("list")), "1", "what it did before it failed stays")
    })
  ),
  test(
    "a script that may only read does not write",
    Effect.gen(function*() {
      const key = yield* keyOf("readonly")
      const keys = [key("a")]
      yield* Redis.set(key("a"), "1")
      const [read, write] = [`return redis.call("GET", KEYS[1])`, `return redis.call("SET", KEYS[1], "2")`]
      assert.equal(yield* Redis.evalRo(read, { keys }), "1")
      assert.equal(yield* failure(Redis.evalRo(write, { keys })), "ERR")
      assert.equal(yield* Redis.evalshaRo(yield* Redis.scriptLoad(read), { keys }), "1")
      const reading = Script.make({ lua: read, params: () => ({ keys }), result: Schema.String, readOnly: true })
      const writing = Script.make({ lua: write, params: () => ({ keys }), readOnly: true })
      assert.equal(yield* reading(), "1")
      assert.equal(yield* failure(writing()), "ERR")
      assert.equal(yield* Redis.get(key("a")), "1")
    })
  ),
  test(
    "a script that nobody knows yet is not found by its digest, but is by a typed script",
    Effect.gen(function*() {
      const key = yield* keyOf("unknown")
      const script = counter(yield* freshWord("unknown"))
      assert.equal(yield* failure(Redis.evalsha(script.sha, { keys: [key("a")], args: [1] })), "NOSCRIPT")
      assert.equal(yield* failure(Redis.evalshaRo(script.sha, { keys: [key("a")], args: [1] })), "NOSCRIPT")
      assert.equal(yield* script(key("a"), 2), 2)
      assert.equal(yield* script(key("a"), 3), 5)
      assert.equal(yield* Redis.evalsha(script.sha, { keys: [key("a")], args: [1] }), 6)
    })
  ),
  test(
    "a typed script runs on every primary without being loaded",
    Effect.gen(function*() {
      const keys = spread(yield* keyOf("everywhere"))
      const script = counter(yield* freshWord("everywhere"))
      const replies = yield* Effect.forEach(keys, (key) => script(key, 5), { concurrency: "unbounded" })
      assert.deepEqual(replies, keys.map(() => 5))
      assert.deepEqual(yield* Redis.scriptExists([script.sha]), [true])
    })
  ),
  test(
    "a loaded script is known to every primary",
    Effect.gen(function*() {
      const keys = spread(yield* keyOf("load"))
      const { lua, sha } = counter(yield* freshWord("load"))
      const other = counter(yield* freshWord("load")).sha
      assert.deepEqual(yield* Redis.scriptExists([sha, other]), [false, false])
      assert.equal(yield* Redis.scriptLoad(lua), sha)
      assert.deepEqual(yield* Redis.scriptExists([sha, other]), [true, false])
      for (const key of keys) assert.equal(yield* Redis.evalsha(sha, { keys: [key], args: [1] }), 1)
      assert.equal(yield* failure(Redis.scriptLoad("this is not Lua")), "ERR")
    })
  ),
  test(
    "the digest of a script is that of its UTF-8 text",
    Effect.gen(function*() {
      const script = Script.make({
        lua: `return "grüße, 你好, 🙂" -- ${yield* freshWord("digest")}`,
        params: () => ({}),
        result: Schema.String
      })
      assert.equal(yield* Redis.scriptLoad(script.lua), script.sha)
      assert.equal(yield* script(), "grüße, 你好, 🙂")
    })
  ),
  test(
    "a script goes into a pipeline, known or not",
    Effect.gen(function*() {
      const keys = spread(yield* keyOf("pipeline"))
      const script = counter(yield* freshWord("pipeline"))
      assert.deepEqual(yield* Redis.pipeline(keys.map((key) => script(key, 4))), keys.map(() => 4))
      const [before, between, after] = yield* Redis.pipeline([
        Redis.get(keys[0]),
        script(keys[0], 1),
        Redis.get(keys[0])
      ])
      assert.deepEqual([before, between, after], ["4", 5, "5"])
    })
  ),
  test(
    "a script goes into a transaction, known or not",
    Effect.gen(function*() {
      const key = yield* keyOf("transaction")
      const script = counter(yield* freshWord("transaction"))
      const transaction = Redis.transaction([Redis.set(key("a"), "1"), script(key("a"), 2), Redis.incr(key("a"))])
      assert.deepEqual(yield* transaction, ["OK", 3, 4])
      assert.deepEqual(yield* transaction, ["OK", 3, 4])
    })
  ),
  test(
    "the result of a script is what its schema says, and nil is a value",
    Effect.gen(function*() {
      const key = yield* keyOf("schema")
      const lua = `return redis.call("GET", KEYS[1])`
      const params = (name: string) => ({ keys: [key(name)] })
      const Point = Schema.Struct({ x: Schema.Number, y: Schema.Number })
      const strict = Script.make({ lua, params, result: Schema.fromJsonString(Point) })
      const nullable = Script.make({ lua, params, result: Schema.NullOr(Schema.fromJsonString(Point)) })
      assert.equal(yield* failure(strict("none")), "DecodeFailed")
      assert.equal(yield* nullable("none"), null)
      yield* Redis.set(key("point"), `{"x":1,"y":2}`)
      assert.deepEqual(yield* strict("point"), { x: 1, y: 2 })
      yield* Redis.set(key("point"), `{"x":1}`)
      assert.equal(yield* failure(nullable("point")), "DecodeFailed")
    })
  ),
  test(
    "a library reaches all primaries: its functions work whatever the slot",
    withLibrary("spread", (library) =>
      Effect.gen(function*() {
        const keys = spread(yield* keyOf("functions"))
        const set = Script.fn({
          name: `${library}_set`,
          params: (key: string, value: string) => ({ keys: [key], args: [value] }),
          result: Schema.Literal("OK")
        })
        const get = Script.fn({
          name: `${library}_get`,
          params: (key: string) => ({ keys: [key] }),
          result: Schema.NullOr(Schema.String),
          readOnly: true
        })
        for (const key of keys) assert.equal(yield* get(key), null)
        assert.deepEqual(yield* Redis.pipeline(keys.map((key) => set(key, "ada"))), keys.map(() => "OK"))
        for (const key of keys) assert.equal(yield* Redis.fcall(`${library}_get`, { keys: [key] }), "ada")
        assert.deepEqual(yield* Redis.transaction([set(keys[0], "bob"), get(keys[0])]), ["OK", "bob"])
        assert.equal(yield* failure(Redis.fcallRo(`${library}_set`, { keys: [keys[0]], args: ["x"] })), "ERR")
        assert.equal(yield* failure(Redis.fcall(`${library}_nothing`, { keys: [keys[0]] })), "ERR")
      }))
  ),
  test(
    "libraries are listed, replaced and deleted",
    withLibrary("listed", (library) =>
      Effect.gen(function*() {
        const described = (version: number) => [{
          name: library,
          engine: "LUA",
          functions: [
            { name: `${library}_get`, description: `version ${version}`, flags: ["no-writes"] },
            { name: `${library}_set`, description: null, flags: [] }
          ]
        }]
        const sorted = (libraries: ReadonlyArray<Redis.FunctionLibrary>) =>
          libraries.map((each) => ({ ...each, functions: each.functions.toSorted((a, b) => a.name < b.name ? -1 : 1) }))
        const listed = Redis.functionList({ libraryname: library })
        assert.deepEqual(sorted(yield* listed), described(1))
        assert.ok((yield* Redis.functionList()).some(({ name }) => name === library))
        assert.deepEqual(
          (yield* Redis.functionList({ libraryname: `${library}*`, withcode: true })).map(({ code }) => code),
          [libraryOf(library)]
        )
        assert.equal(yield* failure(Redis.functionLoad(libraryOf(library, 2))), "ERR")
        assert.equal(yield* Redis.functionLoad(libraryOf(library, 2), { replace: true }), library)
        assert.deepEqual(sorted(yield* listed), described(2))
        assert.equal(yield* failure(Redis.functionLoad("#!lua name=bad name")), "ERR")
        assert.equal(yield* Redis.functionDelete(library), "OK")
        assert.deepEqual(yield* listed, [])
        assert.equal(yield* failure(Redis.functionDelete(library)), "ERR")
        assert.equal(yield* failure(Redis.fcall(`${library}_get`, { keys: [library] })), "ERR")
      }))
  ),
  test(
    "a dump of libraries is bytes that come back whole",
    withLibrary("dump", () =>
      Effect.gen(function*() {
        const saved = yield* Redis.functionDump()
        assert.ok(saved instanceof Uint8Array)
        // Intact bytes are refused only because the libraries exist; damaged ones because of the damage.
        const taken = yield* Effect.flip(Redis.functionRestore(saved))
        assert.match(taken.message, /already exists/)
        const damaged = yield* Effect.flip(Redis.functionRestore(saved.map((byte, i) => i === 5 ? byte ^ 1 : byte)))
        assert.match(damaged.message, /checksum/)
      }))
  ),
  test(
    "FUNCTION STATS counts what is loaded",
    withLibrary("stats", () =>
      Effect.gen(function*() {
        const { engines, running } = yield* Redis.functionStats()
        assert.equal(running, null)
        assert.ok(engines["LUA"].libraries >= 1)
        assert.ok(engines["LUA"].functions >= 2)
      }))
  ),
  test(
    "there is nothing to end while nothing runs",
    Effect.gen(function*() {
      assert.equal(yield* failure(Redis.scriptKill()), "NOTBUSY")
      assert.equal(yield* failure(Redis.functionKill()), "NOTBUSY")
    })
  )
]
