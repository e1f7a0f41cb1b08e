import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Command from "../src/Command.ts"
import { Mismatch } from "../src/internal/commands/reply.ts"
import * as Redis from "../src/Redis.ts"

const bytesOf = (text: string) => new TextEncoder().encode(text)

describe("a command", () => {
  it.effect("runs through the service of the fiber, as often as it is run", () =>
    Effect.gen(function*() {
      const executed: Array<string> = []
      const service = Redis.Redis.of({
        execute: (command) =>
          Effect.sync(() => {
            executed.push(`${command.spec.name} ${command.args.join(" ")}`)
            return command.decode("ada")
          }),
        executeAll: (commands) => Effect.succeed(commands.map((command) => Result.succeed(command.decode("ada"))))
      })
      const get = Redis.get("user:1")
      const both = Effect.all([get, get])
      assert.deepStrictEqual(yield* Effect.provideService(both, Redis.Redis, service), ["ada", "ada"])
      assert.deepStrictEqual(executed, ["GET user:1", "GET user:1"])
    }))

  it("shows its name but not its arguments when it is inspected", () => {
    const shown = JSON.stringify(Redis.set("token", "s3cret"))
    assert.include(shown, "SET")
    assert.notInclude(shown, "s3cret")
  })

  it("tells itself from other values", () => {
    assert.isTrue(Command.isCommand(Redis.get("a")))
    assert.isFalse(Command.isCommand(Effect.succeed(1)))
  })
})

describe("Command.command", () => {
  it("finds the facts of a known command, with its subcommand in the name or in the arguments", () => {
    assert.strictEqual(Command.command("mget", ["a", "b"]).spec.request, "MultiShard")
    for (const command of [Command.command("object encoding", ["k"]), Command.command("OBJECT", ["encoding", "k"])]) {
      assert.strictEqual(command.spec.name, "OBJECT ENCODING")
      assert.deepStrictEqual(Command.keys(command), ["k"])
    }
  })

  it("takes the keys of an unknown command from the caller, and asks for them otherwise", () => {
    assert.deepStrictEqual(Command.keys(Command.command("X.CMD", ["a", "b"], { keys: [1] })), ["b"])
    assert.include(Command.command("X.CMD", ["a"]).problem ?? "", "{ keys: [0] }")
    assert.isUndefined(Command.command("X.CMD", ["a"], { keys: [] }).problem)
    assert.include(Command.command("  ").problem ?? "", "name")
  })

  it("sends numbers as text", () => {
    assert.deepStrictEqual(Command.command("INCRBY", ["n", 5]).args, ["n", "5"])
    assert.deepStrictEqual(Command.command("INCRBY", ["n", 5n]).args, ["n", "5"])
  })
})

describe("what becomes of the reply", () => {
  it("map is applied to the decoded reply", () => {
    assert.strictEqual(Redis.strlen("k").pipe(Command.map((length) => length * 2)).decode(3), 6)
    assert.strictEqual(Command.map(Redis.strlen("k"), (length) => length + 1).decode(3), 4)
  })

  it("bytes keeps the command's text undecoded", () => {
    const command = Redis.get("k").pipe(Command.bytes)
    const value: Uint8Array | null = command.decode(bytesOf("ada"))
    assert.isTrue(command.bytes)
    assert.deepStrictEqual(value, bytesOf("ada"))
  })

  it("bytes leaves the names of fields text, with their byte order marks", () => {
    const command = Redis.hgetall("k").pipe(Command.bytes)
    assert.deepStrictEqual(Object.keys(command.decode([bytesOf("\ufeffage"), bytesOf("36")])), ["\ufeffage"])
  })

  it("bytes is refused where the reply is taken apart as text, or mapped already", () => {
    assert.include(Command.bytes(Redis.clusterNodes()).problem ?? "", "ask for bytes first")
    assert.include(Redis.get("k").pipe(Command.map((text) => text?.length), Command.bytes).problem ?? "", "bytes first")
    assert.isUndefined(Redis.get("k").pipe(Command.bytes, Command.map((bytes) => bytes?.length)).problem)
  })

  it("option turns nil into none", () => {
    const command = Redis.get("k").pipe(Command.option)
    assert.deepStrictEqual(command.decode(null), Option.none())
    assert.deepStrictEqual(command.decode("ada"), Option.some("ada"))
  })

  it("schema decodes what is there, and leaves nil alone", () => {
    const User = Schema.fromJsonString(Schema.Struct({ name: Schema.String }))
    const command = Redis.get("k").pipe(Command.schema(User))
    assert.deepStrictEqual(command.decode(`{"name":"ada"}`), { name: "ada" })
    assert.isNull(command.decode(null))
  })

  it("a reply that does not fit the schema is a mismatch that does not show it", () => {
    const command = Redis.get("k").pipe(Command.schema(Schema.fromJsonString(Schema.Struct({ name: Schema.String }))))
    try {
      command.decode(`{"token":"s3cret"}`)
      assert.fail("it fits")
    } catch (mismatch) {
      assert.instanceOf(mismatch, Mismatch)
      assert.notInclude(JSON.stringify(mismatch), "s3cret")
    }
  })

  it("of what is no command make one that says so", () => {
    const all: ReadonlyArray<(command: Command.Any) => Command.Any> = [
      Command.slow,
      Command.idempotent,
      Command.timeout("1 second"),
      Command.bytes,
      Command.option,
      Command.map((value) => value),
      Command.inFull
    ]
    for (const combinator of all) {
      for (const none of [undefined, null, 5, "GET", [], Redis.get]) {
        assert.include(combinator(none as never).problem, "give a command")
      }
    }
  })

  it("idempotent marks the command and nothing else", () => {
    const command = Redis.set("k", "v").pipe(Command.idempotent)
    assert.isTrue(command.idempotent)
    assert.deepStrictEqual(command.args, ["k", "v"])
  })

  it.each<[string, (list: Array<string>) => Command.Any]>([
    ["del", Redis.del],
    ["unlink", Redis.unlink],
    ["exists", Redis.exists],
    ["touch", Redis.touch],
    ["mget", Redis.mget],
    ["sdiff", Redis.sdiff],
    ["sinter", Redis.sinter],
    ["sunion", Redis.sunion],
    ["pfcount", Redis.pfcount],
    ["watch", Redis.watch],
    ["configGet", Redis.configGet],
    ["info", Redis.info],
    ["infoFields", Redis.infoFields],
    ["scriptExists", Redis.scriptExists],
    ["pubsubNumsub", Redis.pubsubNumsub],
    ["pubsubShardnumsub", Redis.pubsubShardnumsub],
    ["a raw command", (list) => Redis.command("DEL", list)]
  ])("is not changed by what becomes of the list that it was built from: %s", (_, make) => {
    const list = ["a", "b"]
    const command = make(list)
    list[0] = "c"
    list.length = 1
    assert.deepStrictEqual(command.args, ["a", "b"])
  })

  it.each<[string, () => Command.Any]>([
    ["slow", () => Command.slow(undefined as never)],
    ["idempotent", () => Command.idempotent(undefined as never)],
    ["makeAbridged", () => Command.makeAbridged(undefined as never, null as never, Number)]
  ])("of no command, or no words, is one that says so: %s", (_, make) => {
    assert.match(make().problem ?? "", /^give/)
  })
})
