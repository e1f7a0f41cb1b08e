/**
 * Measures what a dead shard costs the others: of three primaries one is killed, or frozen, while commands for it keep coming at a
 * fixed rate. With replicas, one of them takes over, and it is measured how soon everything is as it was before. Each client has a
 * cluster and a process of its own, one after the other.
 *
 * Usage: npm run bench:outage -- [--freeze] [--replicas] [--rates 500,2000] [--seconds 60] [--clients redisc-promises,ioredis-plain]
 */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { labelOf } from "./clients/contestants.ts"
import type { ClientName } from "./clients/contestants.ts"
import { Cluster } from "./cluster/cluster.ts"
import { recoveryOf } from "./outage/recovery.ts"
import type { Message, Span, Task } from "./outage/worker.ts"

const { values } = parseArgs({
  options: {
    freeze: { type: "boolean", default: false },
    replicas: { type: "boolean", default: false },
    rates: { type: "string", default: "500,2000,5000" },
    seconds: { type: "string" },
    clients: { type: "string", default: "redisc-promises,ioredis-plain,node-redis,glide" }
  }
})
const worker = fileURLToPath(new URL("outage/worker.ts", import.meta.url))
const seconds = Number(values.seconds ?? (values.replicas ? 20 : 60))

const settings: Readonly<Record<string, string>> = {
  "cluster-require-full-coverage": "no",
  ...(values.replicas ? { "cluster-node-timeout": "5000", "repl-diskless-sync-delay": "0" } : {})
}

interface Outage {
  readonly told: Message
  /** In milliseconds since 1970. */
  readonly lostAt: number
  readonly promotedAt: number | undefined
}

const measure = async (client: ClientName, rate: number): Promise<Outage> => {
  const cluster = await Cluster.start(3, settings)
  if (values.replicas) await cluster.replicate()
  const child = fork(worker, { stdio: ["ignore", "ignore", "inherit", "ipc"] })
  let lostAt = 0
  let promotedAt: number | undefined
  const lose = async (): Promise<void> => {
    lostAt = Date.now()
    cluster.lose(0, values.freeze ? "freeze" : "kill")
    if (!values.replicas) return
    await cluster.promoted(0)
    promotedAt = Date.now()
  }
  try {
    const task: Task = { client, nodes: cluster.nodes("tcp"), rate, seconds, span: values.replicas ? 0.1 : 5 }
    const told = await new Promise<Message>((resolve, reject) => {
      child.on("message", (message) => {
        const told = message as Message
        if (told._tag === "Warm") lose().catch(reject)
        else resolve(told)
      })
      child.on("exit", (code) => resolve({ _tag: "Failed", problem: `ended with ${code}` }))
      child.send(task)
    })
    return { told, lostAt, promotedAt }
  } finally {
    child.kill("SIGKILL")
    await cluster.stop()
  }
}

const percent = (healthy: number, before: Span): string => `${Math.round(healthy * 100 / before.healthy)} %`.padStart(6)

const lineOf = (when: string, { answered, failed, memory, pending }: Span): string =>
  `  ${when.padStart(8)}  lost ${answered} a second, pending ${pending}, failed ${failed}, ${memory} MB`

const since = (moment: number, { until }: Span): string => `${((until - moment) / 1000).toFixed(1)} s`

for (const rate of values.rates.split(",").map(Number)) {
  console.log(`\n${rate} commands a second for a node that is ${values.freeze ? "frozen" : "dead"}`)
  for (const client of values.clients.split(",") as ReadonlyArray<ClientName>) {
    const { lostAt, promotedAt, told } = await measure(client, rate)
    if (told._tag !== "Done") {
      console.log(`${labelOf(client)}: ${told._tag === "Failed" ? told.problem : "nothing"}`)
      continue
    }
    const { before, spans } = told
    console.log(`${labelOf(client)}: ${before.healthy} a second on the healthy nodes before`)
    if (promotedAt === undefined) {
      for (const span of spans) {
        console.log(`${lineOf(since(lostAt, span), span)}, healthy ${percent(span.healthy, before)}`)
      }
      continue
    }
    const recovery = recoveryOf({ before, spans, lostAt, promotedAt, rate })
    console.log(`${lineOf(since(lostAt, recovery.promotion), recovery.promotion)}, then promoted`)
    const after = [["first answers", recovery.answered], ["as before", recovery.back], [
      "at last",
      spans.at(-1)
    ]] as const
    for (const [what, span] of after) {
      console.log(span === undefined ? `  never ${what}` : `${lineOf(`+${since(promotedAt, span)}`, span)}, ${what}`)
    }
    console.log(
      `  healthy: ${percent(recovery.healthyMeanwhile, before)} until the promotion, ` +
        `${percent(recovery.healthyAfterwards, before)} in the second after it`
    )
  }
}
process.exit(0)
