/**
 * Callers without types: every function of `Redis`, with every kind of value that it was not made for, in every place. A
 * command may succeed or fail with a `RedisError`; it never throws, never dies, and never costs the command beside it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Command, CommandSpec, Nodes, Redis, RedisCluster, RedisError, Script, Session } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

const hostile: ReadonlyArray<readonly [what: string, value: unknown]> = [
  ["undefined", undefined],
  ["null", null],
  ["true", true],
  ["an object", {}],
  ["an empty array", []],
  ["a sparse array", Object.assign([], { length: 3 })],
  ["an array of nothing", [undefined]],
  ["an object of a negative length", { length: -1 }],
  ["what claims to be bytes", Object.create(Uint8Array.prototype, { length: { value: -5 } })],
  ["NaN", NaN],
  ["an infinity", Infinity],
  ["a symbol", Symbol("s")],
  ["a function", () => "k"],
  ["other bytes", new Uint16Array([1, 2])],
  ["a view", new DataView(new ArrayBuffer(4))],
  ["a Map", new Map([["k", "v"]])],
  ["a Date that is none", new Date(NaN)],
  ["an Option", Option.some("k")],
  ["an Effect", Effect.succeed("k")],
  ["empty text", ""],
  ["text", "xyz"],
  ["text that is no unit", "5 parsecs"],
  ["a lone surrogate", "\ud800"],
  ["a number", 5],
  ["beyond numbers", 2n ** 200n],
  ["an option that nobody knows", { nxx: true }],
  ["options of wrong kinds", {
    count: "1",
    nx: 1,
    ex: null,
    block: {},
    timeout: [],
    from: 5,
    limit: "x",
    weights: "1"
  }],
  ["a record of nothing", { a: undefined }],
  ["pairs that are none", [["a"], "b"]],
  ["what throws when it is looked at", new Proxy({}, { get: () => assert.fail(), ownKeys: () => assert.fail() })]
]

/** What stands in the other places. Between them, most functions come to look at the hostile one. */
const others: ReadonlyArray<unknown> = ["k", ["k"], { a: "1" }, "1 second", 1]

const notCommands = new Set([
  "Redis",
  "RedisError",
  "isRedisError",
  "command",
  "pipeline",
  "transaction",
  "optimistic",
  "ensureReplication"
])

const functions = Object.entries(Redis).filter(([name, value]) =>
  typeof value === "function" && !notCommands.has(name)
) as unknown as ReadonlyArray<readonly [string, (...args: ReadonlyArray<unknown>) => Command.Any]>

const blocks = ({ args, spec }: Command.Any): boolean => CommandSpec.blockMillis(spec, args) !== undefined

type Labelled = readonly [label: string, command: Effect.Effect<unknown, unknown, Redis.Redis>]

/** Runs them side by side on one connection, another command behind each, and looks at all of them. */
const together = Effect.fnUntraced(function*(
  commands: ReadonlyArray<Labelled>
): Effect.fn.Return<ReadonlyArray<RedisError.RedisError | undefined>, never, Redis.Redis> {
  const run = ([label, command]: Labelled) =>
    Effect.all([Effect.exit(command), Effect.exit(Redis.echo(label))], { concurrency: "unbounded" })
  const exits = yield* Effect.forEach(commands, run, { concurrency: "unbounded" })
  return exits.map(([exit, echoed], index) => {
    const [label] = commands[index]
    assert.deepStrictEqual(echoed, Exit.succeed(label))
    if (Exit.isSuccess(exit)) return undefined
    const error = Option.getOrUndefined(Exit.findErrorOption(exit))
    if (!RedisError.isRedisError(error)) return assert.fail(`${label}: ${exit.cause}`)
    return error
  })
})

const oneNode = Effect.provide(FakeCluster.layer({ primaries: 1, replicas: 0 }))

describe("what a caller without types gives", () => {
  it("finds the functions of Redis", () => assert.isAbove(functions.length, 170))

  for (const [name, build] of functions) {
    it.effect(`${name} takes it, or says what is wrong with it`, () =>
      Effect.gen(function*() {
        const places = Math.max(build.length + 1, 4)
        const commands: Array<readonly [string, Command.Any]> = []
        for (const [index, [what, value]] of hostile.entries()) {
          for (let place = 0; place < places; place++) {
            for (const [turn, other] of others.entries()) {
              const args = Array.from({ length: places }, (_, i) => i === place ? value : other)
              // With others behind it, and as the last one, by turns.
              const given = (index + turn) % 2 === 0 ? places : place + 1
              const label = `${name}, ${what} as argument ${place + 1} of ${given}, beside ${JSON.stringify(other)}`
              commands.push([label, build(...args.slice(0, given))])
            }
          }
        }
        assert.isTrue(commands.every(([, command]) => Command.isCommand(command)))
        const ready = commands.filter(([, command]) => !blocks(command))
        const errors = yield* together(ready)
        for (const [index, [label, { problem }]] of ready.entries()) {
          if (problem === undefined) continue
          assert.strictEqual(errors[index]?.reason._tag, "InvalidArgument", label)
          assert.strictEqual(errors[index]?.delivery, "NotSent", label)
        }
      }).pipe(oneNode))
  }
})

