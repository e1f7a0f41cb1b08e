/** Sentinels in memory and real ones answer alike, and publish the same. Both are asked over TCP. */
import { assert, describe, it } from "@effect/vitest"
import type { Address } from "@redisc/core"
import { FakeSentinel, RealSentinel } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import { connect } from "node:net"
import type { Wire } from "../fake/commands/harness.ts"
import { Connection } from "../fake/differential/RealServer.ts"

interface Place {
  readonly name: string
  readonly address: Address.Tcp
}

interface Sides {
  readonly places: ReadonlyArray<Place>
  readonly failover: Effect.Effect<Place, unknown>
  readonly kill: (node: Place) => Effect.Effect<void, unknown>
  readonly restart: (node: Place) => Effect.Effect<void, unknown>
  readonly awaitSwitch: (from: Place) => Effect.Effect<Place, unknown>
  readonly waitUntilStable: Effect.Effect<void, unknown>
}

// Sentinels that starve on a busy machine take a server for dead that is not, and tell of it.
const options = { replicas: 1, sentinels: 3, downAfter: "2 seconds" } as const

const real: Effect.Effect<Sides, unknown, Scope.Scope> = Effect.gen(function*() {
  const group = yield* RealSentinel.make(options)
  return { ...group, places: [...(yield* group.nodes), ...group.sentinels] }
})

const fake: Effect.Effect<Sides, unknown, Scope.Scope> = Effect.gen(function*() {
  const { service } = yield* FakeSentinel.make({ ...options, hurried: true })
  yield* service.listen
  return { ...service, places: [...(yield* service.nodes), ...service.sentinels] }
})

const open = ({ address: { host, port } }: Place) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = connect(port, host)
      await once(socket, "connect")
      return new Connection(socket, () => Promise.resolve("the sentinel closed the connection"))
    }),
    (connection) => Effect.sync(() => connection.close())
  )

/** Fields whose values tell the time, or count what is sent between processes. */
const fluent = /ping|pong|time|refresh|pending|offset|last-hello|voted|^id$|config-epoch|_time|uptime/

const placed = (places: ReadonlyArray<Place>) => (text: string): string => {
  let out = text.replaceAll(/\b[0-9a-f]{40}\b/g, "<id>")
  for (const { address: { port }, name } of places) {
    const known = name.replace("fake-", "node-")
    out = out.replaceAll(`127.0.0.1:${port}`, `<${known}>`).replaceAll(`127.0.0.1 ${port}`, `<${known}>`)
      .replaceAll(new RegExp(`^${port}$`, "g"), `<port of ${known}>`)
  }
  return out
}

const isMap = ({ items = [], sign }: Wire): boolean =>
  sign === "%" || (items.length % 2 === 0 && ["name", "server"].includes(items[0]?.text))

/** A reply as text, without what differs from run to run. Lists of instances are sorted: their order is that of a hash table. */
const shown = (place: (text: string) => string) => {
  const show = (wire: Wire): string => {
    const { items, sign, text } = wire
    if (items === undefined) return `${sign}${place(text)}`
    const parts = items.map((item, index) =>
      isMap(wire) && index % 2 === 1 && fluent.test(items[index - 1].text) ? "<fluent>" : show(item)
    )
    if (items.length > 0 && items.every(isMap)) parts.sort()
    return `${sign}[${parts.join(" ")}]`
  }
  return show
}

const commands = [
  "PING",
  "PING x",
  "ROLE",
  "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster",
  "SENTINEL GET-MASTER-ADDR-BY-NAME nope",
  "sentinel get-master-addr-by-name",
  "SENTINEL MASTER mymaster",
  "SENTINEL MASTER nope",
  "SENTINEL MASTER",
  "SENTINEL MASTERS",
  "SENTINEL REPLICAS mymaster",
  "SENTINEL SLAVES mymaster",
  "SENTINEL REPLICAS nope",
  "SENTINEL SENTINELS mymaster",
  "SENTINEL SENTINELS nope",
  "SENTINEL MYID",
  "SENTINEL MYID x",
  "SENTINEL CKQUORUM mymaster",
  "SENTINEL CKQUORUM nope",
  "SENTINEL FAILOVER nope",
  "SENTINEL FAILOVER",
  "SENTINEL RESET nope",
  "SENTINEL PENDING-SCRIPTS",
  "SENTINEL FLUSHCONFIG",
  "SENTINEL NOPE",
  "SENTINEL",
  "GET a",
  "SET a 1",
  "SELECT 1",
  "MULTI",
  "QUIT",
  "RESET",
  "READONLY",
  "CLUSTER SLOTS",
  "CONFIG GET maxmemory",
  "PUBLISH a b",
  "SSUBSCRIBE a",
  "CLIENT SETNAME me",
  "CLIENT GETNAME",
  "CLIENT CAPA redirect",
  "CLIENT NOPE",
  "AUTH x",
  "AUTH a b",
  "ACL WHOAMI",
  "COMMAND COUNT",
  "SUBSCRIBE a",
  "PING",
  "UNSUBSCRIBE a"
]

