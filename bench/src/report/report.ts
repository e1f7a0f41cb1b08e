import { clientsFor, labelOf } from "../clients/contestants.ts"
import type { Over } from "../cluster/cluster.ts"
import type { Facts } from "../cluster/facts.ts"
import { groupBy } from "../figures/groups.ts"
import type { Options } from "../options.ts"
import type { Failure, Sample } from "../tasks/measure.ts"
import { unitOf } from "../work/workloads.ts"
import type { Workload } from "../work/workloads.ts"
import { grouped, lowestOther, memoryOf, ratio } from "./rows.ts"
import type { Row } from "./rows.ts"

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 })

const times = (value: number | undefined): string => value === undefined ? "" : `${value.toFixed(2)}x`

const overNames: Readonly<Record<Over, string>> = { tcp: "TCP", tls: "TLS" }

const labelWidth = 36
const width = 12

/** A line of cells. The first is a label on the left; the others are aligned to the right of their columns. */
const line = (
  label: string,
  cells: ReadonlyArray<string>,
  widths: ReadonlyArray<number>,
  padding = labelWidth
): string => `${label.padEnd(padding)}${cells.map((cell, index) => cell.padStart(widths[index])).join("")}`.trimEnd()

interface Column {
  readonly title: string
  readonly width: number
  readonly cell: (row: Row) => string
}

const columns: ReadonlyArray<Column> = [
  { title: "a second", width, cell: ({ median }) => number.format(median) },
  {
    title: "lowest-highest",
    width: 22,
    cell: ({ highest, lowest }) => `${number.format(lowest)}-${number.format(highest)}`
  },
  { title: "to fastest", width, cell: ({ toFastest }) => times(toFastest) },
  { title: "to floor", width, cell: ({ toFloor }) => times(toFloor) },
  { title: "cpu us each", width: 13, cell: ({ cpu }) => cpu.toFixed(2) },
  { title: "peak MiB", width, cell: ({ peak }) => number.format(peak) },
  { title: "heap MiB", width, cell: ({ heap }) => number.format(heap) }
]

const ofClients: ReadonlyArray<Column> = [
  { title: "ms each", width, cell: ({ median }) => (1000 / median).toFixed(2) },
  { title: "MiB each", width, cell: ({ perClient }) => perClient?.toFixed(2) ?? "" }
]

/** A line for each client that failed, with the number of failures. */
const failureLines = (failures: ReadonlyArray<Failure>, rounds: number): ReadonlyArray<string> =>
  Array.from(groupBy(failures, ({ client }) => client), ([client, own]) => {
    const some = own.length < rounds ? ` in ${own.length} of ${rounds} rounds` : ""
    return `  ${labelOf(client).padEnd(labelWidth - 2)}failed${some}: ${own[0].problem}`
  })

/** The table of one workload over one transport, fastest client first. */
export const table = (
  workload: Workload,
  over: Over,
  rows: ReadonlyArray<Row>,
  failures: ReadonlyArray<Failure>,
  rounds: number
): string => {
  const shown = workload.shape === "connect" ? [...columns, ...ofClients] : columns
  const widths = shown.map(({ width }) => width)
  return [
    `${workload.title}, over ${overNames[over]} (${unitOf(workload)})`,
    line("", shown.map(({ title }) => title), widths),
    ...rows.map((row) => line(`  ${row.label}`, shown.map(({ cell }) => cell(row)), widths)),
    ...failureLines(
      failures.filter((failure) => failure.workload === workload.name && failure.over === over),
      rounds
    ),
    ""
  ].join("\n")
}

/** Compares all ways of using redisc with the other clients: a line for each of them and each workload. */
export const summary = (rows: ReadonlyArray<Row>): string => {
  const widths = [12, 12, 16, 20]
  const padding = 46
  const lines = grouped(rows).flatMap((rows) => {
    const lowestCpu = lowestOther(rows, ({ cpu }) => cpu)
    const leanest = lowestOther(rows, (row) => row.native ? undefined : memoryOf(row))
    return rows.filter(({ role }) => role === "ours").map((row) =>
      line(
        `  ${row.workload} ${overNames[row.over]}, ${row.label}`,
        [
          times(row.toFastest),
          times(row.toFloor),
          times(ratio(row.cpu, lowestCpu)),
          times(ratio(memoryOf(row), leanest))
        ],
        widths,
        padding
      )
    )
  })
  return [
    "redisc beside the others: speed to the fastest other client and to the floor; processor time of each operation to",
    "the lowest other; peak memory (of connect: of one client) to the leanest other that is JavaScript",
    line("", ["to fastest", "to floor", "cpu to lowest", "memory to leanest"], widths, padding),
    ...lines,
    ""
  ].join("\n")
}

/**
 * The load of the machine during the run. The client and the servers keep about two processes busy; any further load came from
 * other programs.
 */
export const loads = (samples: ReadonlyArray<Sample>): string => {
  const all = samples.map(({ load }) => load)
  if (all.length === 0) return "nothing was measured"
  return `load average while measuring: ${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)}`
}

export const factLines = ({ cores, date, load, node, processor, server, system, versions }: Facts) => [
  `${date.slice(0, 10)}, ${cores} cores (${processor}), ${system}, load ${load.toFixed(2)}`,
  `Node ${node}, ${server}: 3 primaries on loopback, and another cluster of 1 for the channel`,
  Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ")
]

export const header = (facts: Facts, { rounds }: Options): string =>
  [
    ...factLines(facts),
    `medians of ${rounds} ${rounds === 1 ? "round" : "rounds"}, each client in a process of its own`,
    ""
  ].join("\n")

export const progress = (done: number, { clients, over, rounds, workloads }: Options): string => {
  const each = workloads.flatMap((workload) => clientsFor(clients, workload)).length
  return `${done} of ${rounds * over.length * each} runs`
}
