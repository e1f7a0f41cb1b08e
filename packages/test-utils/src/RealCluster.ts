/**
 * Real Redis Cluster servers for tests: processes on loopback that live as long as a scope, and controls to make them fail,
 * move slots and change roles.
 *
 * Controls that change the layout return when all nodes agree on the new one. Controls that disturb a node (`kill`, `pause`,
 * `resume`, `restart`) return at once; use `waitUntilStable` and `awaitPromotion` to wait for the consequences.
 *
 * @since 0.1.0
 */
import type * as Address from "@redisc/core/Address"
import { Connector } from "@redisc/core/Connector"
import { isRedisError } from "@redisc/core/RedisError"
import type * as Resp from "@redisc/core/Resp"
import { NodeConnector } from "@redisc/node"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { makeCensus } from "./internal/census.ts"
import { makeAdmin } from "./internal/clusterAdmin.ts"
import type { Node, NodeState, Slots } from "./internal/clusterNode.ts"
import { checkCount, endWithScope, inRealTime, launching } from "./internal/launching.ts"
import {
  checkCrashed,
  killMember,
  pauseMember,
  planCluster,
  planMember,
  resumeMember,
  startMember
} from "./internal/members.ts"
import type { Member } from "./internal/members.ts"
import { makeNodeControls } from "./internal/nodeControls.ts"
import { failed } from "./internal/realClusterError.ts"
import type { RealClusterError } from "./internal/realClusterError.ts"
import { makeResharding } from "./internal/reshard.ts"
import { makeCertificates } from "./internal/serverFiles.ts"
import type { Settings } from "./internal/serverFiles.ts"
import { findServer, makeFolder } from "./internal/serverProcess.ts"
import { makeSlotControls } from "./internal/slotControls.ts"

export {
  /**
   * @category errors
   * @since 0.1.0
   */
  RealClusterError
} from "./internal/realClusterError.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Node,
  /**
   * @category models
   * @since 0.1.0
   */
  NodeState,
  /**
   * @category models
   * @since 0.1.0
   */
  Slots
} from "./internal/clusterNode.ts"

