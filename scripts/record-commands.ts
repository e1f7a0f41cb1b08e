/**
 * Asks a real server for the facts about its commands and writes them to `scripts/commands/`, in the layout that the formatter
 * keeps: one command per line where it fits.
 *
 * Usage: node scripts/record-commands.ts
 *
 * The server is `redis-server` or REDIS_SERVER, the client `redis-cli` or REDIS_CLI. Numbers are written as the server reports
 * them: an index counts from the command's name, which is 0.
 */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Fact, FactKey } from "./generate-command-specs.ts"

const run = promisify(execFile)

interface ServerKeySpec {
  readonly flags: ReadonlyArray<string>
  readonly begin_search: {
    readonly type: string
    readonly spec: { readonly index: number; readonly keyword: string; readonly startfrom: number }
  }
  readonly find_keys: {
    readonly type: string
    readonly spec: {
      readonly lastkey: number
      readonly keystep: number
      readonly limit: number
      readonly keynumidx: number
      readonly firstkey: number
    }
  }
}

/** An element of the reply to COMMAND: name, arity, flags, four older fields, tips, key specs, subcommands. */
type ServerCommand = readonly [
  name: string,
  arity: number,
  flags: ReadonlyArray<string>,
  firstKey: number,
  lastKey: number,
  step: number,
  categories: ReadonlyArray<string>,
  tips: ReadonlyArray<string>,
  keys: ReadonlyArray<ServerKeySpec>,
  subcommands: ReadonlyArray<ServerCommand>
]

interface ServerDoc {
  readonly since: string
  readonly subcommands?: Record<string, ServerDoc>
}

const flagsThatMatter = new Set(["write", "readonly", "blocking"])
const keyFlagsThatMatter = new Set(["not_key", "incomplete"])

const keyOf = ({ begin_search: begin, find_keys: find, flags }: ServerKeySpec): FactKey => {
  const kept = flags.filter((flag) => keyFlagsThatMatter.has(flag))
  const common = kept.length === 0 ? {} : { flags: kept }
  if (begin.type === "unknown" || find.type === "unknown") return { unknown: true, ...common }
  return {
    ...(begin.type === "index"
      ? { index: begin.spec.index }
      : { keyword: begin.spec.keyword, from: begin.spec.startfrom }),
    ...(find.type === "range"
      ? { range: [find.spec.lastkey, find.spec.keystep, find.spec.limit] as const }
      : { count: [find.spec.keynumidx, find.spec.firstkey, find.spec.keystep] as const }),
    ...common
  }
}

const facts: Record<string, Fact> = {}

const collect = (command: ServerCommand, docs: Record<string, ServerDoc>) => {
  const [name, arity, flags, , , , , tips, keys, subcommands] = command
  const doc = docs[name]
  // A container such as "XINFO" is no command by itself, and has no facts. "COMMAND" is both.
  if (subcommands.length === 0 || arity === -1) {
    const kept = flags.filter((flag) => flagsThatMatter.has(flag))
    facts[name.replace("|", " ").toUpperCase()] = {
      since: doc.since,
      ...(kept.length > 0 ? { flags: kept } : {}),
      ...(tips.length > 0 ? { tips } : {}),
      ...(keys.length > 0 ? { keys: keys.map(keyOf) } : {})
    }
  }
  for (const subcommand of subcommands) collect(subcommand, doc.subcommands ?? {})
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new Error("no free port")
  return address.port
}

const port = await freePort()
const folder = await mkdtemp(join(tmpdir(), "redisc-record-"))
const server = spawn(
  process.env.REDIS_SERVER ?? "redis-server",
  ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder],
  { stdio: "ignore" }
)
const exited = once(server, "exit")
const ask = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { stdout } = await run(process.env.REDIS_CLI ?? "redis-cli", ["-p", String(port), ...args], {
    maxBuffer: 64 * 1024 * 1024
  })
  return stdout
}
const answers = () => ask("ping").then((reply) => reply.startsWith("PONG"), () => false)

try {
  for (let tries = 0; !(await answers()); tries++) {
    if (tries === 100) throw new Error("the server does not answer")
    await sleep(50)
  }
  const commands: ReadonlyArray<ServerCommand> = JSON.parse(await ask("-3", "--json", "command"))
  const docs: Record<string, ServerDoc> = JSON.parse(await ask("-3", "--json", "command", "docs"))
  const version = /redis_version:(\S+)/.exec(await ask("info", "server"))![1]
  for (const command of commands) collect(command, docs)

  const names = Object.keys(facts).sort()
  const lines = names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(facts[name])}`)
  const target = fileURLToPath(new URL(`commands/redis-${version}.json`, import.meta.url))
  await writeFile(target, `{\n${lines.join(",\n")}\n}\n`)
  await run("npx", ["dprint", "fmt", target])
  console.log(`${names.length} commands of Redis ${version}`)
} finally {
  server.kill()
  await exited
  await rm(folder, { recursive: true, force: true })
}
