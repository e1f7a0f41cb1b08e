/**
 * Runs npm scripts one after the other, all of them even when some fail, and counts what passed and failed.
 *
 * Usage: node scripts/run-checks.ts typecheck lint test:unit
 *
 * A script counts as one check, but `test:unit` as one per test. The counts are written to the file {@link results}, for
 * `.ci/run`.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { countTests } from "./test-report.ts"
import type { Counts } from "./test-report.ts"

const cache = new URL("../node_modules/.cache/redisc/", import.meta.url)
const results = new URL("results.json", cache)
const testReport = new URL("vitest.json", cache)

const run = (script: string): Counts => {
  const { status } = spawnSync("npm", ["run", "--silent", script], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdio: "inherit"
  })
  if (script === "test:unit") return countTests(testReport, status)
  return status === 0 ? { passed: 1, failed: 0, failures: [] } : { passed: 0, failed: 1, failures: [script] }
}

mkdirSync(cache, { recursive: true })
rmSync(results, { force: true })
rmSync(testReport, { force: true })

const scripts = process.argv.slice(2)
let passed = 0
let failed = 0
const summary: Array<string> = []
const failures: Array<string> = []
for (const script of scripts) {
  console.log(`\n${script}`)
  const counts = run(script)
  passed += counts.passed
  failed += counts.failed
  failures.push(...counts.failures)
  summary.push(`${counts.failed === 0 ? "passed" : "FAILED"}  ${script}`)
}
writeFileSync(results, JSON.stringify({ passed, failed, failures }))
console.log(`\n${[...summary, ...failures].join("\n")}`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
