/**
 * Packs the packages and uses them as users do: installed from tarballs, in an empty project.
 *
 * Usage: node scripts/check-packages.ts
 *
 * The packages are built from a copy of their sources, so that remains of older builds in `dist` have no influence.
 * The program that uses them is `scripts/consumer/program.ts.txt`, and prints `scripts/consumer/expected.txt`.
 */
import { spawnSync } from "node:child_process"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const root = fileURLToPath(new URL("..", import.meta.url))
const temp = realpathSync(mkdtempSync(join(tmpdir(), "redisc-packages-")))
const workspace = join(temp, "workspace")
const consumer = join(temp, "consumer")
const folders = ["core", "node", "effect", "test-utils"]

const manifestAt = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
const filesIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()

const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): string => {
  const result = spawnSync(command, args, { cwd, encoding: "utf8" })
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(" ")}\n${result.stdout}${result.stderr}${result.error ?? ""}`.trimEnd())
  }
  return result.stdout
}

const must = (problems: ReadonlyArray<string>) => {
  if (problems.length > 0) throw new Error(problems.join("\n"))
}

class CheckFailed extends Error {}

const check = (name: string, body: () => void) => {
  try {
    body()
    console.log(`ok      ${name}`)
  } catch (error) {
    const lines = (error instanceof Error ? error.message : String(error)).trimEnd().split("\n")
    const shown = lines.length > 30 ? [...lines.slice(0, 30), `... and ${lines.length - 30} lines more`] : lines
    console.log([`FAILED  ${name}`, ...shown].join("\n        "))
    process.exitCode = 1
  }
}

/** A check that must pass for the following ones to make sense. */
const need = (name: string, body: () => void) => {
  check(name, body)
  if (process.exitCode === 1) throw new CheckFailed()
}

const copyWorkspace = () => {
  for (const name of ["package.json", "tsconfig.json", "tsconfig.base.json"]) {
    cpSync(join(root, name), join(workspace, name))
  }
  for (const folder of folders) {
    const from = join(root, "packages", folder)
    const to = join(workspace, "packages", folder)
    for (const name of ["package.json", "tsconfig.json", "README.md", "LICENSE", "src"]) {
      if (existsSync(join(from, name))) cpSync(join(from, name), join(to, name), { recursive: true })
    }
  }
  mkdirSync(join(workspace, "node_modules/@redisc"), { recursive: true })
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name !== "@redisc") symlinkSync(join(root, "node_modules", name), join(workspace, "node_modules", name))
  }
  for (const folder of folders) {
    symlinkSync(join(workspace, "packages", folder), join(workspace, "node_modules/@redisc", folder))
  }
}

const tarballs = join(temp, "tarballs")
const installedVersion = (name: string): string => `${name}@${manifestAt(join(root, "node_modules", name)).version}`
const installed = (folder: string): string => join(consumer, "node_modules/@redisc", folder)

/** The modules that users can import: each file of `src` that is not in a folder. */
const entryPoints = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, "packages", folder, "src"))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => name === "index.ts" ? `@redisc/${folder}` : `@redisc/${folder}/${name.slice(0, -3)}`)

const closedFolders = /^(internal|commands|conformance|fake|generated)\//

const closedPaths = (folder: string): ReadonlyArray<string> =>
  ["index.ts", ...filesIn(join(root, "packages", folder, "src")).filter((path) => closedFolders.test(path))]
    .map((path) => `@redisc/${folder}/${path.replace(/\.ts$/, "")}`)

const compilerOptions = {
  target: "ES2022",
  lib: ["ES2023", "DOM"],
  module: "nodenext",
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  skipLibCheck: false
}

const writeConsumer = () => {
  const imports = (names: ReadonlyArray<string>) =>
    names.map((name, i) => `import * as module${i} from ${JSON.stringify(name)}`).join("\n")
  const list = (names: ReadonlyArray<string>) => `[${names.map((_, i) => `module${i}`).join(", ")}]`
  const all = folders.flatMap(entryPoints)
  const core = entryPoints("core")
  const files = {
    "package.json": JSON.stringify({ name: "consumer", private: true, type: "module" }),
    "tsconfig.json": JSON.stringify({
      compilerOptions: { ...compilerOptions, types: ["node"], outDir: "out" },
      include: ["program.ts", "entries.ts"]
    }),
    // Core must compile without the types of Node.
    "tsconfig.core.json": JSON.stringify({
      compilerOptions: { ...compilerOptions, types: [], noEmit: true },
      include: ["core.ts"]
    }),
    "program.ts": readFileSync(join(root, "scripts/consumer/program.ts.txt"), "utf8"),
    "entries.ts": `${imports(all)}\n\nconsole.log(${list(all)}.map((module) => Object.keys(module).length).length)\n`,
    "core.ts": `${imports(core)}\n\nexport default ${list(core)}\n`,
    "closed.mjs": `for (const path of process.argv.slice(2)) {
  const code = await import(path).then(() => "open", (error) => error.code)
  if (code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") console.log(path + ": " + code)
}
`
  }
  mkdirSync(consumer, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(consumer, name), text)
}

const wrongFiles = /(^|\/)(tests?|__tests__|coverage|node_modules)\/|\.test\.|\.spec\.|tsbuildinfo|\.tgz$/
const secretFiles = /(^|\/)(\.env[^/]*|\.npmrc|id_[a-z0-9]+|[^/]*\.(pem|key|p12|pfx|jks))$/
const secretText = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20}/,
  /_authToken\s*=/,
  /\bnpm_[A-Za-z0-9]{36}\b/,
  /\bgh[opsru]_[A-Za-z0-9]{36}/,
  /\bAKIA[0-9A-Z]{16}\b/
]

const checkContents = (folder: string) => {
  const files = filesIn(installed(folder))
  const missing = ["README.md", "LICENSE", "package.json", "dist/index.js", "dist/index.d.ts"]
    .concat(
      files
        .filter((path) => path.startsWith("src/") && path.endsWith(".ts"))
        .flatMap((path) => [".js", ".d.ts"].map((ending) => path.replace(/^src/, "dist").replace(/\.ts$/, ending)))
    )
    .filter((path) => !files.includes(path))
  must([
    ...missing.map((path) => `${path} is missing`),
    ...files.filter((path) => wrongFiles.test(path)).map((path) => `${path} should not be published`),
    ...files
      .filter((path) =>
        secretFiles.test(path) ||
        secretText.some((pattern) => pattern.test(readFileSync(join(installed(folder), path), "utf8")))
      )
      .map((path) => `${path} may hold a secret`)
  ])
}

const checkManifest = (folder: string) => {
  const { dependencies = {}, peerDependencies = {} } = manifestAt(installed(folder))
  must([
    ...(peerDependencies.effect === undefined ? ["effect is not a peer dependency"] : []),
    ...(dependencies.effect === undefined ? [] : ["effect is a dependency, which would install a second copy"]),
    ...folders
      .map((name) => manifestAt(join(root, "packages", name)))
      .filter(({ name, version }) => dependencies[name] !== undefined && dependencies[name] !== version)
      .map(({ name, version }) => `depends on ${name} ${dependencies[name]}, but that is ${version}`)
  ])
}

const checkOutput = () => {
  const expected = readFileSync(join(root, "scripts/consumer/expected.txt"), "utf8")
  const output = run(consumer, process.execPath, "out/program.js")
  if (output !== expected) throw new Error(`it printed\n${output}but should print\n${expected}`)
}

try {
  need("build", () => {
    copyWorkspace()
    run(workspace, join(root, "node_modules/.bin/tsc"), "-b")
  })
  need("pack", () => {
    mkdirSync(tarballs)
    for (const folder of folders) {
      run(join(workspace, "packages", folder), "npm", "pack", "--ignore-scripts", "--pack-destination", tarballs)
    }
  })
  need("install from tarballs", () => {
    writeConsumer()
    const packages = readdirSync(tarballs).map((name) => join(tarballs, name))
    const others = ["effect", "typescript", "@types/node"].map(installedVersion)
    run(
      consumer,
      "npm",
      "install",
      "--prefer-offline",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      ...packages,
      ...others
    )
  })
  for (const folder of folders) {
    check(`@redisc/${folder}: contents of the tarball`, () => checkContents(folder))
    check(`@redisc/${folder}: effect is a peer dependency, versions fit`, () => checkManifest(folder))
    check(`@redisc/${folder}: private modules are closed`, () => {
      const open = run(consumer, process.execPath, "closed.mjs", ...closedPaths(folder))
      must(open.split("\n").filter((line) => line !== ""))
    })
  }
  check("one copy of effect and of core", () => {
    must(
      filesIn(join(consumer, "node_modules"))
        .filter((path) => /node_modules\/(effect|@redisc\/[^/]+)\/package\.json$/.test(path))
        .map((path) => `second copy: ${path}`)
    )
  })
  check("types, strict", () => run(consumer, "node_modules/.bin/tsc", "-p", "."))
  check("types of core without those of Node", () => run(consumer, "node_modules/.bin/tsc", "-p", "tsconfig.core.json"))
  check("every entry point loads", () => run(consumer, process.execPath, "out/entries.js"))
  check("the program runs", checkOutput)
} catch (error) {
  if (!(error instanceof CheckFailed)) throw error
} finally {
  rmSync(temp, { recursive: true, force: true })
}
