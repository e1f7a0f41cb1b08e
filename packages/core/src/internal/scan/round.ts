/**
 * A round of a scan on one node: looks where the node stands, reads what is not done yet of the slots that it has, looks again, and
 * says which of them are done.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Address from "../../Address.ts"
import type * as RedisError from "../../RedisError.ts"
import * as Session from "../../Session.ts"
import type { Round } from "../values/checkpoint.ts"
import * as Ask from "./ask.ts"
import { Circle } from "./cursors.ts"
import { inOrder } from "./inOrder.ts"
import type { Step } from "./progress.ts"
import * as Slots from "./slots.ts"
import * as Standing from "./standing.ts"
import { between, isIn, keysOf, stuck } from "./steps.ts"
import type { Steps } from "./steps.ts"
import { isPassing } from "./work.ts"
import type { Work } from "./work.ts"

/** The most keys of slots that are listed at once, and the most slots. Slots with more keys are read with SCAN. */
const mostKeys = 10_000
const mostSlots = 64

/** Slots are listed one by one if they are less than this part of what their node has: else SCAN is cheaper. */
const fewPart = 8

/** The keys of some slots by SCAN, from a cursor on. */
const scanned = (
  work: Work,
  session: Session.Session,
  slots: Slots.Slots,
  from: string,
  roundAt?: (cursor: string) => Round
): Steps =>
  Stream.suspend(() => {
    const circle = new Circle(0)
    return Stream.paginate(from, (at) =>
      Effect.flatMap(session.execute(Ask.page(at, work.wanted)), ({ cursor, items }) => {
        const isLast = cursor === "0"
        if (!isLast && circle.closes(cursor)) {
          return Effect.fail(stuck(session))
        }
        const keys = items.filter((key) =>
          isIn(slots, key)
        )
        return Effect.succeed([
          [keysOf(keys, isLast ? undefined : roundAt?.(cursor))],
          isLast ? Option.none() : Option.some<string>(cursor)
        ])
      }))
  })

/** Reads slots with SCAN, or goes on where an earlier round was when it lost its connection, or its program. */
const byScan = (
  work: Work,
  session: Session.Session,
  before: Ask.Seen,
  slots: Slots.Slots,
  cursor = "0"
): Steps => {
  const { run, standing: { epoch, id: node, traffic } } = before
  const ranges = Slots.toRanges(slots)
  return Stream.concat(
    scanned(work, session, slots, cursor, (at) => ({ node, run, epoch, traffic, cursor: at, slots: ranges })),
    Stream.fromEffect(
      Effect.flatMap(Ask.look(work, session), (after) => between(work, session, before, after, slots))
    )
  )
}

/** A user may not run CLUSTERSCAN, though the server has it: then SCAN does. */
const byClusterScan = (work: Work, session: Session.Session, before: Ask.Seen, slots: Slots.Slots): Steps =>
  Stream.catchIf(
    inOrder(work, session, before, slots),
    ({ reason }) => reason._tag === "ServerError",
    () =>
      Stream.unwrap(
        Effect.map(
          Ask.look(work, session),
          (seen) => byScan(work, session, seen, Standing.closed(seen.standing, slots))
        )
      )
  )

/** Reads slots from their beginning, by whatever the server does best. */
const fromBeginning = (work: Work, session: Session.Session, before: Ask.Seen, slots: Slots.Slots): Steps =>
  (before.scansCluster ? byClusterScan : byScan)(work, session, before, slots)

interface Listing {
  readonly at: number
  readonly before: Ask.Seen
}

/** Lists slots one by one, some at a time. What has too many keys for that is read with SCAN in the end. */
const bySlot = (
  work: Work,
  session: Session.Session,
  first: Ask.Seen,
  slots: ReadonlyArray<number>
): Steps => {
  const large: Array<number> = []
  const listing = Effect.fnUntraced(function*(
    { at, before }: Listing
  ): Effect.fn.Return<readonly [ReadonlyArray<Step>, Option.Option<Listing>], RedisError.RedisError> {
    const portion = slots.slice(at, at + mostSlots)
    const sizes = yield* Ask.sizes(session, portion)
    const taken: Array<number> = []
    let next = 0
    for (let sum = 0; next < portion.length; next++) {
      if (sizes[next] > mostKeys) large.push(portion[next])
      else if ((sum += sizes[next]) > mostKeys && taken.length > 0) break
      else taken.push(next)
    }
    const filled = taken.filter((index) => sizes[index] > 0)
    const { keys, whole } = yield* Ask.keysIn(
      work,
      session,
      filled.map((index) => portion[index]),
      filled.map((index) => sizes[index])
    )
    const after = yield* Ask.look(work, session)
    const read = Slots.only(...whole, ...taken.filter((index) => sizes[index] === 0).map((index) => portion[index]))
    const steps = keys.length > 0 ? [keysOf(keys)] : []
    if (taken.length > 0) steps.push(yield* between(work, session, before, after, read))
    const end = at + next
    return [steps, end < slots.length ? Option.some({ at: end, before: after }) : Option.none()]
  })
  return Stream.concat(
    Stream.paginate<Listing, Step, RedisError.RedisError>({ at: 0, before: first }, listing),
    Stream.suspend(() =>
      large.length === 0 ? Stream.empty : Stream.unwrap(Effect.map(
        Ask.look(work, session),
        (before) => fromBeginning(work, session, before, Standing.closed(before.standing, Slots.only(...large)))
      ))
    )
  )
}

