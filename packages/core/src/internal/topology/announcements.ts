/**
 * What nodes announce, as far as the map is concerned: slots that have moved are in it at once, and after anything else that ends
 * it is learnt anew.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Address } from "../../Address.ts"
import type { NodePool } from "../../NodePool.ts"
import * as SlotMap from "../../SlotMap.ts"
import type { Heir } from "../connection/heldSlots.ts"
import type { Notice } from "../connection/notices.ts"
import type { Failure } from "../failures/failure.ts"
import { meant } from "./locating.ts"
import { SlotMoves } from "./slotMoves.ts"
import type { Redirects } from "./source.ts"

export interface Options {
  readonly pool: NodePool["Service"]
  readonly clock: Clock.Clock
  readonly redirects: Redirects | undefined
  readonly map: () => SlotMap.SlotMap
  /** The address that an endpoint means, seen from a node; undefined if it may not be followed. */
  readonly locate: (endpoint: string, node: string) => Address | undefined
  readonly swap: (map: SlotMap.SlotMap) => Effect.Effect<unknown>
  readonly requestRefresh: () => void
  /** Something says that the map has changed. */
  readonly news: () => void
  readonly unread: (failure: Failure) => void
}

export class Announcements {
  /** How often slots were said to have moved; what several connections tell of the same counts once. */
  slotMoves = 0
  private readonly options: Options
  private readonly moves: SlotMoves

  constructor(options: Options) {
    this.options = options
    this.moves = new SlotMoves({ clock: options.clock, locate: options.locate, known: this.known })
  }

  /** Listens until the function that it returns is called. */
  listen(): () => void {
    const { locate, pool, requestRefresh, unread } = this.options
    return pool.onNotice({ locate, unread, moved: requestRefresh, heard: this.heard })
  }

  private readonly heard = (notice: Notice, node: string): void => {
    if (notice._tag === "Ended") return this.options.requestRefresh()
    if (notice._tag !== "SlotsMoved") return
    const { map, news, redirects, swap } = this.options
    const moved = this.moves.read(notice.seq, notice.moves, node)
    if (moved === undefined) return
    this.slotMoves++
    const before = map()
    const after = moved.size === 0 ? before : redirects?.patchAll?.(before, moved) ?? before
    if (after !== before) {
      this.handOver(before, after, moved.keys())
      Effect.runSync(swap(after))
    }
    news()
  }

  /** Lets the nodes that had the slots hand over to those that have them by now. */
  private handOver(before: SlotMap.SlotMap, after: SlotMap.SlotMap, slots: Iterable<number>): void {
    const { pool } = this.options
    const heirs = new Map<string, Map<number, Heir>>()
    for (const slot of slots) {
      const from = SlotMap.shardOf(before, slot)?.primary?.address.key
      const to = SlotMap.shardOf(after, slot)?.primary?.address
      if (from === undefined || to === undefined || from === to.key || !pool.nodes().has(from)) continue
      const known = heirs.get(from)
      if (known === undefined) heirs.set(from, new Map([[slot, pool.node(to)]]))
      else known.set(slot, pool.node(to))
    }
    for (const [from, its] of heirs) pool.nodes().get(from)?.handOver(its)
  }

  /** The node in the map that an endpoint means. */
  private readonly known = (endpoint: string, node: string): string | undefined => {
    const found = Result.getOrUndefined(meant(this.options, endpoint, node))
    return found?.isMember === true ? found.address.key : undefined
  }
}
