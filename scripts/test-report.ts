import { readFileSync } from "node:fs"

export interface Counts {
  readonly passed: number
  readonly failed: number
}

/** The fields of vitest's JSON report that are read here. */
interface TestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: ReadonlyArray<{
    readonly status: string
    readonly assertionResults: ReadonlyArray<{ readonly status: string }>
  }>
}

/** Counts the tests of a run of vitest, from its report and its exit status. */
export const countTests = (file: string | URL, status: number | null): Counts => {
  let counts: Counts
  try {
    const report: TestReport = JSON.parse(readFileSync(file, "utf8"))
    // A file that can't be loaded, or whose hooks fail, has no failed test, but counts as one.
    const broken = report.testResults.filter((file) =>
      file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")
    )
    counts = { passed: report.numPassedTests, failed: report.numFailedTests + broken.length }
  } catch {
    counts = { passed: 0, failed: 1 }
  }
  // Errors outside of tests fail the run, too, and so does a run without tests.
  return counts.failed === 0 && (status !== 0 || counts.passed === 0) ? { ...counts, failed: 1 } : counts
}
