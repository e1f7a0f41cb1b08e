/** The scenarios of cached reads, as tests of servers of one kind. They run on the real clock. */
import { layer } from "@effect/vitest"
import type * as Layer from "effect/Layer"
import type { Scenario, Servers } from "./Servers.ts"

export const suite = <E>(
  title: string,
  servers: Layer.Layer<Servers, E>,
  scenarios: ReadonlyArray<Scenario>
): void => {
  layer(servers, { excludeTestServices: true, timeout: "30 seconds" })(title, (it) => {
    for (const { name, run } of scenarios) it.effect(name, () => run, 30_000)
  })
}
