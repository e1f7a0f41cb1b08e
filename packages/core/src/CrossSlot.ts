/**
 * Commands with keys of several slots: whether those that can be are split into one for each slot.
 *
 * In a cluster, a command has all its keys in one slot. MGET, MSET, DEL, UNLINK, EXISTS and TOUCH, and MSETEX without a condition,
 * can be executed slot by slot as well, and Redis' own table of commands says so. redisc sends one command for each slot, all at the
 * same time, each node's in one write, and puts the replies together. Redirects and failures are followed for each of these parts.
 *
 * **Not atomic.** Each part is executed by itself. Another client may see some of the parts of an MSET and not yet others, and if some
 * of them fail, the others stay. The error has in `parts` what became of each.
 *
 * **Never split** is what promises all or nothing (MSETNX, MSETEX with NX or XX, RENAME, SINTERSTORE, scripts), nor anything in a
 * transaction or a session. It fails with `CrossSlot` before anything is sent.
 *
 * Source: https://redis.io/docs/latest/develop/reference/command-tips/
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import { oneOf } from "./internal/values/settings.ts"

/**
 * What happens to a command whose keys are in several slots.
 *
 * **Details**
 *
 * - `split`: if it can be executed slot by slot, it is. Any other fails.
 * - `fail`: it fails with `CrossSlot` before anything is sent.
 *
 * @category models
 * @since 0.1.0
 */
export type CrossSlot = "split" | "fail"

/**
 * Checks that a value is a `CrossSlot`.
 *
 * @internal
 */
export const check = oneOf("split", "fail")

/**
 * What happens to commands with keys of several slots in a region of the program. `undefined`: the setting of the layer.
 *
 * **Example** (Whether commands are split here)
 *
 * ```ts
 * import { CrossSlot } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const isWhole = Effect.map(CrossSlot.Current, (crossSlot) => crossSlot === "fail")
 * ```
 *
 * @category references
 * @since 0.1.0
 */
export const Current = Context.Reference<CrossSlot | undefined>("@redisc/core/CrossSlot", {
  defaultValue: () => undefined
})

/**
 * Runs an effect in which commands with keys of several slots are split, or fail, whatever the layer's setting says.
 *
 * **Example** (Both keys, or none)
 *
 * ```ts
 * import { CrossSlot, Redis } from "@redisc/core"
 *
 * // Fails with CrossSlot if somebody takes the hash tags away.
 * const saved = Redis.mset({ "{ada}:name": "Ada", "{ada}:mail": "ada@example.com" }).pipe(CrossSlot.provide("fail"))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const provide: {
  (crossSlot: CrossSlot): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, crossSlot: CrossSlot): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, crossSlot: CrossSlot): Effect.Effect<A, E, R> =>
    Effect.provideService(self, Current, crossSlot)
)
