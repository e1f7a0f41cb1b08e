/**
 * Replies in the shapes that Effect's modules expect from any Redis client, whatever the protocol: text, numbers, null, and
 * arrays of them.
 */
import * as Resp from "@redisc/core/Resp"
import * as Persisted from "effect/persistence/Redis"

/** Flat: a map becomes its keys and values in turn, as in RESP2. An error inside an array stays there, as a value. */
export const plain = (value: Resp.Value): unknown => {
  switch (typeof value) {
    case "bigint":
      return String(value)
    case "boolean":
      return value ? 1 : 0
    case "object": {
      if (Array.isArray(value)) return value.map(plain)
      if (value instanceof Map) return Array.from(value, ([key, item]) => [plain(key), plain(item)]).flat()
      return value instanceof Resp.ReplyError ? new Persisted.RedisError({ cause: value }) : value
    }
    default:
      return value
  }
}
