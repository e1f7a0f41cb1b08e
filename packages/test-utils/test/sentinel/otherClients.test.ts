/** Clients of others follow the sentinels in memory over TCP. */
import { assert, it } from "@effect/vitest"
import { FakeSentinel } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import { Redis } from "ioredis"
import { createSentinel } from "redis"

interface Client {
  readonly get: (key: string) => Promise<string | null>
  readonly set: (key: string, value: string) => Promise<string | null>
}

const openIoredis = (ports: ReadonlyArray<number>) =>
  Effect.acquireRelease(
    Effect.sync((): Client & { readonly close: () => void } => {
      const client = new Redis({
        sentinels: ports.map((port) => ({ host: "127.0.0.1", port })),
        name: "mymaster",
        sentinelRetryStrategy: () => 20,
        retryStrategy: () => 20
      })
      client.on("error", () => {})
      return {
        get: (key) => client.get(key),
        set: (key, value) => client.set(key, value),
        close: () => client.disconnect()
      }
    }),
    ({ close }) => Effect.sync(close)
  )

const openNodeRedis = (ports: ReadonlyArray<number>) =>
  Effect.acquireRelease(
    Effect.promise(async (): Promise<Client & { readonly close: () => void }> => {
      const client = createSentinel({
        name: "mymaster",
        sentinelRootNodes: ports.map((port) => ({ host: "127.0.0.1", port })),
        scanInterval: 100
      })
      client.on("error", () => {})
      await client.connect()
      return {
        get: (key) => client.get(key),
        set: (key, value) => client.set(key, value),
        close: () => client.destroy()
      }
    }),
    ({ close }) => Effect.sync(close)
  )

/** Tries again while the client gives up on its own. */
const again = <A>(run: () => Promise<A>) => Effect.retry(Effect.tryPromise(run), { times: 200 })

for (const [name, open] of [["ioredis", openIoredis], ["node-redis", openNodeRedis]] as const) {
  it.live(`${name} follows a failover of sentinels in memory`, () =>
    Effect.gen(function*() {
      const { service: group } = yield* FakeSentinel.make({ hurried: true, downAfter: "200 millis" })
      yield* group.listen
      const client = yield* open(group.addresses.map(({ port }) => port))
      assert.strictEqual(yield* again(() => client.set("a", "1")), "OK")
      const primary = yield* group.primary
      yield* group.kill(primary)
      const heir = yield* group.awaitSwitch(primary)
      assert.strictEqual(yield* again(() => client.set("a", "2")), "OK")
      assert.strictEqual(yield* group.command(heir, "GET", ["a"]), "2")
    }))
}
