/**
 * A Redis Cluster as one service: sends each command to the node that serves its slot, and handles redirects and failures.
 *
 * The path of a successful command is short: slot, map, node, shared connection, and one suspension of the fiber. Only failures
 * go through `internal/execution/redirects.ts`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Address from "./Address.ts"
import { Client } from "./Client.ts"
import * as Command from "./Command.ts"
import { Connector } from "./Connector.ts"
import * as CrossSlot from "./CrossSlot.ts"
import { Cache } from "./internal/caching/cache.ts"
import type { Stats as CacheStats } from "./internal/caching/counts.ts"
import { addStats } from "./internal/connection/node.ts"
import { logging } from "./internal/connection/strays.ts"
import type { Cluster } from "./internal/execution/cluster.ts"
import { ClusterRouter } from "./internal/execution/clusterRouter.ts"
import { Executor } from "./internal/execution/executor.ts"
import { FirstMap, known } from "./internal/execution/firstMap.ts"
import { healthOf } from "./internal/execution/health.ts"
import type { Health } from "./internal/execution/health.ts"
import { Replicas } from "./internal/execution/replicas.ts"
import { TurnClock } from "./internal/execution/turnClock.ts"
import { WaitingRoom } from "./internal/execution/waitingRoom.ts"
import { toError, unsent } from "./internal/failures/failure.ts"
import { Hub } from "./internal/pubsub/hub.ts"
import { discoveryFailed, seedsProblem } from "./internal/topology/clusterSource.ts"
import { sourceProblem } from "./internal/topology/guarded.ts"
import * as Settings from "./internal/values/settings.ts"
import { check as checkZone } from "./internal/values/zone.ts"
import * as NodePool from "./NodePool.ts"
import * as ReadFrom from "./ReadFrom.ts"
import * as RedirectPolicy from "./RedirectPolicy.ts"
import * as RedisError from "./RedisError.ts"
import type * as SlotMap from "./SlotMap.ts"
import * as Topology from "./Topology.ts"

export type { Stats as CacheStats } from "./internal/caching/counts.ts"
export type { AwayNode, Health, Status } from "./internal/execution/health.ts"
export type { BackgroundFailure } from "./Topology.ts"

/**
 * How commands are executed.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface ClientOptions {
  /** How to handle redirects and failures. Default {@link RedirectPolicy.standard}. */
  readonly redirects?: RedirectPolicy.RedirectPolicy | undefined
  /** The nodes that answer reads. Replies of replicas may be stale: see {@link ReadFrom}. Default `"primary"`. */
  readonly readFrom?: ReadFrom.ReadFrom | undefined
  /** The availability zone that this program runs in, such as `"eu-west-1a"`, for a `readFrom` that prefers nodes of it. */
  readonly availabilityZone?: string | undefined
  /** What happens to commands with keys of several slots: see {@link CrossSlot}. Default `"split"`. */
  readonly crossSlot?: CrossSlot.CrossSlot | undefined
  /**
   * Whether replies are kept of commands that ask for it by `Cached.for`, and how many bytes of memory they may take: see `Cached`. Default
   * 64 MiB. With `"off"` such commands travel like any others.
   */
  readonly cache?: "off" | CacheOptions | undefined
  /** Replicas known to be further behind than this are used for reads only if no other node can answer. Default 10 seconds. */
  readonly maxReplicaLag?: Duration.Input | undefined
  /**
   * How many commands may wait for one shard that is away; further ones fail with `Overloaded`. Default no limit, and with
   * `failWhenFull` as many as `maxInFlight`.
   */
  readonly maxWaiting?: number | undefined
}

/**
 * The bound of the client's cache.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface CacheOptions {
  /** How many bytes of memory kept replies may take, all together. Default 64 MiB. */
  readonly maxBytes?: number | undefined
}

/**
 * The settings of a client whose map comes from a {@link Topology.Source}.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface SourceOptions extends ClientOptions, NodePool.Options {
  /**
   * What happens if Redis can't be reached when the layer is built:
   *
   * - `"fail"`: building it fails with `DiscoveryFailed`. Default.
   * - `"wait"`: building it takes until the map is learnt, and fails once the patience of `redirects` ends.
   * - `"atOnce"`: it is built at once. Whatever is asked of it waits until the map is learnt, in the order in which it came, for as
   *   long as its redirect policy is patient, and fails unsent with the reason why the map can't be learnt. `health` tells it, too.
   */
  readonly startWhileAway?: "fail" | "wait" | "atOnce" | undefined
  /** The interval at which the map is learnt anew without a reason. Default 1 minute. */
  readonly refreshInterval?: Topology.RefreshOptions["refreshInterval"]
  /**
   * Which nodes a redirect may lead to. With `"knownNodes"`, a redirect to a node that is not in the map fails with
   * `RedirectRefused`. Default `"anyNode"`: a new node is often known from a redirect first.
   */
  readonly redirectsTo?: Topology.RefreshOptions["redirectsTo"]
}

