/**
 * The boundary between redisc and the network: a service that opens a stream of bytes to an address.
 *
 * The Node package provides one for TCP, TLS and unix sockets, the test package one for simulated nodes. The code above it (the
 * wire protocol, routing, redirects) is the same with all of them. Calls are plain functions and not effects, because every
 * command passes them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "./Address.ts"
import type { RedisError } from "./RedisError.ts"

/**
 * The callbacks of the owner of a transport.
 *
 * **Details**
 *
 * `onClose` is called at most once, and nothing is called after it. A chunk may be read only during the call. These functions
 * may throw an exception of a user's code, such as an observer of a fiber that they have resumed. The listener is still in
 * order then, and the transport goes on.
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
 * `write` takes the chunks as one unit and never throws. It returns false when the peer reads more slowly than we write; the
 * owner then waits for `onDrain`, which is called later and never from within `write`. The owner does not change the chunks
 * while `holds` returns true, which says that the transport still uses some of them. Without `holds` the owner never changes
 * them. `remote` is the IP address that it leads to: by it the client tells whether the server is in the same network.
 *
 * @category models
 * @since 0.1.0
 */
export interface Transport {
  readonly write: (chunks: ReadonlyArray<Uint8Array>) => boolean
  readonly holds?: () => boolean
  readonly remote?: string | undefined
}

/**
 * Opens transports.
 *
 * **Details**
 *
 * `open` connects, and fails with `ConnectionFailed` when it can't. Closing its scope closes the transport at once. It has to
 * be interruptible. `secure` says whether the transports are encrypted, which decides which of a node's two ports to use.
 * `soon` runs a task at the end of the tick, so that commands of one tick are written together. With sockets the task has to
 * run after all sockets that are ready have been read, because deadlines are checked after it.
 *
 * @category services
 * @since 0.1.0
 */
export class Connector extends Context.Service<Connector, {
  readonly secure: boolean
  readonly soon: (task: () => void) => void
  readonly open: (address: Address, listener: Listener) => Effect.Effect<Transport, RedisError, Scope.Scope>
}>()("@redisc/core/Connector") {}
