/**
 * The one error of redisc: what went wrong (`reason`), and whether the server may have done the work (`delivery`).
 *
 * A message names the command, the slot, the node and the number of tries. It never contains a value that was sent or
 * received, so an error can be logged safely. Keys appear only where they are the problem, in {@link CrossSlot}. Of a command
 * that redisc does not know, the message shows the name and the subcommand. `parts` has the keys of each part as data.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Checkpoint } from "./internal/values/checkpoint.ts"

const TypeId = "~@redisc/core/RedisError" as const

/**
 * Whether a failed command was executed, as far as that is known.
 *
 * **Details**
 *
 * - `NotSent`: not a byte of it reached a socket. It is safe to send it again.
 * - `Rejected`: a server received it and answered with an error that proves that nothing was executed.
 * - `MaybeExecuted`: the server may have executed all or a part of it. Either it was handed to a socket and no answer came, or
 *   the answer is an error of a script or the like, which may have written before it failed.
 * - `Executed`: a server executed it, but its reply can't be used: the reply is not of the command's type, does not fit a
 *   Schema, or is a number out of range.
 *
 * @category models
 * @since 0.1.0
 */
export const Delivery = Schema.Literals(["NotSent", "Rejected", "MaybeExecuted", "Executed"])

/**
 * @category models
 * @since 0.1.0
 */
export type Delivery = typeof Delivery.Type

/** What the texts of some errors leave unsaid. */
const withheld: ReadonlyArray<readonly [says: RegExp, advice: string]> = [
  [/^ERR unknown (sub)?command\b/i, "it is older than the command, or a service or a proxy withholds it"],
  [/^NOPERM .*\bno permissions to run\b/i, "allow the user to run it, by ACL SETUSER or as the service has it"]
]

/**
 * The server answered with an error that no redirect or retry can fix, such as `WRONGTYPE`, `NOSCRIPT` or `OOM`.
 *
 * `code` is the first word of the reply. `text` is the whole reply, with `<argument>` in place of each argument, or piece of
 * one, that it repeats. Plain words of a script's own error stay. If a reply begins with an argument instead of a code, `code`
 * is `ERR`.
 *
 * @category errors
 * @since 0.1.0
 */
export class ServerError extends Schema.TaggedClass<ServerError>("@redisc/core/RedisError/ServerError")("ServerError", {
  code: Schema.String,
  text: Schema.String
}) {
  get message(): string {
    const advice = withheld.find(([says]) => says.test(this.text))?.[1]
    return `the server answered ${JSON.stringify(this.text)}${advice === undefined ? "" : `; ${advice}`}`
  }
}

/**
 * The slot is served by another node. Callers see this only if redirects are not followed, or if there were too many.
 *
 * Source: cluster specification, "MOVED redirection".
 *
 * @category errors
 * @since 0.1.0
 */
export class Moved extends Schema.TaggedClass<Moved>("@redisc/core/RedisError/Moved")("Moved", {
  slot: Schema.Number,
  address: Schema.String
}) {
  get message(): string {
    return `slot ${this.slot} has moved to ${this.address || "an unnamed node"}`
  }
}

/**
 * The slot is being migrated, and this key is (or will be) at the target. Callers see this as rarely as {@link Moved}.
 *
 * Source: cluster specification, "ASK redirection".
 *
 * @category errors
 * @since 0.1.0
 */
export class Ask extends Schema.TaggedClass<Ask>("@redisc/core/RedisError/Ask")("Ask", {
  slot: Schema.Number,
  address: Schema.String
}) {
  get message(): string {
    return `slot ${this.slot} is migrating, and the key has to be asked for at ${this.address || "an unnamed node"}`
  }
}

/**
 * The server is a replica, and its primary is elsewhere. Only Valkey without cluster mode says so, and the client follows it.
 *
 * Source: https://valkey.io/commands/client-capa/
 *
 * @category errors
 * @since 0.1.0
 */
