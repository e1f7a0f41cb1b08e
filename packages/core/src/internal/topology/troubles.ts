/**
 * Failures of connections, held back until a refresh has shown whether their node is still in the map. A node that has left
 * the cluster is expected to be shut down, so its failures are dropped.
 */
import type { Failure } from "../failures/failure.ts"

interface Trouble {
  readonly node: string
  readonly failure: Failure
}

/** How many are held at most. Of more the oldest are dropped. */
const limit = 256

export class Troubles {
  private held: Array<Trouble> = []
  /** Those from before the current refresh began: its map is newer than they are, and decides about them. */
  private due: Array<Trouble> = []
  private readonly tell: (failure: Failure) => void

  constructor(tell: (failure: Failure) => void) {
    this.tell = tell
  }

  note(node: string, failure: Failure): void {
    this.held.push({ node, failure })
    if (this.held.length > limit) this.held.shift()
  }

  /** A refresh begins. */
  readonly refreshing = (): void => {
    this.due = this.held
    this.held = []
  }

  /** The refresh has ended with the nodes of the map, or with `undefined` if it failed: then all are told. */
  readonly refreshed = (nodes: ReadonlyMap<string, unknown> | undefined): void => {
    const { due } = this
    this.due = []
    for (const { failure, node } of due) if (nodes?.has(node) !== false) this.tell(failure)
  }
}
