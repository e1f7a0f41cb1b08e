/** Servers of one's own know no hand-offs: they refuse what the client asks for, and it does without. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RealRedis from "../../src/RealRedis.ts"

describe("a real server", () => {
  it.live("refuses CLIENT MAINT_NOTIFICATIONS as an unknown subcommand", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* RealRedis.make()
      const [node] = yield* server.nodes
      const error = yield* Effect.flip(server.command(node, "CLIENT", ["MAINT_NOTIFICATIONS", "ON"]))
      assert.match(error.message, /unknown subcommand '?MAINT_NOTIFICATIONS/i)
    })))
})
