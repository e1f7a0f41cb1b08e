import { readFileSync, writeFileSync } from "node:fs"
import type { Facts } from "../cluster/facts.ts"
import type { Failure, Sample } from "../tasks/measure.ts"
import type { Row } from "./rows.ts"

export interface Results {
  readonly facts: Facts
  readonly rounds: number
  readonly rows: ReadonlyArray<Row>
  readonly failures: ReadonlyArray<Failure>
  readonly samples: ReadonlyArray<Sample>
}

/** Writes one line for each row or sample, so that diffs are readable. */
const list = (items: ReadonlyArray<object>): string =>
  items.length === 0 ? "[]" : `[\n${items.map((item) => `    ${JSON.stringify(item)}`).join(",\n")}\n  ]`

export const write = (file: string, { facts, failures, rounds, rows, samples }: Results): void => {
  const fields = Object.entries({
    facts: JSON.stringify(facts),
    rounds: `${rounds}`,
    rows: list(rows),
    failures: list(failures),
    samples: list(samples)
  })
  writeFileSync(file, `{\n${fields.map(([name, text]) => `  "${name}": ${text}`).join(",\n")}\n}\n`)
}

export const read = (file: string): Results => JSON.parse(readFileSync(file, "utf8"))
