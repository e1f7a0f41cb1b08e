/**
 * The client's cost of a command, by the number of nodes.
 *
 * With more nodes the same commands are spread over more writes, and nothing else should cost more. To show this, there is also
 * a load that stays on three of the nodes, however many there are, and a measurement of only the routing from key to node.
 */
import { Client, Slot } from "@redisc/core"
import * as Effect from "effect/Effect"
import { Answering, key, perWrite } from "../answering/answering.ts"
import { clientOf, connect, gets } from "../answering/client.ts"
import { contiguous } from "../answering/layout.ts"
import type { Layout } from "../answering/layout.ts"
import { perCall, perRun } from "./cost.ts"
import * as Section from "./section.ts"

const fibers = 500
const commands = 200_000
const keyCount = 5000
const lookUps = 500_000
const choices = 5000

/** Keys that belong to the first nodes of a cluster. */
const keysOf = (layout: Layout, nodes: number): ReadonlyArray<string> => {
  const limit = layout[nodes - 1].end
  const keys: Array<string> = []
  for (let n = 0; keys.length < keyCount; n++) if (Slot.fromKey(key(n)) <= limit) keys.push(key(n))
  return keys
}

const measure = (nodes: number) => {
  const layout = contiguous(nodes)
  const answering = new Answering(layout)
  const commandsOn = Effect.fnUntraced(function*(keys: ReadonlyArray<string>) {
    const from = answering.counts()
    const { processor } = yield* perRun(gets(keys, fibers, commands), 1)
    return { cost: processor / commands, perWrite: perWrite(from, answering.counts()) }
  })
  const everywhere = keysOf(layout, nodes)
  const program = Effect.gen(function*() {
    const { placement } = (yield* Client.Client).router
    yield* connect
    const spread = yield* commandsOn(everywhere)
    const local = yield* commandsOn(keysOf(layout, 3))
    let turn = 0
    const lookUp = yield* perCall(
      () => placement.nodeOf(Slot.fromKey(everywhere[turn++ % keyCount]), "primary"),
      lookUps
    )
    const keyless = yield* perCall(() => placement.nodeOf(-1, "primary"), choices)
    return {
      spread: spread.cost,
      spreadPerWrite: spread.perWrite,
      local: local.cost,
      localPerWrite: local.perWrite,
      lookUp: lookUp * 1000,
      keyless: keyless * 1000
    }
  })
  return Effect.runPromise(Effect.provide(program, clientOf(answering)))
}

export const routing = Section.make({
  title: `A GET, with ${fibers} fibers`,
  columns: {
    spread: { heading: "all nodes, us", digits: 2 },
    spreadPerWrite: { heading: "a write", digits: 1 },
    local: { heading: "on 3 nodes, us", digits: 2 },
    localPerWrite: { heading: "a write", digits: 1 },
    lookUp: { heading: "look-up, ns", digits: 0 },
    keyless: { heading: "any node, ns", digits: 0 }
  },
  cases: Section.sizes.map((nodes) => ({ label: `${nodes} nodes`, measure: () => measure(nodes) })),
  notes: [
    "us: processor time a command; a write: commands that share one",
    "on 3 nodes: all keys are at the same three, whatever the size of the cluster, so that as many share a write",
    "look-up: from the key to its slot, shard and node; any node: the choice of one for a command without keys"
  ]
})
