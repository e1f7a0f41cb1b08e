/**
 * Calls that have been answered, until all of the chunk that brought the answers has been read. Only then their fibers go
 * on: two small loops, one that reads and one that runs fibers, take a tenth less time than a large one that does both in
 * turn.
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

  /** Gives every call its answer, but for those that are not waited for any more. */
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

  /** Fails those that have not been given their answers, since these may be others'. */
  doubt(failure: Failure, report: Report): void {
    failAll(this.calls, failure, report)
  }

  /** What the first call threw that did, as an observer of its fiber may. The others have had their answers. */
  rethrow(): void {
    const { thrown } = this
    this.thrown = undefined
    if (thrown !== undefined) throw thrown.error
  }
}

/**
 * An EXECABORT says only that something was wrong with what was queued, and without a MULTI there is nothing to EXEC; the
 * reply to what went before says what was wrong.
 */
const verdict = (call: Call, value: Resp.Value): Resp.Value =>
  value instanceof Resp.ReplyError && (value.code === "EXECABORT" || call.unit?.unopened === true)
    ? call.unit?.refused ?? value
    : value
