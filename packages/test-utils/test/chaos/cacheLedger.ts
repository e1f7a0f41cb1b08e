/**
 * What is known of registers while clients write them and read them from their caches, and what a cached read may answer therefore.
 *
 * A register has the versions 1, 2, 3 and so on, written by one client one after another, so that an older one is told from a newer
 * one. A cached read may answer no version that is older than
 *
 * - `own`: what its own client was told, before the read began, that it had written;
 * - `seen`: what its own client had read from a server before the read began;
 * - `map`: what anybody knew of when its own client learnt that the slot had another owner;
 * - `age`: what anybody knew of a maximum age before the read began.
 *
 * What servers lose excuses it: where something has happened that may cost acknowledged writes, an uncached read judges.
 */
import { Slot } from "@redisc/core"
import type { SlotMap } from "@redisc/core"

export type Rule = "own" | "seen" | "map" | "age"

/** A version that was at a server. */
interface Known {
  readonly version: number
  /** When the write or read that proves it began and ended, as numbers of the ledger's steps. */
  readonly from: number
  readonly to: number
  /** When it ended, in milliseconds since 1970. */
  readonly at: number
}

/** The oldest version that a read may answer, and why. */
interface Floor {
  readonly rule: Rule
  readonly known: Known
}

/**
 * One key of a register. Once a write may or may not have been executed, nothing is written to it any more, since it may still be
 * executed later; after a while the register goes on with another key.
 */
export interface Life {
  readonly register: Register
  readonly key: string
  /** How many versions were given out. */
  issued: number
  /** When it was not known what became of a write, in milliseconds since 1970. */
  doubtedAt: number | undefined
  /** Ascending. */
  known: Array<Known>
  own: Known | undefined
  /** By clients. */
  readonly seen: Array<Known | undefined>
  readonly mapped: Array<Known | undefined>
}

export interface Register {
  readonly name: string
  readonly slot: number
  readonly kind: "string" | "hash"
  /** The client that writes it. */
  readonly writer: number
  isBusy: boolean
  lives: number
  life: Life
}

/** A read, from when it began. */
export interface Trial {
  readonly life: Life
  readonly client: number
  readonly from: number
  readonly at: number
  readonly floors: ReadonlyArray<Floor>
  /** The newest version that anybody knew of. */
  readonly newest: Known | undefined
}

/** How many cached reads there were, and uncached ones, and so on. Of those that were stale, some were given to a judge. */
export type Counts = Record<
  "reads" | "uncached" | "writes" | "failed" | "stale" | "judged" | "excused" | "undecided",
  number
>

export interface Ledger {
  readonly registers: ReadonlyArray<Register>
  readonly now: () => number
  /** By how many milliseconds a client's clock may be late. */
  readonly slack: number
  readonly violations: Array<string>
  readonly byRule: Record<Rule | "server", number>
  readonly counts: Counts
  /** The longest time after which a foreign write was not seen yet, by what was happening. */
  readonly windows: Map<string, number>
  /** What is happening. */
  label: string
  /** The step since which the servers have lost nothing; Infinity while they may. */
  calmSince: number
  step: number
  stopped: boolean
}

const lifeOf = (register: Omit<Register, "life">, clients: number): Life => ({
  register: register as Register,
  key: `{${register.name}}:${register.lives}`,
  issued: 0,
  doubtedAt: undefined,
  known: [],
  own: undefined,
  seen: Array.from({ length: clients }, () => undefined),
  mapped: Array.from({ length: clients }, () => undefined)
})

/** Registers are by turns strings and hashes, and written by the clients by turns. */
export const make = (options: {
  readonly prefix: string
  readonly registers: number
  readonly clients: number
  readonly now: () => number
  readonly slack?: number
}): Ledger => ({
  registers: Array.from({ length: options.registers }, (_, n) => {
    const name = `${options.prefix}:${n}`
    const register = {
      name,
      slot: Slot.fromKey(`{${name}}`),
      kind: n % 3 === 2 ? "hash" as const : "string" as const,
      writer: n % options.clients,
      isBusy: false,
      lives: 0
    }
    const made: Register = Object.assign(register, { life: lifeOf(register, options.clients) })
    return made
  }),
  now: options.now,
  slack: options.slack ?? 0,
  violations: [],
  byRule: { own: 0, seen: 0, map: 0, age: 0, server: 0 },
  counts: { reads: 0, uncached: 0, writes: 0, failed: 0, stale: 0, judged: 0, excused: 0, undecided: 0 },
  windows: new Map(),
  label: "nothing",
  calmSince: 0,
  step: 0,
  stopped: false
})

/** How long a key whose last write is in doubt is still read, in milliseconds. */
const doubt = 1000

/** The key to write to now; undefined if there is none. */
export const writable = (ledger: Ledger, register: Register): Life | undefined => {
  const { life } = register
  if (life.doubtedAt === undefined) return life
  if (ledger.now() - life.doubtedAt < doubt) return undefined
  register.lives++
  register.life = lifeOf(register, life.seen.length)
  return register.life
}

const last = <A>(items: ReadonlyArray<A>): A | undefined => items[items.length - 1]

