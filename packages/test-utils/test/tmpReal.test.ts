import { it } from "@effect/vitest"
import { Address, Connector, Resp, Slot } from "@redisc/core"
import { NodeConnector } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"

const open = (address: Address.Address, log: (text: string) => void) =>
  Effect.gen(function*() {
    const connector = yield* Connector.Connector
    const transport = yield* connector.open(address, {
      onData: (chunk) => log(Buffer.from(chunk).toString("latin1").replaceAll("\r\n", " ")),
      onDrain: () => {},
      onClose: (p) => log(`closed ${p}`)
    })
    const encoder = new Resp.Encoder()
    return (...words: ReadonlyArray<string>) =>
      Effect.gen(function*() {
        encoder.command(Resp.head(words[0]), words.slice(1))
        transport.write(encoder.take())
        yield* Effect.sleep(150)
      })
  })

it.live("x", () =>
  Effect.gen(function*() {
    const real = yield* RealCluster.RealCluster
    const channel = "room:1"
    const slot = Slot.fromKey(channel)
    const names = new Map((yield* real.nodes).map((n) => [n.id, n.name]))
    const subscribers = yield* Effect.forEach(yield* real.nodes, (n) =>
      Effect.gen(function*() {
        const say = yield* open(n.address, (text) => console.log(n.name, text))
        yield* say("HELLO", "3")
        yield* say("READONLY")
        yield* say("SSUBSCRIBE", channel)
        return [n.name, say] as const
      }))
    const show = Effect.gen(function*() {
      for (const n of yield* real.nodes) console.log(n.name, n.process, n.role, names.get(n.primary ?? ""))
      for (const n of yield* real.nodes) {
        if (n.process === "running") {
          console.log(n.name, "shardnumsub", yield* real.command(n, "PUBSUB", ["SHARDNUMSUB", channel]))
        }
      }
    })
    yield* show
    const owner = yield* real.ownerOf(slot)
    const [replica] = yield* real.replicasOf(owner)
    console.log("=== FAILOVER", owner.name, "->", replica.name)
    yield* real.failover(replica)
    yield* Effect.sleep(1500)
    yield* show
    console.log("=== SUNSUBSCRIBE at each")
    for (const [name, say] of subscribers) {
      console.log("->", name)
      yield* say("SUNSUBSCRIBE", channel)
    }
    console.log("=== resubscribe at all, then migrate")
    for (const [name, say] of subscribers) {
      console.log("->", name)
      yield* say("SSUBSCRIBE", channel)
    }
    const to = (yield* real.primaries).find((n) => n.id !== replica.id)!
    console.log("to", to.name)
    yield* real.migrateSlots({ to, slots: [slot] })
    yield* Effect.sleep(1500)
    yield* show
    console.log("=== kill owner", to.name)
    for (const [name, say] of subscribers) {
      console.log("->", name)
      yield* say("SSUBSCRIBE", channel)
    }
    yield* real.kill(to)
    yield* real.awaitPromotion(to)
    yield* Effect.sleep(1500)
    yield* show
  }).pipe(
    Effect.scoped,
    Effect.provide(NodeConnector.layer()),
    Effect.provide(RealCluster.layer({ primaries: 2 + 1, replicas: 2 }))
  ), 90000)
