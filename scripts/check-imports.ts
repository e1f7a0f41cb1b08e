/**
 * Checks the imports of the sources: each file is on a floor and imports nothing from a higher one, there are no circles, core
 * imports nothing of a platform, and no file imports all of effect. Imports of types count, too, because readers have to follow
 * them as well.
 *
 * Usage: node scripts/check-imports.ts
 */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

/**
 * The floors of each source folder from the ground up: files by their path without its ending, or all files below a
 * folder (`internal/resp/*`). A file imports from its own floor and from those below.
 */
const floors: Readonly<Record<string, ReadonlyArray<ReadonlyArray<string>>>> = {
  "packages/core/src": [
    ["internal/resp/*", "Resp"],
    ["internal/values/*", "generated/*", "Slot", "Address", "SlotMap", "RedisError", "Settings", "CommandSpec"],
    ["internal/commands/*", "Command", "commands/*"],
    ["internal/failures/*"],
    ["Connector", "internal/connection/*", "Connection", "NodePool"],
    ["internal/topology/*", "Topology"],
    ["internal/caching/*", "internal/execution/*", "RedirectPolicy", "ReadFrom", "CrossSlot"],
    ["internal/pubsub/*"],
    ["Client"],
    ["RedisCluster"],
    [
      "Pipeline",
      "Transaction",
      "Session",
      "Optimistic",
      "Replication",
      "Nodes",
      "Metrics",
      "Script",
      "PubSub",
      "Cached"
    ],
    ["internal/scan/*"],
    ["Scan"],
    ["internal/keyspace/*"],
    ["Keyspace"],
    ["Redis"],
    ["index"]
  ],
  "packages/node/src": [
    ["internal/plainProbe", "internal/security", "internal/socketProblem", "internal/socketTransport"],
    ["ConnectionString", "NodeConnector"],
    ["internal/endpoint"],
    ["NodeRedis", "NodeRedisCluster"],
    ["index"]
  ],
  "packages/effect/src": [
    [
      "internal/away",
      "internal/failures",
      "internal/globs",
      "internal/limitBlocks",
      "internal/replies",
      "internal/words"
    ],
    ["internal/cursors", "internal/lease", "internal/limiterScripts", "internal/queueScripts", "internal/scripts"],
    ["internal/queue"],
    ["EffectRedis"],
    ["BackingPersistence", "CircuitBreakerStore", "KeyValueStore", "PersistedQueueStore", "RateLimiterStore"],
    ["index"]
  ],
  "packages/test-utils/src": [
    ["internal/realClusterError", "internal/clusterNode", "fake/platform/*"],
    ["fake/input/*"],
    ["fake/facts/*"],
    ["fake/values/*", "fake/topology/*"],
    ["fake/data/*"],
    ["fake/definitions/*", "fake/lua/*"],
    ["fake/scripts/*"],
    ["fake/commands/data/*"],
    ["fake/session/*"],
    ["fake/cluster/*"],
    ["fake/sentinel/*"],
    ["fake/commands/server/*"],
    ["fake/commands/groups"],
    ["fake/network/*", "fake/controls/*"],
    ["FakeCluster", "FakeRedis", "FakeSentinel", "Profile"],
    ["internal/*"],
    ["RealCluster", "RealRedis", "RealSentinel"],
    ["conformance/*"],
    ["Conformance"],
    ["index"]
  ],
  "bench/src": [
    ["figures/*"],
    ["answering/*"],
    ["cluster/*"],
    ["work/*"],
    ["clients/*"],
    ["tasks/*"],
    ["options"],
    ["report/*"],
    ["scale/*", "outage/*", "sentinel/*", "cache/*"],
    ["cache", "main", "mget", "outage", "path", "profile", "scale", "scan", "sentinel"]
  ]
}

interface Import {
  readonly specifier: string
  readonly line: number
  /** The imported file, if it is a source of this repository. */
  readonly target: string | undefined
}

