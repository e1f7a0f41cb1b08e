/**
 * Fields of replies by their names: those of a map, which before RESP3 is an array of names and values in turn, and the lines of
 * INFO.
 *
 * @since 0.1.0
 */
import type * as Resp from "../../Resp.ts"

/** The text of a value. */
export const textOf = (value: Resp.Value | undefined): string | undefined =>
  typeof value === "string"
    ? value
    : value instanceof Uint8Array
    ? Array.from(value, (byte) => String.fromCharCode(byte)).join("")
    : undefined

/** The fields of a map, or of a flat array; undefined for anything else. A name that is no text is left out. */
export const fieldsOf = (value: Resp.Value | undefined): ReadonlyMap<string, Resp.Value> | undefined => {
  const flat = value instanceof Map ? Array.from(value).flat() : Array.isArray(value) ? value : undefined
  if (flat === undefined) return undefined
  const fields = new Map<string, Resp.Value>()
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = textOf(flat[i])
    if (name !== undefined) fields.set(name, flat[i + 1])
  }
  return fields
}

/** The value in a line of INFO, or of CLUSTER INFO; undefined if there is no such line. */
export const infoOf = (info: Resp.Value, name: string): string | undefined => {
  const line = typeof info === "string" ? info.split("\n").find((line) => line.startsWith(`${name}:`)) : undefined
  return line?.slice(name.length + 1).trim()
}
