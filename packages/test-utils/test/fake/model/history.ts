/**
 * What the fibers were told, and the plain model that it has to agree with.
 *
 * Every write has a token of its own, and every value tells its key. `start` and `end` count all calls and returns of
 * all fibers, so that one command came before another if it had ended when that began. A write that failed or was
 * interrupted may be executed once, at any time after it began, or never.
 */
import { assert } from "@effect/vitest"
import type { Redis } from "@redisc/core"
import type { Kind } from "./plan.ts"

export type Outcome =
  | { readonly _tag: "Done"; readonly value: unknown }
  | { readonly _tag: "Failed"; readonly error: Redis.RedisError }
  | { readonly _tag: "Interrupted" }

export interface Told {
  readonly kind: Kind
  readonly key: string
  readonly token: string
  readonly start: number
  readonly end: number
  readonly startedAt: number
  readonly endedAt: number
  readonly outcome: Outcome
}

const reads: ReadonlySet<Kind> = new Set<Kind>(["get", "lrange", "getTemporary", "mget"])

/** How long a temporary key lives, in milliseconds. */
export const timeToLive = 700

const isDone = ({ outcome }: Told): boolean => outcome._tag === "Done"
const valueOf = ({ outcome }: Told): unknown => outcome._tag === "Done" ? outcome.value : undefined

/** When its effect is certain to have come. */
const certain = (told: Told): number => isDone(told) ? told.end : Infinity

const show = (told: Told): string =>
  `${told.kind} ${told.key} ${told.token} [${told.start}-${told.end}, ${told.startedAt}-${told.endedAt} ms] ` +
  (told.outcome._tag === "Failed" ? told.outcome.error.message : JSON.stringify(valueOf(told)))

const before = (a: Told, b: Told): boolean => a.end < b.start

const unique = (values: ReadonlyArray<unknown>): boolean => new Set(values).size === values.length

/** Replies that count up: each once, and in the order of those that did not overlap. */
const checkRising = (writes: ReadonlyArray<Told>, place: (told: Told) => number): void => {
  const done = writes.filter(isDone)
  assert.isTrue(unique(done.map(place)), `two were told the same: ${done.map(show).join("\n")}`)
  for (const first of done) {
    for (const second of done) {
      if (before(first, second)) assert.isBelow(place(first), place(second), `${show(first)}\n${show(second)}`)
    }
  }
}

export const base = (key: string): number => 1_000_000 * (1 + Number(key.at(-2)))

export const checkCounter = (key: string, writes: ReadonlyArray<Told>, last: number): void => {
  const count = (told: Told): number => Number(valueOf(told)) - base(key)
  checkRising(writes, count)
  const done = writes.filter(isDone)
  const value = last - base(key)
  assert.isAtLeast(value, done.length, `${key} lost an increment`)
  assert.isAtMost(value, writes.length, `${key} was incremented more often than asked`)
  for (const each of done) {
    assert.isAbove(count(each), 0, show(each))
    assert.isAtMost(count(each), value, `${key} was taken back: ${show(each)}`)
  }
}

/** Tokens in a row, by RPUSH or APPEND: the reply says at which place each is. */
export const checkSequence = (
  key: string,
  writes: ReadonlyArray<Told>,
  tokens: ReadonlyArray<string>,
  unit: number
): void => {
  const place = (told: Told): number => Number(valueOf(told)) / unit
  checkRising(writes, place)
  assert.isTrue(unique(tokens), `${key} has a token twice: ${tokens.join(" ")}`)
  const known = new Set(writes.map(({ token }) => token))
  for (const token of tokens) assert.isTrue(known.has(token), `${key} has ${token}, which nobody wrote there`)
  for (const each of writes.filter(isDone)) {
    assert.strictEqual(tokens[place(each) - 1], each.token, `${show(each)}\n${key}: ${tokens.join(" ")}`)
  }
}

