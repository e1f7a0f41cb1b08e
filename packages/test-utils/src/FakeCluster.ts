/**
 * A Redis Cluster inside a test: simulated nodes that own slots, answer in RESP, redirect, replicate, fail over and
 * expire keys by Effect's Clock. No server, no port, and it starts in milliseconds.
 *
 * {@link layer} takes the place of the Node layer. Only the network is replaced: the client above it is the real one,
 * byte for byte. The controls have the names of those of `RealCluster`, and take effect at once.
 *
 * **What it is modelled on.** Redis 7.0.15, with its error texts, or Redis 8.0 where that is asked for. Nothing is saved: a node that is killed and restarted
 * is empty. Replicas that can hear their primary are never late. News reach all nodes at once.
 *
 * **Where it runs.** Wherever Effect does, a browser included. Only `listen` and scripts need Node, for its TCP ports and its
 * files, and are refused elsewhere.
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
import type { FakeNode, FakeWorld } from "./fake/cluster/node.ts"
import { addMember, populate } from "./fake/cluster/populate.ts"
import { World } from "./fake/cluster/world.ts"
import { groups } from "./fake/commands/groups.ts"
import { sendTo, wordsOf } from "./fake/controls/command.ts"
import * as Controls from "./fake/controls/controls.ts"
import type { NodeRef, Seed } from "./fake/controls/controls.ts"
import { checked, settingsOf } from "./fake/controls/options.ts"
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
 * What {@link layer} takes besides: settings of the client.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface LayerOptions extends Options {
  readonly client?: Partial<RedisCluster.Options> | undefined
}

/**
 * A command that a node was sent, at a time of the Clock.
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
 * What makes no sense (a node that does not exist, a slot out of range) fails with `FakeClusterError`.
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
  /** The addresses of the first nodes, for a client to start with: `fake-0:6379` and so on. */
  readonly addresses: ReadonlyArray<Address.Tcp>
  /** The release that the nodes claim to be, such as `7.0.15`. */
  readonly version: string
  /** All nodes, also those that are not running. */
  readonly nodes: Effect.Effect<ReadonlyArray<NodeState>, FakeClusterError>
  /** The running primaries, in the order of their names. */
  readonly primaries: Effect.Effect<ReadonlyArray<NodeState>, FakeClusterError>
  /** The running replicas of a node. */
  readonly replicasOf: (node: NodeRef) => Effect.Effect<ReadonlyArray<NodeState>, FakeClusterError>
  /** The owner as the majority sees it. */
  readonly ownerOf: (slot: number) => Effect.Effect<Node, FakeClusterError>
  /** The slot of a key. */
  readonly slotOf: (key: string | Uint8Array) => number
  /** Sends any command to one node, behind the client's back. An error reply is a failure; redirects are not followed. */
  readonly command: (
    node: NodeRef,
    name: string,
    args?: ReadonlyArray<string | number | Uint8Array>
  ) => Effect.Effect<Resp.Value, FakeClusterError>

  /** Stores values with their owners: a string, a list as an array, a `Set`, a hash as a `Map`. */
  readonly seed: (data: Readonly<Record<string, Seed>>) => Effect.Effect<void, FakeClusterError>
  /** The keys of one node, or of all primaries, in order. */
  readonly keys: (node?: NodeRef) => Effect.Effect<ReadonlyArray<string>, FakeClusterError>
  /** Empties all running primaries. */
  readonly flushAll: Effect.Effect<void>
  /** Every command that a node was sent, the oldest first; the last ten thousand are kept. */
  readonly journal: (node: NodeRef) => Effect.Effect<ReadonlyArray<JournalEntry>, FakeClusterError>
  /** The commands that Redis has, that were sent, and that the simulated nodes don't have. */
  readonly unimplemented: Effect.Effect<ReadonlyArray<string>>
  /** Who owns what, as text. */
  readonly describe: Effect.Effect<string, FakeClusterError>

  /** Ends the process. Its data is gone. */
  readonly kill: (node: NodeRef) => Effect.Effect<void, FakeClusterError>
  /** Stops the process. Its connections stay open and silent. */
  readonly pause: (node: NodeRef) => Effect.Effect<void, FakeClusterError>
  readonly resume: (node: NodeRef) => Effect.Effect<void, FakeClusterError>
  /** Starts the process again, empty. If it still runs, it is killed first. */
  readonly restart: (node: NodeRef) => Effect.Effect<void, FakeClusterError>
  /** Makes a replica the primary. A primary that is down needs `force`, and a cluster without majority `takeover`. */
  readonly failover: (
    replica: NodeRef,
    mode?: "default" | "force" | "takeover"
  ) => Effect.Effect<void, FakeClusterError>
  /** Waits until a replica has taken the place of a node, and answers which. The Clock has to go on. */
  readonly awaitPromotion: (of: NodeRef) => Effect.Effect<Node, FakeClusterError>
  /** Starts one more node: a primary without slots, or a replica. */
  readonly addNode: (options?: { readonly replicaOf?: NodeRef | undefined }) => Effect.Effect<Node, FakeClusterError>
  /** Moves a node's slots to the other primaries, makes all forget it, and ends it. Its replicas have to go first. */
  readonly removeNode: (node: NodeRef) => Effect.Effect<void, FakeClusterError>

  /** Moves one slot with all its keys at once. */
  readonly migrateSlot: (slot: number, to: NodeRef) => Effect.Effect<void, FakeClusterError>
  /** Moves slots with all their keys. Without `slots` all of `from`; with both, `from` must own them. */
  readonly migrateSlots: (
    options: { readonly to: NodeRef; readonly from?: NodeRef | undefined; readonly slots?: Slots | undefined }
  ) => Effect.Effect<void, FakeClusterError>
  /** Begins to move a slot, and leaves all its keys where they are. */
  readonly beginMigration: (slot: number, to: NodeRef) => Effect.Effect<void, FakeClusterError>
  /** Moves at most `limit` keys of a slot whose migration has begun, and answers how many there were. */
  readonly migrateKeys: (slot: number, limit: number) => Effect.Effect<number, FakeClusterError>
  /** Moves the other keys, and makes the target the owner. */
  readonly finishMigration: (slot: number) => Effect.Effect<void, FakeClusterError>

  /** Cuts the network between two nodes, or between the clients and a node. Nothing is lost, it waits. */
  readonly partition: (a: NodeRef | "client", b: NodeRef | "client") => Effect.Effect<void, FakeClusterError>
  /** Mends one cut, all cuts of one side, or all. */
  readonly heal: (a?: NodeRef | "client", b?: NodeRef | "client") => Effect.Effect<void, FakeClusterError>
  /** How long a round trip to a node takes: its replies, and connecting. Zero at first. */
  readonly latency: (node: NodeRef, roundTrip: Duration.Input) => Effect.Effect<void, FakeClusterError>
  /** Ends all connections to a node: at once, or each after so many more bytes of replies, maybe amid one. */
  readonly dropConnections: (
    node: NodeRef,
    options?: { readonly afterBytes?: number | undefined }
  ) => Effect.Effect<void, FakeClusterError>
  /** Answers commands in a node's place, `times` times (default 1; Infinity: always). A text is an error reply. */
  readonly reply: (
    node: NodeRef | "any",
    match: CommandMatch,
    reply: Saying,
    options?: { readonly times?: number | undefined }
  ) => Effect.Effect<void, FakeClusterError>
  /**
   * Lets commands be executed, and something happen to their replies on the way: lost, twice, late, other bytes. `times` as
   * of `reply`; what `reply` answers can have a mishap too.
   */
  readonly mishap: (
    node: NodeRef | "any",
    match: CommandMatch,
    mishap: Mishap,
    options?: { readonly times?: number | undefined }
  ) => Effect.Effect<void, FakeClusterError>
  /**
   * Lets a node say what nobody asked for, on all its connections or on one (its number is that of CLIENT ID and of the
   * journal), and answers on how many.
   */
  readonly say: (
    node: NodeRef,
    saying: Saying,
    options?: { readonly connection?: number | undefined }
  ) => Effect.Effect<number, FakeClusterError>

  /** Opens a loopback port for each node, which it announces from then on, until the scope closes. */
  readonly listen: Effect.Effect<ReadonlyArray<Address.Tcp>, FakeClusterError, Scope.Scope>
}>()("@redisc/test-utils/FakeCluster") {}

