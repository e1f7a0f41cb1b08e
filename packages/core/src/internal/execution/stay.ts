/**
 * What work takes along from one stay in the waiting room to the next, and how it ends if it leaves without having been tried.
 */
import { Closed, Overloaded } from "../../RedisError.ts"
import { timedOut } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import type { Leave } from "./queue.ts"

export interface Stay {
  /** When patience with nodes that are away ends, in milliseconds of the Clock. */
  readonly until: number
  /** The place in the room. */
  readonly ticket: number | undefined
  /** How many trials it has made on behalf of all. */
  readonly trials: number
}

/** The failure of work whose deadline passes before another try. */
export const outOfTime = ({ delivery, node, reason }: Failure): Failure => ({
  ...timedOut(node, `another try, after this: ${reason.message}`, false),
  delivery
})

/** The failure of work that is refused, or has waited in vain, after a failure. */
export const unserved = (
  leave: Exclude<Leave, { readonly _tag: "Go" }>,
  failure: Failure,
  { deadline, now, until }: { readonly deadline: number; readonly now: number; readonly until: number }
): Failure => {
  switch (leave._tag) {
    case "Full":
      return { ...failure, reason: new Overloaded({ limit: leave.limit }) }
    case "Closed":
      return { ...failure, reason: new Closed() }
    case "TooLate": {
      if (until === deadline) return outOfTime(failure)
      const { failure: last = failure, since = now, tries = 0 } = leave.door ?? {}
      return { ...failure, reason: last.reason, away: { millis: now - since, tries } }
    }
  }
}

/** How many tries were made of work, its own and those on behalf of all behind a door. */
export const attemptsWith = ({ away }: Failure, attempts: number, trials: number): number =>
  attempts + Math.max(0, (away?.tries ?? 0) - trials)
