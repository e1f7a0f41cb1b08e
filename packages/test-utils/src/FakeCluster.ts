/**
 * A Redis Cluster inside a test: simulated nodes that own slots, answer in RESP, redirect, replicate, fail over and
 * expire keys by Effect's Clock. No server, no port, and it starts in milliseconds.
 *
 * {@link layer} takes the place of the Node layer. Only the network is simulated: the client above it is the real one, byte for
 * byte. The controls have the same names as those of `RealCluster`, and take effect at once.
 *
 * **The server that it imitates.** Redis 7.0.15, with its error texts, or Redis 8.0 if the options ask for it. Nothing is
 * saved: a node that is killed and restarted is empty. A replica that is connected to its primary is never late. News about the
 * cluster reach all nodes at once.
 *
 * **Where it runs.** Anywhere Effect runs, including browsers. Only `listen` and scripts need Node, for its TCP ports and its
 * files, and fail elsewhere.
 *
 * @since 0.1.0
 */
import * as Address from "@redisc/core/Address"
import { Connector } from "@redisc/core/Connector"
import * as RedisCluster from "@redisc/core/RedisCluster"
import type { RedisError } from "@redisc/core/RedisError"
import type * as Resp from "@redisc/core/Resp"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Bus from "./fake/cluster/bus.ts"
import * as Front from "./fake/cluster/front.ts"
import type { FakeNode, FakeWorld } from "./fake/cluster/node.ts"
import { addMember, populate } from "./fake/cluster/populate.ts"
import { World } from "./fake/cluster/world.ts"
import { groups } from "./fake/commands/groups.ts"
import { sendTo, wordsOf } from "./fake/controls/command.ts"
import * as Controls from "./fake/controls/controls.ts"
import type { NodeRef, Seed } from "./fake/controls/controls.ts"
import { checked, primariesOf, settingsOf } from "./fake/controls/options.ts"
import type { Options } from "./fake/controls/options.ts"
import { awaitPromotion, nodeOf, stateOf } from "./fake/controls/states.ts"
import { slotOf } from "./fake/data/keyspace.ts"
import * as Registry from "./fake/definitions/registry.ts"
import * as Checks from "./fake/input/checks.ts"
import { FakeClusterError } from "./fake/input/fakeClusterError.ts"
import * as Door from "./fake/network/door.ts"
import { makeConnector } from "./fake/network/transport.ts"
import * as Script from "./fake/session/interventions.ts"
import type { CommandMatch, Mishap, Saying } from "./fake/session/interventions.ts"
import { Timers } from "./fake/session/timers.ts"
import * as ClusterState from "./fake/topology/clusterState.ts"
import { fromInput } from "./fake/values/binary.ts"
import type { Node, NodeState, Slots } from "./internal/clusterNode.ts"

export {
  /**
   * @category errors
   * @since 0.1.0
   */
  FakeClusterError
} from "./fake/input/fakeClusterError.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  CommandMatch,
  /**
   * @category models
   * @since 0.1.0
   */
  Mishap,
  /**
   * @category models
   * @since 0.1.0
   */
  Saying
} from "./fake/session/interventions.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  NodeRef,
  /**
   * @category models
   * @since 0.1.0
   */
  Seed
} from "./fake/controls/controls.ts"

export type {
  /**
   * @category configuration
   * @since 0.1.0
   */
  VersionName
} from "./fake/facts/version.ts"

export type {
  /**
   * @category configuration
   * @since 0.1.0
   */
  Options
} from "./fake/controls/options.ts"

/**
 * The options of {@link layer}: those of the cluster, and settings of the client.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface LayerOptions extends Options {
  readonly client?: Partial<RedisCluster.Options> | undefined
}

/**
 * A command that was sent to a node, with the time of the Clock.
 *
 * @category models
 * @since 0.1.0
 */
export interface JournalEntry {
  readonly at: number
  /** The number that CLIENT ID answers. */
  readonly connection: number
  readonly command: ReadonlyArray<string>
}

