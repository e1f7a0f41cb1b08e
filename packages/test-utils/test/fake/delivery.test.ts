/** What errors say about the work, held against the data of the cluster, whatever befalls a command on its way. */
import { assert, describe, it } from "@effect/vitest"
import { Command, Connector, RedirectPolicy, Redis, RedisCluster } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

const key = "{delivery}:n"
const list = "{delivery}:list"

/** Commands that add one to the key when they are executed. */
const adding: Readonly<Record<string, Command.Any>> = {
  "a command": Redis.incr(key),
  "a command whose answer can't be used": Redis.command("INCR", [key]).pipe(Command.schema(Schema.Literal("x"))),
  "a script": Redis.eval(`return redis.call("INCR", KEYS[1])`, { keys: [key] }),
  "a script that fails": Redis.eval(`redis.call("INCR", KEYS[1]) return redis.call("INCR", KEYS[2])`, {
    keys: [key, list]
  }),
  "a transaction": Redis.transaction([Redis.incr(key), Redis.get(key)]),
  "a transaction of which a part fails": Redis.transaction([Redis.incr(key), Redis.incr(list)])
}

type Fake = FakeCluster.FakeCluster["Service"]

const eachName = (act: (name: string) => Effect.Effect<void, FakeCluster.FakeClusterError>) =>
  Effect.forEach(["INCR", "EVAL", "EXEC"], act, { discard: true })

const bytes = (text: string) => new TextEncoder().encode(text)

/** What befalls it. */
const befalling: Readonly<Record<string, (fake: Fake) => Effect.Effect<void, FakeCluster.FakeClusterError>>> = {
  nothing: () => Effect.void,
  "an error in its place": (fake) =>
    eachName((name) => fake.reply("any", name, "OOM command not allowed when used memory > 'maxmemory'.")),
  "a node that is loading": (fake) =>
    eachName((name) => fake.reply("any", name, "LOADING Redis is loading the dataset in memory")),
  "nonsense for an answer": (fake) => eachName((name) => fake.mishap("any", name, () => bytes("nonsense\r\n"))),
  "a connection that ends": (fake) =>
    Effect.flatMap(
      fake.nodes,
      (nodes) => Effect.forEach(nodes, (node) => fake.dropConnections(node, { afterBytes: 30 }), { discard: true })
    )
}

describe("the delivery of a failure", () => {
  for (const [what, command] of Object.entries(adding)) {
    for (const [fault, befall] of Object.entries(befalling)) {
      for (const piped of [false, true]) {
        it.effect(`is true of ${what}, on ${fault}${piped ? ", in a pipeline" : ""}`, () =>
          Effect.gen(function*() {
            const { connector, service: fake } = yield* FakeCluster.make({ primaries: 2 })
            const client = yield* RedisCluster.make({ nodes: fake.addresses }).pipe(
              Effect.provideService(Connector.Connector, connector)
            )
            yield* client.execute(Redis.rpush(list, ["x"]))
            yield* befall(fake)
            const [result] = yield* RedirectPolicy.provide(
              piped ? client.executeAll([command]) : Effect.map(Effect.result(client.execute(command)), (one) => [one]),
              RedirectPolicy.none
            )
            const owner = yield* fake.ownerOf(fake.slotOf(key))
            const added = String(yield* fake.command(owner, "GET", [key])) === "1"
            if (Result.isSuccess(result) || result.failure.delivery === "Executed") assert.isTrue(added)
            else if (result.failure.delivery !== "MaybeExecuted") assert.isFalse(added, result.failure.message)
          }))
      }
    }
  }
})
