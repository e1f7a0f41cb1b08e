/**
 * The state that the outbox, the replies and the ending of one connection share.
 */
import type * as Clock from "effect/Clock"
import type { Connector } from "../../Connector.ts"
import type { Answers } from "./answers.ts"
import type { Call } from "./call.ts"
import type { Keepers } from "./keepers.ts"
import type { Pings } from "./pings.ts"
import type { Ring } from "./ring.ts"
import type { Standing } from "./standing.ts"
import type { Report } from "./strays.ts"
import type { Tracking } from "./tracking.ts"

export interface Link {
  /** The key of the node's address. */
  readonly node: string
  readonly clock: Clock.Clock
  readonly soon: Connector["Service"]["soon"]
  readonly report: Report
  /** Calls that were written and not yet answered, the oldest first. */
  readonly inFlight: Ring<Call>
  readonly answers: Answers
  readonly pings: Pings
  readonly standing: Standing
  /** The client's own calls among those that wait or are in flight. Counted only where `failWhenFull` does not count them. */
  readonly own: { count: number }
  /** Those that keep replies, and hear of what may change them. */
  readonly keepers: Keepers | undefined
  /** What the server tells of keys that were read; undefined where no replies are kept. */
  readonly tracking: Tracking | undefined
}
