/** The availability zones of nodes in memory, as Valkey 9.1 tells them. */
import { assert, describe, it } from "@effect/vitest"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"

const make = (options: FakeCluster.Options) => Effect.map(FakeCluster.make(options), ({ service }) => service)

/** All text in a reply. */
const textIn = (reply: unknown): string =>
  JSON.stringify(reply, (_, value) => value instanceof Map ? Object.fromEntries(value) : value)

describe("zones", () => {
  it.effect("are those over which the nodes are spread, and the nodes of a shard are in different ones", () =>
    Effect.gen(function*() {
      const service = yield* make({ primaries: 3, replicas: 2, availabilityZones: ["a", "b", "c"] })
      for (const primary of yield* service.primaries) {
        const nodes = [primary, ...yield* service.replicasOf(primary)]
        const zones = yield* Effect.forEach(
          nodes,
          (node) => service.command(node, "CONFIG", ["GET", "availability-zone"])
        )
        assert.deepStrictEqual(new Set(zones.map((zone) => /[abc]"\}/.exec(textIn(zone))?.[0][0])), new Set("abc"))
      }
    }))

  it.effect("are told in the greeting, in INFO and in the layout", () =>
    Effect.gen(function*() {
      const service = yield* make({ primaries: 1, availabilityZones: ["eu west/1a"] })
      const ask = (name: string, ...args: ReadonlyArray<string>) =>
        Effect.map(service.command("fake-0", name, args), textIn)
      assert.include(yield* ask("HELLO", "3"), `"availability_zone":"eu west/1a"`)
      assert.include(yield* ask("INFO", "server"), "availability_zone:eu west/1a\\r\\n")
      assert.include(yield* ask("CLUSTER", "SLOTS"), `{"availability-zone":"eu west/1a"}`)
      assert.include(yield* ask("CLUSTER", "SHARDS"), `"health":"online","availability-zone":"eu west/1a"`)
      yield* ask("CONFIG", "SET", "availability-zone", "")
      assert.notInclude(yield* ask("HELLO", "3"), "zone")
      assert.include(yield* ask("INFO", "server"), "availability_zone:\\r\\n")
      assert.notInclude(yield* ask("CLUSTER", "SLOTS"), "zone")
      assert.notInclude(yield* ask("CLUSTER", "SHARDS"), "zone")
    }))

  it.effect("are unknown to nodes that were given none", () =>
    Effect.gen(function*() {
      const service = yield* make({ primaries: 1 })
      assert.notInclude(textIn(yield* service.command("fake-0", "INFO", ["server"])), "zone")
      const refused = yield* Effect.flip(service.command("fake-0", "CONFIG", ["SET", "availability-zone", "a"]))
      assert.include(refused.message, "Unknown option")
    }))

  it.effect.each([[], "a", {}, [1n, {}], [undefined]])(
    "have to be a list of names: %o",
    (zones) =>
      Effect.gen(function*() {
        const problem = yield* Effect.flip(make({ availabilityZones: zones as ReadonlyArray<string> }))
        assert.include(problem.message, "availabilityZones")
      })
  )
})
