/** What is read while its key changes, or while the server forgets what it watches, is answered and not kept. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Cached from "../src/Cached.ts"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import * as Resp from "../src/Resp.ts"
import { caching, flushed, gets, invalidated, joined, startAll, turnOn, watched, watcher } from "./support/caching.ts"
import { start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

/** A client with a read of a key on its way, whose connection has been watched before. */
const underWay = Effect.fnUntraced(function*() {
  const client = yield* caching()
  const { a, read } = client
  yield* read("{bar}before")
  a.once("GET", "hold")
  const readers = yield* startAll(read(keyOfA), 3)
  yield* settle
  const reply = (value: string) => Reply.bulk(value)
  /** Lets the read be answered. */
  const answer = Effect.fnUntraced(function*(value: string) {
    watcher(a).release(reply(value))
    return yield* joined(readers)
  })
  return { ...client, readers, answer, peer: watcher(a) }
})

const bytesOf = (...replies: ReadonlyArray<Resp.Reply>): Uint8Array => {
  const chunks = replies.map((reply) => Resp.encodeReply(reply, 3))
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

const drops: ReadonlyArray<readonly [name: string, push: Resp.Reply]> = [
  ["about its key", invalidated(keyOfA)],
  ["about many keys, its own among them", invalidated("x", keyOfA, "y")],
  ["about all keys", flushed]
]

describe("a push", () => {
  it.effect.each(drops)(
    "%s between a read and its reply lets all who wait have the reply, which is not kept",
    ([, push]) =>
      Effect.gen(function*() {
        const { a, answer, peer, read, values } = yield* underWay()
        peer.send(push)
        assert.deepStrictEqual(yield* answer("old"), ["old", "old", "old"])
        values.set(keyOfA, "new")
        assert.strictEqual(yield* read(keyOfA), "new")
        assert.strictEqual(yield* read(keyOfA), "new")
        assert.strictEqual(gets(a, keyOfA), 2)
      })
  )

  it.effect.each(drops)(
    "%s between a read and its reply lets nobody join any more",
    ([, push]) =>
      Effect.gen(function*() {
        const { a, answer, peer, read, values } = yield* underWay()
        peer.send(push)
        values.set(keyOfA, "new")
        const late = yield* start(read(keyOfA))
        yield* settle
        assert.strictEqual(gets(a, keyOfA), 2)
        assert.deepStrictEqual(yield* answer("old"), ["old", "old", "old"])
        assert.strictEqual(yield* Fiber.join(late), "new")
        assert.strictEqual(yield* read(keyOfA), "new")
        assert.strictEqual(gets(a, keyOfA), 2)
      })
  )

  it.effect.each(drops)(
    "%s in one chunk with the reply, behind it, lets it not be kept",
    ([, push]) =>
      Effect.gen(function*() {
        const { a, peer, read, readers, values } = yield* underWay()
        values.set(keyOfA, "new")
        const again = readers.map((fiber) => Effect.andThen(Fiber.join(fiber), read(keyOfA)))
        const late = yield* Effect.forEach(again, start)
        peer.release([])
        peer.send(bytesOf(Reply.bulk("old"), push))
        assert.deepStrictEqual(yield* joined(readers), ["old", "old", "old"])
        assert.deepStrictEqual(yield* joined(late), ["new", "new", "new"])
        assert.strictEqual(gets(a, keyOfA), 2)
      })
  )

  it.effect.each(drops)("%s drops what is kept", ([, push]) =>
    Effect.gen(function*() {
      const { a, answer, peer, read, values } = yield* underWay()
      yield* answer("old")
      peer.send(push)
      values.set(keyOfA, "new")
      assert.strictEqual(yield* read(keyOfA), "new")
      assert.strictEqual(gets(a, keyOfA), 2)
    }))

  it.effect("about another key changes nothing, before the reply or after it", () =>
    Effect.gen(function*() {
      const { a, answer, peer, read } = yield* underWay()
      peer.send(invalidated("x"))
      yield* answer("1")
      peer.send(invalidated("{bar}before"))
      assert.strictEqual(yield* read(keyOfA), "1")
      assert.strictEqual(gets(a, keyOfA), 1)
    }))

  it.effect("about all keys of one node leaves what came from another", () =>
    Effect.gen(function*() {
      const { answer, b, peer, read } = yield* underWay()
      yield* answer("1")
      yield* read(keyOfB)
      peer.send(flushed)
      yield* read(keyOfB)
      assert.strictEqual(gets(b, keyOfB), 1)
    }))

  it.effect("drops all replies about its key, of whatever commands", () =>
    Effect.gen(function*() {
      const { a, peer, run } = yield* underWay()
      a.on("HGET", Reply.bulk("1")).on("HLEN", Reply.integer(1)).on("HGETALL", Reply.map([]))
      const reads = Effect.all([
        run(Redis.hget("{bar}h", "f").pipe(Cached.for("1 minute"))),
        run(Redis.hlen("{bar}h").pipe(Cached.for("1 minute"))),
        run(Redis.hgetall("{bar}h").pipe(Cached.for("1 minute")))
      ], { concurrency: "unbounded" })
      const counts = () => ["HGET {bar}h f", "HLEN {bar}h", "HGETALL {bar}h"].map((line) => a.count(line))
      peer.release(Reply.null)
      yield* reads
      yield* reads
      assert.deepStrictEqual(counts(), [1, 1, 1])
      peer.send(invalidated("{bar}h"))
      yield* reads
      assert.deepStrictEqual(counts(), [2, 2, 2])
    }))

  it.effect("about a key that is not UTF-8 drops what was read of it", () =>
    Effect.gen(function*() {
      const { a, peer, run } = yield* underWay()
      peer.release(Reply.null)
      const keys = [Uint8Array.of(0x62, 0xff, 0xfe), Uint8Array.of(0x62, 0xff, 0xfd)]
      const tagged = keys.map((key) => Uint8Array.from([...new TextEncoder().encode("{bar}"), ...key]))
      const [one, other] = tagged
      const get = (key: Uint8Array) => run(Redis.get(key).pipe(Command.bytes, Cached.for("1 minute")))
      a.once("GET", Reply.bulk(Uint8Array.of(0xff, 1)), Reply.bulk(Uint8Array.of(0xff, 2)))
      const before = a.commands.length
      assert.deepStrictEqual(yield* get(one), Uint8Array.of(0xff, 1))
      assert.deepStrictEqual(yield* get(other), Uint8Array.of(0xff, 2))
      assert.deepStrictEqual(yield* get(one), Uint8Array.of(0xff, 1))
      assert.strictEqual(a.commands.length, before + 4)
      peer.send(Reply.push([Reply.bulk("invalidate"), Reply.array([Reply.bulk(one)])]))
      a.once("GET", Reply.bulk(Uint8Array.of(0xff, 3)))
      assert.deepStrictEqual(yield* get(one), Uint8Array.of(0xff, 3))
      assert.deepStrictEqual(yield* get(other), Uint8Array.of(0xff, 2))
    }))

  it.effect("about a key drops what was read of it as text and as bytes, which are two replies", () =>
    Effect.gen(function*() {
      const { a, peer, read, run } = yield* underWay()
      peer.release(Reply.null)
      const key = "{bar}\u00e9"
      const asBytes = run(Redis.get(new TextEncoder().encode(key)).pipe(Cached.for("1 minute")))
      const both = Effect.all([read(key), asBytes])
      yield* both
      yield* both
      assert.strictEqual(gets(a, key), 2)
      peer.send(invalidated(key))
      yield* both
      assert.strictEqual(gets(a, key), 4)
    }))

  it.effect("is understood with a listener for notices beside it, and in pieces", () =>
    Effect.gen(function*() {
      const { a, answer, peer, read, values } = yield* underWay()
      a.chunkSize = 3
      yield* answer("old")
      peer.send(Reply.push([Reply.bulk("MIGRATED"), Reply.integer(1), Reply.array([])]))
      peer.send(invalidated(keyOfA))
      values.set(keyOfA, "new")
      assert.strictEqual(yield* read(keyOfA), "new")
    }))
})

describe("a connection that is lost", () => {
  it.effect("takes with it what was kept over it, and nothing else", () =>
    Effect.gen(function*() {
      const { a, answer, b, peer, read } = yield* underWay()
      yield* answer("old")
      yield* read(keyOfB)
      peer.drop()
      yield* advance("1 second")
      assert.strictEqual(yield* read(keyOfA), null)
      assert.strictEqual(yield* read(keyOfB), null)
      assert.deepStrictEqual([gets(a, keyOfA), gets(b, keyOfB)], [2, 1])
      assert.strictEqual(a.count(turnOn), 2)
    }))

  it.effect("with reads on their way lets the first go on by itself, and one of the others lead", () =>
    Effect.gen(function*() {
      const { a, peer, read, readers } = yield* underWay()
      peer.drop()
      yield* advance("1 second")
      assert.deepStrictEqual(yield* joined(readers), [null, null, null])
      assert.strictEqual(gets(a, keyOfA), 3)
      const [second] = a.live
      const lines = second.received.filter((line) => /CACHING|TRACKING|PTTL|GET/.test(line))
      assert.deepStrictEqual(lines.filter((line) => line !== `GET ${keyOfA}`), [turnOn, ...watched(keyOfA).slice(0, 2)])
      yield* read(keyOfA)
      assert.strictEqual(gets(a, keyOfA), 3)
    }))

  it.effect("with a hundred reads on their way costs two commands, not a hundred", () =>
    Effect.gen(function*() {
      const { a, peer, read, readers } = yield* underWay()
      const more = yield* startAll(read(keyOfA), 97)
      yield* settle
      peer.drop()
      yield* advance("1 second")
      assert.strictEqual((yield* joined([...readers, ...more])).length, 100)
      assert.strictEqual(gets(a, keyOfA), 3)
    }))

  it.effect("with a read on its way that nobody waits for has it not sent again", () =>
    Effect.gen(function*() {
      const { a, peer, readers } = yield* underWay()
      yield* Effect.forEach(readers, Fiber.interrupt)
      peer.drop()
      yield* advance("1 second")
      assert.strictEqual(gets(a, keyOfA), 1)
    }))

  it.effect("whose late reply is not kept, though the next connection watches again", () =>
    Effect.gen(function*() {
      const { a, peer, read, readers, values } = yield* underWay()
      values.set(keyOfA, "new")
      peer.drop()
      peer.send(Reply.bulk("old"))
      yield* advance("1 second")
      assert.deepStrictEqual(yield* joined(readers), ["new", "new", "new"])
      assert.strictEqual(yield* read(keyOfA), "new")
      assert.strictEqual(a.live.length, 1)
    }))

  it.effect("leaves a read that waits for the next one to be sent with what lets it be watched", () =>
    Effect.gen(function*() {
      const { a, peer, read } = yield* underWay()
      a.on("HELLO", "hold")
      yield* advance("2 seconds")
      peer.drop()
      yield* settle
      const late = yield* startAll(read("{bar}late"), 5)
      yield* settle
      const [next] = a.live
      next.release(Reply.map([[Reply.bulk("proto"), Reply.integer(3)]]))
      yield* advance("1 second")
      yield* joined(late)
      assert.strictEqual(gets(a, "{bar}late"), 1)
      yield* read("{bar}late")
      assert.strictEqual(gets(a, "{bar}late"), 1)
    }))
})

describe("each of several connections to a node", () => {
  it.effect("is watched for the slots that it carries", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching({ connectionsPerNode: 4 })
      const keys = Array.from({ length: 40 }, (_, i) => `key:${i}`)
      const all = Effect.forEach(keys, (key) => read(key), { concurrency: "unbounded" })
      yield* all
      const carriers = a.live.filter(({ received }) => received.includes(turnOn))
      assert.isAbove(carriers.length, 1)
      for (const { received } of carriers) {
        assert.strictEqual(received.filter((line) => line === turnOn).length, 1)
      }
      const before = a.commands.length
      yield* all
      assert.strictEqual(a.commands.length, before)
      const [first, ...others] = carriers
      const [lost] = first.received.filter((line) => line.startsWith("GET ")).map((line) => line.slice(4))
      first.send(flushed)
      yield* read(lost)
      assert.strictEqual(gets(a, lost), 2)
      const [kept] = others[0].received.filter((line) => line.startsWith("GET ")).map((line) => line.slice(4))
      yield* read(kept)
      assert.strictEqual(gets(a, kept), 1)
    }))
})

