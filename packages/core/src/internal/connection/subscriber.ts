/**
 * Who is told what a server says unasked, on a connection that subscribes.
 */
import type * as Resp from "../../Resp.ts"
import type { Call } from "./call.ts"

export interface Subscriber {
  /** Whether strings are wanted as bytes, from now on. */
  readonly wantsBytes: () => boolean
  /** Takes a push. `head` is the oldest call in flight. */
  readonly onPush: (values: ReadonlyArray<Resp.Value>, head: Call | undefined) => void
  /** Takes messages that came one after another: what they are, whose they are, and their payloads. */
  readonly onMessages: (begin: readonly [what: string, name: string], payloads: ReadonlyArray<string>) => void
  /**
   * Whether a call has no reply to come: pushes have answered it. A reply that has come, if one is given, may tell so too.
   */
  readonly isDone: (call: Call, reply: Resp.Value | undefined) => boolean
}
