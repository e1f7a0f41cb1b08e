import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { encodeText } from "../src/internal/resp/text.ts"
import { matches } from "../src/internal/scan/pattern.ts"
import * as Keyspace from "../src/Keyspace.ts"
import * as Slot from "../src/Slot.ts"

const user = Keyspace.name("shop").name("user:{<id>}").name("cart:<month>", { month: Schema.Int })

const keyOf = <Params>(name: Keyspace.Name<Params, string>, params: Params): string =>
  Result.getOrThrow(name.key(params))

/** The problem of untyped parameters. */
const problemOf = (name: unknown, params: unknown): string => {
  const { key } = name as Keyspace.Name<unknown, string>
  const error = Result.getOrThrow(Result.flip(key(params)))
  assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "NotSent"])
  return error.reason.message
}

/** Text of all planes, halves of surrogate pairs and delimiters. */
const hostile = [
  "",
  ":",
  "{",
  "}",
  "%",
  "<",
  ">",
  "*",
  "?",
  "[",
  "]",
  "\\",
  "%3A",
  "%uD83D",
  "\ud83d",
  "\ude00",
  "é",
  "e\u0301",
  "😀",
  "\0",
  "\n",
  " ",
  "a",
  "Z",
  "7",
  "-",
  "_",
  ".",
  "~",
  "@",
  "+",
  "/",
  "\ufffd",
  "\ufeff"
]
const value = Arbitrary.map(
  Arbitrary.array(
    Arbitrary.all({
      mark: Arbitrary.schema(Schema.Literals(hostile.map((_, index) => index))),
      text: Arbitrary.schema(Schema.String)
    }),
    { maxLength: 3 }
  ),
  (pieces) => pieces.map(({ mark, text }) => mark % 2 === 0 ? hostile[mark] + text : hostile[mark]).join("") || "x"
)
/** Not -0, which is the same number, and the same key, as 0. */
const number = Arbitrary.map(Arbitrary.schema(Schema.Int), (int) => int + 0)

