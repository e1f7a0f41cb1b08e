import { assert, describe, it } from "@effect/vitest"
import { PubSub, Redis } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { home, settled } from "./subscribers.ts"

const withCluster = (options?: FakeCluster.LayerOptions) =>
  Effect.provide(FakeCluster.layer({ primaries: 3, replicas: 1, ...options }))

const text = (value: unknown): string =>
  typeof value === "string" ? value : new TextDecoder().decode(value as Uint8Array)

/** Reads a stream all the time, and keeps what it tells. */
const reading = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.gen(function*() {
    const events: Array<A> = []
    yield* Effect.forkScoped(Stream.runForEach(stream, (event) => Effect.sync(() => events.push(event))))
    return events
  })

const listening = (topics: PubSub.Topics) => Effect.flatMap(PubSub.listen(topics), reading)

const room = { shardChannels: ["room:1"] }
const news = { channels: ["news"] }

/** Messages as their payloads, gaps as their causes, and the others by what they are. */
const brief = (events: ReadonlyArray<PubSub.Event>): ReadonlyArray<string> =>
  events.map((event) =>
    event._tag === "Message" ? event.payload : event._tag === "Gap" ? `Gap ${event.cause}` : event._tag
  )

const spansOf = (events: ReadonlyArray<PubSub.Event | PubSub.KeyEvent>) =>
  events.flatMap((event) =>
    event._tag === "Gap" ? [[DateTime.toEpochMillis(event.from), DateTime.toEpochMillis(event.until)] as const] : []
  )

const ownerOf = (channel: string) =>
  Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    return yield* fake.ownerOf(fake.slotOf(channel))
  })

/** One that is not the home, and serves slots. */
const other = Effect.gen(function*() {
  const fake = yield* FakeCluster.FakeCluster
  const { id } = yield* home
  return (yield* fake.primaries).find((node) => node.id !== id)!
})