/**
 * The options of a cluster.
 *
 * **Details**
 *
 * - `primaries`: 3 by default. `replicas`: the number for each primary, 0 by default.
 * - `server`: the path of the server. By default `$REDIS_SERVER`, else `redis-server` or `valkey-server` on the path.
 * - `nodeTimeout`: how long a node may be silent before it counts as failed, 1 second by default. A failover takes place
 *   about one to two seconds later.
 * - `tls`: encrypts all connections, with certificates made for this cluster. They are in the service's `tls`.
 * - `password`: the password of the default user.
 * - `requireFullCoverage`: whether a cluster without an owner for every slot refuses all commands, as Redis does by default.
 * - `config`: more lines of `redis.conf`, each a directive and its value. They take precedence over the launcher's.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly primaries?: number | undefined
  readonly replicas?: number | undefined
  readonly server?: string | undefined
  readonly nodeTimeout?: Duration.Input | undefined
  readonly tls?: boolean | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly requireFullCoverage?: boolean | undefined
  readonly config?: Readonly<Record<string, string>> | undefined
}

/**
 * A running cluster and its controls.
 *
 * **Example** (A slot that is being migrated)
 *
 * ```ts
 * import { RealCluster } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * const halfway = Effect.gen(function*() {
 *   const cluster = yield* RealCluster.RealCluster
 *   const [, second] = yield* cluster.primaries
 *   yield* cluster.beginMigration(42, second)
 *   yield* cluster.migrateKeys(42, 10)
 *   // Now the owner answers ASK for the ten keys that have moved. Later:
 *   yield* cluster.finishMigration(42)
 * }).pipe(Effect.provide(RealCluster.layer({ primaries: 3, replicas: 1 })))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class RealCluster extends Context.Service<RealCluster, {
  /** The addresses of the first nodes, for a client to start with. */
  readonly addresses: ReadonlyArray<Address.Tcp>
  /** The kind of server, as the servers report it. */
  readonly kind: "redis" | "valkey"
  /** The version of the servers, such as `7.0.15`. */
  readonly version: string
  /** The TLS options for a client, if the cluster was started with `tls`. */
  readonly tls: NodeConnector.TlsOptions | undefined
  /** All nodes, including those that are not running. */
  readonly nodes: Effect.Effect<ReadonlyArray<NodeState>, RealClusterError>
  /** The running primaries, in the order of their names. */
  readonly primaries: Effect.Effect<ReadonlyArray<NodeState>, RealClusterError>
  /** The running replicas of a node. */
  readonly replicasOf: (node: Node) => Effect.Effect<ReadonlyArray<NodeState>, RealClusterError>
  readonly ownerOf: (slot: number) => Effect.Effect<Node, RealClusterError>
  /** Sends any command to one node. Fails if the reply is an error. Redirects are not followed. */
  readonly command: (
    node: Node,
    name: string,
    args?: ReadonlyArray<string | number | Uint8Array>
  ) => Effect.Effect<Resp.Value, RealClusterError>
  /** Empties all running primaries. */
  readonly flushAll: Effect.Effect<void, RealClusterError>

  /** Ends the process with SIGKILL. Its data is lost, since nothing is saved. */
  readonly kill: (node: Node) => Effect.Effect<void, RealClusterError>
  /** Stops the process with SIGSTOP. Its connections stay open and silent. */
  readonly pause: (node: Node) => Effect.Effect<void, RealClusterError>
  readonly resume: (node: Node) => Effect.Effect<void, RealClusterError>
  /** Starts the process again with the same port and id. Kills it first if it still runs. */
  readonly restart: (node: Node) => Effect.Effect<void, RealClusterError>
  /** Promotes a replica. If its primary is down, `force` is needed; without a majority of primaries, `takeover`. */
  readonly failover: (
    replica: Node,
    mode?: "default" | "force" | "takeover"
  ) => Effect.Effect<void, RealClusterError>
  /** Waits until a replica has replaced a node that was killed or paused, and returns that replica. */
  readonly awaitPromotion: (of: Node) => Effect.Effect<Node, RealClusterError>
  /** Waits until every running node reports the cluster as ok, and all agree on roles, slots and failed nodes. */
  readonly waitUntilStable: Effect.Effect<void, RealClusterError>

  /** Moves slots with their keys while clients use them: `slots`, or all of `from`. With both, `from` must own `slots`. */
  readonly migrateSlots: (
    options: { readonly to: Node; readonly from?: Node | undefined; readonly slots?: Slots | undefined }
  ) => Effect.Effect<void, RealClusterError>
  /** Begins the migration of a slot without moving any keys. */
  readonly beginMigration: (slot: number, to: Node) => Effect.Effect<void, RealClusterError>
  /** Moves at most `limit` keys of a slot whose migration has begun, and returns how many were moved. */
  readonly migrateKeys: (slot: number, limit: number) => Effect.Effect<number, RealClusterError>
  /** Moves the remaining keys, and makes the target the owner of the slot. */
  readonly finishMigration: (slot: number) => Effect.Effect<void, RealClusterError>
  /** Starts one more node: a primary without slots, or a replica. */
  readonly addNode: (options?: { readonly replicaOf?: Node | undefined }) => Effect.Effect<Node, RealClusterError>
  /** Moves a node's slots to the other primaries, makes all nodes forget it, and ends it. Remove its replicas first. */
  readonly removeNode: (node: Node) => Effect.Effect<void, RealClusterError>
}>()("@redisc/test-utils/RealCluster") {}

type Service = RealCluster["Service"]

