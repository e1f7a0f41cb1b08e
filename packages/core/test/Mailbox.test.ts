import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { notSent, toError } from "../src/internal/failures/failure.ts"
import { Mailbox } from "../src/internal/pubsub/mailbox.ts"
import type { Overflow } from "../src/internal/pubsub/mailbox.ts"
import type { Notice } from "../src/internal/pubsub/topic.ts"
import * as RedisError from "../src/RedisError.ts"
import { start } from "./support/client.ts"
import { settle } from "./support/scenes.ts"

/** Messages are numbers, and what has to be told is text. */
type Item = number | string
type Gap = Extract<Notice, { readonly _tag: "Gap" }>

const closed = toError(notSent(new RedisError.Closed()), { attempts: 0 })

const mailbox = Effect.fnUntraced(function*(capacity: number, overflow: Overflow = "dropOldest") {
  const box = new Mailbox<Item>(capacity, overflow, yield* Clock.Clock)
  const offer = (...messages: ReadonlyArray<number>): void => {
    for (const message of messages) box.offer(message)
  }
  return { box, offer }
})

/** Gaps as how much they say is missing. */
const brief = (items: ReadonlyArray<Item | Gap>): ReadonlyArray<Item> =>
  items.map((item) => typeof item === "object" ? `${item.missed} missing` : item)

const take = (box: Mailbox<Item>) => Effect.map(box.take, brief)

const spanOf = (items: ReadonlyArray<Item | Gap>) =>
  items.flatMap((item) =>
    typeof item === "object" ? [[DateTime.toEpochMillis(item.from), DateTime.toEpochMillis(item.until)]] : []
  )

