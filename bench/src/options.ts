import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { clientNames } from "./clients/contestants.ts"
import type { ClientName } from "./clients/contestants.ts"
import type { Over } from "./cluster/cluster.ts"
import { quick, workloads } from "./work/workloads.ts"
import type { Workload } from "./work/workloads.ts"

export interface Options {
  readonly rounds: number
  readonly clients: ReadonlyArray<ClientName>
  readonly workloads: ReadonlyArray<Workload>
  readonly over: ReadonlyArray<Over>
  /** The files for the figures, and for the picture of them. */
  readonly json: string | undefined
  readonly svg: string | undefined
  /** The figures of an earlier run, to draw instead of measuring. */
  readonly draw: string | undefined
}

const overs: ReadonlyArray<Over> = ["tcp", "tls"]

const inDocs = (name: string): string => fileURLToPath(new URL(`../../docs/${name}`, import.meta.url))

const complete = { json: inDocs("benchmarks.json"), svg: inDocs("benchmarks.svg") }

const namesOf = (names: ReadonlyArray<string>): string => names.join(" ").replaceAll(/(.{50,70}) /g, "$1\n    ")

const help = `Measures redisc beside the other Redis Cluster clients, on clusters of its own on loopback.

Usage: npm run bench -- [options]

  --rounds N         how often each client runs each workload; 3 by default, 1 with --quick
  --quick            a quarter of the time, for a first impression
  --client A,B       only these clients:
    ${namesOf(clientNames)}
  --workload A,B     only these workloads:
    ${namesOf(workloads.map(({ name }) => name))}
  --over tcp,tls     over TCP, over TLS with certificates made for the run, or both (default)
  --json FILE        write all samples, the facts about the machine and the computed rows
  --svg FILE         write the picture: throughput relative to the fastest other client
  --draw FILE        measure nothing: draw the picture of such a JSON file, to --svg or beside it
  --help             this text

A complete run (all clients, all workloads, over TCP and TLS, not --quick) takes about half an hour, and writes
docs/benchmarks.json and docs/benchmarks.svg unless it is told other files. Any other run writes what it is told to.

Each client runs each workload in a process of its own, and the clients take turns. A client that fails has that in its
row; the others go on, and the exit code is 1. Figures are reported, none is judged. $REDIS_SERVER is the server's path,
redis-server by default; TLS needs a server that was built with it, and openssl.`

const fail = (problem: string): never => {
  console.error(`bench: ${problem}; --help says more`)
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
        over: { type: "string" },
        json: { type: "string" },
        svg: { type: "string" },
        draw: { type: "string" },
        help: { type: "boolean", default: false }
      }
    }).values
  } catch (error) {
    return fail(error instanceof Error ? error.message : `${error}`)
  }
}

/** Reads the arguments of the command line. Ends the process if they are invalid, or if help is requested. */
export const parse = (args: ReadonlyArray<string>): Options => {
  const values = parsed(args)
  if (values.help) {
    console.log(help)
    process.exit(0)
  }
  const rounds = values.rounds === undefined ? (values.quick ? 1 : 3) : Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) fail("--rounds takes a whole number from 1 up")
  const names = chosen("workload", workloads.map(({ name }) => name), values.workload)
  const selected = workloads.filter(({ name }) => names.includes(name))
  const clients = chosen("client", clientNames, values.client)
  const over = chosen("transport", overs, values.over)
  const isComplete = values.draw === undefined && !values.quick && selected.length === workloads.length &&
    clients.length === clientNames.length && over.length === overs.length
  const files = isComplete ? complete : undefined
  return {
    rounds,
    clients,
    workloads: values.quick ? selected.map(quick) : selected,
    over,
    json: values.json ?? files?.json,
    svg: values.svg ?? files?.svg,
    draw: values.draw
  }
}
