/**
 * Who serves what, as the client believes it now: one immutable slot map in a Ref, swapped whole, and observable.
 *
 * The map is learnt by asking several nodes and believing the view that most of them share, and is corrected at once by
 * what redirects tell. Learning happens beside the commands and never holds one up.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Random from "effect/Random"
import * as Ref from "effect/Ref"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { read as readAddress } from "./Address.ts"
import type { Address } from "./Address.ts"
import { Connector } from "./Connector.ts"
import { unsent } from "./internal/failures/failure.ts"
import { Layouts } from "./internal/topology/layouts.ts"
import { Patches } from "./internal/topology/patches.ts"
import * as Survey from "./internal/topology/survey.ts"
import * as Vote from "./internal/topology/vote.ts"
import * as Settings from "./internal/values/settings.ts"
import { NodePool } from "./NodePool.ts"
import * as RedisError from "./RedisError.ts"
import * as SlotMap from "./SlotMap.ts"

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  /** Nodes to ask first, and again when all known ones are gone. */
  readonly seeds: ReadonlyArray<Address>
  /**
   * From the address that a node announces to the one to connect to, for clusters behind NAT. When it throws, or answers
   * what is no address, a refresh fails and is tried again, and a command that was redirected fails.
   */
  readonly addressMap?: ((announced: Address) => Address) | undefined
  /** How often the map is learnt anew without a reason. Default 1 minute. */
  readonly refreshInterval?: Duration.Input | undefined
  /** Told of each refresh that failed in the background. */
  readonly onFailure?: ((error: RedisError.RedisError) => void) | undefined
  /**
   * Told of each refresh when it begins.
   *
   * @internal
   */
  readonly onRefresh?: (() => void) | undefined
  /**
   * Told of each refresh when it has ended, and of the nodes that it brought; of none if it failed.
   *
   * @internal
   */
  readonly onRefreshed?: ((nodes: SlotMap.SlotMap["nodes"] | undefined) => void) | undefined
}

/**
 * A swap of the slot map.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change extends SlotMap.Changes {
  readonly before: SlotMap.SlotMap
  readonly after: SlotMap.SlotMap
}

/**
 * **Example** (Watching slots move)
 *
 * ```ts
 * import { RedisCluster } from "@redisc/core"
 * import { Effect, Stream } from "effect"
 *
 * const watch = Effect.flatMap(RedisCluster.RedisCluster, ({ topology }) =>
 *   Stream.runForEach(topology.changes, ({ moved }) => Effect.log(`${moved.length} ranges of slots have moved`)))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Topology extends Context.Service<Topology, {
  readonly current: Effect.Effect<SlotMap.SlotMap>
  /** Every swap from now on that changed something, until the client ends. Who is slow gets several as one. */
  readonly changes: Stream.Stream<Change>
  /**
   * Learns the map anew. Callers that come while that is under way share it. It fails when nobody tells a map that could
   * take the place of the one that is known, which stays then.
   */
  readonly refresh: Effect.Effect<SlotMap.SlotMap, RedisError.RedisError>
  /** How often the map has been learnt. */
  readonly refreshes: () => number
  /**
   * Notes what a MOVED told: the slot is at that address. It holds, whatever most nodes say, until that node says MOVED
   * itself or can't be reached, or the view that is believed has it too. `from` is the key of the node that told it.
   */
  readonly patch: (slot: number, address: Address, from?: string) => Effect.Effect<void>
  /**
   * Notes that a node has answered a command on a slot that a MOVED gave it.
   *
   * @internal
   */
  readonly serves: (slot: number, node: string) => void
  /**
   * Takes back what a MOVED told: the node that it named does not have the slot either.
   *
   * @internal
   */
  readonly disclaim: (slot: number, node: string) => Effect.Effect<void>
  /** Asks for a refresh in the background, soon; many requests make one refresh. */
  readonly requestRefresh: () => void
  /** @internal */
  readonly currentUnsafe: () => SlotMap.SlotMap
  /**
   * When the nodes were asked whose answers made the map, in milliseconds of the Clock.
   *
   * @internal
   */
  readonly learntAt: () => number
  /** Keeps connections to a node that is not (yet) in the map, such as the target of an ASK. */
  readonly keep: (address: Address) => void
}>()("@redisc/core/Topology") {}

/** How many nodes are asked at once, and how many targets of redirects besides. */
const voters = 5
/** Pauses between background refreshes, in milliseconds: short at first, longer while they bring nothing new. */
const minPause = 100
const maxPause = 400
/** After how long, in milliseconds, a refresh that failed is tried again without another reason. */
const retryPause = 1000
/** How long, in milliseconds, connections are kept to a node that the map does not have. */
const keepFor = 10_000
/** How many changes wait for a listener that is slow. What is more becomes one. */
const changesKept = 64

const discoveryFailed = (attempts: ReadonlyArray<Survey.Unheard>): RedisError.RedisError =>
  unsent(new RedisError.DiscoveryFailed({ attempts }))

