/**
 * Checks what the sources import: core stays free of platforms, its modules keep their order, nothing imports in
 * circles, and nobody imports all of effect.
 *
 * Usage: node scripts/check-imports.ts
 */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

/**
 * The modules of core from the ground up: one imports only from those above it in this list. Modules of a folder
 * (`commands/*`) may also import each other. `internal/*` and `generated/*` have no place of their own: one stands as
 * high as the highest module that it reaches.
 */
const layers = [
  "Slot",
  "Address",
  "Resp",
  "SlotMap",
  "RedisError",
  "Settings",
  "CommandSpec",
  "Command",
  "commands/*",
  "Connector",
  "Connection",
  "NodePool",
  "RedirectPolicy",
  "ReadFrom",
  "Topology",
  "RedisCluster",
  "Pipeline",
  "Transaction",
  "Session",
  "Optimistic",
  "Replication",
  "Nodes",
  "Metrics",
  "Script",
  "PubSub",
  "Redis",
  "index"
]

const withoutLayer = ["internal/", "generated/"]

interface Import {
  readonly specifier: string
  readonly line: number
  /** Erased when the program runs, so it can't be part of a circle. */
  readonly typeOnly: boolean
  /** The file, when it is one of ours. */
  readonly target: string | undefined
}

const root = fileURLToPath(new URL("..", import.meta.url))
const core = join(root, "packages/core/src")
const problems: Array<string> = []

const report = (file: string, line: number, problem: string) => {
  problems.push(`${relative(root, file)}:${line} ${problem}`)
}

const names = String.raw`\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+`
const statements = [
  new RegExp(String.raw`^(?:import|export)\s+(type\s+)?(?:${names})(?:\s*,\s*(?:${names}))?\s+from\s+"([^"]+)"`, "gm"),
  /^import\s+()"([^"]+)"/gm,
  // Behind a star or two slashes it is an example.
  /^(?!\s*(?:\*|\/\/)).*?\bimport\(\s*()"([^"]+)"/gm
]

const importsOf = (file: string): ReadonlyArray<Import> => {
  const text = readFileSync(file, "utf8")
  return statements.flatMap((statement) =>
    Array.from(text.matchAll(statement), (match) => ({
      specifier: match[2],
      line: text.slice(0, match.index).split("\n").length,
      typeOnly: match[1] !== undefined && match[1] !== "",
      target: match[2].startsWith(".") ? join(dirname(file), match[2]) : undefined
    }))
  )
}

const sources = readdirSync(join(root, "packages"))
  .map((name) => join(root, "packages", name, "src"))
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => join(folder, path))
  )
  .sort()
const imports = new Map(sources.map((file) => [file, importsOf(file)]))

const isCore = (file: string): boolean => file.startsWith(`${core}/`)
const moduleOf = (file: string): string => relative(core, file).replace(/\.ts$/, "")

/** The place in the list, -1 for a module without one, undefined for a module that should have one. */
const listed = (module: string): number | undefined => {
  if (withoutLayer.some((folder) => module.startsWith(folder))) return -1
  const index = layers.findIndex((layer) =>
    layer.endsWith("/*") ? module.startsWith(layer.slice(0, -1)) : layer === module
  )
  return index < 0 ? undefined : index
}

/** The highest module that a file stands for or reaches through internal ones, with its place in the list. */
const reach = (file: string, seen: Set<string>): { readonly layer: number; readonly module: string } => {
  const module = moduleOf(file)
  const layer = listed(module)
  if (layer !== -1) return { layer: layer ?? layers.length, module }
  seen.add(file)
  let highest = { layer: -1, module }
  for (const { target } of imports.get(file) ?? []) {
    if (target === undefined || seen.has(target)) continue
    const reached = reach(target, seen)
    if (reached.layer > highest.layer) highest = reached
  }
  return highest
}

const checkCoreImport = (file: string, { line, specifier, target }: Import) => {
  if (target === undefined) {
    if (specifier !== "effect" && !specifier.startsWith("effect/")) {
      report(file, line, `imports "${specifier}": core imports only effect/* and its own files`)
    }
    return
  }
  if (!isCore(target)) {
    report(file, line, `imports "${specifier}", which is not a file of core`)
    return
  }
  const layer = listed(moduleOf(file))
  if (layer === undefined || layer === -1) return
  const reached = reach(target, new Set())
  const sameFolder = layers[layer].endsWith("/*") || reached.module !== moduleOf(target)
  if (reached.layer < layer || (reached.layer === layer && sameFolder)) return
  const way = reached.module === moduleOf(target) ? "" : `, which reaches ${reached.module}`
  report(file, line, `${moduleOf(file)} imports ${moduleOf(target)}${way}: that is further down in the list of layers`)
}

for (const [file, all] of imports) {
  if (isCore(file) && listed(moduleOf(file)) === undefined) {
    report(file, 1, "is in no layer: add it to the list in scripts/check-imports.ts")
  }
  for (const one of all) {
    if (one.specifier === "effect") report(file, one.line, `imports all of effect: import from "effect/..." instead`)
    if (isCore(file)) checkCoreImport(file, one)
  }
}

const done = new Set<string>()
const walk = (file: string, path: ReadonlyArray<string>) => {
  for (const { line, target, typeOnly } of imports.get(file) ?? []) {
    if (target === undefined || typeOnly || done.has(target)) continue
    const start = path.indexOf(target)
    if (start >= 0) {
      const circle = [...path.slice(start), target].map((member) => relative(root, member))
      report(file, line, `closes a circle: ${circle.join(" -> ")}`)
    } else {
      walk(target, [...path, target])
    }
  }
  done.add(file)
}
for (const file of sources) walk(file, [file])

if (problems.length > 0) {
  console.error(problems.join("\n"))
  process.exit(1)
}
console.log(`imports: ${sources.length} modules keep their layers`)
