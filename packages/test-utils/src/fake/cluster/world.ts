/**
 * The surroundings that all nodes of one simulated cluster share: the clock, random numbers, the network between them and to
 * their clients, and the test's interventions.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type * as Clock from "effect/Clock"
import type { Bin } from "../definitions/handler.ts"
import { Restrictions } from "../facts/profile.ts"
import type { Profile } from "../facts/profile.ts"
import type { Version } from "../facts/version.ts"
import { later } from "../platform/later.ts"
import { Rules } from "../session/interventions.ts"
import type { Way } from "../session/interventions.ts"
import type { Turn } from "../session/servingNode.ts"
import type { Timers } from "../session/timers.ts"
import { fromText } from "../values/binary.ts"

/** The settings that all nodes start with. */
export interface Settings {
  readonly version: Version
  /** Whether the nodes run in cluster mode. */
  readonly clustered: boolean
  /** The number of databases of each node. */
  readonly databases: number
  /** Whether replicas redirect clients that have said CLIENT CAPA redirect, as those of Valkey do. */
  readonly redirects: boolean
  readonly nodeTimeout: number
  /** The availability zone of a node, by its index. */
  readonly zoneOf: (index: number) => Bin | undefined
  readonly config: ReadonlyMap<string, Bin>
  readonly profile: Profile
  /** Whether nodes announce maintenance to clients that ask for it. */
  readonly announces: boolean
}

/** A node, as far as the world uses it. */
export interface Inhabitant {
  readonly name: string
  readonly id: string
  readonly host: string
  readonly port: number
  /** The first address of the node. */
  readonly home: string
  /** Further addresses that lead to it, for a while. */
  readonly former: ReadonlySet<string>
  readonly process: "running" | "paused" | "stopped"
  readonly sessions: Iterable<Turn>
}

export interface WorldOptions {
  readonly clock: Clock.Clock
  readonly timers: Timers
  readonly settings: Settings
  readonly seed: number
  readonly warn: (text: string) => void
}

/** A generator of numbers from 0 to below 1, which repeats for the same seed (mulberry32). */
export const seeded = (seed: number): () => number => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Forty hexadecimal digits, for names of nodes and shards. */
const hexadecimal = (random: () => number): string => {
  let id = ""
  while (id.length < 40) id += Math.floor(random() * 16).toString(16)
  return id
}

/** The number of turns in a row before timers and sockets get theirs. */
const turnsInARow = 64

/** The world of one cluster. It uses only the interface `Inhabitant` of its nodes. */
export class World<N extends Inhabitant> {
  readonly nodes = new Map<string, N>()
  readonly byId = new Map<string, N>()
  readonly timers: Timers
  readonly settings: Settings
  readonly random: () => number
  readonly now: () => number
  readonly warn: (text: string) => void
  /** Commands that were sent and that exist in Redis, but are not simulated. */
  readonly missing = new Set<string>()
  /** The time at which the network was last cut. */
  cutAt = 0

  /** What the nodes do when some no longer hear each other, and when they do again. It depends on what binds them. */
  bond: { readonly broken: () => void; readonly mended: () => void } = { broken: () => {}, mended: () => {} }
  /** SHUTDOWN: ends the process of a node when the command is done. */
  shutDown: (node: N) => void = () => {}
  /** Called after every change of roles. */
  relinked: () => void = () => {}
  readonly restrictions: Restrictions
  /** Clients that try to connect through a cut. Each tries again when a cut was mended. */
  readonly connecting = new Set<() => void>()
  /** Callbacks of those that wait until a replica takes the place of the node with this id. */
  readonly promotions = new Set<(of: string, by: N) => void>()

  /** The test's interventions: replies of nodes by protocol, and mishaps of replies on their way. */
  readonly replies = new Rules<(protocol: 2 | 3) => Bin>()
  readonly mishaps = new Rules<Way>()

  /** The number of announcements so far. */
  announcements = 0

  private readonly cuts = new Map<string, Set<string>>()
  private readonly offsets = new Map<string, number>()
  private readonly pending = new Set<Turn>()
  private readonly endings = new Set<() => void>()
  private scheduled = false
  private turns = 0
  private sessions = 2
  private readonly hashSeeds: () => number

  constructor({ clock, seed, settings, timers, warn }: WorldOptions) {
    this.timers = timers
    this.settings = settings
    this.restrictions = new Restrictions(settings.profile)
    this.random = seeded(seed)
    this.hashSeeds = seeded(seed + 1)
    this.now = () => clock.currentTimeMillisUnsafe()
    this.warn = warn
  }

