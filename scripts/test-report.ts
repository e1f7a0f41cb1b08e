import { readFileSync } from "node:fs"

export interface Counts {
  readonly passed: number
  readonly failed: number
}

/** What of vitest's JSON report is read here. */
interface TestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: ReadonlyArray<{
    readonly status: string
    readonly assertionResults: ReadonlyArray<{ readonly status: string }>
  }>
}

/**
 * Counts the tests of a run of vitest that ended with an exit status, from the report that it wrote.
 */
export const countTests = (file: string | URL, status: number | null): Counts => {
  let counts: Counts
  try {
    const report: TestReport = JSON.parse(readFileSync(file, "utf8"))
    // A file that can't be loaded, or whose hooks fail, fails without a test that does.
    const broken = report.testResults.filter((file) =>
      file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")
    )
    counts = { passed: report.numPassedTests, failed: report.numFailedTests + broken.length }
  } catch {
    counts = { passed: 0, failed: 1 }
  }
  // Errors outside of tests fail the run too, and a run without tests proves nothing.
  return counts.failed === 0 && (status !== 0 || counts.passed === 0) ? { ...counts, failed: 1 } : counts
}
