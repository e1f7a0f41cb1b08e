/**
 * Slots that have moved as a server announces it (SMIGRATED): the same news comes over many connections, one source may be named
 * several times or not be known, and a node that lies may name anything.
 */
import type * as Clock from "effect/Clock"
import type { Address } from "../../Address.ts"
import type { SlotMove } from "../connection/notices.ts"
import type { Moved } from "./source.ts"

/** How long the same news counts as told already, in milliseconds. A server that starts anew may begin to count anew. */
const remembered = 120_000
/** How much is remembered. */
const mostRemembered = 256
/** How many slots one push may name, all in all. */
const mostSlots = 65_536

export interface Options {
  readonly clock: Clock.Clock
  /** The address that an endpoint means; undefined if it may not be followed. `node` is the key of the node that names it. */
  readonly locate: (endpoint: string, node: string) => Address | undefined
  /** The key of the node in the map that an endpoint means; undefined if there is none. */
  readonly known: (endpoint: string, node: string) => string | undefined
}

export class SlotMoves {
  private readonly options: Options
  private readonly told = new Map<string, number>()

  constructor(options: Options) {
    this.options = options
  }

  /** Where each slot is by now, by what a node tells; undefined if it is told already. What can't be followed is left out. */
  read(seq: number, moves: ReadonlyArray<SlotMove>, node: string): ReadonlyMap<number, Moved> | undefined {
    if (this.isTold(`${seq} ${JSON.stringify(moves)}`)) return undefined
    const targets = new Map<string, Address | undefined>()
    const moved = new Map<number, Moved>()
    let left = mostSlots
    for (const { ranges, source, target } of moves) {
      if (!targets.has(target)) targets.set(target, this.options.locate(target, node))
      const address = targets.get(target)
      if (address === undefined) continue
      const from = (source === undefined ? undefined : this.options.known(source, node)) ?? node
      for (const [first, last] of ranges) {
        for (let slot = first; slot <= last && left > 0; slot++, left--) moved.set(slot, { address, from })
      }
    }
    return moved
  }

  private isTold(news: string): boolean {
    const now = this.options.clock.currentTimeMillisUnsafe()
    const at = this.told.get(news)
    if (at !== undefined && now - at < remembered) return true
    this.told.delete(news)
    this.told.set(news, now)
    for (const [first, at] of this.told) {
      if (this.told.size <= mostRemembered && now - at < remembered) break
      this.told.delete(first)
    }
    return false
  }
}
