/**
 * The definition of a command of the simulated server: an arity, and a function from an invocation to a reply.
 *
 * Commands are written in groups, one file each in `commands/`; `registry.ts` joins them. Commands on keys use nodes and
 * sessions only through the interfaces below.
 *
 * @since 0.1.0
 */
import type * as Resp from "@redisc/core/Resp"
import type { Databases } from "../data/databases.ts"
import type { Keyspace } from "../data/keyspace.ts"
import type { Version } from "../facts/version.ts"
import type { Bin } from "../values/binary.ts"

export type { Bin }

/** The subscriptions of one connection. */
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
  /** The number of the selected database. */
  database: number
  /** The selected database. A replica's may be other data than when a wait began. */
  readonly keys: Keyspace
  readonly subscriptions: Subscriptions
  /** False inside a transaction or a script: there a blocking command replies at once as after its timeout. */
  readonly mayBlock: boolean
  /** True if a script runs the command. BLOCK is then refused, and not only ignored. */
  readonly inScript?: boolean | undefined
  /** Whether READONLY was sent on this connection. */
  readonly readOnly: boolean
  /** Sends something besides the reply of the command: a push, or one of several replies. */
  readonly send: (reply: Resp.Reply) => void
  /** Runs the callback when the connection is closed. */
  readonly onClose: (callback: () => void) => void
  /**
   * State of one kind that lives as long as the connection. Made at the first call; `make` itself is the key to find it later.
   */
  readonly local: <T>(make: () => T) => T
  /**
   * Throws NOPERM if the user may not use the channel. With `literal`, the name is a pattern, and has to be allowed literally.
   */
  readonly checkChannel: (channel: Bin, literal: boolean) => void
}

/** Options for a command that a script calls. */
export interface CallOptions {
  /** The protocol that determines the shape of the reply: `redis.setresp`. Default 2. */
  readonly protocol?: 2 | 3 | undefined
  /** Whether to refuse writes, as EVAL_RO and `no-writes` do. */
  readonly readOnly?: boolean | undefined
  /** Whether the script may use keys of any slot that this node owns: `allow-cross-slot-keys`. */
  readonly crossSlot?: boolean | undefined
  /** The database that the script has selected. SELECT changes it for the rest of the script. */
  readonly selected?: { database: number } | undefined
}

/** A simulated node, as commands see it. */
export interface Node {
  /** The version of the server that the node imitates. */
  readonly version: Version
  readonly name: string
  readonly id: string
  readonly isReplica: boolean
  /** Whether the node runs in cluster mode. */
  readonly isClustered: boolean
  /** Whether it is a sentinel, and no server: it knows other commands, and has no data. */
  readonly isSentinel: boolean
  /** Whether it redirects clients from replicas to primaries without cluster mode, as Valkey does. */
  readonly redirects: boolean
  /** The data of the node. A linked replica has that of its primary. */
  readonly data: Databases
  /** All connections, including those that only subscribe. */
  readonly sessions: Iterable<Session>
  /** The other nodes that its bus can reach now. */
  readonly peers: () => ReadonlyArray<Node>
  /** The other reachable nodes of its shard. Without cluster mode, the nodes that copy it, directly or through others. */
  readonly shardPeers: () => ReadonlyArray<Node>
  readonly config: Map<string, Bin>
  /** Determines the order in which the node scans. Every process has its own. */
  readonly hashSeed: number
  /** State of one kind that lives as long as the node's process: scripts, functions. `make` itself is the key to find it. */
  readonly local: <T>(make: () => T) => T
  /** Runs a command on behalf of a script. Errors are returned as `Error` replies, never thrown. */
  readonly call: (session: Session, argv: ReadonlyArray<Bin>, options?: CallOptions) => Resp.Reply
  /** Counts a write without a key, which replicas have to receive: SCRIPT LOAD, FUNCTION LOAD. */
  readonly propagate: () => void
}

/** The arguments and surroundings of one run of a command. */
export interface Invocation {
  /** The name in upper case, with the subcommand: `XINFO STREAM`. */
  readonly name: string
  /** The arguments behind the name (and the subcommand). */
  readonly args: ReadonlyArray<Bin>
  /** The selected database. */
  readonly keys: Keyspace
  /** The time in milliseconds, by Effect's Clock. */
  readonly now: number
  readonly session: Session
  readonly node: Node
  /** A random number from 0 to below 1. It comes from a seed, so that runs repeat. */
  readonly random: () => number
}

/**
 * The outcome of a blocking command that found nothing. `retry` runs again when one of the keys was touched, and returns
 * undefined to go on waiting; if it is given a key, it looks at no other. After `timeout` milliseconds (Infinity: never) the
 * client gets `onTimeout`.
 */
export interface Block {
  readonly _tag: "Block"
  readonly keys: ReadonlyArray<Bin>
  readonly timeout: number
  readonly retry: (written?: Bin) => Resp.Reply | undefined
  readonly onTimeout: Resp.Reply
}

/** The outcome of a command that has sent all its replies by `session.send`. */
export interface NoReply {
  readonly _tag: "NoReply"
}

/** The only value of {@link NoReply}. */
export const noReply: NoReply = { _tag: "NoReply" }

/**
 * The outcome of a command. In a `Reply` every string is a {@link Bin}: `Reply.bulk(value)` for a key or a value. The encoder
 * of the sessions writes one byte per character, and doubles as Redis prints them.
 */
export type Outcome = Resp.Reply | Block | NoReply

/** One command, or one subcommand. */
export interface Definition {
  /** The number of arguments as Redis counts them: with the name (for a subcommand, both words). Negative for a minimum. */
  readonly arity: number
  readonly run: (invocation: Invocation) => Outcome
  /** Whether the command is refused in a transaction. */
  readonly noMulti?: true
  /** Whether the command is refused in a script. */
  readonly noScript?: true
  /** The version that added the command. Earlier versions don't know it. */
  readonly since?: number
  /** Whether only servers know it that redirect from replicas to primaries without cluster mode, as Valkey does. */
  readonly redirects?: true
}

/** Commands by their names in upper case, `"GET"` or `"XINFO STREAM"`. */
export type Group = Readonly<Record<string, Definition>>
