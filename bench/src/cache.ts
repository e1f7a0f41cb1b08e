/**
 * Compares client-side caches: redisc's, node-redis' and valkey-glide's, on servers that it starts.
 *
 * Usage: npm run bench:cache -- [--part hits,misses,memory,tracked,stale] [--clients "redisc;node-redis"] [--seconds 0.8]
 *   [--servers path,path | all] [--events migrate,claim,...]
 *
 * Each client is in a process of its own. `--servers all` are those of `npm run servers`: the part about stale reads takes them one
 * after the other, the others the first. By default it is `$REDIS_SERVER`, or the one on the path.
 */
import { execFileSync } from "node:child_process"
import { loadavg } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { hits } from "./cache/hits.ts"
import { memory } from "./cache/memory.ts"
import { misses } from "./cache/misses.ts"
import type { Part } from "./cache/part.ts"
import { readers } from "./cache/readers.ts"
import type { ReaderName } from "./cache/readers.ts"
import { stale } from "./cache/stale.ts"
import { events } from "./cache/stale/events.ts"
import { tracked } from "./cache/tracked.ts"

const parts: Readonly<Record<string, Part>> = { hits, misses, memory, tracked, stale }

const { values } = parseArgs({
  options: {
    part: { type: "string", default: Object.keys(parts).join(",") },
    clients: { type: "string", default: Object.keys(readers).join(";") },
    seconds: { type: "string", default: "0.8" },
    servers: { type: "string" },
    events: { type: "string", default: "" }
  }
})

const refuse = (problem: string): never => {
  console.error(`cache: ${problem}`)
  process.exit(2)
}

const known = <A extends string>(text: string, separator: string, of: object, what: string): ReadonlyArray<A> =>
  text.split(separator).filter((name) => name !== "").map((name) =>
    name in of ? name as A : refuse(`there is no ${what} "${name}"; there are ${Object.keys(of).join(separator)}`)
  )

/** Each line has the name, the version and the path. */
const allServers = (): ReadonlyArray<string> => {
  const script = fileURLToPath(new URL("../../scripts/servers.ts", import.meta.url))
  const lines = execFileSync(process.execPath, [script], { encoding: "utf8" }).trim().split("\n")
  return lines.map((line) => line.slice(line.indexOf("/")))
}

const settings = {
  clients: known<ReaderName>(values.clients, ";", readers, "client"),
  servers: values.servers === "all" ? allServers() : values.servers?.split(",") ?? [],
  seconds: Number(values.seconds),
  events: known<string>(values.events, ",", events, "event")
}

const names = known<string>(values.part, ",", parts, "part")
console.log(`Node ${process.version}, load ${loadavg()[0].toFixed(2)}; each client in a process of its own`)
for (const name of names) await parts[name](settings)
process.exit(0)
