/**
 * A client that can't connect to any node of the cluster in memory, where nothing takes time. It may not keep the process busy:
 * the event loop turns, and the nodes are connected to a few times a second.
 */
import { assert, describe, it } from "@effect/vitest"
import { Connector, PubSub, Redis, RedisCluster } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

type Trouble = "all is well" | "dead" | "wrong password" | "hang up" | "no password"

const setting = Effect.gen(function*() {
  const { connector, service } = yield* FakeCluster.make({ primaries: 3, replicas: 1 })
  const state = { trouble: "all is well" as Trouble, connects: 0, passwords: 0, turns: 0 }
  const counted = Connector.Connector.of({
    ...connector,
    open: (address, listener) => {
      state.connects++
      if (state.trouble === "hang up") queueMicrotask(() => listener.onClose("the peer hung up"))
      return connector.open(address, listener)
    }
  })
  const password = Effect.suspend(() => {
    state.passwords++
    return state.trouble === "no password" ? Effect.fail("no token") : Effect.succeed(Redacted.make("pw"))
  })
  const client = RedisCluster.layer({ nodes: service.addresses, credentials: { password } })
  const context = yield* Layer.build(Layer.provide(client, Layer.succeed(Connector.Connector, counted)))
  const run = Effect.provideContext(context)
  const interval = setInterval(() => state.turns++, 5)
  yield* Effect.addFinalizer(() => Effect.sync(() => clearInterval(interval)))
  return { service, state, run }
})

const troubles: ReadonlyArray<Trouble> = ["dead", "wrong password", "hang up", "no password"]

/** What happens in each second after that, to a subscriber and sixteen workers. */
const suffer = Effect.fnUntraced(function*(trouble: Trouble) {
  const { run, service, state } = yield* setting
  const news = yield* run(PubSub.listen({ channels: ["news"] }))
  yield* Effect.forkScoped(Stream.runDrain(news))
  const work = Effect.forever(Effect.ignore(run(Redis.blpop(["jobs"], "1 minute"))))
  for (let i = 0; i < 16; i++) yield* Effect.forkScoped(work)
  yield* Effect.sleep("1100 millis")

  state.trouble = trouble
  if (trouble === "wrong password") {
    const refusal = "WRONGPASS invalid username-password pair or user is disabled."
    yield* service.reply("any", "HELLO", refusal, { times: Infinity })
  }
  const nodes = yield* service.nodes
  for (const node of nodes) yield* trouble === "dead" ? service.kill(node) : service.dropConnections(node)
  const seconds: Array<{ readonly connects: number; readonly passwords: number; readonly turns: number }> = []
  for (let i = 0; i < 3; i++) {
    const { connects, passwords, turns } = state
    const [took] = yield* Effect.timed(Effect.sleep("1 second"))
    // On a busy machine it lasts longer, and more happens meanwhile.
    const each = Duration.toSeconds(took)
    seconds.push({
      connects: (state.connects - connects) / nodes.length / each,
      passwords: (state.passwords - passwords) / each,
      turns: state.turns - turns
    })
  }
  return { trouble, seconds }
}, Effect.scoped)

describe("a subscriber and sixteen blocked commands without a usable node", () => {
  it.live(
    "let the event loop turn, connect to each node a few times a second, and ask for passwords as seldom",
    () =>
      Effect.gen(function*() {
        for (const { seconds, trouble } of yield* Effect.forEach(troubles, suffer, { concurrency: "unbounded" })) {
          const [first, , last] = seconds
          for (const { connects, passwords, turns } of seconds) {
            assert.isAtMost(connects, 6, trouble)
            assert.isAtMost(passwords, 9, trouble)
            assert.isAtLeast(turns, 10, trouble)
          }
          assert.isAtMost(last.connects, 2, trouble)
          assert.isAtMost(last.passwords, first.passwords, trouble)
        }
      })
  )
})