/**
 * The settings of a cluster client. Only `nodes` is needed.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends SourceOptions {
  /** Nodes to ask for the cluster's layout, such as `"10.0.0.1:6379"`, of any role. One that answers is enough. */
  readonly nodes: ReadonlyArray<string | Address.Address>
  /**
   * Translates the address that a node announces to the address to connect to, for clusters behind NAT. If it throws or returns
   * something else, a refresh fails and is tried again, and a redirected command fails.
   */
  readonly addressMap?: Topology.ClusterOptions["addressMap"]
}

/**
 * The statistics of one node. `redirects` counts the redirects that it has sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeStats extends NodePool.NodeStats {
  readonly redirects: number
}

/**
 * Counts since the start, and the state of each node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** MOVED and ASK replies that were followed. */
  readonly redirects: number
  /** Further tries for reasons other than redirects. */
  readonly retries: number
  /** The number of times that the slot map was learnt. */
  readonly refreshes: number
  /** How often servers have announced that slots have moved. */
  readonly slotHandoffs: number
  /** Commands that wait for nodes that are away, or for the first map. */
  readonly waiting: number
  /** The nodes, the single slots, and the replicas, that commands wait for. */
  readonly away: ReadonlyArray<Away>
  /** What the cache has done; undefined if there is none. */
  readonly cache: CacheStats | undefined
  /** The statistics of each node, by the key of its address. */
  readonly nodes: ReadonlyMap<string, NodeStats>
}

/**
 * Who is away: a node, by the key of its address, a slot that its node does not serve, or, as text, the nodes of a shard that
 * reads may go to; for how many milliseconds, why, and how often it was tried meanwhile on behalf of all who wait.
 *
 * @category models
 * @since 0.1.0
 */
export interface Away {
  readonly of: string | number
  readonly millis: number
  readonly reason: RedisError.Reason
  readonly tries: number
}

/**
 * The service of a cluster client.
 *
 * **Details**
 *
 * `execute` sends a command to the node that its keys belong to. A command without keys goes to any primary, or to all nodes if
 * it concerns the whole cluster (DBSIZE, FLUSHALL); their replies are merged into one before it is decoded. `Nodes` runs
 * commands on chosen nodes, whatever slots they serve.
 *
 * **Example** (Who serves how many slots)
 *
 * ```ts
 * import { RedisCluster } from "@redisc/core"
 * import { Effect } from "effect"
 *
 * const assigned = Effect.gen(function*() {
 *   const { topology } = yield* RedisCluster.RedisCluster
 *   return (yield* topology.current).assigned
 * })
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class RedisCluster extends Context.Service<RedisCluster, {
  readonly execute: <A>(command: Command.Command<A>) => Effect.Effect<A, RedisError.RedisError>
  readonly executeAll: Command.Redis["Service"]["executeAll"]
  readonly topology: Topology.Topology["Service"]
  readonly refresh: Effect.Effect<SlotMap.SlotMap, RedisError.RedisError>
  /** Failures in the background from now on. A slow consumer misses the oldest. */
  readonly failures: Stream.Stream<Topology.BackgroundFailure>
  readonly stats: Effect.Effect<Stats>
  /** How the client is, by what it knows: nothing is sent. */
  readonly health: Effect.Effect<Health>
  /** @internal */
  readonly client: Client["Service"]
}>()("@redisc/core/RedisCluster") {}

/** The default of `maxBytes`. */
const defaultCacheBytes = 64 * 1024 * 1024

const cacheCheck: Settings.Check = (name, value) => {
  if (value === "off") return undefined
  if (typeof value === "string") return `${name} has to be "off", or an object with maxBytes`
  return Settings.optionsProblem(value, { maxBytes: Settings.count }, name)
}

const clientChecks: Settings.Checks = {
  cache: cacheCheck,
  redirects: RedirectPolicy.check,
  readFrom: ReadFrom.check,
  availabilityZone: checkZone,
  crossSlot: CrossSlot.check,
  maxReplicaLag: Settings.duration,
  maxWaiting: Settings.count
}

