import type { Tcp } from "@redisc/core/Address"
import * as Command from "@redisc/core/Command"
import * as Connection from "@redisc/core/Connection"
import * as Connector from "@redisc/core/Connector"
import type { RedisError } from "@redisc/core/RedisError"
import type * as Resp from "@redisc/core/Resp"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { failed } from "./realClusterError.ts"
import type { RealClusterError } from "./realClusterError.ts"

export interface Target {
  readonly name: string
  readonly address: Tcp
}

export type Arg = string | number | Uint8Array

/** Sends commands to nodes, over one connection to each, which is opened on demand and again after it was lost. */
export interface Admin {
  readonly send: (
    node: Target,
    name: string,
    ...args: ReadonlyArray<Arg>
  ) => Effect.Effect<Resp.Value, RealClusterError>
  /** Like `send`, with the strings of the reply as bytes. */
  readonly sendBytes: (
    node: Target,
    name: string,
    ...args: ReadonlyArray<Arg>
  ) => Effect.Effect<Resp.Value, RealClusterError>
  /**
   * Sends many commands at once, on several connections. That is much faster for commands that block their connection, such
   * as layout changes that the server first propagates to its replicas.
   */
  readonly sendAll: (
    node: Target,
    commands: ReadonlyArray<readonly [name: string, ...args: ReadonlyArray<Arg>]>
  ) => Effect.Effect<void, RealClusterError>
  /** Closes the connection to a node that is about to change. */
  readonly drop: (node: Target) => Effect.Effect<void>
}

const connectionsAtOnce = 32

interface Line {
  readonly opening: Semaphore.Semaphore
  connection: Connection.Connection | undefined
  scope: Scope.Closeable | undefined
}

const commandOf = (name: string, args: ReadonlyArray<Arg>): Command.Command<Resp.Value> => {
  const known = Command.command(name, args)
  return known.problem === undefined ? known : Command.command(name, args, { keys: [] })
}

/**
 * With `readOnly` replicas answer what they are asked: a Valkey without cluster mode would send the reader to their primary. In a
 * cluster a replica that is asked says who has the slot.
 */
export const makeAdmin = Effect.fnUntraced(function*(
  password: Redacted.Redacted | undefined,
  { readOnly = false }: { readonly readOnly?: boolean } = {}
): Effect.fn.Return<Admin, never, Scope.Scope | Connector.Connector> {
  const connector = yield* Connector.Connector
  const scope = yield* Effect.scope
  const lines = new Map<string, Line>()
  const options: Connection.Options = {
    credentials: password === undefined ? undefined : { password },
    readOnly,
    connectTimeout: "10 seconds",
    commandTimeout: "30 seconds"
  }

  const hangUp = (line: Line): Effect.Effect<void> =>
    Effect.suspend(() => {
      const open = line.scope
      line.connection = undefined
      line.scope = undefined
      return open === undefined ? Effect.void : Scope.close(open, Exit.void)
    })

  const dial = (line: Line, address: Tcp) =>
    line.opening.withPermit(Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        if (line.connection?.isClosed() === false) return line.connection
        yield* hangUp(line)
        const own = yield* Scope.fork(scope)
        const connection = yield* restore(Connection.make(address, options)).pipe(
          Effect.provideService(Connector.Connector, connector),
          Scope.provide(own),
          Effect.onError(() => Scope.close(own, Exit.void))
        )
        line.connection = connection
        line.scope = own
        return connection
      })
    ))

  const lineTo = (node: Target): Line => {
    const existing = lines.get(node.name)
    if (existing !== undefined) return existing
    const line: Line = { opening: Semaphore.makeUnsafe(1), connection: undefined, scope: undefined }
    lines.set(node.name, line)
    return line
  }

  const problemAt = (node: Target) => (error: RedisError) =>
    failed(`${node.name} (${node.address.key}): ${error.message}`, error)

  const execute = (node: Target, command: Command.Command<Resp.Value>) =>
    Effect.suspend(() => {
      const line = lineTo(node)
      const { connection } = line
      return connection?.isClosed() === false
        ? connection.execute(command)
        : Effect.flatMap(dial(line, node.address), (connection) => connection.execute(command))
    }).pipe(
      Effect.retry({
        times: 1,
        while: (error) => error.reason._tag === "ConnectionLost" && error.delivery === "NotSent"
      }),
      Effect.mapError(problemAt(node))
    )

  const sendAll: Admin["sendAll"] = (node, commands) => {
    const share = Math.ceil(commands.length / connectionsAtOnce)
    const shares = Array.from(
      { length: Math.ceil(commands.length / share) },
      (_, index) => commands.slice(index * share, (index + 1) * share)
    )
    const send = (commands: ReadonlyArray<readonly [name: string, ...args: ReadonlyArray<Arg>]>) =>
      Effect.scoped(
        Effect.flatMap(Connection.make(node.address, options), (connection) =>
          Effect.forEach(commands, ([name, ...args]) =>
            connection.execute(commandOf(name, args)), {
            concurrency: "unbounded",
            discard: true
          }))
      )
    return Effect.forEach(shares, send, { concurrency: "unbounded", discard: true }).pipe(
      Effect.provideService(Connector.Connector, connector),
      Effect.mapError(problemAt(node))
    )
  }

  return {
    send: (node, name, ...args) => execute(node, commandOf(name, args)),
    sendBytes: (node, name, ...args) => {
      const command: Command.Any = commandOf(name, args)
      return execute(node, Command.bytes(command) as Command.Command<Resp.Value>)
    },
    sendAll,
    drop: (node) => Effect.suspend(() => hangUp(lineTo(node)))
  }
})
