/**
 * What the programs beside this one do with whatever cluster they have: a small application, then load and trouble.
 */
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

/** Says what happens to the cluster in the words that the progress line uses. */
export const tour = <E>(happenings: ReadonlyArray<Load.Happening<E>>) =>
  Effect.andThen(Effect.provide(guestbook, Guestbook.layer), Load.during(happenings))
