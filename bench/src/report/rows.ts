import { clients, labelOf } from "../clients/contestants.ts"
import type { ClientName, Role } from "../clients/contestants.ts"
import type { Over } from "../cluster/cluster.ts"
import { groupBy } from "../figures/groups.ts"
import { median } from "../figures/median.ts"
import type { Sample } from "../tasks/measure.ts"
import { unitOf } from "../work/workloads.ts"
import type { Workload } from "../work/workloads.ts"

/**
 * The figures of a client with a workload over all rounds. A row contains the facts about its client, so that
 * files of older versions can be read.
 */
export interface Row {
  readonly workload: string
  readonly title: string
  readonly unit: string
  readonly over: Over
  readonly client: ClientName
  readonly label: string
  readonly library: string
  readonly role: Role
  readonly native: boolean
  /** Operations per second: the median, the lowest and the highest of the rounds. */
  readonly median: number
  readonly lowest: number
  readonly highest: number
  /** Microseconds of processor time per operation: the median of the rounds. */
  readonly cpu: number
  /** In MiB: the peak memory of the process, the size of its heap at the end, the memory of one more open client. */
  readonly peak: number
  readonly heap: number
  readonly perClient: number | undefined
  /** Its throughput as a multiple of the fastest other client's, and of the floor's. */
  readonly toFastest: number | undefined
  readonly toFloor: number | undefined
}

const best = (
  values: ReadonlyArray<number>,
  pick: (...values: ReadonlyArray<number>) => number
): number | undefined => values.length === 0 ? undefined : pick(...values)

export const ratio = (value: number | undefined, base: number | undefined): number | undefined =>
  value === undefined || base === undefined ? undefined : value / base

/** The lowest value among the other clients. Clients for which `of` returns undefined do not count. */
export const lowestOther = (rows: ReadonlyArray<Row>, of: (row: Row) => number | undefined): number | undefined =>
  best(rows.filter(({ role }) => role === "other").flatMap((row) => of(row) ?? []), Math.min)

/** The memory of a client under a workload. */
export const memoryOf = ({ peak, perClient }: Row): number => perClient ?? peak

type Measured = Omit<Row, "toFastest" | "toFloor">

const measuredOf = (
  workload: Workload,
  over: Over,
  client: ClientName,
  samples: ReadonlyArray<Sample>
): Measured => {
  const speeds = samples.map(({ operations, seconds }) => operations / seconds)
  const perClient = samples.flatMap(({ perClient }) => perClient ?? [])
  const { library, native, role } = clients[client]
  return {
    workload: workload.name,
    title: workload.title,
    unit: unitOf(workload),
    over,
    client,
    label: labelOf(client),
    library,
    role,
    native: native ?? false,
    median: median(speeds),
    lowest: Math.min(...speeds),
    highest: Math.max(...speeds),
    cpu: median(samples.map(({ operations, system, user }) => (system + user) / operations)),
    peak: median(samples.map(({ peak }) => peak)),
    heap: median(samples.map(({ heap }) => heap)),
    perClient: perClient.length === 0 ? undefined : median(perClient)
  }
}

/** The rows of one workload over one transport, fastest first. "To fastest" compares with the fastest other client. */
export const rowsOf = (
  workload: Workload,
  over: Over,
  names: ReadonlyArray<ClientName>,
  samples: ReadonlyArray<Sample>
): ReadonlyArray<Row> => {
  const measured = names.flatMap((client) => {
    const own = samples.filter((sample) =>
      sample.client === client && sample.workload === workload.name && sample.over === over
    )
    return own.length === 0 ? [] : [measuredOf(workload, over, client, own)]
  })
  const fastest = best(measured.filter(({ role }) => role === "other").map(({ median }) => median), Math.max)
  const floor = measured.find(({ client }) => client === "floor")?.median
  const compared = (row: Measured): Row => ({
    ...row,
    toFastest: ratio(row.median, fastest),
    toFloor: ratio(row.median, floor)
  })
  return measured.map(compared).sort((a, b) => b.median - a.median)
}

/** One list of rows for each workload and transport, in the order of the rows. */
export const grouped = (rows: ReadonlyArray<Row>): ReadonlyArray<ReadonlyArray<Row>> =>
  Array.from(groupBy(rows, ({ over, workload }) => `${workload} ${over}`).values())