/** What can't be sent, as an argument. Numbers, and what only has no meaning, are not among it. */
const unsendable = hostile.filter(([, value]) =>
  typeof value !== "string" && typeof value !== "bigint" && (typeof value !== "number" || Number.isNaN(value))
)

const GET = CommandSpec.find("GET")!
const raw = (value: unknown) => value

describe("an argument that is neither text, bytes nor a number", () => {
  const doors: ReadonlyArray<readonly [door: string, (value: never) => Effect.Effect<unknown, unknown, unknown>]> = [
    ["get", (value) => Redis.get(value)],
    ["set", (value) => Redis.set("k", value)],
    ["hset", (value) => Redis.hset("h", { a: value })],
    ["mget", (value) => Redis.mget(["k", value])],
    ["publish", (value) => Redis.publish("c", value)],
    ["publish, as a channel", (value) => Redis.publish(value, "m")],
    ["spublish", (value) => Redis.spublish(value, "m")],
    ["eval", (value) => Redis.eval("return 1", { args: [value] })],
    ["eval, as a key", (value) => Redis.eval("return 1", { keys: [value] })],
    ["fcall", (value) => Redis.fcall("f", { keys: ["k"], args: [value] })],
    ["a script", (value) => Script.make({ lua: "return 1", params: () => ({ keys: [value] }) })()],
    ["a function", (value) => Script.fn({ name: "f", params: () => ({ args: [value] }) })()],
    ["command", (value) => Redis.command("GET", [value])],
    ["command, of a name that nobody knows", (value) => Redis.command("MY.GET", [value], { keys: [0] })],
    ["Command.make", (value) => Command.make(GET, [value], raw)],
    ["Command.makeSealed", (value) => Command.makeSealed(GET, [value], raw)],
    [
      "Command.makeAbridged",
      (value) => Command.makeAbridged({ spec: GET, args: ["k"] }, { spec: GET, args: [value] }, raw)
    ],
    [
      "Command.makeUnit",
      (value) => Command.makeUnit(GET, [Redis.get(value)], raw, { bytes: false, idempotent: false })
    ],
    ["a mapped command", (value) => Redis.get(value).pipe(Command.map(() => 1), Command.timeout("1 second"))],
    ["a pipeline", (value) => Redis.pipeline([Redis.get("a"), Redis.get(value)])],
    ["a transaction", (value) => Redis.transaction([Redis.get("k"), Redis.set("k", value)])],
    ["optimistic", (value) => Redis.optimistic([value], Effect.succeed([]))],
    ["optimistic, in what is answered", (value) => Redis.optimistic(["k"], Effect.succeed([Redis.set("k", value)]))],
    ["a session", (value) => Session.use({ keys: [value] }, Redis.ping())],
    ["a command of a session", (value) => Session.use({ keys: "k" }, Redis.set("k", value))],
    [
      "one node",
      (value) =>
        Effect.flatMap(
          RedisCluster.RedisCluster,
          ({ topology }) => Nodes.executeOn([...topology.currentUnsafe().nodes.values()][0].address, Redis.get(value))
        )
    ]
  ]

  for (const [door, through] of doors) {
    it.effect(`fails by itself, before anything is sent: ${door}`, () =>
      Effect.gen(function*() {
        const fake = yield* FakeCluster.FakeCluster
        const errors = yield* together(
          unsendable.map(([what, value]): Labelled => [what, through(value as never) as Labelled[1]])
        ) as Effect.Effect<ReadonlyArray<RedisError.RedisError | undefined>>
        for (const [index, error] of errors.entries()) {
          assert.deepInclude(error, { delivery: "NotSent" }, unsendable[index][0])
          assert.strictEqual(error?.reason._tag, "InvalidArgument", unsendable[index][0])
        }
        assert.deepStrictEqual(yield* fake.keys("fake-0"), [])
      }).pipe(oneNode) as Effect.Effect<void>)
  }

  it.effect("leaves the rest of a pipeline alone where each has its own result", () =>
    Effect.gen(function*() {
      const commands = [Redis.set("a", "1"), Redis.get(undefined as never), Redis.get("a")] as const
      const [set, failed, get] = yield* Redis.pipeline(commands, { mode: "result" })
      assert.deepStrictEqual([set, get], [Result.succeed("OK"), Result.succeed("1")])
      assert.isTrue(Result.isFailure(failed) && failed.failure.reason._tag === "InvalidArgument")
    }).pipe(oneNode))
})

