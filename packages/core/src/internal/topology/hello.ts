/**
 * What a server says of itself in the reply to HELLO, which any user may send.
 *
 * Source: https://redis.io/docs/latest/commands/hello/
 */
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import type * as Resp from "../../Resp.ts"
import * as Reply from "../commands/reply.ts"
import { fieldsOf } from "../values/fields.ts"

/** Changes nothing about the connection, since it names no protocol. */
export const HELLO = Command.make(CommandSpec.get("HELLO"), [], Reply.raw)

/** A field of the reply. */
export const fieldOf = (reply: Resp.Value, name: string): Resp.Value | undefined => fieldsOf(reply)?.get(name)
