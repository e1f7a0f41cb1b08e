import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Command from "../../src/Command.ts"
import * as Scripting from "../../src/commands/scripting.ts"
import { Mismatch } from "../../src/internal/commands/reply.ts"
import * as Resp from "../../src/Resp.ts"

const bytes = Uint8Array.from([0, 255])
const sha = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
const lua = "return 1"

const sent: ReadonlyArray<readonly [Command.Any, ReadonlyArray<Command.Arg>]> = [
  [Scripting.eval(lua), ["EVAL", lua, "0"]],
  [Scripting.eval(lua, { keys: ["k", bytes], args: ["a", bytes] }), ["EVAL", lua, "2", "k", bytes, "a", bytes]],
  [Scripting.eval(bytes, { keys: ["k"] }), ["EVAL", bytes, "1", "k"]],
  [
    Scripting.eval(lua, { args: [0.5, -1, 1e21, 2n ** 64n, Infinity, -Infinity] }),
    ["EVAL", lua, "0", "0.5", "-1", "1e+21", "18446744073709551616", "inf", "-inf"]
  ],
  [Scripting.evalRo(lua, { keys: ["k"], args: [1] }), ["EVAL_RO", lua, "1", "k", "1"]],
  [Scripting.evalsha(sha), ["EVALSHA", sha, "0"]],
  [Scripting.evalsha(sha, { keys: ["k"], args: [1] }), ["EVALSHA", sha, "1", "k", "1"]],
  [Scripting.evalshaRo(sha, { keys: ["k"] }), ["EVALSHA_RO", sha, "1", "k"]],
  [Scripting.fcall("f", { keys: ["k"], args: ["a"] }), ["FCALL", "f", "1", "k", "a"]],
  [Scripting.fcallRo("f"), ["FCALL_RO", "f", "0"]],
  [Scripting.functionDelete("lib"), ["FUNCTION DELETE", "lib"]],
  [Scripting.functionDump(), ["FUNCTION DUMP"]],
  [Scripting.functionFlush(), ["FUNCTION FLUSH"]],
  [Scripting.functionFlush({ mode: "SYNC" }), ["FUNCTION FLUSH", "SYNC"]],
  [Scripting.functionKill(), ["FUNCTION KILL"]],
  [Scripting.functionList(), ["FUNCTION LIST"]],
  [
    Scripting.functionList({ libraryname: "lib*", withcode: true }),
    ["FUNCTION LIST", "LIBRARYNAME", "lib*", "WITHCODE"]
  ],
  [Scripting.functionLoad("#!lua name=lib"), ["FUNCTION LOAD", "#!lua name=lib"]],
  [Scripting.functionLoad(bytes, { replace: true }), ["FUNCTION LOAD", "REPLACE", bytes]],
  [Scripting.functionRestore(bytes), ["FUNCTION RESTORE", bytes]],
  [Scripting.functionRestore(bytes, { policy: "FLUSH" }), ["FUNCTION RESTORE", bytes, "FLUSH"]],
  [Scripting.functionStats(), ["FUNCTION STATS"]],
  [Scripting.scriptExists([sha, "f"]), ["SCRIPT EXISTS", sha, "f"]],
  [Scripting.scriptFlush(), ["SCRIPT FLUSH"]],
  [Scripting.scriptFlush({ mode: "ASYNC" }), ["SCRIPT FLUSH", "ASYNC"]],
  [Scripting.scriptKill(), ["SCRIPT KILL"]],
  [Scripting.scriptLoad(lua), ["SCRIPT LOAD", lua]]
]

const refused: ReadonlyArray<readonly [Command.Any, string]> = [
  [Scripting.eval(lua, { args: [1, NaN] }), "an argument has to be a number, not NaN"],
  [Scripting.evalRo(lua, { args: [NaN] }), "an argument has to be a number, not NaN"],
  [Scripting.evalsha(sha, { args: [NaN] }), "an argument has to be a number, not NaN"],
  [Scripting.evalshaRo(sha, { args: [NaN] }), "an argument has to be a number, not NaN"],
  [Scripting.fcall("f", { args: [NaN] }), "an argument has to be a number, not NaN"],
  [Scripting.fcallRo("f", { args: [NaN] }), "an argument has to be a number, not NaN"],
  [Scripting.scriptExists([]), "give at least one digest"]
]

const error = new Resp.ReplyError("ERR oh no")

const functionsFlat = [
  ["name", "f", "description", null, "flags", ["no-writes"]],
  ["name", "g", "description", "adds", "flags", []]
]
const functionsMap = functionsFlat.map(([name, f, description, text, flags, list]) =>
  new Map<Resp.Value, Resp.Value>([[name, f], [description, text], [flags, list]] as ReadonlyArray<
    readonly [Resp.Value, Resp.Value]
  >)
)
const library = {
  name: "lib",
  engine: "LUA",
  functions: [
    { name: "f", description: null, flags: ["no-writes"] },
    { name: "g", description: "adds", flags: [] }
  ]
}
const libraryMap = new Map<Resp.Value, Resp.Value>([
  ["library_name", "lib"],
  ["engine", "LUA"],
  ["functions", functionsMap]
])

