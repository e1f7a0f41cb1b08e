/** Two copies of the package in one program: what the one builds, the other runs. */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redis from "../src/Redis.ts"
import * as RedisError from "../src/RedisError.ts"
import { connected } from "./support/client.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const secondCopy = Effect.promise(() => {
  vi.resetModules()
  return Promise.all([import("../src/Redis.ts"), import("../src/Command.ts")])
})

describe("a command of a second copy of the package", () => {
  it.effect("is run, alone and among others", () =>
    Effect.gen(function*() {
      const [Other] = yield* secondCopy
      const { run } = yield* connected()
      assert.notStrictEqual(Other.get, Redis.get)
      assert.isString(yield* run(Other.get("a") as ReturnType<typeof Redis.get>))
      const pair = [Redis.get("a"), Other.get("b")] as unknown as readonly [ReturnType<typeof Redis.get>]
      assert.lengthOf(yield* run(Redis.pipeline(pair)), 2)
    }))

  it.effect("fails as one of the first does, and is no defect", () =>
    Effect.gen(function*() {
      const [Other, Command] = yield* secondCopy
      const { cluster, run } = yield* connected()
      for (const node of cluster.nodes.values()) node.on("XADD", Reply.bulk("no ID"))
      for (
        const command of [
          Other.xadd("k", { a: "1" }),
          Other.get(undefined as never),
          Command.map(Other.xadd("k", { a: "1" }), String)
        ]
      ) {
        const error = yield* Effect.flip(run(command as ReturnType<typeof Redis.get>))
        assert.isTrue(RedisError.isRedisError(error))
      }
    }))
})
