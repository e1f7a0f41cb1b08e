import { parseArgs } from "node:util"
import { clients } from "./clients.ts"
import type { ClientName } from "./clients.ts"
import { quick, workloads } from "./workloads.ts"
import type { Workload } from "./workloads.ts"

export interface Options {
  readonly rounds: number
  readonly clients: ReadonlyArray<ClientName>
  readonly workloads: ReadonlyArray<Workload>
  /** Where the raw figures go. */
  readonly json: string | undefined
}

const fail = (problem: string): never => {
  console.error(`bench: ${problem}`)
  process.exit(2)
}

const chosen = <A extends string>(what: string, all: ReadonlyArray<A>, asked: string | undefined): ReadonlyArray<A> => {
  if (asked === undefined) return all
  const names = asked.split(",").map((name) => name.trim())
  for (const name of names) {
    if (!all.includes(name as A)) fail(`there is no ${what} "${name}"; there are ${all.join(", ")}`)
  }
  return all.filter((name) => names.includes(name))
}

const parsed = (args: ReadonlyArray<string>) => {
  try {
    return parseArgs({
      args: Array.from(args),
      options: {
        rounds: { type: "string" },
        quick: { type: "boolean", default: false },
        client: { type: "string" },
        workload: { type: "string" },
        json: { type: "string" }
      }
    }).values
  } catch (error) {
    return fail(error instanceof Error ? error.message : `${error}`)
  }
}

/** Reads the arguments of the command line; ends the process when they make no sense. */
export const parse = (args: ReadonlyArray<string>): Options => {
  const values = parsed(args)
  const rounds = values.rounds === undefined ? (values.quick ? 1 : 3) : Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) fail("--rounds takes a whole number from 1 up")
  const names = chosen("workload", workloads.map(({ name }) => name), values.workload)
  const selected = workloads.filter(({ name }) => names.includes(name))
  return {
    rounds,
    clients: chosen("client", Object.keys(clients) as Array<ClientName>, values.client),
    workloads: values.quick ? selected.map(quick) : selected,
    json: values.json
  }
}