describe("the name of keys", () => {
  it("is a pattern, and makes a key of each set of parameters", () => {
    assert.strictEqual(user.pattern, "shop:user:{<id>}:cart:<month>")
    assert.strictEqual(keyOf(user, { id: "ada@example.com", month: 12 }), "shop:user:{ada@example.com}:cart:12")
    assert.deepStrictEqual(
      user.parse("shop:user:{ada@example.com}:cart:12"),
      Option.some({ id: "ada@example.com", month: 12 })
    )
    assert.strictEqual(keyOf(user, { id: "a", month: -0 }), keyOf(user, { id: "a", month: 0 }))
    assert.strictEqual(keyOf(Keyspace.name("settings"), {}), "settings")
    assert.deepStrictEqual(Keyspace.name("settings").parse("settings"), Option.some({}))
  })

  it("encodes parameters by their Schemas", () => {
    const name = Keyspace.name("<day>/<kind>/<big>", {
      day: Schema.DateFromString,
      kind: Schema.Literals([1, 2]),
      big: Schema.BigIntFromString
    })
    const params = { day: new Date(0), kind: 2 as const, big: 2n ** 70n }
    assert.strictEqual(keyOf(name, params), "1970-01-01T00%3A00%3A00.000Z/2/1180591620717411303424")
    assert.deepStrictEqual(name.parse(keyOf(name, params)), Option.some(params))
  })

  it("escapes what is no letter or digit, so that a value is neither a tag, a pattern nor another part", () => {
    assert.strictEqual(keyOf(user, { id: "}:cart:1{", month: 1 }), "shop:user:{%7D%3Acart%3A1%7B}:cart:1")
    assert.strictEqual(keyOf(user, { id: "*?[a]\\%", month: 1 }), "shop:user:{%2A%3F%5Ba%5D%5C%25}:cart:1")
    assert.strictEqual(keyOf(user, { id: "Jürgen 😀", month: 1 }), "shop:user:{Jürgen%20😀}:cart:1")
    assert.strictEqual(keyOf(user, { id: "\ud83d", month: 1 }), "shop:user:{%uD83D}:cart:1")
  })

  it("takes a value of any length", () => {
    const id = ":x".repeat(100_000)
    const key = keyOf(user, { id, month: 1 })
    assert.deepStrictEqual(user.parse(key), Option.some({ id, month: 1 }))
    assert.deepStrictEqual(user.parse("shop:user:{".repeat(100_000)), Option.none())
  })

  it.prop("finds in a key the parameters that it was made of", { id: value, month: number }, (params) => {
    const key = keyOf(user, params)
    assert.deepStrictEqual(user.parse(key), Option.some(params))
    assert.deepStrictEqual(user.parse(encodeText(key)), Option.some(params))
    assert.isTrue(matches(encodeText(user.match), encodeText(key)))
  }, { arbitrary: { runs: 2000 } })

  it.prop(
    "makes different keys of different parameters",
    { a: value, b: value, c: value, d: value },
    ({ a, b, c, d }) => {
      const name = Keyspace.name("<x>:<y>")
      const [one, other] = [keyOf(name, { x: a, y: b }), keyOf(name, { x: c, y: d })]
      assert.strictEqual(one === other, a === c && b === d)
      assert.notStrictEqual(String(encodeText(one)) === String(encodeText(other)), !(a === c && b === d))
    },
    { arbitrary: { runs: 2000 } }
  )

  it.prop("puts all keys of one tag into one slot, that of the tag", { id: value, month: number }, ({ id, month }) => {
    const key = keyOf(user, { id, month })
    const other = keyOf(Keyspace.name("{<id>}"), { id })
    assert.strictEqual(`{${Slot.hashTag(key)}}`, other)
    assert.strictEqual(Slot.fromKey(key), Slot.fromKey(other))
  }, { arbitrary: { runs: 2000 } })

  it.prop("takes apart only what it makes", { key: value, id: value }, ({ id, key }) => {
    const name = Keyspace.name("a:{<x>}", { x: Schema.Trim })
    for (const text of [key, `a:{${key}}`, `a:{${id}}${key}`]) {
      Option.map(name.parse(text), (params) => assert.strictEqual(keyOf(name, params), text))
    }
  }, { arbitrary: { runs: 2000 } })

  it("takes no other spelling of a key apart", () => {
    for (
      const key of [
        "shop:user:{a}:cart:01",
        "shop:user:{%61}:cart:1",
        "shop:user:{%3a}:cart:1",
        "shop:user:{}:cart:1",
        "shop:user:{a}:cart:1:x",
        "shop:user:{a}:cart:x",
        "shop:user:{a}:cart:",
        "xshop:user:{a}:cart:1",
        "shop:user:{a:b}:cart:1",
        "shop:user:{%zz}:cart:1",
        "shop:user:{%uD83D%uDE00}:cart:1",
        "",
        "shop:user:{*}:cart:1"
      ]
    ) {
      assert.deepStrictEqual(user.parse(key), Option.none(), key)
    }
    assert.deepStrictEqual(
      user.parse(Uint8Array.from([...encodeText("shop:user:{"), 0xff, ...encodeText("}:cart:1")])),
      Option.none()
    )
    for (const key of [undefined, null, 1, {}, [], Symbol("key")]) {
      assert.deepStrictEqual(user.parse(key as never), Option.none())
    }
  })

  it("refuses parameters that can't be in a key, and shows none of them", () => {
    const problems: ReadonlyArray<readonly [params: unknown, told: string]> = [
      [{ id: "", month: 1 }, "the parameter id of the key is empty"],
      [{ month: 1 }, "the parameter id of the key is missing"],
      [{ id: undefined, month: 1 }, "the parameter id of the key is missing"],
      [{ id: null, month: 1 }, "the parameter id of the key does not fit the schema: expected string, received null"],
      [{ id: 42, month: 1 }, "the parameter id of the key does not fit the schema: expected string, received number"],
      [{ id: "a", month: NaN }, "the parameter month is NaN"],
      [{ id: "a", month: -Infinity }, "the parameter month is -Infinity"],
      [
        { id: "a", month: 1.5 },
        "the parameter month of the key does not fit the schema: expected an integer, received number"
      ],
      [
        { id: "a", month: "s3cret" },
        "the parameter month of the key does not fit the schema: expected number, received string"
      ],
      [Object.create({ id: "a", month: 1 }), "the parameter id of the key is missing"],
      [undefined, "give the parameters of the key as an object, not undefined"],
      ["s3cret", "give the parameters of the key as an object, not text"],
      [{
        get id() {
          throw new Error("s3cret")
        },
        month: 1
      }, "a parameter of the key is not what its type says"],
      [
        new Proxy({}, {
          getOwnPropertyDescriptor: () => {
            throw new Error("s3cret")
          }
        }),
        "a parameter of the key is not what its type says"
      ]
    ]
    for (const [params, told] of problems) assert.strictEqual(problemOf(user, params), told)
  })

  it("refuses parameters whose Schema throws, is asynchronous, or is none of a text", () => {
    const throwing = Schema.String.pipe(Schema.decodeTo(Schema.String, {
      decode: SchemaGetter.passthrough(),
      encode: SchemaGetter.transform((): string => {
        throw new RangeError("s3cret")
      })
    }))
    assert.strictEqual(
      problemOf(Keyspace.name("a:<x>", { x: throwing }), { x: "s3cret" }),
      "the parameter x of the key does not fit the schema: expected a schema that encodes at once, and does not throw, received RangeError"
    )
    const list = Schema.Array(Schema.String) as unknown as Schema.Codec<string, string>
    assert.include(
      problemOf(Keyspace.name("a:<x>", { x: list }), { x: ["s3cret"] }),
      "a schema that does not encode it as text"
    )
  })

  it("says what is wrong with a pattern, and throws nothing", () => {
    const problems: ReadonlyArray<readonly [pattern: unknown, told: string]> = [
      ["", "is empty"],
      [undefined, "has to be text, not undefined"],
      [{}, "has to be text, not an object"],
      ["a:<b><c>", "without a delimiter"],
      ["a:<b>x<c>", "without a delimiter"],
      ["user<id>", "without a delimiter"],
      ["<id>user", "without a delimiter"],
      ["<id>é", "without a delimiter"],
      ["<id>:<id>", "twice"],
      ["a:<>", "without a name"],
      ["a:<__proto__>", "without a name"],
      ["a:<b c>", "without a name"],
      ["a:<b", "can't have <"],
      ["a>b", "can't have <"],
      ["a*", "can't have <"],
      ["a%3A", "can't have <"],
      ["a\n", "can't have <"],
      ["a\ud83d", "can't have <"],
      ["{a}:{<b>}", "no single hash tag"],
      ["a:{<b>", "no single hash tag"],
      ["a:<b>}", "no single hash tag"],
      ["}{:<b>", "no single hash tag"],
      ["{{<b>}}", "no single hash tag"],
      ["a{}:<b>", "an empty hash tag"]
    ]
    for (const [pattern, told] of problems) {
      assert.include(problemOf(Keyspace.name(pattern as string), { b: "x", id: "y" }), told, String(pattern))
      assert.deepStrictEqual(Keyspace.name(pattern as string).parse("a"), Option.none())
    }
    const shop = Keyspace.name("shop")
    assert.include(problemOf(shop.name(undefined as never), {}), "has to be text, not undefined")
    assert.include(problemOf(shop.name(""), {}), "is empty")
    assert.include(problemOf(Keyspace.name("a:{<x>}").name("b:{<y>}"), { x: "1", y: "2" }), "no single hash tag")
    assert.include(problemOf(Keyspace.name("a:<x>").name("b:<x>"), { x: "1" }), "twice")
  })

  it("says what is wrong with the Schemas of its parameters, and hands that on", () => {
    const wrong = (schemas: unknown) => Keyspace.name("a:<x>", schemas as {})
    assert.include(problemOf(wrong({ y: Schema.String }), { x: "1" }), "a parameter that it has not")
    assert.include(problemOf(wrong({ x: String }), { x: "1" }), "its parameter x has to have a Schema, not a function")
    assert.include(problemOf(wrong("s3cret"), { x: "1" }), "as an object, not text")
    assert.include(
      problemOf(
        wrong({
          get x() {
            throw new Error("s3cret")
          }
        }),
        { x: "1" }
      ),
      "can't be read"
    )
    assert.include(problemOf(wrong({ x: String }).name("b"), { x: "1" }), "its parameter x has to have a Schema")
  })

  it("tells names that can make the same key", () => {
    const names = ["user:<id>", "user:admin", "user:<id>:cart", "<kind>:x", "order:<id>", "{<a>}", "a{<b>}"].map((
      pattern
    ) => Keyspace.name(pattern))
    assert.deepStrictEqual(Keyspace.overlaps(names), [["user:<id>", "user:admin"], ["user:<id>", "<kind>:x"], [
      "<kind>:x",
      "order:<id>"
    ]])
    assert.deepStrictEqual(Keyspace.overlaps([]), [])
    assert.deepStrictEqual(Keyspace.overlaps([Keyspace.name("<a"), Keyspace.name("<a"), { pattern: "<a>" }]), [])
  })
})
