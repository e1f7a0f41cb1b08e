/**
 * Client-side caching.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Command from "./Command.ts"
import * as Region from "./internal/caching/region.ts"
import { duration as durationCheck, timeoutMillis } from "./internal/values/settings.ts"

/**
 * Whether replies may come from the client's cache in a region of the program. `undefined`: they may, if the layer has a cache.
 *
 * **Example** (Whether replies may be kept here)
 *
 * ```ts
 * import { Cached } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const mayBeOld = Effect.map(Cached.Current, (mode) => mode !== "off")
 * ```
 *
 * @category references
 * @since 0.1.0
 */
export const Current = Region.Current

/**
 * Runs an effect whose cached commands travel all the same and keep nothing (`"off"`), or may be answered from the cache (`"on"`).
 *
 * **Example** (As it is now)
 *
 * ```ts
 * import { Cached, Redis } from "@redisc/core"
 *
 * const price = Redis.get("price:1").pipe(Cached.for("1 minute"))
 * const now = price.pipe(Cached.provide("off"))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const provide: {
  (mode: Region.Mode): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, mode: Region.Mode): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, mode: Region.Mode): Effect.Effect<A, E, R> =>
    Effect.provideService(self, Current, mode)
)

const problemOf = ({ before, problem, spec }: Command.Any): string | undefined => {
  if (problem !== undefined) return problem
  if (before.length > 0) return "a transaction can't be cached"
  return spec.cacheable
    ? undefined
    : "its reply can't be cached: it is no read of keys whose reply stays the same until one of them is written"
}

/**
 * The same command, whose reply may come from the client's cache.
 *
 * **Example** (A minute old at most)
 *
 * ```ts
 * import { Cached, Redis } from "@redisc/core"
 *
 * const name = Redis.get("user:1:name").pipe(Cached.for("1 minute"))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
const for_: {
  (maxAge: Duration.Input): <A>(self: Command.Command<A>) => Command.Command<A>
  <A>(self: Command.Command<A>, maxAge: Duration.Input): Command.Command<A>
} = dual(2, <A>(given: Command.Command<A>, maxAge: Duration.Input): Command.Command<A> => {
  const self = Command.orInvalid(given)
  const problem = durationCheck("the maximum age", maxAge) ?? problemOf(self)
  return problem === undefined ? Command.aged(self, timeoutMillis(maxAge)) : Command.invalid(self.spec, problem)
})

export { for_ as for }
