/** Tables of figures. */

export type Row = ReadonlyArray<string>

const gap = "   "

/** Prints rows below their headings. The first column is of names. */
export const print = (
  title: string,
  headings: Row,
  rows: ReadonlyArray<Row>,
  notes: ReadonlyArray<string> = []
): void => {
  const widths = headings.map((heading, n) => Math.max(heading.length, ...rows.map((row) => (row[n] ?? "").length)))
  const line = (row: Row): string =>
    row.map((cell, n) => n === 0 ? cell.padEnd(widths[n]) : cell.padStart(widths[n])).join(gap).trimEnd()
  console.log(`\n${title}`)
  for (const row of [headings, ...rows]) console.log(`  ${line(row)}`)
  for (const note of notes) console.log(`  ${note}`)
}

export const number = (value: number, digits = 0): string =>
  Number.isFinite(value)
    ? value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })
    : "-"

export const ratio = (value: number): string => Number.isFinite(value) ? `${value.toFixed(2)}x` : "-"
