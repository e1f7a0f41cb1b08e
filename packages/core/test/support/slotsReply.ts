/** What CLUSTER SLOTS answers. */
import * as Resp from "../../src/Resp.ts"

const { Reply } = Resp

/** From slot, to slot, primary, replicas. */
export type Slots = ReadonlyArray<readonly [start: number, end: number, ...nodes: ReadonlyArray<string>]>

export const slotsReply = (slots: Slots): Resp.Reply =>
  Reply.array(slots.map(([start, end, ...nodes]) =>
    Reply.array([
      Reply.integer(start),
      Reply.integer(end),
      ...nodes.map((node) => {
        const colon = node.lastIndexOf(":")
        const port = Reply.integer(Number(node.slice(colon + 1)))
        return Reply.array([Reply.bulk(node.slice(0, colon)), port, Reply.bulk(`id-${node}`)])
      })
    ])
  ))
