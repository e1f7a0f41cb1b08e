import { assert, describe, it } from "@effect/vitest"
import { RedisCluster } from "@redisc/core"
import type { RedisError } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import { RealCluster } from "@redisc/test-utils"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { watchful } from "./patience.ts"
import { isLong } from "./stretch.ts"
import * as Updates from "./updates.ts"

const fibers = 24

/** How many updates are made while slots move, and how often connections are cut. */
const updates = isLong ? 5000 : 2000
const cuts = isLong ? 60 : 20

const clientName = "optimistic"

/** A layer of its own each time, as two uses of one would share a client. */
const client = () =>
  Layer.unwrap(
    Effect.map(RealCluster.RealCluster, ({ addresses }) => NodeRedisCluster.layer({ nodes: addresses, clientName }))
  )

// With full coverage required the servers themselves refuse all commands while one shard is down.
const servers = (replicas: number) =>
  RealCluster.layer({ primaries: 3, replicas, requireFullCoverage: false, nodeTimeout: watchful })

const stats = Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats)

const connections = Effect.fnUntraced(function*() {
  const servers = yield* RealCluster.RealCluster
  const running = (yield* servers.nodes).filter(({ process }) => process === "running")
  const lists = yield* Effect.forEach(running, (node) => servers.command(node, "CLIENT", ["LIST"]))
  return lists.flatMap((list) => `${list}`.split("\n")).filter((line) => line.includes(` name=${clientName} `)).length
})

/** A server notices the end of a connection when it next looks at that socket. */
const noConnections = Effect.repeat(Effect.suspend(connections), { until: (count) => count === 0 })

const nothingLeased = Effect.map(stats, ({ nodes }) => {
  for (const [node, { leased }] of nodes) assert.strictEqual(leased, 0, `connections to ${node} are leased`)
})

/** Before EXEC nothing is written, and what is lost there is done again. */
const assertLostAtExec = ({ command, delivery, message }: RedisError.RedisError): void => {
  assert.strictEqual(delivery, "MaybeExecuted", message)
  assert.strictEqual(command, "EXEC", message)
}

