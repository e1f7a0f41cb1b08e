/**
 * How commands have changed a connection: whether the next user finds it as it was opened, and whether each command still has
 * one reply. The command table says what each command does (`stateful`).
 */
import * as Resp from "../../Resp.ts"
import type { Call } from "./call.ts"

/** `Watching` can be undone by UNWATCH, `Changed` can't. */
export type Condition = "AsNew" | "Watching" | "Changed"

export class Standing {
  condition: Condition = "AsNew"
  /**
   * Whether a command was written that ends the rule of one reply per command: a MULTI by itself, MONITOR, or SUBSCRIBE without
   * a listener for its messages.
   */
  takenOver = false
  /** Whether a user of the connection has logged in on it, maybe as somebody else than the client. */
  hasOwnUser = false

  /** Whether the client may do nothing any more that changes the connection. */
  get isUsers(): boolean {
    return this.takenOver || this.hasOwnUser
  }

  /** Records a command that changes its connection, when it is written. */
  wrote(call: Call): void {
    const { stateful } = call.command.spec
    // What the client does by itself leaves a connection as it was opened.
    if (stateful === undefined || call.isAnsweredByPushes || call.isOwn) return
    if (call.command.spec.alone) this.hasOwnUser = true
    if (stateful === "TakesOver") this.takenOver = true
    if (stateful === "Changes" || stateful === "TakesOver") this.condition = "Changed"
    if (stateful === "Watches" && this.condition === "AsNew") this.condition = "Watching"
  }

  /** Records the reply to a command on a connection that watches keys. */
  answered(call: Call, value: Resp.Value): void {
    if (this.condition === "Watching" && unwatches(call, value)) this.condition = "AsNew"
  }
}

/** UNWATCH ends watching. So does EXEC, whatever its reply, unless the MULTI before it was refused. */
const unwatches = ({ command }: Call, value: Resp.Value): boolean =>
  value instanceof Resp.ReplyError
    ? command.before.length > 0 && value.code !== "ERR"
    : command.before.length > 0 || command.spec.stateful === "Unwatches"
