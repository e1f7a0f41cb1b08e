/** What a client that can't connect costs the nodes and those who yield passwords, second by second. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Command from "../src/Command.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import { connected, start } from "./support/client.ts"
import { advance, keyOfA, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedCluster, ScriptedNode } from "./support/ScriptedCluster.ts"
import type { Slots } from "./support/slotsReply.ts"
import { brief, confirms, message, subscriber } from "./support/subscribers.ts"

const wrong = Reply.error("WRONGPASS invalid username-password pair or user is disabled.")
const greeting = Reply.map([[Reply.bulk("proto"), Reply.integer(3)]])

/** An effect that yields a password, how often it was run, and whether it fails. */
const provider = () => {
  const state = { calls: 0, fails: false }
  const password = Effect.suspend(() => {
    state.calls++
    return state.fails ? Effect.fail("no token") : Effect.succeed(Redacted.make("pw"))
  })
  return { state, credentials: { password } }
}

const dialsOf = (nodes: Iterable<ScriptedNode>): number => {
  let sum = 0
  for (const { dialed } of nodes) sum += dialed.length
  return sum
}

/** What goes up in each of the seconds that pass. */
const perSecond = Effect.fnUntraced(function*(seconds: number, ...counts: ReadonlyArray<() => number>) {
  const rows: Array<ReadonlyArray<number>> = []
  for (let i = 0; i < seconds; i++) {
    const before = counts.map((count) => count())
    yield* advance("1 second")
    rows.push(counts.map((count, i) => count() - before[i]))
  }
  return rows
})

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

type Trouble = readonly [
  name: string,
  breaks: (cluster: ScriptedCluster, tokens: { fails: boolean }) => void,
  mends: (cluster: ScriptedCluster, tokens: { fails: boolean }) => void
]

const each = (cluster: ScriptedCluster, f: (node: ScriptedNode) => void): void => cluster.nodes.forEach(f)

const troubles: ReadonlyArray<Trouble> = [
  [
    "are dead",
    (cluster) => each(cluster, (node) => void (node.accepts = "none")),
    (cluster) => each(cluster, (node) => void (node.accepts = "all"))
  ],
  [
    "refuse the password",
    (cluster) => each(cluster, (node) => node.on("HELLO", wrong)),
    (cluster) => each(cluster, (node) => node.on("HELLO", greeting))
  ],
  [
    "hang up on greetings",
    (cluster) => each(cluster, (node) => node.on("HELLO", "drop")),
    (cluster) => each(cluster, (node) => node.on("HELLO", greeting))
  ],
  [
    "hang up on subscribers",
    (cluster) => each(cluster, (node) => node.on("SUBSCRIBE", "drop")),
    (cluster) => each(cluster, (node) => confirms(node))
  ],
  [
    "wait for a password that can't be had",
    (_, tokens) => void (tokens.fails = true),
    (_, tokens) => void (tokens.fails = false)
  ]
]

