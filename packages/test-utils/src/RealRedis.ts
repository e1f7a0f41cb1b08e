/**
 * Real servers without cluster mode for tests: a primary and its replicas, processes on loopback that live as long as a scope,
 * and controls to make them fail and change their roles. Nothing fails over by itself: {@link RealSentinel} does.
 *
 * Controls that disturb a server (`kill`, `pause`, `resume`, `restart`) return at once, or when it has started.
 *
 * @since 0.1.0
 */
import type * as Address from "@redisc/core/Address"
import { Connector } from "@redisc/core/Connector"
import type * as Resp from "@redisc/core/Resp"
import { NodeConnector } from "@redisc/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { makeAdmin } from "./internal/clusterAdmin.ts"
import { checkCount, endWithScope, inRealTime, launching } from "./internal/launching.ts"
import { isRunning, planPlain, startMember } from "./internal/members.ts"
import type { Member } from "./internal/members.ts"
import { makeProcessControls } from "./internal/processControls.ts"
import { failed } from "./internal/realClusterError.ts"
import type { RealClusterError } from "./internal/realClusterError.ts"
import { makeCertificates, writePlainFile } from "./internal/serverFiles.ts"
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
 * The options of a primary and its replicas.
 *
 * **Details**
 *
 * - `replicas`: their number, 0 by default.
 * - `server`: the path of the server. By default `$REDIS_SERVER`, else `redis-server` or `valkey-server` on the path.
 * - `tls`: encrypts all connections, with certificates made for these servers. They are in the service's `tls`.
 * - `password`: the password of the default user.
 * - `config`: more lines of `redis.conf`, each a directive and its value. They take precedence over the launcher's.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly replicas?: number | undefined
  readonly server?: string | undefined
  readonly tls?: boolean | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly config?: Readonly<Record<string, string>> | undefined
}

/**
 * A running primary with its replicas, and their controls.
 *
 * **Example** (A failover)
 *
 * ```ts
 * import { RealRedis } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * const promoted = Effect.gen(function*() {
 *   const servers = yield* RealRedis.RealRedis
 *   const [replica] = yield* servers.replicas
 *   yield* servers.failover(replica)
 *   return (yield* servers.primary).name
 * }).pipe(Effect.provide(RealRedis.layer({ replicas: 1 })))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class RealRedis extends Context.Service<RealRedis, {
  /** The addresses of all servers, for a client to start with. The initial primary is the first. */
  readonly addresses: ReadonlyArray<Address.Tcp>
  /** The kind of server, as the servers report it. */
  readonly kind: "redis" | "valkey"
  /** The version of the servers, such as `7.0.15`. */
  readonly version: string
  /** The TLS options for a client, if the servers were started with `tls`. */
  readonly tls: NodeConnector.TlsOptions | undefined
  /** All servers, including those that are not running. */
  readonly nodes: Effect.Effect<ReadonlyArray<ServerState>, RealClusterError>
  /** The running primary. Fails if there is none, if there are several, or if a running server does not copy it yet. */
  readonly primary: Effect.Effect<ServerState, RealClusterError>
  /** The running replicas. */
  readonly replicas: Effect.Effect<ReadonlyArray<ServerState>, RealClusterError>
  /** Sends any command to one server. Fails if the reply is an error. */
  readonly command: (
    node: ServerNode,
    name: string,
    args?: ReadonlyArray<string | number | Uint8Array>
  ) => Effect.Effect<Resp.Value, RealClusterError>

  /** Ends the process with SIGKILL. Its data is lost, since nothing is saved. */
  readonly kill: (node: ServerNode) => Effect.Effect<void, RealClusterError>
  /** Stops the process with SIGSTOP. Its connections stay open and silent. */
  readonly pause: (node: ServerNode) => Effect.Effect<void, RealClusterError>
  readonly resume: (node: ServerNode) => Effect.Effect<void, RealClusterError>
  /** Starts the process again with the same port, as a replica if another one is the primary by now. Kills it first if it still runs. */
  readonly restart: (node: ServerNode) => Effect.Effect<void, RealClusterError>
  /**
   * Promotes a replica, and makes the other running servers copy it. By default the primary hands over to it, so that no write is
   * lost. With `force` nobody asks the primary, which may be down, and which is left as it is if it does not answer.
   */
  readonly failover: (replica: ServerNode, mode?: "default" | "force") => Effect.Effect<void, RealClusterError>
  /** Waits until there is one running primary, which all other running servers copy. */
  readonly waitUntilStable: Effect.Effect<void, RealClusterError>
}>()("@redisc/test-utils/RealRedis") {}

