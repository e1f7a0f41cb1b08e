/**
 * A case: one behaviour that real servers and the in-memory cluster share. Each case uses its own keys under its own hash tag,
 * so that cases can run in any order, concurrently and repeatedly. Cases do not delete their keys.
 *
 * @since 0.1.0
 */
import type * as Redis from "@redisc/core/Redis"
import type { Services } from "@redisc/core/RedisCluster"
import * as Effect from "effect/Effect"

/**
 * A case needs the services of a cluster's layer: `RedisCluster.layer`, the Node layer, or that of the in-memory cluster.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  readonly name: string
  readonly run: Effect.Effect<void, unknown, Services>
}

/**
 * Makes a case, named after the behaviour that it tests.
 *
 * @category constructors
 * @since 0.1.0
 */
export const test = (name: string, run: Case["run"]): Case => ({ name, run })

const started = Date.now().toString(36)
let runs = 0

/**
 * Makes a function that returns unused keys, all in one slot. Its argument says what a key is for.
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
 * The failure of a command: the code of a server's error, or the tag of another reason. If the command succeeds, the case
 * fails.
 *
 * @category assertions
 * @since 0.1.0
 */
export const failure = <A, R>(
  command: Effect.Effect<A, Redis.RedisError, R>
): Effect.Effect<string, A, R> =>
  Effect.map(Effect.flip(command), ({ reason }) => reason._tag === "ServerError" ? reason.code : reason._tag)
