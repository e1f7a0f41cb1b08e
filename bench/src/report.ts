import { clients, clientsFor } from "./clients.ts"
import type { ClientName } from "./clients.ts"
import type { Facts } from "./facts.ts"
import type { Sample } from "./measure.ts"
import type { Options } from "./options.ts"
import { operations } from "./workloads.ts"
import type { Workload } from "./workloads.ts"

interface Row {
  readonly client: ClientName
  /** Commands a second: the median of the rounds, the lowest and the highest. */
  readonly median: number
  readonly lowest: number
  readonly highest: number
  /** Microseconds of processor time per command, the median of the rounds. */
  readonly cpu: number
}

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 })

const median = (values: ReadonlyArray<number>): number => {
  const sorted = Array.from(values).sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

const rowOf = (client: ClientName, samples: ReadonlyArray<Sample>): Row => {
  const speeds = samples.map(({ operations, seconds }) => operations / seconds)
  return {
    client,
    median: median(speeds),
    lowest: Math.min(...speeds),
    highest: Math.max(...speeds),
    cpu: median(samples.map(({ operations, system, user }) => (system + user) / operations))
  }
}

const ratio = (value: number, base: number | undefined): string =>
  base === undefined ? "" : `${(value / base).toFixed(2)}x`

const line = (cells: ReadonlyArray<string>): string =>
  cells.map((cell, index) => index === 0 ? cell.padEnd(30) : cell.padStart(index === 2 ? 20 : 12)).join("").trimEnd()

const table = (workload: Workload, rows: ReadonlyArray<Row>): string => {
  const floor = rows.find(({ client }) => clients[client].role === "floor")?.median
  const others = rows.filter(({ client }) => clients[client].role === "other").map(({ median }) => median)
  const fastest = others.length === 0 ? undefined : Math.max(...others)
  return [
    `${workload.title} (${number.format(operations(workload))} commands)`,
    line(["", "ops/s", "lowest-highest", "cpu us/op", "to fastest", "to floor"]),
    ...Array.from(rows).sort((a, b) => b.median - a.median).map(({ client, cpu, highest, lowest, median }) =>
      line([
        `  ${clients[client].label}`,
        number.format(median),
        `${number.format(lowest)}-${number.format(highest)}`,
        cpu.toFixed(2),
        ratio(median, fastest),
        ratio(median, floor)
      ])
    ),
    ""
  ].join("\n")
}

/** The client and the servers keep about two processes busy; what goes beyond that was somebody else. */
const loads = (samples: ReadonlyArray<Sample>): string => {
  const all = samples.map(({ load }) => load)
  if (all.length === 0) return "nothing was measured"
  return `load average while measuring: ${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)}`
}

/** One table a workload, fastest client first. "To fastest" is to the fastest of the other clients. */
export const tables = (samples: ReadonlyArray<Sample>, options: Options): string =>
  [
    ...options.workloads.map((workload) => {
      const rows = options.clients.flatMap((client) => {
        const own = samples.filter((sample) => sample.client === client && sample.workload === workload.name)
        return own.length === 0 ? [] : [rowOf(client, own)]
      })
      return table(workload, rows)
    }),
    loads(samples)
  ].join("\n")

export const header = (facts: Facts, { rounds }: Options): string =>
  [
    `${facts.cores} cores (${facts.processor}), ${facts.system}, load ${facts.load.toFixed(2)}`,
    `Node ${facts.node}, ${facts.server}, 3 primaries on loopback`,
    Object.entries(facts.versions).map(([name, version]) => `${name} ${version}`).join(", "),
    `medians of ${rounds} ${rounds === 1 ? "round" : "rounds"}, each client in a process of its own`,
    ""
  ].join("\n")

export const progress = (done: number, { clients, rounds, workloads }: Options): string =>
  `${done} of ${rounds * workloads.flatMap((workload) => clientsFor(clients, workload)).length} runs`
