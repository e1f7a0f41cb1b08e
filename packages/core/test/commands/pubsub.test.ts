import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import type * as Command from "../../src/Command.ts"
import * as PubSub from "../../src/commands/pubsub.ts"
import { Mismatch } from "../../src/internal/commands/reply.ts"
import type * as Resp from "../../src/Resp.ts"

const bytes = Uint8Array.from([0, 255])

const sent: ReadonlyArray<readonly [Command.Any, ReadonlyArray<Command.Arg>]> = [
  [PubSub.publish("news", "it rains"), ["PUBLISH", "news", "it rains"]],
  [PubSub.publish(bytes, bytes), ["PUBLISH", bytes, bytes]],
  [PubSub.pubsubChannels(), ["PUBSUB CHANNELS"]],
  [PubSub.pubsubChannels("news.*"), ["PUBSUB CHANNELS", "news.*"]],
  [PubSub.pubsubNumpat(), ["PUBSUB NUMPAT"]],
  [PubSub.pubsubNumsub([]), ["PUBSUB NUMSUB"]],
  [PubSub.pubsubNumsub(["a", "b"]), ["PUBSUB NUMSUB", "a", "b"]],
  [PubSub.pubsubShardchannels(), ["PUBSUB SHARDCHANNELS"]],
  [PubSub.pubsubShardchannels("room:*"), ["PUBSUB SHARDCHANNELS", "room:*"]],
  [PubSub.pubsubShardnumsub(["a"]), ["PUBSUB SHARDNUMSUB", "a"]],
  [PubSub.spublish("room:1", "hello"), ["SPUBLISH", "room:1", "hello"]]
]

const decoded: ReadonlyArray<readonly [Command.Any, Resp.Value, unknown]> = [
  [PubSub.publish("news", "m"), 2, 2],
  [PubSub.spublish("room:1", "m"), 0, 0],
  [PubSub.pubsubChannels(), ["a", "b"], ["a", "b"]],
  [PubSub.pubsubShardchannels(), [], []],
  [PubSub.pubsubNumpat(), 3, 3],
  [PubSub.pubsubNumsub(["a", "b"]), ["a", 1, "b", 0], { a: 1, b: 0 }],
  [PubSub.pubsubNumsub(["a"]), new Map([["a", 1]]), { a: 1 }],
  [PubSub.pubsubShardnumsub([]), [], {}]
]

const mismatched: ReadonlyArray<readonly [Command.Any, Resp.Value]> = [
  [PubSub.publish("news", "m"), "many"],
  [PubSub.pubsubChannels(), null],
  [PubSub.pubsubNumsub(["a"]), ["a"]],
  [PubSub.pubsubShardnumsub(["a"]), ["a", "some"]]
]

/** Records have no prototype, which strict equality would hold against them. */
const plain = (value: unknown): unknown => structuredClone(value)

describe("commands/pubsub", () => {
  it.each(sent)("sends %j as %j", (command, args) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual([command.spec.name, ...command.args], args)
  })

  it.each(decoded)("%j decodes %j", (command, reply, expected) => {
    assert.deepStrictEqual(plain(command.decode(reply)), expected)
  })

  it.each(mismatched)("%j does not take %o for a reply", (command, reply) => {
    assert.throws(() => command.decode(reply), Mismatch as unknown as new() => Error)
  })

  it("only what is published to one shard is routed by its channel", () => {
    assert.deepStrictEqual(
      [PubSub.publish("a", "m"), PubSub.spublish("a", "m")].map(({ spec }) => spec.keys.length > 0),
      [false, true]
    )
  })

  it("types say what is replied", () => {
    expectTypeOf(PubSub.publish("a", "m")).toEqualTypeOf<Command.Command<number>>()
    expectTypeOf(PubSub.pubsubNumsub(["a"])).toEqualTypeOf<Command.Command<Record<string, number>>>()
    expectTypeOf(PubSub.pubsubChannels()).toEqualTypeOf<Command.Command<ReadonlyArray<string>>>()
  })
})
