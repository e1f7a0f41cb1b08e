/**
 * The options of a connection, how they are checked, and the limits that follow from them.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Settings from "../values/settings.ts"
import type { Limits } from "./call.ts"
import { credentialsCheck } from "./credentials.ts"
import type { Credentials, Grant } from "./credentials.ts"

/**
 * The largest reply that is read, so that no server can fill the memory. A larger one ends the connection, because the rest of it
 * can't be skipped. The map of the cluster has to fit too: a dozen elements, 5 levels deep, for each range of slots.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface ReplyLimits {
  /** Bytes of one reply, give or take what arrives at once. Default 1 GiB. */
  readonly maxBytes?: number | undefined
  /** Bytes of one string in a reply. Default 512 MiB, as on a server (`proto-max-bulk-len`). */
  readonly maxBulkLength?: number | undefined
  /** Elements of all arrays, sets and maps of one reply; a pair of a map counts as two. Default 67,108,864. */
  readonly maxElements?: number | undefined
  /** How deep arrays, sets and maps may be nested. Default 128. */
  readonly maxDepth?: number | undefined
}

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** Whom to authenticate as. An Effect of a `Grant` in place of it is for credentials that end; see there. */
  readonly credentials?: Credentials | Effect.Effect<Grant, unknown> | undefined
  /** The name that CLIENT LIST shows. */
  readonly clientName?: string | undefined
  /**
   * The number of the database that all connections select. Default 0. In a cluster only Valkey 9 has others, by `cluster-databases`.
   *
   * Source: https://redis.io/docs/latest/commands/select/
   */
  readonly database?: number | undefined
  /** Declares by READONLY that reads may be served by a replica. Default false. */
  readonly readOnly?: boolean | undefined
  /** How long opening and the handshake may take together. Default 5 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long a command run by `Connection.execute` may take. Default 30 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
  /**
   * After this long without a byte from the server the client sends a PING, and after as long again it gives up the connection.
   * On a dedicated connection it waits longer while a command that blocks or is `Command.slow` is before its deadline. While
   * there are replies, it sends a PING at least once a second. If the answer does not come at its place, a reply was lost on
   * the way, and the client gives up the connection. Default 5 seconds.
   */
  readonly pingInterval?: Duration.Input | undefined
  /** The maximum number of commands on the wire without a reply. Further commands wait. Default 16384. */
  readonly maxInFlight?: number | undefined
  /** The largest reply that is read. A command whose reply is larger fails with `ReplyTooLarge`. */
  readonly replyLimits?: ReplyLimits | undefined
  /** Whether commands beyond `maxInFlight` fail with `Overloaded` instead of waiting for room. Default false. */
  readonly failWhenFull?: boolean | undefined
}

/** Checks a client's name by the server's own rule. */
const clientName: Settings.Check = (name, value) =>
  Settings.text(name, value) ??
    (/^[!-~]*$/.test(value as string)
      ? undefined
      : `${name} has to be text of printable ASCII without blanks, as the server wants it`)

const replyLimits: Settings.Check = (name, value) =>
  Settings.optionsProblem(value, {
    maxBytes: Settings.count,
    maxBulkLength: Settings.count,
    maxElements: Settings.count,
    maxDepth: Settings.count
  }, name)

/**
 * The checks of the options.
 *
 * @internal
 */
export const checks: Settings.Checks = {
  credentials: credentialsCheck,
  clientName,
  database: Settings.index,
  connectTimeout: Settings.duration,
  commandTimeout: Settings.duration,
  pingInterval: Settings.duration,
  maxInFlight: Settings.count,
  failWhenFull: Settings.flag,
  replyLimits,
  readOnly: Settings.flag
}

/** @internal */
export const defaultMaxInFlight = 16384

/** @internal */
export const commandTimeoutMillis = (options: Options): number =>
  Settings.timeoutMillis(options.commandTimeout ?? "30 seconds")

/** @internal */
export const pingMillis = (options: Options): number =>
  Duration.toMillis(Duration.fromInputUnsafe(options.pingInterval ?? "5 seconds"))

/** @internal */
export const limitsOf = (options: Options & { readonly connectionsPerNode?: number | undefined }): Limits => ({
  commandTimeout: commandTimeoutMillis(options),
  patience: options.commandTimeout === undefined ? 0 : commandTimeoutMillis(options),
  silence: 2 * pingMillis(options),
  maxWaiting: options.failWhenFull === true ? options.maxInFlight ?? defaultMaxInFlight : Infinity,
  connectionsPerNode: options.connectionsPerNode ?? 1
})
