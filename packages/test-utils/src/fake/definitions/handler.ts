/**
 * What a command of the simulated server is: an arity, and a function from an invocation to a reply.
 *
 * Commands are written in groups, one file each in `commands/`; `registry.ts` joins them. Those on keys know nodes and
 * sessions by the interfaces below only.
 *
 * @since 0.1.0
 */
import type * as Resp from "@redisc/core/Resp"
import type { Keyspace } from "../data/keyspace.ts"
import type { Version } from "../facts/version.ts"
import type { Bin } from "../values/binary.ts"

export type { Bin }

/** What one connection is subscribed to. */
export interface Subscriptions {
  readonly channels: Set<Bin>
  readonly patterns: Set<Bin>
  readonly shardChannels: Set<Bin>
}

/** One client's connection, as commands see it. */
export interface Session {
  readonly id: number
  readonly protocol: 2 | 3
  readonly node: Node
  readonly subscriptions: Subscriptions
  /** Inside a transaction or a script: a blocking command answers at once what it would answer after its timeout. */
  readonly mayBlock: boolean
  /** A script is asking: BLOCK is refused then, and not only ignored. */
  readonly inScript?: boolean | undefined
  /** Whether READONLY was sent. */
  readonly readOnly: boolean
  /** Sends at once, besides the reply of the command: a push, or one of several replies. */
  readonly send: (reply: Resp.Reply) => void
  /** Runs when the connection is gone, and not before. */
  readonly onClose: (callback: () => void) => void
  /** State of one kind that lives as long as the connection: made at the first call, found by `make` itself later. */
  readonly local: <T>(make: () => T) => T
  /** Throws NOPERM when the user may not use the channel (as a pattern, when `literal`). */
  readonly checkChannel: (channel: Bin, literal: boolean) => void
}

/** How a script calls a command. */
export interface CallOptions {
  /** The protocol that shapes the reply: `redis.setresp`. Default 2. */
  readonly protocol?: 2 | 3 | undefined
  /** Refuses writes, as EVAL_RO and `no-writes` do. */
  readonly readOnly?: boolean | undefined
  /** Lets the script touch keys of any slot this node owns: `allow-cross-slot-keys`. */
  readonly crossSlot?: boolean | undefined
}

/** A simulated node, as commands see it. */
export interface Node {
  /** The server that it imitates. */
  readonly version: Version
  readonly name: string
  readonly id: string
  readonly isReplica: boolean
  /** Its data. A linked replica has its primary's. */
  readonly keys: Keyspace
  /** All connections, also those that only subscribe. */
  readonly sessions: Iterable<Session>
  /** The nodes that its bus reaches now, itself not among them. */
  readonly peers: () => ReadonlyArray<Node>
  /** The reachable nodes of its own shard, itself not among them. */
  readonly shardPeers: () => ReadonlyArray<Node>
  readonly config: Map<string, Bin>
  /** Of the order in which it scans: every process has its own. */
  readonly hashSeed: number
  /** State of one kind that lives as long as the process of the node: scripts, functions. Found by `make` itself. */
  readonly local: <T>(make: () => T) => T
  /** Runs a command on behalf of a script. Errors come back as `Error` replies, nothing is thrown. */
  readonly call: (session: Session, argv: ReadonlyArray<Bin>, options?: CallOptions) => Resp.Reply
  /** A write without a key that replicas have to count: SCRIPT LOAD, FUNCTION LOAD. */
  readonly propagate: () => void
}

/** What a command is run with. */
export interface Invocation {
  /** In upper case, with the subcommand: `XINFO STREAM`. */
  readonly name: string
  /** What stands behind the name (and the subcommand). */
  readonly args: ReadonlyArray<Bin>
  /** The data of the node that executes. */
  readonly keys: Keyspace
  /** Milliseconds, by Effect's Clock. */
  readonly now: number
  readonly session: Session
  readonly node: Node
  /** From 0 to below 1, from a seed: runs repeat. */
  readonly random: () => number
}

/**
 * A blocking command found nothing. `retry` runs again when one of the keys was touched, and answers undefined to go on
 * waiting; told which one, it looks at no other. After `timeout` milliseconds (Infinity: never) the client is sent `onTimeout`.
 */
export interface Block {
  readonly _tag: "Block"
  readonly keys: ReadonlyArray<Bin>
  readonly timeout: number
  readonly retry: (written?: Bin) => Resp.Reply | undefined
  readonly onTimeout: Resp.Reply
}

/** The command has sent what it had to say by `session.send`. */
export interface NoReply {
  readonly _tag: "NoReply"
}

/** The only value of {@link NoReply}. */
export const noReply: NoReply = { _tag: "NoReply" }

/**
 * What a command comes to. In a `Reply` every string is a {@link Bin}: `Reply.bulk(value)` for a key or a value. The
 * encoder of the sessions writes one byte a character, and doubles as Redis prints them.
 */
export type Outcome = Resp.Reply | Block | NoReply

/** One command, or one subcommand. */
export interface Definition {
  /** As Redis counts: with the name (for a subcommand, both words). Negative: at least so many. */
  readonly arity: number
  readonly run: (invocation: Invocation) => Outcome
  /** Not allowed in a transaction. */
  readonly noMulti?: true
  /** Not allowed in a script. */
  readonly noScript?: true
  /** The version that brought it; those before don't know it. */
  readonly since?: number
}

/** Commands by their names in upper case, `"GET"` or `"XINFO STREAM"`. */
export type Group = Readonly<Record<string, Definition>>
