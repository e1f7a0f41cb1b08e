/**
 * The vocabulary in which the generated table states facts about commands, and what a row of it may say.
 *
 * Sources: https://redis.io/docs/latest/develop/reference/key-specs/ and
 * https://redis.io/docs/latest/develop/reference/command-tips/
 *
 * @since 0.1.0
 */
/**
 * A place among a command's arguments, which count from 0 behind its name: an index, from the end when negative, or the
 * argument behind a keyword.
 *
 * **Details**
 *
 * A keyword is looked for from `from` on (from the end when negative), as far as the word `until`. `skip` has the options
 * that may stand before it, each with the number of its arguments, which are never taken for the keyword. `unlessEmpty`
 * is MIGRATE's: an empty key says that the keys come later.
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
 * One rule for finding keys among a command's arguments, as Redis describes them.
 *
 * **Details**
 *
 * From where they begin on, keys are a range (`last` counted from the first key, or from the end when negative: -1 is
 * the last argument; a `limit` of 2 halves what is left), or are counted by an argument.
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
 * Which nodes a command goes to. `Default` means by its keys, or to any node when it has none.
 *
 * @category models
 * @since 0.1.0
 */
export type RequestPolicy = "Default" | "AllNodes" | "AllShards" | "MultiShard" | "Special"

/**
 * How the replies of several nodes become one.
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
  | "Special"

/**
 * What a command has to do with the very connection that it is sent on.
 *
 * **Details**
 *
 * - `Here`: it is about what was sent on this connection, and changes nothing (WAIT).
 * - `Changes`: the connection is not the same afterwards (SELECT, READONLY, CLIENT TRACKING).
 * - `Watches`, `Unwatches`: what WATCH changes is undone by UNWATCH, and by EXEC.
 * - `TakesOver`: what comes next is no longer one reply to each command (MULTI, SUBSCRIBE, MONITOR).
 *
 * @category models
 * @since 0.1.0
 */
export type Stateful = "Here" | "Changes" | "Watches" | "Unwatches" | "TakesOver"

/**
 * What kind of command can fail after a part of its work is done, so that an error proves nothing by itself.
 *
 * **Details**
 *
 * - `Script`: it runs code, which may write and then fail, and whose errors say whatever it likes (EVAL, FCALL).
 * - `Digest`: the same, of a script that the node may not know (EVALSHA).
 * - `Pieces`: it does its work piece by piece (MIGRATE, ACL DELUSER), or may for all that is known.
 *
 * @category models
 * @since 0.1.0
 */
export type Partial = "Script" | "Digest" | "Pieces"

/**
 * Kinds of replies. `Text` is a simple, bulk or verbatim string, and nil, which any of them may be instead. `Number` is an
 * integer, a double, a big number or a boolean, `Aggregate` an array, a set or a map.
 *
 * @category models
 * @since 0.1.0
 */
export type ReplyKind = "Text" | "Number" | "Aggregate"

/**
 * Where a blocking command says how long it may wait, and how many milliseconds the unit has that it says it in.
 *
 * @category models
 * @since 0.1.0
 */
export interface BlockTime {
  readonly at: Place
  readonly unit: 1 | 1000
}

/**
 * A row of the generated table. Absent fields have their commonest value.
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
  readonly urgent?: true
  readonly alone?: true
  readonly replies?: ReadonlyArray<ReplyKind>
  readonly request?: RequestPolicy
  readonly response?: ResponsePolicy
}
