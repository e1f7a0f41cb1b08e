/** What a simulated cluster does that needs bytes, digests, timers and turns. */
import * as Redis from "@redisc/core/Redis"
import * as FakeCluster from "@redisc/test-utils/FakeCluster"
import * as FakeRedis from "@redisc/test-utils/FakeRedis"
import * as Effect from "effect/Effect"

const allBytes = Uint8Array.from({ length: 256 }, (_, i) => i)

const program = Effect.gen(function*() {
  const fake = yield* FakeCluster.FakeCluster
  const send = Effect.fnUntraced(function*(name: string, key: string, ...args: ReadonlyArray<string | Uint8Array>) {
    return yield* fake.command(yield* fake.ownerOf(fake.slotOf(key)), name, [key, ...args])
  })

  yield* Redis.set("text", "größer 🙂")
  yield* fake.migrateSlot(fake.slotOf("text"), "fake-2")
  const moved = yield* Redis.get("text")
  const [replica] = yield* fake.replicasOf("fake-2")
  yield* fake.failover(replica)
  const failedOver = yield* Redis.get("text")

  yield* send("SET", "bytes", allBytes)
  const dump = yield* send("DUMP", "bytes")
  yield* send("SETBIT", "bits", "100", "1")
  yield* send("PFADD", "hll", "a", "b", "c")
  const single = yield* Effect.provide(
    Effect.andThen(Redis.mset({ a: "1", b: "2" }), Redis.mget(["a", "b"])),
    FakeRedis.layer({ replicas: 1, client: { database: 1 } })
  )
  yield* fake.command("fake-0", "ACL", ["SETUSER", "ada", "on", ">secret", "+ping"])
  return {
    moved,
    failedOver,
    single,
    length: yield* send("STRLEN", "bytes"),
    range: yield* send("GETRANGE", "bytes", "65", "70"),
    dumped: dump !== null,
    bits: yield* send("BITFIELD", "bits", "GET", "u8", "96"),
    counted: yield* send("PFCOUNT", "hll"),
    user: yield* fake.command("fake-0", "AUTH", ["ada", "secret"]),
    script: (yield* Effect.flip(send("EVAL", "return 1", "0"))).message,
    listen: (yield* Effect.flip(Effect.scoped(fake.listen))).message
  }
}).pipe(Effect.provide(FakeCluster.layer({ primaries: 3, replicas: 1 })))

export const outcome = Effect.runPromise(program)