export class Redirected extends Schema.TaggedClass<Redirected>("@redisc/core/RedisError/Redirected")("Redirected", {
  address: Schema.String
}) {
  get message(): string {
    return `the server is a replica now, and its primary is ${this.address || "an unnamed node"}`
  }
}

/**
 * A redirect names a node that is not in the map, and the settings forbid to follow it there (`redirectsTo: "knownNodes"`).
 *
 * @category errors
 * @since 0.1.0
 */
export class RedirectRefused extends Schema.TaggedClass<RedirectRefused>("@redisc/core/RedisError/RedirectRefused")(
  "RedirectRefused",
  { address: Schema.String }
) {
  get message(): string {
    return `it was redirected to ${this.address}, which is no node of the cluster as it is known, and redirectsTo forbids that`
  }
}

/**
 * A migration has split the keys of a multi-key command over two nodes, for longer than the policy tried again.
 *
 * Source: cluster specification, "Multiple keys operations".
 *
 * @category errors
 * @since 0.1.0
 */
export class TryAgain extends Schema.TaggedClass<TryAgain>("@redisc/core/RedisError/TryAgain")("TryAgain", {}) {
  get message(): string {
    return "the keys of the command are split between two nodes while their slot migrates"
  }
}

/**
 * The node can't serve the command: it answered `CLUSTERDOWN`, `MASTERDOWN`, `LOADING` or `READONLY` for longer than the policy
 * waits. Or it became a replica while the command blocked there (`UNBLOCKED`).
 *
 * @category errors
 * @since 0.1.0
 */
export class ClusterDown extends Schema.TaggedClass<ClusterDown>("@redisc/core/RedisError/ClusterDown")("ClusterDown", {
  code: Schema.String,
  text: Schema.String
}) {
  get message(): string {
    return `the node can't serve the command: ${JSON.stringify(this.text)}`
  }
}

/**
 * The keys of one command belong to different slots, so no node can execute it.
 *
 * Nothing was sent. Give the keys a common hash tag (`{user:1}:name`, `{user:1}:mail`) or send one command per slot.
 *
 * @category errors
 * @since 0.1.0
 */
export class CrossSlot extends Schema.TaggedClass<CrossSlot>("@redisc/core/RedisError/CrossSlot")("CrossSlot", {
  keys: Schema.Array(Schema.Struct({ key: Schema.String, slot: Schema.Number }))
}) {
  get message(): string {
    const shown = this.keys.slice(0, 8).map(({ key, slot }) => `${JSON.stringify(key)} (slot ${slot})`).join(", ")
    const more = this.keys.length > 8 ? `, and ${this.keys.length - 8} more` : ""
    return `its keys belong to different slots: ${shown}${more}. ` +
      "Give them a common hash tag such as {user:1}, or send one command for each slot"
  }
}

/**
 * No connection to the node could be opened: it was refused, unreachable or timed out, its TLS handshake failed, or the server
 * accepts no connections now, for instance because it has too many clients.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectionFailed
  extends Schema.TaggedClass<ConnectionFailed>("@redisc/core/RedisError/ConnectionFailed")("ConnectionFailed", {
    problem: Schema.String,
    cause: Schema.optional(Schema.Defect())
  })
{
  get message(): string {
    return `could not connect: ${this.problem}`
  }
}

/**
 * An open connection was lost before the answer came.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectionLost
  extends Schema.TaggedClass<ConnectionLost>("@redisc/core/RedisError/ConnectionLost")("ConnectionLost", {
    problem: Schema.String,
    cause: Schema.optional(Schema.Defect())
  })
{
  get message(): string {
    return `the connection was lost: ${this.problem}`
  }
}

/**
 * The command's deadline passed while it waited for a connection, for an answer, or between two tries. `millis` is the time
 * that it had: its timeout plus the time for which it may block.
 *
 * @category errors
 * @since 0.1.0
 */