  add(node: N): void {
    this.nodes.set(node.name, node)
    this.byId.set(node.id, node)
  }

  remove(node: N): void {
    this.nodes.delete(node.name)
    this.byId.delete(node.id)
  }

  at(host: string, port: number): N | undefined {
    for (const node of this.nodes.values()) {
      const text = `${host}:${port}`
      if ((node.port === port && node.host === host) || node.home === text || node.former.has(text)) return node
    }
    return undefined
  }

  nextSessionId(): number {
    return ++this.sessions
  }

  nextShardId(): string {
    return hexadecimal(this.hashSeeds)
  }

  nextHashSeed(): number {
    return Math.floor(this.hashSeeds() * 0x100000000)
  }

  nextNodeId(): string {
    return hexadecimal(this.random)
  }

  // The network.

  isCut(a: string, b: string): boolean {
    return this.cuts.size > 0 && this.cuts.get(a)?.has(b) === true
  }

  cut(a: string, b: string): void {
    for (const [from, to] of [[a, b], [b, a]]) {
      const cut = this.cuts.get(from)
      if (cut === undefined) this.cuts.set(from, new Set([to]))
      else cut.add(to)
    }
    this.cutAt = this.now()
  }

  mend(a: string, b: string): void {
    for (const [from, to] of [[a, b], [b, a]]) {
      const cut = this.cuts.get(from)
      if (cut?.delete(to) === true && cut.size === 0) this.cuts.delete(from)
    }
  }

  mendAll(): void {
    this.cuts.clear()
  }

  /** Delivers what was held back, after a cut was mended or a node goes on. */
  resumeTraffic(): void {
    for (const retry of Array.from(this.connecting)) retry()
    for (const node of this.nodes.values()) for (const session of node.sessions) this.schedule(session)
  }

  /** Whether two nodes hear each other directly. */
  reaches(a: N, b: N): boolean {
    return a.process === "running" && b.process === "running" && !this.isCut(a.name, b.name)
  }

  /** The groups of nodes that hear of each other, directly or through others. */
  components(): ReadonlyArray<ReadonlyArray<N>> {
    const left = new Set(Array.from(this.nodes.values()).filter(({ process }) => process === "running"))
    if (this.cuts.size === 0) return left.size === 0 ? [] : [[...left]]
    const found: Array<ReadonlyArray<N>> = []
    for (const first of left) {
      left.delete(first)
      const component = [first]
      for (const node of component) {
        for (const other of left) {
          if (!this.reaches(node, other)) continue
          left.delete(other)
          component.push(other)
        }
      }
      found.push(component)
    }
    return found
  }

  /** The component of a node; empty if the node does not run. */
  component(node: N): ReadonlyArray<N> {
    return this.components().find((component) => component.includes(node)) ?? []
  }

  // Turns: once per tick, sessions execute their input and send their output, never inside the call that brought the input.

  schedule(session: Turn): void {
    this.pending.add(session)
    this.awaitTurn()
  }

  atEndOfTurn(task: () => void): void {
    this.endings.add(task)
    this.awaitTurn()
  }

  private awaitTurn(): void {
    if (this.scheduled) return
    this.scheduled = true
    if (this.turns === 0) later(this.breathe)
    if (this.turns++ < turnsInARow) queueMicrotask(this.turn)
    else later(this.turn)
  }

  private readonly breathe = (): void => {
    this.turns = 0
  }

  private readonly turn = (): void => {
    this.scheduled = false
    const sessions = [...this.pending]
    this.pending.clear()
    for (const session of sessions) session.pump()
    for (const task of this.endings) task()
    this.endings.clear()
    for (const session of sessions) session.flush()
  }

  // Reports to the test.

  noteMissing(name: string): void {
    if (this.missing.has(name)) return
    this.missing.add(name)
    this.warn(`The simulated cluster was sent ${name}, which it does not have`)
  }

  /** Reports an unexpected exception, of a command's simulation or of a function of the test. Returns the error to reply. */
  blame(what: string, problem: unknown): Resp.Reply {
    const text = problem instanceof Error ? problem.stack ?? problem.message : String(problem)
    this.warn(`${what} failed in the simulated server: ${text}`)
    return Resp.Reply.error(`ERR internal error of the simulated server: ${fromText(text.split("\n")[0])}`)
  }

  // Replication offsets, which count changes.

  replicated(node: N): void {
    this.offsets.set(node.id, this.offsetOf(node) + 1)
  }

  offsetOf(node: N): number {
    return this.offsets.get(node.id) ?? 0
  }

  setOffset(node: N, offset: number): void {
    this.offsets.set(node.id, offset)
  }
}
