/**
 * The test's interventions: replies in place of a node, and changes to replies on their way to the client.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type * as Duration from "effect/Duration"
import type { Bin, Node, Session } from "../definitions/handler.ts"
import * as Checks from "../input/checks.ts"
import { fromBytes, toBytes, toText } from "../values/binary.ts"

/**
 * The commands that a scripted reply or a mishap applies to: a command's name in any case (`"GET"`, `"CLUSTER SLOTS"`), or a
 * predicate of its words and of the number of its connection, as of CLIENT ID.
 *
 * @category models
 * @since 0.1.0
 */
export type CommandMatch = string | ((command: ReadonlyArray<string>, connection: number) => boolean)

/**
 * What happens to a reply on its way to the client. Its command has been executed.
 *
 * **Details**
 *
 * - `"drop"`: it is lost, as in a broken proxy. The next reply takes its place.
 * - `"duplicate"`: it arrives twice.
 * - `{ delay }`: it arrives later, and so does everything that the node sends on that connection afterwards, since bytes don't
 *   overtake each other. After an infinite delay the connection stays silent for ever.
 * - A function returns the bytes that arrive instead, or none. If a command has several replies (SUBSCRIBE), it is called for
 *   each.
 *
 * @category models
 * @since 0.1.0
 */
export type Mishap = "drop" | "duplicate" | { readonly delay: Duration.Input } | ((reply: Uint8Array) => Uint8Array)

/** The bytes of a reply that arrive, and their delay in milliseconds. */
export interface Arrival {
  readonly bytes: Bin
  readonly delay: number
}

/** The change to each reply of one command. */
export type Way = (reply: Bin) => Arrival

interface Rule<A> {
  readonly node: Node | undefined
  readonly matches: (argv: ReadonlyArray<Bin>, connection: number) => boolean
  readonly what: A
  left: number
}

const matcher = (match: CommandMatch): Rule<unknown>["matches"] => {
  if (typeof match === "function") return (argv, connection) => match(argv.map(toText), connection)
  if (typeof match !== "string" || match.trim() === "") {
    return Checks.fail(
      `the command to look for is ${
        Checks.shown(match)
      }: give its name, such as "CLUSTER SLOTS", or a predicate over its words`
    )
  }
  const words = match.trim().toUpperCase().split(/\s+/)
  return (argv) => words.every((word, index) => argv[index]?.toUpperCase() === word)
}

/** A list of interventions. Each applies to a number of matching commands, the oldest intervention first. */
export class Rules<A> {
  private rules: ReadonlyArray<Rule<A>> = []

  /** Throws {@link FakeClusterError} if `match` or `times` is invalid. */
  add(node: Node | undefined, match: CommandMatch, what: A, times = 1): void {
    this.rules = [...this.rules, { node, matches: matcher(match), what, left: Checks.times(times) }]
  }

  /** The intervention for a command. Throws an exception of the test's predicate. */
  take(session: Session, argv: ReadonlyArray<Bin>): A | undefined {
    if (this.rules.length === 0) return undefined
    const rule = this.rules.find(({ matches, node }) =>
      (node === undefined || node === session.node) && matches(argv, session.id)
    )
    if (rule === undefined) return undefined
    if (--rule.left <= 0) this.rules = this.rules.filter((each) => each !== rule)
    return rule.what
  }
}

/** The change to replies that a mishap stands for. */
export const wayOf = (mishap: Mishap): Way => {
  if (typeof mishap === "function") {
    return (reply) => {
      const bytes: unknown = mishap(toBytes(reply))
      return bytes instanceof Uint8Array
        ? { bytes: fromBytes(bytes), delay: 0 }
        : Checks.fail(`a mishap answers the bytes that arrive, a Uint8Array, and not ${Checks.shown(bytes)}`)
    }
  }
  if (mishap === "drop") return () => ({ bytes: "", delay: 0 })
  if (mishap === "duplicate") return (reply) => ({ bytes: reply + reply, delay: 0 })
  if (typeof mishap !== "object" || mishap === null) {
    return Checks.fail(
      `a mishap is ${
        Checks.shown(mishap)
      }: give "drop", "duplicate", { delay: "1 second" } or a function of the reply's bytes`
    )
  }
  const delay = Checks.millis("the delay of a mishap", mishap.delay)
  return (reply) => ({ bytes: reply, delay })
}

/**
 * Something that the test lets a node send: a reply, an error by its text, or raw bytes.
 *
 * @category models
 * @since 0.1.0
 */
export type Saying = Resp.Reply | string | Uint8Array

/** The bytes of a saying. Throws {@link FakeClusterError} if it is invalid. */
export const spoken = (saying: Saying): (protocol: 2 | 3) => Bin => {
  if (saying instanceof Uint8Array) return () => fromBytes(saying)
  const reply = typeof saying === "string" ? Resp.Reply.error(saying) : saying
  const encoded = (protocol: 2 | 3): Bin => fromBytes(Resp.encodeReply(reply, protocol))
  try {
    const [two, three] = [encoded(2), encoded(3)]
    if (two !== "" && three !== "") return (protocol) => protocol === 2 ? two : three
  } catch {
    // A value that can't be encoded is not a reply either.
  }
  return Checks.fail(
    `the reply is ${
      Checks.shown(saying)
    }: give one of Resp.Reply, such as Resp.Reply.integer(1), the text of an error, or bytes`
  )
}