/**
 * The controls of a simulated cluster.
 *
 * **Details**
 *
 * Invalid arguments (a node that does not exist, a slot out of range) fail with `FakeClusterError`.
 *
 * **Example** (What a client does when a slot moves)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { FakeCluster } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * const followed = Effect.gen(function*() {
 *   const cluster = yield* FakeCluster.FakeCluster
 *   yield* Redis.set("user:1", "ada")
 *   yield* cluster.migrateSlot(cluster.slotOf("user:1"), "fake-2")
 *   return yield* Redis.get("user:1") // "ada"
 * }).pipe(Effect.provide(FakeCluster.layer({ primaries: 3, replicas: 1 })))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class FakeCluster extends Context.Service<FakeCluster, {
  /** The addresses of the first nodes, for a client to start from: `fake-0:6379` and so on. */
  readonly addresses: ReadonlyArray<Address.Tcp>
  /** The release that the nodes report, such as `7.0.15`. */
  readonly version: string
  /** All nodes, including those that are not running. */
  readonly nodes: Effect.Effect<ReadonlyArray<NodeState>, FakeClusterError>
  /** The running primaries, in the order of their names. */
  readonly primaries: Effect.Effect<ReadonlyArray<NodeState>, FakeClusterError>
  /** The running replicas of a node. */
  readonly replicasOf: (node: NodeRef) => Effect.Effect<ReadonlyArray<NodeState>, FakeClusterError>
  /** The owner of a slot, as the majority sees it. */
  readonly ownerOf: (slot: number) => Effect.Effect<Node, FakeClusterError>
  /** The slot of a key. */
  readonly slotOf: (key: string | Uint8Array) => number
  /** Sends any command to one node, without the client. Fails on an error reply; redirects are not followed. */
  readonly command: (
    node: NodeRef,
    name: string,
    args?: ReadonlyArray<string | number | Uint8Array>
  ) => Effect.Effect<Resp.Value, FakeClusterError>

  /** Stores values at their owners: a string, a list as an array, a `Set`, a hash as a `Map`. */
  readonly seed: (data: Readonly<Record<string, Seed>>) => Effect.Effect<void, FakeClusterError>
  /** The keys of one node, or of all primaries, in order. */
  readonly keys: (node?: NodeRef) => Effect.Effect<ReadonlyArray<string>, FakeClusterError>
  /** Empties all running primaries. */
  readonly flushAll: Effect.Effect<void>
  /** The commands that were sent to a node, oldest first. The last ten thousand are kept. */
  readonly journal: (node: NodeRef) => Effect.Effect<ReadonlyArray<JournalEntry>, FakeClusterError>
  /** The commands that were sent and that exist in Redis, but not on the simulated nodes. */
  readonly unimplemented: Effect.Effect<ReadonlyArray<string>>
  /** The owners of all slots, as text. */
  readonly describe: Effect.Effect<string, FakeClusterError>

  /** Ends the process of a node. Its data is lost. */
  readonly kill: (node: NodeRef) => Effect.Effect<void, FakeClusterError>
  /** Stops the process of a node. Its connections stay open and silent. */
  readonly pause: (node: NodeRef) => Effect.Effect<void, FakeClusterError>
  readonly resume: (node: NodeRef) => Effect.Effect<void, FakeClusterError>
  /** Starts the process of a node again, empty. If it still runs, it is killed first. */
  readonly restart: (node: NodeRef) => Effect.Effect<void, FakeClusterError>
  /** Makes a replica the primary. If the primary is down, use `force`; if the cluster has no majority, `takeover`. */
  readonly failover: (
    replica: NodeRef,
    mode?: "default" | "force" | "takeover"
  ) => Effect.Effect<void, FakeClusterError>
  /** Waits until a replica has replaced a node, and returns the replica. The Clock has to advance in the meantime. */
  readonly awaitPromotion: (of: NodeRef) => Effect.Effect<Node, FakeClusterError>
  /** Starts one more node: a primary without slots, or a replica of a node. */
  readonly addNode: (options?: { readonly replicaOf?: NodeRef | undefined }) => Effect.Effect<Node, FakeClusterError>
  /**
   * Moves a node's slots to the other primaries, removes it from the cluster, and ends it. Its replicas have to be removed
   * first.
   */
  readonly removeNode: (node: NodeRef) => Effect.Effect<void, FakeClusterError>

  /** Moves one slot with all its keys at once. */
  readonly migrateSlot: (slot: number, to: NodeRef) => Effect.Effect<void, FakeClusterError>
  /** Moves slots with all their keys. Without `slots`, moves all slots of `from`; with both, `from` must own them. */
  readonly migrateSlots: (
    options: { readonly to: NodeRef; readonly from?: NodeRef | undefined; readonly slots?: Slots | undefined }
  ) => Effect.Effect<void, FakeClusterError>
  /** Begins to move a slot. All its keys stay where they are. */
  readonly beginMigration: (slot: number, to: NodeRef) => Effect.Effect<void, FakeClusterError>
  /** Moves at most `limit` keys of a slot whose migration has begun, and returns how many were moved. */
  readonly migrateKeys: (slot: number, limit: number) => Effect.Effect<number, FakeClusterError>
  /** Moves the remaining keys, and makes the target the owner of the slot. */
  readonly finishMigration: (slot: number) => Effect.Effect<void, FakeClusterError>

  /** Cuts the network between two nodes, or between the clients and a node. Nothing is lost; it waits until the cut is mended. */
  readonly partition: (a: NodeRef | "client", b: NodeRef | "client") => Effect.Effect<void, FakeClusterError>
  /** Mends one cut, all cuts of one node or of the clients, or all cuts. */
  readonly heal: (a?: NodeRef | "client", b?: NodeRef | "client") => Effect.Effect<void, FakeClusterError>
  /** Sets the round trip to a node, which delays its replies and connecting to it. Zero at first. */
  readonly latency: (node: NodeRef, roundTrip: Duration.Input) => Effect.Effect<void, FakeClusterError>
  /**
   * Ends all connections to a node: at once, or each after the given number of further bytes of replies, which may be in the
   * middle of one.
   */
  readonly dropConnections: (
    node: NodeRef,
    options?: { readonly afterBytes?: number | undefined }
  ) => Effect.Effect<void, FakeClusterError>
  /** Answers matching commands in place of a node, `times` times (default 1; Infinity: always). Text is an error reply. */
  readonly reply: (
    node: NodeRef | "any",
    match: CommandMatch,
    reply: Saying,
    options?: { readonly times?: number | undefined }
  ) => Effect.Effect<void, FakeClusterError>
  /**
   * Lets matching commands be executed, but changes what happens to their replies on the way: they are lost, duplicated,
   * delayed or replaced by other bytes. `times` is as in `reply`. Replies from `reply` can have a mishap too.
   */
  readonly mishap: (
    node: NodeRef | "any",
    match: CommandMatch,
    mishap: Mishap,
    options?: { readonly times?: number | undefined }
  ) => Effect.Effect<void, FakeClusterError>
  /**
   * Lets a node send something unasked, on all its connections or on one (numbered as by CLIENT ID and in the journal), and
   * returns the number of connections.
   */
  readonly say: (
    node: NodeRef,
    saying: Saying,
    options?: { readonly connection?: number | undefined }
  ) => Effect.Effect<number, FakeClusterError>

  /** Opens a loopback port for each node until the scope closes. The nodes announce these ports from then on. */
  readonly listen: Effect.Effect<ReadonlyArray<Address.Tcp>, FakeClusterError, Scope.Scope>
}>()("@redisc/test-utils/FakeCluster") {}

