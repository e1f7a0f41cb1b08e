import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as Command from "../src/Command.ts"
import * as Keyspace from "../src/Keyspace.ts"
import * as Redis from "../src/Redis.ts"

const secret = "s3cret"
const name = Keyspace.name("user:{<id>}")
const id = { id: "ada" }

/** A call that TypeScript would refuse. */
const untyped = <A>(value: A): { readonly [K in keyof A]: (...args: ReadonlyArray<unknown>) => Command.Any } =>
  value as never

const problemOf = (command: Command.Any): string => {
  assert.isTrue(Command.isCommand(command))
  assert.notInclude(JSON.stringify(command) + command.problem, secret)
  return command.problem ?? assert.fail("it has no problem")
}

const profiles = Keyspace.hash(name, {
  fields: { name: Schema.String, age: Schema.FiniteFromString, mail: Schema.optional(Schema.String) },
  ex: "1 day"
})
const documents = Keyspace.string(name, {
  value: Schema.fromJsonString(Schema.Struct({ a: Schema.Struct({ b: Schema.Int }) }))
})
const tags = Keyspace.set(name, { member: Schema.String, ex: "1 day" })
const board = Keyspace.sortedSet(name, { member: Schema.FiniteFromString })
const readings = Keyspace.stream(name, {
  fields: { celsius: Schema.FiniteFromString, note: Schema.optionalKey(Schema.String) }
})
const counts = Keyspace.record(name, { value: Schema.FiniteFromString })

const throwing = Schema.String.pipe(Schema.decodeTo(Schema.String, {
  decode: SchemaGetter.transform((): string => {
    throw new RangeError(secret)
  }),
  encode: SchemaGetter.transform((): string => {
    throw new RangeError(secret)
  })
}))

const asynchronous = Schema.String.pipe(Schema.decodeTo(Schema.String, {
  decode: SchemaGetter.transformEffect((text: string) => Effect.as(Effect.sleep("1 second"), text)),
  encode: SchemaGetter.transformEffect((text: string) => Effect.as(Effect.sleep("1 second"), text))
}))

const thrower = {
  get name(): string {
    throw new Error(secret)
  }
}

describe("a value that does not fit its Schema", () => {
  it.each<readonly [name: string, command: Command.Any, told: string]>([
    [
      "a piece of a document",
      untyped(documents).set(id, { a: { b: secret } }),
      `the value does not fit the schema: at ["a"]["b"], expected number, received string`
    ],
    ["a number that is none", documents.set(id, { a: { b: 1.5 } }), "expected an integer, received number"],
    ["nothing", untyped(documents).set(id), "the value does not fit the schema: expected object, received undefined"],
    ["a field", untyped(profiles).hset(id, { age: secret }), "expected number, received string"],
    ["a field alone", untyped(profiles).hsetnx(id, "name", 1), "expected string, received number"],
    ["a field of any name", untyped(counts).hset(id, { [secret]: secret }), "expected number, received string"],
    [
      "a member",
      untyped(tags).sadd(id, ["a", { secret }]),
      "one member does not fit the schema: expected string, received object"
    ],
    [
      "a member with a score",
      untyped(board).zadd(id, [{ member: secret, score: 1 }]),
      "expected number, received string"
    ],
    ["a missing field of an entry", untyped(readings).xadd(id, { note: "x" }), `at ["celsius"], expected`],
    [
      "a field of an entry",
      untyped(readings).xadd(id, { celsius: secret }),
      `at ["celsius"], expected number, received string`
    ]
  ])("is refused, and not shown: %s", (_, command, told) => {
    assert.include(problemOf(command), told)
  })

  it("is refused by a Schema that throws or is asynchronous, which says so", () => {
    for (const schema of [throwing, asynchronous]) {
      const space = Keyspace.string(name, { value: schema })
      const told = "expected a schema that encodes at once, and does not throw"
      assert.include(problemOf(space.set(id, secret)), told)
      assert.include(problemOf(Keyspace.list(name, { element: schema }).lpush(id, [secret])), told)
      assert.include(problemOf(Keyspace.record(name, { value: schema }).hset(id, { a: secret })), told)
    }
  })

  it("is refused if its Schema makes no text of it", () => {
    const numbers = Keyspace.string(name, { value: Schema.Number as unknown as Schema.Codec<number, string> })
    assert.strictEqual(problemOf(numbers.set(id, 42)), "the value has a schema that does not encode it as text")
    const fields = { age: Schema.Number as unknown as typeof Schema.FiniteFromString }
    assert.include(problemOf(Keyspace.hash(name, { fields }).hset(id, { age: 42 })), "does not encode it as text")
    assert.include(problemOf(Keyspace.stream(name, { fields }).xadd(id, { age: 42 })), "does not encode it as text")
  })
})