describe("a mailbox", () => {
  it.effect("hands out everything that is there, in order", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(10)
      box.tell("begin")
      offer(1, 2)
      box.tell("between")
      offer(3)
      box.tell("end")
      assert.deepStrictEqual(yield* take(box), ["begin", 1, 2, "between", 3, "end"])
      offer(4)
      assert.deepStrictEqual(yield* take(box), [4])
    }))

  it.effect("lets a reader wait, and gives it all that comes at once", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(10)
      const reader = yield* start(take(box))
      yield* settle
      assert.isUndefined(reader.pollUnsafe())
      offer(1, 2)
      box.tell("told")
      assert.isUndefined(reader.pollUnsafe())
      assert.deepStrictEqual(yield* Fiber.join(reader), [1, 2, "told"])
    }))

  it.effect("gives a reader that was interrupted nothing", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(10)
      const reader = yield* start(take(box))
      yield* Fiber.interrupt(reader)
      offer(1)
      yield* settle
      assert.deepStrictEqual(yield* take(box), [1])
    }))

  it.effect("serves readers in the order in which they came", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(10)
      const readers = yield* Effect.all([start(take(box)), start(take(box))])
      offer(1)
      yield* settle
      offer(2)
      assert.deepStrictEqual(yield* Fiber.joinAll(readers), [[1], [2]])
    }))

  it.effect("that has failed gives what it had, then fails every reader", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(10)
      offer(1)
      box.fail(closed)
      offer(2)
      box.tell("late")
      assert.deepStrictEqual(yield* take(box), [1])
      for (let i = 0; i < 2; i++) assert.strictEqual(yield* Effect.flip(box.take), closed)
    }))

  it.effect("fails all readers that wait", () =>
    Effect.gen(function*() {
      const { box } = yield* mailbox(10)
      const readers = yield* Effect.all([start(Effect.flip(box.take)), start(Effect.flip(box.take))])
      box.fail(closed)
      assert.deepStrictEqual(yield* Fiber.joinAll(readers), [closed, closed])
    }))

  it.effect("fails for the first reason", () =>
    Effect.gen(function*() {
      const { box } = yield* mailbox(10)
      box.fail(closed)
      box.fail(toError(notSent(new RedisError.TryAgain())))
      assert.strictEqual(yield* Effect.flip(box.take), closed)
    }))

  it.effect.each(["dropOldest", "dropNewest", "fail"] as const)(
    "drops nothing while a reader waits, whatever comes at once: %s",
    (overflow) =>
      Effect.gen(function*() {
        const { box, offer } = yield* mailbox(2, overflow)
        const seen: Array<Item> = []
        yield* start(Effect.forever(Effect.map(take(box), (items) => seen.push(...items)), { disableYield: true }))
        offer(1, 2, 3, 4, 5)
        box.tell("told")
        yield* settle
        assert.deepStrictEqual(seen, [1, 2, 3, 4, 5, "told"])
      })
  )

  it.effect.each(["dropOldest", "dropNewest", "fail"] as const)(
    "takes several as it takes them one by one, whatever has room: %s",
    (overflow) =>
      Effect.gen(function*() {
        for (let capacity = 1; capacity <= 8; capacity++) {
          const read: Array<ReadonlyArray<Item>> = []
          for (const together of [true, false]) {
            const { box, offer } = yield* mailbox(capacity, overflow)
            const seen: Array<Item> = []
            let next = 0
            for (const [step, count] of [2, 1, 3, 0, 1, 4, 2, 2, 1, 5].entries()) {
              const messages = Array.from({ length: count }, () => next++)
              if (together) box.offerAll(messages)
              else offer(...messages)
              if (step % 3 === 0) box.tell(`told ${step}`)
              if (step % 4 === 3) seen.push(...yield* Effect.catch(take(box), () => Effect.succeed(["failed"])))
            }
            seen.push(...yield* Effect.catch(take(box), () => Effect.succeed(["failed"])))
            read.push(seen)
          }
          assert.deepStrictEqual(read[0], read[1])
        }
      })
  )

  it.effect.each(["dropOldest", "dropNewest", "fail"] as const)(
    "drops nothing of several while a reader waits, though they are more than it has room for: %s",
    (overflow) =>
      Effect.gen(function*() {
        const { box } = yield* mailbox(2, overflow)
        const seen: Array<Item> = []
        yield* start(Effect.forever(Effect.map(take(box), (items) => seen.push(...items)), { disableYield: true }))
        box.offerAll([1, 2, 3, 4, 5])
        yield* settle
        box.offerAll([6, 7])
        yield* settle
        assert.deepStrictEqual(seen, [1, 2, 3, 4, 5, 6, 7])
      })
  )

  it.effect("changes nothing any more that has been taken", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(10)
      box.offerAll([1, 2])
      const first = yield* box.take
      offer(3)
      box.offerAll([4, 5])
      const second = yield* box.take
      box.offerAll([6])
      assert.deepStrictEqual([first, second], [[1, 2], [3, 4, 5]])
    }))

  it.effect("that has failed takes no several", () =>
    Effect.gen(function*() {
      const { box } = yield* mailbox(10)
      box.fail(closed)
      box.offerAll([1, 2])
      assert.strictEqual(yield* Effect.flip(box.take), closed)
    }))

  it.effect("never drops what is not a message", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(1)
      for (let i = 0; i < 100; i++) {
        offer(i)
        box.tell(`told ${i}`)
      }
      const items = yield* take(box)
      assert.deepStrictEqual(items.filter((item) => typeof item === "string" && item.startsWith("told")).length, 100)
    }))

  it.effect("fails for who leaves more of that unread than anybody would who reads", () =>
    Effect.gen(function*() {
      const { box } = yield* mailbox(1)
      for (let i = 0; i <= 100_000; i++) box.tell("told")
      assert.strictEqual((yield* box.take).length, 100_000)
      const error = yield* Effect.flip(box.take)
      assert.strictEqual(error.reason._tag, "Overloaded")
      assert.include(error.message, "100000 events of subscriptions are already waiting")
    }))

  it.effect("has room for what happens to each topic, however many they are, apart from its messages", () =>
    Effect.gen(function*() {
      const topics = 50_000
      const box = new Mailbox<Item>(1, "fail", yield* Clock.Clock, topics)
      box.offer(1)
      for (let i = 0; i < 16 * topics + 100_000; i++) box.tell("told")
      assert.strictEqual((yield* box.take).length, 16 * topics + 100_001)
      for (let i = 0; i <= 16 * topics + 100_000; i++) box.tell("told")
      assert.strictEqual((yield* box.take).length, 16 * topics + 100_000)
      assert.strictEqual((yield* Effect.flip(box.take)).reason._tag, "Overloaded")
    }))

  it.effect.each(["dropOldest", "dropNewest"] as const)(
    "finds the place of what it drops at once, however much is told in between: %s",
    (overflow) =>
      Effect.gen(function*() {
        const { box, offer } = yield* mailbox(1, overflow)
        const told = 49_000
        for (let i = 0; i < told; i++) {
          offer(i)
          box.tell("told")
        }
        const items = yield* take(box)
        assert.strictEqual(items.filter((item) => item === "told").length, told)
        assert.strictEqual(items.filter((item) => typeof item === "number").length, 1)
      }),
    1500
  )
})