/** The last item of an ascending list for which something holds, as it does for all before. */
const lastWhere = <A>(items: ReadonlyArray<A>, holds: (item: A) => boolean): number => {
  let [low, high] = [0, items.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(items[middle])) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** A version that was written by then, or read from a server. */
const learnt = (ledger: Ledger, life: Life, version: number, from: number): Known => {
  const known = { version, from, to: ledger.step++, at: ledger.now() }
  if (version > (last(life.known)?.version ?? 0)) life.known.push(known)
  return known
}

export const acknowledged = (ledger: Ledger, life: Life, version: number, from: number): void => {
  ledger.counts.writes++
  life.own = learnt(ledger, life, version, from)
}

/** A client's map has changed. */
export const moved = (ledger: Ledger, client: number, changes: SlotMap.Changes): void => {
  for (const { life, slot } of ledger.registers) {
    if (!changes.moved.some(({ end, start }) => start <= slot && slot <= end)) continue
    life.mapped[client] = last(life.known)
  }
}

/** From now on until `calm`, servers may lose what they have acknowledged. */
export const unrest = (ledger: Ledger): void => {
  ledger.calmSince = Infinity
}

export const calm = (ledger: Ledger): void => {
  ledger.calmSince = ledger.step++
}

export const begin = (ledger: Ledger, life: Life, client: number, maxAge: number): Trial => {
  const at = ledger.now()
  const aged = life.known[lastWhere(life.known, (known) => known.at < at - maxAge - ledger.slack)]
  const floors: ReadonlyArray<readonly [Rule, Known | undefined]> = [
    ["own", life.register.writer === client ? life.own : undefined],
    ["seen", life.seen[client]],
    ["map", life.mapped[client]],
    ["age", aged]
  ]
  return {
    life,
    client,
    from: ledger.step++,
    at,
    floors: floors.flatMap(([rule, known]) => known === undefined ? [] : [{ rule, known }]),
    newest: last(life.known)
  }
}

/** The read stands behind a write of the same client in a pipeline, which was acknowledged. */
export const behind = (ledger: Ledger, trial: Trial, version: number): Trial => {
  const known = { version, from: trial.from, to: ledger.step, at: ledger.now() }
  return { ...trial, floors: [{ rule: "own", known }, ...trial.floors], newest: known }
}

const broken = (ledger: Ledger, rule: Rule | "server", problem: string): void => {
  ledger.byRule[rule]++
  ledger.violations.push(`${problem}, at ${ledger.now()}, ${ledger.label}`)
}

/** Servers have lost all versions after one that an uncached read, which began at a step, has found. */
const lose = (life: Life, version: number, from: number): void => {
  const isThere = (known: Known) => known.version <= version || known.to > from
  life.known = life.known.filter(isThere)
  if (life.own !== undefined && !isThere(life.own)) life.own = undefined
  for (const each of [life.seen, life.mapped]) {
    each.forEach((known, client) => {
      if (known !== undefined && !isThere(known)) each[client] = undefined
    })
  }
}

/** What an uncached read has answered. */
export const readUncached = (ledger: Ledger, { client, from, life, newest }: Trial, version: number): void => {
  ledger.counts.uncached++
  if (newest !== undefined && version < newest.version) {
    if (newest.from > ledger.calmSince) {
      broken(ledger, "server", `a server answered ${life.key} by ${version}, after ${newest.version}`)
    }
    lose(life, version, from)
  }
  const known = learnt(ledger, life, version, from)
  if (version >= (life.seen[client]?.version ?? 0)) life.seen[client] = known
}

/** Which rule the answer of a cached read breaks. */
const brokenBy = ({ floors }: Trial, version: number): Floor | undefined =>
  floors.find(({ known }) => version < known.version)

const windowOf = ({ at, life, newest }: Trial, version: number): number => {
  if (newest === undefined || version >= newest.version) return 0
  const next = life.known[lastWhere(life.known, (known) => known.version <= version) + 1]
  return next === undefined ? 0 : at - next.at
}

/** Takes the answer of a cached read. Returns whether an uncached read has to judge it. */
export const readCached = (ledger: Ledger, trial: Trial, version: number): boolean => {
  const { client, life, newest } = trial
  ledger.counts.reads++
  if (newest === undefined || version >= newest.version) return false
  ledger.counts.stale++
  const floor = brokenBy(trial, version)
  if (floor === undefined) return windowOf(trial, version) > (ledger.windows.get(ledger.label) ?? 0)
  if (floor.known.from <= ledger.calmSince) return true
  broken(
    ledger,
    floor.rule,
    `client ${client} read version ${version} of ${life.key} from its cache after ${floor.known.version} (${floor.rule})`
  )
  return false
}

/** What an uncached read, which began at a step, says of a cached one. */
export const judge = (ledger: Ledger, trial: Trial, version: number, judged: number, from: number): void => {
  ledger.counts.judged++
  const floor = brokenBy(trial, version)
  const needed = floor?.known.version ?? version + 1
  if (judged < needed) {
    ledger.counts.excused++
    return lose(trial.life, judged, from)
  }
  const window = windowOf(trial, version)
  if (window > (ledger.windows.get(ledger.label) ?? 0)) ledger.windows.set(ledger.label, window)
  if (floor === undefined) return
  // A version that came later says nothing of what was there when the cached read was made.
  if (judged > floor.known.version) ledger.counts.undecided++
  else {
    broken(
      ledger,
      floor.rule,
      `client ${trial.client} read version ${version} of ${trial.life.key} from its cache after ${judged} (${floor.rule}), which is still there`
    )
  }
}
