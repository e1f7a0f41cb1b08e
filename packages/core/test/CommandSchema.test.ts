import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import type * as Resp from "../src/Resp.ts"
import { connected } from "./support/client.ts"
import { keyOfA, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const secret = "s3cret"

/** What a GET fails with whose reply is JSON of that value. */
const failing = Effect.fnUntraced(function*(codec: Schema.Decoder<unknown>, value: unknown) {
  const { a, run } = yield* connected()
  a.on("GET", Reply.bulk(typeof value === "string" ? value : JSON.stringify(value)))
  const schema = typeof value === "string" ? codec : Schema.fromJsonString(codec)
  const error = yield* Effect.flip(
    run(Redis.get(keyOfA).pipe(Command.schema(schema as unknown as Schema.Codec<unknown, string>)))
  )
  assert.deepStrictEqual([error.reason._tag, error.delivery, error.node], ["DecodeFailed", "Executed", "a:7000"])
  assert.notInclude(JSON.stringify(error) + error.message + String(error.stack), secret)
  return error.message
})

const Nested = Schema.Struct({ a: Schema.Struct({ b: Schema.Number }) })

const throwing = (thrown: unknown) =>
  Schema.String.pipe(Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transform((): string => {
      throw thrown
    }),
    encode: SchemaGetter.transform(String)
  }))

const effectful = (effect: (text: string) => Effect.Effect<string, SchemaIssue.Issue>) =>
  Schema.String.pipe(Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transformEffect(effect),
    encode: SchemaGetter.transform(String)
  }))

class Account extends Schema.Class<Account>("Account")({ owner: Schema.String, cents: Schema.FiniteFromString }) {}

interface Chain {
  readonly v: number
  readonly next: Chain | null
}
const Chain: Schema.Codec<Chain> = Schema.Struct({
  v: Schema.Number,
  next: Schema.NullOr(Schema.suspend((): Schema.Codec<Chain> => Chain))
})

const Told = Schema.Union([
  Schema.Struct({ _tag: Schema.Literal("A"), x: Schema.Number }),
  Schema.Struct({ _tag: Schema.Literal("B"), y: Schema.Number })
])
const Either = Schema.Union([
  Schema.Struct({ x: Schema.Number }),
  Schema.Struct({ y: Schema.Struct({ z: Schema.Number }) })
])