type Service = FakeCluster["Service"]

/** The services of a simulated cluster. */
interface Parts {
  readonly service: Service
  readonly connector: Connector["Service"]
}

/** Runs a control, with a thrown `FakeClusterError` as its failure. */
const step = <A>(run: () => A): Effect.Effect<A, FakeClusterError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (problem) {
      if (problem instanceof FakeClusterError) return Effect.fail(problem)
      throw problem
    }
  })

const start = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Parts, FakeClusterError, Scope.Scope> {
  const { nodeTimeout, primaries, profile, replicas, seed, settings, version, zoneOf } = yield* step(() =>
    checked(options)
  )
  const config = yield* step(() => settingsOf(options, settings))
  Registry.load(groups)
  const context = yield* Effect.context()
  const timers = new Timers(Effect.runForkWith(context))
  yield* Effect.addFinalizer(() => Effect.sync(() => timers.close()))
  const fork = Effect.runForkWith(context)
  const world = new World<FakeNode>({
    clock: yield* Clock.Clock,
    timers,
    settings: {
      version,
      nodeTimeout,
      profile,
      zoneOf,
      config: new Map([["cluster-node-timeout", String(nodeTimeout)], ...config])
    },
    seed,
    warn: (text) => {
      fork(Effect.logWarning(text))
    }
  })
  world.shutDown = (node) => queueMicrotask(() => Controls.kill(world, node.name))
  if (profile.shape === "endpoint") Front.put(world)
  populate(world, primaries, replicas)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const node of world.nodes.values()) {
        for (const session of Array.from(node.sessions)) session.drop("the simulated cluster has ended")
      }
    })
  )
  return { service: makeService(world), connector: makeConnector(world) }
})

