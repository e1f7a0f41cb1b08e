import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import * as Command from "../src/Command.ts"
import { Mismatch } from "../src/internal/commands/reply.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as Resp from "../src/Resp.ts"
import * as Script from "../src/Script.ts"
import { keyOfA, keyOfB, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const lua = "return 'grüße'"
const sha = createHash("sha1").update(lua).digest("hex")
const params = (key: string, times: number) => ({ keys: [key], args: ["x", times] })

const words = (command: Command.Any) => [command.spec.name, ...command.args]

const refuses = (command: Command.Any, reply: Resp.Value): boolean => {
  try {
    command.decode(reply)
    return false
  } catch (error) {
    return error instanceof Mismatch
  }
}

describe("a script", () => {
  it("whose params answer nothing is refused: its keys would be missing", () => {
    for (const nothing of [undefined, null]) {
      const answered = () => nothing as never
      for (const command of [Script.make({ lua, params: answered })(), Script.fn({ name: "f", params: answered })()]) {
        assert.include(command.problem, "params has to answer an object of keys and args")
      }
    }
  })

  const script = Script.make({ lua, params, result: Schema.Number })

  it("is its digest in short, and its text in full", () => {
    const command = script("k", 3)
    assert.deepStrictEqual(words(command), ["EVALSHA", sha, "1", "k", "x", "3"])
    assert.deepStrictEqual(words(Command.inFull(command)), ["EVAL", lua, "1", "k", "x", "3"])
    assert.deepStrictEqual([Command.keys(command), Command.keys(Command.inFull(command))], [["k"], ["k"]])
    assert.deepStrictEqual([script.lua, script.sha], [lua, sha])
  })

  it("that only reads is one for the server too", () => {
    const command = Script.make({ lua, params, readOnly: true })("k", 3)
    assert.deepStrictEqual(words(command), ["EVALSHA_RO", sha, "1", "k", "x", "3"])
    assert.deepStrictEqual(words(Command.inFull(command)), ["EVAL_RO", lua, "1", "k", "x", "3"])
    assert.isTrue(command.spec.readOnly && Command.inFull(command).spec.readOnly)
  })

  it("may have no keys and no arguments", () => {
    const command = Script.make({ lua, params: () => ({}) })()
    assert.deepStrictEqual(words(command), ["EVALSHA", sha, "0"])
  })

  it("stays abridged through what is said about the command", () => {
    const command = script("k", 3).pipe(Command.idempotent, Command.timeout("1 second"), Command.map((n) => n + 1))
    const full = Command.inFull(command)
    assert.deepStrictEqual(words(full), ["EVAL", lua, "1", "k", "x", "3"])
    assert.deepStrictEqual([full.idempotent, full.timeout, full.decode(1)], [true, 1000, 2])
  })

  it("with an argument that is not a number is refused", () => {
    assert.strictEqual(script("k", NaN).problem, "an argument has to be a number, not NaN")
  })

  it("decodes its reply with the schema, nil included", () => {
    assert.strictEqual(script("k", 1).decode(5), 5)
    assert.isTrue(refuses(script("k", 1), null))
    assert.isTrue(refuses(script("k", 1), "5"))
    const nullable = Script.make({ lua, params, result: Schema.NullOr(Schema.FiniteFromString) })
    assert.deepStrictEqual([nullable("k", 1).decode(null), nullable("k", 1).decode("5")], [null, 5])
    const pair = Script.make({ lua, params, result: Schema.Tuple([Schema.BooleanFromBit, Schema.String]) })
    assert.deepStrictEqual(pair("k", 1).decode([1, "a"]), [true, "a"])
    assert.isTrue(refuses(pair("k", 1), [1, new Resp.ReplyError("ERR secret")]))
  })

  it("without a schema replies what comes, as bytes if asked for", () => {
    const raw = Script.make({ lua, params })
    assert.deepStrictEqual(raw("k", 1).decode([1, null]), [1, null])
    assert.strictEqual(Command.bytes(raw("k", 1)).problem, undefined)
    assert.isString(Command.bytes(script("k", 1)).problem)
  })

  it("has the types of its parameters and its result", () => {
    expectTypeOf(script).parameters.toEqualTypeOf<[key: string, times: number]>()
    expectTypeOf(script("k", 1)).toEqualTypeOf<Command.Command<number>>()
    expectTypeOf(Script.make({ lua, params })("k", 1)).toEqualTypeOf<Command.Command<Resp.Value>>()
    // @ts-expect-error a schema that needs a service can't decode a reply
    Script.make({ lua, params, result: Schema.String as Schema.Codec<string, string, Redis.Redis> })
  })
})

describe("a typed function", () => {
  const visited = Script.fn({ name: "visits_add", params, result: Schema.Number })

  it("is called by its name", () => {
    assert.deepStrictEqual(words(visited("k", 3)), ["FCALL", "visits_add", "1", "k", "x", "3"])
    assert.strictEqual(visited.name, "visits_add")
    assert.strictEqual(visited("k", 3).unabridged, undefined)
    const reads = Script.fn({ name: "visits_of", params, readOnly: true })
    assert.deepStrictEqual(words(reads("k", 3)), ["FCALL_RO", "visits_of", "1", "k", "x", "3"])
  })

  it("decodes its reply with the schema", () => {
    assert.strictEqual(visited("k", 1).decode(5), 5)
    assert.isTrue(refuses(visited("k", 1), null))
    expectTypeOf(visited("k", 1)).toEqualTypeOf<Command.Command<number>>()
    expectTypeOf(Script.fn({ name: "f", params })("k", 1)).toEqualTypeOf<Command.Command<Resp.Value>>()
  })

  it("with an argument that is not a number is refused", () => {
    assert.strictEqual(visited("k", NaN).problem, "an argument has to be a number, not NaN")
  })
})

describe("a script in a cluster", () => {
  const script = Script.make({ lua, params, result: Schema.String })
  const noScript = Reply.error("NOSCRIPT No matching script. Please use EVAL.")
  const short = (key: string) => `EVALSHA ${sha} 1 ${key} x 1`
  const full = (key: string) => `EVAL ${lua} 1 ${key} x 1`

  const connected = Effect.fnUntraced(function*() {
    const nodes = threeNodes()
    for (const node of nodes.cluster.nodes.values()) {
      node.on("EVALSHA", Reply.bulk(`short on ${node.key}`)).on("EVAL", Reply.bulk(`full on ${node.key}`))
    }
    const service = yield* nodes.cluster.provide(RedisCluster.make({ nodes: ["a:7000"] }))
    return { ...nodes, service }
  })

  it.effect("is sent in short to the node of its keys", () =>
    Effect.gen(function*() {
      const { b, service } = yield* connected()
      assert.strictEqual(yield* service.execute(script(keyOfB, 1)), "short on b:7000")
      assert.deepStrictEqual(b.commands, [short(keyOfB)])
    }))

  it.effect("is sent in full to a node that does not know it (trap 36)", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.once("EVALSHA", noScript)
      assert.strictEqual(yield* service.execute(script(keyOfA, 1)), "full on a:7000")
      assert.deepStrictEqual(a.commands, [short(keyOfA), full(keyOfA)])
      assert.strictEqual(yield* service.execute(script(keyOfA, 1)), "short on a:7000")
    }))

  it.effect("is sent in full to the node that it was redirected to", () =>
    Effect.gen(function*() {
      const { a, b, service } = yield* connected()
      a.once("EVALSHA", Reply.error("MOVED 5061 b:7000"))
      b.once("EVALSHA", noScript)
      assert.strictEqual(yield* service.execute(script(keyOfA, 1)), "full on b:7000")
      assert.deepStrictEqual([a.commands, b.commands], [[short(keyOfA)], [short(keyOfA), full(keyOfA)]])
    }))

  it.effect("is sent in full where a pipeline needs it", () =>
    Effect.gen(function*() {
      const { a, b, service } = yield* connected()
      const pipeline = Redis.pipeline([script(keyOfA, 1), script(keyOfB, 1), Redis.get(keyOfA)])
      assert.deepStrictEqual(yield* Effect.provideService(pipeline, Redis.Redis, Redis.Redis.of(service)), [
        "full on a:7000",
        "short on b:7000",
        "a:7000"
      ])
      // In short it might be executed, on a second try, behind the GET of its key.
      assert.deepStrictEqual(a.commands, [full(keyOfA), `GET ${keyOfA}`])
      assert.deepStrictEqual(b.commands, [short(keyOfB)])
    }))

  it.effect("whose result does not fit fails with DecodeFailed, and tells nothing of it", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      for (const reply of [Reply.null, Reply.integer(4711)]) {
        a.on("EVALSHA", reply)
        const error = yield* Effect.flip(service.execute(script(keyOfA, 1)))
        assert.strictEqual(error.reason._tag, "DecodeFailed")
        assert.notInclude(error.message, "4711")
      }
    }))
})
