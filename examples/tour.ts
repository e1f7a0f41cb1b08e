/**
 * What the programs beside this one do with whatever cluster they have: a small application, then load and trouble.
 */
import { Cached, Redis } from "@redisc/core"
import * as Effect from "effect/Effect"
import { Guestbook } from "./guestbook.ts"
import * as Load from "./load.ts"
import { say } from "./load.ts"

const guestbook = Effect.gen(function*() {
  const book = yield* Guestbook
  yield* book.sign({ author: "ada", text: "The Engine weaves algebraic patterns." })
  yield* book.sign({ author: "grace", text: "Ships in port are safe." })
  const id = yield* book.sign({ author: "ada", text: "Back again." })
  yield* say(`\nThe guestbook has ${id} entries. The latest:`)
  for (const { author, text } of yield* book.latest(3)) yield* say(`  ${author}: ${text}`)
  yield* say(`Busiest author: ${(yield* book.busiest(1))[0]}`)
})

const motto = Effect.gen(function*() {
  const read = Redis.get("motto").pipe(Cached.for("1 minute"))
  yield* Redis.set("motto", "festina lente")
  for (let i = 0; i < 100_000; i++) yield* read
  const { hits = 0, misses = 0 } = (yield* Cached.stats) ?? {}
  yield* Redis.set("motto", "carpe diem")
  yield* say(
    `\nOf ${(hits + misses).toLocaleString("en")} cached reads ${misses} travelled. After a write: ${yield* read}`
  )
})

/** Says what happens to the cluster in the words that the progress line uses. */
export const tour = <E>(happenings: ReadonlyArray<Load.Happening<E>>) =>
  Effect.provide(guestbook, Guestbook.layer).pipe(Effect.andThen(motto), Effect.andThen(Load.during(happenings)))
