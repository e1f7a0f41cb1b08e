/** Writes versions of keys, one after the other, and knows when each was acknowledged. */
import { Redis } from "@redisc/core"
import type { Client, RedisError } from "@redisc/core"
import * as Effect from "effect/Effect"
import { now } from "./now.ts"

export interface Ack {
  readonly version: number
  readonly at: number
}

/** By key, in the order of the keys. Versions that were not acknowledged are left out. */
export type Acks = ReadonlyArray<Array<Ack>>

/** Between two versions of a key. It is long, so that hardly any read is under way when something happens. */
const period = "200 millis"

/** Whether a version counts only once a replica has it, so that no failover loses one that counts. */
export interface Caution {
  isReplicated: boolean
}

/** Writes for ever. */
export const write = (
  keys: ReadonlyArray<string>,
  acks: Acks,
  caution: Caution
): Effect.Effect<never, never, Redis.Redis | Client.Client> => {
  const ensure = Redis.ensureReplication({ replicas: 1, within: "500 millis" })
  const write = (
    key: string,
    version: number
  ): Effect.Effect<unknown, RedisError.RedisError, Redis.Redis | Client.Client> => {
    const set = Redis.set(key, `${version}`)
    return caution.isReplicated ? ensure(set) : set
  }
  const writeAll = Effect.fnUntraced(function*(key: string, acks: Array<Ack>) {
    for (let version = 1;; version++) {
      const isDone = yield* Effect.match(write(key, version), { onFailure: () => false, onSuccess: () => true })
      if (isDone) acks.push({ version, at: now() })
      yield* Effect.sleep(period)
    }
  })
  return Effect.andThen(
    Effect.forEach(keys, (key, n) => Effect.delay(writeAll(key, acks[n]), 7 * n), { concurrency: "unbounded" }),
    Effect.never
  )
}
