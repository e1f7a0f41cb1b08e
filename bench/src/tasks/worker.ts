/** The process for one client: takes one task from its parent, measures it, sends the figures and ends. */
import { clients } from "../clients/contestants.ts"
import type { ClientName } from "../clients/contestants.ts"
import type { Nodes } from "../cluster/cluster.ts"
import type { Figures } from "../figures/meter.ts"
import type { Workload } from "../work/workloads.ts"
import { hearChannel } from "./channel.ts"
import { runCommands } from "./commands.ts"
import { openRepeatedly } from "./connect.ts"

export interface Task {
  readonly client: ClientName
  readonly workload: Workload
  readonly nodes: Nodes
  /** The port where messages are published. */
  readonly publishTo: number
}

/** The result: figures, or the problem. */
export type Outcome = Figures | string

const wayOf = <A>(way: A | undefined): A => {
  if (way === undefined) throw new Error("this client is not for this workload")
  return way
}

const perform = ({ client, nodes, publishTo, workload }: Task): Promise<Figures> => {
  const { open, subscribe } = clients[client]
  switch (workload.shape) {
    case "channel":
      return hearChannel(wayOf(subscribe), nodes, publishTo, workload)
    case "connect":
      return openRepeatedly(wayOf(open), nodes, workload)
    default:
      return runCommands(wayOf(open), nodes, workload)
  }
}

const finish = (outcome: Outcome): void => {
  process.send?.(outcome, () => process.exit(0))
}

const fail = (error: unknown): void => finish(error instanceof Error ? error.message : `${error}`)

process.once("message", (task) => {
  perform(task as Task).then(finish, fail)
})
process.once("uncaughtException", fail)
// If the parent has ended, nobody needs the figures.
process.once("disconnect", () => process.exit(1))
