/**
 * Remembers the latest layouts that nodes replied with, already parsed. Most replies are the same as an earlier one of another
 * node, and comparing two replies takes a small part of the time of parsing one.
 */
import * as Result from "effect/Result"
import type { Address } from "../../Address.ts"
import type * as Resp from "../../Resp.ts"
import * as SlotMap from "../../SlotMap.ts"

interface Layout {
  readonly reply: Resp.Value
  /** The node that replied, if the reply leaves out that node's host; undefined if it means the same from any node. */
  readonly origin: string | undefined
  readonly map: SlotMap.SlotMap
  readonly fingerprint: string
}

const isSame = (a: Resp.Value, b: Resp.Value): boolean => {
  if (a === b) return true
  if (a instanceof Map && b instanceof Map) return a.size === b.size && isSame(Array.from(a), Array.from(b))
  return Array.isArray(a) && Array.isArray(b) && a.length === b.length &&
    a.every((item, index) => isSame(item, b[index]))
}

const leavesOutHost = (reply: Resp.Value): boolean =>
  Array.isArray(reply) && reply.some((entry) =>
    Array.isArray(entry) &&
    entry.slice(2).some((node) => Array.isArray(node) && (node[0] === null || node[0] === ""))
  )

export class Layouts {
  private readonly known: Array<Layout> = []
  private readonly limit: number
  private readonly options: Omit<SlotMap.ReplyOptions, "origin">

  /** Remembers at most `limit` layouts. */
  constructor(limit: number, options: Omit<SlotMap.ReplyOptions, "origin">) {
    this.limit = limit
    this.options = options
  }

  /** The layout in a reply to CLUSTER SLOTS, or to the command that `parse` is for; or the problem with the reply. */
  read(
    reply: Resp.Value,
    origin: Address,
    parse: typeof SlotMap.fromClusterSlots = SlotMap.fromClusterSlots
  ): Result.Result<Layout, string> {
    // An addressMap may return something else the next time, so it is called each time.
    const known = this.options.addressMap !== undefined ?
      undefined :
      this.known.find((layout) =>
        (layout.origin === undefined || layout.origin === origin.key) && isSame(layout.reply, reply)
      )
    if (known !== undefined) return Result.succeed(known)
    return Result.map(parse(reply, { ...this.options, origin }), (map) => {
      const own = parse !== SlotMap.fromClusterSlots || leavesOutHost(reply) ? origin.key : undefined
      const layout: Layout = { reply, origin: own, map, fingerprint: SlotMap.fingerprint(map) }
      this.known.push(layout)
      if (this.known.length > this.limit) this.known.shift()
      return layout
    })
  }
}
