/** TLS options that an Effect yields: renewed certificates without a restart. */
import { assert, layer } from "@effect/vitest"
import type * as Address from "@redisc/core/Address"
import * as Redis from "@redisc/core/Redis"
import * as RedisCluster from "@redisc/core/RedisCluster"
import { NodeConnector, NodeRedisCluster } from "@redisc/node"
import * as RealCluster from "@redisc/test-utils/RealCluster"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import * as Tls from "node:tls"
import { certificates, listening, recorder } from "./sockets.ts"

/** Two authorities, with a server's and a client's certificate of each. */
class Authorities extends Context.Service<Authorities>()("test/Authorities", {
  make: Effect.all([certificates, certificates])
}) {
  static readonly layer = Layer.effect(Authorities, Authorities.make)
}

type Material = Effect.Effect<NodeConnector.TlsOptions, unknown>

const makeConnector = Effect.fnUntraced(function*(tls: Material, connectTimeout?: "1 second") {
  const connector = yield* NodeConnector.make(connectTimeout === undefined ? { tls } : { tls, connectTimeout })
  const open = (address: Address.Address) =>
    Effect.flatMap(recorder, ({ listener }) => Effect.asVoid(connector.open(address, listener)))
  const refusal = (address: Address.Address) => Effect.flip(Effect.scoped(open(address)))
  return { connector, open, refusal }
})

