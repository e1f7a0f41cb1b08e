/**
 * The slot map of a Redis Cluster: asks several nodes, takes the view that most of them share, and corrects it by redirects.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { mapped, read as readAddress } from "../../Address.ts"
import type { Address } from "../../Address.ts"
import { Connector } from "../../Connector.ts"
import { NodePool } from "../../NodePool.ts"
import * as RedisError from "../../RedisError.ts"
import * as SlotMap from "../../SlotMap.ts"
import { unsent } from "../failures/failure.ts"
import * as Settings from "../values/settings.ts"
import { Layouts } from "./layouts.ts"
import { Patches } from "./patches.ts"
import type { Discovery, Source } from "./source.ts"
import * as Survey from "./survey.ts"
import * as Vote from "./vote.ts"

/**
 * How to find a cluster.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface ClusterOptions {
  /** Nodes to ask first, and again when all known ones are gone. */
  readonly seeds: ReadonlyArray<Address>
  /**
   * Translates the address that a node announces to the address to connect to, for clusters behind NAT. If it throws or returns
   * something else, a refresh fails and is tried again, and a redirected command fails.
   */
  readonly addressMap?: ((announced: Address) => Address) | undefined
}

/** The number of nodes that are asked at once. As many targets of redirects are asked beside them. */
const voters = 5

/** Checks the seeds, of which there has to be at least one. Text counts as an address. */
export const seedsProblem = (name: string, value: unknown): string | undefined => {
  if (!Array.isArray(value)) return `${name} has to be an array of addresses: write ["127.0.0.1:6379"]`
  if (value.length === 0) return `${name} is empty: give the address of at least one node`
  for (let i = 0; i < value.length; i++) {
    const read = readAddress(value[i])
    if (Result.isFailure(read)) return `${name}[${i}]: ${read.failure}`
  }
  return undefined
}

/** Checks that they are addresses, of which there has to be at least one. */
export const seeds: Settings.Check = (name, value) =>
  seedsProblem(name, value) ?? ((value as ReadonlyArray<unknown>).some((each) => typeof each === "string")
    ? `${name} have to be addresses: read text with Address.parse`
    : undefined)

/** The checks of the options. */
export const checks: Settings.Checks = { seeds, addressMap: Settings.aFunction }

/** The problem with the options; undefined if there is none. `more` are the checks of further options in the same object. */
export const problemOf = (options: unknown, more: Settings.Checks = {}): string | undefined =>
  Settings.optionsProblem(options, { ...checks, ...more }) ?? seeds("seeds", (options as ClusterOptions).seeds)

export const discoveryFailed = (attempts: ReadonlyArray<Survey.Unheard>): RedisError.RedisError =>
  unsent(new RedisError.DiscoveryFailed({ attempts }))

const open = Effect.fnUntraced(function*(options: ClusterOptions) {
  const problem = problemOf(options)
  if (problem !== undefined) return yield* unsent(new RedisError.InvalidArgument({ problem }))
  const { addressMap, seeds } = options
  const pool = yield* NodePool
  const { secure } = yield* Connector
  if (addressMap === undefined) pool.given(seeds)
  const clock = yield* Clock.Clock
  const patches = new Patches()
  const poll = Survey.make(pool, new Layouts(voters, { addressMap, tls: secure }))
  let believed: Vote.View | undefined
  let judgeableAt: number | undefined

  const isLost = (address: Address): boolean => pool.nodes().get(address.key)?.isLost() ?? false

  /** Nodes to ask: the known ones in random order, with those last that are known to be lost. */
  const candidates = Effect.gen(function*() {
    const known = Array.from(believed?.map.nodes.values() ?? [], ({ address }) => address)
    const shuffled = yield* Random.shuffle(known)
    return [...shuffled.filter((address) => !isLost(address)), ...shuffled.filter(isLost)]
  })

  const learn = Effect.gen(function*(): Effect.fn.Return<SlotMap.SlotMap, RedisError.RedisError> {
    const startedAt = clock.currentTimeMillisUnsafe()
    const known = yield* candidates
    const targets = patches.toAsk(voters, startedAt)
    const isUncontested = (view: Vote.View): boolean => Vote.objection(view, believed, false) === undefined
    let asked = known.slice(0, voters)
    const { failures, testimony, views } = yield* poll(asked, targets, isUncontested, believed !== undefined)
    // If none of these nodes has a view that can win, ask all the others, and the seeds, whose names may lead to other nodes by
    // now.
    if (!views.some((view) => Vote.isSound(view) && isUncontested(view))) {
      const others = [...known.slice(voters), ...targets, ...seeds]
      const rest = new Map(others.map((address) => [address.key, address]))
      for (const { node } of views) rest.delete(node)
      // Nor those that have not answered yet: they hang.
      const failed = new Set(failures.map(({ node }) => node))
      for (const { key } of asked) if (!failed.has(key)) rest.delete(key)
      asked = [...asked, ...rest.values()]
      const second = yield* poll([...rest.values()], [], isUncontested, believed !== undefined)
      views.push(...second.views)
      failures.push(...second.failures)
    }
    const isAbandoned = known.every((address) => {
      const own = views.find(({ node }) => node === address.key)
      return own === undefined ? isLost(address) : believed !== undefined && Vote.hasLeft(own, believed)
    })
    const acceptable: Array<Vote.View> = []
    for (const view of views) {
      const problem = Vote.objection(view, believed, isAbandoned)
      if (problem === undefined) acceptable.push(view)
      else failures.push({ node: view.node, problem })
    }
    const elected = Vote.elect(acceptable, asked.length, isAbandoned ? undefined : believed)
    if (elected === undefined) {
      for (const { node } of acceptable) failures.push({ node, problem: "what it tells is older than what is known" })
      return yield* discoveryFailed(failures)
    }
    believed = elected
    judgeableAt = patches.settle(
      elected,
      { views: testimony, asked: new Set(targets.map(({ key }) => key)), isLost },
      startedAt
    )
    return patches.applyTo(elected.map)
  })

  const discovery: Discovery = {
    learn,
    dueAt: () => judgeableAt,
    redirects: {
      addressOf: (announced) => mapped(addressMap, announced),
      patch: (map, slot, address, from) => {
        if (!patches.note(slot, address, clock.currentTimeMillisUnsafe(), from)) return map
        const hasMadeRoom = believed !== undefined && patches.makeRoomFor(address, believed.map)
        return hasMadeRoom ? patches.applyTo(believed!.map) : SlotMap.patch(map, slot, address)
      },
      patchAll: (map, moved) => {
        const now = clock.currentTimeMillisUnsafe()
        const heeded = new Map<number, Address>()
        let hasMadeRoom = false
        for (const [slot, { address, from }] of moved) {
          if (!patches.note(slot, address, now, from)) continue
          heeded.set(slot, address)
          if (believed !== undefined && patches.makeRoomFor(address, believed.map)) hasMadeRoom = true
        }
        return hasMadeRoom ? patches.applyTo(believed!.map) : SlotMap.patchAll(map, heeded)
      },
      serves: (slot, node) => patches.serves(slot, node),
      disclaim: (map, slot, node) =>
        believed !== undefined && patches.disclaim(slot, node) ? patches.applyTo(believed.map) : map
    }
  }
  return discovery
})

export const make = (options: ClusterOptions): Source => ({
  open: Effect.suspend(() => open(options))
})
