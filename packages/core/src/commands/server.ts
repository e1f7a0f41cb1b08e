/**
 * Servers and their connections: health, configuration, memory and role.
 *
 * Source: https://redis.io/docs/latest/commands/?group=server and https://redis.io/docs/latest/commands/?group=connection
 */
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"

const CLIENT_GETNAME = CommandSpec.get("CLIENT GETNAME")
const CLIENT_ID = CommandSpec.get("CLIENT ID")
const CLIENT_INFO = CommandSpec.get("CLIENT INFO")
const CLIENT_LIST = CommandSpec.get("CLIENT LIST")
const CONFIG_GET = CommandSpec.get("CONFIG GET")
const CONFIG_RESETSTAT = CommandSpec.get("CONFIG RESETSTAT")
const CONFIG_SET = CommandSpec.get("CONFIG SET")
const DBSIZE = CommandSpec.get("DBSIZE")
const ECHO = CommandSpec.get("ECHO")
const FLUSHALL = CommandSpec.get("FLUSHALL")
const FLUSHDB = CommandSpec.get("FLUSHDB")
const INFO = CommandSpec.get("INFO")
const MEMORY_USAGE = CommandSpec.get("MEMORY USAGE")
const PING = CommandSpec.get("PING")
const ROLE = CommandSpec.get("ROLE")
const SLOWLOG_LEN = CommandSpec.get("SLOWLOG LEN")
const TIME = CommandSpec.get("TIME")

/** Parses `name=value` fields separated by blanks. Redis allows no blanks in values. */
const clientFields = (line: string): Record<string, string> => {
  const result: Record<string, string> = Object.create(null)
  for (const field of line.trim().split(" ")) {
    const equals = field.indexOf("=")
    if (equals > 0) result[field.slice(0, equals)] = field.slice(equals + 1)
  }
  return result
}

/**
 * The name of the connection that the command is sent on, `null` when it has none.
 *
 * Since Redis 2.6.9.
 *
 * **Example** (What is this connection called?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const name = Redis.clientGetname() // Command<string | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/client-getname/
 * @category server
 * @since 0.1.0
 */
export const clientGetname = (): Command.Command<string | null> => Command.make(CLIENT_GETNAME, [], Reply.textOrNull)

/**
 * The id of the connection that the command is sent on. A server never gives the same id twice.
 *
 * Since Redis 5.0.0.
 *
 * **Example** (Which connection is this?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const id = Redis.clientId() // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/client-id/
 * @category server
 * @since 0.1.0
 */
export const clientId = (): Command.Command<number> => Command.make(CLIENT_ID, [], Reply.integer)

/**
 * The server's data about the connection that the command is sent on, by Redis' field names: `id`, `addr`, `name`,
 * `age`, `resp` and some twenty more.
 *
 * Since Redis 6.2.0.
 *
 * **Example** (Who am I?)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const user = Redis.clientInfo().pipe(Command.map((fields) => fields["user"])) // Command<string>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/client-info/
 * @category server
 * @since 0.1.0
 */
export const clientInfo = (): Command.Command<Record<string, string>> =>
  Command.makeSealed(CLIENT_INFO, [], (value) => clientFields(Reply.name(value)))

/**
 * Which connections to list: those of a type, those with the given ids, or all.
 *
 * @category models
 * @since 0.1.0
 */
export type ClientListOptions =
  | {
    /** Since Redis 5.0.0. */
    readonly type?: "normal" | "master" | "replica" | "pubsub" | undefined
    readonly id?: undefined
  }
  | {
    readonly type?: undefined
    /** Since Redis 6.2.0. */
    readonly id?: ReadonlyArray<number> | undefined
  }

/**
 * The connections of a server, each in the form of `clientInfo`.
 *
 * Since Redis 2.4.0.
 *
 * **Example** (Who listens?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const subscribers = Redis.clientList({ type: "pubsub" }) // Command<ReadonlyArray<Record<string, string>>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/client-list/
 * @category server
 * @since 0.1.0
 */
export const clientList = (
  options?: ClientListOptions
): Command.Command<ReadonlyArray<Record<string, string>>> =>
  Args.command(
    CLIENT_LIST,
    () => {
      const { id, type } = clientListOptions(options)
      return [
        ...Args.option("TYPE", type, (type) => type),
        ...(id === undefined ? [] : ["ID", ...Args.some(id, "id").map((id) => Args.integer(id, "the id"))])
      ]
    },
    (value) => Reply.name(value).split("\n").filter((line) => line.trim() !== "").map(clientFields)
  )

const clientListOptions = Args.options<ClientListOptions>({ type: Args.any, id: Args.any }, ["type", "id"])

/**
 * The parameters of a server whose names match one of the patterns, with their values.
 *
 * Since Redis 2.0.0, several patterns since 7.0.0.
 *
 * **Example** (How much memory may it use, and what then?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const limits = Redis.configGet(["maxmemory*"]) // Command<Record<string, string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/config-get/
 * @category server
 * @since 0.1.0
 */