/**
 * The checks of the options, for layers that take these options and others.
 *
 * **Example** (One option more)
 *
 * ```ts
 * import { RedisCluster } from "@redisc/core"
 * import * as Settings from "@redisc/core/Settings"
 *
 * const checks = { ...RedisCluster.checks, verbose: Settings.flag }
 * const problem = Settings.optionsProblem({ nodes: ["127.0.0.1:7000"], verbose: true }, checks) // undefined
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export const checks: Settings.Checks = {
  nodes: seedsProblem,
  ...Topology.checks,
  ...clientChecks,
  ...NodePool.checks,
  startWhileAway: Settings.oneOf("fail", "wait", "atOnce")
}

/** What is wrong with options that are right each by itself. */
const zoneProblem = ({ availabilityZone, readFrom }: ClientOptions): string | undefined =>
  readFrom === undefined ? undefined : ReadFrom.problemOf(readFrom, availabilityZone)

/** Over other connections a client would not tell the topology what is lost, and go on using nodes that have left. */
const strangers = "the topology has other connections than the client: provide one and the same NodePool to both"

/** Makes a client that uses a given pool and topology. */
const makeClient = Effect.fnUntraced(function*(
  options: ClientOptions,
  waits: boolean
): Effect.fn.Return<
  RedisCluster["Service"],
  RedisError.RedisError,
  Scope.Scope | NodePool.NodePool | Topology.Topology | Connector
> {
  const pool = yield* NodePool.NodePool
  const topology = yield* Topology.Topology
  const problem = Settings.optionsProblem(options, clientChecks) ?? zoneProblem(options) ??
    (topology.pool === pool ? undefined : strangers)
  if (problem !== undefined) return yield* unsent(new RedisError.InvalidArgument({ problem }))
  const { availabilityZone, cache, crossSlot = "split", maxReplicaLag, readFrom = "primary" } = options
  const { redirects = RedirectPolicy.standard } = options
  const clock = yield* Clock.Clock
  const maxLag = Duration.toMillis(Duration.fromInputUnsafe(maxReplicaLag ?? "10 seconds"))
  const context = yield* Effect.context<Connector>()
  const connector = Context.get(context, Connector)
  const scope = yield* Effect.scope
  const fork = Effect.runForkWith(context)
  const random = yield* Random.Random
  const cluster: Cluster = {
    topology,
    pool,
    replicas: new Replicas({ pool, clock, maxLag, zone: availabilityZone, onOutdated: topology.outdated }),
    clock: new TurnClock(clock, connector.soon),
    ...pool.limits,
    redirects,
    readFrom,
    availabilityZone,
    crossSlot,
    room: new WaitingRoom({
      clock,
      soon: connector.soon,
      report: logging(fork),
      random: () => random.nextDoubleUnsafe(),
      fork: (effect) => Fiber.runIn(fork(effect), scope),
      nodeOf: (slot, readFrom) => router.placement.nodeOf(slot, readFrom),
      shardOf: (slot) => router.placement.nameOf(slot),
      isOpen: (node, slot) => pool.nodes().get(node)?.isOpen(slot) === true,
      onAway: topology.failed,
      maxWaiting: options.maxWaiting ?? pool.limits.maxWaiting,
      connectionsPerNode: pool.limits.connectionsPerNode
    }),
    firstMap: new FirstMap({
      clock,
      soon: connector.soon,
      report: logging(fork),
      fork: (effect) => Fiber.runIn(fork(effect), scope),
      problem: () => topology.unlearnt() ?? justStarted,
      maxWaiting: options.maxWaiting ?? pool.limits.maxWaiting
    }),
    cache: cache === "off" ? undefined : new Cache({
      maxBytes: cache?.maxBytes ?? defaultCacheBytes,
      report: logging(fork),
      map: topology.currentUnsafe,
      onRefused: (failure) => topology.tell({ source: "Cache", error: toError(failure, { attempts: 0 }) })
    }),
    counts: { redirects: 0, retries: 0, redirectsOf: new Map() },
    closed: false
  }
  const router = new ClusterRouter(cluster)
  const hub = new Hub({
    clock,
    scope,
    fork,
    topology,
    pool,
    locate: topology.locate,
    tell: (error) => topology.tell({ source: "Refresh", error }),
    confirmTimeout: cluster.commandTimeout,
    connect: pool.connect
  })
  yield* Effect.forkScoped(Stream.runForEach(topology.changes, () =>
    Effect.sync(() => {
      hub.wake()
      cluster.room.lookAll()
    })))
  const unheard = pool.onTrouble((node, failure) => {
    if (failure === undefined) return
    cluster.replicas.nodeFailed(node)
    const lost = pool.nodes().get(node)
    if (failure.reason._tag === "ConnectionLost" && lost !== undefined) hub.nodeLost(node, lost.completeUntil())
  })
  const forget = topology.onFirst(cluster.firstMap.arrived)
  const uncached = cluster.cache && listen(cluster.cache, { pool, topology })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      cluster.closed = true
      unheard()
      forget()
      uncached?.()
      cluster.firstMap.end()
      cluster.room.end()
      hub.end(unsent(new RedisError.Closed()))
    })
  )
  // The policy of a region is for commands in it: what the layer waits for is its own.
  if (waits) yield* Effect.provideService(known(cluster), RedirectPolicy.Current, redirects)
  const redis = new Executor(router).service
  return RedisCluster.of({
    execute: redis.execute,
    executeAll: redis.executeAll,
    topology,
    refresh: topology.refresh,
    failures: topology.failures,
    stats: Effect.sync(() => statsOf(cluster)),
    health: Effect.sync(() => healthOf(cluster)),
    client: Client.of({ redis, topology, router, subscriptions: hub })
  })
})

