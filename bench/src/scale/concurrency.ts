/**
 * The client's cost of a command, by the number of concurrent fibers.
 */
import { Redis } from "@redisc/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Answering, key, perWrite } from "../answering/answering.ts"
import { clientOf, connect, gets } from "../answering/client.ts"
import { contiguous } from "../answering/layout.ts"
import { load } from "../answering/load.ts"
import { heap, perRun } from "./cost.ts"
import * as Section from "./section.ts"

const keys = Array.from({ length: 10_000 }, (_, n) => key(n))
let suspended: Array<() => void> = []
const resumeAll = (): void => {
  const all = suspended
  suspended = []
  for (const resume of all) resume()
}

/** The minimum that any command needs: a fiber suspends, and is resumed with a value in the next turn of the event loop. */
const suspension = Effect.callback<string>((resume) => {
  if (suspended.push(() => resume(Effect.succeed("value"))) === 1) setImmediate(resumeAll)
})

/** With fewer fibers, their memory is lost among other allocations. */
const visible = 1000

/** The number of bytes that a fiber and its command keep while it waits for the reply. */
const waiting = Effect.fnUntraced(function*(answering: Answering, fibers: number) {
  const before = yield* heap
  const allAsked = Deferred.makeUnsafe<void>()
  let asked = 0
  answering.hold()
  const all = yield* Effect.forkChild(
    load(fibers, fibers, (n) => {
      if (++asked === fibers) Deferred.doneUnsafe(allAsked, Effect.void)
      return Redis.get(keys[n % keys.length])
    })
  )
  yield* Deferred.await(allAsked)
  const during = yield* heap
  answering.release()
  yield* Fiber.join(all)
  return (during - before) / fibers
})

const measure = (fibers: number) => {
  const answering = new Answering(contiguous(3))
  const commands = fibers < 10 ? 20_000 : fibers < 10_000 ? 100_000 : 500_000
  const program = Effect.gen(function*() {
    yield* connect
    const from = answering.counts()
    const { passed, processor } = yield* perRun(gets(keys, fibers, commands), 1, 3)
    const sharing = perWrite(from, answering.counts())
    const bare = yield* perRun(load(fibers, commands, () => suspension), 1, 3)
    return {
      processor: processor / commands,
      rate: commands / passed * 1000,
      bare: bare.processor / commands,
      perWrite: sharing,
      waiting: fibers < visible ? NaN : (yield* waiting(answering, fibers)) / 1024
    }
  })
  return Effect.runPromise(Effect.provide(program, clientOf(answering)))
}

export const concurrency = Section.make({
  title: "Concurrent GETs on 3 nodes",
  columns: {
    processor: { heading: "us/command", digits: 2 },
    bare: { heading: "of it Effect", digits: 2 },
    rate: { heading: "thousands/s", digits: 0 },
    perWrite: { heading: "commands/write", digits: 1 },
    waiting: { heading: "KiB/fiber", digits: 2 }
  },
  cases: [1, 10, 100, 1000, 10_000, 100_000].map((fibers) => ({
    label: `${fibers} ${fibers === 1 ? "fiber" : "fibers"}`,
    measure: () => measure(fibers)
  })),
  notes: [
    "us: processor time; of it Effect: when fibers just suspend and are resumed, all at once",
    "KiB/fiber: kept by a fiber and its command while all of them wait for their replies"
  ]
})
