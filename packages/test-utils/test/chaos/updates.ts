/**
 * Fibers that make optimistic updates without end, and a ledger of what they were told.
 *
 * An account is three keys of one slot: two balances and a log. An update reads both balances, moves an amount from one
 * to the other by setting both, and puts its number at the end of the log. Whatever is lost, doubled or half done shows.
 */
import { assert } from "@effect/vitest"
import { Optimistic, Redis, Slot } from "@redisc/core"
import type { RedisError } from "@redisc/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

export interface Account {
  readonly name: string
  readonly slot: number
}

/** Where a test is with what it does to the servers. */
type Phase = "before" | "during" | "after"

interface Told {
  readonly update: number
  readonly account: Account
  readonly begun: Phase
  /** Its place in the log, from 1, or why it has none. */
  readonly outcome: number | RedisError.RedisError
  /** Whether it was known, before anything happened, that a replica has it. */
  readonly replicated: boolean
}

interface Waiter {
  readonly includes: (account: Account) => boolean
  readonly reached: Deferred.Deferred<void>
  left: number
}

export interface Ledger {
  readonly accounts: ReadonlyArray<Account>
  readonly told: Array<Told>
  readonly waiters: Array<Waiter>
  updates: number
  conflicts: number
  phase: Phase
  stopped: boolean
}

export const makeLedger = (prefix: string, accounts: number): Ledger => ({
  accounts: Array.from({ length: accounts }, (_, n) => {
    const name = `{${prefix}:${n}}`
    return { name, slot: Slot.fromKey(name) }
  }),
  told: [],
  waiters: [],
  updates: 0,
  conflicts: 0,
  phase: "before",
  stopped: false
})

/** Waits for that many more updates to be acknowledged on those accounts. */
export const awaitMore = (ledger: Ledger, count: number, includes: Waiter["includes"] = () => true) =>
  Effect.suspend(() => {
    const reached = Deferred.makeUnsafe<void>()
    ledger.waiters.push({ includes, left: count, reached })
    return Deferred.await(reached)
  })

const record = (ledger: Ledger, told: Told): void => {
  ledger.told.push(told)
  if (typeof told.outcome !== "number") return
  for (const waiter of ledger.waiters) {
    if (waiter.includes(told.account) && --waiter.left === 0) Deferred.doneUnsafe(waiter.reached, Effect.void)
  }
}

const amountOf = (update: number): number => update % 7 + 1

const move = (ledger: Ledger, { name }: Account, update: number) => {
  const [a, b] = [`${name}:a`, `${name}:b`]
  const decide = Effect.map(Redis.mget([a, b]), (balances) => {
    const [ofA, ofB] = balances.map(Number)
    const amount = amountOf(update)
    return [
      Redis.set(a, `${ofA - amount}`),
      Redis.set(b, `${ofB + amount}`),
      Redis.rpush(`${name}:log`, [`${update}`])
    ] as const
  })
  const counted = Schedule.tap(Optimistic.standard, () =>
    Effect.sync(() => {
      ledger.conflicts++
    }))
  return Redis.optimistic([a, b], decide, { schedule: counted })
}

/**
 * Whether a replica has all that the account's primary has executed so far. It says nothing of what another primary has,
 * so it counts only where the primary is sure to be the same as before.
 */
const confirm = (account: Account) =>
  Effect.isSuccess(
    Redis.ensureReplication(Redis.incr(`${account.name}:confirmed`), { replicas: 1, within: "1 second" })
  )

const one = Effect.fnUntraced(function*(ledger: Ledger, replicated: boolean) {
  const update = ledger.updates++
  // Neighbours are at the same account at about the same time, which is what conflicts are made of.
  const account = ledger.accounts[Math.floor(update / 3) % ledger.accounts.length]
  const begun = ledger.phase
  const outcome = yield* Effect.match(move(ledger, account, update), {
    onSuccess: ([, , place]) => place,
    onFailure: (error) => error
  })
  const confirmed = replicated && typeof outcome === "number" && ledger.phase === "before" && (yield* confirm(account))
  record(ledger, { update, account, begun, outcome, replicated: confirmed && ledger.phase === "before" })
})

/**
 * Makes updates while something happens to the servers, and until it has. Nobody is interrupted, since then nobody would
 * be told what became of the last ones.
 */
export const during = <A, E, R>(
  ledger: Ledger,
  happening: Effect.Effect<A, E, R>,
  options: { readonly fibers: number; readonly replicated?: boolean }
) => {
  const worker = Effect.fnUntraced(function*() {
    while (!ledger.stopped) yield* one(ledger, options.replicated ?? false)
  })
  const workers = Array.from({ length: options.fibers }, worker)
  const stop = Effect.sync(() => {
    ledger.stopped = true
  })
  return Effect.all([Effect.tap(happening, stop), ...workers], { concurrency: "unbounded", discard: true })
}

export const errors = (ledger: Ledger): ReadonlyArray<Told & { readonly outcome: RedisError.RedisError }> =>
  ledger.told.filter((told): told is Told & { readonly outcome: RedisError.RedisError } =>
    typeof told.outcome !== "number"
  )

/**
 * An acknowledged update is there, once, at the place that was told; one that may have been executed is there once at the
 * most; any other is not. The balances are what the log says, so none is half done. Answers the acknowledged ones that
 * are missing all the same: only those that a failover may cost may be.
 */
export const verify = Effect.fnUntraced(function*(ledger: Ledger, mayBeLost: (told: Told) => boolean = () => false) {
  const missing: Array<Told> = []
  for (const account of ledger.accounts) {
    const { name } = account
    const log = (yield* Redis.lrange(`${name}:log`, 0, -1)).map(Number)
    const there = new Set(log)
    assert.strictEqual(there.size, log.length, `${name}: an update was applied twice`)

    const moved = log.reduce((sum, update) => sum + amountOf(update), 0)
    const [ofA, ofB] = (yield* Redis.mget([`${name}:a`, `${name}:b`])).map(Number)
    assert.strictEqual(ofA + ofB, 0, `${name}: an update was half applied`)
    assert.strictEqual(ofB, moved, `${name}: the balances are not what the log says`)

    for (const told of ledger.told.filter((told) => told.account === account)) {
      const { outcome, update } = told
      const isThere = there.delete(update)
      if (typeof outcome === "number") {
        if (!isThere) missing.push(told)
        if (!mayBeLost(told)) {
          assert.strictEqual(log[outcome - 1], update, `${name}: update ${update} is not at its place`)
        }
      } else if (outcome.delivery !== "MaybeExecuted") {
        assert.isFalse(isThere, `${name}: update ${update} is there, although ${outcome.message}`)
      }
    }
    assert.deepStrictEqual([...there], [], `${name}: updates that nobody made`)
  }
  return missing
})
