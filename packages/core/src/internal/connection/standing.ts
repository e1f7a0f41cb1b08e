/**
 * What the commands on a connection have made of it: whether the next user finds it as it was opened, and whether replies
 * still come one to a command. What each command does is a fact in the table (`stateful`).
 */
import * as Resp from "../../Resp.ts"
import type { Call } from "./call.ts"

/**
 * `Watching` can be undone by UNWATCH, `Changed` can't.
 *
 * @internal
 */
export type Condition = "AsNew" | "Watching" | "Changed"

export class Standing {
  condition: Condition = "AsNew"
  /**
   * Whether a command was written that ends the rule of one reply to a command: a MULTI by itself, MONITOR, or SUBSCRIBE
   * without a listener for what it brings.
   */
  takenOver = false

  /** Notes a command that changes its connection, as it is written. */
  wrote(call: Call): void {
    const { stateful } = call.command.spec
    if (stateful === undefined || call.isAnsweredByPushes) return
    if (stateful === "TakesOver") this.takenOver = true
    if (stateful === "Changes" || stateful === "TakesOver") this.condition = "Changed"
    if (stateful === "Watches" && this.condition === "AsNew") this.condition = "Watching"
  }

  /** Notes the reply to a command on a connection that watches keys. */
  answered(call: Call, value: Resp.Value): void {
    if (this.condition === "Watching" && unwatches(call, value)) this.condition = "AsNew"
  }
}

/** UNWATCH ends watching, and so does EXEC whatever its reply is, unless the MULTI before it was refused. */
const unwatches = ({ command }: Call, value: Resp.Value): boolean =>
  value instanceof Resp.ReplyError
    ? command.before.length > 0 && value.code !== "ERR"
    : command.before.length > 0 || command.spec.stateful === "Unwatches"
