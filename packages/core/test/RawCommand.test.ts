/** Commands by name: what the table knows of them holds, whatever the caller says of their keys and however they are written. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Command from "../src/Command.ts"
import * as CommandSpec from "../src/CommandSpec.ts"
import * as Redis from "../src/Redis.ts"
import { connected, said } from "./support/client.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const noKeys = { keys: [] }

const stateful: ReadonlyArray<Command.Any> = [
  Command.command("subscribe", ["c"], noKeys),
  Command.command("PSUBSCRIBE", ["c*"], noKeys),
  Command.command("Ssubscribe", ["c"], { keys: [0] }),
  Command.command("UNSUBSCRIBE", [], noKeys),
  Command.command("punsubscribe", [], noKeys),
  Command.command("SUNSUBSCRIBE", [], noKeys),
  Command.command("  multi ", [], noKeys),
  Command.command("EXEC", [], noKeys),
  Command.command("DISCARD", [], noKeys),
  Command.command("MONITOR", [], noKeys),
  Command.command("SYNC", [], noKeys),
  Command.command("PSYNC", ["?", "-1"], noKeys),
  Command.command("REPLCONF", ["ACK", "0"], noKeys),
  Command.command("CLIENT REPLY", ["SKIP"], noKeys),
  Command.command("Client   Reply", ["SKIP"], noKeys),
  Command.command("CLIENT", ["REPLY", "SKIP"], noKeys),
  Command.command("client", [bytes("rEpLy"), bytes("off")], noKeys),
  Command.command("client", ["reply", "off"]),
  Command.command("CLIENT", ["TRACKING", "on"], noKeys),
  Command.command("CLIENT", ["capa", "redirect"], noKeys),
  Command.command("CLIENT", [], noKeys),
  Command.command("CLIENT", [" REPLY"], noKeys),
  Command.command("SCRIPT", ["DEBUG", "YES"], noKeys),
  Command.command("CLUSTER", ["SYNCSLOTS"], noKeys),
  Command.command("RESET", [], noKeys),
  Command.command("QUIT", [], noKeys),
  Command.command("HELLO", ["2"], noKeys),
  Command.command("SELECT", [0], noKeys),
  Command.command("AUTH", ["x"], noKeys),
  Command.command("READONLY", [], noKeys),
  Command.command("WATCH", ["k"], { keys: [0] }),
  Command.command("WAIT", [0, 1], noKeys),
  Command.make(CommandSpec.unknown("subscribe", []), ["c"], (value) => value),
  Command.make(CommandSpec.unknown("client reply", []), ["skip"], (value) => value),
  Command.make(CommandSpec.unknown("CLIENT", []), ["REPLY", "SKIP"], (value) => value)
]

describe("a command by name", () => {
  it.effect("that changes its connection goes to no shared one, whatever is said of its keys", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* connected()
      for (const command of stateful) {
        const { delivery, message, reason } = yield* Effect.flip(run(command))
        assert.deepStrictEqual([reason._tag, delivery], ["InvalidArgument", "NotSent"], message)
        assert.match(message, new RegExp(`^${command.spec.name}: (?!${command.spec.name}\b)`))
      }
      const sent = [...cluster.nodes.values()].flatMap(({ connections }) => connections.flatMap(said))
      assert.deepStrictEqual(sent, [])
    }))

  it("keeps what the table knows, and takes the keys from the caller", () => {
    const blpop = Command.command("blpop", ["other", "k", 5], { keys: [1] })
    assert.deepStrictEqual(Command.keys(blpop), ["k"])
    assert.strictEqual(CommandSpec.blockMillis(blpop.spec, blpop.args), 5000)
    assert.isTrue(Command.command("get", ["k"], { keys: [0] }).spec.readOnly)
    assert.isTrue(Command.command("script", ["kill"], noKeys).spec.urgent)
    assert.strictEqual(Command.command("publish", ["c", "m"], noKeys).spec.affinity, 0)
    assert.strictEqual(Command.command("MIGRATE", ["h", "1", "k", "0", "1"], { keys: [2] }).spec.incompleteKeys, false)
  })

  it("counts the keys among the arguments as they were given, subcommand included", () => {
    assert.deepStrictEqual(Command.keys(Command.command("OBJECT", ["ENCODING", "k"], { keys: [1] })), ["k"])
    assert.deepStrictEqual(Command.keys(Command.command("OBJECT ENCODING", ["k"], { keys: [0] })), ["k"])
    assert.include(Command.command("OBJECT", ["ENCODING", "k"], { keys: [0] }).problem ?? "", "a word of the name")
  })

  it("that is not known is named by its words, and by nothing that could be an argument", () => {
    const nameOf = (name: string, ...args: ReadonlyArray<string>) => Command.command(name, args).spec.name
    assert.strictEqual(nameOf("CLIENT", "NOSUCH", "s3cret"), "CLIENT NOSUCH")
    assert.strictEqual(nameOf("command", "nosuch"), "COMMAND NOSUCH")
    assert.strictEqual(nameOf("NO.SUCH", "s3cret"), "NO.SUCH")
    for (
      const name of [
        "AUTH s3cret",
        "SET k s3cret",
        "NO SUCH s3cret",
        "s3cret\r\n",
        "x".repeat(65),
        "gr\u00fc\u00dfe",
        "a\u0000b",
        ""
      ]
    ) {
      const command = Command.command(name, [], noKeys)
      assert.isDefined(command.problem, name)
      assert.notInclude(`${command.spec.name} ${command.problem}`.toLowerCase(), "s3cret")
    }
  })

  it.each<[string, unknown]>([
    ["undefined as null", null],
    ["text", "0"],
    ["a number", 0],
    ["a fraction", [0.5]],
    ["below zero", [-1]],
    ["behind the last", [1]],
    ["NaN", [NaN]],
    ["text inside", ["0"]],
    ["one twice", [0, 0]],
    ["a hole", Object.assign([], { length: 1 })]
  ])("refuses keys that are no places: %s", (_, keys) => {
    assert.include(Command.command("X.CMD", ["k"], { keys: keys as never }).problem ?? "", "keys has to be")
  })

  it("refuses what is no name, no arguments and no options, and never throws", () => {
    for (const value of [undefined, null, 5, {}, [], Symbol("s"), () => "GET"]) {
      assert.include(Command.command(value as never).problem ?? "", "give the name")
    }
    for (const value of [null, "k", 5, { length: 1 }, new Uint8Array(1)]) {
      assert.include(Command.command("GET", value as never).problem ?? "", "in an array")
    }
    assert.include(Command.command("GET", ["k"], { key: [0] } as never).problem ?? "", "did you mean keys?")
    assert.isDefined(Command.command("GET", ["k"], null as never).problem)
  })

  it("names a command once, and the one that is wrong inside of another", () => {
    const problem = (command: Command.Any) => command.problem
    assert.strictEqual(problem(Redis.del([])), "give at least one key")
    assert.strictEqual(problem(Redis.transaction([Redis.del([])])), "DEL: give at least one key")
  })
})
