import { readFileSync } from "node:fs"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"

export interface Counts {
  readonly passed: number
  readonly failed: number
  /** A line for each failure. */
  readonly failures: ReadonlyArray<string>
}

/** The fields of vitest's JSON report that are read here. */
interface TestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: ReadonlyArray<{
      readonly status: string
      readonly fullName: string
      readonly failureMessages: ReadonlyArray<string>
    }>
  }>
}

const root = fileURLToPath(new URL("..", import.meta.url))

const headOf = (message: string | undefined) => (message ?? "").split("\n").slice(0, 3).join(" ").slice(0, 500)

/** Counts the tests of a run of vitest, from its report and its exit status. */
export const countTests = (file: string | URL, status: number | null): Counts => {
  let counts: Counts
  try {
    const report: TestReport = JSON.parse(readFileSync(file, "utf8"))
    const failures = report.testResults.flatMap((file) => {
      const name = relative(root, file.name)
      const tests = file.assertionResults
        .filter((test) => test.status === "failed")
        .map((test) => `${name}: ${test.fullName}: ${headOf(test.failureMessages[0])}`)
      // A file that can't be loaded, or whose hooks fail, has no failed test, but counts as one.
      return file.status === "failed" && tests.length === 0 ? [`${name}: ${headOf(file.message)}`] : tests
    })
    counts = { passed: report.numPassedTests, failed: failures.length, failures }
  } catch {
    counts = { passed: 0, failed: 1, failures: ["vitest left no report"] }
  }
  // Errors outside of tests fail the run, too, and so does a run without tests.
  return counts.failed === 0 && (status !== 0 || counts.passed === 0)
    ? { ...counts, failed: 1, failures: [`vitest ended with ${status}, and no test failed`] }
    : counts
}
