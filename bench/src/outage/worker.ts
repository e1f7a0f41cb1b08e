/**
 * The process for one client in an outage: loops of GETs on the healthy nodes, and SETs at a fixed rate, whatever becomes of them,
 * on the node that is lost. It says when it is warm, and sends its figures in the end.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Commands } from "../clients/client.ts"
import { clients } from "../clients/contestants.ts"
import type { ClientName } from "../clients/contestants.ts"
import type { Nodes } from "../cluster/cluster.ts"
import { ownerOf } from "../work/fill.ts"

export interface Task {
  readonly client: ClientName
  readonly nodes: Nodes
  /** Commands a second for the node that is lost. */
  readonly rate: number
  /** How long the outage is watched, in seconds. */
  readonly seconds: number
  /** How long a span is, in seconds. */
  readonly span: number
}

/** What was measured in a span of the outage. */
export interface Span {
  /** When it ended, in milliseconds since 1970. */
  readonly until: number
  /** Commands a second on the healthy nodes. */
  readonly healthy: number
  /** Commands a second that the lost node, or another in its place, has answered. */
  readonly answered: number
  /** Commands for the lost node that are neither done nor failed. */
  readonly pending: number
  readonly failed: number
  /** In MB. */
  readonly memory: number
}

export type Message =
  | { readonly _tag: "Warm" }
  | { readonly _tag: "Done"; readonly before: Span; readonly spans: ReadonlyArray<Span> }
  | { readonly _tag: "Failed"; readonly problem: string }

const loops = 100

/** How long the load is watched before the outage, in seconds. */
const calm = 5

const send = (message: Message): void => {
  process.send?.(message)
}

const keysOf = (nodes: number, isLost: boolean): ReadonlyArray<string> =>
  Array.from({ length: 3000 }, (_, n) => `outage:${n}`).filter((key) => (ownerOf(key, nodes) === 0) === isLost)

const perform = async ({ client, nodes, rate, seconds, span }: Task): Promise<void> => {
  const { commands } = await clients[client].open!(nodes)
  const { get, set } = commands as Commands
  const healthy = keysOf(nodes.ports.length, false)
  const lost = keysOf(nodes.ports.length, true)
  const counts = { healthy: 0, answered: 0, pending: 0, failed: 0 }
  let next = 0
  const loop = async (): Promise<never> => {
    while (true) {
      await get(healthy[next++ % healthy.length]).catch(() => undefined)
      counts.healthy++
    }
  }
  for (let n = 0; n < loops; n++) void loop()
  let sent = 0
  const begun = Date.now()
  setInterval(() => {
    for (const due = (Date.now() - begun) * rate / 1000; sent < due; sent++) {
      counts.pending++
      set(lost[sent % lost.length], "1").then(() => counts.answered++, () => counts.failed++).finally(() =>
        counts.pending--
      )
    }
  }, 10)
  const watch = async (seconds: number): Promise<Span> => {
    const [{ answered, healthy }, from] = [{ ...counts }, Date.now()]
    await sleep(seconds * 1000)
    const until = Date.now()
    const perSecond = (count: number): number => Math.round(count * 1000 / (until - from))
    return {
      until,
      healthy: perSecond(counts.healthy - healthy),
      answered: perSecond(counts.answered - answered),
      pending: counts.pending,
      failed: counts.failed,
      memory: Math.round(process.memoryUsage().rss / 1e6)
    }
  }
  await sleep(2000)
  const before = await watch(calm)
  send({ _tag: "Warm" })
  const spans: Array<Span> = []
  for (const end = Date.now() + seconds * 1000; Date.now() < end;) spans.push(await watch(span))
  send({ _tag: "Done", before, spans })
}

const fail = (error: unknown): void =>
  send({ _tag: "Failed", problem: error instanceof Error ? error.message : `${error}` })

process.once("message", (task) => {
  perform(task as Task).catch(fail)
})
// Some clients reject promises of their own that nobody has.
process.on("unhandledRejection", () => {})
process.once("disconnect", () => process.exit(0))
