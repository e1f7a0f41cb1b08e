/** Host names that can't be any are refused where they are read, and no message repeats them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Address from "../src/Address.ts"
import { reasonOf } from "../src/internal/failures/failure.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as Resp from "../src/Resp.ts"
import * as Session from "../src/Session.ts"
import * as SlotMap from "../src/SlotMap.ts"
import { connected, onNodesOf } from "./support/client.ts"
import { keyOfA, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const hosts: ReadonlyArray<readonly [string, string]> = [
  ["a line break", "a\r\nFORGED log line"],
  ["a null byte", "a\0b"],
  ["an escape sequence", "a\u001b[2Jb"],
  ["a control character of the upper half", "a\u0085b"],
  ["a text direction", "a\u202egpj.b"],
  ["half a character", "a\ud800b"],
  ["a zone with an escape sequence", "fe80::1%\u001b[31m"],
  ["a zone within a zone", "fe80::1%a%b"],
  ["256 characters", "a".repeat(256)],
  ["a megabyte", "a".repeat(1 << 20)],
  ["a megabyte of IPv6", `${"1:".repeat(1 << 19)}1`]
]

/** No message is long, or has anything in it that a terminal or a log acts upon. */
const assertHarmless = (message: string): void => {
  assert.isBelow(message.length, 600)
  assert.notMatch(message, /\p{C}/u)
}

const failureOf = (result: Result.Result<unknown, string>): string =>
  Result.isFailure(result) ? result.failure : "it was read"

describe.each(hosts)("a host with %s", (_, host) => {
  it("is refused where a user gives it", () =>
    Effect.gen(function*() {
      const { cluster, run, service } = yield* connected()
      for (const node of [`${host}:7000`, Address.tcp(host, 7000), Address.unix(`/run/${host}\0`)]) {
        const make = cluster.provide(Effect.scoped(RedisCluster.make({ nodes: [node] })))
        const errors = [
          yield* Effect.flip(make),
          yield* Effect.flip(run(Session.use({ node }, Redis.ping()))),
          yield* Effect.flip(onNodesOf(service).executeOn(node as Address.Address, Redis.ping()))
        ]
        for (const error of errors) {
          assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "NotSent"])
          assertHarmless(error.message)
        }
      }
    }).pipe(Effect.scoped, Effect.runPromise))

  it("is no address in text, nor in a redirect", () => {
    for (const text of [`${host}:7000`, `[${host}]:7000`, `unix:/${host}\0`]) {
      const problem = failureOf(Address.parse(text))
      assert.notStrictEqual(problem, "it was read")
      assertHarmless(problem)
    }
    assert.isUndefined(Address.fromRedirect(`${host}:7000`, Address.tcp("a", 1)))
    for (const code of ["MOVED", "ASK"]) {
      assertHarmless(reasonOf(new Resp.ReplyError(`${code} 7 ${host.replaceAll(" ", "")}:7000`), Redis.ping()).message)
    }
  })

  it("costs a layout that node only, and its other names", () => {
    const origin = Address.tcp("a", 7000)
    const facts = new Map([["ip", host], ["hostname", host], ["availability-zone", host]])
    const slots = Result.getOrThrow(
      SlotMap.fromClusterSlots([[0, 9, ["a", 7000, host, facts], [host, 7001]]], { origin })
    )
    assert.deepStrictEqual([...slots.nodes.keys()], ["a:7000"])
    const node = slots.nodes.get("a:7000")
    assert.deepStrictEqual(node?.aliases, [])
    assertHarmless(`${node?.id} ${node?.availabilityZone}`)
    assertHarmless(SlotMap.describe(slots).replaceAll("\n", " "))
    const member = (endpoint: string, role: string) => ["id", "x", "port", 7000, "endpoint", endpoint, "role", role]
    const shards = Result.getOrThrow(
      SlotMap.fromClusterShards([["slots", [0, 9], "nodes", [member("a", "master"), member(host, "replica")]]], {
        origin
      })
    )
    assert.deepStrictEqual([...shards.nodes.keys()], ["a:7000"])
    assertHarmless(failureOf(SlotMap.fromClusterSlots([[0, 9, [host, 7000]]], { origin })))
    assertHarmless(failureOf(SlotMap.fromClusterSlots([[0, 9, host]], { origin })))
    assertHarmless(failureOf(SlotMap.fromClusterSlots(host, { origin })))
    assertHarmless(failureOf(SlotMap.fromClusterSlots(new Resp.ReplyError(`ERR ${host}`), { origin })))
  })

  it("is not followed, and not repeated to who sees the redirect", () =>
    Effect.gen(function*() {
      const { a, run, service } = yield* connected()
      // Over the wire half a character becomes a whole one, that says so.
      const text = host.replaceAll(/\s/g, "\u0001").replaceAll("\ud800", "\u0001")
      a.on("GET", Reply.error(`MOVED ${slotOfA} ${text}:7000`))
      const error = yield* Effect.flip(run(RedirectPolicy.provide(Redis.get(keyOfA), RedirectPolicy.none)))
      assertHarmless(error.message)
      assert.strictEqual((yield* service.topology.current).nodes.size, 3)
    }).pipe(Effect.scoped, Effect.runPromise))
})

it("ordinary hosts are read as ever", () => {
  for (
    const host of ["redis-1.example.com", "redis_1", "bücher.example", "10.0.0.1", "fe80::1%eth0", "a".repeat(253)]
  ) {
    const address = Result.getOrThrow(Address.parse(`${host}:7000`))
    assert.strictEqual(Address.fromRedirect(`${host}:7000`, address)?.key, address.key)
    assert.isTrue(Address.isAddress(address))
  }
})