export const configGet = (patterns: ReadonlyArray<Command.Arg>): Command.Command<Record<string, string>> =>
  Args.command(CONFIG_GET, () => [...Args.some(patterns, "pattern")], Reply.record(Reply.text))

/**
 * Resets statistics, such as those of `info`, to 0.
 *
 * In a cluster it is sent to every node. Since Redis 2.0.0.
 *
 * **Example** (Counting from now on)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const reset = Redis.configResetstat() // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/config-resetstat/
 * @category server
 * @since 0.1.0
 */
export const configResetstat = (): Command.Command<"OK"> => Command.make(CONFIG_RESETSTAT, [], Reply.ok)

/**
 * Sets parameters of a server until it restarts; all of them or, when one is refused, none.
 *
 * In a cluster it is sent to every node. Fails with `ServerError` when a parameter is unknown, fixed, or its value not
 * valid. Since Redis 2.0.0, several parameters since 7.0.0.
 *
 * **Example** (A limit for memory)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.configSet({ "maxmemory": "2gb", "maxmemory-policy": "allkeys-lfu" }) // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/config-set/
 * @category server
 * @since 0.1.0
 */
export const configSet = (parameters: Readonly<Record<string, Command.Arg>>): Command.Command<"OK"> =>
  Args.command(CONFIG_SET, () => Args.entries(parameters, "parameter with its value"), Reply.ok)

/**
 * The number of keys.
 *
 * In a cluster every primary is asked, and their numbers are added up. Since Redis 1.0.0.
 *
 * **Example** (How many keys?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const count = Redis.dbsize() // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/dbsize/
 * @category server
 * @since 0.1.0
 */
export const dbsize = (): Command.Command<number> => Command.make(DBSIZE, [], Reply.integer)

/**
 * The message that was sent.
 *
 * Since Redis 1.0.0.
 *
 * **Example** (There and back)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const message = Redis.echo("hello") // Command<string>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/echo/
 * @category server
 * @since 0.1.0
 */
export const echo = (message: Command.Arg): Command.Command<string> => Command.make(ECHO, [message], Reply.text)

/**
 * Whether memory is freed before the reply (`SYNC`) or after it (`ASYNC`). The default is a parameter of the server.
 *
 * @category models
 * @since 0.1.0
 */
export interface FlushOptions {
  readonly mode?: "ASYNC" | "SYNC" | undefined
}

/**
 * Deletes all keys of all databases.
 *
 * In a cluster it is sent to every primary. Since Redis 1.0.0, `ASYNC` since 4.0.0, `SYNC` since 6.2.0.
 *
 * **Example** (An empty cluster)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.flushall({ mode: "ASYNC" }) // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/flushall/
 * @category server
 * @since 0.1.0
 */
export const flushall = (options?: FlushOptions): Command.Command<"OK"> =>
  Args.command(FLUSHALL, () => Args.flush(options), Reply.ok)

/**
 * Deletes all keys of the database in use; a cluster has one.
 *
 * In a cluster it is sent to every primary. Since Redis 1.0.0, `ASYNC` since 4.0.0, `SYNC` since 6.2.0.
 *
 * **Example** (An empty database)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const done = Redis.flushdb({ mode: "ASYNC" }) // Command<"OK">
 * ```
 *
 * @see https://redis.io/docs/latest/commands/flushdb/
 * @category server
 * @since 0.1.0
 */
export const flushdb = (options?: FlushOptions): Command.Command<"OK"> =>
  Args.command(FLUSHDB, () => Args.flush(options), Reply.ok)

/**
 * Information about a server as text: the given sections (`"memory"`, `"replication"`, ...), or the server's default
 * ones.
 *
 * `infoFields` gives the same as a record. Since Redis 1.0.0, several sections since 7.0.0.
 *
 * **Example** (Two sections)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const text = Redis.info(["memory", "replication"]) // Command<string>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/info/
 * @category server
 * @since 0.1.0
 */
export const info = (sections: ReadonlyArray<string> = []): Command.Command<string> =>
  Args.command(INFO, () => [...Args.list(sections, "section")], Reply.text)

/**
 * Information about a server as a record of fields, without the headings of `info`.
 *
 * Since Redis 1.0.0, several sections since 7.0.0.
 *
 * **Example** (Memory in use)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const bytes = Redis.infoFields(["memory"]).pipe(Command.map((fields) => Number(fields["used_memory"])))
 * // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/info/
 * @category server
 * @since 0.1.0
 */
export const infoFields = (sections: ReadonlyArray<string> = []): Command.Command<Record<string, string>> =>
  Args.building(INFO, () => Command.makeSealed(INFO, [...Args.list(sections, "section")], Reply.lines))

/**
 * How many bytes a key and its value take, `null` when there is no such key.
 *
 * Since Redis 4.0.0.
 *
 * **Example** (The size of a list, all of it counted)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const bytes = Redis.memoryUsage("events:today", { samples: 0 }) // Command<number | null>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/memory-usage/
 * @category server
 * @since 0.1.0
 */
