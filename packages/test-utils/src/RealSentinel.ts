/**
 * Real Sentinel groups for tests: a primary, its replicas, and the sentinels that watch them and fail over; processes on loopback
 * that live as long as a scope.
 *
 * Controls that disturb a process (`kill`, `pause`, `resume`, `restart`) return at once, or when it has started; use
 * `awaitSwitch` and `waitUntilStable` to wait for the consequences.
 *
 * @since 0.1.0
 */
import type * as Address from "@redisc/core/Address"
import { Connector } from "@redisc/core/Connector"
import type * as Resp from "@redisc/core/Resp"
import { NodeConnector } from "@redisc/node"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { makeAdmin } from "./internal/clusterAdmin.ts"
import { checkCount, endWithScope, inRealTime, launching } from "./internal/launching.ts"
import { planPlain, startMember } from "./internal/members.ts"
import type { Member } from "./internal/members.ts"
import { makeProcessControls } from "./internal/processControls.ts"
import { failed } from "./internal/realClusterError.ts"
import type { RealClusterError } from "./internal/realClusterError.ts"
import { makeSentinels } from "./internal/sentinels.ts"
import { makeCertificates, writePlainFile, writeSentinelFile } from "./internal/serverFiles.ts"
import { makeServerGroup } from "./internal/serverGroup.ts"
import type { ServerNode, ServerState } from "./internal/serverGroup.ts"
import { findServer, makeFolder } from "./internal/serverProcess.ts"

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
  ServerNode,
  /**
   * @category models
   * @since 0.1.0
   */
  ServerState
} from "./internal/serverGroup.ts"

/**
 * The options of a group.
 *
 * **Details**
 *
 * - `name`: the name by which the sentinels know the primary, `mymaster` by default.
 * - `replicas`: 1 by default. `sentinels`: 3 by default.
 * - `quorum`: how many sentinels have to find the primary down; by default more than half.
 * - `server`: the path of the server, which is run for the sentinels, too. By default `$REDIS_SERVER`, else `redis-server` or
 *   `valkey-server` on the path.
 * - `downAfter`: how long a server may be silent before it counts as down, 600 ms by default. A failover takes place about one to
 *   two seconds later.
 * - `failoverTimeout`: 2 seconds by default. A failover that failed is tried again after twice that time.
 * - `tls`: encrypts all connections, with certificates made for this group. They are in the service's `tls`.
 * - `password`: the password of the default user of the servers. `sentinelPassword`: that of the sentinels.
 * - `hostnames`: whether servers and sentinels announce themselves as `localhost` instead of `127.0.0.1`.
 * - `config`: more lines of the servers' `redis.conf`, each a directive and its value, which take precedence over the launcher's.
 * - `sentinelConfig`: the same for the sentinels.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly name?: string | undefined
  readonly replicas?: number | undefined
  readonly sentinels?: number | undefined
  readonly quorum?: number | undefined
  readonly server?: string | undefined
  readonly downAfter?: Duration.Input | undefined
  readonly failoverTimeout?: Duration.Input | undefined
  readonly tls?: boolean | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly sentinelPassword?: Redacted.Redacted | undefined
  readonly hostnames?: boolean | undefined
  readonly config?: Readonly<Record<string, string>> | undefined
  readonly sentinelConfig?: Readonly<Record<string, string>> | undefined
}

/**
 * A running group and its controls. Controls of processes take a server or a sentinel.
 *
 * **Example** (The death of a primary)
 *
 * ```ts
 * import { RealSentinel } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * const successor = Effect.gen(function*() {
 *   const group = yield* RealSentinel.RealSentinel
 *   const primary = yield* group.primary
 *   yield* group.kill(primary)
 *   return (yield* group.awaitSwitch(primary)).name
 * }).pipe(Effect.provide(RealSentinel.layer({ replicas: 2 })))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class RealSentinel extends Context.Service<RealSentinel, {
  /** The name of the primary at the sentinels. */
  readonly name: string
  /** The addresses of all sentinels, for a client to start with. */
  readonly addresses: ReadonlyArray<Address.Tcp>
  /** The kind of server, as the servers report it. */
  readonly kind: "redis" | "valkey"
  /** The version of the servers, such as `7.0.15`. */
  readonly version: string
  /** The TLS options for a client, if the group was started with `tls`. */
  readonly tls: NodeConnector.TlsOptions | undefined
  readonly sentinels: ReadonlyArray<ServerNode>
  /** All servers, including those that are not running. */
  readonly nodes: Effect.Effect<ReadonlyArray<ServerState>, RealClusterError>
  /** The running primary. Fails if there is none, if there are several, or if a running server does not copy it yet. */
  readonly primary: Effect.Effect<ServerState, RealClusterError>
  /** The running replicas. */
  readonly replicas: Effect.Effect<ReadonlyArray<ServerState>, RealClusterError>
  /** Sends any command to one server or sentinel. Fails if the reply is an error. */
  readonly command: (
    node: ServerNode,
    name: string,
    args?: ReadonlyArray<string | number | Uint8Array>
  ) => Effect.Effect<Resp.Value, RealClusterError>

  /** Ends the process with SIGKILL. The data of a server is lost, since nothing is saved. */
  readonly kill: (node: ServerNode) => Effect.Effect<void, RealClusterError>
  /** Stops the process with SIGSTOP. Its connections stay open and silent. */
  readonly pause: (node: ServerNode) => Effect.Effect<void, RealClusterError>
  readonly resume: (node: ServerNode) => Effect.Effect<void, RealClusterError>
  /**
   * Starts the process again with the same port and what it had written to its configuration. Kills it first if it still runs. A
   * former primary comes back as one, and a few seconds later the sentinels make it a replica.
   */
  readonly restart: (node: ServerNode) => Effect.Effect<void, RealClusterError>
  /** Makes a sentinel fail over, and returns the new primary when all sentinels name it. */
  readonly failover: Effect.Effect<ServerState, RealClusterError>
  /** Waits until another server than `from` is the primary, and all running sentinels name it. */
  readonly awaitSwitch: (from: ServerNode) => Effect.Effect<ServerState, RealClusterError>
  /** Waits until all running servers copy the same one of them, and all running sentinels see who is up. */
  readonly waitUntilStable: Effect.Effect<void, RealClusterError>
}>()("@redisc/test-utils/RealSentinel") {}

