/**
 * Numbered messages on many channels, and a ledger of what was published, what was heard, and what the subscriber was
 * told that it may have missed.
 */
import { assert } from "@effect/vitest"
import { PubSub, Redis, Slot } from "@redisc/core"
import type { Client, RedisError } from "@redisc/core"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** A message that a server has acknowledged, and when its publishing began and ended. */
interface Published {
  readonly number: number
  readonly startedAt: number
  readonly endedAt: number
}

type Awaited = (number: number, startedAt: number) => boolean

export interface Channel {
  readonly name: string
  readonly sharded: boolean
  readonly slot: number
  readonly published: Array<Published>
  readonly heard: Set<number>
  readonly gaps: Array<PubSub.Gap>
  waiters: Array<{ readonly isIt: Awaited; readonly heard: Deferred.Deferred<number> }>
  doubled: number
}

export interface Ledger {
  readonly channels: ReadonlyMap<string, Channel>
  stopped: boolean
}

const makeChannel = (name: string, sharded: boolean): Channel => ({
  name,
  sharded,
  slot: Slot.fromKey(name),
  published: [],
  heard: new Set(),
  gaps: [],
  waiters: [],
  doubled: 0
})

/** So many sharded channels, and as many classic ones. */
export const makeLedger = (each: number): Ledger => {
  const channels = Array.from(
    { length: 2 * each },
    (_, n) => makeChannel(`${n % 2 === 0 ? "sharded" : "classic"}:${n >> 1}`, n % 2 === 0)
  )
  return { channels: new Map(channels.map((channel) => [channel.name, channel])), stopped: false }
}

export const some = ({ channels }: Ledger, includes: (channel: Channel) => boolean): ReadonlyArray<Channel> =>
  Array.from(channels.values()).filter(includes)

const publish = Effect.fnUntraced(function*({ name, published, sharded }: Channel, number: number) {
  const clock = yield* Clock.Clock
  const startedAt = clock.currentTimeMillisUnsafe()
  const message = `${number} ${startedAt}`
  const outcome = yield* Effect.result(sharded ? Redis.spublish(name, message) : Redis.publish(name, message))
  if (Result.isSuccess(outcome)) published.push({ number, startedAt, endedAt: clock.currentTimeMillisUnsafe() })
})

const awaitOne = (channels: Iterable<Channel>, isIt: Awaited): Effect.Effect<ReadonlyArray<number>> =>
  Effect.forEach(channels, (channel) => {
    const heard = Deferred.makeUnsafe<number>()
    channel.waiters.push({ isIt, heard })
    return Deferred.await(heard)
  }, { concurrency: "unbounded" })

/**
 * Publishes until the ledger is stopped, and then until the last message has been heard, behind all others. Each channel
 * has a publisher of its own, so that no shard keeps up another.
 */
export const run = (ledger: Ledger): Effect.Effect<void, never, Redis.Redis> => {
  const one = Effect.fnUntraced(function*(channel: Channel) {
    let number = 0
    while (!ledger.stopped) yield* publish(channel, number++)
    // The very last one may be lost as well.
    for (let heard = false; !heard;) {
      const last = number++
      const waiting = yield* Effect.forkChild(awaitOne([channel], (number) => number === last), {
        startImmediately: true
      })
      yield* publish(channel, last)
      heard = Option.isSome(yield* Effect.timeoutOption(Fiber.join(waiting), "500 millis"))
    }
  })
  return Effect.forEach(Array.from(ledger.channels.values()), one, { concurrency: "unbounded", discard: true })
}

const note = (channel: Channel, payload: string, now: number): void => {
  const [number, startedAt] = payload.split(" ").map(Number)
  if (channel.heard.has(number)) channel.doubled++
  channel.heard.add(number)
  if (channel.waiters.length === 0) return
  const [told, left] = [true, false].map((is) => channel.waiters.filter(({ isIt }) => isIt(number, startedAt) === is))
  for (const { heard } of told) Deferred.doneUnsafe(heard, Effect.succeed(now))
  channel.waiters = left
}

/** Subscribes to all channels, and notes what comes for as long as the scope is open. */
export const listen = (
  ledger: Ledger
): Effect.Effect<void, RedisError.RedisError, Scope.Scope | Client.Client> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const names = (sharded: boolean) => some(ledger, (channel) => channel.sharded === sharded).map(({ name }) => name)
    const events = yield* PubSub.listen({ channels: names(false), shardChannels: names(true) }, { buffer: 1_000_000 })
    yield* Effect.forkScoped(Stream.runForEach(events, (event) =>
      Effect.sync(() => {
        if (event._tag === "Message") {
          note(ledger.channels.get(event.channel)!, event.payload, clock.currentTimeMillisUnsafe())
        } else if (event._tag === "Gap") ledger.channels.get(event.name!)!.gaps.push(event)
      })))
  })

/** Waits until a message that is published from now on is heard on each of the channels, and answers when each was. */
export const awaitLive = (channels: Iterable<Channel>): Effect.Effect<ReadonlyArray<number>> =>
  Effect.flatMap(Clock.Clock, (clock) => {
    const since = clock.currentTimeMillisUnsafe()
    return awaitOne(channels, (_, startedAt) => startedAt > since)
  })

const covers = ({ endedAt, startedAt }: Published) => ({ from, until }: PubSub.Gap): boolean =>
  DateTime.toEpochMillis(from) <= endedAt && DateTime.toEpochMillis(until) >= startedAt

/**
 * Every message that is missing was published in a gap that the subscriber was told of, and only where a subscription has
 * moved was anything heard twice: the new node may hear later of what the old one has told already.
 */
export const verify = (ledger: Ledger) => {
  const sum = { published: 0, missing: 0, doubled: 0, gaps: 0 }
  for (const { doubled, gaps, heard, name, published } of ledger.channels.values()) {
    assert.isTrue(doubled === 0 || gaps.length > 0, `${name} told a message twice`)
    const missing = published.filter(({ number }) => !heard.has(number))
    const untold = missing.filter((message) => !gaps.some(covers(message)))
    assert.deepStrictEqual(untold, [], `${name} lost messages without a word`)
    sum.published += published.length
    sum.missing += missing.length
    sum.doubled += doubled
    sum.gaps += gaps.length
  }
  return sum
}
