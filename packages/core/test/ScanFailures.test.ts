/** What a scan that fails leaves to go on from. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import { RedisError } from "../src/RedisError.ts"
import * as Scan from "../src/Scan.ts"
import * as Slot from "../src/Slot.ts"
import { connectedTo } from "./support/client.ts"
import { advance } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { Answer } from "./support/ScriptedCluster.ts"

const keys = Array.from({ length: 10 }, (_, n) => `key:${n}`)

/** A node with all slots, which gives one key a page. */
const oneNode = Effect.gen(function*() {
  const { cluster, run } = yield* connectedTo([[0, Slot.count - 1, "a:7000"]], { redirects: RedirectPolicy.none })
  const node = cluster.node("a:7000")
  node.on("INFO", ([section]) => Reply.bulk(section === "server" ? "run_id:r\r\nredis_version:7.0.15\r\n" : ""))
  node.on("CLUSTER NODES", Reply.bulk(`p a:7000@17000 myself,master - 0 0 1 connected 0-${Slot.count - 1}\n`))
  const page = ([cursor]: ReadonlyArray<string>): Answer => {
    const at = Number(cursor)
    return Reply.array([Reply.bulk(`${(at + 1) % keys.length}`), Reply.array([Reply.bulk(keys[at])])])
  }
  return { node, page, run }
})

describe("a scan that fails", () => {
  it.effect.each(
    [
      ["by a refusal", Reply.error("NOPERM User u has no permissions")],
      ["since its connections are lost", "drop"]
    ] as ReadonlyArray<readonly [string, Answer]>
  )("%s tells where another one goes on", ([, answer]) =>
    Effect.gen(function*() {
      const { node, page, run } = yield* oneNode
      node.on("SCAN", (args) => args[0] === "4" ? answer : page(args))
      const first: Array<string> = []
      const scan = Stream.runForEach(Scan.keys(), (key) => Effect.sync(() => first.push(key)))
      const error = yield* run(Effect.flip(scan))
      assert.deepStrictEqual(first, keys.slice(0, 4))
      const { checkpoint } = error
      assert.isDefined(checkpoint)
      assert.deepStrictEqual(checkpoint.rounds.map(({ cursor }) => cursor), ["4"])
      node.on("SCAN", page)
      yield* advance("5 seconds")
      assert.deepStrictEqual(yield* run(Stream.runCollect(Scan.keys({ checkpoint }))), keys.slice(4))
      const parse = Schema.decodeUnknownEffect(RedisError)
      const again = yield* parse(JSON.parse(JSON.stringify(yield* Schema.encodeEffect(RedisError)(error))))
      assert.deepStrictEqual(again.checkpoint, checkpoint)
    }))

  it.effect("before it has begun has no such place", () =>
    Effect.gen(function*() {
      const { run } = yield* oneNode
      const error = yield* run(Effect.flip(Stream.runDrain(Scan.keys({ count: 0 }))))
      assert.isUndefined(error.checkpoint)
    }))
})
