/**
 * Measures what a dead shard costs the others: of three primaries without replicas one is killed, or frozen, while commands for it
 * keep coming at a fixed rate. Each client has a cluster and a process of its own, one after the other.
 *
 * Usage: npm run bench:outage -- [--freeze] [--rates 500,2000] [--seconds 60] [--clients redisc-promises,ioredis-plain]
 */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { labelOf } from "./clients/contestants.ts"
import type { ClientName } from "./clients/contestants.ts"
import { Cluster } from "./cluster/cluster.ts"
import type { Message, Task } from "./outage/worker.ts"

const { values } = parseArgs({
  options: {
    freeze: { type: "boolean", default: false },
    rates: { type: "string", default: "500,2000,5000" },
    seconds: { type: "string", default: "60" },
    clients: { type: "string", default: "redisc-promises,ioredis-plain,node-redis,glide" }
  }
})
const worker = fileURLToPath(new URL("outage/worker.ts", import.meta.url))

const measure = async (client: ClientName, rate: number): Promise<Message> => {
  const cluster = await Cluster.start(3, { "cluster-require-full-coverage": "no" })
  const child = fork(worker, { stdio: ["ignore", "ignore", "inherit", "ipc"] })
  try {
    const task: Task = { client, nodes: cluster.nodes("tcp"), rate, seconds: Number(values.seconds) }
    return await new Promise<Message>((resolve) => {
      child.on("message", (message) => {
        const told = message as Message
        if (told._tag === "Warm") cluster.lose(0, values.freeze ? "freeze" : "kill")
        else resolve(told)
      })
      child.on("exit", (code) => resolve({ _tag: "Failed", problem: `ended with ${code}` }))
      child.send(task)
    })
  } finally {
    child.kill("SIGKILL")
    await cluster.stop()
  }
}

for (const rate of values.rates.split(",").map(Number)) {
  console.log(`\n${rate} commands a second for a node that is ${values.freeze ? "frozen" : "dead"}`)
  for (const client of values.clients.split(",") as ReadonlyArray<ClientName>) {
    const told = await measure(client, rate)
    if (told._tag !== "Done") {
      console.log(`${labelOf(client)}: ${told._tag === "Failed" ? told.problem : "nothing"}`)
      continue
    }
    console.log(`${labelOf(client)}: ${told.before} a second on the healthy nodes before`)
    for (const { failed, healthy, memory, pending, until } of told.spans) {
      const percent = `${Math.round(healthy * 100 / told.before)} %`
      console.log(
        `  ${`${until} s`.padStart(5)} ${percent.padStart(6)}  pending ${pending}, failed ${failed}, ${memory} MB`
      )
    }
  }
}
process.exit(0)
