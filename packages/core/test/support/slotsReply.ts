/** What CLUSTER SLOTS answers. */
import * as Resp from "../../src/Resp.ts"

const { Reply } = Resp

/** From slot, to slot, primary, replicas. */
export type Slots = ReadonlyArray<readonly [start: number, end: number, ...nodes: ReadonlyArray<string>]>

/** The availability zones of nodes, by their keys. */
export type Zones = Readonly<Record<string, string>>

/** As Valkey 9 answers, if there are zones. */
export const slotsReply = (slots: Slots, zones?: Zones): Resp.Reply =>
  Reply.array(slots.map(([start, end, ...nodes]) =>
    Reply.array([
      Reply.integer(start),
      Reply.integer(end),
      ...nodes.map((node) => {
        const colon = node.lastIndexOf(":")
        const port = Reply.integer(Number(node.slice(colon + 1)))
        const zone = zones?.[node]
        const metadata = zone === undefined ? [] : [Reply.map([[Reply.bulk("availability-zone"), Reply.bulk(zone)]])]
        return Reply.array([Reply.bulk(node.slice(0, colon)), port, Reply.bulk(`id-${node}`), ...metadata])
      })
    ])
  ))
