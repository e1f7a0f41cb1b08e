/**
 * Totals over all connections to one address since the pool was made: those for commands and for readers, open and closed. A
 * tally outlives its node, so that its counts only rise, whether the node is renewed, leaves, or comes back.
 *
 * @since 0.1.0
 */
import type { Connection } from "./connection.ts"

/**
 * Counts that only rise.
 *
 * @category models
 * @since 0.1.0
 */
export interface Totals {
  /** The number of times that a lost shared connection was opened again. */
  readonly reconnects: number
  /** The number of times that a shared connection was replaced before its endpoint moved, as the server had announced. */
  readonly handoffs: number
  /** Bytes over all connections to the address, including closed ones. */
  readonly bytesWritten: number
  readonly bytesRead: number
}

export class Tally {
  reconnects = 0
  handoffs = 0
  private readonly open = new Set<Connection>()
  private bytesWritten = 0
  private bytesRead = 0

  /** Counts the bytes of a connection until it is closed. */
  add(connection: Connection): void {
    this.open.add(connection)
    connection.watch({
      onClosed: () => {
        const { bytesRead, bytesWritten } = connection.stats()
        this.bytesRead += bytesRead
        this.bytesWritten += bytesWritten
        this.open.delete(connection)
      },
      onQuiet: () => {}
    })
  }

  /** Whether nothing was counted, for instance because no connection was ever opened. */
  get isEmpty(): boolean {
    const { bytesRead, bytesWritten, handoffs, reconnects } = this.totals
    return reconnects + handoffs + bytesRead + bytesWritten === 0
  }

  get totals(): Totals {
    let { bytesRead, bytesWritten } = this
    for (const connection of this.open) {
      const stats = connection.stats()
      bytesRead += stats.bytesRead
      bytesWritten += stats.bytesWritten
    }
    return { reconnects: this.reconnects, handoffs: this.handoffs, bytesWritten, bytesRead }
  }
}

/** The number of tallies to keep for nodes that are gone. Beyond it, those that left first are dropped. */
const mostGone = 1000

/** The tallies of all addresses, by their keys. */
export class Tallies {
  private readonly inUse = new Map<string, { readonly tally: Tally; users: number }>()
  /** Tallies of addresses without connections. The address that left first comes first. */
  private readonly gone = new Map<string, Tally>()

  /** Returns the tally of an address for one more set of connections to it. */
  acquire(key: string): Tally {
    const known = this.inUse.get(key)
    if (known !== undefined) {
      known.users++
      return known.tally
    }
    const tally = this.gone.get(key) ?? new Tally()
    this.gone.delete(key)
    this.inUse.set(key, { tally, users: 1 })
    return tally
  }

  /** Ends one set of connections. Addresses without any counts, such as those of a wrong redirect, are not kept. */
  release(key: string): void {
    const known = this.inUse.get(key)
    if (known === undefined || --known.users > 0) return
    this.inUse.delete(key)
    if (known.tally.isEmpty) return
    this.gone.set(key, known.tally)
    for (const first of this.gone.keys()) {
      if (this.gone.size <= mostGone) break
      this.gone.delete(first)
    }
  }

  /** The number of tallies, in use or not. */
  get size(): number {
    return this.inUse.size + this.gone.size
  }
}
