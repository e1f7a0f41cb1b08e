/**
 * Layouts of slots for clusters that exist only for measurements, and the replies that describe them.
 */
import { Resp, Slot } from "@redisc/core"

export interface Range {
  readonly start: number
  readonly end: number
  /** The number of the node, from 0. */
  readonly node: number
}

export type Layout = ReadonlyArray<Range>

const hostOf = (node: number): string => `10.0.${node >> 8}.${node & 255}`

const port = 6379

/** The address of a node, in the form that clients take. */
export const addressOf = (node: number): string => `${hostOf(node)}:${port}`

/** One run of slots per node, as in a new cluster. */
export const contiguous = (nodes: number): Layout => {
  const boundary = (node: number): number => Math.floor(node * Slot.count / nodes)
  return Array.from({ length: nodes }, (_, node) => ({ start: boundary(node), end: boundary(node + 1) - 1, node }))
}

/** The worst result of resharding: no two neighbouring slots are at the same node. */
export const fragmented = (nodes: number): Layout =>
  Array.from({ length: Slot.count }, (_, slot) => ({ start: slot, end: slot, node: slot % nodes }))

/** The layout after slot 0 has moved to the second node. */
export const withSlotMoved = ([first, ...others]: Layout): Layout => [
  { start: 0, end: 0, node: 1 },
  ...(first.end === 0 ? [] : [{ ...first, start: 1 }]),
  ...others
]

/** The reply to CLUSTER SLOTS, in the form of Redis 7: host, port, id and no metadata. */
export const slotsReply = (layout: Layout): Uint8Array => {
  const { Reply } = Resp
  return Resp.encodeReply(
    Reply.array(layout.map(({ end, node, start }) =>
      Reply.array([
        Reply.integer(start),
        Reply.integer(end),
        Reply.array([
          Reply.bulk(hostOf(node)),
          Reply.integer(port),
          Reply.bulk(String(node).padStart(40, "0")),
          Reply.array([])
        ])
      ])
    )),
    3
  )
}
