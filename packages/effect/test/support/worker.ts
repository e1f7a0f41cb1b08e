/** A worker that takes an element and works on it until it is killed. Usage: node worker.ts QUEUE ADDRESS... */
import { PersistedQueueStore } from "@redisc/effect"
import { NodeRedisCluster } from "@redisc/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schema from "effect/Schema"

const [name, ...nodes] = process.argv.slice(2)

const program = Effect.gen(function*() {
  const queue = yield* PersistedQueue.make({ name, schema: Schema.Struct({ to: Schema.String }) })
  return yield* queue.take(({ to }) =>
    Effect.andThen(Effect.sync(() => process.stdout.write(`took ${to}\n`)), Effect.never)
  )
}).pipe(
  Effect.provide(
    PersistedQueue.layer.pipe(
      Layer.provide(PersistedQueueStore.layer({ lockExpiration: "1 second" })),
      Layer.provide(NodeRedisCluster.layer({ nodes }))
    )
  )
)

await Effect.runPromise(program)