export class Timeout extends Schema.TaggedClass<Timeout>("@redisc/core/RedisError/Timeout")("Timeout", {
  waitingFor: Schema.String,
  millis: Schema.optional(Schema.Number)
}) {
  get message(): string {
    const { millis } = this
    const time = millis === undefined ? "" : millis < 1000 ? ` of ${millis} ms` : ` of ${millis / 1000} s`
    return `its deadline${time} passed while it waited for ${this.waitingFor}`
  }
}

/**
 * No known node serves the slot. Without `slot`: there is no known node at all. With `role` `"replica"`: the command needs a
 * replica, and none is known.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoNodeForSlot extends Schema.TaggedClass<NoNodeForSlot>("@redisc/core/RedisError/NoNodeForSlot")(
  "NoNodeForSlot",
  { slot: Schema.optional(Schema.Number), role: Schema.optional(Schema.Literals(["primary", "replica"])) }
) {
  get message(): string {
    if (this.slot === undefined) return `the cluster has no known ${this.role ?? "primary"}`
    return this.role === "replica"
      ? `no replica of slot ${this.slot} is known that is close behind its primary; "preferReplica" falls back on that`
      : `no node serves slot ${this.slot}; the cluster's slots are not fully assigned (see CLUSTER SLOTS)`
  }
}

/**
 * The node has as many commands in flight and waiting as the settings allow, and the settings say to fail instead of waiting.
 * With `of` `"messages"`, the reader of a subscription has too many unread messages; with `"events"`, too many unread events.
 *
 * @category errors
 * @since 0.1.0
 */
export class Overloaded extends Schema.TaggedClass<Overloaded>("@redisc/core/RedisError/Overloaded")("Overloaded", {
  limit: Schema.Number,
  of: Schema.optional(Schema.Literals(["commands", "messages", "events"]))
}) {
  get message(): string {
    if (this.of === "messages") {
      return `${this.limit} messages are already waiting to be read; raise buffer, or let overflow drop some`
    }
    if (this.of === "events") {
      return `${this.limit} events of subscriptions are already waiting to be read; read what was subscribed to, or leave it`
    }
    return `${this.limit} commands are already under way on the node; raise maxInFlight, or let commands wait for room`
  }
}

/**
 * The server refused the credentials, or it requires some and none were given. While connecting, the client tries again for as
 * long as the redirect policy says, since credentials may be refused for a moment while they are rotated.
 *
 * @category errors
 * @since 0.1.0
 */
export class AuthenticationFailed
  extends Schema.TaggedClass<AuthenticationFailed>("@redisc/core/RedisError/AuthenticationFailed")(
    "AuthenticationFailed",
    { code: Schema.String, text: Schema.String }
  )
{
  get message(): string {
    return `${whyRefused(this)}: ${JSON.stringify(this.text)}`
  }
}

const whyRefused = ({ code, text }: AuthenticationFailed): string => {
  if (code === "NOAUTH") return "the server wants to know who we are; set credentials, or other ones"
  if (code === "NOPERM") {
    return "this user may not run a command that connecting needs; permit it (ACL SETUSER), or set other credentials"
  }
  return /no password is set|without any password configured/i.test(text)
    ? "the server has no password; leave out credentials, or set one there (requirepass)"
    : "the server refused the credentials; check the user, whether it is on, and its password"
}

/**
 * The peer sent bytes that are not RESP, or a reply to no command. The connection was closed.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProtocolViolation
  extends Schema.TaggedClass<ProtocolViolation>("@redisc/core/RedisError/ProtocolViolation")(
    "ProtocolViolation",
    { problem: Schema.String }
  )
{
  get message(): string {
    return `the peer broke the protocol: ${this.problem}`
  }
}

/**
 * The command was executed, but its reply is not of the command's type, or does not fit a Schema. With `of` `"payload"`, a
 * published payload does not fit its Schema.
 *
 * With a Schema, `path` says where the problem is, as in `["user"]["age"]`; it is empty for the whole reply. `expected` and
 * `received` are kinds of values, never values. A key that the Schema does not name (such as a field of a hash read as a
 * record) is shown as `[*]`.
 *
 * @category errors
 * @since 0.1.0
 */
