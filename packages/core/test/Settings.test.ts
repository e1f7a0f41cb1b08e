import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Settings from "../src/internal/values/settings.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"

const checks = {
  commandTimeout: Settings.duration,
  connectionsPerNode: Settings.count,
  failWhenFull: Settings.flag,
  overflow: Settings.oneOf("dropOldest", "dropNewest", "fail")
}

const problem = (options: unknown, path?: string) => Settings.optionsProblem(options, checks, path)

describe("options", () => {
  it.each([
    {},
    Object.create(null),
    { commandTimeout: "5 seconds", connectionsPerNode: 2, failWhenFull: false, overflow: "fail" },
    { commandTimeout: undefined }
  ])("that make sense are not objected to: %j", (options) => {
    assert.isUndefined(problem(options))
  })

  it.each([
    [{ commandTimout: 5 }, "commandTimout is not an option; did you mean commandTimeout?"],
    [{ COMMANDTIMEOUT: 5 }, "COMMANDTIMEOUT is not an option; did you mean commandTimeout?"],
    [{ conectionsPerNdoe: 5 }, "conectionsPerNdoe is not an option; did you mean connectionsPerNode?"],
    [
      { retries: 5 },
      "retries is not an option; there are commandTimeout, connectionsPerNode, failWhenFull and overflow"
    ]
  ])("that nobody knows are named, with the nearest there is: %j", (options, expected) => {
    assert.strictEqual(problem(options), expected)
  })

  it("that nobody knows are named even if they are left undefined, or are called as members of every object are", () => {
    assert.match(problem({ commandTimout: undefined })!, /commandTimeout\?$/)
    assert.match(problem({ constructor: 1 })!, /^constructor is not an option/)
    assert.isBelow(problem({ ["x".repeat(1_000_000)]: 1 })!.length, 200)
  })

  it("of an object in another one are called by where they stand", () => {
    assert.strictEqual(
      Settings.optionsProblem({ cs: "x" }, { ca: Settings.text }, "tls"),
      "tls.cs is not an option; did you mean tls.ca?"
    )
    assert.strictEqual(
      Settings.optionsProblem({ ca: 1 }, { ca: Settings.text, cert: Settings.text }, "tls"),
      "tls.ca has to be text, not a number"
    )
    assert.strictEqual(
      Settings.optionsProblem("secret", { ca: Settings.text, cert: Settings.text }, "tls"),
      "tls has to be a plain object of ca and cert, not text"
    )
  })

  it.each([
    ["null", null],
    ["undefined", undefined],
    ["an array", []],
    ["text", "commandTimeout"],
    ["a number", 5],
    ["a function", () => {}],
    ["bytes", new Uint8Array(3)],
    ["an object", new Map()],
    ["an object", new Date()],
    ["a Redacted", Redacted.make("x")],
    ["an Effect", Effect.succeed({})]
  ])("have to be a plain object, not %s", (kind, options) => {
    assert.strictEqual(
      problem(options),
      `options have to be a plain object of commandTimeout, connectionsPerNode, failWhenFull and overflow, not ${kind}`
    )
  })
})

describe("an instance of a class", () => {
  class Decoded extends Schema.Class<Decoded>("Decoded")({ connectionsPerNode: Schema.Number }) {}

  it("is an object of options by its own properties, as one that was decoded is", () => {
    assert.isUndefined(problem(new Decoded({ connectionsPerNode: 2 })))
    assert.strictEqual(
      problem(new Decoded({ connectionsPerNode: 0 })),
      "connectionsPerNode has to be a whole number from 1 up, not 0"
    )
    assert.isUndefined(
      RedirectPolicy.check("redirects", Object.assign(new Decoded({ connectionsPerNode: 2 }), RedirectPolicy.none))
    )
  })

  it("is none by what it inherits: that would be heeded here and lost there", () => {
    class Half extends Decoded {
      get failWhenFull() {
        return true
      }
    }
    assert.match(
      problem(new Half({ connectionsPerNode: 2 }))!,
      /^failWhenFull belongs to a class or a prototype: make it/
    )
  })

  it.each<readonly [string, unknown]>([
    ["Option.none()", Option.none()],
    [
      "a class that hides all",
      new (class {
        get failWhenFull() {
          return true
        }
      })()
    ],
    ["a Config", Config.succeed({})],
    ["a Promise", Object.assign(Promise.resolve(), { failWhenFull: true })],
    ["an Error", Object.assign(new Error("secret"), { failWhenFull: true })],
    ["a URL", new URL("redis://user:secret@host")]
  ])("is none where it hides what it is made of: %s", (_, options) => {
    assert.match(problem(options)!, /^options have to be a plain object of /)
  })
})

describe("options that throw when they are looked at", () => {
  const thrown = (): never => {
    throw new Error("secret")
  }

  it.each<readonly [string, unknown, string]>([
    ["a getter", {
      get failWhenFull() {
        return thrown()
      }
    }, "failWhenFull"],
    ["a proxy", new Proxy({}, { ownKeys: thrown }), "the object of options"],
    ["a prototype", new Proxy({}, { getPrototypeOf: thrown }), "the object of options"]
  ])("are refused: %s", (_, options, what) => {
    assert.strictEqual(problem(options), `${what} can't be read: a getter, or a proxy, has thrown`)
  })
})

describe("a value that throws when it is looked at", () => {
  it("is not right", () => {
    const address = {
      get key(): never {
        throw new Error("secret")
      }
    }
    assert.strictEqual(Settings.address("node", address), "node has to be the address of a node, not an object")
  })
})

describe("the value of an option", () => {
  const hostile: ReadonlyArray<unknown> = [null, NaN, -1, "x", "", [], {}, () => {}, Symbol("s"), Redacted.make("x")]
  it.each(Object.keys(checks))("is refused where it makes no sense, with what to give instead: %s", (name) => {
    for (const value of hostile) {
      const found = problem({ [name]: value })
      assert.match(found ?? "", new RegExp(`^${name} has to be`))
    }
  })

  it("is never repeated, unless it is a number", () => {
    assert.strictEqual(problem({ failWhenFull: "s3cret" }), "failWhenFull has to be true or false, not text")
    assert.strictEqual(
      problem({ connectionsPerNode: 1.5 }),
      "connectionsPerNode has to be a whole number from 1 up, not 1.5"
    )
  })

  it("that is a word has a nearest, too", () => {
    assert.strictEqual(
      problem({ overflow: "dropOldset" }),
      `overflow has to be one of "dropOldest", "dropNewest", "fail"; did you mean "dropOldest"?`
    )
    assert.strictEqual(problem({ overflow: "block" }), `overflow has to be one of "dropOldest", "dropNewest", "fail"`)
  })
})
