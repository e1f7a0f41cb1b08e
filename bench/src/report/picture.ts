import type { Role } from "../clients/contestants.ts"
import type { Over } from "../cluster/cluster.ts"
import { groupBy } from "../figures/groups.ts"
import { factLines } from "./report.ts"
import type { Results } from "./results.ts"
import { grouped } from "./rows.ts"
import type { Row } from "./rows.ts"

// Colours of middle brightness, which are visible on a white page and on a black one.
const text = "#7a828c"
const grid = "#7a828c40"
const colours: Readonly<Record<Role, string>> = { ours: "#2f81f7", other: "#d29922", floor: "#8b949e" }
const roleNames: Readonly<Record<Role, string>> = {
  ours: "redisc",
  other: "other clients, the fastest way of each",
  floor: "the floor: bare sockets, no client"
}

const panelNames: Readonly<Record<Over, string>> = { tcp: "TCP", tls: "TLS" }

const page = 1000
const margin = 16
const labelWidth = 190
/** The width of the figure behind the longest bar. */
const figureWidth = 54
const pitch = 14
const bar = 10
const heading = 26
/** The maximum length of a bar. A longer one is cut off there, and its figure tells its length. */
const longest = 4

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const rounded = (value: number): string => `${Math.round(value * 10) / 10}`

const label = (x: number, y: number, content: string, more = ""): string =>
  `<text x="${rounded(x)}" y="${rounded(y)}"${more}>${escape(content)}</text>`

interface Panel {
  readonly over: Over
  /** The position of its bars, and the number of pixels for a ratio of one. */
  readonly left: number
  readonly unit: number
}

/** A line of the picture: a client, with its row in each panel. */
interface Lane {
  readonly role: Role
  readonly name: string
  readonly rows: ReadonlyArray<Row>
}

/** All ways of using redisc, then the fastest way of each other client, and the floor last. */
const lanesOf = (rows: ReadonlyArray<Row>): ReadonlyArray<Lane> => {
  const roles: ReadonlyArray<Role> = ["ours", "other", "floor"]
  return roles.flatMap((role) => {
    const lanes = groupBy(
      // Only the plain floor, as in the tables.
      rows.filter((row) => row.role === role && (role !== "floor" || row.client === "floor")),
      (row) => role === "ours" ? row.label : row.library
    )
    return Array.from(lanes, ([name, own]) => ({
      role,
      name,
      // The rows of one transport come fastest first, so this picks the fastest.
      rows: own.filter((row, index) => own.findIndex(({ over }) => over === row.over) === index)
    }))
  }).map(({ name, role, rows }) => ({ role, name: name.replace("a promise a command", "promises"), rows }))
}

const barOf = (panel: Panel, y: number, { role, rows }: Lane): string => {
  const ratio = rows.find(({ over }) => over === panel.over)?.toFastest
  if (ratio === undefined) return label(panel.left + 4, y + bar - 1, "no figure")
  const shown = Math.min(ratio, longest) * panel.unit
  const figure = `${ratio.toFixed(2)}x${ratio > longest ? " »" : ""}`
  return `<rect x="${panel.left}" y="${y}" width="${rounded(shown)}" height="${bar}" fill="${colours[role]}"/>` +
    label(panel.left + shown + 4, y + bar - 1, figure)
}

/** Lines at every half of a ratio. The line at one, which stands for the fastest other client, is dashed. */
const gridLines = ({ left, unit }: Panel, scale: number, top: number, bottom: number): string =>
  Array.from({ length: scale * 2 + 1 }, (_, index) => {
    const x = rounded(left + index / 2 * unit)
    return `<path d="M${x} ${top}V${bottom}" stroke="${grid}"${index === 2 ? ` stroke-dasharray="4 2"` : ""}/>`
  }).join("\n")