describe("subscribers, on the in-memory cluster", () => {
  it.effect("hear what is published, by channel, by pattern and by shard", () =>
    Effect.gen(function*() {
      const events = yield* listening({ ...news, ...room, patterns: ["n?ws"] })
      yield* Redis.publish("news", "1")
      yield* Redis.publish("nows", "2")
      yield* Redis.spublish("room:1", "3")
      yield* settled
      assert.deepStrictEqual(
        events.flatMap((event) => event._tag === "Message" ? [[event.channel, event.pattern, event.payload]] : []),
        [["news", undefined, "1"], ["news", "n?ws", "1"], ["nows", "n?ws", "2"], ["room:1", undefined, "3"]]
      )
      assert.deepStrictEqual(yield* PubSub.channels(), ["news"])
      assert.deepStrictEqual(yield* PubSub.shardChannels("room:*"), ["room:1"])
      assert.deepStrictEqual({ ...yield* PubSub.numsub(["news", "none"]) }, { news: 1, none: 0 })
      assert.deepStrictEqual({ ...yield* PubSub.shardNumsub(["room:1"]) }, { "room:1": 1 })
      assert.strictEqual(yield* PubSub.numpat, 1)
    }).pipe(withCluster()))

  it.effect("are told when the primary of a sharded channel dies, and hear its replica when that has been promoted", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const events = yield* listening(room)
      yield* TestClock.adjust("10500 millis")
      yield* Redis.spublish("room:1", "before")
      yield* settled
      yield* fake.kill(yield* ownerOf("room:1"))
      yield* TestClock.adjust("5 seconds")
      yield* Redis.spublish("room:1", "after")
      yield* settled
      assert.deepStrictEqual(brief(events), [
        "Subscribed",
        "before",
        "Unsubscribed",
        "Moved",
        "Gap ConnectionLost",
        "Subscribed",
        "after"
      ])
      const [[from, until]] = spansOf(events)
      assert.isAtMost(from, 10_500)
      // The node timeout, and half a second until the election.
      assert.isAtLeast(until, 12_000)
    }).pipe(withCluster()))

  it.effect("are told of a failover by hand, and go on at once", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const events = yield* listening(room)
      const [replica] = yield* fake.replicasOf(yield* ownerOf("room:1"))
      yield* fake.failover(replica)
      yield* settled
      yield* Redis.spublish("room:1", "after")
      yield* settled
      // The old primary takes them again, as a replica, until the map is learnt anew.
      assert.deepStrictEqual(brief(events).slice(0, 2), ["Subscribed", "Unsubscribed"])
      assert.deepStrictEqual(brief(events).slice(-4), ["Moved", "Gap Moved", "Subscribed", "after"])
      assert.strictEqual(events.findLast((event) => event._tag === "Subscribed")?.node, replica.address.key)
      assert.deepStrictEqual({ ...yield* PubSub.shardNumsub(["room:1"]) }, { "room:1": 1 })
    }).pipe(withCluster()))

  it.effect.each(["7.0", "8.0"] as const)(
    "leave nothing at a node that was made a replica, and where the classic channels are heard still: as %s",
    (version) =>
      Effect.gen(function*() {
        const fake = yield* FakeCluster.FakeCluster
        yield* listening(news)
        const { id } = yield* home
        const rooms: Array<string> = []
        for (let n = 0; rooms.length < 3; n++) if ((yield* ownerOf(`room:${n}`)).id === id) rooms.push(`room:${n}`)
        const events = yield* listening({ shardChannels: rooms })
        const [replica] = yield* fake.replicasOf(yield* ownerOf(rooms[0]))
        yield* fake.failover(replica)
        yield* settled
        yield* TestClock.adjust("2 seconds")
        yield* settled
        assert.strictEqual((yield* home).id, id)
        assert.isTrue(events.some((event) => event._tag === "Moved" && event.to === replica.address.key))
        assert.deepStrictEqual(new Set(Object.values(yield* PubSub.shardNumsub(rooms))), new Set([1]))
      }).pipe(withCluster({ version }))
  )

  it.effect("are told when a slot moves, and only those of its channels", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const events = yield* listening(room)
      const others = yield* listening({ ...news, shardChannels: ["{room:1}b", "elsewhere"] })
      const owner = yield* ownerOf("room:1")
      const to = (yield* fake.primaries).find(({ id }) => id !== owner.id)!
      yield* fake.migrateSlot(fake.slotOf("room:1"), to)
      yield* settled
      yield* Redis.spublish("room:1", "after")
      yield* settled
      assert.deepStrictEqual(brief(events), ["Subscribed", "Unsubscribed", "Moved", "Gap Moved", "Subscribed", "after"])
      const told = others.flatMap((event) => event._tag === "Gap" ? [event.name] : [])
      assert.deepStrictEqual(told, ["{room:1}b"])
    }).pipe(withCluster()))

  it.effect("are told when their connection is dropped, even between two messages", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const events = yield* listening({ ...news, ...room })
      yield* TestClock.adjust("2 seconds")
      const at = yield* home
      yield* fake.dropConnections(at)
      yield* settled
      yield* Redis.publish("news", "after")
      yield* settled
      const told = brief(events.filter((event) => event._tag === "Message" || event.name === "news"))
      assert.deepStrictEqual(told, ["Subscribed", "Unsubscribed", "Gap ConnectionLost", "Subscribed", "after"])
    }).pipe(withCluster()))

  it.effect("are told when their node can't be reached, though no connection breaks", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const events = yield* listening(news)
      yield* TestClock.adjust("10500 millis")
      const at = yield* home
      const publisher = yield* other
      yield* fake.partition("client", at)
      yield* fake.command(publisher, "PUBLISH", ["news", "lost"])
      yield* TestClock.adjust("30 seconds")
      yield* fake.command(publisher, "PUBLISH", ["news", "after"])
      yield* settled
      assert.deepStrictEqual(brief(events), [
        "Subscribed",
        "Unsubscribed",
        "Moved",
        "Gap ConnectionLost",
        "Subscribed",
        "after"
      ])
      const [[from, until]] = spansOf(events)
      assert.strictEqual(from, 9000)
      assert.isAbove(until, 14_000)
      yield* fake.heal()
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(brief(events).at(-1), "after")
    }).pipe(withCluster({ client: { pingInterval: "2 seconds" } })))

  it.effect("are told when their node stops, and what waits in it comes no more", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const events = yield* listening(news)
      yield* TestClock.adjust("2 seconds")
      const at = yield* home
      const publisher = yield* other
      yield* fake.pause(at)
      yield* fake.command(publisher, "PUBLISH", ["news", "lost"])
      yield* TestClock.adjust("30 seconds")
      yield* fake.resume(at)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(brief(events), ["Subscribed", "Unsubscribed", "Moved", "Gap Moved", "Subscribed"])
    }).pipe(withCluster({ client: { pingInterval: "2 seconds" } })))

  it.effect("move when their node is removed, and nothing is left behind", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const events = yield* listening({ ...news, ...room })
      const at = yield* home
      yield* fake.removeNode(at)
      yield* TestClock.adjust("2 seconds")
      yield* Redis.publish("news", "after")
      yield* Redis.spublish("room:1", "after")
      yield* settled
      assert.deepStrictEqual(
        brief(events.filter((event) => event._tag === "Message" ? event.channel === "news" : event.name === "news"))
          .slice(-3),
        ["Gap ConnectionLost", "Subscribed", "after"]
      )
      assert.deepStrictEqual({ ...yield* PubSub.numsub(["news"]) }, { news: 1 })
      assert.deepStrictEqual({ ...yield* PubSub.shardNumsub(["room:1"]) }, { "room:1": 1 })
      assert.strictEqual(events.filter((event) => event._tag === "Message").length, 2)
    }).pipe(withCluster({ replicas: 0 })))

  it.effect("are told when another node dies, as it may have taken messages with it", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const events = yield* listening({ ...news, ...room })
      yield* TestClock.adjust("2 seconds")
      const victim = yield* other
      const isRoom = (yield* ownerOf("room:1")).id === victim.id
      yield* fake.kill(victim)
      yield* TestClock.adjust("5 seconds")
      const gaps = events.flatMap((event) => event._tag === "Gap" ? [`${event.name} ${event.cause}`] : [])
      assert.deepStrictEqual(gaps.toSorted(), ["news NodeLost", ...isRoom ? ["room:1 ConnectionLost"] : []])
    }).pipe(withCluster()))

  it.effect("read slowly are told what they miss", () =>
    Effect.gen(function*() {
      const stream = yield* PubSub.listen(news, { buffer: 2 })
      for (const text of ["1", "2", "3", "4"]) yield* Redis.publish("news", text)
      yield* settled
      const events = yield* Stream.runCollect(Stream.take(stream, 4))
      assert.deepStrictEqual(brief(events), ["Subscribed", "Gap Overflow", "3", "4"])
    }).pipe(withCluster()))

  it.effect("leave nothing behind when they end", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const connections = Effect.flatMap(fake.nodes, (nodes) =>
        Effect.forEach(nodes, (node) =>
          Effect.map(
            fake.command(node, "CLIENT", ["LIST"]),
            (list) =>
              text(list).split("\n").filter((line) => line.includes(" sub=1 ") || line.includes(" ssub=1 ")).length
          )))
      const sum = Effect.map(connections, (counts) => counts.reduce((total, count) => total + count, 0))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* listening({ ...news, ...room })
        yield* settled
        assert.isAtLeast(yield* sum, 1)
      }))
      yield* settled
      assert.strictEqual(yield* sum, 0)
      assert.deepStrictEqual(yield* PubSub.channels(), [])
      assert.deepStrictEqual(yield* PubSub.shardChannels(), [])
    }).pipe(withCluster()))
})

