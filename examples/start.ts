/**
 * `npm start`: a small program on a real cluster, and then a load of reads and writes while slots move to another node
 * and a primary hands over to its replica.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { RedisCluster } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Guestbook } from "./guestbook.ts"
import * as Load from "./load.ts"

const say = (text: string) => Effect.sync(() => console.log(text))

const guestbook = Effect.gen(function*() {
  const book = yield* Guestbook
  yield* book.sign({ author: "ada", text: "The Engine weaves algebraic patterns." })
  yield* book.sign({ author: "grace", text: "Ships in port are safe." })
  const id = yield* book.sign({ author: "ada", text: "Back again." })
  yield* say(`\nThe guestbook has ${id} entries. The latest:`)
  for (const { author, text } of yield* book.latest(3)) yield* say(`  ${author}: ${text}`)
  yield* say(`Busiest author: ${(yield* book.busiest(1))[0]}`)
})

/** The line that shows what goes on: rewritten in place on a terminal, once a second elsewhere. */
const progress = Effect.fnUntraced(function*(tally: Load.Tally, doing: { now: string }) {
  const cluster = yield* RedisCluster.RedisCluster
  const live = process.stdout.isTTY
  let before = 0
  while (true) {
    yield* Effect.sleep(live ? "200 millis" : "1 second")
    const { redirects, refreshes } = yield* cluster.stats
    const perSecond = (tally.commands - before) * (live ? 5 : 1)
    before = tally.commands
    const line = `  ${doing.now}: ${tally.commands} commands (${perSecond}/s), ${redirects} redirects followed, ` +
      `${refreshes} refreshes, slowest ${tally.slowestMillis} ms, ${tally.errors.length} errors`
    process.stdout.write(live ? `\r\x1b[K${line}` : `${line}\n`)
  }
})

const underLoad = Effect.gen(function*() {
  const servers = yield* RealCluster.RealCluster
  const cluster = yield* RedisCluster.RedisCluster
  const tally = Load.makeTally()
  const doing = { now: "steady" }
  yield* say("\n32 fibers read and write 300 keys:")
  const load = yield* Effect.forkChild(Load.run(tally, 32))
  const line = yield* Effect.forkChild(progress(tally, doing))
  const during = <A, E, R>(what: string, effect: Effect.Effect<A, E, R>) =>
    Effect.andThen(Effect.sync(() => doing.now = what), effect)

  yield* Effect.sleep("2 seconds")
  const [first, second] = yield* servers.primaries
  const [from] = first.slots[0]
  yield* during("moving 1000 slots", servers.migrateSlots({ from: first, to: second, slots: [[from, from + 999]] }))
  yield* during("steady", Effect.sleep("1 second"))
  const [replica] = yield* servers.replicasOf(second)
  yield* during("failing over", servers.failover(replica))
  yield* during("steady", Effect.sleep("2 seconds"))
  yield* Fiber.interrupt(line)
  yield* Fiber.interrupt(load)

  const { redirects, refreshes, retries } = yield* cluster.stats
  const increments = [...tally.acknowledged.values()].reduce((sum, count) => sum + count, 0)
  yield* say(`\n
What happened:
  commands            ${tally.commands}
  redirects followed  ${redirects}, and ${retries} further tries for other reasons
  refreshes           ${refreshes}
  slowest command     ${tally.slowestMillis} ms
  errors seen         ${tally.errors.length}
  increments          ${increments} acknowledged, ${yield* Load.missing(tally)} of them missing`)
  for (const error of tally.errors.slice(0, 3)) yield* say(`  ${error.message}`)
})

const Client = Layer.unwrap(
  Effect.map(RealCluster.RealCluster, ({ addresses }) => NodeRedisCluster.layer({ nodes: addresses }))
)

const program = Effect.gen(function*() {
  const servers = yield* RealCluster.RealCluster
  const nodes = yield* servers.nodes
  yield* say(`A cluster of Redis ${servers.version} is up, with ${nodes.length} nodes:`)
  for (const { address, role, slots } of nodes) {
    yield* say(`  ${address.key}  ${role}${slots.map(([first, last]) => `  slots ${first}-${last}`).join("")}`)
  }
  yield* Effect.provide(
    Effect.andThen(Effect.provide(guestbook, Guestbook.layer), underLoad),
    Client
  )
})

const Servers = RealCluster.layer({ primaries: 3, replicas: 1 })

Effect.andThen(say("Starting 3 primaries and 3 replicas on loopback ..."), Effect.provide(program, Servers)).pipe(
  Effect.timed,
  Effect.flatMap(([took]) =>
    say(`\nDone in ${Duration.format(Duration.seconds(Math.round(Duration.toSeconds(took))))}.`)
  ),
  NodeRuntime.runMain
)
