/**
 * Knows which nodes are in the client's availability zone: from the map, else from the node's greeting, else from its INFO.
 *
 * INFO is asked for only while reads depend on it, once a minute: servers without zones don't tell that they have none.
 *
 * Source: https://github.com/valkey-io/valkey/blob/unstable/valkey.conf (`availability-zone`, since Valkey 8.0)
 */
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import type * as NodePool from "../../NodePool.ts"
import type * as SlotMap from "../../SlotMap.ts"
import * as Reply from "../commands/reply.ts"
import { zoneInInfo } from "../values/zone.ts"
import { Question } from "./question.ts"

const INFO = Command.make(CommandSpec.get("INFO"), ["server"], Reply.raw)

/** The time between two INFOs to a node, and the deadline of each, in milliseconds. */
const interval = 60_000
const patience = 5000

interface Answer {
  readonly askedAt: number
  zone: string | undefined
}

export class Zones {
  private readonly own: string | undefined
  private readonly answers = new WeakMap<NodePool.Node, Answer>()

  constructor(own: string | undefined) {
    this.own = own
  }

  /** Whether a node is known to be in the client's zone. `connected` is the node as the pool has it, for reads. */
  has(node: SlotMap.Node, connected: NodePool.Node, now: number): boolean {
    return (node.availabilityZone ?? connected.zone() ?? this.asked(connected, now)) === this.own
  }

  /** A node was lost. Whoever answers there the next time may be in another zone. */
  forget(node: NodePool.Node): void {
    this.answers.delete(node)
  }

  private asked(node: NodePool.Node, now: number): string | undefined {
    const before = this.answers.get(node)
    if (!node.isOpen(-1) || (before !== undefined && now - before.askedAt < interval)) return before?.zone
    const answer: Answer = { askedAt: now, zone: before?.zone }
    this.answers.set(node, answer)
    node.submit(
      new Question(INFO, now + patience, (text) => {
        if (text !== undefined) answer.zone = zoneInInfo(text)
      }),
      -1
    )
    return answer.zone
  }
}
