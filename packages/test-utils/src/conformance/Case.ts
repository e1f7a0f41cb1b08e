/**
 * One behaviour that real servers and the in-memory cluster have in common. Each case keeps to keys of its own, under a
 * hash tag of its own, so that cases can run in any order, side by side and again, and leaves them behind.
 *
 * @since 0.1.0
 */
import type * as Redis from "@redisc/core/Redis"
import type { Services } from "@redisc/core/RedisCluster"
import * as Effect from "effect/Effect"

/**
 * A case runs with what a layer of a cluster provides: `RedisCluster.layer`, the Node layer, that of the in-memory cluster.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  readonly name: string
  readonly run: Effect.Effect<void, unknown, Services>
}

/**
 * A case, named by the behaviour that it shows.
 *
 * @category constructors
 * @since 0.1.0
 */
export const test = (name: string, run: Case["run"]): Case => ({ name, run })

const started = Date.now().toString(36)
let runs = 0

/**
 * Names for keys that nobody has used yet, all in one slot: a function from what a key is for to the key.
 *
 * @category constructors
 * @since 0.1.0
 */
export const freshKeys = (name: string): Effect.Effect<(suffix: string) => string> =>
  Effect.sync(() => {
    const tag = `{${name}:${started}:${runs++}}`
    return (suffix) => `${tag}:${suffix}`
  })

/**
 * What a command fails with: the code of the server's error, or the tag of another reason. A command that succeeds makes
 * the case fail.
 *
 * @category assertions
 * @since 0.1.0
 */
export const failure = <A, R>(
  command: Effect.Effect<A, Redis.RedisError, R>
): Effect.Effect<string, A, R> =>
  Effect.map(Effect.flip(command), ({ reason }) => reason._tag === "ServerError" ? reason.code : reason._tag)
