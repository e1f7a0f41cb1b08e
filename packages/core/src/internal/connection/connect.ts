/**
 * Opens a connection: the transport, the password, the handshake, all within `connectTimeout`. Every failure on the way is a
 * `ConnectionFailed` or an `AuthenticationFailed` with delivery `NotSent`, so that the command can be tried again.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Address } from "../../Address.ts"
import * as Connector from "../../Connector.ts"
import * as RedisError from "../../RedisError.ts"
import { unsent } from "../failures/failure.ts"
import { within } from "./arrivals.ts"
import { ConnectionImpl } from "./connection.ts"
import type { Connection } from "./connection.ts"
import { endpointType } from "./endpointType.ts"
import { handshake } from "./handshake.ts"
import type { Step } from "./handshake.ts"
import type { Keepers } from "./keepers.ts"
import type { Options } from "./options.ts"
import type { PushListener } from "./pushes.ts"
import type { Relief } from "./relief.ts"
import { keepLoggedIn } from "./renewal.ts"
import type { Access } from "./renewal.ts"
import { logging } from "./strays.ts"
import { Tracking } from "./tracking.ts"

/** What a layer adds to each new connection. */
export interface Extension {
  /** Steps of the handshake, taken together with those that follow the server's greeting. */
  readonly steps?: ReadonlyArray<Step>
  /** Listeners for pushes, each for the kinds that it names. */
  readonly listeners?: ReadonlyArray<PushListener>
  /** Where to connect to, if the node's endpoint has moved. */
  readonly via?: Address | undefined
  /** Whether the server should tell what it is about to do. */
  readonly wantsNotices?: boolean
  readonly relief?: Relief | undefined
  readonly keepers?: Keepers | undefined
  /** Whether replies that came over it may be kept. */
  readonly tracks?: boolean
  /** Whether the node is believed to be one of a cluster. */
  readonly inCluster?: boolean
  /** What to add if nobody can be reached at the address. */
  readonly hint?: string | undefined
}

const withHint = (error: RedisError.RedisError, hint: string): RedisError.RedisError =>
  RedisError.isRedisError(error) && error.reason._tag === "ConnectionFailed"
    ? new RedisError.RedisError({
      ...error,
      reason: new RedisError.ConnectionFailed({ ...error.reason, problem: `${error.reason.problem}; ${hint}` })
    })
    : error

/**
 * Opens a connection that stays open until the scope is closed. Calls that are on it then fail with `Closed`. `access` says how it
 * logs in.
 */
export const connect = Effect.fnUntraced(function*(
  address: Address,
  options: Options = {},
  extension: Extension = {},
  access?: Access
): Effect.fn.Return<Connection, RedisError.RedisError, Scope.Scope | Connector.Connector> {
  const { hint, inCluster = false, keepers, listeners = [], steps = [], via = address, wantsNotices = false } =
    extension
  const connector = yield* Connector.Connector
  const clock = yield* Clock.Clock
  const random = yield* Random.Random
  const connection = new ConnectionImpl(address, options, {
    clock,
    soon: connector.soon,
    listeners,
    relief: extension.relief,
    keepers,
    tracking: extension.tracks === true && keepers !== undefined
      ? new Tracking(address.key, clock, keepers)
      : undefined,
    report: logging(Effect.runForkWith(yield* Effect.context<never>())),
    secret: (yield* Random.nextInt).toString(36)
  })
  const { connectTimeout = "5 seconds" } = options
  /** The problem to report when `connectTimeout` has passed: it names the step that did not end. */
  let late = `the node did not answer${hint === undefined ? "" : ` (${hint})`}`
  const open = Effect.gen(function*() {
    const transport = yield* hint === undefined
      ? connector.open(via, connection)
      : Effect.mapError(connector.open(via, connection), (error) => withHint(error, hint))
    const remote = typeof transport.remote === "string" ? transport.remote : undefined
    connection.open(transport, remote)
    late = `the effect that yields the ${Effect.isEffect(options.credentials) ? "credentials" : "password"} did not end`
    const login = access === undefined ? undefined : yield* access.login
    late =
      "the node let us connect and did not answer our greeting (check that it is the port of a Redis server, and " +
      "whether it wants TLS)"
    const wanted = wantsNotices
      ? endpointType({ address: via, remote, secure: connector.secure })
      : undefined
    connection.greeted(yield* handshake(connection.attempt, { ...options, inCluster }, login, steps, wanted))
    if (login !== undefined) login.isAccepted = true
    return login
  })
  const failed = (problem: string, cause?: unknown) =>
    Effect.fail(
      unsent(
        new RedisError.ConnectionFailed(cause === undefined ? { problem } : { problem, cause }),
        undefined,
        address.key
      )
    )
  yield* Effect.addFinalizer(() => Effect.sync(() => connection.abort(new RedisError.Closed())))
  // Users can write Connectors. However one of them fails, connecting has failed and can be tried again.
  const opened = Effect.catchCause(open, (cause) => {
    const error = Cause.squash(cause)
    if (RedisError.isRedisError(error)) return Effect.fail(error)
    const how = Cause.hasInterruptsOnly(cause)
      ? "was interrupted"
      : Cause.hasDies(cause)
      ? "died of a defect"
      : "failed"
    return failed(`connecting ${how}`, error)
  })
  const login = yield* within(opened, {
    duration: connectTimeout,
    soon: connector.soon,
    orElse: () => failed(`${late} within ${Duration.format(Duration.fromInputUnsafe(connectTimeout))} (connectTimeout)`)
  })
  yield* Effect.forkScoped(connection.watchdog.sweep)
  yield* Effect.forkScoped(connection.watchdog.alarm)
  if (access !== undefined && login !== undefined && login.until < Infinity) {
    yield* Effect.forkScoped(keepLoggedIn(connection, login, access, { clock, random }))
  }
  return connection
})
