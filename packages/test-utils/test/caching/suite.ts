/** The scenarios of cached reads, as tests of servers of one kind. They run on the real clock. */
import { layer } from "@effect/vitest"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

export const suite = <R, E>(
  title: string,
  servers: Layer.Layer<R, E>,
  scenarios: ReadonlyArray<{ readonly name: string; readonly run: Effect.Effect<void, unknown, R | Scope.Scope> }>
): void => {
  layer(servers, { excludeTestServices: true, timeout: "30 seconds" })(title, (it) => {
    for (const { name, run } of scenarios) it.effect(name, () => run, 30_000)
  })
}
