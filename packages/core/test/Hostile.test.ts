import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Address from "../src/Address.ts"
import * as Connection from "../src/Connection.ts"
import type * as Connector from "../src/Connector.ts"
import * as NodePool from "../src/NodePool.ts"
import * as ReadFrom from "../src/ReadFrom.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import type * as RedisError from "../src/RedisError.ts"
import * as Session from "../src/Session.ts"
import * as Topology from "../src/Topology.ts"
import { connected } from "./support/client.ts"
import { keyOfA, threeNodes } from "./support/scenes.ts"

const secret = "correct horse battery staple"

/** What somebody without types may give for anything. */
const hostile: ReadonlyArray<readonly [string, unknown]> = [
  ["null", null],
  ["NaN", NaN],
  ["-1", -1],
  ["0", 0],
  ["1.5", 1.5],
  ["Infinity", Infinity],
  ["a huge number", 1e300],
  ["a bigint", BigInt(5)],
  ["true", true],
  ["empty text", ""],
  ["text", secret],
  ["a number as text", "16"],
  ["a negative duration", "-5 seconds"],
  ["an array", []],
  ["an array of nothing", [undefined]],
  ["an array with holes", Array.from({ length: 3 })],
  ["an array of objects", [{ host: "a", port: 7000 }]],
  ["an object", {}],
  ["an object of no use", { foo: secret }],
  ["an object with a length", { length: -5 }],
  ["bytes", new Uint8Array(3)],
  ["a Map", new Map()],
  ["a Date", new Date(0)],
  ["a function", () => secret],
  ["a function that throws", () => {
    throw new Error("a bug")
  }],
  ["a symbol", Symbol(secret)],
  ["a Redacted", Redacted.make(secret)],
  ["an Effect", Effect.succeed(secret)],
  ["a Schedule", Schedule.forever],
  ["an address", Address.tcp("a", 0)],
  ["an address of no parts", { _tag: "Tcp" }]
]

type Constructor = (
  options: unknown
) => Effect.Effect<unknown, RedisError.RedisError, Scope.Scope | Connector.Connector>

const cluster = (options: unknown) => RedisCluster.make(options as RedisCluster.Options)
const nodes = ["a:7000"]
const ofPool = [
  "credentials",
  "clientName",
  "connectTimeout",
  "commandTimeout",
  "pingInterval",
  "maxInFlight",
  "failWhenFull",
  "replyLimits",
  "connectionsPerNode",
  "maxDedicated",
  "leaseTimeout",
  "dedicatedTimeToLive",
  "drainTimeout"
]

/** Each constructor with what it needs at least, and the names of its options. */
const constructors: Readonly<Record<string, readonly [Constructor, object, ReadonlyArray<string>]>> = {
  "RedisCluster.make": [
    cluster,
    { nodes },
    [...ofPool, "nodes", "addressMap", "refreshInterval", "redirects", "readFrom", "maxReplicaLag"]
  ],
  "RedisCluster.layer": [
    (options) => Layer.build(RedisCluster.layer(options as RedisCluster.Options)),
    { nodes },
    ["nodes", "commandTimeout"]
  ],
  "NodePool.make": [(options) => NodePool.make(options as NodePool.Options), {}, ofPool],
  "NodePool.layer": [(options) => Layer.build(NodePool.layer(options as NodePool.Options)), {}, ["maxDedicated"]],
  "Topology.make": [
    (options) =>
      Effect.flatMap(
        NodePool.make(),
        (pool) => Effect.provideService(Topology.make(options as Topology.Options), NodePool.NodePool, pool)
      ),
    { seeds: [Address.tcp("a", 7000)] },
    ["seeds", "addressMap", "refreshInterval", "onFailure"]
  ],
  "Connection.make": [
    (options) => Connection.make(Address.tcp("a", 7000), options as Connection.Options),
    {},
    [
      "credentials",
      "clientName",
      "readOnly",
      "connectTimeout",
      "commandTimeout",
      "pingInterval",
      "maxInFlight",
      "failWhenFull",
      "replyLimits"
    ]
  ],
  "credentials": [
    (credentials) => cluster({ nodes, credentials }),
    { password: Redacted.make("pw") },
    ["username", "password"]
  ]
}

/** Fails the test unless it starts, or is refused in words that say what to do, and tell no value. */
const startsOrRefuses = Effect.fnUntraced(function*(
  effect: () => Effect.Effect<unknown, RedisError.RedisError, Scope.Scope | Connector.Connector>,
  name: string
) {
  const { cluster } = threeNodes()
  // A constructor that throws fails the test here.
  const exit = yield* Effect.exit(Effect.result(Effect.scoped(cluster.provide(effect()))))
  if (Exit.isFailure(exit)) return assert.fail(`${name}: ${exit}`)
  if (exit.value._tag === "Success") return "started"
  const error = exit.value.failure
  const { message } = error
  // An address map may lead nowhere, and a password that can't be had is asked for again: that is the network's business.
  if (error.reason._tag === "DiscoveryFailed" && /^(addressMap|password)$/.test(name)) return "started"
  // What an Effect yields is known only when a connection is opened.
  const isLate = message.includes("the effect that yields the credentials is of no use")
  if (!isLate) assert.strictEqual(error.reason._tag, "InvalidArgument", message)
  assert.strictEqual(error.delivery, "NotSent")
  assert.match(message, /\bhas to be\b|\bhave to be\b|\bmust be\b|\bis not an option\b|\bwrite\b|\bgive\b|\bat most\b/)
  assert.notInclude(message, secret)
  assert.include(message, name)
  return "refused"
})

