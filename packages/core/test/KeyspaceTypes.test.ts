import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Cached from "../src/Cached.ts"
import type * as Command from "../src/Command.ts"
import * as Keyspace from "../src/Keyspace.ts"
import * as Redis from "../src/Redis.ts"

const shop = Keyspace.name("shop")
const user = shop.name("user:{<id>}", { id: Schema.Int })
const profiles = Keyspace.hash(user.name("profile"), {
  fields: { name: Schema.String, visits: Schema.FiniteFromString, mail: Schema.optionalKey(Schema.String) },
  ex: "1 day"
})
const carts = Keyspace.record(shop.name("cart:{<user>}:<month>"), { value: Schema.FiniteFromString })
const groups = Keyspace.set(shop.name("group:{g:<name>}"), { member: Schema.String })
const plain = Keyspace.string(shop.name("note:<id>"), { value: Schema.String })
const counter = Keyspace.string(shop.name("count:<id>"), { value: Schema.FiniteFromString })

const id = { id: 1 }

describe("the types of declared keys", () => {
  it("have the parameters of all parts of the name, by their Schemas", () => {
    expectTypeOf(shop.name("<a>:<b>").key).parameter(0).toEqualTypeOf<{ readonly a: string; readonly b: string }>()
    expectTypeOf(user.name("item:<item>").key).parameter(0)
      .toEqualTypeOf<{ readonly id: number; readonly item: string }>()
    expectTypeOf(user.pattern).toEqualTypeOf<"shop:user:{<id>}">()
    // @ts-expect-error a parameter is missing
    assert.isString(profiles.hgetall({}).problem)
    // @ts-expect-error a parameter has another type
    assert.isString(profiles.hgetall({ id: "1" }).problem)
    // @ts-expect-error there is no such parameter
    Keyspace.name("a:<b>", { c: Schema.String })
    // @ts-expect-error a parameter is one text or number
    Keyspace.name("a:<b>", { b: Schema.Array(Schema.String) })
  })

  it("have replies by the Schemas, and the hash tag", () => {
    expectTypeOf(profiles.hgetall(id)).toEqualTypeOf<
      Keyspace.Keyed<{ readonly name: string; readonly visits: number; readonly mail?: string } | null, "<id>">
    >()
    expectTypeOf(profiles.hget(id, "mail")).toEqualTypeOf<Keyspace.Keyed<string | null, "<id>">>()
    expectTypeOf(profiles.hincrby(id, "visits", 1)).toEqualTypeOf<Keyspace.Keyed<number, "<id>">>()
    expectTypeOf(profiles.hmget(id, ["name", "visits"])).toEqualTypeOf<
      Keyspace.Keyed<{ readonly name: string | null; readonly visits: number | null }, "<id>">
    >()
    expectTypeOf(plain.get({ id: "1" })).toEqualTypeOf<Keyspace.Keyed<string | null, "shop:note:<id>">>()
    expectTypeOf(plain.mget([{ id: "1" }])).toEqualTypeOf<Command.Command<ReadonlyArray<string | null>>>()
    expectTypeOf(plain.set({ id: "1" }, "x")).toEqualTypeOf<Keyspace.Keyed<"OK", "shop:note:<id>">>()
    expectTypeOf(plain.set({ id: "1" }, "x", { nx: true })).toEqualTypeOf<
      Keyspace.Keyed<"OK" | null, "shop:note:<id>">
    >()
    expectTypeOf(counter.incrby({ id: "1" }, 1)).toEqualTypeOf<Keyspace.Keyed<number, "shop:count:<id>">>()
  })

  it("take values by the Schemas", () => {
    assert.isUndefined(profiles.hset(id, { name: "ada" }).problem)
    // @ts-expect-error a number is no text
    assert.isString(profiles.hset(id, { name: 1 }).problem)
    // @ts-expect-error there is no such field
    assert.isString(profiles.hget(id, "nam").problem)
    // @ts-expect-error a text can't be added to
    assert.isString(profiles.hsetnx(id, "name", 1).problem)
    // @ts-expect-error a text can't be added to
    void profiles.hincrby(id, "name", 1)
    // @ts-expect-error the value decodes to a text, which can't be added to
    plain.incrby({ id: "1" }, 1)
    // @ts-expect-error Redis holds text: say how a number is encoded
    Keyspace.string(shop, { value: Schema.Number })
    // @ts-expect-error Redis holds text: say how a number is encoded
    Keyspace.hash(shop, { fields: { age: Schema.Number } })
  })

  it("let tags into one transaction that can be equal", () => {
    const replies = Keyspace.transaction([
      profiles.hset(id, { name: "ada" }),
      carts.hgetall({ user: "1", month: "5" }),
      Redis.get("{1}:other"),
      profiles.hgetall(id).pipe(Cached.for("1 minute"))
    ])
    expectTypeOf(replies).toEqualTypeOf<
      Command.Command<
        readonly [
          number,
          Readonly<Record<string, number>> | null,
          string | null,
          { readonly name: string; readonly visits: number; readonly mail?: string } | null
        ]
      >
    >()
    const many: ReadonlyArray<Keyspace.Keyed<boolean, "<id>">> = [profiles.del(id)]
    assert.isUndefined(Keyspace.transaction(many).problem)
    const results = Keyspace.transaction([profiles.exists(id)], { mode: "result" })
    assert.isUndefined(results.problem)
  })

  it("keep tags out of one transaction that can't be equal", () => {
    const [profile, group, note, count] = [
      profiles.del(id),
      groups.del({ name: "a" }),
      plain.del({ id: "1" }),
      counter.del({ id: "1" })
    ]
    // @ts-expect-error one tag has a text before its parameter
    void Keyspace.transaction([profile, group])
    // @ts-expect-error one tag has a text before its parameter, also behind commands whose tags are not known
    void Keyspace.transaction([Redis.get("a"), profile, profile, group], { mode: "result" })
    // @ts-expect-error without a hash tag, keys of two names are in different slots
    void Keyspace.transaction([note, count])
    // @ts-expect-error one has a hash tag, and one has none
    void Keyspace.transaction([profile, note])
    assert.isUndefined(Keyspace.transaction([note, note]).problem)
    type Told = Keyspace.OneTag<[typeof profile, typeof group]>
    expectTypeOf<Told>().toEqualTypeOf<
      "keys tagged {<id>} and {g:<name>} are in different slots: no transaction can have both"
    >()
  })

  it("do not judge what is not written in the program", () => {
    const env: string = "test"
    const dynamic = Keyspace.set(Keyspace.name(env).name("user:{<id>}"), { member: Schema.String })
    const unknown = Keyspace.set(Keyspace.name(env), { member: Schema.String })
    assert.isUndefined(Keyspace.transaction([dynamic.del({ id: "1" }), profiles.del(id)]).problem)
    assert.isUndefined(Keyspace.transaction([unknown.del({}), profiles.del(id)]).problem)
    // @ts-expect-error whatever the name begins with, this tag has another text before its parameter
    void Keyspace.transaction([dynamic.del({ id: "1" }), groups.del({ name: "a" })])
  })
})
