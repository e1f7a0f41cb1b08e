/**
 * What has gone over the connections to one address since the pool was made: those of commands and of readers, those that are open
 * and those that were closed. It outlives the node, so that its counts only rise, whether the node is renewed, leaves, or comes
 * back.
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
  /** Times that a lost shared connection was opened again. */
  readonly reconnects: number
  /** Over all connections to the address, also those that are closed by now. */
  readonly bytesWritten: number
  readonly bytesRead: number
}

export class Tally {
  reconnects = 0
  private readonly open = new Set<Connection>()
  private bytesWritten = 0
  private bytesRead = 0

  /** Counts what goes over a connection, until it is closed. */
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

  /** Whether nothing was ever counted, as where nobody could connect. */
  get isEmpty(): boolean {
    const { bytesRead, bytesWritten, reconnects } = this.totals
    return reconnects + bytesRead + bytesWritten === 0
  }

  get totals(): Totals {
    let { bytesRead, bytesWritten } = this
    for (const connection of this.open) {
      const stats = connection.stats()
      bytesRead += stats.bytesRead
      bytesWritten += stats.bytesWritten
    }
    return { reconnects: this.reconnects, bytesWritten, bytesRead }
  }
}

/** Of more nodes that are gone than this, those that left first are forgotten. */
const mostGone = 1000

/** The tallies of all addresses, by their keys. */
export class Tallies {
  private readonly inUse = new Map<string, { readonly tally: Tally; users: number }>()
  /** Of addresses without connections, the one that left first at the front. */
  private readonly gone = new Map<string, Tally>()

  /** Takes an address into use, once for each set of connections to it. */
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

  /** One set of connections is closed. Addresses over which nothing has gone, such as those of a wrong redirect, are not kept. */
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

  /** How many are kept, in use or not. */
  get size(): number {
    return this.inUse.size + this.gone.size
  }
}