type Service = RealSentinel["Service"]

const millis = (input: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(input))

const launch = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Service, RealClusterError, Scope.Scope> {
  const { config = {}, hostnames = false, name = "mymaster", password, replicas = 1, sentinels: count = 3 } = options
  const { quorum = Math.floor(count / 2) + 1, sentinelPassword } = options
  yield* checkCount("replicas", replicas, 0)
  yield* checkCount("sentinels", count, 1)
  yield* checkCount("quorum", quorum, 1)
  const server = yield* findServer(options.server)
  const folder = yield* makeFolder
  const certificates = options.tls === true ? yield* makeCertificates(folder) : undefined
  const tls = certificates && { ca: certificates.ca, cert: certificates.cert, key: certificates.key }
  const host = hostnames ? "localhost" : "127.0.0.1"

  const nodes = new Map<string, Member>()
  const watchers = new Map<string, Member>()
  yield* endWithScope(nodes)
  yield* endWithScope(watchers)
  const connector = yield* NodeConnector.make({ tls }).pipe(Effect.mapError((error) => failed(error.message, error)))
  const admin = yield* Effect.provideService(makeAdmin(password, { readOnly: true }), Connector, connector)
  const sentinelAdmin = yield* Effect.provideService(makeAdmin(sentinelPassword), Connector, connector)
  const group = makeServerGroup(admin, nodes)
  const sentinels = makeSentinels({ name, admin: sentinelAdmin, members: watchers, group })

  for (let index = 0; index <= replicas; index++) {
    const member = yield* planPlain(folder, `node-${index}`)
    const first = nodes.get("node-0")?.address
    const extra: Record<string, string> = { ...config, "replica-announce-ip": host }
    // In the file and not among the arguments: sentinels change it there.
    if (first !== undefined) extra.replicaof = `127.0.0.1 ${first.port}`
    yield* writePlainFile(member.folder, member.address.port, { server, password, certificates, extra })
    nodes.set(member.name, member)
  }
  for (let index = 0; index < count; index++) {
    const member = yield* planPlain(folder, `sentinel-${index}`)
    member.args = ["--sentinel"]
    watchers.set(member.name, member)
  }
  const [primary, ...others] = nodes.values()
  for (const self of watchers.values()) {
    // A sentinel that starts with what it would learn in the first seconds can fail over from the beginning.
    const known = others.map(({ address }) => `known-replica ${name} ${host} ${address.port}`)
    for (const { address, id } of watchers.values()) {
      if (id !== self.id) known.push(`known-sentinel ${name} ${host} ${address.port} ${id}`)
    }
    const lines = [
      `myid ${self.id}`,
      ...(hostnames ? ["resolve-hostnames yes", "announce-hostnames yes", "announce-ip localhost"] : []),
      `monitor ${name} ${host} ${primary.address.port} ${quorum}`,
      `down-after-milliseconds ${name} ${millis(options.downAfter ?? "600 millis")}`,
      `failover-timeout ${name} ${millis(options.failoverTimeout ?? "2 seconds")}`,
      `parallel-syncs ${name} 5`,
      ...(password === undefined ? [] : [`auth-pass ${name} ${JSON.stringify(Redacted.value(password))}`]),
      ...known
    ]
    yield* writeSentinelFile(self.folder, self.address.port, {
      server,
      certificates,
      password: sentinelPassword,
      extra: options.sentinelConfig ?? {},
      lines
    })
  }
  const starting = (members: ReadonlyMap<string, Member>, admin: typeof sentinelAdmin) =>
    Effect.forEach(members.values(), (member) => startMember(member, server, admin), {
      concurrency: "unbounded",
      discard: true
    })
  yield* starting(nodes, admin)
  yield* group.stable
  yield* starting(watchers, sentinelAdmin)
  yield* Effect.forEach(watchers.values(), sentinels.hurry, { discard: true })
  yield* sentinels.stable

  const all = makeServerGroup(admin, new Map([...nodes, ...watchers]))
  const controls = makeProcessControls({
    server,
    adminOf: (member) => watchers.has(member.name) ? sentinelAdmin : admin,
    memberOf: all.memberOf,
    runningMember: all.runningMember
  })
  return RealSentinel.of({
    name,
    addresses: Array.from(watchers.values(), ({ address }) => address),
    kind: server.kind,
    version: server.version,
    tls,
    sentinels: Array.from(watchers.values()),
    nodes: inRealTime(group.states),
    primary: inRealTime(group.primary),
    replicas: inRealTime(group.replicas),
    ...controls,
    restart: (node) =>
      Effect.andThen(
        controls.restart(node),
        Effect.suspend(() => {
          const sentinel = watchers.get(node.name)
          return sentinel === undefined ? Effect.void : inRealTime(sentinels.hurry(sentinel))
        })
      ),
    failover: inRealTime(sentinels.failover),
    awaitSwitch: (from) => inRealTime(sentinels.switched(from)),
    waitUntilStable: inRealTime(sentinels.stable)
  })
})

