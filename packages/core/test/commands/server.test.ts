import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Command from "../../src/Command.ts"
import * as Server from "../../src/commands/server.ts"
import { Mismatch } from "../../src/internal/commands/reply.ts"
import type * as Resp from "../../src/Resp.ts"

const bytes = Uint8Array.from([0, 255])
const bytesOf = (text: string) => new TextEncoder().encode(text)

const sent: ReadonlyArray<readonly [Command.Any, ReadonlyArray<Command.Arg>]> = [
  [Server.clientGetname(), ["CLIENT GETNAME"]],
  [Server.clientId(), ["CLIENT ID"]],
  [Server.clientInfo(), ["CLIENT INFO"]],
  [Server.clientList(), ["CLIENT LIST"]],
  [Server.clientList({ type: "pubsub" }), ["CLIENT LIST", "TYPE", "pubsub"]],
  [Server.clientList({ id: [1, 2] }), ["CLIENT LIST", "ID", "1", "2"]],
  [Server.configGet(["maxmemory*", "save"]), ["CONFIG GET", "maxmemory*", "save"]],
  [Server.configResetstat(), ["CONFIG RESETSTAT"]],
  [Server.configSet({ "maxmemory": "1gb", "save": "" }), ["CONFIG SET", "maxmemory", "1gb", "save", ""]],
  [Server.dbsize(), ["DBSIZE"]],
  [Server.echo(bytes), ["ECHO", bytes]],
  [Server.flushall(), ["FLUSHALL"]],
  [Server.flushall({ mode: "ASYNC" }), ["FLUSHALL", "ASYNC"]],
  [Server.flushdb({ mode: "SYNC" }), ["FLUSHDB", "SYNC"]],
  [Server.info(), ["INFO"]],
  [Server.info(["memory", "cpu"]), ["INFO", "memory", "cpu"]],
  [Server.infoFields(["memory"]), ["INFO", "memory"]],
  [Server.memoryUsage("k"), ["MEMORY USAGE", "k"]],
  [Server.memoryUsage("k", { samples: 0 }), ["MEMORY USAGE", "k", "SAMPLES", "0"]],
  [Server.ping(), ["PING"]],
  [Server.ping("hello"), ["PING", "hello"]],
  [Server.role(), ["ROLE"]],
  [Server.slowlogLen(), ["SLOWLOG LEN"]],
  [Server.time(), ["TIME"]]
]

const refused: ReadonlyArray<readonly [Command.Any, string]> = [
  [Server.clientList({ id: [] }), "give at least one id"],
  [Server.clientList({ id: [0.5] }), "the id has to be a whole number within 2^53"],
  [Server.configGet([]), "give at least one pattern"],
  [Server.configSet({}), "give at least one parameter with its value"],
  [Server.memoryUsage("k", { samples: NaN }), "samples has to be a whole number within 2^53"]
]

const infoText = "# Server\r\nredis_version:7.0.15\r\nconfig_file:\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=0\r\n"
const infoFields = { "redis_version": "7.0.15", "config_file": "", "db0": "keys=1,expires=0" }
const client = "id=3 addr=127.0.0.1:50000 name= user=default argv-mem=10"
const clientFields = { "id": "3", "addr": "127.0.0.1:50000", "name": "", "user": "default", "argv-mem": "10" }

const decoded: ReadonlyArray<readonly [Command.Any, Resp.Value, unknown]> = [
  [Server.clientGetname(), null, null],
  [Server.clientId(), 3, 3],
  [Server.configGet(["*"]), ["maxmemory", "0", "save", ""], { maxmemory: "0", save: "" }],
  [Server.configGet(["*"]), new Map([["maxmemory", "0"], ["save", ""]]), { maxmemory: "0", save: "" }],
  [Server.configGet(["*"]), [], {}],
  [Server.info(), infoText, infoText],
  [Server.infoFields(), infoText, infoFields],
  [Server.infoFields(), bytesOf(infoText), infoFields],
  [Server.infoFields(), "", {}],
  [Server.clientInfo(), `${client}\n`, clientFields],
  [Server.clientList(), `${client}\n${client}\n`, [clientFields, clientFields]],
  [Server.clientList(), bytesOf(`${client}\n`), [clientFields]],
  [Server.clientList(), "", []],
  [Server.memoryUsage("k"), null, null],
  [Server.ping(), "PONG", "PONG"],
  [Server.ping("hello"), "hello", "hello"],
  [Server.role(), ["master", 10, []], { role: "primary", offset: 10, replicas: [] }],
  [
    Server.role(),
    ["master", 10, [["10.0.0.1", "7001", "9"]]],
    { role: "primary", offset: 10, replicas: [{ host: "10.0.0.1", port: 7001, offset: 9 }] }
  ],
  [
    Server.role(),
    ["slave", "10.0.0.1", 7000, "connected", 10],
    { role: "replica", primary: { host: "10.0.0.1", port: 7000 }, state: "connected", offset: 10 }
  ],
  [Server.role(), ["sentinel", ["main"]], { role: "sentinel", primaries: ["main"] }],
  [Server.time(), ["1700000000", "123456"], { seconds: 1700000000, microseconds: 123456 }]
]

const mismatched: ReadonlyArray<readonly [Command.Any, Resp.Value]> = [
  [Server.clientInfo(), 1],
  [Server.clientList(), ["id=3"]],
  [Server.configGet(["*"]), ["maxmemory"]],
  [Server.infoFields(), null],
  [Server.ping(), "QUEUED"],
  [Server.role(), ["primary", 10, []]],
  [Server.role(), ["master", 10]],
  [Server.role(), []],
  [Server.time(), ["1700000000"]]
]

/** Records have no prototype, which strict equality would hold against them. */
const plain = (value: unknown): unknown => structuredClone(value)

describe("commands/server", () => {
  it.each(sent)("sends %j as %j", (command, args) => {
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual([command.spec.name, ...command.args], args)
  })

  it.each(refused)("refuses %j: %s", (command, problem) => {
    assert.strictEqual(command.problem, problem)
  })

  it.each(decoded)("%j decodes %j", (command, reply, expected) => {
    assert.deepStrictEqual(plain(command.decode(reply)), expected)
  })

  it.each(mismatched)("%j does not take %o for a reply", (command, reply) => {
    assert.throws(() => command.decode(reply), Mismatch as unknown as new() => Error)
  })

  it("types say what is replied", () => {
    expectTypeOf(Server.ping()).toEqualTypeOf<Command.Command<"PONG">>()
    expectTypeOf(Server.ping("a")).toEqualTypeOf<Command.Command<string>>()
    expectTypeOf(Command.bytes(Server.ping())).toEqualTypeOf<Command.Command<"PONG">>()
    expectTypeOf(Command.bytes(Server.echo("a"))).toEqualTypeOf<Command.Command<Uint8Array>>()
    expectTypeOf(Server.configGet(["*"])).toEqualTypeOf<Command.Command<Record<string, string>>>()
    expectTypeOf(Server.role()).toEqualTypeOf<Command.Command<Server.Role>>()
    expectTypeOf(Server.memoryUsage("k")).toEqualTypeOf<Command.Command<number | null>>()
    // @ts-expect-error connections of a type, or some of them
    void Server.clientList({ type: "normal", id: [1] })
  })
})
