/**
 * The servers on which the tests have to pass. Those that are not installed are fetched once, into
 * `node_modules/.cache/redisc/servers`; remove that folder to fetch them again.
 *
 * Usage: node scripts/servers.ts
 *
 * It prints one server per line: its name, its version and its path, for `REDIS_SERVER`.
 */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { fetchProgram, isInstalled, Unavailable } from "./debian.ts"

export type Server = {
  /** The server's own name and version, such as `Redis 7.0.15`. */
  readonly name: string
  readonly path: string
} | {
  /** Such as `redis-server of Debian's bookworm`. */
  readonly name: string
  readonly problem: string
}

const cache = fileURLToPath(new URL("../node_modules/.cache/redisc/servers", import.meta.url))

const set = [
  ["bookworm", "redis-server"],
  ["trixie", "redis-server"],
  ["trixie", "valkey-server"],
  // The version in testing changes over time.
  ["testing", "valkey-server"]
] as const

const nameOf = (path: string): string => {
  const output = execFileSync(path, ["--version"], { encoding: "utf8" })
  const [, kind, version] = /^(\w+) server v=(\S+)/.exec(output) ?? []
  if (version === undefined) throw new Unavailable(`${path} does not say its version, but ${output}`)
  return `${kind} ${version}`
}

/** Finds or fetches all servers of the set. A server that can't be fetched has a `problem`. */
export const servers = (): ReadonlyArray<Server> =>
  set.map(([release, program]) => {
    try {
      const path = isInstalled(program, release) ? `/usr/bin/${program}` : fetchProgram(cache, release, program)
      return { name: nameOf(path), path }
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      return { name: `${program} of Debian's ${release}`, problem: error.message }
    }
  })

if (import.meta.main) {
  for (const server of servers()) {
    if ("path" in server) console.log(`${server.name.padEnd(14)} ${server.path}`)
    else {
      console.error(server.problem)
      process.exitCode = 1
    }
  }
}