/**
 * Starts a group, and returns when its replicas have caught up and its sentinels see it. When the scope ends, all processes and
 * files are removed; also if this process dies.
 *
 * **Details**
 *
 * If a process ends on its own, other than by SHUTDOWN, everything that waits for it fails, and at the latest the end of the
 * scope does. The error contains the end of its log. Everything listens on 127.0.0.1 at free ports.
 *
 * The sentinels look at the servers several times a second, and not every ten seconds as usual, and one that was paused rests for a
 * second, and not for thirty (TILT), so that groups settle soon.
 *
 * **Example** (A planned failover)
 *
 * ```ts
 * import { RealSentinel } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * const successor = Effect.scoped(Effect.gen(function*() {
 *   const group = yield* RealSentinel.make({ replicas: 1 })
 *   return (yield* group.failover).name
 * }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<Service, RealClusterError, Scope.Scope> =>
  launching(launch(options))

/**
 * A group as a layer.
 *
 * **Example** (One group for a suite of tests)
 *
 * ```ts
 * import { layer } from "@effect/vitest"
 * import { RealSentinel } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * layer(RealSentinel.layer(), { excludeTestServices: true, timeout: "20 seconds" })("a group", (it) => {
 *   it.effect("has a primary", () => Effect.flatMap(RealSentinel.RealSentinel, ({ primary }) => primary))
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<RealSentinel, RealClusterError> =>
  Layer.effect(RealSentinel, make(options))
