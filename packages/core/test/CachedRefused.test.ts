/** Where a server does not watch keys, reads travel as they always did, and the client tells so once. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Cached from "../src/Cached.ts"
import * as Redis from "../src/Redis.ts"
import { asked, caching, gets, joined, startAll, told, turnOn, watched, watcher } from "./support/caching.ts"
import { start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const ofCommand = (name: string) => Reply.error(`NOPERM this user has no permissions to run the '${name}' command`)
const ofKey = Reply.error("NOPERM this user has no permissions to access one of the keys used as arguments")
const ofKeyInValkey = Reply.error("NOPERM No permissions to access a key")
const busy = Reply.error("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.")
const loading = Reply.error("LOADING Redis is loading the dataset in memory")

type Prepare = (node: ScriptedNode) => unknown

const refusals: ReadonlyArray<readonly [name: string, prepare: Prepare, problem: RegExp]> = [
  ["TRACKING to this user", (node) => node.on("CLIENT TRACKING", ofCommand("client|tracking")), /client\|tracking/],
  [
    "TRACKING, which it does not know",
    (node) => node.on("CLIENT TRACKING", Reply.error("ERR unknown subcommand 'TRACKING'. Try CLIENT HELP.")),
    /unknown subcommand/
  ],
  ["CACHING to this user", (node) => node.on("CLIENT CACHING", ofCommand("client|caching")), /client\|caching/],
  ["PTTL to this user", (node) => node.on("PTTL", ofCommand("pttl")), /pttl/],
  [
    "PTTL, which it does not know",
    (node) => node.on("PTTL", Reply.error("ERR unknown command 'PTTL'")),
    /unknown command/
  ],
  ["RESP3", (node) => node.on("HELLO", Reply.error("ERR unknown command 'HELLO'")), /RESP2/]
]

describe("a server that refuses", () => {
  it.effect.each(refusals)(
    "%s answers plain reads, and the client tells so once",
    ([, prepare, problem]) =>
      Effect.gen(function*() {
        const { a, b, c, read, service, values } = yield* caching({}, ({ a, b, c }) => [a, b, c].forEach(prepare))
        const failures = yield* told(service)
        values.set(keyOfA, "1").set(keyOfB, "2")
        const fibers = yield* startAll(read(keyOfA), 10)
        assert.deepStrictEqual(new Set(yield* joined(fibers)), new Set(["1"]))
        values.set(keyOfA, "3")
        for (let i = 0; i < 3; i++) assert.strictEqual(yield* read(keyOfA), "3")
        assert.strictEqual(gets(a, keyOfA), 4)
        for (let i = 0; i < 2; i++) assert.strictEqual(yield* read(keyOfB), "2")
        assert.strictEqual(gets(b, keyOfB), 2)
        for (const node of [a, b, c]) assert.isAtMost(node.count(turnOn), 1)
        assert.isAtMost(a.count(`PTTL ${keyOfA}`), 2)
        yield* settle
        const [{ error, source }, ...others] = failures
        assert.deepStrictEqual(others, [])
        assert.deepStrictEqual([source, error.reason._tag, error.node], ["Cache", "TrackingRefused", "a:7000"])
        assert.match(error.message, problem)
        assert.match(error.message, /allow CLIENT TRACKING, CLIENT CACHING and PTTL/)
        assert.strictEqual((yield* service.stats).cache?.entries, 0)
      })
  )

  it.effect("TRACKING is not asked again on that connection, but on the next", () =>
    Effect.gen(function*() {
      const { a, read, service } = yield* caching()
      const failures = yield* told(service)
      a.once("CLIENT TRACKING", ofCommand("client|tracking"))
      yield* read(keyOfA)
      yield* read(keyOfA)
      assert.strictEqual(a.count(turnOn), 1)
      yield* advance("2 seconds")
      a.drop()
      yield* advance("1 second")
      yield* read(keyOfA)
      yield* read(keyOfA)
      assert.deepStrictEqual([a.count(turnOn), gets(a, keyOfA)], [2, 3])
      assert.strictEqual(failures.filter(({ source }) => source === "Cache").length, 1)
    }))

  it.effect("TRACKING on one node leaves what others keep, and is told once for all", () =>
    Effect.gen(function*() {
      const { a, b, c, read, service } = yield* caching()
      const failures = yield* told(service)
      for (const node of [a, c]) node.on("CLIENT TRACKING", ofCommand("client|tracking"))
      for (let i = 0; i < 2; i++) for (const key of [keyOfA, keyOfB, "foo"]) yield* read(key)
      assert.deepStrictEqual([gets(a, keyOfA), gets(b, keyOfB), gets(c, "foo")], [2, 1, 2])
      assert.strictEqual(failures.length, 1)
    }))

  it.effect.each([["", ofKey], [" as Valkey says it", ofKeyInValkey]] as const)(
    "one key%s has that read not kept, and goes on watching others",
    ([, refusal]) =>
      Effect.gen(function*() {
        const { a, read, service } = yield* caching()
        const failures = yield* told(service)
        a.on("PTTL", ([key]) => key === keyOfA ? refusal : Reply.integer(-1))
        a.on("GET", ([key]) => key === keyOfA ? refusal : Reply.bulk("1"))
        for (let i = 0; i < 2; i++) {
          assert.deepInclude((yield* Effect.flip(read(keyOfA))).reason, { _tag: "ServerError", code: "NOPERM" })
          assert.strictEqual(yield* read("{bar}2"), "1")
        }
        assert.deepStrictEqual([gets(a, keyOfA), gets(a, "{bar}2")], [2, 1])
        assert.deepStrictEqual(failures, [])
      })
  )
})

const passing: ReadonlyArray<readonly [name: string, at: string, reply: ReturnType<typeof Reply.error>]> = [
  ["BUSY to TRACKING", "CLIENT TRACKING", busy],
  ["LOADING to TRACKING", "CLIENT TRACKING", loading],
  ["BUSY to CACHING", "CLIENT CACHING", busy],
  ["BUSY to PTTL", "PTTL", busy],
  ["LOADING to PTTL", "PTTL", loading],
  ["CLUSTERDOWN to PTTL", "PTTL", Reply.error("CLUSTERDOWN Hash slot not served")]
]

describe("a server that answers", () => {
  it.effect.each(passing)("%s has that read not kept, and the next is", ([, at, reply]) =>
    Effect.gen(function*() {
      const { a, read, service } = yield* caching({ pingInterval: "1 hour" })
      const failures = yield* told(service)
      a.once(at, reply)
      if (at === "CLIENT TRACKING") {
        a.once(
          "CLIENT CACHING",
          Reply.error("ERR CLIENT CACHING can be called only when the client is in tracking mode")
        )
      }
      for (let i = 0; i < 4; i++) {
        const reader = yield* start(read(keyOfA))
        yield* advance("1 second")
        yield* joined([reader])
      }
      assert.strictEqual(gets(a, keyOfA), 2)
      assert.deepStrictEqual(failures.filter(({ source }) => source === "Cache"), [])
    }))

  it.effect("BUSY to TRACKING has all reads not kept that went out behind it, and turns it on with the next", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching()
      const notYet = Reply.error("ERR CLIENT CACHING can be called only when the client is in tracking mode")
      a.once("CLIENT TRACKING", busy).once("CLIENT CACHING", notYet, notYet)
      yield* Effect.all([read("{bar}1"), read("{bar}2")], { concurrency: "unbounded" })
      assert.deepStrictEqual(asked(a), [turnOn, ...watched("{bar}1"), ...watched("{bar}2")])
      yield* read("{bar}1")
      yield* read("{bar}1")
      assert.deepStrictEqual([a.count(turnOn), gets(a, "{bar}1"), gets(a, "{bar}2")], [2, 2, 1])
    }))
})

describe("a read that is plain", () => {
  it.effect("is shared by those who ask at the same time, and written by nobody twice", () =>
    Effect.gen(function*() {
      const { a, read, run } = yield* caching({}, ({ a }) => a.on("CLIENT TRACKING", ofCommand("client|tracking")))
      yield* read("{bar}before")
      a.once("GET", "hold")
      const fibers = yield* startAll(read(keyOfA), 10)
      yield* settle
      const write = yield* start(run(Redis.set(keyOfA, "new")))
      yield* settle
      const late = yield* start(read(keyOfA))
      watcher(a).release(Reply.bulk("old"))
      assert.deepStrictEqual(new Set(yield* joined(fibers)), new Set(["old"]))
      assert.deepStrictEqual(yield* joined<string | null, Redis.RedisError>([write, late]), ["OK", "new"])
    }))

  it.effect("is not in a transaction's way, nor are its words", () =>
    Effect.gen(function*() {
      const { a, run } = yield* caching()
      a.on("MULTI", Reply.simple("OK")).on("GET", Reply.simple("QUEUED")).on("EXEC", Reply.array([Reply.bulk("1")]))
      const cached = Redis.get(keyOfA).pipe(Cached.for("1 minute"))
      assert.deepStrictEqual(yield* run(Redis.transaction([cached])), ["1"])
      assert.deepStrictEqual(asked(a), [`GET ${keyOfA}`])
    }))
})
