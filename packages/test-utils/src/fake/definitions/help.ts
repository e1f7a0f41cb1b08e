/**
 * The replies of HELP.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import { since } from "../facts/version.ts"
import type { Version } from "../facts/version.ts"

const { array, simple } = Resp.Reply

/** The lines of a HELP reply, followed by the lines that all of them share. */
export const helpReply = (lines: ReadonlyArray<string>, version: Version): Resp.Reply =>
  array([...lines, "HELP", since(version, 7.2) ? "    Print this help." : "    Prints this help."].map(simple))