describe("a subscription to a channel, where all nodes", () => {
  const lost = [["", true], [", and only new connections are concerned", false]] as const
  const cases = troubles.flatMap(([name, breaks, mends]) =>
    lost.map(([more, isAll]) => [`${name}${more}`, breaks, mends, isAll] as const)
  )

  it.effect.each(cases)(
    "%s: connects a few times a second, ever less often",
    ([, breaks, mends, isAll]) =>
      Effect.gen(function*() {
        const { credentials, state } = provider()
        const { cluster, hear } = yield* subscriber({ credentials })
        const nodes = Array.from(cluster.nodes.values())
        const { events } = yield* hear({ channels: ["news"] })
        yield* advance("10 seconds")
        breaks(cluster, state)
        for (const { live } of nodes) {
          for (const each of live) if (isAll || each.received.includes("SUBSCRIBE news")) each.drop()
        }
        const rows = yield* perSecond(10, () => dialsOf(nodes), () => state.calls)
        const [dials, calls] = [rows.map(([dialed]) => dialed), rows.map(([, called]) => called)]
        for (const counts of [dials, calls]) {
          // In the first second the pauses are short: six tries a node.
          assert.isAtMost(counts[0], 6 * nodes.length)
          for (const count of counts.slice(1)) assert.isAtMost(count, 2 * nodes.length)
          assert.isAtMost(sum(counts.slice(5)), 5 * (nodes.length + 1))
        }
        assert.isAtMost(calls[0], 4 * nodes.length)
        for (const called of calls.slice(1)) assert.isAtMost(called, 6)
        if (state.fails) assert.isAtMost(sum(calls.slice(1)), 13)
        mends(cluster, state)
        yield* advance("2500 millis")
        const home = nodes.find((node) => node.live.some(({ received }) => received.includes("SUBSCRIBE news")))
        home?.live.forEach((line) => line.received.includes("SUBSCRIBE news") && line.send(message("news", "again")))
        yield* settle
        assert.include(brief(events), "again")
      })
  )

  it.effect("are many: goes round once quickly, then slowly", () =>
    Effect.gen(function*() {
      const slots: Slots = Array.from({ length: 32 }, (_, i) => [i * 512, i * 512 + 511, `n${i}:7000`] as const)
      const { cluster, hear } = yield* subscriber({ slots, nodes: ["n0:7000"] }).pipe(Effect.orDie)
      const nodes = Array.from(cluster.nodes.values())
      yield* hear({ channels: ["news"] })
      yield* advance("10 seconds")
      each(cluster, (node) => node.on("HELLO", "drop"))
      for (const node of nodes) for (const line of node.live) if (line.received.includes("SUBSCRIBE news")) line.drop()
      const rows = yield* perSecond(40, () => dialsOf(nodes))
      const dials = rows.map(([dialed]) => dialed)
      // Each of ten a second is tried twice.
      assert.isAtMost(Math.max(...dials), 24)
      assert.isAtLeast(nodes.filter(({ dialed }) => dialed.length > 1).length, 30)
      assert.isAtMost(sum(dials.slice(-5)), 15)
    }))
})

const workers = 16

/** Sixteen fibers that do the same. */
const sixteen = <A, E, R>(work: Effect.Effect<A, E, R>) =>
  Effect.forEach(Array.from({ length: workers }), () => start(work))

/** Each command steps it for itself, where the standard policy makes one trial for all. */
const impatient = RedirectPolicy.make(Schedule.spaced("20 millis"))

const popsAt = (node: ScriptedNode): number =>
  node.live.filter(({ received }) => received.some((line) => line.startsWith("BLPOP"))).length

describe("a node that sixteen commands that block wait for", () => {
  const pop = Redis.blpop([keyOfA], "1 minute")

  const ways = [
    ["is dead", (node) => void (node.accepts = "none"), (node) => void (node.accepts = "all")],
    ["refuses the password", (node) => node.on("HELLO", wrong), (node) => node.on("HELLO", greeting)],
    ["hangs up on greetings", (node) => node.on("HELLO", "drop"), (node) => node.on("HELLO", greeting)]
  ] as const satisfies ReadonlyArray<readonly [string, (node: ScriptedNode) => void, (node: ScriptedNode) => void]>

  it.effect.each(ways)(
    "and that %s is connected to a few times a second, and found when it is back",
    ([, breaks, mends]) =>
      Effect.gen(function*() {
        const { credentials, state } = provider()
        const { a, run } = yield* connected({ commandTimeout: "5 minutes", credentials, redirects: impatient })
        a.on("BLPOP", "hold")
        const blocked = yield* sixteen(run(Command.idempotent(pop)))
        yield* advance("10 seconds")
        assert.strictEqual(popsAt(a), workers)
        breaks(a)
        a.drop()
        const rows = yield* perSecond(10, () => a.dialed.length, () => state.calls)
        for (const counts of rows) for (const count of counts) assert.isAtMost(count, 7)
        for (const counts of rows.slice(2)) for (const count of counts) assert.isAtMost(count, 2)
        mends(a)
        yield* advance("1550 millis")
        assert.strictEqual(popsAt(a), workers)
        assert.isAtMost(a.live.length, workers + 1)
        for (const fiber of blocked) assert.isUndefined(fiber.pollUnsafe())
      })
  )

  it.effect("and that hangs up on each is connected to less and less, however often they are tried again", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("BLPOP", "drop")
      yield* sixteen(Effect.forever(Effect.ignore(run(pop))))
      const rows = yield* perSecond(10, () => a.dialed.length)
      for (const [dialed] of rows.slice(3)) assert.isAtMost(dialed, 2 * (workers + 1))
      assert.isAtMost(sum(rows.slice(5).map(([dialed]) => dialed)), 6 * (workers + 1))
    }))
})
