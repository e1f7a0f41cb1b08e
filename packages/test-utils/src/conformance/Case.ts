/**
 * A case: one behaviour that real servers and those in memory share. Each case uses its own keys under its own hash tag,
 * so that cases can run in any order, concurrently and repeatedly. Cases do not delete their keys.
 *
 * @since 0.1.0
 */
import type * as Redis from "@redisc/core/Redis"
import type { Services } from "@redisc/core/RedisCluster"
import * as Effect from "effect/Effect"

/**
 * The modes of Redis: a cluster, a server without cluster mode (with its replicas), and such servers in a Sentinel group.
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = "cluster" | "standalone" | "sentinel"

/**
 * The only modes that can have a case, and why the others can't.
 *
 * @category models
 * @since 0.1.0
 */
export interface Only {
  readonly modes: ReadonlyArray<Mode>
  readonly because: string
}

/**
 * A case needs the services of a client's layer: `RedisCluster.layer`, the Node layer, or that of servers in memory.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  readonly name: string
  readonly run: Effect.Effect<void, unknown, Services>
  /** If it is missing, all modes have the case. */
  readonly only?: Only | undefined
}

/**
 * Makes a case, named after the behaviour that it tests.
 *
 * @category constructors
 * @since 0.1.0
 */
export const test = (name: string, run: Case["run"]): Case => ({ name, run })

/**
 * Cases that only some modes can have.
 *
 * @category constructors
 * @since 0.1.0
 */
export const only = (modes: ReadonlyArray<Mode>, because: string, cases: ReadonlyArray<Case>): ReadonlyArray<Case> =>
  cases.map(({ name, run }) => ({ name, run, only: { modes, because } }))

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
