import { assert, describe, it } from "@effect/vitest"
import { Redis, Slot } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { calm } from "./patience.ts"

const accounts = Array.from({ length: 100 }, (_, n) => `{account:${n}}`)
const fibers = 20
const each = 250

describe("transactions, on real servers", () => {
  it.live("none of 5,000 is lost, applied twice or half applied while their slots move", () =>
    Effect.gen(function*() {
      const servers = yield* RealCluster.RealCluster
      const [first, second, third] = yield* servers.primaries
      const worker = Effect.fnUntraced(function*(start: number) {
        for (let n = start; n < start + each; n++) {
          const account = accounts[n % accounts.length]
          yield* Redis.transaction([Redis.decr(`${account}:a`), Redis.incr(`${account}:b`), Redis.get(`${account}:a`)])
        }
      })
      const slots = [...new Set(accounts.map((account) => Slot.fromKey(account)))]
      const reshard = Effect.gen(function*() {
        for (const to of [first, second, third]) yield* servers.migrateSlots({ to, slots })
      })
      yield* Effect.gen(function*() {
        const load = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: fibers }, (_, n) => n * each), worker, {
            concurrency: "unbounded",
            discard: true
          })
        )
        yield* reshard
        yield* Fiber.join(load)
        let total = 0
        for (const account of accounts) {
          const a = Number(yield* Redis.get(`${account}:a`))
          const b = Number(yield* Redis.get(`${account}:b`))
          assert.strictEqual(a + b, 0, account)
          total += b
        }
        assert.strictEqual(total, fibers * each)
      }).pipe(Effect.provide(NodeRedisCluster.layer({ nodes: servers.addresses })))
    }).pipe(Effect.provide(RealCluster.layer({ primaries: 3, nodeTimeout: calm }))))
})
