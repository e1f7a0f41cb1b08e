/** Waits for writes to be acknowledged, while a ledger notes what becomes of them. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/** Which slots are counted. */
export type Includes = (slot: number) => boolean

/** Who waits, until so many more have come. */
export interface Waiter {
  readonly includes: Includes
  readonly reached: Deferred.Deferred<void>
  left: number
}

interface Waited {
  readonly waiters: Array<Waiter>
}

/** Waits for that many more writes to be acknowledged on those slots. */
export const awaitMore = (ledger: Waited, left: number, includes: Includes = () => true): Effect.Effect<void> =>
  Effect.suspend(() => {
    const reached = Deferred.makeUnsafe<void>()
    ledger.waiters.push({ includes, left, reached })
    return Deferred.await(reached)
  })

/** Counts one that was acknowledged. */
export const count = (ledger: Waited, slot: number): void => {
  for (const waiter of ledger.waiters) {
    if (waiter.includes(slot) && --waiter.left === 0) Deferred.doneUnsafe(waiter.reached, Effect.void)
  }
}
