import { assert, it } from "@effect/vitest"
import { Redis } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Guestbook } from "./guestbook.ts"

const Test = Layer.provideMerge(Guestbook.layer, FakeCluster.layer({ primaries: 3, replicas: 1 }))

it.effect("entries outlive a moving slot and a failing primary, and are gone after an hour", () =>
  Effect.gen(function*() {
    const book = yield* Guestbook
    const cluster = yield* FakeCluster.FakeCluster
    const id = yield* book.sign({ author: "ada", text: "Hello" })

    const slot = cluster.slotOf(`guestbook:entry:${id}`)
    yield* cluster.migrateSlot(slot, "fake-2")
    assert.deepStrictEqual(yield* book.latest(1), [{ author: "ada", text: "Hello" }])

    yield* cluster.kill("fake-2")
    const latest = yield* Effect.forkChild(book.latest(1))
    yield* TestClock.adjust("3 seconds") // the cluster notices, and promotes the replica
    assert.deepStrictEqual(yield* Fiber.join(latest), [{ author: "ada", text: "Hello" }])

    yield* TestClock.adjust("1 hour")
    assert.strictEqual(yield* Redis.exists([`guestbook:entry:${id}`]), 0)
  }).pipe(Effect.provide(Test)))