export class DecodeFailed extends Schema.TaggedClass<DecodeFailed>("@redisc/core/RedisError/DecodeFailed")(
  "DecodeFailed",
  {
    expected: Schema.String,
    received: Schema.String,
    path: Schema.optional(Schema.String),
    of: Schema.optional(Schema.Literals(["reply", "payload"]))
  }
) {
  get message(): string {
    const { expected, path, received } = this
    const of = this.of ?? "reply"
    return path === undefined
      ? `expected ${expected} in the ${of}, received ${received}`
      : `the ${of} does not fit the schema: ${path && `at ${path}, `}expected ${expected}, received ${received}`
  }
}

/**
 * The command was executed, but its reply exceeds a limit (`replyLimits`), so the connection was closed before all of it was read.
 * Ask for less at once (SCAN, ranges), or raise the limit.
 *
 * @category errors
 * @since 0.1.0
 */
export class ReplyTooLarge
  extends Schema.TaggedClass<ReplyTooLarge>("@redisc/core/RedisError/ReplyTooLarge")("ReplyTooLarge", {
    of: Schema.Literals(["bytes", "elements", "depth"]),
    limit: Schema.Number
  })
{
  get message(): string {
    return this.of === "depth"
      ? `a reply is nested deeper than ${this.limit} levels (see replyLimits)`
      : `a reply has more than ${this.limit} ${this.of} (see replyLimits)`
  }
}

/**
 * The client was closed, because the scope of its Layer ended. Commands in flight then had `drainTimeout` to be answered; a
 * blocking command was unblocked, and is `Rejected`.
 *
 * @category errors
 * @since 0.1.0
 */
export class Closed extends Schema.TaggedClass<Closed>("@redisc/core/RedisError/Closed")("Closed", {}) {
  get message(): string {
    return "the client is closed"
  }
}

/**
 * The command or a setting is invalid. `problem` says what to do instead.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidArgument
  extends Schema.TaggedClass<InvalidArgument>("@redisc/core/RedisError/InvalidArgument")("InvalidArgument", {
    problem: Schema.String
  })
{
  get message(): string {
    return this.problem
  }
}

/**
 * A session was used for a key of another slot, while a blocking command holds its connection, or after its scope has closed.
 * `problem` says what to do instead.
 *
 * @category errors
 * @since 0.1.0
 */
export class SessionMisused extends Schema.TaggedClass<SessionMisused>("@redisc/core/RedisError/SessionMisused")(
  "SessionMisused",
  { problem: Schema.String }
) {
  get message(): string {
    return this.problem
  }
}

/**
 * Another client changed a watched key, so the transaction executed nothing.
 *
 * Source: https://redis.io/docs/latest/commands/watch/
 *
 * @category errors
 * @since 0.1.0
 */
export class Conflict extends Schema.TaggedClass<Conflict>("@redisc/core/RedisError/Conflict")("Conflict", {}) {
  get message(): string {
    return "a watched key was changed by another client, so nothing was executed"
  }
}

/**
 * The writes were executed, but fewer replicas than requested have acknowledged them in time. `problem` says why a node did not
 * tell how many, for instance because a service withholds WAIT.
 *
 * Source: https://redis.io/docs/latest/commands/wait/
 *
 * @category errors
 * @since 0.1.0
 */
export class NotReplicated extends Schema.TaggedClass<NotReplicated>("@redisc/core/RedisError/NotReplicated")(
  "NotReplicated",
  { wanted: Schema.Number, acknowledged: Schema.Number, problem: Schema.optional(Schema.String) }
) {
  get message(): string {
    const said = `it was written, but only ${this.acknowledged} of ${this.wanted} replicas have acknowledged it in time`
    return this.problem === undefined ? said : `${said}: WAIT failed, ${this.problem}`
  }
}