const launch = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Service, RealClusterError, Scope.Scope> {
  const { password, primaries = 3, replicas = 0 } = options
  yield* checkCount("primaries", primaries, 1)
  yield* checkCount("replicas", replicas, 0)
  const server = yield* findServer(options.server)
  const folder = yield* makeFolder
  const certificates = options.tls === true ? yield* makeCertificates(folder) : undefined
  const tls = certificates && { ca: certificates.ca, cert: certificates.cert, key: certificates.key }
  const settings: Settings = {
    server,
    nodeTimeoutMillis: Duration.toMillis(Duration.fromInputUnsafe(options.nodeTimeout ?? "1 second")),
    requireFullCoverage: options.requireFullCoverage ?? true,
    password,
    certificates,
    extra: options.config ?? {}
  }

  const members = new Map<string, Member>()
  yield* endWithScope(members)
  const connector = yield* NodeConnector.make({ tls }).pipe(Effect.mapError((error) => failed(error.message, error)))
  const admin = yield* Effect.provideService(makeAdmin(password), Connector, connector)
  const census = makeCensus(admin, members)

  const seeds = yield* planCluster(folder, { primaries, replicas }, settings)
  for (const member of seeds) members.set(member.name, member)
  yield* Effect.forEach(seeds, (member) => startMember(member, server, admin), {
    concurrency: "unbounded",
    discard: true
  })
  yield* census.stable

  const { migrateSlots, ...slots } = makeSlotControls(census, makeResharding(admin, server, password))
  const { addNode, failover, removeNode } = yield* makeNodeControls({
    admin,
    census,
    members,
    plan: (index) => planMember(folder, index, settings),
    start: (member) => startMember(member, server, admin),
    clear: (from, to, part) => migrateSlots({ from, to, slots: part })
  })

  return RealCluster.of({
    addresses: seeds.map(({ address }) => address),
    kind: server.kind,
    version: server.version,
    tls,
    nodes: inRealTime(census.states),
    primaries: inRealTime(census.primaries),
    replicasOf: (node) =>
      inRealTime(
        Effect.map(census.states, (states) =>
          states.filter(({ primary, process }) => process === "running" && primary === node.id))
      ),
    ownerOf: (slot) => inRealTime(slots.ownerOf(slot)),
    command: (node, name, args = []) =>
      inRealTime(Effect.flatMap(census.runningMember(node), (member) =>
        admin.send(member, name, ...args).pipe(
          // A server that crashes closes its connections a moment before its process is gone.
          Effect.tapError(({ cause }) =>
            isRedisError(cause) && cause.reason._tag === "ConnectionLost" && member.process !== undefined
              ? Effect.andThen(Effect.timeoutOption(member.process.exited, "500 millis"), checkCrashed(member))
              : Effect.void
          )
        ))),
    flushAll: inRealTime(
      Effect.flatMap(
        census.primaries,
        (nodes) =>
          Effect.forEach(nodes, (node) => admin.send(node, "FLUSHALL"), { concurrency: "unbounded", discard: true })
      )
    ),
    kill: (node) =>
      Effect.flatMap(census.memberOf(node), (member) => Effect.andThen(killMember(member), admin.drop(member))),
    pause: (node) => Effect.map(census.runningMember(node), pauseMember),
    resume: (node) => Effect.map(census.memberOf(node), resumeMember),
    restart: (node) =>
      inRealTime(
        Effect.flatMap(
          census.memberOf(node),
          (member) => Effect.andThen(killMember(member), startMember(member, server, admin))
        )
      ),
    failover: (replica, mode) => inRealTime(failover(replica, mode)),
    awaitPromotion: (of) => inRealTime(Effect.flatMap(census.memberOf(of), census.promoted)),
    waitUntilStable: inRealTime(census.stable),
    migrateSlots: (options) => inRealTime(migrateSlots(options)),
    beginMigration: (slot, to) => inRealTime(slots.beginMigration(slot, to)),
    migrateKeys: (slot, limit) => inRealTime(slots.migrateKeys(slot, limit)),
    finishMigration: (slot) => inRealTime(slots.finishMigration(slot)),
    addNode: (options) => inRealTime(addNode(options)),
    removeNode: (node) => inRealTime(removeNode(node))
  })
})

/**
 * Starts a cluster, and returns when it is stable. When the scope ends, all processes and files are removed; also if this
 * process dies.
 *
 * **Details**
 *
 * If a server ends on its own, other than by SHUTDOWN, everything that waits for it fails, and at the latest the end of the
 * scope does. The error contains the end of the server's log.
 *
 * Nodes listen on 127.0.0.1 at free ports. Starting takes about two seconds, because a primary refuses commands for that long
 * after its start.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<Service, RealClusterError, Scope.Scope> =>
  launching(launch(options))

/**
 * A cluster as a layer.
 *
 * **Example** (One cluster for a suite of tests)
 *
 * ```ts
 * import { layer } from "@effect/vitest"
 * import { RealCluster } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * layer(RealCluster.layer({ replicas: 1 }), { excludeTestServices: true, timeout: "20 seconds" })("a cluster", (it) => {
 *   it.effect("has three primaries", () => Effect.flatMap(RealCluster.RealCluster, ({ primaries }) => primaries))
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<RealCluster, RealClusterError> =>
  Layer.effect(RealCluster, make(options))
