/**
 * Cases for publishing and subscribing in a healthy cluster.
 *
 * @since 0.1.0
 */
import type { Client } from "@redisc/core/Client"
import * as PubSub from "@redisc/core/PubSub"
import * as Redis from "@redisc/core/Redis"
import * as Slot from "@redisc/core/Slot"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import assert from "node:assert/strict"
import { freshKeys, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const channelOf = (name: string) => freshKeys(`pubSub:${name}`)

/** Subscribes, and waits for a number of messages once the subscription is confirmed. */
const hear = <P = string>(
  topics: PubSub.Topics,
  count: number,
  options?: PubSub.Options<P>
): Effect.Effect<
  Effect.Effect<ReadonlyArray<PubSub.Message<P>>, Redis.RedisError>,
  Redis.RedisError,
  Client | Scope.Scope
> =>
  Effect.map(PubSub.listen(topics, options), (events) =>
    Stream.runCollect(
      Stream.take(Stream.filter(events, (event): event is PubSub.Message<P> => event._tag === "Message"), count)
    ))

const payloadsOf = <P>(messages: ReadonlyArray<PubSub.Message<P>>): ReadonlyArray<P> =>
  messages.map(({ payload }) => payload)

/** Repeats a question until its answer is the expected one. */
const until = <A, E, R>(question: Effect.Effect<A, E, R>, expected: (answer: A) => boolean): Effect.Effect<A, E, R> =>
  Effect.repeat(question, { until: expected })

/**
 * @category suites
 * @since 0.1.0
 */
export const pubSub: ReadonlyArray<Case> = [
  test(
    "PUBLISH at any node reaches all who listen, from when the server has confirmed",
    Effect.scoped(Effect.gen(function*() {
      const channel = yield* channelOf("anywhere")
      const listeners = yield* Effect.all([
        hear({ channels: [channel("a")] }, 30),
        hear({ channels: [channel("a")] }, 30)
      ])
      const sent = Array.from({ length: 30 }, (_, i) => `${i}`)
      yield* Effect.forEach(sent, (text) => Redis.publish(channel("a"), text))
      for (const heard of yield* Effect.all(listeners)) assert.deepEqual(payloadsOf(heard).toSorted(), sent.toSorted())
    }))
  ),
  test(
    "SPUBLISH reaches who listens in the shard, in order",
    Effect.scoped(Effect.gen(function*() {
      const channel = yield* channelOf("shard")
      const heard = yield* hear({ shardChannels: [channel("a")] }, 30)
      const sent = Array.from({ length: 30 }, (_, i) => `${i}`)
      for (const text of sent) assert.equal(yield* Redis.spublish(channel("a"), text), 1)
      assert.deepEqual(payloadsOf(yield* heard), sent)
    }))
  ),
  test(
    "a name is what comes back: a lone surrogate is U+FFFD, and nothing else is changed",
    Effect.scoped(Effect.gen(function*() {
      const channel = yield* channelOf("names")
      for (const [name, told] of [["\ud800", "\ufffd"], ["\ufeff", "\ufeff"], ["a\u0000\r\nb", "a\u0000\r\nb"]]) {
        const topics = { channels: [channel(name)], patterns: [`${channel(name)}*`], shardChannels: [channel(name)] }
        const heard = yield* hear(topics, 3)
        assert.equal(yield* Redis.spublish(channel(name), "shard"), 1)
        yield* Redis.publish(channel(told), "1")
        const messages = yield* heard
        assert.deepEqual(messages.map((message) => message.channel), [channel(told), channel(told), channel(told)])
      }
      const empty = yield* hear({ channels: [""] }, 1)
      yield* Redis.publish("", "nothing")
      assert.deepEqual(payloadsOf(yield* empty), ["nothing"])
    }))
  ),
  test(
    "a stream has thousands of channels of every kind, and room for one message",
    Effect.scoped(Effect.gen(function*() {
      const channel = yield* channelOf("many")
      const names = Array.from({ length: 5000 }, (_, i) => channel(`${i}`))
      const topics = { channels: names, patterns: names.map((name) => `p${name}`), shardChannels: names }
      const heard = yield* hear(topics, 1, { buffer: 1, overflow: "fail" })
      yield* Redis.spublish(channel("4999"), "hello")
      assert.deepEqual(payloadsOf(yield* heard), ["hello"])
    }))
  ),
  test(
    "a channel that is listened to by name and by pattern is heard twice, and names the pattern",
    Effect.scoped(Effect.gen(function*() {
      const channel = yield* channelOf("pattern")
      const patterns = [`${channel("n")}?ws`, `${channel("n")}*`]
      const heard = yield* hear({ channels: [channel("news")], patterns }, 3)
      yield* Redis.publish(channel("other"), "1")
      yield* Redis.publish(channel("news"), "2")
      const messages = (yield* heard).map(({ channel, pattern, payload }) => ({ channel, pattern, payload }))
      assert.deepEqual(
        messages.toSorted((a, b) => (a.pattern ?? "").localeCompare(b.pattern ?? "")),
        [undefined, ...patterns.toSorted((a, b) => a.localeCompare(b))].map((pattern) => ({
          channel: channel("news"),
          pattern,
          payload: "2"
        }))
      )
    }))
  ),
  test(
    "channels of many slots can be listened to at once",
    Effect.scoped(Effect.gen(function*() {
      const channel = yield* channelOf("slots")
      const shardChannels = Array.from({ length: 50 }, (_, i) => `${i}${channel("x")}`.replaceAll(/[{}]/g, ""))
      assert.ok(new Set(shardChannels.map((name) => Slot.fromKey(name))).size > 30)
      const heard = yield* hear({ shardChannels }, shardChannels.length)
      yield* Effect.forEach(shardChannels, (name) => Redis.spublish(name, name), { concurrency: "unbounded" })
      assert.deepEqual(payloadsOf(yield* heard).toSorted(), shardChannels.toSorted())
    }))
  ),
  test(
    "a channel, a sharded channel and a pattern of one name have nothing to do with each other",
    Effect.scoped(Effect.gen(function*() {
      const name = (yield* channelOf("kinds"))("a")
      const channel = yield* hear({ channels: [name] }, 1)
      const shard = yield* hear({ shardChannels: [name] }, 1)
      yield* Redis.spublish(name, "to the shard")
      yield* Redis.publish(name, "to all")
      assert.deepEqual(payloadsOf(yield* channel), ["to all"])
      assert.deepEqual(payloadsOf(yield* shard), ["to the shard"])
    }))
  ),
  test(
    "payloads come as they were sent: text, bytes, or what a schema makes of them",
    Effect.scoped(Effect.gen(function*() {
      const channel = yield* channelOf("payloads")
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
      const Order = Schema.fromJsonString(Schema.Struct({ id: Schema.Int }))
      const asText = yield* hear({ channels: [channel("text")] }, 3)
      const asBytes = yield* hear<Uint8Array>({ channels: [channel("bytes")] }, 1, { payload: "bytes" })
      const decoded = yield* hear({ channels: [channel("json")] }, 1, { payload: Order })
      const texts = ["", "\ufeffgrüße 🌍\r\n", "x".repeat(100_000)]
      for (const text of texts) {
        yield* Redis.publish(channel("text"), text)
      }
      yield* Redis.publish(channel("bytes"), bytes)
      yield* Redis.publish(channel("json"), `{"id":7}`)
      assert.deepEqual(payloadsOf(yield* asText).toSorted(), texts.toSorted())
      assert.deepEqual(payloadsOf(yield* asBytes), [bytes])
      assert.deepEqual(payloadsOf(yield* decoded), [{ id: 7 }])
    }))
  ),
  test(
    "all nodes together know who listens to what, and when nobody does any more",
    Effect.gen(function*() {
      const channel = yield* channelOf("known")
      const names = { channels: [channel("a"), channel("b")], shardChannels: [channel("c")] }
      const all = Effect.all({
        channels: PubSub.channels(channel("*")),
        shardChannels: PubSub.shardChannels(channel("*")),
        numsub: Effect.map(PubSub.numsub(names.channels), Object.values),
        shardNumsub: Effect.map(PubSub.shardNumsub(names.shardChannels), Object.values)
      })
      yield* Effect.scoped(Effect.gen(function*() {
        for (let i = 0; i < 10; i++) yield* Effect.asVoid(PubSub.listen(names))
        const { channels, numsub, shardChannels, shardNumsub } = yield* all
        assert.deepEqual(channels.toSorted(), names.channels)
        assert.deepEqual(shardChannels, names.shardChannels)
        assert.deepEqual([...numsub, ...shardNumsub], [1, 1, 1])
      }))
      yield* until(
        all,
        ({ channels, numsub, shardChannels, shardNumsub }) =>
          channels.length + shardChannels.length === 0 && [...numsub, ...shardNumsub].every((count) => count === 0)
      )
    })
  ),
  test(
    "patterns are counted",
    Effect.scoped(Effect.gen(function*() {
      const channel = yield* channelOf("numpat")
      yield* Effect.asVoid(PubSub.listen({ patterns: [channel("*")] }))
      assert.ok((yield* PubSub.numpat) >= 1)
    }))
  ),
  test(
    "what is published to nobody is heard by nobody",
    Effect.gen(function*() {
      const channel = yield* channelOf("nobody")
      yield* Effect.scoped(Effect.gen(function*() {
        const passedOn = yield* hear({ channels: [channel("b")] }, 1)
        assert.equal(yield* Redis.publish(channel("a"), "1"), 0)
        assert.equal(yield* Redis.spublish(channel("a"), "1"), 0)
        // Published at the same node, this message arrives after those that the node is still passing on.
        yield* Redis.publish(channel("b"), "1")
        yield* passedOn
        const heard = yield* hear({ channels: [channel("a")], shardChannels: [channel("a")] }, 2)
        yield* Redis.publish(channel("a"), "2")
        yield* Redis.spublish(channel("a"), "2")
        assert.deepEqual(payloadsOf(yield* heard), ["2", "2"])
      }))
    })
  )
]