describe("a reply that does not fit a schema", () => {
  it.effect.each<readonly [name: string, codec: Schema.Decoder<unknown>, value: unknown, told: string]>([
    ["a field of a field", Nested, { a: { b: secret } }, `at ["a"]["b"], expected number, received string`],
    ["a field that is missing", Nested, { a: {} }, `at ["a"]["b"], expected number, received nothing`],
    ["null where there should be an object", Nested, { a: null }, `at ["a"], expected object, received null`],
    ["the whole", Nested, [secret], "expected object, received array"],
    [
      "an element",
      Schema.Array(Nested),
      [{ a: { b: 1 } }, { a: { b: true } }],
      `at [1]["a"]["b"], expected number, received boolean`
    ],
    [
      "an element that is missing",
      Schema.Tuple([Schema.String, Schema.Number]),
      [secret],
      "at [1], expected number, received nothing"
    ],
    [
      "an element too many",
      Schema.Tuple([Schema.Number]),
      [1, secret],
      "at [1], expected no such key, received string"
    ],
    [
      "text that is not JSON",
      Schema.fromJsonString(Nested),
      `{"a":${secret}`,
      "expected a string that will be decoded as JSON, received string"
    ],
    ["text that is no number", Schema.FiniteFromString, secret, "expected a finite number, received NaN"],
    [
      "text that is no URL",
      Schema.URLFromString,
      secret,
      "expected a string that will be decoded as a URL, received string"
    ],
    ["text that is no date", Schema.DateFromString, secret, "expected a valid Date, received an invalid Date"],
    [
      "a number that is no integer",
      Schema.Struct({ n: Schema.Int }),
      { n: 1.5 },
      `at ["n"], expected an integer, received number`
    ],
    [
      "text that is too short",
      Schema.Struct({ n: Schema.String.check(Schema.isMinLength(30)) }),
      { n: secret },
      `at ["n"], expected a value with a length of at least 30, received string`
    ],
    ["another literal", Schema.Literals(["on", "off"]), secret, `expected "on" | "off", received string`],
    [
      "no member of a union",
      Schema.Struct({ n: Schema.Union([Schema.String, Schema.Number]) }),
      { n: true },
      `at ["n"], expected string | number, received boolean`
    ],
    [
      "the member of a union that its tag names",
      Told,
      { _tag: "B", y: secret },
      `at ["y"], expected number, received string`
    ],
    [
      "the member of a union that got furthest",
      Either,
      { y: { z: secret } },
      `at ["y"]["z"], expected number, received string`
    ],
    [
      "members of a union that fail alike",
      Schema.Union([Schema.FiniteFromString, Schema.BigIntFromString]),
      secret,
      "expected another string, received string"
    ],
    [
      "what may be null",
      Schema.NullOr(Nested),
      { a: { b: secret } },
      `at ["a"]["b"], expected number, received string`
    ],
    ["a class", Account, { owner: secret, cents: secret }, `at ["cents"], expected a finite number, received NaN`],
    [
      "what refers to itself",
      Chain,
      { v: 1, next: { v: secret, next: null } },
      `at ["next"]["v"], expected number, received string`
    ],
    [
      "what has a name",
      Schema.Struct({ id: Schema.String.annotate({ identifier: "UserId" }) }),
      { id: 5 },
      `at ["id"], expected UserId, received number`
    ],
    [
      "a field of a record",
      Schema.Record(Schema.String, Schema.Number),
      { [secret]: "x" },
      "at [*], expected number, received string"
    ],
    [
      "a field that is not named",
      Schema.StructWithRest(Schema.Struct({ a: Schema.Number }), [Schema.Record(Schema.String, Schema.Number)]),
      { a: 1, [secret]: "x" },
      "at [*], expected number, received string"
    ],
    [
      "a check that repeats the value",
      Schema.Struct({ a: Schema.String.check(Schema.makeFilter((a) => a === "" || `${a} is wrong`)) }),
      { a: secret },
      `at ["a"], expected a value that passes the checks of the schema, received string`
    ],
    [
      "a check that points at the value",
      Schema.Struct({ a: Schema.String, b: Schema.String }).check(
        Schema.makeFilter(({ a }) => ({ path: ["b", a], issue: a }))
      ),
      { a: secret, b: secret },
      `at ["b"][*], expected a value that passes the checks of the schema, received object`
    ],
    [
      "a check that points at the value by a number",
      Schema.Struct({ a: Schema.Number }).check(Schema.makeFilter(({ a }) => ({ path: [a], issue: "odd" }))),
      { a: 4242 },
      "at [*], expected a value that passes the checks of the schema, received object"
    ],
    [
      "a check that points into a record",
      Schema.Struct({ all: Schema.Record(Schema.String, Schema.Struct({ a: Schema.String })) }).check(
        Schema.makeFilter(({ all }) => ({ path: ["all", Object.keys(all)[0], "a"], issue: "odd" }))
      ),
      { all: { [secret]: { a: secret } } },
      `at ["all"][*]["a"], expected a value that passes the checks of the schema, received object`
    ],
    [
      "the only member of a union that it could have been",
      Schema.Union([Schema.FiniteFromString, Schema.Literal("a")]),
      secret,
      "expected a finite number, received NaN"
    ],
    [
      "JSON of a text that is no URL",
      Schema.fromJsonString(Schema.URLFromString),
      `"${secret}"`,
      "expected a string that will be decoded as a URL, received string"
    ],
    [
      "a schema that can't be made",
      Schema.suspend((): Schema.Codec<string> => {
        throw new TypeError(secret)
      }),
      secret,
      "expected a schema that decodes at once, and does not throw, received TypeError"
    ],
    [
      "a transformation that repeats the value",
      Schema.Struct({
        a: effectful((text) => Effect.fail(new SchemaIssue.InvalidValue({ expected: `not ${text}`, message: text })))
      }),
      { a: secret },
      `at ["a"], expected another string, received string`
    ],
    [
      "a transformation that throws",
      throwing(new TypeError(secret)),
      secret,
      "expected a schema that decodes at once, and does not throw, received TypeError"
    ],
    [
      "a transformation that throws anything",
      throwing(secret),
      secret,
      "expected a schema that decodes at once, and does not throw, received string"
    ],
    [
      "a transformation that waits",
      effectful((text) => Effect.delay(Effect.succeed(text), "1 second")),
      secret,
      "expected a schema that decodes at once, and does not throw, received AsyncFiberError"
    ],
    [
      "a transformation that dies",
      effectful(() => Effect.die(new RangeError(secret))),
      secret,
      "expected a schema that decodes at once, and does not throw, received RangeError"
    ]
  ])("tells where and how, and never the value: %s", ([, codec, value, told]) =>
    Effect.gen(function*() {
      const message = yield* failing(codec, value)
      assert.strictEqual(
        message,
        `GET (slot ${slotOfA}, a:7000): the reply does not fit the schema: ${told}; the command was executed`
      )
    }))

  it.effect("keeps what it expected short", () =>
    Effect.gen(function*() {
      const many = Schema.Literals(Array.from({ length: 1000 }, (_, i) => `literal ${i}`))
      assert.isBelow((yield* failing(many, secret)).length, 350)
    }))

  it.effect("tells the same of the hash that it is", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("HGETALL", Reply.map([[Reply.bulk("age"), Reply.bulk(secret)], [Reply.bulk("name"), Reply.bulk("ada")]]))
      const User = Schema.Struct({ name: Schema.String, age: Schema.FiniteFromString })
      const error = yield* Effect.flip(run(Redis.hgetall(keyOfA).pipe(Command.schema(User))))
      assert.strictEqual(
        error.message,
        `HGETALL (slot ${slotOfA}, a:7000): the reply does not fit the schema: at ["age"], expected a finite number, received NaN; ` +
          "the command was executed"
      )
    }))

  it.effect("fails alone in a pipeline and in a transaction", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      const get = Redis.get(keyOfA).pipe(Command.schema(Schema.fromJsonString(Nested)))
      a.on("GET", Reply.bulk(`{"a":{"b":"${secret}"}}`))
      const [first, second] = yield* run(Redis.pipeline([get, Redis.set(keyOfA, "1")], { mode: "result" }))
      assert.deepStrictEqual([first._tag, second._tag], ["Failure", "Success"])
      const queued = Reply.simple("QUEUED")
      a.on("MULTI", Reply.simple("OK")).on("GET", queued).on("SET", queued)
      a.on("EXEC", Reply.array([Reply.bulk(`{"a":{"b":"${secret}"}}`), Reply.simple("OK")]))
      const error = yield* Effect.flip(run(Redis.transaction([get, Redis.set(keyOfA, "1")])))
      assert.include(error.message, `at ["a"]["b"], expected number, received string`)
      assert.strictEqual(error.delivery, "Executed")
    }))
})

