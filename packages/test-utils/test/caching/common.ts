/** What cached reads promise with servers of any kind. */
import { assert } from "@effect/vitest"
import { Cached, Command, Nodes, Redis, RedisCluster, Session } from "@redisc/core"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { counts, hearing, others, read, scenario, settled, travelling, withClient } from "./Servers.ts"
import type { Client } from "./Servers.ts"

const tag = "{caching}"
const keyOf = (name: string) => `${tag}:${name}`

/** A key of its own whose value is kept. */
const kept = Effect.fnUntraced(function*(name: string, value = "old") {
  const byOthers = yield* others
  const { about } = yield* hearing
  const key = keyOf(name)
  yield* byOthers(Redis.set(key, value))
  assert.strictEqual(yield* read(key), value)
  assert.strictEqual(yield* travelling(read(key)), 0)
  return { about, byOthers, key }
})

type Write = (key: string) => Effect.Effect<unknown, Redis.RedisError, Client>

const changes: ReadonlyArray<readonly [name: string, write: Write, value: string | null]> = [
  ["SET", (key) => Redis.set(key, "new"), "new"],
  ["SET of the same value", (key) => Redis.set(key, "old"), "old"],
  ["APPEND", (key) => Redis.append(key, "er"), "older"],
  ["DEL", (key) => Redis.del([key]), null],
  ["PEXPIRE", (key) => Redis.command("PEXPIRE", [key, 100_000]), "old"],
  ["a script", (key) => Redis.eval("return redis.call('SET', KEYS[1], 'new')", { keys: [key] }), "new"],
  ["a transaction", (key) => Redis.transaction([Redis.set(key, "new")]), "new"]
]

/** Writes of one's own, with what they leave behind. */
const own: ReadonlyArray<readonly [name: string, write: Write, value: string | null]> = [
  ["a command", (key) => Redis.set(key, "new"), "new"],
  ["a pipeline", (key) => Redis.pipeline([Redis.get(keyOf("x")), Redis.set(key, "new")]), "new"],
  ["a transaction", (key) => Redis.transaction([Redis.set(key, "new")]), "new"],
  ["a script with keys", (key) => Redis.eval("return redis.call('SET', KEYS[1], 'new')", { keys: [key] }), "new"],
  ["a session", (key) => Session.use({ keys: [key] }, Redis.set(key, "new")), "new"],
  [
    "a transaction in a session",
    (key) => Session.use({ keys: [key] }, Redis.transaction([Redis.set(key, "new")])),
    "new"
  ],
  ["an optimistic transaction", (key) => Redis.optimistic([key], Effect.succeed([Redis.set(key, "new")])), "new"],
  ["FLUSHALL", () => Redis.flushall(), null]
]

const wrongType = (key: string) => Redis.command("STRLEN", [key]).pipe(Cached.for("1 minute"))

