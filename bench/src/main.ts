/**
 * Measures redisc beside the other Redis Cluster clients, on a cluster of its own.
 *
 * Usage: npm run bench -- [--rounds N] [--quick] [--client A,B] [--workload A,B] [--json FILE]
 *
 * Each client runs each workload in a process of its own, and the clients take turns, so that what disturbs the machine
 * disturbs them all. Figures are reported, none is judged: the exit code only tells whether all replies were right.
 */
import { writeFileSync } from "node:fs"
import { clientsFor } from "./clients.ts"
import { Cluster } from "./cluster.ts"
import { facts } from "./facts.ts"
import { fill } from "./fill.ts"
import { measure } from "./measure.ts"
import type { Sample } from "./measure.ts"
import { parse } from "./options.ts"
import * as Report from "./report.ts"

const options = parse(process.argv.slice(2))
const samples: Array<Sample> = []
const failures: Array<string> = []

const eraseLine = "\r\x1b[K"

const progress = (done: number): void => {
  if (process.stderr.isTTY) process.stderr.write(eraseLine + Report.progress(done, options))
}

const cluster = await Cluster.start(3)
try {
  await fill(cluster.ports)
  const machine = await facts(cluster.ports[0])
  console.log(Report.header(machine, options))
  for (let round = 0; round < options.rounds; round++) {
    for (const workload of options.workloads) {
      const clients = clientsFor(options.clients, workload)
      for (let turn = 0; turn < clients.length; turn++) {
        // Nobody always runs first, or always after the same neighbour's turn has warmed the servers.
        const client = clients[(turn + round) % clients.length]
        const outcome = await measure({ client, workload, round, nodes: cluster.ports })
        if (typeof outcome === "string") failures.push(outcome)
        else samples.push(outcome)
        progress(samples.length + failures.length)
      }
    }
  }
  if (process.stderr.isTTY) process.stderr.write(eraseLine)
  console.log(Report.tables(samples, options))
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ machine, samples, failures }, null, 2)}\n`)
  }
} finally {
  await cluster.stop()
}

for (const failure of failures) console.error(failure)
process.exitCode = failures.length === 0 ? 0 : 1
