/** A queue by others that is built on Effect's Redis service: all its scripts declare no keys. */
import { assert } from "@effect/vitest"
import { EffectRedis } from "@redisc/effect"
import { Job, Worker } from "effect-mq"
import { RedisJobStore } from "effect-mq/redis"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { onClusters } from "./support/clusters.ts"

class SendEmail extends Job.make("SendEmail", {
  payload: { to: Schema.String, subject: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ subject, to }) => `${to}:${subject}`,
  queue: "email",
  defaults: { attempts: 3, backoff: { type: "exponential", delay: "10 millis" } }
}) {}

const failed = new Set<string>()

const Runner = SendEmail.toLayer(
  ({ to }) =>
    Effect.gen(function*() {
      if (to === "flaky" && !failed.has(to)) {
        failed.add(to)
        return yield* Effect.die("the mail server is away")
      }
      const { jobId } = yield* Worker.CurrentJob
      return `message-${jobId}`
    }),
  { concurrency: 5 }
)

const Services = Runner.pipe(
  Layer.provideMerge(Worker.layer()),
  Layer.provideMerge(RedisJobStore.layer({ prefix: "{effect-mq}" })),
  Layer.provide(EffectRedis.layer)
)

onClusters("effect-mq, with a hash tag in its prefix", Services, (it) => {
  it.effect("runs what was enqueued, tries again what failed, and does what was enqueued twice once", () =>
    Effect.gen(function*() {
      failed.clear()
      const id = yield* SendEmail.enqueue({ to: "ada", subject: "hi" })
      assert.strictEqual(yield* SendEmail.enqueue({ to: "ada", subject: "hi" }), id)
      assert.strictEqual(yield* SendEmail.execute({ to: "grace", subject: "hi" }), "message-SendEmail/grace:hi")
      assert.strictEqual(yield* SendEmail.execute({ to: "flaky", subject: "hi" }), "message-SendEmail/flaky:hi")
      const ids = yield* SendEmail.enqueueMany(Array.from({ length: 20 }, (_, i) => ({ to: `${i}`, subject: "all" })))
      assert.strictEqual(ids.length, 20)
      const results = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, i) => i),
        (i) => SendEmail.execute({ to: `${i}`, subject: "all" }),
        { concurrency: 10 }
      )
      assert.strictEqual(results[7], "message-SendEmail/7:all")
    }))
})