const decoded: ReadonlyArray<readonly [Command.Any, Resp.Value, unknown]> = [
  [Scripting.eval(lua), null, null],
  [Scripting.eval(lua), [1, "a", [null], error], [1, "a", [null], error]],
  [Scripting.fcall("f"), 1, 1],
  [Scripting.functionList(), [], []],
  [Scripting.functionList(), [["library_name", "lib", "engine", "LUA", "functions", functionsFlat]], [library]],
  [Scripting.functionList(), [libraryMap], [library]],
  [
    Scripting.functionList({ withcode: true }),
    [new Map([...libraryMap, ["library_code", "#!lua name=lib"]])],
    [{ ...library, code: "#!lua name=lib" }]
  ],
  [Scripting.functionLoad("x"), "lib", "lib"],
  [
    Scripting.functionStats(),
    ["running_script", null, "engines", ["LUA", ["libraries_count", 1, "functions_count", 2]]],
    { running: null, engines: { LUA: { libraries: 1, functions: 2 } } }
  ],
  [
    Scripting.functionStats(),
    new Map<Resp.Value, Resp.Value>([
      ["running_script", ["name", "f", "command", ["FCALL", "f", "0"], "duration_ms", 6000]],
      ["engines", []]
    ]),
    { running: { name: "f", command: ["FCALL", "f", "0"], millis: 6000 }, engines: {} }
  ],
  [Scripting.scriptExists(["a", "b"]), [1, 0], [true, false]],
  [Scripting.scriptFlush(), "OK", "OK"],
  [Scripting.scriptLoad(lua), sha, sha]
]

const mismatched: ReadonlyArray<readonly [Command.Any, Resp.Value]> = [
  [Scripting.functionDelete("lib"), "QUEUED"],
  [Scripting.functionDump(), 1],
  [Scripting.functionList(), [["library_name", "lib"]]],
  [Scripting.functionList({ withcode: true }), [libraryMap]],
  [Scripting.functionLoad("x"), null],
  [Scripting.functionStats(), ["running_script", null]],
  [Scripting.scriptExists(["a"]), [2]],
  [Scripting.scriptLoad(lua), ["a"]]
]

/** Records have no prototype, which strict equality would hold against them. */
const plain = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "engines" in value
    ? { ...value, engines: { ...value.engines as object } }
    : value

describe("commands/scripting", () => {
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

  it("finds the keys behind their count (trap 33)", () => {
    const input = { keys: ["k", bytes], args: ["a", 1] }
    const commands = [
      Scripting.eval(lua, input),
      Scripting.evalRo(lua, input),
      Scripting.evalsha(sha, input),
      Scripting.evalshaRo(sha, input),
      Scripting.fcall("f", input),
      Scripting.fcallRo("f", input)
    ]
    for (const command of commands) assert.deepStrictEqual(Command.keys(command), ["k", bytes])
    assert.deepStrictEqual(Command.keys(Scripting.eval(lua, { args: ["a"] })), [])
  })

  it("knows which only read", () => {
    const reads = [Scripting.evalRo(lua), Scripting.evalshaRo(sha), Scripting.fcallRo("f")]
    const others = [Scripting.eval(lua), Scripting.evalsha(sha), Scripting.fcall("f")]
    assert.isTrue(reads.every((command) => command.spec.readOnly))
    assert.isFalse(others.some((command) => command.spec.readOnly))
  })

  it("a dump of functions is bytes, and restored as bytes", () => {
    assert.isTrue(Scripting.functionDump().bytes)
    assert.deepStrictEqual(Scripting.functionDump().decode(bytes), bytes)
  })

  it("raw replies can be bytes", () => {
    const command = Command.bytes(Scripting.eval(lua))
    assert.strictEqual(command.problem, undefined)
    assert.deepStrictEqual(command.decode(bytes), bytes)
  })

  it("types say what is replied", () => {
    expectTypeOf(Scripting.eval(lua)).toEqualTypeOf<Command.Command<Resp.Value>>()
    expectTypeOf(Command.bytes(Scripting.eval(lua))).toEqualTypeOf<Command.Command<Resp.Value>>()
    expectTypeOf(Scripting.functionDump()).toEqualTypeOf<Command.Command<Uint8Array>>()
    expectTypeOf(Scripting.functionList()).toEqualTypeOf<Command.Command<ReadonlyArray<Scripting.FunctionLibrary>>>()
    expectTypeOf(Scripting.functionList({ withcode: true })).toEqualTypeOf<
      Command.Command<ReadonlyArray<Scripting.FunctionLibrary & { readonly code: string }>>
    >()
    expectTypeOf(Scripting.scriptExists([sha])).toEqualTypeOf<Command.Command<ReadonlyArray<boolean>>>()
    // @ts-expect-error null is no argument
    void Scripting.eval(lua, { args: [null] })
  })
})