/**
 * A server does not watch the keys that were read (CLIENT TRACKING), so replies of it are not kept in the client's cache. No command
 * fails with it: it is an event of `failures`.
 *
 * Source: https://redis.io/docs/latest/commands/client-tracking/
 *
 * @category errors
 * @since 0.1.0
 */
export class TrackingRefused extends Schema.TaggedClass<TrackingRefused>("@redisc/core/RedisError/TrackingRefused")(
  "TrackingRefused",
  { problem: Schema.String }
) {
  get message(): string {
    return `no replies are kept: ${this.problem}; allow CLIENT TRACKING, CLIENT CACHING and PTTL, over RESP3`
  }
}

const missing = {
  layout: "no node told the cluster's layout",
  primary: "no primary was found",
  sentinel: "no sentinel answered",
  name: "no sentinel knows the primary"
}

/**
 * The layout of the cluster could not be read, or without a cluster no primary was found: every seed and every known node failed
 * to answer, or sent an invalid reply.
 *
 * @category errors
 * @since 0.1.0
 */
export class DiscoveryFailed extends Schema.TaggedClass<DiscoveryFailed>("@redisc/core/RedisError/DiscoveryFailed")(
  "DiscoveryFailed",
  {
    attempts: Schema.Array(Schema.Struct({ node: Schema.String, problem: Schema.String })),
    /**
     * What was looked for: a primary, a sentinel that answers, or one that knows the name of the primary. The layout of a cluster if
     * this is missing.
     */
    wanted: Schema.optional(Schema.Literals(["primary", "sentinel", "name"]))
  }
) {
  get message(): string {
    const tried = this.attempts.map(({ node, problem }) => `${node}: ${problem}`).join("; ")
    const what = missing[this.wanted ?? "layout"]
    return `${what} (${tried || "no nodes were given"})`
  }
}

/**
 * All reasons of errors. Tell them apart by `_tag`.
 *
 * @category errors
 * @since 0.1.0
 */
export const Reason = Schema.Union([
  ServerError,
  Moved,
  Ask,
  Redirected,
  RedirectRefused,
  TryAgain,
  ClusterDown,
  CrossSlot,
  ConnectionFailed,
  ConnectionLost,
  Timeout,
  NoNodeForSlot,
  Overloaded,
  AuthenticationFailed,
  ProtocolViolation,
  DecodeFailed,
  ReplyTooLarge,
  Closed,
  InvalidArgument,
  SessionMisused,
  Conflict,
  NotReplicated,
  TrackingRefused,
  DiscoveryFailed
])

/**
 * @category errors
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

/**
 * What became of one part of a command that went to several nodes, or to several slots.
 *
 * **Details**
 *
 * - `node` is where it was tried last, `slot` what it is about, and `keys` its keys, if it is about a slot.
 * - `reason` says why it failed. Without a reason it was done, and its `delivery` is `"Executed"`.
 *
 * @category models
 * @since 0.1.0
 */
export const Part = Schema.Struct({
  node: Schema.optional(Schema.String),
  slot: Schema.optional(Schema.Number),
  keys: Schema.optional(Schema.Array(Schema.Union([Schema.String, Schema.Uint8Array]))),
  delivery: Delivery,
  reason: Schema.optional(Reason),
  attempts: Schema.Number
})

/**
 * @category models
 * @since 0.1.0
 */
export type Part = typeof Part.Type

const overtaken =
  "; it was not tried again, since a later command of the pipeline on one of its keys or channels has " +
  "been executed, or may have been"

const inPart = "; other commands of its transaction have been executed, or may have been"

