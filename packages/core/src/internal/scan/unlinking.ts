/** Unlinks keys, slot by slot, in one write to each node. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Redis } from "../../Command.ts"
import { unlink } from "../../commands/keys.ts"
import type { RedisError } from "../../RedisError.ts"
import * as Slot from "../../Slot.ts"

/** Unlinks keys of any slots, and returns how many there were. */
export const unlinkAll = (
  redis: Redis["Service"],
  keys: ReadonlyArray<Uint8Array>
): Effect.Effect<number, RedisError> =>
  keys.length === 0 ? Effect.succeed(0) : Effect.flatMap(
    redis.executeAll(Slot.group(keys).map((group) => unlink(group.keys))),
    (results) => {
      let count = 0
      for (const result of results) {
        if (Result.isFailure(result)) return Effect.fail(result.failure)
        count += result.success
      }
      return Effect.succeed(count)
    }
  )
