/**
 * The map of servers without cluster mode: the one that says that it is the primary has all slots, and those that copy it answer
 * reads. Which one that is may change at any time, by hand or behind a name.
 *
 * Source: https://redis.io/docs/latest/commands/role/
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Address from "../../Address.ts"
import { NodePool } from "../../NodePool.ts"
import * as RedisError from "../../RedisError.ts"
import * as Slot from "../../Slot.ts"
import * as SlotMap from "../../SlotMap.ts"
import { unsent } from "../failures/failure.ts"
import * as Settings from "../values/settings.ts"
import { seeds } from "./clusterSource.ts"
import { roleOf } from "./role.ts"
import type { Role } from "./role.ts"
import type { Discovery, Source } from "./source.ts"
import type { Unheard } from "./survey.ts"

/**
 * How to find a server without cluster mode.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface StandaloneOptions {
  /**
   * The server; or a primary and its replicas, in any order: each is asked for its role. If none of them is the primary, it is
   * looked for where the replicas say.
   */
  readonly servers: ReadonlyArray<Address.Address>
  /**
   * Translates the address at which a replica, or a redirect, says that the primary is, to the address to connect to. If it throws
   * or returns something else, that address is not used.
   */
  readonly addressMap?: ((announced: Address.Address) => Address.Address) | undefined
}

/** The error of a search for a primary. */
export const noPrimary = (attempts: ReadonlyArray<Unheard>): RedisError.RedisError =>
  unsent(new RedisError.DiscoveryFailed({ attempts, wanted: "primary" }))

/** How long to wait for the others once one has said that it is the primary. */
const laggardTimeout = "300 millis"
/** How often a replica's word for where the primary is leads on to the next server. */
const hops = 3

const allSlots = [[0, Slot.count - 1]] as const

/** The map of a primary that has everything, with its replicas. */
export const mapOf = (primary: Address.Address, replicas: ReadonlyArray<Address.Address>): SlotMap.SlotMap =>
  Result.getOrThrow(SlotMap.make([{
    primary,
    replicas: replicas.filter(({ key }) => key !== primary.key),
    slots: allSlots
  }]))

interface Answer {
  readonly address: Address.Address
  readonly role: Role
}

interface Heard {
  readonly answers: ReadonlyArray<Answer>
  readonly failures: ReadonlyArray<Unheard>
}

/** Asks all servers at once. One that hangs holds up nobody for long once another is the primary. */
const askAll = Effect.fnUntraced(function*(
  pool: NodePool["Service"],
  addresses: Iterable<Address.Address>
): Effect.fn.Return<Heard> {
  const answers: Array<Answer> = []
  const failures: Array<Unheard> = []
  const found = Deferred.makeUnsafe<void>()
  const asking = Effect.forEach(addresses, (address) =>
    Effect.match(roleOf(pool.node(address)), {
      onSuccess: (role) => {
        answers.push({ address, role })
        if (role._tag === "Primary") Deferred.doneUnsafe(found, Effect.void)
      },
      onFailure: (problem) => {
        failures.push({ node: address.key, problem })
      }
    }), { concurrency: "unbounded", discard: true })
  yield* Effect.raceFirst(asking, Effect.andThen(Deferred.await(found), Effect.sleep(laggardTimeout)))
  return { answers, failures }
})

/** Whether an address is a name, behind which another server may be by now. */
const isNamed = (address: Address.Address): boolean => address._tag === "Tcp" && !/^[\d.]+$|:/.test(address.host)

const distinct = (addresses: ReadonlyArray<Address.Address>): ReadonlyArray<Address.Address> =>
  Array.from(new Map(addresses.map((address) => [address.key, address])).values())

const why: Readonly<Record<Role["_tag"], string>> = {
  Primary: "another one is the primary",
  Replica: "it is a replica, and its primary can't be reached",
  Sentinel: "it is a Sentinel: use Topology.sentinel({ name, sentinels })",
  Unknown: "another one is used"
}

const clustered = "it answers MOVED, so it is a node of a cluster: use Topology.cluster"

