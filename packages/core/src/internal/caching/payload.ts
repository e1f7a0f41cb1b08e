/** About how many bytes a reply takes on the way: its texts and numbers, and a little for each element. */
import type * as Resp from "../../Resp.ts"

const head = 5

export const payloadOf = (value: Resp.Value): number => {
  if (typeof value === "string" || value instanceof Uint8Array) return head + value.length
  if (Array.isArray(value)) return value.reduce((sum: number, item: Resp.Value) => sum + payloadOf(item), head)
  if (!(value instanceof Map)) return head
  let sum = head
  for (const [key, item] of value) sum += payloadOf(key) + payloadOf(item)
  return sum
}
