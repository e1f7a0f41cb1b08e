/**
 * Type-checks every example: the `ts` blocks of the documents, and those in the doc comments of the sources.
 *
 * Each example becomes a file of its own and is checked like a user's file. Nothing is added, no imports either: an example
 * must be complete, as its readers see no more.
 */
import { execFileSync } from "node:child_process"
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

interface Example {
  readonly where: string
  readonly code: string
}

const root = dirname(import.meta.dirname)
const folder = join(root, "node_modules/.cache/redisc-examples")

const blocks = (file: string): ReadonlyArray<Example> => {
  const examples: Array<Example> = []
  let code: Array<string> | undefined
  let start = 0
  readFileSync(join(root, file), "utf8").split("\n").forEach((line, index) => {
    const text = file.endsWith(".md") ? line : line.replace(/^\s*\* ?/, "")
    if (code === undefined) {
      if (/^```ts\b/.test(text)) {
        code = []
        start = index + 1
      }
    } else if (text.startsWith("```")) {
      examples.push({ where: `${file}:${start}`, code: code.join("\n") })
      code = undefined
    } else {
      code.push(text)
    }
  })
  return examples
}

const files = globSync(["*.md", "docs/**/*.md", "packages/*/README.md", "packages/*/src/**/*.ts"], { cwd: root })
const examples = files.sort().flatMap(blocks)

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const names = new Map<string, string>()
examples.forEach(({ code, where }, index) => {
  const name = `example-${index}.ts`
  names.set(name, where)
  writeFileSync(join(folder, name), `${code}\nexport {}\n`)
})
writeFileSync(
  join(folder, "tsconfig.json"),
  JSON.stringify({
    extends: join(root, "tsconfig.base.json"),
    compilerOptions: {
      composite: false,
      incremental: false,
      noEmit: true,
      noUnusedLocals: false,
      plugins: [],
      rootDir: root,
      types: ["node"]
    },
    include: ["*.ts"]
  })
)

try {
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", folder, "--pretty", "false"], {
    encoding: "utf8",
    cwd: folder
  })
  console.log(`${examples.length} examples compile`)
} catch (error) {
  const output = (error as { readonly stdout: string }).stdout
  console.log(output.replace(/^\S*?(example-\d+\.ts)/gm, (_, name) => `${names.get(name)} `))
  process.exit(1)
}