/** Lets the cache hear of whatever makes kept replies old. Returns what ends it. */
const listen = (cache: Cache, { pool, topology }: Pick<Cluster, "pool" | "topology">): () => void => {
  const unkept = pool.onKept(cache)
  const unswapped = topology.onSwap((before, after) => cache.moved(before, after))
  return () => {
    unkept()
    unswapped()
    cache.end()
  }
}

/** Why there is no map before the first try to learn it has ended. */
const justStarted = discoveryFailed([{ node: "the client", problem: "it has just begun to ask" }])

const statsOf = ({ cache, clock, counts, firstMap, pool, room, topology }: Cluster): Stats => {
  const nodes = new Map<string, NodeStats>()
  const add = (node: NodePool.Node): void => {
    const { key } = node.address
    const known = nodes.get(key)
    const stats = known === undefined ? node.stats() : addStats(known, node.stats())
    nodes.set(key, { ...stats, redirects: counts.redirectsOf.get(key) ?? 0 })
  }
  for (const node of pool.nodes().values()) add(node)
  for (const node of pool.readers().values()) add(node)
  const { away, waiting } = room.stats
  const now = clock.readExactly()
  return {
    redirects: counts.redirects,
    retries: counts.retries,
    refreshes: topology.refreshes(),
    slotHandoffs: topology.slotHandoffs(),
    waiting: waiting + firstMap.count,
    cache: cache?.stats,
    away: away.map(({ failure, of, since, tries }) => ({ of, millis: now - since, reason: failure.reason, tries })),
    nodes
  }
}

/**
 * All services that the layer of a cluster provides.
 *
 * @category services
 * @since 0.1.0
 */
export type Services = RedisCluster | Client | Command.Redis | Topology.Topology | NodePool.NodePool

/**
 * Only the client, over connections and a topology that the program provides: `NodePool.layer` and `Topology.layer`, or its
 * own. {@link layer} combines all three.
 *
 * **Example** (A map of one's own)
 *
 * ```ts
 * import { Address, NodePool, RedisCluster, SlotMap, Topology } from "@redisc/core"
 * import { Layer, Result } from "effect"
 *
 * const map = Result.getOrThrow(SlotMap.make([{ primary: Address.tcp("10.0.0.1", 6379), slots: [[0, 16383]] }]))
 *
 * const Live = RedisCluster.layerClient().pipe(
 *   Layer.provideMerge(Topology.layerFromSource(Topology.fixed(map))),
 *   Layer.provideMerge(NodePool.layer({ commandTimeout: "5 seconds" }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClient = (
  options: ClientOptions = {}
): Layer.Layer<
  RedisCluster | Client | Command.Redis,
  RedisError.RedisError,
  NodePool.NodePool | Topology.Topology | Connector
> => clientLayer(options, false)

/** A client that waits until the map is known, or is there at once. */
const clientLayer = (options: ClientOptions, waits: boolean): ReturnType<typeof layerClient> =>
  Layer.effectContext(Effect.map(makeClient(options, waits), (cluster) =>
    Context.make(RedisCluster, cluster).pipe(
      Context.add(Client, cluster.client),
      Context.add(Command.Redis, cluster.client.redis)
    )))

