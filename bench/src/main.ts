/**
 * Compares redisc with other Redis Cluster clients, on clusters that it starts: `npm run bench -- --help`.
 *
 * Each client runs each workload in a process of its own, and the clients take turns, so that a disturbance of the machine
 * affects all of them. Figures are reported, not judged: the exit code only shows whether all replies were right.
 */
import { writeFileSync } from "node:fs"
import { clientsFor } from "./clients/contestants.ts"
import { Cluster } from "./cluster/cluster.ts"
import { facts } from "./cluster/facts.ts"
import { parse } from "./options.ts"
import type { Options } from "./options.ts"
import { draw } from "./report/picture.ts"
import * as Report from "./report/report.ts"
import * as Results from "./report/results.ts"
import { rowsOf } from "./report/rows.ts"
import { measure } from "./tasks/measure.ts"
import type { Failure, Sample } from "./tasks/measure.ts"
import { fill } from "./work/fill.ts"
import { sizesOf } from "./work/workloads.ts"

// npm runs this in the folder of the package, but paths are relative to the folder where npm was called.
process.chdir(process.env["INIT_CWD"] ?? ".")

const eraseLine = "\r\x1b[K"

const progress = (done: number, options: Options): void => {
  if (process.stderr.isTTY) process.stderr.write(eraseLine + Report.progress(done, options))
}

const startClusters = async ({ over, workloads }: Options) => {
  const secure = over.includes("tls")
  const main = await Cluster.start(3, {}, secure)
  if (!workloads.some(({ shape }) => shape === "channel")) return { main, channel: undefined }
  // A single primary, because passing each message on to other nodes would cost the server most of its time. A node that never
  // met another does not know its own address, and ioredis fails without it, so the address is set.
  const settings = { "client-output-buffer-limit": "pubsub 0 0 0", "cluster-announce-ip": "127.0.0.1" }
  return { main, channel: await Cluster.start(1, settings, secure) }
}

const measureAll = async (options: Options): Promise<Results.Results> => {
  const { clients, over: overs, rounds, workloads } = options
  const samples: Array<Sample> = []
  const failures: Array<Failure> = []
  const { channel, main } = await startClusters(options)
  try {
    await fill(main.ports, sizesOf(workloads))
    const machine = await facts(main.ports[0])
    console.log(Report.header(machine, options))
    for (let round = 0; round < rounds; round++) {
      for (const workload of workloads) {
        const cluster = workload.shape === "channel" && channel !== undefined ? channel : main
        for (const over of overs) {
          const names = clientsFor(clients, workload)
          for (let turn = 0; turn < names.length; turn++) {
            // The order rotates, so that no client always runs first, or always after the same client has warmed up the
            // servers.
            const client = names[(turn + round) % names.length]
            const task = { client, workload, nodes: cluster.nodes(over), publishTo: cluster.ports[0] }
            const outcome = await measure(task, { workload: workload.name, over, client, round })
            if ("problem" in outcome) failures.push(outcome)
            else samples.push(outcome)
            progress(samples.length + failures.length, options)
          }
        }
      }
    }
    if (process.stderr.isTTY) process.stderr.write(eraseLine)
    const rows = workloads.flatMap((workload) =>
      overs.flatMap((over) => {
        const rows = rowsOf(workload, over, clients, samples)
        console.log(Report.table(workload, over, rows, failures, rounds))
        return rows
      })
    )
    return { facts: machine, rounds, rows, failures, samples }
  } finally {
    await Promise.all([main.stop(), channel?.stop()])
  }
}

const options = parse(process.argv.slice(2))
if (options.draw !== undefined) {
  writeFileSync(options.svg ?? options.draw.replace(/(\.json)?$/, ".svg"), draw(Results.read(options.draw)))
} else {
  const results = await measureAll(options)
  console.log(Report.summary(results.rows))
  console.log(Report.loads(results.samples))
  if (options.json !== undefined) Results.write(options.json, results)
  if (options.svg !== undefined) writeFileSync(options.svg, draw(results))
  process.exitCode = results.failures.length === 0 ? 0 : 1
}
