/** The option `cache` of the layers. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Cached from "../src/Cached.ts"
import * as Redis from "../src/Redis.ts"
import { caching, gets } from "./support/caching.ts"
import { connectedTo } from "./support/client.ts"
import { keyOfA } from "./support/scenes.ts"

const slots = [[0, 16383, "a:7000"]] as const

const bounded = Effect.fnUntraced(function*(maxBytes: number) {
  const { a, read, run } = yield* caching({ cache: { maxBytes } })
  return { run, read: read(keyOfA), gets: () => gets(a, keyOfA) }
})

describe("a layer whose cache is off", () => {
  it.effect("sends such reads like any others", () =>
    Effect.gen(function*() {
      const { cluster, run, service } = yield* connectedTo(slots, { cache: "off" })
      const get = run(Redis.get(keyOfA).pipe(Cached.for("1 minute")))
      yield* get
      yield* get
      assert.strictEqual(cluster.node("a:7000").count(`GET ${keyOfA}`), 2)
      assert.strictEqual(cluster.node("a:7000").count("CLIENT TRACKING ON OPTIN"), 0)
      assert.strictEqual((yield* service.stats).cache, undefined)
    }))

  it.effect("is refused a bound that is no number of bytes", () =>
    Effect.gen(function*() {
      const { reason } = yield* Effect.flip(connectedTo(slots, { cache: { maxBytes: -1 } }))
      assert.strictEqual(reason._tag, "InvalidArgument")
      assert.match(reason.message, /cache\.maxBytes/)
    }))
})

describe("a layer whose cache has a bound that stands for none", () => {
  it.effect("keeps replies, and drops them", () =>
    Effect.gen(function*() {
      const { gets, read, run } = yield* bounded(Number.MAX_SAFE_INTEGER)
      yield* read
      yield* read
      assert.strictEqual(gets(), 1)
      yield* run(Redis.set(keyOfA, "new"))
      yield* read
      assert.strictEqual(gets(), 2)
    }))
})