/** The keys of one slot that a node has, by a list if they are few, else by SCAN. */
const keysOfSlot = (work: Work, session: Session.Session, slot: number): Steps =>
  Stream.unwrap(Effect.gen(function*() {
    const sizes = yield* Ask.sizes(session, [slot])
    if (sizes[0] <= mostKeys) {
      const { keys, whole } = yield* Ask.keysIn(work, session, [slot], sizes)
      if (whole.length > 0) return keys.length === 0 ? Stream.empty : Stream.succeed(keysOf(keys))
    }
    return scanned(work, session, Slots.only(slot), "0")
  }))

/** Reads a slot that is leaving its owner: there, at its target, and there again. */
const leavingSlot = (work: Work, owner: Session.Session, slot: number): Steps =>
  Stream.unwrap(Effect.gen(function*() {
    const before = yield* Ask.look(work, owner)
    const id = before.standing.migrating.get(slot)
    const address = id === undefined ? undefined : Ask.addressOf(work, id, before, owner.address)
    if (address === undefined) return Stream.empty
    const target = yield* Session.make({ node: address })
    const there = yield* Ask.look(work, target)
    const settled = Effect.gen(function*(): Effect.fn.Return<Step, RedisError.RedisError> {
      const left = yield* Ask.look(work, target)
      const after = yield* Ask.look(work, owner)
      const node = before.standing.id
      const isDone = before.run === after.run && there.run === left.run && Standing.settledLeaving(
        slot,
        { before: before.standing, after: after.standing },
        { before: there.standing, after: left.standing }
      )
      return isDone ? { _tag: "Done", node, slots: Slots.only(slot) } : { _tag: "Void", node }
    })
    return keysOfSlot(work, owner, slot).pipe(
      Stream.concat(keysOfSlot(work, target, slot)),
      Stream.concat(keysOfSlot(work, owner, slot)),
      Stream.concat(Stream.fromEffect(settled))
    )
  }))

/** The slots of a round that was under way on the node, if it still holds. */
const goesOn = (
  { epoch, run, slots, traffic }: Round,
  seen: Ask.Seen,
  closed: Slots.Slots
): Slots.Slots | undefined => {
  if (run !== seen.run || epoch !== seen.standing.epoch || !Standing.isOneWay(traffic, seen.standing)) return undefined
  const begun = Slots.fromRanges(slots)
  const left = Slots.filter(closed, (slot) => begun[slot] === 1)
  return Slots.count(left) === 0 ? undefined : left
}

const opened = (work: Work, address: Address.Address): Steps =>
  Stream.unwrap(Effect.gen(function*() {
    const session = yield* Session.make({ node: address })
    const seen = yield* Ask.look(work, session)
    const { id, owned } = seen.standing
    const { progress, shaken } = work
    const closed = Standing.closed(seen.standing, progress.undone)
    const round = progress.rounds.get(id)
    const left = round === undefined ? undefined : goesOn(round, seen, closed)
    if (round !== undefined && left !== undefined) {
      // It ends as it began: keys that have left since then must not have come back.
      const before = { ...seen, standing: { ...seen.standing, traffic: round.traffic } }
      return byScan(work, session, before, left, round.cursor)
    }
    const leaving = Standing.leaving(seen.standing, progress.undone)
    const count = Slots.count(closed)
    if (count === 0) {
      return Stream.flatMap(Stream.fromIterable(leaving), (slot) => leavingSlot(work, session, slot))
    }
    const isListed = work.client.topology.oneSlot() && (shaken.has(id) || count * fewPart < Slots.count(owned))
    return isListed ? bySlot(work, session, seen, Slots.list(closed)) : fromBeginning(work, session, seen, closed)
  }))

/** What can be read at one node now. A failure that may pass ends it early; the slots stay to be done. */
export const round = (work: Work, address: Address.Address): Steps =>
  Stream.catch(opened(work, address), (failure) => {
    if (!isPassing(failure)) return Stream.fail(failure)
    work.failure = failure
    return Stream.empty
  })
