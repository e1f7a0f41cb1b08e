import type { Client, Open } from "../clients/client.ts"
import type { Nodes } from "../cluster/cluster.ts"
import { median } from "../figures/median.ts"
import { memory, residentMemory, startMeter } from "../figures/meter.ts"
import type { Figures } from "../figures/meter.ts"
import type { Connect, Load } from "../work/workloads.ts"

const oneGet: Load = {
  name: "",
  title: "",
  shape: "loops",
  operation: "get",
  size: 100,
  loops: 1,
  perLoop: 1,
  seconds: 0
}

const collectGarbage = (): void => {
  if (globalThis.gc === undefined) throw new Error("memory is measured with --expose-gc")
  globalThis.gc()
}

/**
 * Opens clients, each until the first reply to a GET. For the memory, many are opened at once, and first of all, because memory
 * that closed clients leave behind would be used again. For the time, they are opened one after the other.
 */
export const openRepeatedly = async (open: Open, nodes: Nodes, { held, times }: Connect): Promise<Figures> => {
  const openOne = async (): Promise<Client> => {
    const client = await open(nodes)
    await client.prepare(oneGet)()
    return client
  }
  // A first client, to import the modules.
  await (await openOne()).close()

  collectGarbage()
  const before = residentMemory()
  const clients: Array<Client> = []
  for (let n = 0; n < held; n++) clients.push(await openOne())
  collectGarbage()
  const perClient = (residentMemory() - before) / held
  const atMost = memory()
  await Promise.all(clients.map(({ close }) => close()))

  const seconds: Array<number> = []
  let [user, system] = [0, 0]
  for (let time = 0; time < times; time++) {
    const meter = startMeter()
    const client = await openOne()
    const figures = meter.stop()
    seconds.push(figures.seconds)
    user += figures.user
    system += figures.system
    await client.close()
  }
  return { operations: times, seconds: median(seconds) * times, user, system, ...atMost, perClient }
}