describe("a schema that is none", () => {
  it.effect("makes the command fail before it is sent", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      for (const none of [undefined, null, {}, "Schema.String", () => {}]) {
        const command = Redis.get(keyOfA).pipe(Command.schema(none as unknown as Schema.Codec<string>))
        const error = yield* Effect.flip(run(command))
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "NotSent"])
        assert.include(error.message, "schema takes a Schema")
      }
      assert.deepStrictEqual(a.commands, [])
    }))
})

const accepts = <A>(_command: Command.Command<A>, _same: (value: A) => A): void => {}

describe("a schema of a reply", () => {
  it("may name the fields of what is a record of text", () => {
    const User = Schema.Struct({ name: Schema.String, age: Schema.NumberFromString })
    interface User {
      readonly name: string
      readonly age: number
    }
    const hash = Redis.hgetall("k").pipe(Command.schema(User))
    accepts<User>(hash, (user) => user)
    assert.deepStrictEqual(hash.decode(["name", "ada", "age", "36"]), { name: "ada", age: 36 })
    assert.deepStrictEqual(hash.decode(new Map([["name", "ada"], ["age", "36"], ["more", "x"]])), {
      name: "ada",
      age: 36
    })
    accepts<Account>(Redis.hgetall("k").pipe(Command.schema(Account)), (account) => account)
    const Some = Schema.Struct({
      name: Schema.optionalKey(Schema.String),
      age: Schema.optional(Schema.NumberFromString)
    })
    assert.deepStrictEqual(Redis.hgetall("k").pipe(Command.schema(Some)).decode([]), {})
    const Ages = Schema.Record(Schema.String, Schema.NumberFromString)
    accepts<Readonly<Record<string, number>>>(Redis.hgetall("k").pipe(Command.schema(Ages)), (ages) => ages)
    const Memory = Schema.Struct({ maxmemory: Schema.NumberFromString })
    accepts<{ readonly maxmemory: number }>(
      Redis.configGet(["maxmemory"]).pipe(Command.schema(Memory)),
      (memory) => memory
    )
    accepts<{ readonly used_memory: number }>(
      Redis.infoFields().pipe(Command.schema(Schema.Struct({ used_memory: Schema.NumberFromString }))),
      (memory) => memory
    )
    accepts<ReadonlyArray<{ readonly addr: string }>>(
      Redis.clientList().pipe(Command.schema(Schema.Array(Schema.Struct({ addr: Schema.String })))),
      (clients) => clients
    )
    accepts<{ readonly news: 0 | 1 }>(
      Redis.pubsubNumsub(["news"]).pipe(Command.schema(Schema.Struct({ news: Schema.Literals([0, 1]) }))),
      (counts) => counts
    )
  })

  it("may name them at any depth, and leave out what is beside them", () => {
    const Sample = Schema.Array(Schema.Tuple([Schema.Literal("celsius"), Schema.NumberFromString]))
    const Entry = Schema.Struct({ id: Schema.String, fields: Sample })
    const entries = Redis.xrange("k", "-", "+").pipe(Command.schema(Schema.Array(Entry)))
    assert.deepStrictEqual(entries.decode([["1-1", ["celsius", "21"]]]), [{ id: "1-1", fields: [["celsius", 21]] }])
    const samples = Redis.xrange("k", "-", "+").pipe(Command.schema(Schema.Array(Schema.Struct({ fields: Sample }))))
    accepts<ReadonlyArray<{ readonly fields: ReadonlyArray<readonly ["celsius", number]> }>>(
      samples,
      (samples) => samples
    )
    const pairs = Redis.hrandfield("k", { count: 2, withvalues: true }).pipe(
      Command.schema(Schema.Array(Schema.Struct({ value: Schema.NumberFromString })))
    )
    accepts<ReadonlyArray<{ readonly value: number }>>(pairs, (pairs) => pairs)
  })

  it("may narrow text, and what comes as it is", () => {
    const state = Redis.get("k").pipe(Command.schema(Schema.Literals(["on", "off"])))
    accepts<"on" | "off" | null>(state, (state) => state)
    assert.isNull(state.decode(null))
    const names = Redis.command("KEYS", ["*"]).pipe(Command.schema(Schema.Array(Schema.String)))
    accepts<ReadonlyArray<string> | null>(names, (names) => names)
    accepts<unknown>(Redis.command("GET", ["k"]).pipe(Command.schema(Schema.Unknown)), (value) => value)
    const bytes = Redis.get("k").pipe(Command.bytes, Command.schema(Schema.Uint8Array))
    accepts<Uint8Array | null>(bytes, (bytes) => bytes)
    accepts<number>(Redis.strlen("k").pipe(Command.schema(Schema.Int)), (length) => length)
    accepts<ReadonlyArray<number>>(
      Redis.smembers("k").pipe(Command.schema(Schema.Array(Schema.NumberFromString))),
      (n) => n
    )
    accepts<readonly [string, number]>(
      Redis.lrange("k", 0, 1).pipe(Command.schema(Schema.Tuple([Schema.String, Schema.NumberFromString]))),
      (pair) => pair
    )
    accepts<ReadonlyArray<number | null>>(
      Redis.mget(["k"]).pipe(Command.schema(Schema.Array(Schema.NullOr(Schema.NumberFromString)))),
      (numbers) => numbers
    )
    const raw: Resp.Value = "x"
    assert.strictEqual(Redis.command("GET", ["k"]).pipe(Command.schema(Schema.String)).decode(raw), "x")
  })

  it("can't ask for what the reply can't be", () => {
    // @ts-expect-error values of a hash are text
    Redis.hgetall("k").pipe(Command.schema(Schema.Struct({ age: Schema.Number })))
    // @ts-expect-error a value is text
    Redis.get("k").pipe(Command.schema(Schema.Number))
    // @ts-expect-error a value is text, and JSON has to be said
    Redis.get("k").pipe(Command.schema(Schema.Struct({ age: Schema.String })))
    // @ts-expect-error members are a list
    Redis.smembers("k").pipe(Command.schema(Schema.String))
    // @ts-expect-error a hash is no list
    Redis.hgetall("k").pipe(Command.schema(Schema.Array(Schema.String)))
    const Fields = Schema.Array(Schema.Struct({ fields: Schema.Struct({ a: Schema.String }) }))
    // @ts-expect-error fields of an entry are pairs, since a name may come twice
    Redis.xrange("k", "-", "+").pipe(Command.schema(Fields))
    // @ts-expect-error an entry has no such field
    Redis.xrange("k", "-", "+").pipe(Command.schema(Schema.Array(Schema.Struct({ values: Schema.String }))))
    // @ts-expect-error bytes are not text
    Redis.get("k").pipe(Command.bytes, Command.schema(Schema.NumberFromString))
  })
})