describe("optimistic updates, on real servers", () => {
  it.live("none is lost, applied twice or half applied while their slots move", () =>
    Effect.gen(function*() {
      const servers = yield* RealCluster.RealCluster
      const primaries = yield* servers.primaries
      const ledger = Updates.makeLedger("moving", 12)
      const slots = ledger.accounts.map(({ slot }) => slot)
      let rounds = 0
      const reshard = Effect.gen(function*() {
        for (; ledger.told.length < updates; rounds++) {
          yield* servers.migrateSlots({ to: primaries[rounds % 3], slots })
          // One of them stays half-way for a while, its keys on both sides.
          const slot = slots[rounds % slots.length]
          yield* servers.beginMigration(slot, primaries[(rounds + 1) % 3])
          yield* Updates.awaitMore(ledger, 50)
          yield* servers.migrateKeys(slot, 1)
          yield* Updates.awaitMore(ledger, 50)
          yield* servers.finishMigration(slot)
        }
      })
      yield* Effect.gen(function*() {
        yield* Updates.during(ledger, reshard, { fibers })
        assert.deepStrictEqual(Updates.errors(ledger).map(({ outcome }) => outcome.message), [])
        assert.deepStrictEqual(yield* Updates.verify(ledger), [])
        const { redirects, retries } = yield* stats
        assert.isAbove(redirects, 0)
        assert.isAbove(ledger.conflicts, 0)
        yield* nothingLeased
        yield* Effect.log(
          `${ledger.told.length} updates, ${ledger.conflicts} conflicts; all slots moved ${rounds} times, ` +
            `${redirects} redirects, ${retries} retries`
        )
      }).pipe(Effect.provide(client()))
      yield* noConnections
    }).pipe(Effect.provide(servers(0))))

  it.live(
    "when a primary is killed only what had got as far as EXEC fails, and may be there",
    () =>
      Effect.gen(function*() {
        const servers = yield* RealCluster.RealCluster
        const clock = yield* Clock.Clock
        const [victim] = yield* servers.primaries
        const isLost = ({ slot }: Updates.Account) =>
          victim.slots.some(([first, last]) => slot >= first && slot <= last)
        const ledger = Updates.makeLedger("killed", 24)
        let pause = 0
        const killing = Effect.gen(function*() {
          yield* Updates.awaitMore(ledger, 1000)
          ledger.phase = "during"
          yield* servers.kill(victim)
          ledger.phase = "after"
          const killedAt = clock.currentTimeMillisUnsafe()
          yield* Updates.awaitMore(ledger, 300, isLost)
          pause = clock.currentTimeMillisUnsafe() - killedAt
        })
        yield* Effect.gen(function*() {
          yield* Updates.during(ledger, killing, { fibers, replicated: true })
          const errors = Updates.errors(ledger)
          for (const { account, outcome } of errors) {
            assertLostAtExec(outcome)
            assert.isTrue(isLost(account), `not on the killed primary: ${outcome.message}`)
          }
          // Redis acknowledges before it replicates: what the victim acknowledged last may be lost with it.
          const missing = yield* Updates.verify(
            ledger,
            ({ account, begun, replicated }) => isLost(account) && begun !== "after" && !replicated
          )
          const confirmed = ledger.told.filter(({ account, replicated }) => replicated && isLost(account))
          assert.isAbove(confirmed.length, 0)
          yield* nothingLeased
          yield* Effect.log(
            `${ledger.told.length} updates, ${ledger.conflicts} conflicts, ${errors.length} errors; of the victim's ` +
              `${confirmed.length} confirmed by its replica, ${missing.length} lost unconfirmed; 300 more of them ` +
              `${pause} ms after the kill`
          )
        }).pipe(Effect.provide(client()))
        yield* noConnections
      }).pipe(Effect.provide(servers(1)))
  )

  it.live(
    "when connections are cut again and again none is applied twice or half applied",
    () =>
      Effect.gen(function*() {
        const servers = yield* RealCluster.RealCluster
        const primaries = yield* servers.primaries
        const ledger = Updates.makeLedger("severed", 24)
        const cutting = Effect.gen(function*() {
          for (let round = 0; round < cuts; round++) {
            yield* Updates.awaitMore(ledger, 30)
            // What the server has executed and not yet answered when it reads this is never answered.
            yield* servers.command(primaries[round % 3], "CLIENT", ["KILL", "TYPE", "normal"])
          }
        })
        yield* Effect.gen(function*() {
          yield* Updates.during(ledger, cutting, { fibers })
          const errors = Updates.errors(ledger)
          for (const { outcome } of errors) assertLostAtExec(outcome)
          assert.isAbove(errors.length, 0)
          assert.deepStrictEqual(yield* Updates.verify(ledger), [])
          yield* nothingLeased
          yield* Effect.log(`${ledger.told.length} updates, ${ledger.conflicts} conflicts, ${errors.length} errors`)
        }).pipe(Effect.provide(client()))
        yield* noConnections
      }).pipe(Effect.provide(servers(0)))
  )

  it.live(
    "a client that closes in the middle leaves no connection, and says what may be there",
    () =>
      Effect.gen(function*() {
        const ledger = Updates.makeLedger("closing", 24)
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(client(), scope)
        const closing = Effect.gen(function*() {
          yield* Updates.awaitMore(ledger, 500)
          ledger.stopped = true
          yield* Scope.close(scope, Exit.void)
        })
        yield* Effect.provide(Updates.during(ledger, closing, { fibers }), context)
        yield* noConnections
        const errors = Updates.errors(ledger)
        for (const { outcome } of errors) assert.strictEqual(outcome.reason._tag, "Closed", outcome.message)
        assert.isAbove(errors.length, 0)
        assert.deepStrictEqual(yield* Effect.provide(Updates.verify(ledger), client()), [])
      }).pipe(Effect.provide(servers(0)))
  )
})
