/**
 * The seam between redisc and the world: something that opens a stream of bytes to an address.
 *
 * The Node package provides one for TCP, TLS and unix sockets, the test package one for simulated nodes. Everything
 * above it (the wire protocol, routing, redirects) is the same code whichever is used. Calls are plain functions and
 * not effects, because they stand on the path of every command.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "./Address.ts"
import type { RedisError } from "./RedisError.ts"

/**
 * What a transport tells its owner.
 *
 * **Details**
 *
 * `onClose` comes at most once, and nothing comes after it. A chunk is lent for the duration of the call only. These functions may
 * throw an exception of a user's code, such as an observer of a fiber that they have resumed. The listener is in order all the same,
 * and the transport goes on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  readonly onData: (chunk: Uint8Array) => void
  readonly onDrain: () => void
  readonly onClose: (problem: string, cause?: unknown) => void
}

/**
 * An open stream of bytes.
 *
 * **Details**
 *
 * `write` takes the chunks as one unit and never throws. It answers false when the peer reads more slowly than we
 * write; the owner then waits for `onDrain`, which comes later and never from within `write`. The owner does not change the chunks
 * while the transport `holds` any of what it was given; without a `holds` it never changes them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Transport {
  readonly write: (chunks: ReadonlyArray<Uint8Array>) => boolean
  readonly holds?: () => boolean
}

/**
 * Opens transports.
 *
 * **Details**
 *
 * `open` connects, and fails with `ConnectionFailed` when it can't; closing its scope closes the transport at once.
 * It has to be interruptible. `secure` tells whether the transports are encrypted, and so which of a node's two ports
 * is the one to use. `soon` runs a task at the end of the tick, so that commands of one tick are written together. With
 * sockets that has to be after all sockets that are ready have been read: deadlines are checked behind it.
 *
 * @category services
 * @since 0.1.0
 */
export class Connector extends Context.Service<Connector, {
  readonly secure: boolean
  readonly soon: (task: () => void) => void
  readonly open: (address: Address, listener: Listener) => Effect.Effect<Transport, RedisError, Scope.Scope>
}>()("@redisc/core/Connector") {}
