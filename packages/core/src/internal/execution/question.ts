/**
 * A question of the client's own to a node, among the commands of its callers.
 */
import type * as Command from "../../Command.ts"
import type * as Resp from "../../Resp.ts"
import { Call } from "../connection/call.ts"

export class Question extends Call {
  private readonly settle: (answer: Resp.Value | undefined) => void

  /** `settle` is told the reply, or undefined if there is none by the deadline. */
  constructor(command: Command.Any, deadline: number, settle: (answer: Resp.Value | undefined) => void) {
    super(command, false, deadline)
    this.settle = settle
  }

  override get isAwaited(): boolean {
    return false
  }

  override get isOwn(): boolean {
    return true
  }

  onReply(value: Resp.Value): void {
    this.settle(value)
  }

  onFailure(): void {
    this.settle(undefined)
  }
}