export const common = [
  scenario(
    "a read travels once; the same read, of others at the same time too, does not",
    Effect.gen(function*() {
      const { byOthers } = yield* kept("once")
      const key = keyOf("many")
      yield* byOthers(Redis.set(key, "1"))
      const before = yield* counts
      const all = yield* Effect.all(Array.from({ length: 100 }, () => read(key)), { concurrency: "unbounded" })
      assert.deepStrictEqual(new Set(all), new Set(["1"]))
      const after = yield* counts
      assert.deepStrictEqual([after.misses - before.misses, after.shared - before.shared], [1, 99])
      assert.deepStrictEqual(yield* Effect.replicateEffect(read(key), 3), ["1", "1", "1"])
      assert.strictEqual((yield* counts).hits - after.hits, 3)
    })
  ),
  ...changes.map(([name, write, value]) =>
    scenario(
      `what others change by ${name} is read anew as soon as the server has said so`,
      Effect.gen(function*() {
        const { about, byOthers, key } = yield* kept(`others:${name}`)
        yield* byOthers(write(key))
        yield* about(key, "Pushed")
        assert.strictEqual(yield* read(key), value)
        assert.strictEqual(yield* travelling(read(key)), 0)
      })
    )
  ),
  ...own.map(([name, write, value]) =>
    scenario(
      `who has written by ${name} reads that, and then it is kept`,
      Effect.gen(function*() {
        const { key } = yield* kept(`own:${name}`)
        for (let i = 0; i < 20; i++) {
          yield* write(key)
          assert.strictEqual(yield* read(key), value)
        }
        yield* settled(key)
      })
    )
  ),
  scenario(
    "who has written by a script that names no key reads that",
    Effect.gen(function*() {
      const { key } = yield* kept("script")
      const write = Redis.eval("return 1", {})
      yield* write
      assert.strictEqual(yield* travelling(read(key)), 1)
    })
  ),
  scenario(
    "readers and a writer in one client never see a value go back",
    Effect.gen(function*() {
      const { key } = yield* kept("forward", "0")
      let written = 0
      const write = Effect.suspend(() => {
        const next = written + 1
        return Effect.tap(Redis.set(key, `${next}`), () => Effect.sync(() => (written = next)))
      })
      const look = Effect.suspend(() => {
        const least = written
        return Effect.tap(read(key), (value) => Effect.sync(() => assert.isAtLeast(Number(value), least)))
      })
      yield* Effect.all([
        Effect.replicateEffect(write, 200, { discard: true }),
        ...Array.from({ length: 8 }, () => Effect.replicateEffect(look, 400, { discard: true }))
      ], { concurrency: "unbounded" })
      assert.strictEqual(yield* read(key), "200")
    })
  ),
  scenario(
    "all keys that another flushes are read anew",
    Effect.gen(function*() {
      const { about, byOthers, key } = yield* kept("flushed")
      yield* byOthers(Redis.flushall())
      yield* about(key, "Forgotten")
      assert.strictEqual(yield* read(key), null)
    })
  ),
  scenario(
    "a key that is not there is kept as such, until it is",
    Effect.gen(function*() {
      const { byOthers, about } = yield* kept("there")
      const key = keyOf("not there")
      yield* byOthers(Redis.del([key]))
      assert.strictEqual(yield* read(key), null)
      assert.strictEqual(yield* travelling(read(key)), 0)
      yield* byOthers(Redis.set(key, "1"))
      yield* about(key, "Pushed")
      assert.strictEqual(yield* read(key), "1")
    })
  ),
  scenario(
    "a key that expires is not read when it is gone for others",
    Effect.gen(function*() {
      const { byOthers } = yield* kept("expiry")
      const key = keyOf("expires")
      for (const millis of [1, 20, 100]) {
        yield* byOthers(Redis.set(key, "1", { ex: `${millis} millis` }))
        yield* Effect.repeat(byOthers(Redis.get(key)), { until: (value) => value === null })
        assert.strictEqual(yield* read(key), null)
      }
    })
  ),
  scenario(
    "an error is not kept, and the key that it is about is read when it is right",
    Effect.gen(function*() {
      const { byOthers } = yield* kept("error")
      const key = keyOf("list")
      yield* byOthers(Effect.andThen(Redis.del([key]), Redis.rpush(key, ["x"])))
      for (let i = 0; i < 2; i++) {
        const { reason } = yield* Effect.flip(wrongType(key))
        assert.deepInclude(reason, { _tag: "ServerError", code: "WRONGTYPE" })
      }
      yield* byOthers(Redis.set(key, "four"))
      assert.strictEqual(yield* wrongType(key), 4)
    })
  ),
  scenario(
    "keys and values need not be text",
    Effect.gen(function*() {
      const byOthers = yield* others
      const { about } = yield* hearing
      const key = Uint8Array.from([...new TextEncoder().encode(tag), 0xff, 0xfe, 0, 0x80])
      const get = Redis.get(key).pipe(Command.bytes, Cached.for("1 minute"))
      for (const last of [1, 2, 3]) {
        const value = Uint8Array.of(0xff, 0, 0xfe, last)
        yield* byOthers(Redis.set(key, value))
        if (last > 1) yield* about(key, "Pushed")
        assert.deepStrictEqual(yield* get, value)
        assert.deepStrictEqual(yield* get, value)
      }
      assert.strictEqual(yield* travelling(get), 0)
    })
  ),
  scenario(
    "one push drops all that is kept about its key, by text and by bytes",
    Effect.gen(function*() {
      const { about, byOthers, key } = yield* kept("two")
      const length = Redis.strlen(key).pipe(Cached.for("1 minute"))
      const binary = Redis.get(new TextEncoder().encode(key)).pipe(Command.bytes, Cached.for("1 minute"))
      const all = Effect.all([read(key), length, binary])
      yield* all
      assert.strictEqual(yield* travelling(all), 0)
      yield* byOthers(Redis.set(key, "newer"))
      yield* about(key, "Pushed")
      assert.deepStrictEqual(yield* all, ["newer", 5, new TextEncoder().encode("newer")])
    })
  ),
  scenario(
    "of many keys in many slots only those travel that are missing",
    Effect.gen(function*() {
      const byOthers = yield* others
      const { about } = yield* hearing
      const keys = Array.from({ length: 50 }, (_, i) => `caching:${i}`)
      yield* byOthers(Redis.mset(Object.fromEntries(keys.map((key) => [key, key]))))
      const mget = Redis.mget(keys).pipe(Cached.for("1 minute"))
      assert.strictEqual(yield* travelling(mget), 50)
      assert.deepStrictEqual(yield* mget, keys)
      yield* byOthers(Redis.set(keys[7], "new"))
      yield* about(keys[7], "Pushed")
      assert.strictEqual(yield* travelling(mget), 1)
      assert.deepStrictEqual(yield* mget, keys.map((key, i) => i === 7 ? "new" : key))
      const exists = Redis.exists(keys).pipe(Cached.for("1 minute"))
      assert.deepStrictEqual([yield* exists, yield* exists], [50, 50])
    })
  ),
  scenario(
    "in a pipeline hits, misses and writes have their replies at their places",
    Effect.gen(function*() {
      const { key } = yield* kept("pipeline")
      const [one, two] = [keyOf("p1"), keyOf("p2")]
      const pipeline = Redis.pipeline([
        read(key),
        Redis.set(one, "1"),
        read(one),
        read(two),
        Redis.set(two, "2"),
        read(two),
        Redis.del([two])
      ])
      for (let i = 0; i < 3; i++) {
        assert.deepStrictEqual(yield* pipeline, ["old", "OK", "1", null, "OK", "2", 1])
      }
    })
  ),
  scenario(
    "a connection that the server ends takes what is kept with it",
    Effect.gen(function*() {
      const { about, byOthers, key } = yield* kept("killed")
      yield* byOthers(Nodes.execute("primaries", Redis.command("CLIENT", ["KILL", "TYPE", "normal", "SKIPME", "yes"])))
      yield* about(key, "Forgotten")
      yield* byOthers(Redis.set(key, "new"))
      assert.strictEqual(yield* read(key), "new")
      yield* settled(key)
      yield* byOthers(Redis.set(key, "newer"))
      yield* about(key, "Pushed")
      assert.strictEqual(yield* read(key), "newer")
    })
  ),
  scenario(
    "in sessions, transactions and regions without the cache nothing is kept, nor does it come from there",
    Effect.gen(function*() {
      const { key } = yield* kept("regions")
      const before = yield* counts
      const get = read(key)
      yield* Session.use({ keys: [key] }, get)
      yield* Redis.transaction([get])
      yield* Redis.optimistic([key], Effect.as(get, []))
      yield* Cached.provide(get, "off")
      yield* Redis.ensureReplication(get, { replicas: 0, within: "1 second" }).pipe(Effect.ignore)
      assert.deepStrictEqual(yield* counts, before)
    })
  ),
  scenario(
    "what is dropped by name is read anew",
    Effect.gen(function*() {
      const { about, key } = yield* kept("dropped")
      yield* Cached.drop([key])
      yield* about(key, "Dropped")
      assert.strictEqual(yield* travelling(read(key)), 1)
    })
  ),
  scenario(
    "a bound on bytes holds, and a reply that is too large for it is not kept",
    Effect.gen(function*() {
      const byOthers = yield* others
      const large = keyOf("large")
      yield* byOthers(Redis.set(large, "x".repeat(50_000)))
      yield* read(large)
      assert.strictEqual(yield* travelling(read(large)), 1)
      for (let i = 0; i < 500; i++) {
        const key = keyOf(`small:${i % 250}`)
        yield* read(key)
      }
      const { bytes, evictions } = (yield* Cached.stats)!
      assert.isAtMost(bytes, 40_000)
      assert.isAbove(evictions, 0)
    }),
    { cache: { maxBytes: 40_000 } }
  ),
  scenario(
    "a user who may not turn the watch on has plain reads, and is told so once",
    Effect.gen(function*() {
      const byOthers = yield* others
      const onEach = (...args: ReadonlyArray<string>) => byOthers(Nodes.execute("all", Redis.command("ACL", args)))
      yield* onEach("SETUSER", "unwatched", "on", ">secret", "~*", "&*", "+@all", "-client|tracking")
      const key = keyOf("plain")
      yield* Effect.gen(function*() {
        const { failures } = yield* RedisCluster.RedisCluster
        const told = yield* Queue.unbounded<RedisCluster.BackgroundFailure>()
        yield* Effect.forkScoped(Stream.runForEach(failures, (failure) => Queue.offer(told, failure)), {
          startImmediately: true
        })
        yield* byOthers(Redis.set(key, "1"))
        assert.strictEqual(yield* read(key), "1")
        yield* byOthers(Redis.set(key, "2"))
        assert.strictEqual(yield* read(key), "2")
        const { error, source } = yield* Queue.take(told)
        assert.deepStrictEqual([source, error.reason._tag], ["Cache", "TrackingRefused"])
        assert.strictEqual((yield* Cached.stats)?.entries, 0)
      }).pipe(withClient({ credentials: { username: "unwatched", password: Redacted.make("secret") } }))
      yield* onEach("DELUSER", "unwatched")
    })
  )
]