/**
 * The error of every command and every layer of redisc.
 *
 * **Details**
 *
 * - `reason` is a tagged union.
 * - `delivery` says whether the command may have been executed.
 * - `command`, `slot` and `node` say what was tried and where; `attempts` how often (0 if it was never tried).
 * - `away`: the command has waited for its node as long as the redirect policy lets it. For so many milliseconds the node has been
 *   away, and so often it was tried meanwhile on behalf of all who wait for it.
 * - `overtaken`: the command would have been tried again, but a later command of its pipeline on one of its keys (for PUBLISH,
 *   on its channel) has been executed meanwhile, or may have been.
 * - `inPart`: this is the error of one command of a transaction, of which other commands have been executed, or may have been.
 *   `delivery` is that of the whole transaction.
 * - `parts`: the command went to several nodes, or in parts to several slots, and not all of it was done. There is one
 *   {@link Part} for each. `reason` is that of a part that failed; `delivery` is that of the whole command, so `MaybeExecuted` if
 *   only some parts of a write were done.
 * - `checkpoint`: a scan of all keys has failed, and another one can go on from there, as from that of a page (see `Scan`).
 *
 * **Example** (Telling reasons apart)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const visits = Redis.incr("visits").pipe(
 *   Effect.catchReason("RedisError", "ServerError", (reason) =>
 *     reason.code === "WRONGTYPE" ? Effect.succeed(0) : Effect.die(reason.text))
 * )
 * ```
 *
 * **Example** (Which nodes have not done it)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const flushed = Redis.flushall().pipe(
 *   Effect.tapError(({ parts = [] }) =>
 *     Effect.forEach(parts, ({ delivery, node, reason }) =>
 *       reason === undefined ? Effect.void : Effect.logWarning(node, delivery, reason.message)))
 * )
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class RedisError extends Schema.TaggedError<RedisError>("@redisc/core/RedisError")("RedisError", {
  reason: Reason,
  delivery: Delivery,
  command: Schema.optional(Schema.String),
  slot: Schema.optional(Schema.Number),
  node: Schema.optional(Schema.String),
  attempts: Schema.Number,
  away: Schema.optional(Schema.Struct({ millis: Schema.Number, tries: Schema.Number })),
  overtaken: Schema.optional(Schema.Boolean),
  inPart: Schema.optional(Schema.Boolean),
  parts: Schema.optional(Schema.Array(Part)),
  checkpoint: Schema.optional(Checkpoint)
}) {
  /**
   * @since 0.1.0
   */
  readonly [TypeId] = TypeId

  /**
   * @since 0.1.0
   */
  override readonly cause = this.reason

  /**
   * One sentence: what was tried, where, how often, and the outcome.
   *
   * @since 0.1.0
   */
  override get message(): string {
    const where = [
      this.slot === undefined ? undefined : `slot ${this.slot}`,
      this.node,
      this.attempts > 1 ? `${this.attempts} tries` : undefined
    ].filter((part) => part !== undefined)
    const what = this.command === undefined
      ? ""
      : `${this.command}${where.length > 0 ? ` (${where.join(", ")})` : ""}: `
    return what + this.reason.message + (this.reason._tag === "NotReplicated" ? "" : this.outcome) + this.rest +
      (this.overtaken === true ? overtaken : "") + this.absence
  }

  private get absence(): string {
    if (this.away === undefined) return ""
    const { millis, tries } = this.away
    return `; it has been so for ${Math.round(millis / 100) / 10} s${tries > 0 ? `, in ${tries} tries` : ""}`
  }

  private get rest(): string {
    const { parts = [] } = this
    const done = parts.filter(({ reason }) => reason === undefined).length
    return done === 0 ? "" : `; ${done} of its ${parts.length} parts were done`
  }

  private get outcome(): string {
    if (this.inPart === true) return inPart
    if (this.delivery === "MaybeExecuted") return "; it may have been executed"
    return this.delivery === "Executed" && this.command !== undefined ? "; the command was executed" : ""
  }
}

/**
 * Tells whether a value is a {@link RedisError}.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRedisError = (value: unknown): value is RedisError => Predicate.hasProperty(value, TypeId)
