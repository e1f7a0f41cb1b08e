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
import { handshake, login } from "./handshake.ts"
import type { Login, Step } from "./handshake.ts"
import type { Options } from "./options.ts"
import type { PushListener } from "./pushes.ts"
import type { Relief } from "./relief.ts"
import { logging } from "./strays.ts"

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
}

/**
 * Opens a connection that stays open until the scope is closed. Calls that are on it then fail with `Closed`. `asLogin` yields the
 * user to log in as, if that is not left to this connection alone.
 */
export const connect = Effect.fnUntraced(function*(
  address: Address,
  options: Options = {},
  { listeners = [], relief, steps = [], via = address, wantsNotices = false }: Extension = {},
  asLogin: Effect.Effect<Login, RedisError.RedisError> | undefined = options.credentials && login(options.credentials)
): Effect.fn.Return<Connection, RedisError.RedisError, Scope.Scope | Connector.Connector> {
  const connector = yield* Connector.Connector
  const connection = new ConnectionImpl(address, options, {
    clock: yield* Clock.Clock,
    soon: connector.soon,
    listeners,
    relief,
    report: logging(Effect.runForkWith(yield* Effect.context<never>())),
    secret: (yield* Random.nextInt).toString(36)
  })
  const { connectTimeout = "5 seconds" } = options
  /** The problem to report when `connectTimeout` has passed: it names the step that did not end. */
  let late = "the node did not answer"
  const open = Effect.gen(function*() {
    const transport = yield* connector.open(via, connection)
    const remote = typeof transport.remote === "string" ? transport.remote : undefined
    connection.open(transport, remote)
    late = "the effect that yields the password did not end"
    const whoIs = asLogin === undefined ? undefined : yield* asLogin
    late =
      "the node let us connect and did not answer our greeting (check that it is the port of a Redis server, and " +
      "whether it wants TLS)"
    const wanted = wantsNotices
      ? endpointType({ address: via, remote, secure: connector.secure })
      : undefined
    connection.greeted(yield* handshake(connection.attempt, options, whoIs, steps, wanted))
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
  yield* within(opened, {
    duration: connectTimeout,
    soon: connector.soon,
    orElse: () => failed(`${late} within ${Duration.format(Duration.fromInputUnsafe(connectTimeout))} (connectTimeout)`)
  })
  yield* Effect.forkScoped(connection.watchdog.sweep)
  yield* Effect.forkScoped(connection.watchdog.alarm)
  return connection
})