/**
 * What those of the options may be that a cluster has as well.
 *
 * @internal
 */
export const checks: Settings.Checks = { addressMap: Settings.aFunction, refreshInterval: Settings.duration }

/**
 * Addresses to begin with, of which there has to be one at the least.
 *
 * @internal
 */
export const seedsProblem = (name: string, value: unknown): string | undefined => {
  if (!Array.isArray(value)) return `${name} has to be an array of addresses: write ["127.0.0.1:6379"]`
  if (value.length === 0) return `${name} is empty: give the address of at least one node of the cluster`
  for (let i = 0; i < value.length; i++) {
    const read = readAddress(value[i])
    if (Result.isFailure(read)) return `${name}[${i}]: ${read.failure}`
  }
  return undefined
}

const seeds: Settings.Check = (name, value) =>
  seedsProblem(name, value) ?? ((value as ReadonlyArray<unknown>).some((each) => typeof each === "string")
    ? `${name} have to be addresses: read text with Address.parse`
    : undefined)

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Topology["Service"], RedisError.RedisError, Scope.Scope | NodePool | Connector> {
  const problem = Settings.optionsProblem(options, {
    ...checks,
    seeds,
    onFailure: Settings.aFunction,
    onRefresh: Settings.aFunction,
    onRefreshed: Settings.aFunction
  }) ??
    seeds("seeds", options.seeds)
  if (problem !== undefined) {
    return yield* unsent(new RedisError.InvalidArgument({ problem }))
  }
  const pool = yield* NodePool
  const { secure } = yield* Connector
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const swaps = yield* PubSub.sliding<SlotMap.SlotMap>(changesKept)
  yield* Effect.addFinalizer(() => PubSub.shutdown(swaps))
  const requested = Latch.makeUnsafe(false)
  const patches = new Patches()
  const kept = new Map<string, number>()
  const poll = Survey.make(pool, new Layouts(voters, { addressMap: options.addressMap, tls: secure }))
  const ref = Ref.makeUnsafe(SlotMap.empty)
  const current = (): SlotMap.SlotMap => Ref.getUnsafe(ref)
  let believed: Vote.View | undefined
  let running: Deferred.Deferred<SlotMap.SlotMap, RedisError.RedisError> | undefined
  let refreshes = 0
  let learntAt = 0
  let failing = false
  let judgeableAt: number | undefined

  const swap = (map: SlotMap.SlotMap): Effect.Effect<SlotMap.SlotMap> =>
    Effect.suspend(() =>
      map === current()
        ? Effect.succeed(map)
        : Effect.as(Effect.andThen(Ref.set(ref, map), PubSub.publish(swaps, map)), map)
    )

  const isLost = (address: Address): boolean => pool.nodes().get(address.key)?.isLost() ?? false

  /** Nodes to ask: known ones in random order, those first that are not known to be lost. */
  const candidates = Effect.gen(function*() {
    const known = Array.from(believed?.map.nodes.values() ?? [], ({ address }) => address)
    const shuffled = yield* Random.shuffle(known)
    return [...shuffled.filter((address) => !isLost(address)), ...shuffled.filter(isLost)]
  })

  /** Connections to nodes that the map does not have are closed, but for those that were just asked for. */
  const retain = (map: SlotMap.SlotMap): void => {
    const now = clock.currentTimeMillisUnsafe()
    const retained = new Set(map.nodes.keys())
    for (const [key, until] of kept) {
      if (until > now) retained.add(key)
      else kept.delete(key)
    }
    const replicas = Array.from(map.nodes.values()).filter(({ role }) => role === "replica")
    pool.retain(retained, new Set(replicas.map(({ address }) => address.key)))
  }

  const learn = Effect.gen(function*() {
    const startedAt = clock.currentTimeMillisUnsafe()
    const known = yield* candidates
    const targets = patches.targets().slice(0, voters)
    const isUncontested = (view: Vote.View): boolean => Vote.objection(view, believed, false) === undefined
    let asked = known.slice(0, voters)
    const { failures, testimony, views } = yield* poll(asked, targets, isUncontested)
    // Whoever is silent, or thinks the cluster down, leaves it to all the others, and to whom the names of the seeds
    // lead by now.
    if (!views.some((view) => Vote.isSound(view) && isUncontested(view))) {
      const others = [...known.slice(voters), ...targets, ...options.seeds]
      const rest = new Map(others.map((address) => [address.key, address]))
      for (const { node } of views) rest.delete(node)
      asked = [...asked, ...rest.values()]
      const second = yield* poll([...rest.values()], [], isUncontested)
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
      // The name of a seed may lead elsewhere by the next time, so it is connected to anew.
      retain(current())
      for (const { node } of acceptable) failures.push({ node, problem: "what it tells is older than what is known" })
      return yield* discoveryFailed(failures)
    }
    believed = elected
    judgeableAt = patches.settle(
      elected,
      { views: testimony, asked: new Set(targets.map(({ key }) => key)), isLost },
      startedAt
    )
    const map = patches.applyTo(elected.map)
    retain(map)
    refreshes++
    learntAt = startedAt
    return yield* swap(map)
  })

  const closed = Effect.fail(unsent(new RedisError.Closed()))
  const isClosed = (): boolean => scope.state._tag === "Closed"
  const died = Effect.suspend(() =>
    Effect.fail(discoveryFailed([{ node: "the client", problem: "learning the layout ended without a result" }]))
  )

  // Whoever begins a refresh may be interrupted, but not between noting that it runs and starting it.
  const refresh = Effect.uninterruptibleMask((restore) => {
    if (running !== undefined) return restore(Deferred.await(running))
    if (isClosed()) return closed
    const result = Deferred.makeUnsafe<SlotMap.SlotMap, RedisError.RedisError>()
    running = result
    options.onRefresh?.()
    const work = Effect.onExit(Effect.interruptible(learn), (exit) =>
      Effect.sync(() => {
        running = undefined
        const failed = Exit.isFailure(exit) && Cause.hasFails(exit.cause)
        Deferred.doneUnsafe(result, Exit.isSuccess(exit) || failed ? exit : isClosed() ? closed : died)
        if (!isClosed()) options.onRefreshed?.(Exit.isSuccess(exit) ? exit.value.nodes : undefined)
      }))
    return Effect.andThen(
      Effect.forkIn(work, scope, { uninterruptible: true }),
      restore(Deferred.await(result))
    )
  })

  const tell = (error: RedisError.RedisError): Effect.Effect<void> => {
    const isFirst = !failing
    failing = true
    return Effect.andThen(
      Effect.ignoreCause(Effect.sync(() => options.onFailure?.(error))),
      isFirst ? Effect.ignoreCause(Effect.logWarning(error.message)) : Effect.void
    )
  }

  let pause = minPause
  const turn = Effect.gen(function*() {
    const now = clock.currentTimeMillisUnsafe()
    const due = failing ? retryPause : judgeableAt === undefined ? Infinity : Math.max(0, judgeableAt - now)
    yield* due === Infinity ? requested.await : Effect.timeoutOption(requested.await, due)
    yield* requested.close
    const before = SlotMap.fingerprint(current())
    const learnt = yield* Effect.result(refresh)
    if (Result.isSuccess(learnt)) failing = false
    // The client ends, which is nothing to warn of.
    else if (!isClosed()) yield* tell(learnt.failure)
    pause = SlotMap.fingerprint(current()) !== before ? minPause : Math.min(pause * 2, maxPause)
    yield* Effect.sleep(pause * (0.5 + (yield* Random.next)))
  })

  const requestRefresh = (): void => {
    requested.openUnsafe()
  }

  pool.onTrouble(requestRefresh)
  yield* refresh
  yield* Effect.forkScoped(foreverDespite(turn))
  const interval = Duration.fromInputUnsafe(options.refreshInterval ?? "1 minute")
  if (Duration.isFinite(interval)) {
    const jittered = Effect.flatMap(Random.next, (random) => Effect.sleep(Duration.times(interval, 0.75 + random / 2)))
    yield* Effect.forkScoped(foreverDespite(Effect.andThen(jittered, Effect.sync(requestRefresh))))
  }

  const changes = Stream.unwrap(Effect.map(PubSub.subscribe(swaps), (subscription) =>
    Stream.mapAccum(
      Stream.fromSubscription(subscription),
      current,
      (before, after): readonly [SlotMap.SlotMap, ReadonlyArray<Change>] => {
        const diff = SlotMap.diff(before, after)
        const same = diff.added.length + diff.removed.length + diff.roleChanged.length + diff.moved.length === 0
        return [after, same ? [] : [{ ...diff, before, after }]]
      }
    )))

  return Topology.of({
    current: Ref.get(ref),
    changes,
    refresh,
    refreshes: () => refreshes,
    patch: (slot, address, from) =>
      Effect.suspend(() => {
        requestRefresh()
        return patches.note(slot, address, clock.currentTimeMillisUnsafe(), from)
          ? swap(SlotMap.patch(current(), slot, address))
          : Effect.void
      }),
    serves: (slot, node) => patches.serves(slot, node),
    disclaim: (slot, node) =>
      Effect.suspend(() => {
        const map = believed?.map
        return map === undefined || !patches.disclaim(slot, node) ? Effect.void : swap(patches.applyTo(map))
      }),
    requestRefresh,
    currentUnsafe: current,
    learntAt: () => learntAt,
    keep: (address) => {
      kept.set(address.key, clock.currentTimeMillisUnsafe() + keepFor)
    }
  })
})

/** Does something over and over, also after it died: what users gave us is in it. */
const foreverDespite = (effect: Effect.Effect<void>): Effect.Effect<never> =>
  Effect.forever(Effect.catchCauseIf(
    effect,
    (cause) => !Cause.hasInterrupts(cause),
    () => Effect.sleep(maxPause)
  ))

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Topology, RedisError.RedisError, NodePool | Connector> =>
  Layer.effect(Topology, make(options))
