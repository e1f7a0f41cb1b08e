import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import * as Os from "node:os"
import { dirname, join } from "node:path"
import { send } from "./wire.ts"

export interface Facts {
  /** The start of the run, in ISO 8601. */
  readonly date: string
  readonly processor: string
  readonly cores: number
  readonly system: string
  readonly node: string
  readonly server: string
  /** The versions of the packages that are measured, by name. */
  readonly versions: Readonly<Record<string, string>>
  /** The load average over one minute, before the measurements. */
  readonly load: number
}

const packages = ["@redisc/core", "effect", "ioredis", "iovalkey", "redis", "@valkey/valkey-glide"]

const require = createRequire(import.meta.url)

const versionOf = (name: string): string => {
  // Not every package exports its package.json.
  let folder = dirname(require.resolve(name))
  while (true) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
      if (manifest.name === name) return manifest.version
    } catch {
      if (folder === dirname(folder)) return "?"
    }
    folder = dirname(folder)
  }
}

const serverOf = (info: string): string => {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1]
  return field("valkey_version") === undefined
    ? `Redis ${field("redis_version")}`
    : `Valkey ${field("valkey_version")}`
}

export const facts = async (port: number): Promise<Facts> => {
  const [info] = await send(port, [["INFO", "server"]])
  const cpus = Os.cpus()
  return {
    date: new Date().toISOString(),
    processor: cpus[0]?.model ?? "unknown processor",
    cores: cpus.length,
    system: `${Os.type()} ${Os.release()}`,
    node: process.version,
    server: serverOf(info),
    versions: Object.fromEntries(packages.map((name) => [name, versionOf(name)])),
    load: Os.loadavg()[0]
  }
}