const root = fileURLToPath(new URL("..", import.meta.url))
const core = "packages/core/src"
const problems: Array<string> = []

const report = (file: string, line: number, problem: string) => {
  problems.push(`${file}:${line} ${problem}`)
}

const names = String.raw`\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+`
const statements = [
  new RegExp(
    String.raw`^(?:import|export)\s+(?:type\s+)?(?:${names})(?:\s*,\s*(?:${names}))?\s+from\s+"([^"]+)"`,
    "gm"
  ),
  /^import\s+"([^"]+)"/gm,
  // Dynamic imports, except in comments, where they are examples.
  /^(?!\s*(?:\*|\/\/)).*?\bimport\(\s*"([^"]+)"/gm
]

const importsOf = (file: string): ReadonlyArray<Import> => {
  const text = readFileSync(join(root, file), "utf8")
  return statements.flatMap((statement) =>
    Array.from(text.matchAll(statement), (match) => ({
      specifier: match[1],
      line: text.slice(0, match.index).split("\n").length,
      target: match[1].startsWith(".") ? join(dirname(file), match[1]) : undefined
    }))
  )
}

const filesIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path))

const folders = [...readdirSync(join(root, "packages")).map((name) => `packages/${name}/src`), "bench/src"]
const sources = folders.flatMap(filesIn).sort()
const imports = new Map(sources.map((file) => [file, importsOf(file)]))

const folderOf = (file: string): string | undefined =>
  Object.keys(floors).find((folder) => file.startsWith(`${folder}/`))

/** The number of a file's floor, counted from 0, or -1 if it is on none. */
const floorOf = (file: string, folder: string): number => {
  const name = relative(folder, file).replace(/\.ts$/, "")
  return floors[folder].findIndex((floor) =>
    floor.some((place) => place.endsWith("/*") ? name.startsWith(place.slice(0, -1)) : name === place)
  )
}

const goesUp = (file: string, target: string): boolean => {
  const folder = folderOf(file)
  if (folder === undefined || folderOf(target) !== folder) return false
  const from = floorOf(file, folder)
  return from >= 0 && floorOf(target, folder) > from
}

const checkFloor = (file: string, folder: string, { line, target }: Import) => {
  if (target === undefined || !goesUp(file, target)) return
  const floor = floors[folder][floorOf(target, folder)].join(", ")
  report(file, line, `imports ${relative(folder, target)}, which is on a higher floor (${floor})`)
}

const checkCore = (file: string, { line, specifier, target }: Import) => {
  if (
    target === undefined
      ? specifier === "effect" || specifier.startsWith("effect/")
      : target.startsWith(`${core}/`)
  ) return
  report(file, line, `imports "${specifier}": core imports only effect/* and its own files`)
}

for (const [file, all] of imports) {
  const folder = folderOf(file)
  if (folder !== undefined && floorOf(file, folder) < 0) {
    report(file, 1, "stands on no floor: add it to the list in scripts/check-imports.ts")
  }
  for (const one of all) {
    if (one.specifier === "effect") report(file, one.line, `imports all of effect: import from "effect/..." instead`)
    if (folder !== undefined) checkFloor(file, folder, one)
    if (file.startsWith(`${core}/`)) checkCore(file, one)
  }
}

const done = new Set<string>()
const walk = (file: string, path: ReadonlyArray<string>) => {
  for (const { line, target } of imports.get(file) ?? []) {
    // One that goes up is reported already, and the circles that it closes with it.
    if (target === undefined || done.has(target) || goesUp(file, target)) continue
    const start = path.indexOf(target)
    if (start >= 0) report(file, line, `closes a circle: ${[...path.slice(start), target].join(" -> ")}`)
    else walk(target, [...path, target])
  }
  done.add(file)
}
for (const file of sources) walk(file, [file])

if (problems.length > 0) {
  console.error(problems.join("\n"))
  process.exit(1)
}
console.log(`imports: ${sources.length} files keep to their floors`)