describe("room on a connection", () => {
  it.effect("is found for a read with what goes before it, however little there is", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching({ maxInFlight: 1, pingInterval: "1 hour" })
      const readers = yield* Effect.forEach(["{bar}1", "{bar}2", "{bar}1", "{bar}3"], (key) => start(read(key)))
      assert.deepStrictEqual(yield* joined(readers), [null, null, null, null])
      assert.strictEqual(gets(a, "{bar}1"), 1)
    }))

  it.effect("that is full fails those that would wait, and what is kept is answered all the same", () =>
    Effect.gen(function*() {
      const { a, read } = yield* caching({ maxInFlight: 4, failWhenFull: true, pingInterval: "1 hour" })
      assert.strictEqual(yield* read(keyOfA), null)
      a.on("GET", "hold")
      const one = yield* start(read("{bar}1"))
      const two = yield* start(read("{bar}2"))
      yield* settle
      const joins = yield* start(read("{bar}1"))
      const full = yield* Effect.flip(Effect.forEach(["{bar}3", "{bar}4", "{bar}5"], (key) => read(key), {
        concurrency: "unbounded"
      }))
      assert.strictEqual(full.reason._tag, "Overloaded")
      assert.strictEqual(yield* read(keyOfA), null)
      a.on("GET", Reply.null)
      for (let i = 0; i < 4; i++) if (watcher(a).unanswered > 0) watcher(a).release(Reply.null)
      assert.deepStrictEqual(yield* joined([one, two, joins]), [null, null, null])
    }))
})
