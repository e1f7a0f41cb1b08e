import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as Script from "../src/Script.ts"
import { keyOfA, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { Answer } from "./support/ScriptedCluster.ts"

const connected = Effect.fnUntraced(function*() {
  const nodes = threeNodes()
  const service = yield* nodes.cluster.provide(RedisCluster.make({ nodes: ["a:7000"] }))
  return { ...nodes, service }
})

const beyond = Reply.integer(9007199254740993n)
const text = Reply.bulk("no number")

const unusable: ReadonlyArray<readonly [what: string, answer: Answer, command: Command.Any]> = [
  ["an integer beyond 2^53", beyond, Redis.incr(keyOfA)],
  ["another form than the command promises", Reply.array([]), Redis.set(keyOfA, "1")],
  ["what does not fit a schema", text, Redis.get(keyOfA).pipe(Command.schema(Schema.FiniteFromString))],
  [
    "what does not fit the schema of a script",
    text,
    Script.make({ lua: "return 1", params: () => ({ keys: [keyOfA] }), result: Schema.Number })()
  ]
]

describe("an answer that can't be used", () => {
  it.effect.each(unusable)(
    "is of a command that was executed, and the error says so: %s",
    ([, answer, command]) =>
      Effect.gen(function*() {
        const { a, service } = yield* connected()
        a.on(command.spec.name, answer)
        const error = yield* Effect.flip(service.execute(command))
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["DecodeFailed", "Executed"])
        assert.match(error.message, /; the command was executed$/)
        const [piped] = yield* service.executeAll([command])
        assert.isTrue(Result.isFailure(piped) && piped.failure.delivery === "Executed")
      })
  )

  it.effect("in a transaction is of a command that was executed", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.on("MULTI", Reply.simple("OK")).on("INCR", Reply.simple("QUEUED")).on("EXEC", Reply.array([beyond]))
      const error = yield* Effect.flip(service.execute(Redis.transaction([Redis.incr(keyOfA)])))
      assert.deepStrictEqual([error.command, error.delivery], ["INCR", "Executed"])
    }))
})