describe("a full mailbox that drops the oldest", () => {
  it.effect("keeps the newest, and says first how many are missing", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(3)
      offer(1, 2, 3, 4, 5)
      assert.deepStrictEqual(yield* take(box), ["2 missing", 3, 4, 5])
      offer(6, 7, 8)
      assert.deepStrictEqual(yield* take(box), [6, 7, 8])
    }))

  it.effect("says so where they would have been", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(3)
      box.tell("begin")
      offer(1)
      box.tell("between")
      offer(2, 3, 4, 5)
      box.tell("end")
      assert.deepStrictEqual(yield* take(box), ["begin", "2 missing", "between", 3, 4, 5, "end"])
    }))

  it.effect("says when they came: after the last that was read, and before the last was dropped", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(2)
      yield* TestClock.setTime(1000)
      offer(1)
      yield* take(box)
      yield* TestClock.setTime(2000)
      offer(2, 3)
      yield* TestClock.setTime(3000)
      offer(4, 5)
      yield* TestClock.setTime(4000)
      assert.deepStrictEqual(spanOf(yield* box.take), [[1000, 3000]])
    }))

  it.effect("counts anew once that has been read", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(1)
      offer(1, 2, 3)
      assert.deepStrictEqual(yield* take(box), ["2 missing", 3])
      offer(4, 5)
      assert.deepStrictEqual(yield* take(box), ["1 missing", 5])
    }))

  it.effect("takes in millions without slowing down", () =>
    Effect.gen(function*() {
      const { box } = yield* mailbox(200_000)
      box.tell("begin")
      for (let i = 0; i < 2_000_000; i++) box.offer(i)
      const items = yield* take(box)
      assert.deepStrictEqual([items.length, ...items.slice(0, 3)], [200_002, "begin", "1800000 missing", 1_800_000])
    }), 5000)
})

describe("a full mailbox that drops the newest", () => {
  it.effect("keeps the oldest, and says last how many are missing", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(3, "dropNewest")
      offer(1, 2, 3, 4, 5)
      assert.deepStrictEqual(yield* take(box), [1, 2, 3, "2 missing"])
      offer(6)
      assert.deepStrictEqual(yield* take(box), [6])
    }))

  it.effect("says so where they would have been", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(1, "dropNewest")
      offer(1, 2)
      box.tell("between")
      offer(3, 4)
      box.tell("end")
      assert.deepStrictEqual(yield* take(box), [1, "1 missing", "between", "2 missing", "end"])
    }))

  it.effect("says when they came", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(1, "dropNewest")
      yield* TestClock.setTime(1000)
      offer(1)
      yield* TestClock.setTime(2000)
      offer(2)
      yield* TestClock.setTime(3000)
      offer(3)
      yield* TestClock.setTime(4000)
      assert.deepStrictEqual(spanOf(yield* box.take), [[2000, 3000]])
    }))
})

describe("a full mailbox that fails", () => {
  it.effect("gives what it had room for, and fails then", () =>
    Effect.gen(function*() {
      const { box, offer } = yield* mailbox(2, "fail")
      box.tell("begin")
      offer(1, 2, 3, 4)
      assert.deepStrictEqual(yield* take(box), ["begin", 1, 2])
      const { message, reason } = yield* Effect.flip(box.take)
      assert.strictEqual(reason._tag, "Overloaded")
      assert.include(message, "2 messages are already waiting")
    }))
})
