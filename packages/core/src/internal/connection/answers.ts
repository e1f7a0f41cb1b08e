/**
 * Holds calls together with their replies until the whole chunk that brought these is read, and resumes their fibers then. Two
 * small loops, one that reads and one that runs fibers, take a tenth less time than a large one that does both in turn.
 */
import * as Resp from "../../Resp.ts"
import type { Failure } from "../failures/failure.ts"
import type { Call } from "./call.ts"
import { failAll } from "./call.ts"
import { Ring } from "./ring.ts"
import type { Report } from "./strays.ts"

export class Answers {
  private readonly calls = new Ring<Call>()
  private thrown: { readonly error: unknown } | undefined

  push(call: Call, value: Resp.Value): void {
    call.answer = value
    this.calls.push(call)
  }

  /** Gives every call its reply, except those that nobody waits for any more. */
  deliver(node: string): void {
    for (let call = this.calls.shift(); call !== undefined; call = this.calls.shift()) {
      const answer = verdict(call, call.answer as Resp.Value)
      call.answer = undefined
      if (call.abandoned) continue
      try {
        call.onReply(answer, node)
      } catch (error) {
        this.thrown ??= { error }
      }
    }
  }

  /** Fails the calls that were not given their replies yet: the replies may belong to other calls. */
  doubt(failure: Failure, report: Report): void {
    failAll(this.calls, failure, report)
  }

  /**
   * Throws what a call has thrown while it was given its reply, as an observer of its fiber may. If several have, the first such
   * exception. All others have had their replies.
   */
  rethrow(): void {
    const { thrown } = this
    this.thrown = undefined
    if (thrown !== undefined) throw thrown.error
  }
}

/**
 * The reply that a call is told. EXECABORT says only that some queued command was wrong, and EXEC without an open MULTI that there is
 * none; the replies to the commands that went before say what was wrong.
 */
const verdict = (call: Call, value: Resp.Value): Resp.Value =>
  value instanceof Resp.ReplyError && (value.code === "EXECABORT" || call.unit?.unopened === true)
    ? call.unit?.refused ?? value
    : value
