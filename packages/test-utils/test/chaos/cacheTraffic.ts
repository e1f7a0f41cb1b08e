/** Clients that write registers, read them from their caches, and note in a ledger what they are told. */
import { Cached, Redis, RedisCluster, SlotMap, Topology } from "@redisc/core"
import type { Command } from "@redisc/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Ledger from "./cacheLedger.ts"

/** How old a cached read may be, in milliseconds. */
export const ages = [200, 5000, 60_000, 60_000] as const

export const deeds = [
  "write",
  "write",
  "read",
  "read",
  "read",
  "read",
  "many",
  "together",
  "uncached",
  "uncached"
] as const

export interface Step {
  readonly deed: (typeof deeds)[number]
  /** Which register; of a write, which of those that the client writes. */
  readonly at: number
  readonly age: number
  /** How long the fiber waits before it, in milliseconds. */
  readonly pause: number
}

export interface Client {
  readonly index: number
  readonly context: Context.Context<RedisCluster.Services>
}

/** Draws a step. `below` draws a whole number below a limit. */
export const draw = (below: (limit: number) => number, longestPause: number): Step => ({
  deed: deeds[below(deeds.length)],
  // Some registers are used more than others, so that reads of them meet writes.
  at: below(2) === 0 ? below(3) : below(1000),
  age: ages[below(ages.length)],
  pause: Math.max(0, below(longestPause) - Math.floor(longestPause / 5))
})

const field = "version"

const reading = ({ key, register }: Ledger.Life): Command.Command<string | null> =>
  register.kind === "hash" ? Redis.hget(key, field) : Redis.get(key)

const writing = ({ key, register }: Ledger.Life, version: number): Command.Command<unknown> =>
  register.kind === "hash" ? Redis.hset(key, { [field]: `${version}` }) : Redis.set(key, `${version}`)

/** A register that nobody has written is at version 0. */
const versionOf = (value: string | null): number => value === null ? 0 : Number(value)

const failed = (ledger: Ledger.Ledger): void => {
  ledger.counts.failed++
}

/** What became of a write. */
const wrote = (
  ledger: Ledger.Ledger,
  life: Ledger.Life,
  { from, version }: { readonly version: number; readonly from: number },
  outcome: Result.Result<unknown, Redis.RedisError>
): void => {
  life.register.isBusy = false
  if (Result.isSuccess(outcome)) return Ledger.acknowledged(ledger, life, version, from)
  failed(ledger)
  if (outcome.failure.delivery === "MaybeExecuted") life.doubtedAt = ledger.now()
}

/** Begins a write, which nobody else makes meanwhile. */
const beginWrite = (ledger: Ledger.Ledger, register: Ledger.Register) => {
  if (register.isBusy) return undefined
  const life = Ledger.writable(ledger, register)
  if (life === undefined) return undefined
  register.isBusy = true
  return { life, version: ++life.issued, from: ledger.step++ }
}

const uncached = Effect.fnUntraced(function*(ledger: Ledger.Ledger, client: Client, life: Ledger.Life) {
  const trial = Ledger.begin(ledger, life, client.index, Infinity)
  const outcome = yield* Effect.result(reading(life))
  if (Result.isFailure(outcome)) return failed(ledger)
  Ledger.readUncached(ledger, trial, versionOf(outcome.success))
})

/** Takes the answer of a cached read, and lets an uncached one judge it where that is needed. */
const answered = Effect.fnUntraced(function*(
  ledger: Ledger.Ledger,
  trial: Ledger.Trial,
  outcome: Result.Result<string | null, Redis.RedisError>
) {
  if (Result.isFailure(outcome)) return failed(ledger)
  const version = versionOf(outcome.success)
  if (!Ledger.readCached(ledger, trial, version)) return
  const from = ledger.step++
  const judged = yield* Effect.result(reading(trial.life))
  if (Result.isFailure(judged)) return failed(ledger)
  Ledger.judge(ledger, trial, version, versionOf(judged.success), from)
})

