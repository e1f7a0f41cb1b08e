/**
 * Reads slots with CLUSTERSCAN, which goes through the slots of a node in ascending order. So slots are done a few at a time, and not
 * only when all of the node is read.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as RedisError from "../../RedisError.ts"
import type * as Session from "../../Session.ts"
import * as Ask from "./ask.ts"
import * as Cursors from "./cursors.ts"
import type { Step } from "./progress.ts"
import * as Slots from "./slots.ts"
import { between, isIn, keysOf, stuck } from "./steps.ts"
import type { Steps } from "./steps.ts"
import type { Work } from "./work.ts"

/** After so many pages the node is looked at again, and what was read until then is done. */
const pagesPerLook = 32

/** A cursor comes again when a server begins a slot anew, since its memory is laid out in another way than the cursor knew. */
const mostReturns = 16

/** Where the reading is. */
interface Place {
  /** The number of the range that is read, and the cursor in it; undefined at its beginning. */
  readonly range: number
  readonly cursor: string | undefined
  /** The slots that were read since the node was looked at, and the number of pages. */
  readonly read: Slots.Slots
  readonly pages: number
  readonly before: Ask.Seen
}

/** A page of a range of slots; undefined if its next slot has moved, or nobody has it. */
const pageOf = (work: Work, session: Session.Session, cursor: string) =>
  session.execute(Ask.clusterPage(cursor, work.wanted)).pipe(
    Effect.catchIf(
      ({ reason }) => reason._tag === "Moved" || reason._tag === "ClusterDown",
      () => Effect.succeed(undefined)
    )
  )

export const inOrder = (work: Work, session: Session.Session, first: Ask.Seen, slots: Slots.Slots): Steps => {
  const ranges = Slots.toRanges(slots)
  return Stream.suspend(() => {
    const circle = new Cursors.Circle(mostReturns)
    const next = Effect.fnUntraced(function*(
      { before, cursor, pages, range, read }: Place
    ): Effect.fn.Return<readonly [ReadonlyArray<Step>, Option.Option<Place>], RedisError.RedisError> {
      const [start, end] = ranges[range]
      const at = cursor === undefined ? start : Cursors.slotOf(cursor)
      const page = yield* pageOf(work, session, cursor ?? Cursors.beginningOf(start))
      if (page !== undefined && circle.closes(page.cursor)) return yield* stuck(session)
      const reached = page === undefined ? at : Math.min(Cursors.slotOf(page.cursor), end + 1)
      read.fill(1, at, Math.max(at, reached))
      const steps: Array<Step> = []
      const keys = page?.items.filter((key) => isIn(slots, key)) ?? []
      if (keys.length > 0) steps.push(keysOf(keys))
      const place = page === undefined || reached > end
        ? { range: range + 1, cursor: undefined }
        : { range, cursor: page.cursor }
      const isLast = place.range === ranges.length
      if (!isLast && pages + 1 < pagesPerLook) {
        return [steps, Option.some({ ...place, read, pages: pages + 1, before })]
      }
      const after = yield* Ask.look(work, session)
      steps.push(yield* between(work, session, before, after, read))
      return [steps, isLast ? Option.none() : Option.some({ ...place, read: Slots.none(), pages: 0, before: after })]
    })
    return Stream.paginate({ range: 0, cursor: undefined, read: Slots.none(), pages: 0, before: first }, next)
  })
}
