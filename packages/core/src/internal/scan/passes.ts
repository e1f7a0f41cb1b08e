/**
 * A scan goes in passes over the nodes until all slots are done. A pass reads at every primary that has, by the map, slots that are
 * not done. If a pass brings nothing to an end, the next one waits.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type * as Address from "../../Address.ts"
import * as RedirectPolicy from "../../RedirectPolicy.ts"
import * as RedisError from "../../RedisError.ts"
import * as SlotMap from "../../SlotMap.ts"
import { unsent } from "../failures/failure.ts"
import { round } from "./round.ts"
import type { Steps } from "./steps.ts"
import type { Work } from "./work.ts"

/** The pauses between passes that bring nothing, in milliseconds: the first, and the longest. */
const firstPause = 10
const longestPause = 1000

/** How long a scan waits under a policy that tries again, but doesn't say for how long. */
const usualPatience = 25_000

const patienceOf = (policy: RedirectPolicy.RedirectPolicy): number => {
  const terms = RedirectPolicy.termsOf("the redirect policy", policy)
  const { schedule, within } = Result.getOrElse(terms, () => RedirectPolicy.noTerms)
  return within ?? (schedule === undefined ? 0 : usualPatience)
}

/** The primaries that have, by the map, slots that are not done. */
const targets = ({ client: { topology }, progress: { done } }: Work): ReadonlyArray<Address.Address> => {
  const map = topology.currentUnsafe()
  const found = new Map<string, Address.Address>()
  for (let slot = 0; slot < done.length; slot++) {
    if (done[slot] === 1) continue
    const address = SlotMap.shardOf(map, slot)?.primary?.address
    if (address !== undefined) found.set(address.key, address)
  }
  return Array.from(found.values())
}

/** Why a slot is not done: nobody has it, or it has not stood still for long enough. */
const unserved = ({ client: { topology }, failure, progress: { done } }: Work): RedisError.RedisError => {
  if (failure !== undefined) return failure
  const slot = done.indexOf(0)
  const isServed = SlotMap.shardOf(topology.currentUnsafe(), slot)?.primary !== undefined
  return unsent(isServed ? new RedisError.TryAgain() : new RedisError.NoNodeForSlot({ slot }))
}

/** The nodes of each pass. A pass begins when the one before it is over. */
const plans = Effect.fnUntraced(function*(work: Work): Effect.fn.Return<
  Pull.Pull<Arr.NonEmptyReadonlyArray<ReadonlyArray<Address.Address>>, RedisError.RedisError>
> {
  const { client: { router, topology }, progress: { seen } } = work
  const clock = yield* Clock.Clock
  const patience = yield* Effect.withFiber((fiber) => Effect.succeed(patienceOf(router.policyOf(fiber))))
  let last = { ...seen }
  let begun: number | undefined
  /** For how long nothing has come to an end, without the time in which keys came. */
  let waited = 0
  let pause = firstPause

  const settle = Effect.fnUntraced(function*(start: number): Effect.fn.Return<void, RedisError.RedisError> {
    const { done, pages, voids } = seen
    const took = pages > last.pages ? 0 : clock.currentTimeMillisUnsafe() - start
    const isProgress = done > last.done || (pages > last.pages && voids === last.voids)
    last = { ...seen }
    if (isProgress) {
      waited = 0
      pause = firstPause
      work.failure = undefined
      return yield* Effect.ignore(topology.refresh)
    }
    waited += took + pause
    if (waited > patience) return yield* unserved(work)
    yield* Effect.sleep(pause)
    pause = Math.min(pause * 2, longestPause)
    yield* Effect.ignore(topology.refresh)
  })

  return Effect.gen(function*() {
    if (work.progress.isComplete) return yield* Cause.done()
    if (begun !== undefined) yield* settle(begun)
    begun = clock.currentTimeMillisUnsafe()
    return Arr.of(targets(work))
  })
})

export const passes = (work: Work): Steps =>
  Stream.flatMap(
    Stream.fromPull(plans(work)),
    (nodes) =>
      Stream.flatMap(Stream.fromIterable(nodes), (address) => round(work, address), {
        concurrency: work.concurrency,
        bufferSize: 1
      })
  )