type Service = RealRedis["Service"]

/** The arguments with which a server copies another from its start. */
const copying = ({ host, port }: Address.Tcp): ReadonlyArray<string> => ["--replicaof", host, `${port}`]

const launch = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Service, RealClusterError, Scope.Scope> {
  const { config = {}, password, replicas = 0 } = options
  yield* checkCount("replicas", replicas, 0)
  const server = yield* findServer(options.server)
  const folder = yield* makeFolder
  const certificates = options.tls === true ? yield* makeCertificates(folder) : undefined
  const tls = certificates && { ca: certificates.ca, cert: certificates.cert, key: certificates.key }

  const members = new Map<string, Member>()
  yield* endWithScope(members)
  const connector = yield* NodeConnector.make({ tls }).pipe(Effect.mapError((error) => failed(error.message, error)))
  const admin = yield* Effect.provideService(makeAdmin(password, { readOnly: true }), Connector, connector)
  const group = makeServerGroup(admin, members)

  for (let index = 0; index <= replicas; index++) {
    const member = yield* planPlain(folder, `node-${index}`)
    yield* writePlainFile(member.folder, member.address.port, { server, password, certificates, extra: config })
    members.set(member.name, member)
  }
  const [first, ...others] = members.values()
  for (const other of others) other.args = copying(first.address)
  yield* Effect.forEach(members.values(), (member) => startMember(member, server, admin), {
    concurrency: "unbounded",
    discard: true
  })
  yield* group.stable

  const failover = Effect.fnUntraced(function*(node: ServerNode, mode: "default" | "force" = "default") {
    const heir = yield* group.runningMember(node)
    const { host, port } = heir.address
    if (mode === "default") {
      const { name } = yield* group.primary
      yield* Effect.retry(admin.send(members.get(name)!, "FAILOVER", "TO", host, port), whileOffline)
    } else {
      yield* admin.send(heir, "REPLICAOF", "NO", "ONE")
    }
    heir.args = []
    yield* group.waitFor(
      `promote ${heir.name}`,
      Effect.map(
        group.states,
        (states) => states.some(({ name, role }) => name === heir.name && role === "primary") || "it is no primary yet"
      )
    )
    for (const other of members.values()) if (other !== heir) other.args = copying(heir.address)
    const followers = Array.from(members.values()).filter((other) => other !== heir && isRunning(other))
    yield* Effect.forEach(followers, (other) => admin.send(other, "REPLICAOF", host, port), {
      concurrency: "unbounded",
      discard: true
    })
    yield* group.stable
  })

  return RealRedis.of({
    addresses: Array.from(members.values(), ({ address }) => address),
    kind: server.kind,
    version: server.version,
    tls,
    nodes: inRealTime(group.states),
    primary: inRealTime(group.primary),
    replicas: inRealTime(group.replicas),
    ...makeProcessControls({ server, adminOf: () => admin, ...group }),
    failover: (replica, mode) => inRealTime(failover(replica, mode)),
    waitUntilStable: inRealTime(group.stable)
  })
})

/** The primary may not yet count a replica as online that says itself that it follows. */
const whileOffline = {
  while: ({ message }: RealClusterError) => message.includes("is not online"),
  schedule: Schedule.spaced("100 millis"),
  times: 600
}

/**
 * Starts a primary and its replicas, and returns when these have caught up. When the scope ends, all processes and files are
 * removed; also if this process dies.
 *
 * **Details**
 *
 * If a server ends on its own, other than by SHUTDOWN, everything that waits for it fails, and at the latest the end of the
 * scope does. The error contains the end of the server's log. Servers listen on 127.0.0.1 at free ports.
 *
 * **Example** (Who is the primary)
 *
 * ```ts
 * import { RealRedis } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * const name = Effect.scoped(Effect.gen(function*() {
 *   const servers = yield* RealRedis.make({ replicas: 1 })
 *   return (yield* servers.primary).name
 * }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<Service, RealClusterError, Scope.Scope> =>
  launching(launch(options))

/**
 * A primary and its replicas as a layer.
 *
 * **Example** (One server for a suite of tests)
 *
 * ```ts
 * import { layer } from "@effect/vitest"
 * import { RealRedis } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * layer(RealRedis.layer(), { excludeTestServices: true, timeout: "20 seconds" })("a server", (it) => {
 *   it.effect("is a primary", () => Effect.flatMap(RealRedis.RealRedis, ({ primary }) => primary))
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<RealRedis, RealClusterError> =>
  Layer.effect(RealRedis, make(options))