describe("a call of a declared key without types", () => {
  it.each<readonly [name: string, command: Command.Any, told: string]>([
    ["no parameters", untyped(tags).scard(), "give the parameters of the key as an object, not undefined"],
    ["the key in their place", untyped(tags).scard(secret), "give the parameters of the key as an object, not text"],
    ["other parameters", untyped(tags).scard({ user: secret }), "the parameter id of the key is missing"],
    ["no list of keys", untyped(documents).mget(id), "give an array"],
    ["no keys", documents.mget([]), "give at least one"],
    ["a key without parameters", untyped(documents).mget([id, {}]), "the parameter id of the key is missing"],
    [
      "a field that is not declared",
      untyped(profiles).hget(id, secret),
      "there is no such field; there are name, age, mail"
    ],
    ["a field of the prototype", untyped(profiles).hget(id, "constructor"), "there is no such field"],
    ["a field that is no text", untyped(profiles).hdel(id, [1]), "there is no such field"],
    ["no list of fields", untyped(profiles).hmget(id, "name"), "give an array"],
    ["no fields", profiles.hset(id, {}), "give at least one field"],
    ["fields that are left out", untyped(profiles).hset(id, { name: undefined }), "give at least one field"],
    ["fields that are none", untyped(profiles).hset(id, secret), "give the fields as an object, not text"],
    ["no fields at all", untyped(profiles).hset(id), "give the fields as an object, not undefined"],
    ["a field whose getter throws", profiles.hset(id, thrower), "not what its type says"],
    ["members that are no list", untyped(tags).sadd(id, "abc"), "give an array"],
    ["no members", tags.sadd(id, []), "give at least one member"],
    ["members that are no objects", untyped(board).zadd(id, [null]), "not what its type says"],
    ["a condition that is none", untyped(documents).set(id, { a: { b: 1 } }, { nxx: true }), "nxx is not an option"],
    ["two conditions", untyped(documents).set(id, { a: { b: 1 } }, { nx: true, xx: true }), "give nx or xx, not both"],
    ["a time to live that is not declared", documents.expire(id), "the keyspace has no time to live"],
    ["a command that is none", name.command(id, () => 1 as never), "give a command"],
    [
      "a command whose maker throws",
      name.command(id, () => {
        throw new Error(secret)
      }),
      "not what its type says"
    ]
  ])("is refused, and says what to give: %s", (_, command, told) => {
    assert.include(problemOf(command), told)
  })

  it("takes fields from wider objects, and leaves out what is not declared", () => {
    const wider = { name: "ada", age: 36, mail: undefined, other: secret }
    assert.deepStrictEqual(profiles.hset(id, wider).args.slice(-4), ["name", "ada", "age", "36"])
  })

  it("writes at most 7000 arguments to a key that expires, and any number to one that does not", () => {
    const members = Array.from({ length: 8000 }, (_, index) => `${index}`)
    assert.include(problemOf(tags.sadd(id, members)), "give fewer at a time")
    assert.strictEqual(Keyspace.set(name, { member: Schema.String }).sadd(id, members).args.length, 8001)
  })
})

describe("a declaration that is wrong", () => {
  const wrong = (options: unknown) => Keyspace.string(name, options as Keyspace.StringOptions<string>)

  it.each<readonly [name: string, options: unknown, told: string]>([
    ["none", undefined, "options have to be a plain object"],
    ["no Schema", {}, "value has to be a Schema, not undefined"],
    ["something else", { value: String }, "value has to be a Schema, not a function"],
    ["another option", { value: Schema.String, ttl: "1 day" }, "ttl is not an option"],
    ["a time without a unit", { value: Schema.String, ex: 60 }, "has to say its unit"],
    ["no time", { value: Schema.String, ex: "0 seconds" }, "a time to live is positive and finite"],
    ["no duration", { value: Schema.String, ex: secret }, "ex has to be a duration"],
    ["a getter that throws", {
      get value() {
        throw new Error(secret)
      }
    }, "can't be read"]
  ])("throws nothing, and its commands say what is wrong: %s", (_, options, told) => {
    const space = wrong(options)
    for (
      const command of [
        space.get(id),
        space.set(id, "x"),
        space.mget([id]),
        space.del(id),
        space.expire(id),
        space.pttl(id)
      ]
    ) {
      assert.include(problemOf(command), told)
    }
  })

  it("has no fields, or fields without a Schema", () => {
    for (const fields of [undefined, {}, { a: String }, secret, thrower]) {
      const space = Keyspace.hash(name, { fields: fields as unknown as Keyspace.Fields })
      assert.include(problemOf(space.hgetall(id)), "fields")
    }
  })

  it("has no name", () => {
    for (const none of [undefined, "user:<id>", {}, { pattern: "user" }]) {
      const space = Keyspace.set(none as unknown as typeof name, { member: Schema.String })
      assert.include(problemOf(space.scard(id)), "give the name of the keys, as Keyspace.name makes it")
    }
  })
})

describe("a command of a declared key", () => {
  it("is that of Redis, on the key", () => {
    assert.deepStrictEqual([tags.scard(id).spec.name, tags.scard(id).args], ["SCARD", ["user:{ada}"]])
    const set = Keyspace.string(name, { value: Schema.String, ex: "90 seconds" }).set(id, "x", { xx: true })
    assert.deepStrictEqual([set.spec.name, set.args], ["SET", ["user:{ada}", "x", "XX", "EX", "90"]])
    assert.deepStrictEqual(name.command(id, (key) => Redis.objectFreq(key)).args, ["user:{ada}"])
  })

  it("that writes to a key that expires is a script on that key, and its text in full", () => {
    const command = tags.sadd(id, ["a"])
    assert.deepStrictEqual([command.spec.name, Command.keys(command)], ["EVALSHA", ["user:{ada}"]])
    assert.deepStrictEqual(command.args.slice(1), ["1", "user:{ada}", "86400000", "SADD", "user:{ada}", "a"])
    assert.strictEqual(Command.inFull(command).spec.name, "EVAL")
  })
})
