import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Tokens from "./tokens.ts"

describe("tokens of clouds become credentials", () => {
  it.effect("of AWS: the presigned URL without its protocol", () =>
    Effect.gen(function*() {
      const { password, username, validFor } = yield* Tokens.aws({
        user: "app",
        name: "cache-1",
        presign: (request) => Promise.resolve({ ...request, query: { ...request.query, "X-Amz-Signature": "a/b" } })
      })
      assert.deepStrictEqual([username, validFor], ["app", "12 hours"])
      assert.strictEqual(Redacted.value(password), "cache-1/?Action=connect&User=app&X-Amz-Signature=a%2Fb")
    }))

  it.effect("of Azure: the token and its end, for the object id", () =>
    Effect.gen(function*() {
      const credential = { getToken: () => Promise.resolve({ token: "t", expiresOnTimestamp: 3_600_000 }) }
      const grant = yield* Tokens.azure({ objectId: "id", credential })
      assert.deepStrictEqual(grant.expiresAt, DateTime.makeUnsafe(3_600_000))
    }))

  it.effect("of Google, or a failure if there is none", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Tokens.google({ getAccessToken: () => Promise.resolve({}) }))
      assert.strictEqual(error._tag, "NoToken")
    }))
})
