/** What a reader does to the reply that it gets is seen by nobody else. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Cached from "../src/Cached.ts"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import { caching } from "./support/caching.ts"
import { keyOfA, keyOfB } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const texts = Reply.array([Reply.bulk("a"), Reply.bulk("b")])
const fields = Reply.map([[Reply.bulk("a"), Reply.bulk("1")], [Reply.bulk("b"), Reply.bulk("2")]])

type Change<A> = (value: A) => void

const reads = Effect.fnUntraced(function*<A>(command: Command.Command<A>, change: Change<A>) {
  const { a, run } = yield* caching({}, ({ a }) => a.on("LRANGE", texts).on("HGETALL", fields))
  const read = run(Cached.for(command, "1 minute"))
  const first = yield* read
  const before = structuredClone(first)
  change(first)
  const second = yield* read
  assert.deepStrictEqual(structuredClone(second), before)
  change(second)
  assert.deepStrictEqual(structuredClone(yield* read), before)
  assert.strictEqual(a.count(`LRANGE ${keyOfA} 0 -1`) + a.count(`HGETALL ${keyOfA}`), 1)
})

const pushTo: Change<unknown> = (list) => void (list as Array<unknown>).push("more")
const spoil: Change<unknown> = (list) => void (list as ReadonlyArray<Uint8Array>)[0].fill(0)

describe("a kept reply stays as it is, whatever readers do to", () => {
  it.effect("an array of texts", () => reads(Redis.lrange(keyOfA, 0, -1), pushTo))

  it.effect("a record of texts", () =>
    reads(Redis.hgetall(keyOfA), (record) => {
      record["a"] = "changed"
      delete record["b"]
    }))

  it.effect("an array of bytes", () => reads(Command.bytes(Redis.lrange(keyOfA, 0, -1)), spoil))

  it.effect("a record of bytes", () => reads(Command.bytes(Redis.hgetall(keyOfA)), (record) => record["a"].fill(0)))

  it.effect("the bytes of several keys", () =>
    Effect.gen(function*() {
      const { run, values } = yield* caching()
      values.set(keyOfA, "1").set(keyOfB, "2")
      const read = run(Command.bytes(Redis.mget([keyOfA, keyOfB])).pipe(Cached.for("1 minute")))
      for (let i = 0; i < 3; i++) {
        const all = yield* read
        assert.deepStrictEqual(all, [Uint8Array.of(0x31), Uint8Array.of(0x32)])
        for (const bytes of all) bytes?.fill(0)
      }
    }))

  it.effect("a raw array", () => reads(Redis.command("LRANGE", [keyOfA, 0, -1]), pushTo))

  it.effect("a raw map", () =>
    reads(Redis.command("HGETALL", [keyOfA]), (map) => (map as Map<string, string>).set("a", "changed")))

  it.effect("what a function made of the raw reply", () =>
    reads(Command.map(Redis.command("LRANGE", [keyOfA, 0, -1]), (value) => value), pushTo))
})
