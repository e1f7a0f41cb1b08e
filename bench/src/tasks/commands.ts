import type { Client, Open } from "../clients/client.ts"
import type { Nodes } from "../cluster/cluster.ts"
import { startMeter } from "../figures/meter.ts"
import type { Figures } from "../figures/meter.ts"
import type { Load } from "../work/workloads.ts"

/** Runs a load until it comes to that many commands, or a few more. */
const run = async ({ prepare }: Client, work: Load, commands: number): Promise<Figures> => {
  const perLoop = work.shape === "loops" ? Math.max(work.perLoop, Math.ceil(commands / work.loops)) : work.perLoop
  const once = prepare({ ...work, perLoop })
  const operations = work.loops * perLoop
  const times = Math.ceil(commands / operations)
  const meter = startMeter()
  for (let time = 0; time < times; time++) await once()
  return { operations: operations * times, ...meter.stop() }
}

/**
 * Measures for how long the load says, whoever the client is, so that none is measured for a moment only. Before that it
 * works for as long, in parts of which each tells how much the next can be: what is measured runs compiled.
 */
export const runCommands = async (open: Open, nodes: Nodes, work: Load): Promise<Figures> => {
  const client = await open(nodes)
  let figures = await run(client, work, 1)
  for (const share of [0.2, 0.3, 0.5, 1]) {
    figures = await run(client, work, figures.operations / figures.seconds * work.seconds * share)
  }
  await client.close()
  return figures
}