layer(Authorities.layer)("TLS options that an Effect yields", (it) => {
  /** A server that trusts both authorities and demands certificates. */
  const demanding = Effect.gen(function*() {
    const [first, second] = yield* Authorities
    const server = Tls.createServer({
      ...first.server,
      ca: [first.ca, second.ca],
      requestCert: true,
      rejectUnauthorized: true
    })
    const listens = yield* listening(server, undefined, "secureConnection")
    return { ...listens, server, first, second }
  })

  const clientOf = ({ ca, client }: Authorities["Service"][number]): NodeConnector.TlsOptions => ({
    ca,
    cert: client.cert,
    key: Redacted.make(client.key)
  })

  it.effect("are those of the moment at which a connection opens: what was renewed is used by the next", () =>
    Effect.gen(function*() {
      const { accepted, address, first, second, server } = yield* demanding
      const shown = Effect.map(
        accepted,
        (socket) => (socket as Tls.TLSSocket).getPeerX509Certificate()!.toString().replace(/\s/g, "")
      )
      const mine = ({ client }: Authorities["Service"][number]) => client.cert.replace(/\s/g, "")
      let current = { ...clientOf(first), ca: [first.ca, second.ca] }
      const { open } = yield* makeConnector(Effect.sync(() => current))
      yield* open(address)
      assert.strictEqual(yield* shown, mine(first))
      current = { ...clientOf(second), ca: [first.ca, second.ca] }
      yield* TestClock.adjust("2 seconds")
      server.setSecureContext({ ...second.server, ca: [first.ca, second.ca] })
      yield* open(address)
      assert.strictEqual(yield* shown, mine(second))
    }))

  it.effect("come from one run for all connections that open within a second", () =>
    Effect.gen(function*() {
      const { address, first } = yield* demanding
      let runs = 0
      const begun = yield* Deferred.make<void>()
      const tls = Effect.andThen(Effect.sync(() => runs++), Effect.as(Deferred.await(begun), clientOf(first)))
      const { open } = yield* makeConnector(tls)
      const fibers = yield* Effect.forEach(Array(10), () => Effect.forkChild(open(address), { startImmediately: true }))
      yield* Deferred.succeed(begun, undefined)
      yield* Fiber.joinAll(fibers)
      yield* open(address)
      assert.strictEqual(runs, 1)
      yield* TestClock.adjust("1001 millis")
      yield* open(address)
      assert.strictEqual(runs, 2)
      // A clock that is set back keeps no old material.
      yield* TestClock.adjust("1 hour")
      yield* open(address)
      yield* TestClock.setTime(60_000)
      yield* open(address)
      assert.strictEqual(runs, 4)
    }))

  it.effect("are not lost to others if who asked first gives up", () =>
    Effect.gen(function*() {
      const { address, first } = yield* demanding
      let ended = 0
      const go = yield* Deferred.make<void>()
      const tls = Effect.as(Deferred.await(go), clientOf(first)).pipe(
        Effect.onInterrupt(() => Effect.sync(() => ended++))
      )
      const { open } = yield* makeConnector(tls)
      const one = yield* Effect.forkChild(open(address), { startImmediately: true })
      const other = yield* Effect.forkChild(open(address), { startImmediately: true })
      yield* Fiber.interrupt(one)
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(other)
      const last = yield* Effect.forkChild(Effect.andThen(TestClock.adjust("2 seconds"), open(address)))
      yield* Fiber.join(last)
      assert.strictEqual(ended, 0)
    }))

  const bad: ReadonlyArray<readonly [name: string, tls: Material, problem: RegExp]> = [
    ["fails", Effect.fail("no such file"), /the effect that yields the TLS options failed/],
    ["dies", Effect.die(new Error("a bug")), /died/],
    ["is interrupted", Effect.interrupt, /was interrupted/],
    [
      "throws",
      Effect.sync(() => {
        throw new Error("a bug")
      }),
      /died/
    ],
    ["yields nothing", Effect.void as unknown as Material, /what it yields has to be a plain object/],
    ["yields true", Effect.succeed(true) as unknown as Material, /has to be a plain object/],
    ["yields a plain key", Effect.succeed({ key: "s3cret" }) as unknown as Material, /key must be Redacted/],
    ["yields what is no PEM", Effect.succeed({ cert: "s3cret", key: Redacted.make("s3cret") }), /have to be PEM text/],
    [
      "yields what has been wiped",
      Effect.sync(() => {
        const key = Redacted.make("s3cret")
        Redacted.wipeUnsafe(key)
        return { key }
      }),
      /without pem/
    ],
    [
      "yields a getter that throws",
      Effect.succeed({
        get ca(): string {
          throw new Error("s3cret")
        }
      }),
      /can't be read/
    ]
  ]
  it.effect.each(bad)(
    "fail the connection, unsent, if it %s, and may be right the next time",
    ([, wrong, problem]) =>
      Effect.gen(function*() {
        const { address, first } = yield* demanding
        let isBad = true
        const { open, refusal } = yield* makeConnector(
          Effect.suspend(() => isBad ? wrong : Effect.succeed(clientOf(first)))
        )
        const error = yield* refusal(address)
        assert.deepStrictEqual([error.reason._tag, error.delivery, error.node], [
          "ConnectionFailed",
          "NotSent",
          address.key
        ])
        assert.match(error.message, problem)
        assert.notInclude(error.message, "s3cret")
        isBad = false
        yield* open(address)
      })
  )

  it.effect("are named if they don't come in time, and newcomers don't wait for that run", () =>
    Effect.gen(function*() {
      const { address, first } = yield* demanding
      let runs = 0
      const { open, refusal } = yield* makeConnector(
        Effect.suspend(() => runs++ === 0 ? Effect.uninterruptible(Effect.never) : Effect.succeed(clientOf(first))),
        "1 second"
      )
      const fiber = yield* Effect.forkChild(refusal(address), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.include((yield* Fiber.join(fiber)).message, "the effect that yields the TLS options did not end within 1s")
      yield* open(address)
    }))
})

layer(RealCluster.layer({ primaries: 3, tls: true }), { excludeTestServices: true })(
  "a cluster over TLS",
  (it) => {
    it.effect("is connected to with what an Effect yields at that moment, and again after a failure", () =>
      Effect.gen(function*() {
        const { addresses, tls } = yield* RealCluster.RealCluster
        let runs = 0
        const material = Effect.suspend(() =>
          runs++ === 1 ? Effect.fail("the file is being written") : Effect.succeed(tls!)
        )
        const program = Effect.gen(function*() {
          const { stats } = yield* RedisCluster.RedisCluster
          yield* Effect.forEach(["a", "b", "c", "d", "e"], (key) => Redis.set(key, "hello"))
          yield* Effect.sleep("1100 millis")
          yield* Redis.blpop(["none"], "100 millis")
          assert.isDefined(yield* stats)
          return yield* Redis.get("a")
        })
        const value = yield* Effect.provide(program, NodeRedisCluster.layer({ nodes: addresses, tls: material }))
        assert.strictEqual(value, "hello")
        assert.isAtLeast(runs, 3)
      }))
  }
)
