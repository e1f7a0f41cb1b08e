/**
 * The types of the generated table of commands: a row, and the facts that it can state about a command.
 *
 * Sources: https://redis.io/docs/latest/develop/reference/key-specs/ and
 * https://redis.io/docs/latest/develop/reference/command-tips/
 *
 * @since 0.1.0
 */
/**
 * The position of one of a command's arguments: an index, or the argument behind a keyword. Arguments count from 0, the name
 * not included; a negative index counts from the end.
 *
 * **Details**
 *
 * The search for a keyword starts at `from` (from the end when negative) and stops at the word `until`. `skip` lists the
 * options that may come before the keyword, each with the number of its arguments, which the search skips. `unlessEmpty` is
 * for MIGRATE, where an empty key means that the keys come later.
 *
 * @category models
 * @since 0.1.0
 */
export type Place =
  | { readonly _tag: "Index"; readonly index: number; readonly unlessEmpty?: true }
  | {
    readonly _tag: "Keyword"
    readonly keyword: string
    readonly from: number
    readonly skip?: Readonly<Record<string, number>>
    readonly until?: string | undefined
  }

/**
 * One rule for finding keys among a command's arguments: Redis' key specification.
 *
 * **Details**
 *
 * The keys begin at `begin`. They are either a range, or an argument says how many there are. In a range, `last` counts from
 * the first key, or from the end when negative (-1 is the last argument), and a `limit` of 2 means that only the first half
 * of the remaining arguments are keys.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeySpec {
  readonly begin: Place
  readonly find:
    | { readonly _tag: "Range"; readonly last: number; readonly step: number; readonly limit: number }
    | { readonly _tag: "Count"; readonly index: number; readonly first: number; readonly step: number }
}

/**
 * Which nodes a command goes to. `Default`: the owner of its keys, or any node if it has no keys.
 *
 * @category models
 * @since 0.1.0
 */
export type RequestPolicy = "Default" | "AllNodes" | "AllShards" | "MultiShard" | "Special"

/**
 * How the replies of several nodes are combined into one.
 *
 * **Details**
 *
 * Two are not Redis' own: `Union` is one list without duplicates, `OneBySize` is the reply of one node, chosen by chance, where a
 * node with more keys has more of it.
 *
 * @category models
 * @since 0.1.0
 */
export type ResponsePolicy =
  | "Default"
  | "OneSucceeded"
  | "AllSucceeded"
  | "AggLogicalAnd"
  | "AggLogicalOr"
  | "AggMin"
  | "AggMax"
  | "AggSum"
  | "Union"
  | "OneBySize"
  | "Special"

/**
 * How a command depends on, or changes, the state of the connection that it is sent on.
 *
 * **Details**
 *
 * - `Here`: it refers to earlier commands on this connection, and changes nothing (WAIT).
 * - `Changes`: it changes the state of the connection (SELECT, READONLY, CLIENT TRACKING).
 * - `Watches`, `Unwatches`: WATCH changes the state, and UNWATCH and EXEC undo that.
 * - `TakesOver`: afterwards the server no longer sends one reply per command (MULTI, SUBSCRIBE, MONITOR).
 *
 * @category models
 * @since 0.1.0
 */
export type Stateful = "Here" | "Changes" | "Watches" | "Unwatches" | "TakesOver"

/**
 * Why a command can fail after part of its work is done. An error reply to such a command does not prove that nothing happened.
 *
 * **Details**
 *
 * - `Script`: it runs code, which may write and then fail, and which chooses the text of its errors (EVAL, FCALL).
 * - `Digest`: like `Script`, but the node may not know the script (EVALSHA).
 * - `Pieces`: it works piece by piece (MIGRATE, ACL DELUSER), or nothing is known about how it works.
 *
 * @category models
 * @since 0.1.0
 */
export type Partial = "Script" | "Digest" | "Pieces"

/**
 * Kinds of replies. `Text` is a simple, bulk or verbatim string; `Number` an integer, a double, a big number or a boolean;
 * `Aggregate` an array, a set or a map. Nil counts as `Text`, and may come in place of the other two as well.
 *
 * @category models
 * @since 0.1.0
 */
export type ReplyKind = "Text" | "Number" | "Aggregate"

/**
 * The position of a blocking command's timeout among its arguments, and the timeout's unit in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface BlockTime {
  readonly at: Place
  readonly unit: 1 | 1000
}

/**
 * Where the keys of a command are that can be sent in parts: from the index `begin` on, each key with the arguments behind it,
 * `step` together. `count` is the index of the argument that says how many keys there are, -1 if they go on to the end.
 */
export interface Layout {
  readonly begin: number
  readonly step: number
  readonly count: number
}

/**
 * A row of the generated table. A missing field has the most common value.
 *
 * @internal
 */
export interface Row {
  readonly since?: string
  readonly keys?: ReadonlyArray<KeySpec>
  readonly incompleteKeys?: true
  readonly write?: true
  readonly readOnly?: true
  readonly blocking?: true
  readonly blockTime?: BlockTime
  readonly stateful?: Stateful
  readonly partial?: Partial
  readonly affinity?: number
  readonly sticky?: true
  readonly keyspace?: true
  readonly cacheable?: true
  readonly repeatable?: true
  readonly atomicWith?: ReadonlyArray<string>
  readonly urgent?: true
  readonly alone?: true
  readonly replies?: ReadonlyArray<ReplyKind>
  readonly request?: RequestPolicy
  readonly response?: ResponsePolicy
}