/** Several cached reads as one command, be it in several slots. */
const many = Effect.fnUntraced(function*(
  ledger: Ledger.Ledger,
  client: Client,
  lives: ReadonlyArray<Ledger.Life>,
  age: number
) {
  const strings = lives.filter(({ register }) => register.kind === "string")
  const trials = strings.map((life) => Ledger.begin(ledger, life, client.index, age))
  const outcome = yield* Effect.result(Cached.for(Redis.mget(strings.map(({ key }) => key)), age))
  if (Result.isFailure(outcome)) return failed(ledger)
  yield* Effect.forEach(trials, (trial, n) => answered(ledger, trial, Result.succeed(outcome.success[n])))
})

/** A write, a cached read of the same register behind it, and cached reads of others, in one pipeline. */
const together = Effect.fnUntraced(function*(
  ledger: Ledger.Ledger,
  client: Client,
  { age, others, own }: {
    readonly own: Ledger.Register
    readonly others: ReadonlyArray<Ledger.Life>
    readonly age: number
  }
) {
  const write = beginWrite(ledger, own)
  const lives = write === undefined ? others : [write.life, ...others]
  const trials = lives.map((life) => Ledger.begin(ledger, life, client.index, age))
  const reads = lives.map((life) => Cached.for(reading(life), age))
  const first = write === undefined ? [] : [writing(write.life, write.version)]
  const outcomes = yield* Redis.pipeline([...first, ...reads], { mode: "result" })
  if (write !== undefined) {
    const outcome = outcomes[0]
    wrote(ledger, write.life, write, outcome)
    if (Result.isSuccess(outcome)) trials[0] = Ledger.behind(ledger, trials[0], write.version)
  }
  yield* Effect.forEach(
    trials,
    (trial, n) => answered(ledger, trial, outcomes[first.length + n] as Result.Result<string | null, Redis.RedisError>)
  )
})

/** Does one step for a client. */
export const act = Effect.fnUntraced(function*(ledger: Ledger.Ledger, client: Client, { age, at, deed, pause }: Step) {
  if (pause > 0) yield* Effect.sleep(pause)
  const { registers } = ledger
  const pick = (n: number) => registers[n % registers.length]
  const owned = registers.filter(({ writer }) => writer === client.index)
  const own = owned[at % owned.length]
  const { life } = pick(at)
  const work = Effect.gen(function*() {
    switch (deed) {
      case "write": {
        const write = beginWrite(ledger, own)
        if (write === undefined) return
        return wrote(ledger, write.life, write, yield* Effect.result(writing(write.life, write.version)))
      }
      case "read": {
        const trial = Ledger.begin(ledger, life, client.index, age)
        return yield* answered(ledger, trial, yield* Effect.result(Cached.for(reading(life), age)))
      }
      case "uncached":
        return yield* uncached(ledger, client, life)
      case "many":
        return yield* many(ledger, client, [0, 1, 3, 4, 7].map((n) => pick(at + n).life), age)
      case "together":
        return yield* together(ledger, client, { own, others: [pick(at + 1).life, pick(at + 5).life], age })
    }
  })
  yield* Effect.provideContext(work, client.context)
})

/** Reads every register from a server, and then from the cache: whatever was kept too long shows. */
export const compare = Effect.fnUntraced(function*(ledger: Ledger.Ledger, client: Client) {
  for (const [at] of ledger.registers.entries()) {
    for (const deed of ["uncached", "read"] as const) yield* act(ledger, client, { deed, at, age: 60_000, pause: 0 })
  }
})

/** Lets a ledger know when a client's map changes. */
export const watch = (ledger: Ledger.Ledger, { context, index }: Client): void => {
  Context.get(context, Topology.Topology).onSwap((before, after) =>
    Ledger.moved(ledger, index, SlotMap.diff(before, after))
  )
}

/** How many reads of clients came from their caches. */
export const hits = (clients: ReadonlyArray<Client>): Effect.Effect<number> =>
  Effect.map(
    Effect.forEach(clients, ({ context }) => Context.get(context, RedisCluster.RedisCluster).stats),
    (all) => all.reduce((sum, { cache }) => sum + (cache?.hits ?? 0), 0)
  )