const makeService = (world: FakeWorld): Service => {
  let count = world.nodes.size
  let openDoor: ((node: FakeNode) => Effect.Effect<Address.Tcp, FakeClusterError>) | undefined
  const states = step(() => Array.from(world.nodes.values(), (node) => stateOf(world, node)))
  const on = <A>(node: NodeRef, run: (node: FakeNode) => A): Effect.Effect<A, FakeClusterError> =>
    step(() => run(Controls.find(world, node)))

  const addNode: Service["addNode"] = Effect.fnUntraced(function*(settings = {}) {
    const node = yield* step(() => {
      Checks.record("what addNode is given", settings, ["replicaOf"])
      const primary = settings.replicaOf === undefined ? undefined : Controls.find(world, settings.replicaOf)
      if (primary?.isReplica === true) {
        throw new FakeClusterError({ problem: `${primary.name} is a replica, which can't have replicas` })
      }
      const host = Controls.witness(world)
      const added = addMember(world, count++, ClusterState.emptyView([]))
      added.view = ClusterState.emptyView([
        { id: added.id, epoch: 0, primary: primary?.id, health: "online" }
      ])
      Bus.introduce(world, host, added)
      return added
    })
    if (openDoor !== undefined) yield* openDoor(node)
    return nodeOf(node)
  })

  return FakeCluster.of({
    addresses: Array.from(
      new Map(Array.from(world.nodes.values(), ({ host, port }) => [`${host}:${port}`, Address.tcp(host, port)]))
        .values()
    ),
    version: world.settings.version.release,
    nodes: states,
    primaries: Effect.map(
      states,
      (all) => all.filter(({ process, role }) => role === "primary" && process === "running")
    ),
    replicasOf: (node) =>
      Effect.flatMap(
        on(node, ({ id }) => id),
        (id) =>
          Effect.map(states, (all) => all.filter(({ primary, process }) => primary === id && process === "running"))
      ),
    ownerOf: (slot) => step(() => nodeOf(Controls.ownerOf(world, slot))),
    slotOf: (key) => slotOf(fromInput(Checks.word("the key", key))),
    command: (node, name, args = []) =>
      Effect.flatMap(
        on(node, (found) => [found, wordsOf(name, args)] as const),
        ([found, words]) => sendTo(found, words)
      ),

    seed: (data) => step(() => Controls.seed(world, data)),
    keys: (node) => step(() => Controls.keys(world, node)),
    flushAll: Effect.sync(() => {
      for (const node of world.nodes.values()) if (!node.isReplica && node.process === "running") node.keys.clear()
    }),
    journal: (node) => on(node, (found) => found.journalText()),
    unimplemented: Effect.sync(() => [...world.missing]),
    describe: step(() => Controls.describe(world)),

    kill: (node) => step(() => Controls.kill(world, node)),
    pause: (node) => step(() => Controls.pause(world, node)),
    resume: (node) => step(() => Controls.resume(world, node)),
    restart: (node) => step(() => Controls.restart(world, node)),
    failover: (replica, mode = "default") => step(() => Controls.failover(world, replica, mode)),
    awaitPromotion: (of) => Effect.flatMap(on(of, (node) => node), (node) => awaitPromotion(world, node)),
    addNode,
    removeNode: (node) => step(() => Controls.removeNode(world, node)),

    migrateSlot: (slot, to) => step(() => Controls.migrateSlots(world, { to, slots: [slot] })),
    migrateSlots: (settings) => step(() => Controls.migrateSlots(world, settings)),
    beginMigration: (slot, to) => step(() => Controls.beginMigration(world, slot, to)),
    migrateKeys: (slot, limit) => step(() => Controls.migrateKeys(world, slot, limit)),
    finishMigration: (slot) => step(() => Controls.finishMigration(world, slot)),

    partition: (a, b) => step(() => Controls.partition(world, a, b)),
    heal: (a, b) => step(() => Controls.heal(world, a, b)),
    latency: (node, roundTrip) =>
      on(node, (found) => {
        found.latency = Checks.millis("the round trip", roundTrip)
      }),
    dropConnections: (node, settings) =>
      on(node, (found) => {
        const { afterBytes = 0 } = settings ?? {}
        Checks.whole("afterBytes", afterBytes, 0)
        for (const session of Array.from(found.sessions)) session.cut(afterBytes)
      }),
    reply: (node, match, reply, settings) =>
      step(() => world.replies.add(Controls.anyOr(world, node), match, Script.spoken(reply), settings?.times)),
    mishap: (node, match, mishap, settings) =>
      step(() => world.mishaps.add(Controls.anyOr(world, node), match, Script.wayOf(mishap), settings?.times)),
    say: (node, saying, settings) =>
      on(node, (found) => Controls.say(found, Script.spoken(saying), settings?.connection)),

    listen: Effect.gen(function*() {
      const { shape, secure } = world.settings.profile
      if (secure || shape === "endpoint") {
        return yield* new FakeClusterError({
          problem: `a profile with ${
            secure ? "TLS" : "one endpoint"
          } has no ports: give it secure: false and shape: "nodes"`
        })
      }
      const scope = yield* Effect.scope
      const openOne = (node: FakeNode) => Scope.provide(Door.open(node), scope)
      openDoor = openOne
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          openDoor = undefined
        })
      )
      return yield* Effect.forEach([...world.nodes.values()], openOne)
    })
  })
}

