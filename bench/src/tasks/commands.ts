import type { Client, Open } from "../clients/client.ts"
import type { Nodes } from "../cluster/cluster.ts"
import { startMeter } from "../figures/meter.ts"
import type { Figures } from "../figures/meter.ts"
import type { Load } from "../work/workloads.ts"

/** Runs a load until it has executed at least the given number of commands. */
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
 * Measures for the time that the load says, however fast the client is, so that no measurement is too short. Before that, it
 * runs for about as long without measuring, so that the code is compiled. The speed of each part gives the size of the next.
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