const open = Effect.fnUntraced(function*({ addressMap, servers }: StandaloneOptions) {
  const pool = yield* NodePool
  let primary: Address.Address | undefined
  let replicas: ReadonlyArray<Address.Address> = []
  /** Where a redirect said that the primary is. */
  let hint: Address.Address | undefined
  let clusterNode: string | undefined

  const given = new Set(servers.map(({ key }) => key))

  const primaryOf = ({ role }: Answer): Address.Address | undefined =>
    role._tag === "Replica" && role.primary !== undefined
      ? Result.getOrUndefined(Address.mapped(addressMap, role.primary))
      : undefined

  /** How good a claim to be the primary is. A server that does not tell its role is taken for one if no other is there. */
  const claimOf = ({ address: { key }, role }: Answer, answers: ReadonlyArray<Answer>): number => {
    if (role._tag === "Unknown") return 1
    if (role._tag !== "Primary") return 0
    if (answers.some((other) => primaryOf(other)?.key === key)) return 5
    if (!given.has(key)) return 2
    return key === primary?.key ? 4 : 3
  }

  const elect = (answers: ReadonlyArray<Answer>): Address.Address | undefined => {
    const inOrder = [...servers.flatMap(({ key }) => answers.filter(({ address }) => address.key === key)), ...answers]
    let best: Answer | undefined
    for (const one of inOrder) {
      if (claimOf(one, answers) > (best === undefined ? 0 : claimOf(best, answers))) best = one
    }
    return best?.address
  }

  /** Asks the servers, then those behind whose names another one may be by now, then where the replicas say. */
  const ask = Effect.gen(function*() {
    const known = distinct([
      ...servers,
      ...(primary === undefined ? [] : [primary]),
      ...(hint === undefined ? [] : [hint])
    ])
    let { answers, failures } = yield* askAll(pool, known)
    const demoted = answers.filter(({ address, role }) =>
      role._tag === "Replica" && isNamed(address) && (address.key === primary?.key || servers.length === 1)
    )
    if (demoted.length > 0) {
      for (const { address } of demoted) pool.renew(address)
      const anew = yield* askAll(pool, demoted.map(({ address }) => address))
      answers = [...answers.filter((answer) => !demoted.includes(answer)), ...anew.answers]
      failures = [...failures, ...anew.failures]
    }
    const asked = new Set(known.map(({ key }) => key))
    for (let i = 0; i < hops && elect(answers) === undefined; i++) {
      const next = distinct(answers.flatMap((answer) => primaryOf(answer) ?? [])).filter(({ key }) => !asked.has(key))
      if (next.length === 0) break
      for (const { key } of next) asked.add(key)
      const more = yield* askAll(pool, next)
      answers = [...answers, ...more.answers]
      failures = [...failures, ...more.failures]
    }
    return { answers, failures }
  })

  const learn = Effect.gen(function*(): Effect.fn.Return<SlotMap.SlotMap, RedisError.RedisError> {
    if (clusterNode !== undefined) {
      const node = clusterNode
      clusterNode = undefined
      return yield* noPrimary([{ node, problem: clustered }])
    }
    const { answers, failures } = yield* ask
    const elected = elect(answers)
    if (elected === undefined) {
      return yield* noPrimary([
        ...failures,
        ...answers.map(({ address, role }) => ({ node: address.key, problem: why[role._tag] }))
      ])
    }
    if (elected.key !== hint?.key) hint = undefined
    primary = elected
    replicas = answers.flatMap(({ address, role }) =>
      role._tag === "Replica" && given.has(address.key) ? [address] : []
    )
    return mapOf(primary, replicas)
  })

  const discovery: Discovery = {
    oneSlot: false,
    learn,
    redirects: {
      addressOf: (announced) => Address.mapped(addressMap, announced),
      promote: (map, address) => {
        hint = address
        // All that was under way at the old primary is redirected: the first of it has changed the map.
        return SlotMap.shardOf(map, 0)?.primary?.address.key === address.key ? map : mapOf(address, replicas)
      },
      patch: (map, _slot, address) => {
        clusterNode = address.key
        return map
      },
      patchAll: (map) => map,
      serves: () => {},
      disclaim: (map) => map
    }
  }
  return discovery
})

/** The checks of the options. */
const checks: Settings.Checks = { servers: seeds, addressMap: Settings.aFunction }

export const make = (options: StandaloneOptions): Source => ({
  open: Effect.suspend(() => {
    const problem = Settings.optionsProblem(options, checks) ?? seeds("servers", options.servers)
    return problem === undefined ? open(options) : Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))
  })
})
