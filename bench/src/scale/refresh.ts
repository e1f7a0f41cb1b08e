/**
 * The cost of learning the slot map anew, in total and by steps.
 */
import { Address, RedisCluster, Resp, SlotMap } from "@redisc/core"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { Answering } from "../answering/answering.ts"
import { clientOf, connect } from "../answering/client.ts"
import { addressOf, contiguous, fragmented, slotsReply, withSlotMoved } from "../answering/layout.ts"
import type { Layout } from "../answering/layout.ts"
import { perCall, perRun } from "./cost.ts"
import * as Section from "./section.ts"

/** The number of repetitions: fewer for larger layouts. */
const timesOf = (layout: Layout): number => Math.ceil(Math.min(100, Math.max(2, 10_000 / layout.length)))
const origin = Result.getOrThrow(Address.parse(addressOf(0)))
const second = Result.getOrThrow(Address.parse(addressOf(1)))

const decode = (bytes: Uint8Array): Resp.Value => {
  let reply: Resp.Value = null
  const decoder = new Resp.Decoder({
    wantsBytes: () => false,
    onPush: () => {},
    onReply: (value) => {
      reply = value
    }
  })
  decoder.push(bytes)
  return reply
}

const build = (reply: Resp.Value): SlotMap.SlotMap => Result.getOrThrow(SlotMap.fromClusterSlots(reply, { origin }))

const measure = (layout: Layout) => {
  const answering = new Answering(layout)
  const times = timesOf(layout)
  const before = answering.slots
  const after = slotsReply(withSlotMoved(layout))
  const move = Effect.sync(() => {
    answering.slots = answering.slots === before ? after : before
  })
  const program = Effect.gen(function*() {
    const { refresh } = yield* RedisCluster.RedisCluster
    yield* connect
    const same = yield* perRun(refresh, times, 3)
    const moved = yield* perRun(Effect.andThen(move, refresh), times, 3)
    const reply = decode(before)
    const map = build(reply)
    const next = build(decode(after))
    return {
      bytes: before.length / 1024,
      same: same.processor / 1000,
      samePassed: same.passed / 1000,
      moved: moved.processor / 1000,
      movedPassed: moved.passed / 1000,
      decode: (yield* perCall(() => decode(before), times)) / 1000,
      build: (yield* perCall(() => build(reply), times)) / 1000,
      fingerprint: (yield* perCall(() => SlotMap.fingerprint(map), times)) / 1000,
      diff: (yield* perCall(() => SlotMap.diff(map, next), times)) / 1000,
      patch: (yield* perCall(() => SlotMap.patch(map, 0, second), times)) / 1000
    }
  })
  return Effect.runPromise(Effect.provide(program, clientOf(answering)))
}

const milliseconds = (heading: string) => ({ heading, digits: 2 })

export const refresh = Section.make({
  title: "A refresh of the slot map, in milliseconds",
  columns: {
    bytes: { heading: "reply, KiB", digits: 1 },
    same: milliseconds("unchanged"),
    samePassed: milliseconds("(passed)"),
    moved: milliseconds("slot moved"),
    movedPassed: milliseconds("(passed)"),
    decode: milliseconds("decode"),
    build: milliseconds("build"),
    fingerprint: milliseconds("fingerprint"),
    diff: milliseconds("diff"),
    patch: milliseconds("patch")
  },
  cases: [
    ...Section.sizes.map((nodes) => ({ label: `${nodes} nodes`, measure: () => measure(contiguous(nodes)) })),
    ...[3, 1000].map((nodes) => ({ label: `${nodes}, fragmented`, measure: () => measure(fragmented(nodes)) }))
  ],
  notes: [
    "processor time, and behind it the time that passed; up to five nodes are asked, so a refresh reads five replies",
    "steps, for one reply: decode it; build the map; its vote; its difference to the map with a slot moved; the map after",
    "a MOVED. Fragmented: each of the 16384 slots is a range by itself"
  ]
})
