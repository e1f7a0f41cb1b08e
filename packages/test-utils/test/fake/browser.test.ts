import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"

const packages = fileURLToPath(new URL("../../..", import.meta.url))

const names = String.raw`\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+`

/** What a file imports when it runs: types are gone then. An `import()` counts too, since a bundler follows it. */
const imports = [
  new RegExp(String.raw`^(?:import|export)\s+(?:${names})(?:\s*,\s*(?:${names}))?\s+from\s+"([^"]+)"`, "gm"),
  /^import\s+"([^"]+)"/gm,
  /^(?!\s*(?:\*|\/\/)).*?\bimport\(\s*"([^"]+)"/gm
]

const importsOf = (file: string): ReadonlyArray<string> => {
  const text = readFileSync(file, "utf8")
  return imports.flatMap((statement) => Array.from(text.matchAll(statement), ([, specifier]) => specifier))
}

const target = (from: string, specifier: string): string | undefined => {
  if (specifier.startsWith(".")) return join(dirname(from), specifier)
  const [, name, module = "index"] = /^@redisc\/([^/]+)(?:\/(.+))?$/.exec(specifier) ?? []
  return name === undefined ? undefined : join(packages, name, "src", `${module}.ts`)
}

/** All that a file reaches: our own files, and the modules that are somebody else's. */
const reach = (start: string) => {
  const files = new Set([join(packages, start)])
  const others = new Set<string>()
  for (const file of files) {
    for (const specifier of importsOf(file)) {
      const found = target(file, specifier)
      if (found === undefined) others.add(specifier)
      else files.add(found)
    }
  }
  return { files: files.size, others: [...others] }
}

const run = () =>
  new Promise((resolve, reject) => {
    const thread = new Worker(new URL("browser/thread.ts", import.meta.url), {
      execArgv: ["--conditions=@redisc/source"]
    })
    thread.on("message", resolve)
    thread.on("error", reject)
    thread.on("exit", () => reject(new Error("the thread ended without a result")))
  })

describe("without Node", () => {
  it.each([
    ["core/src/index.ts", 80],
    ["test-utils/src/FakeCluster.ts", 150],
    ["test-utils/src/FakeRedis.ts", 150]
  ])(
    "%s imports nothing but effect",
    (start, least) => {
      const { files, others } = reach(start)
      assert.isAbove(files, least)
      assert.deepStrictEqual(others.filter((name) => !name.startsWith("effect/")), [])
    }
  )

  it("a simulated cluster serves, moves, fails over, and says what it can't do", async () => {
    assert.deepStrictEqual(await run(), {
      moved: "größer 🙂",
      failedOver: "größer 🙂",
      single: ["1", "2"],
      length: 256,
      range: "ABCDEF",
      dumped: true,
      bits: [8],
      counted: 3,
      user: "OK",
      script:
        "fake-0 answered EVAL with: ERR the simulated server runs no scripts here: Lua is read from a file, and " +
        "this platform has none",
      listen: "this platform has no TCP ports: listen needs Node"
    })
  })
})