describe("keyspace notifications, on the in-memory cluster", () => {
  const config = { "notify-keyspace-events": "KA" }

  it.effect("tell what happens to keys, wherever they are, and when they expire", () =>
    Effect.gen(function*() {
      const events = yield* reading(PubSub.keyspace({ keys: "session:*", events: ["set", "expired"] }))
      yield* settled
      for (let i = 0; i < 6; i++) yield* Redis.set(`session:${i}`, "x", { ex: "10 seconds" })
      yield* Redis.set("other", "x")
      yield* TestClock.adjust("11 seconds")
      const told = events.flatMap((event) => event._tag === "KeyEvent" ? [`${event.event} ${event.key}`] : [])
      assert.deepStrictEqual(
        told.toSorted(),
        ["expired", "set"].flatMap((event) => [0, 1, 2, 3, 4, 5].map((i) => `${event} session:${i}`))
      )
    }).pipe(withCluster({ config })))

  it.effect("go on at the replica that is promoted, with a gap", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const events = yield* reading(PubSub.keyspace({ events: ["set"] }))
      yield* settled
      const owner = yield* ownerOf("key")
      yield* fake.kill(owner)
      yield* TestClock.adjust("5 seconds")
      yield* Redis.set("key", "1")
      yield* settled
      const gaps = events.flatMap((event) => event._tag === "Gap" ? [event.node] : [])
      const { address } = yield* ownerOf("key")
      assert.deepStrictEqual(gaps, [owner.address.key, address.key])
      assert.deepStrictEqual(events.at(-1), { _tag: "KeyEvent", key: "key", event: "set" })
    }).pipe(withCluster({ config })))
})
