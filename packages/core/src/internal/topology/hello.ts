/**
 * What a server says of itself in the reply to HELLO, which any user may send.
 *
 * Source: https://redis.io/docs/latest/commands/hello/
 */
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import type * as Resp from "../../Resp.ts"
import * as Reply from "../commands/reply.ts"

/** Changes nothing about the connection, since it names no protocol. */
export const HELLO = Command.make(CommandSpec.get("HELLO"), [], Reply.raw)

/** A field of the reply: a map, or before RESP3 its fields in a row. */
export const fieldOf = (reply: Resp.Value, name: string): unknown => {
  if (reply instanceof Map) return reply.get(name)
  return Array.isArray(reply) ? reply[reply.indexOf(name) + 1] : undefined
}