/** A list that was read amid the writes is what it is at the end, cut short. */
export const checkPrefixes = (
  readings: ReadonlyArray<Told>,
  writes: ReadonlyArray<Told>,
  last: ReadonlyArray<string>
) => {
  for (const read of readings.filter(isDone)) {
    const tokens = valueOf(read) as ReadonlyArray<string>
    assert.deepStrictEqual(tokens, last.slice(0, tokens.length), show(read))
    const missed = writes.find((write) => isDone(write) && before(write, read) && !tokens.includes(write.token))
    assert.isUndefined(missed, missed && `${show(read)} did not see ${show(missed)}`)
  }
}

export const checkSet = (key: string, writes: ReadonlyArray<Told>, members: ReadonlyArray<string>): void => {
  const known = new Set(writes.map(({ token }) => token))
  for (const member of members) assert.isTrue(known.has(member), `${key} has ${member}, which nobody added there`)
  for (const each of writes.filter(isDone)) {
    assert.strictEqual(valueOf(each), 1, `added twice: ${show(each)}`)
    assert.include(members, each.token, `lost: ${show(each)}`)
  }
}

/** Each read is of a write that had begun, and that no other is certain to have replaced before the read began. */
export const checkRegister = (
  readings: ReadonlyArray<Told>,
  writes: ReadonlyArray<Told>,
  removals: ReadonlyArray<Told>,
  read: (value: unknown) => string | null
): void => {
  const changes = [...writes, ...removals]
  const replaced = (since: number, reading: Told): Told | undefined =>
    changes.find((other) => isDone(other) && other.start > since && before(other, reading))
  for (const reading of readings.filter(isDone)) {
    const token = read(valueOf(reading))
    const sources = (token === null ? removals : writes.filter((write) => write.token === token))
      .filter(({ start }) => start < reading.end)
    const since = [...sources.map(certain), ...(token === null ? [-1] : [])]
    assert.isNotEmpty(since, `nobody wrote what was read: ${show(reading)}`)
    assert.isTrue(
      since.some((each) => replaced(each, reading) === undefined),
      `stale: ${show(reading)}\n${changes.map(show).join("\n")}`
    )
  }
}

/** All writes of a temporary key set the same time to live, from when they are executed. */
export const checkTemporary = (
  readings: ReadonlyArray<Told>,
  writes: ReadonlyArray<Told>,
  renewals: ReadonlyArray<Told>
): void => {
  for (const reading of readings.filter(isDone)) {
    const token = valueOf(reading) as string | null
    if (token === null) {
      const alive = writes.find((write) =>
        isDone(write) && before(write, reading) && write.startedAt + timeToLive > reading.endedAt
      )
      assert.isUndefined(alive, alive && `gone too soon: ${show(reading)}\n${show(alive)}`)
      continue
    }
    const write = writes.find((each) => each.token === token)
    assert.isTrue(write !== undefined && write.start < reading.end, `nobody wrote what was read: ${show(reading)}`)
    const latest = [write!, ...renewals.filter(({ start }) => start < reading.end)]
      .reduce((time, each) => Math.max(time, isDone(each) ? each.endedAt : Infinity), 0)
    assert.isBelow(reading.startedAt, latest + timeToLive, `should have expired: ${show(reading)}`)
    const newer = writes.find((other) => isDone(other) && other.start > certain(write!) && before(other, reading))
    assert.isUndefined(newer, newer && `stale: ${show(reading)}\n${show(newer)}`)
  }
}

/**
 * Whoever fails is told the truth. Nothing lasts here as long as the policy tries: only a write that was on its way to a
 * node to which something had happened may fail.
 */
export const checkFailures = (all: ReadonlyArray<Told>, disturbed: ReadonlyMap<string, number>): void => {
  for (const told of all) {
    if (told.outcome._tag !== "Failed") continue
    const { error } = told.outcome
    assert.isFalse(reads.has(told.kind), `a read failed: ${show(told)}`)
    assert.strictEqual(error.delivery, "MaybeExecuted", show(told))
    assert.include(["ConnectionLost", "Timeout"], error.reason._tag, show(told))
    assert.isBelow(disturbed.get(error.node ?? "") ?? Infinity, told.end, `nothing had happened there: ${show(told)}`)
  }
}