type Service = FakeCluster["Service"]

/** What a simulated cluster consists of. */
interface Parts {
  readonly service: Service
  readonly connector: Connector["Service"]
}

/** A step that throws what makes no sense. */
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
  const { nodeTimeout, primaries, replicas, seed, settings, version } = yield* step(() => checked(options))
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
      config: new Map([["cluster-node-timeout", String(nodeTimeout)], ...config])
    },
    seed,
    warn: (text) => {
      fork(Effect.logWarning(text))
    }
  })
  world.shutDown = (node) => queueMicrotask(() => Controls.kill(world, node.name))
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
    addresses: Array.from(world.nodes.values(), ({ host, port }) => Address.tcp(host, port)),
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
 * Starts a simulated cluster and answers its controls and the `Connector` that leads to it. It ends with the scope.
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
 * A simulated cluster as a layer, for those who bring a client of their own: its controls and a `Connector`.
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
 * `client` has settings of the client, as of `RedisCluster.layer`. Its `nodes` are all nodes of the cluster, unless given.
 * What the client does from time to time without a reason (a PING on idle connections, a look at the layout) it does
 * once a day here, so that ageing a test by an hour costs nothing; `client` can say otherwise.
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
  const { client, password, primaries = 3, replicas = 0 } = options ?? {}
  // What makes no sense is told when the cluster is made.
  const count = Number.isInteger(primaries) && Number.isInteger(replicas) ? primaries * (1 + replicas) : 1
  const nodes = Array.from({ length: Math.min(count, 16) }, (_, index) => `fake-${index}:6379`)
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
