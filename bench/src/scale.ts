/**
 * Measures how the client scales: with the number of nodes, and with the number of fibers that use it. Everything is in memory.
 *
 * Usage: npm run bench:scale -- [--json file] [section...]
 */
import { fork } from "node:child_process"
import { writeFileSync } from "node:fs"
import { availableParallelism, loadavg } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import type { Column, Section } from "./scale/section.ts"
import { sections } from "./scale/sections.ts"

type Figures = Readonly<Record<string, number>>

const worker = fileURLToPath(new URL("scale/worker.ts", import.meta.url))

const measure = (section: string, place: number): Promise<Figures> =>
  new Promise((resolve, reject) => {
    const { label } = sections[section].cases[place]
    // Advanced serialization, because NaN would be lost in JSON.
    const child = fork(worker, [section, String(place)], { stdio: "inherit", serialization: "advanced" })
    child.on("message", (figures) => resolve(figures as Figures))
    child.on("error", reject)
    child.on("exit", (code) => reject(new Error(`${section}, ${label}: ended without figures (exit code ${code})`)))
  })

const labelWidth = 18
const widthOf = ({ heading }: Column): number => Math.max(heading.length, 7) + 2

const cell = (value: number, { digits }: Column): string =>
  Number.isNaN(value)
    ? "-"
    : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })

const print = async (name: string, { cases, columns, notes, title }: Section): Promise<ReadonlyArray<object>> => {
  const all = Object.entries(columns)
  console.log(`\n${title}`)
  console.log("".padEnd(labelWidth) + all.map(([, column]) => column.heading.padStart(widthOf(column))).join(""))
  const rows: Array<object> = []
  for (let place = 0; place < cases.length; place++) {
    const figures = await measure(name, place)
    const { label } = cases[place]
    const cells = all.map(([figure, column]) => cell(figures[figure], column).padStart(widthOf(column)))
    console.log(label.padEnd(labelWidth) + cells.join(""))
    rows.push({ case: label, ...figures })
  }
  for (const note of notes) console.log(`  ${note}`)
  return rows
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { json: { type: "string" } } })
const unknown = positionals.find((name) => !(name in sections))
if (unknown !== undefined) {
  console.error(`scale: there is no section "${unknown}"; there are ${Object.keys(sections).join(", ")}`)
  process.exit(2)
}
const facts = { node: process.version, cores: availableParallelism(), load: loadavg()[0] }
console.log(
  `Node ${facts.node}, ${facts.cores} cores, load ${facts.load.toFixed(2)}; each line in a process of its own`
)
const results: Record<string, ReadonlyArray<object>> = {}
for (const [name, section] of Object.entries(sections)) {
  if (positionals.length === 0 || positionals.includes(name)) results[name] = await print(name, section)
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ facts, results }, undefined, 2)}\n`)
