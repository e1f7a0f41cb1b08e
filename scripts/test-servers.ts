/**
 * Runs the tests that depend on the server against each server of the set: conformance, scenarios, replicas, chaos, the
 * launchers and the Node transport. A server that can't be fetched counts as a failure.
 *
 * Usage: node scripts/test-servers.ts
 *
 * The counts are written to `node_modules/.cache/redisc/servers.json`, for `.ci/run`.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { servers } from "./servers.ts"
import type { Server } from "./servers.ts"
import { countTests } from "./test-report.ts"
import type { Counts } from "./test-report.ts"

const cache = new URL("../node_modules/.cache/redisc/", import.meta.url)
const results = new URL("servers.json", cache)
const testReport = fileURLToPath(new URL("vitest-servers.json", cache))

const suites = [
  ...[
    "conformance/real",
    "conformance/standalone",
    "conformance/sentinel",
    "scenarios/real",
    "replicas/real",
    "caching/real",
    "start/real",
    "chaos",
    "Real",
    "standalone",
    "sentinel/real",
    "sentinel/connections",
    "secrets",
    "scripts.test",
    "fake/differential/redirect"
  ].map((name) => `packages/test-utils/test/${name}`),
  "packages/node/test",
  "packages/effect/test"
]

const run = (server: Server): Counts => {
  console.log(`\n${server.name}`)
  if ("problem" in server) {
    console.error(server.problem)
    return { passed: 0, failed: 1, failures: [server.problem] }
  }
  rmSync(testReport, { force: true })
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${testReport}`]
  const { status } = spawnSync("vitest", ["run", ...reporters, ...suites], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    env: { ...process.env, REDIS_SERVER: server.path },
    stdio: "inherit"
  })
  return countTests(testReport, status)
}

mkdirSync(cache, { recursive: true })
rmSync(results, { force: true })

let passed = 0
let failed = 0
const summary: Array<string> = []
const failures: Array<string> = []
for (const server of servers()) {
  const counts = run(server)
  passed += counts.passed
  failed += counts.failed
  failures.push(...counts.failures.map((failure) => `${server.name}: ${failure}`))
  summary.push(`${server.name}: ${counts.passed} passed, ${counts.failed} failed`)
}
writeFileSync(results, JSON.stringify({ passed, failed, failures }))
console.log(`\n${[...summary, ...failures].join("\n")}`)
process.exit(failed === 0 ? 0 : 1)
