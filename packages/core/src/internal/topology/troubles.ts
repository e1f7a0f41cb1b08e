/**
 * What fails on connections, held back until it is known whether their node still belongs to the cluster: that one which
 * has left it is shut down is nothing to tell of.
 */
import type { Failure } from "../failures/failure.ts"

interface Trouble {
  readonly node: string
  readonly failure: Failure
}

/** How many are held at the most; of more the oldest are forgotten, as whoever listens slowly forgets them. */
const limit = 256

export class Troubles {
  private held: Array<Trouble> = []
  /** Those that were there when the refresh that is under way began. What that brings is newer than they are. */
  private due: Array<Trouble> = []
  private readonly tell: (failure: Failure) => void

  constructor(tell: (failure: Failure) => void) {
    this.tell = tell
  }

  note(node: string, failure: Failure): void {
    this.held.push({ node, failure })
    if (this.held.length > limit) this.held.shift()
  }

  readonly refreshing = (): void => {
    this.due = this.held
    this.held = []
  }

  /** It has brought the nodes that there are, or nothing. */
  readonly refreshed = (nodes: ReadonlyMap<string, unknown> | undefined): void => {
    const { due } = this
    this.due = []
    for (const { failure, node } of due) if (nodes?.has(node) !== false) this.tell(failure)
  }
}