describe("what is no command", () => {
  const lists: ReadonlyArray<readonly [string, unknown]> = [
    ...hostile.filter(([, value]) => !Array.isArray(value)),
    ["no commands", ["GET", "k"]],
    ["one that is none", [Redis.get("k"), undefined]],
    ["an Effect that is none", [Effect.succeed(1)]],
    ["a hole", Object.assign([Redis.get("a")], { 2: Redis.get("k") })]
  ]
  const doors: ReadonlyArray<readonly [door: string, (value: never) => Effect.Effect<unknown, unknown, unknown>]> = [
    ["pipeline", (value) => Redis.pipeline(value)],
    ["transaction", (value) => Redis.transaction(value)],
    ["optimistic", (value) => Redis.optimistic(["k"], Effect.succeed(value))],
    [
      "executeAll",
      (value) =>
        Effect.flatMap(
          Redis.Redis,
          (redis) => Effect.flatMap(redis.executeAll(value), Effect.forEach((result) => Effect.fromResult(result)))
        )
    ],
    [
      "execute",
      (value: unknown) =>
        Effect.flatMap(Redis.Redis, (redis) => redis.execute((Array.isArray(value) ? value.at(-1) : value) as never))
    ],
    [
      "a session",
      (value) =>
        Session.use(
          {},
          Effect.flatMap(Redis.Redis, (redis) =>
            Effect.flatMap(redis.executeAll(value), Effect.forEach((result) => Effect.fromResult(result))))
        )
    ],
    ["a combinator", (value) => Command.map(value, (value) => value)],
    [
      "an executed list, with a result each",
      (value) =>
        Effect.flatMap(
          Redis.pipeline(value, { mode: "result" }),
          Effect.forEach((result) => Effect.fromResult(result as Result.Result<unknown, unknown>))
        )
    ]
  ]
  for (const [door, through] of doors) {
    it.effect(`is refused by name, and nothing else is lost: ${door}`, () =>
      Effect.gen(function*() {
        const errors = yield* together(
          lists.map(([what, value]): Labelled => [what, through(value as never) as Labelled[1]])
        )
        for (const [index, error] of errors.entries()) {
          const [what, value] = lists[index]
          if (Array.isArray(value) && value.at(-1) !== undefined && door === "execute") continue
          assert.strictEqual(error?.reason._tag, "InvalidArgument", what)
        }
      }).pipe(oneNode) as Effect.Effect<void>)
  }

  it.effect("what a second copy of the package builds is one", () =>
    Effect.gen(function*() {
      const other = Object.assign(
        Object.create(Command.isCommand(Redis.get("k")) ? Object.getPrototypeOf(Redis.get("k")) : null),
        {
          ...Redis.get("k")
        }
      ) as Command.Command<string | null>
      yield* Redis.set("k", "v")
      assert.deepStrictEqual(yield* Redis.pipeline([other]), ["v"])
    }).pipe(oneNode))
})

describe("a combinator that is given something else", () => {
  const combined: ReadonlyArray<readonly [string, unknown]> = [
    ["map", Redis.get("k").pipe(Command.map(undefined as never))],
    ["timeout", Redis.get("k").pipe(Command.timeout(undefined as never))],
    ["timeout, of no unit", Redis.get("k").pipe(Command.timeout("soon" as never))],
    ["timeout, below zero", Redis.get("k").pipe(Command.timeout(-1))],
    ["schema", Redis.get("k").pipe(Command.schema(undefined as never))],
    ["option", Command.option(undefined as never)],
    ["bytes", Command.bytes({} as never)],
    ["idempotent", Command.idempotent("GET" as never)],
    ["make without facts", Command.make(undefined as never, [], raw)],
    ["make without arguments", Command.make(GET, undefined as never, raw)],
    ["make without a decoder", Command.make(GET, ["k"], undefined as never)]
  ]
  it.effect("fails with what is wrong, and is never thrown", () =>
    Effect.gen(function*() {
      const errors = yield* together(combined as ReadonlyArray<Labelled>)
      for (const [index, error] of errors.entries()) {
        assert.strictEqual(error?.reason._tag, "InvalidArgument", combined[index][0])
      }
    }).pipe(oneNode))
})
