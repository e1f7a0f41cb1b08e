/**
 * Failures of connections, held back until a refresh has shown whether their node is still in the map. A node that has left
 * the cluster is expected to be shut down, so its failures are dropped.
 */
import type { Failure } from "../failures/failure.ts"

interface Trouble {
  readonly node: string
  readonly failure: Failure
}

/** The maximum number of failures that are held. When there are more, the oldest are dropped. */
const limit = 256

export class Troubles {
  private held: Array<Trouble> = []
  /** Failures from before the current refresh began. Its map is newer than they are, and decides about them. */
  private due: Array<Trouble> = []
  private readonly tell: (failure: Failure) => void

  constructor(tell: (failure: Failure) => void) {
    this.tell = tell
  }

  note(node: string, failure: Failure): void {
    this.held.push({ node, failure })
    if (this.held.length > limit) this.held.shift()
  }

  /** Called when a refresh begins. */
  readonly refreshing = (): void => {
    this.due = this.held
    this.held = []
  }

  /** Called when a refresh ends, with the nodes of its map, or with `undefined` if it failed; then all failures are reported. */
  readonly refreshed = (nodes: ReadonlyMap<string, unknown> | undefined): void => {
    const { due } = this
    this.due = []
    for (const { failure, node } of due) if (nodes?.has(node) !== false) this.tell(failure)
  }
}