const repliesOf = (sides: Sides) =>
  Effect.gen(function*() {
    const show = shown(placed(sides.places))
    const sentinel = sides.places.find(({ name }) => name === "sentinel-0")!
    const replies: Array<string> = []
    for (const protocol of ["2", "3"]) {
      const connection = yield* open(sentinel)
      const hello = yield* Effect.promise(() => connection.send(["HELLO", protocol]))
      replies.push(`HELLO ${protocol}: ${show(hello)}`)
      for (const command of commands) {
        // In RESP3 a subscription is answered by pushes, and no reply follows.
        if (protocol === "3" && command.includes("SUBSCRIBE") && !command.startsWith("SS")) continue
        const reply = yield* Effect.promise(() => connection.send(command.split(" ")))
        replies.push(`${command}: ${show(reply)}`)
      }
    }
    return replies
  })

/** What each sentinel publishes from now on. */
const listened = (sides: Sides) =>
  Effect.gen(function*() {
    const place = placed(sides.places)
    const lines = yield* Effect.forEach(
      sides.places.filter(({ name }) => name.startsWith("sentinel")),
      (sentinel) =>
        Effect.gen(function*() {
          const connection = yield* open(sentinel)
          yield* Effect.promise(() => connection.send(["PSUBSCRIBE", "*"]))
          return connection
        })
    )
    const eventsOf = (connection: Connection) =>
      connection.seen.slice(1).flatMap(({ items = [] }) =>
        items.length === 4
          ? [
            `${items[2].text} ${
              place(items[3].text).replaceAll(/sentinel-\d/g, "one of the sentinels").replaceAll(
                /(?<=^| )\d+(?= |$)|\d+\/\d+$/g,
                "<n>"
              )
            }`
          ]
          : []
      )
    return {
      /** Those of the first sentinel, in order. */
      ofFirst: () => eventsOf(lines[0]),
      /** All, without repetitions. */
      all: () => new Set(lines.flatMap(eventsOf)),
      /** Waits until the first has published something. */
      until: (start: string) =>
        Effect.promise(() => lines[0].until(() => eventsOf(lines[0]).some((event) => event.startsWith(start))))
    }
  })

/** A planned failover, until the former primary is a replica. */
const planned = (sides: Sides) =>
  Effect.gen(function*() {
    const events = yield* listened(sides)
    yield* sides.failover
    yield* events.until("+switch-master")
    yield* sides.waitUntilStable
    return events
  })

/** The death of the primary, and its return. */
const death = (sides: Sides) =>
  Effect.gen(function*() {
    const events = yield* listened(sides)
    const [primary] = sides.places
    yield* sides.kill(primary)
    yield* sides.awaitSwitch(primary)
    yield* events.until("+sdown slave <node-0> <node-0> @ mymaster <node-1>")
    yield* sides.restart(primary)
    yield* sides.waitUntilStable
    return events
  })

const both = <A>(run: (sides: Sides) => Effect.Effect<A, unknown, Scope.Scope>) =>
  Effect.all([Effect.flatMap(real, run), Effect.flatMap(fake, run)], { concurrency: 2 })

/** The events of a failover in the eyes of its leader, which have an order. */
const isOfLeader = (event: string): boolean =>
  /^\+(try|elected|failover|selected|promoted|slave-reconf|switch|slave |vote|new-epoch)/.test(event)

describe("sentinels in memory", () => {
  it.live("answer as real ones do", () =>
    Effect.gen(function*() {
      const [expected, actual] = yield* both(repliesOf)
      assert.deepStrictEqual(actual, expected)
    }))

  it.live("tell of a planned failover as real ones do", () =>
    Effect.gen(function*() {
      const [expected, actual] = yield* both(planned)
      assert.deepStrictEqual(actual.ofFirst().filter(isOfLeader), expected.ofFirst().filter(isOfLeader))
    }))

  it.live("tell of the death of a primary, and of its return, as real ones do", () =>
    Effect.gen(function*() {
      const [expected, actual] = yield* both(death)
      const channelOf = (event: string) => event.split(" ")[0]
      // Which of them each run has depends on who sees what first.
      const theirs = new Set([...expected.all()].map(channelOf))
      for (const event of actual.all()) if (theirs.has(channelOf(event))) assert.include([...expected.all()], event)
      for (
        const channel of ["+sdown", "-sdown", "+odown", "+try-failover", "+vote-for-leader", "+config-update-from"]
      ) {
        assert.include([...actual.all()].map(channelOf), channel)
        assert.isTrue(theirs.has(channel))
      }
    }))
})