describe("whatever is given for an option", () => {
  for (const [constructor, [make, least, names]] of Object.entries(constructors)) {
    it.effect.each(names)(`${constructor} starts, or says what to give for %s`, (name) =>
      Effect.gen(function*() {
        let refused = 0
        for (const [, value] of hostile) {
          const outcome = yield* startsOrRefuses(() => make({ ...least, [name]: value }), name)
          if (outcome === "refused") refused++
        }
        assert.isAbove(refused, hostile.length / 3)
      }))

    it.effect(`${constructor} starts with what is left undefined, and refuses what is no plain object`, () =>
      Effect.gen(function*() {
        const undefinedAll = Object.fromEntries(names.map((name) => [name, undefined]))
        assert.strictEqual(yield* startsOrRefuses(() => make({ ...undefinedAll, ...least }), ""), "started")
        for (const [what, value] of hostile) {
          const outcome = yield* startsOrRefuses(() => make(value), "")
          assert.strictEqual(
            outcome,
            what === "an object" && Object.keys(least).length === 0 ? "started" : "refused",
            what
          )
        }
      }))

    it.effect(`${constructor} names the option that was meant`, () =>
      Effect.gen(function*() {
        for (const name of names) {
          const { cluster } = threeNodes()
          const wrong = `${name.slice(0, 1)}${name.slice(2)}`
          const error = yield* Effect.flip(Effect.scoped(cluster.provide(make({ ...least, [wrong]: 1 }))))
          assert.include(error.message, `${wrong} is not an option; did you mean `)
          assert.include(error.message, `${name}?`)
        }
      }))
  }
})

describe("what is often given", () => {
  const refusals: ReadonlyArray<readonly [object, string]> = [
    [{ nodes: "a:7000" }, `nodes has to be an array of addresses: write ["127.0.0.1:6379"]`],
    [{ nodes: [{ host: "a", port: 7000 }] }, "nodes[0]: An address has to be text"],
    [{ nodes: [] }, "nodes is empty"],
    [{ nodes: undefined }, "nodes has to be an array"],
    [{ nodes, credentials: { password: secret } }, "credentials.password must be Redacted: write Redacted.make("],
    [{ nodes, credentials: Redacted.make(secret) }, "credentials has to be a plain object of username and password"],
    [{ nodes, credentials: { username: "ada" } }, "credentials.password must be Redacted"],
    [{ nodes, credentials: { password: Redacted.make(5) } }, "credentials.password is a Redacted without text"],
    [{ nodes, commandTimout: 5 }, "commandTimout is not an option; did you mean commandTimeout?"],
    [{ nodes, readFrom: "replicas" }, `did you mean "replica"?`],
    [{ nodes, redirects: Schedule.forever }, "RedirectPolicy.make(schedule)"],
    [{ nodes, clientName: "my app" }, "clientName has to be text of printable ASCII without blanks"],
    [{ nodes, clientName: "my\napp" }, "clientName has to be text of printable ASCII without blanks"],
    [{ nodes, connectionsPerNode: 1e9 }, "connectionsPerNode has to be at most 1000"],
    [{ nodes, commandTimeout: "5 parsecs" }, `commandTimeout has to be a duration above zero, such as "5 seconds"`]
  ]
  it.effect.each(refusals)("is refused with what to give instead: %#", ([options, expected]) =>
    Effect.gen(function*() {
      const { cluster: scripted } = threeNodes()
      const error = yield* Effect.flip(scripted.provide(cluster(options)))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.include(error.message, expected)
    }))
})

describe("whatever is given", () => {
  it.effect("a session, a region, an optimistic or a confirmed transaction is opened, or refused", () =>
    Effect.gen(function*() {
      const { run } = yield* connected()
      const get = Redis.get(keyOfA)
      const ways: Readonly<
        Record<
          string,
          (value: never) => Effect.Effect<unknown, RedisError.RedisError, RedisCluster.Services>
        >
      > = {
        "target": (value) => Session.use(value, get),
        "keys": (value) => Session.use({ keys: value }, Effect.void),
        "node": (value) => Session.use({ node: value }, Effect.void),
        "readFrom": (value) => Session.use({ readFrom: value }, Effect.void),
        "options": (value) => Session.use({ keys: keyOfA }, get, value),
        "rerun": (value) => Session.use({ keys: keyOfA }, get, { rerun: value }),
        "region": (value) => ReadFrom.provide(get, value),
        "optimistic": (value) => Redis.optimistic([keyOfA], Effect.succeed([]), value),
        "schedule": (value) => Redis.optimistic([keyOfA], Effect.succeed([]), { schedule: value }),
        "replicas": (value) => Redis.ensureReplication(get, { replicas: value, within: "1 second" }),
        "within": (value) => Redis.ensureReplication(get, { replicas: 1, within: value })
      }
      for (const [way, use] of Object.entries(ways)) {
        let refused = 0
        for (const [what, value] of [...hostile, ["undefined", undefined] as const]) {
          const exit = yield* Effect.exit(
            Effect.result(Effect.timeoutOption(run(Effect.scoped(use(value as never))), 0))
          )
          if (Exit.isFailure(exit)) return assert.fail(`${way}, ${what}: ${exit}`)
          if (exit.value._tag === "Failure") {
            refused += exit.value.failure.reason._tag === "InvalidArgument" ? 1 : 0
          }
        }
        assert.isAbove(refused, hostile.length / 3, way)
      }
    }))
})
