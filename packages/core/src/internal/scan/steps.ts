/** What the parts of a scan report about a node, step by step. */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Client } from "../../Client.ts"
import * as RedisError from "../../RedisError.ts"
import type * as Session from "../../Session.ts"
import * as Slot from "../../Slot.ts"
import { executed, toError } from "../failures/failure.ts"
import type { Round } from "../values/checkpoint.ts"
import type * as Ask from "./ask.ts"
import type { Key, Step } from "./progress.ts"
import * as Slots from "./slots.ts"
import * as Standing from "./standing.ts"
import { agreed } from "./work.ts"
import type { Work } from "./work.ts"

export type Steps = Stream.Stream<Step, RedisError.RedisError, Client>

/** Whether a key is in one of some slots. The text of a key that may not be UTF-8 doesn't tell, so it counts as being in one. */
export const isIn = (slots: Slots.Slots, key: Key): boolean =>
  slots[Slot.fromKey(key)] === 1 || (typeof key === "string" && key.includes("\ufffd"))

export const keysOf = (keys: ReadonlyArray<Key>, round?: Round): Step => ({ _tag: "Keys", keys, round })

/** What two looks at a node tell about slots that were read in between. */
export const between = (
  work: Work,
  session: Session.Session,
  before: Ask.Seen,
  after: Ask.Seen,
  slots: Slots.Slots
): Effect.Effect<Step> => {
  const node = before.standing.id
  if (before.run !== after.run) return Effect.succeed({ _tag: "Void", node })
  const { epoch, traffic } = before.standing
  if (epoch !== after.standing.epoch || !Standing.isOneWay(traffic, after.standing)) work.shaken.add(node)
  return Effect.map(
    agreed(work, session.address.key, Standing.settled(before.standing, after.standing, slots)),
    (done): Step => Slots.count(done) === 0 ? { _tag: "Void", node } : { _tag: "Done", node, slots: done }
  )
}

/** The failure of a scan whose cursors would never end. Another try would not help. */
export const stuck = ({ address }: Session.Session): RedisError.RedisError =>
  toError(executed(
    new RedisError.DecodeFailed({
      expected: "a cursor that leads to the end",
      received: "cursors that go in a circle"
    }),
    address.key
  ))