/**
 * A client whose map comes from a source, with its connections. {@link layer} is the same for a cluster.
 *
 * **Example** (One server that is no cluster)
 *
 * ```ts
 * import { Address, RedisCluster, SlotMap, Topology } from "@redisc/core"
 * import { Result } from "effect"
 *
 * const primary = Address.tcp("127.0.0.1", 6379)
 * const map = Result.getOrThrow(SlotMap.make([{ primary, slots: [[0, 16383]] }]))
 * const Live = RedisCluster.layerFromSource(Topology.fixed(map, { oneSlot: false }))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFromSource = (
  source: Topology.Source,
  options: SourceOptions = {}
): Layer.Layer<Services, RedisError.RedisError, Connector> => {
  const { addressMap: _addressMap, nodes: _nodes, ...ofSource } = checks
  return checked(
    options,
    ofSource,
    () => composed(source, options),
    () => zoneProblem(options) ?? sourceProblem(source)
  )
}

/**
 * A cluster as a Layer. It provides `Redis`, which executes commands; `Client`, which sessions, subscriptions and work on nodes
 * require; `RedisCluster`, which has statistics and failures; and the `Topology` and the `NodePool` that they use.
 *
 * **Details**
 *
 * Building it fails with `DiscoveryFailed` if no seed returns the layout, unless `startWhileAway` says otherwise, and with
 * `InvalidArgument` if an option is invalid.
 * All connections end with the layer's scope, once the commands under way are answered, or after `drainTimeout`.
 *
 * It needs a `Connector`. On Node, `NodeRedisCluster.layer` includes one.
 *
 * **Example** (With the Node transport)
 *
 * ```ts
 * import { RedisCluster } from "@redisc/core"
 * import { NodeConnector } from "@redisc/node"
 * import { Layer } from "effect"
 *
 * const Live = RedisCluster.layer({ nodes: ["127.0.0.1:7000"], commandTimeout: "5 seconds" }).pipe(
 *   Layer.provide(NodeConnector.layer())
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Services, RedisError.RedisError, Connector> =>
  checked(options, checks, () => {
    const { addressMap, nodes, ...rest } = options
    const seeds = nodes.map((node) => Result.getOrThrow(Address.read(node)))
    return composed(Topology.cluster({ seeds, addressMap }), rest)
  }, () => seedsProblem("nodes", options.nodes) ?? zoneProblem(options))

/** Layers that are built only if their options are valid. */
const checked = <ROut, RIn>(
  options: unknown,
  checks: Settings.Checks,
  make: () => Layer.Layer<ROut, RedisError.RedisError, RIn>,
  more: () => string | undefined = () => undefined
): Layer.Layer<ROut, RedisError.RedisError, RIn> =>
  Layer.unwrap(Effect.suspend(() => {
    const problem = Settings.optionsProblem(options, checks) ?? more()
    return problem === undefined
      ? Effect.succeed(make())
      : Effect.fail(unsent(new RedisError.InvalidArgument({ problem })))
  }))

const composed = (
  source: Topology.Source,
  {
    availabilityZone,
    cache,
    crossSlot,
    maxReplicaLag,
    maxWaiting,
    readFrom,
    redirects,
    redirectsTo,
    refreshInterval,
    startWhileAway = "fail",
    ...ofPool
  }: SourceOptions
): Layer.Layer<Services, RedisError.RedisError, Connector> => {
  const isPatient = redirects === undefined || redirects.schedule !== undefined
  const waits = startWhileAway === "wait" && isPatient
  const begins = waits || startWhileAway === "atOnce" ? "atOnce" : "fail"
  return clientLayer({ availabilityZone, cache, crossSlot, maxReplicaLag, maxWaiting, readFrom, redirects }, waits)
    .pipe(
      Layer.provideMerge(Topology.layerFromSource(source, { redirectsTo, refreshInterval, startWhileAway: begins })),
      Layer.provideMerge(NodePool.layer(ofPool))
    )
}

/**
 * Like {@link layer}, but as an effect: connects to a cluster until the scope is closed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Options
): Effect.Effect<RedisCluster["Service"], RedisError.RedisError, Scope.Scope | Connector> =>
  Effect.map(Layer.build(layer(options)), (context) => Context.get(context, RedisCluster))