const axis = ({ left, over, unit }: Panel, scale: number, y: number): string =>
  [
    label(left, y - 16, `over ${panelNames[over]}`, ` font-weight="bold"`),
    ...Array.from(
      { length: Math.floor(scale) + 1 },
      (_, mark) => label(left + mark * unit, y, `${mark}x`, ` text-anchor="middle"`)
    )
  ].join("\n")

const group = (
  top: number,
  title: string,
  lanes: ReadonlyArray<Lane>,
  panels: ReadonlyArray<Panel>,
  scale: number
): string => {
  const first = top + heading
  return [
    label(margin, top + 17, title, ` font-weight="bold"`),
    ...panels.map((panel) => gridLines(panel, scale, first - 3, first + lanes.length * pitch)),
    ...lanes.flatMap((lane, index) => {
      const y = first + index * pitch
      return [
        label(margin + labelWidth - 8, y + bar - 1, lane.name, ` text-anchor="end"`),
        ...panels.map((panel) => barOf(panel, y, lane))
      ]
    })
  ].join("\n")
}

const legend = (y: number): string =>
  (Object.keys(colours) as ReadonlyArray<Role>).map((role, index) => {
    const x = margin + [0, 80, 340][index]
    return `<rect x="${x}" y="${y - 9}" width="10" height="10" fill="${colours[role]}"/>` +
      label(x + 16, y, roleNames[role])
  }).join("\n")

const altText = (groups: ReadonlyArray<ReadonlyArray<Row>>): string =>
  groups.flatMap((rows) => {
    const own = rows.find(({ role, toFastest }) => role === "ours" && toFastest !== undefined)
    return own === undefined ? [] : [`${own.title}, ${panelNames[own.over]}: ${own.toFastest?.toFixed(2)} times`]
  }).join("; ")

/** Bars of throughput, as multiples of the fastest other client's: a group for each workload, a panel each for TCP and TLS. */
export const draw = ({ facts, rounds, rows }: Results): string => {
  const groups = Array.from(groupBy(rows, ({ workload }) => workload).values(), (rows) => ({
    title: rows[0].title,
    lanes: lanesOf(rows)
  }))
  const ratios = groups.flatMap(({ lanes }) => lanes.flatMap(({ rows }) => rows.map(({ toFastest }) => toFastest ?? 0)))
  const scale = Math.min(longest, Math.ceil(Math.max(1, ...ratios) * 2) / 2)
  const overs = Array.from(new Set(rows.map(({ over }) => over)))
  const panelWidth = (page - 2 * margin - labelWidth) / overs.length
  const panels = overs.map((over, index) => ({
    over,
    left: margin + labelWidth + index * panelWidth,
    unit: (panelWidth - figureWidth) / scale
  }))

  const title = "Throughput of Redis Cluster clients for Node.js"
  const top = 132
  let bottom = top
  const drawn = groups.map(({ lanes, title }) => {
    const from = bottom
    bottom += heading + lanes.length * pitch + 4
    return group(from, title, lanes, panels, scale)
  })
  const notes = factLines(facts)
  const height = bottom + 18 + notes.length * 15
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${page} ${height}" width="${page}" height="${height}" ` +
    `role="img" aria-labelledby="title desc" font-family="system-ui, sans-serif" font-size="11" fill="${text}">`,
    `<title id="title">${title}</title>`,
    `<desc id="desc">redisc's throughput, as a multiple of the fastest other client's. ${
      escape(altText(grouped(rows)))
    }</desc>`,
    label(margin, 28, title, ` font-size="18" font-weight="bold"`),
    label(
      margin,
      48,
      `As multiples of the fastest other client in the same workload; longer is faster. Medians of ${rounds} ${
        rounds === 1 ? "round" : "rounds"
      }.`
    ),
    legend(72),
    ...panels.map((panel) => axis(panel, scale, top - 6)),
    ...drawn,
    ...notes.map((note, index) => label(margin, bottom + 24 + index * 15, note, ` font-size="10"`)),
    "</svg>",
    ""
  ].join("\n")
}
