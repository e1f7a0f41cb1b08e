/** Fields of replies, however the server writes them. */
import { assert, describe, it } from "@effect/vitest"
import { fieldsOf, infoOf } from "../src/internal/values/fields.ts"
import * as Resp from "../src/Resp.ts"

describe("the fields of a reply", () => {
  it("are those of a map, or of an array of names and values in turn", () => {
    const expected = [["mode", "cluster"], ["role", "master"], ["modules", ["mode", "sentinel"]]] as const
    const row = ["mode", "cluster", "role", "master", "modules", ["mode", "sentinel"]]
    assert.deepStrictEqual(Array.from(fieldsOf(new Map<Resp.Value, Resp.Value>(expected)) ?? []), expected as never)
    assert.deepStrictEqual(Array.from(fieldsOf(row) ?? []), expected as never)
  })

  it("have names that are texts, and may have been read as bytes", () => {
    const fields = fieldsOf([new Uint8Array([105, 112]), "10.0.0.1", 5, "five", "alone"])
    assert.deepStrictEqual(Array.from(fields ?? []), [["ip", "10.0.0.1"]])
  })

  it.each<Resp.Value>([null, "mode", 5, true, new Resp.ReplyError("ERR no")])(
    "are none of anything else: %s",
    (value) => {
      assert.isUndefined(fieldsOf(value))
    }
  )
})

describe("a line of INFO", () => {
  const info = "# Server\r\nredis_mode_hint:other\r\nredis_mode:standalone\r\nempty:\r\n"

  it("is found by its whole name", () => {
    assert.strictEqual(infoOf(info, "redis_mode"), "standalone")
    assert.strictEqual(infoOf(info, "empty"), "")
    assert.isUndefined(infoOf(info, "mode"))
    assert.isUndefined(infoOf(null, "redis_mode"))
  })
})