/**
 * Starts a simulated cluster, and returns its controls and the `Connector` that connects to it. It ends with the scope.
 *
 * **Example** (A client of one's own making)
 *
 * ```ts
 * import { Connection, Connector, Redis } from "@redisc/core"
 * import { FakeCluster } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * const pong = Effect.scoped(Effect.gen(function*() {
 *   const { connector, service } = yield* FakeCluster.make()
 *   const connection = yield* Effect.provideService(
 *     Connection.make(service.addresses[0]),
 *     Connector.Connector,
 *     connector
 *   )
 *   return yield* connection.execute(Redis.ping())
 * }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<Parts, FakeClusterError, Scope.Scope> =>
  Effect.suspend(() => start(options))

/**
 * A simulated cluster as a layer, for programs with a client of their own: its controls and a `Connector`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConnector = (options?: Options): Layer.Layer<FakeCluster | Connector, FakeClusterError> =>
  Layer.effectContext(
    Effect.map(
      make(options),
      ({ connector, service }) => Context.make(FakeCluster, service).pipe(Context.add(Connector, connector))
    )
  )

/**
 * A simulated cluster with its client: the services of `RedisCluster.layer`, and {@link FakeCluster}.
 *
 * **Details**
 *
 * `client` has settings of the client, as in `RedisCluster.layer`. By default its `nodes` are all nodes of the cluster. The
 * client's periodic work (PINGs on idle connections, refreshes of the layout) runs only once a day here, so that advancing a
 * test by an hour costs nothing; `client` can set other intervals.
 *
 * **Example** (A cluster for each test)
 *
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Redis } from "@redisc/core"
 * import { FakeCluster } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * it.effect("stores", () =>
 *   Effect.gen(function*() {
 *     yield* Redis.set("a", "1")
 *     assert.strictEqual(yield* Redis.get("a"), "1")
 *   }).pipe(Effect.provide(FakeCluster.layer({ primaries: 3 }))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: LayerOptions = {}
): Layer.Layer<FakeCluster | RedisCluster.Services, FakeClusterError | RedisError> => {
  const { client, password, profile, primaries = primariesOf(profile), replicas = 0 } = options ?? {}
  // Invalid options are reported when the cluster is made.
  const count = Number.isInteger(primaries) && Number.isInteger(replicas) ? primaries * (1 + replicas) : 1
  const nodes = profile?.shape === "endpoint"
    ? [`${Front.host}:${Front.ports.primary}`]
    : Array.from({ length: Math.min(count, 16) }, (_, index) => `fake-${index}:6379`)
  const cluster = RedisCluster.layer({
    nodes,
    pingInterval: "1 day",
    refreshInterval: "1 day",
    dedicatedTimeToLive: "1 day",
    ...(password === undefined ? {} : { credentials: { password } }),
    ...client
  })
  return Layer.provideMerge(cluster, layerConnector(options)) as Layer.Layer<
    FakeCluster | RedisCluster.Services,
    FakeClusterError | RedisError
  >
}