export const memoryUsage = (
  key: Command.Arg,
  options?: {
    /** How many elements of a collection are measured to estimate the rest: 0 for all, 5 by default. */
    readonly samples?: number | undefined
  }
): Command.Command<number | null> =>
  Args.command(MEMORY_USAGE, () => {
    const { samples } = memoryOptions(options)
    return [key, ...Args.option("SAMPLES", samples, (samples) => Args.integer(samples, "samples"))]
  }, Reply.integerOrNull)

const memoryOptions = Args.options<{ readonly samples?: number | undefined }>({ samples: Args.any })

const pong: Reply.Decode<"PONG"> = (value) => {
  if (Reply.name(value) === "PONG") return "PONG"
  throw new Reply.Mismatch("PONG", Reply.describeReply(value))
}

/**
 * Replies the message, or `"PONG"` without one, to show that the server is alive.
 *
 * In a cluster every primary is asked, and all have to answer. Since Redis 1.0.0.
 *
 * **Example** (Is anybody there?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const pong = Redis.ping() // Command<"PONG">
 * const message = Redis.ping("hello") // Command<string>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/ping/
 * @category server
 * @since 0.1.0
 */
export const ping: {
  (): Command.Command<"PONG">
  (message: Command.Arg): Command.Command<string>
} = (message?: Command.Arg): Command.Command<never> =>
  message === undefined
    ? Command.make(PING, [], Reply.overloaded(pong))
    : Command.make(PING, [message], Reply.overloaded(Reply.text))

/**
 * The role of a server in replication. Offsets count the bytes of the replication stream.
 *
 * **Details**
 *
 * Redis calls the first two `master` and `slave`. `state` is `"connected"`, or the stage that the replica has reached
 * before that: `"connect"`, `"connecting"`, `"handshake"`, `"sync"`.
 *
 * @category models
 * @since 0.1.0
 */
export type Role =
  | {
    readonly role: "primary"
    readonly offset: number
    readonly replicas: ReadonlyArray<{ readonly host: string; readonly port: number; readonly offset: number }>
  }
  | {
    readonly role: "replica"
    readonly primary: { readonly host: string; readonly port: number }
    readonly state: string
    readonly offset: number
  }
  | {
    readonly role: "sentinel"
    /** The names of the primaries that it watches. */
    readonly primaries: ReadonlyArray<string>
  }

const parts = Reply.array(Reply.raw)

const roleReplicas = Reply.array((value) => {
  const [host, port, offset] = parts(value)
  return { host: Reply.name(host), port: Reply.integer(port), offset: Reply.integer(offset) }
})

const names = Reply.array(Reply.name)

const roleOf: Reply.Decode<Role> = (value) => {
  const [role, ...rest] = parts(value)
  switch (Reply.name(role)) {
    case "master":
      return { role: "primary", offset: Reply.integer(rest[0]), replicas: roleReplicas(rest[1]) }
    case "slave":
      return {
        role: "replica",
        primary: { host: Reply.name(rest[0]), port: Reply.integer(rest[1]) },
        state: Reply.name(rest[2]),
        offset: Reply.integer(rest[3])
      }
    case "sentinel":
      return { role: "sentinel", primaries: names(rest[0]) }
    default:
      throw new Reply.Mismatch("master, slave or sentinel", "another role")
  }
}

/**
 * The role of a server in replication, and its primary or replicas.
 *
 * Since Redis 2.8.12.
 *
 * **Example** (How many replicas?)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const replicas = Redis.role().pipe(
 *   Command.map((role) => role.role === "primary" ? role.replicas.length : 0)
 * ) // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/role/
 * @category server
 * @since 0.1.0
 */
export const role = (): Command.Command<Role> => Command.makeSealed(ROLE, [], roleOf)

/**
 * The number of entries in the log of slow commands.
 *
 * In a cluster every node is asked, and their numbers are added up. Since Redis 2.2.12.
 *
 * **Example** (Was anything slow?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const count = Redis.slowlogLen() // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/slowlog-len/
 * @category server
 * @since 0.1.0
 */
export const slowlogLen = (): Command.Command<number> => Command.make(SLOWLOG_LEN, [], Reply.integer)

/**
 * The clock of a server: seconds since 1970, and the microseconds of the current one.
 *
 * Since Redis 2.6.0.
 *
 * **Example** (As a Date)
 *
 * ```ts
 * import { Command, Redis } from "@redisc/core"
 *
 * const date = Redis.time().pipe(
 *   Command.map(({ seconds, microseconds }) => new Date(seconds * 1000 + microseconds / 1000))
 * ) // Command<Date>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/time/
 * @category server
 * @since 0.1.0
 */
export const time = (): Command.Command<{ readonly seconds: number; readonly microseconds: number }> =>
  Command.makeSealed(
    TIME,
    [],
    Reply.pair(Reply.integer, Reply.integer, (seconds, microseconds) => ({ seconds, microseconds }))
  )
