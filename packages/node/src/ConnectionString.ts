/**
 * Connection strings: where Redis is, and the credentials for it, as one line of text, as deployments provide them.
 *
 * @since 0.1.0
 */
import * as Address from "@redisc/core/Address"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/**
 * The content of a connection string.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionString {
  /** The nodes to ask first, or Sentinels. At least one. */
  readonly nodes: ReadonlyArray<Address.Address>
  /** Whether to encrypt connections. */
  readonly secure: boolean
  /** The name of the primary to look for, if the nodes are Sentinels. */
  readonly sentinel?: string | undefined
  /** The number of the database, if it is named. */
  readonly database?: number | undefined
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted | undefined
}

interface Scheme {
  readonly secure: boolean
  readonly sentinel: boolean
}

const schemeOf = (text: string | undefined): Scheme | undefined => {
  const [, encrypted, sentinel] = /^(?:redis|valkey)(s?)(\+sentinel)?$/.exec(text ?? "") ?? []
  if (encrypted !== undefined) return { secure: encrypted === "s", sentinel: sentinel !== undefined }
  return text === "unix" ? { secure: false, sentinel: false } : undefined
}

const form = "redis://user:password@host:port,host:port"

const escapes = "percent-encode what is special in the user and the password: %40 for @, %3A for :, %2F for /, " +
  "%3F for ?, %23 for # and %25 for %"

const decode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const textOf = (given: unknown): unknown => {
  try {
    return Redacted.isRedacted(given) ? Redacted.value(given) : given
  } catch {
    // The Redacted has been wiped.
    return undefined
  }
}

const node = (text: string, port: number): Result.Result<Address.Address, string> => {
  const withPort = /^(\[[^\]]*\]|[^:]+)$/.test(text) ? `${text}:${port}` : text
  // Without brackets it is unclear where an IPv6 address ends and the port begins.
  return !text.startsWith("[") && text.split(":").length > 2 ? Result.fail("IPv6") : Address.parse(withPort)
}

/** What stands behind the hosts: the name of a primary for Sentinels, and a database. */
const pathOf = (
  path: string,
  { sentinel }: Scheme
): Result.Result<Pick<ConnectionString, "database" | "sentinel">, string> => {
  const parts = path.split("/").slice(1)
  const name = sentinel ? decode(parts.shift() ?? "") : undefined
  if (sentinel && (name === undefined || name === "")) {
    return Result.fail(
      `The connection string names no primary for the Sentinels: write "redis+sentinel://host:26379/name"`
    )
  }
  const [number = ""] = parts
  if (parts.length > 1 || !/^\d{0,9}$/.test(number)) {
    return Result.fail(
      `What stands behind the hosts is no number of a database: write "${
        sentinel ? "/name/1" : "/1"
      }", or end it before`
    )
  }
  return Result.succeed({
    ...(name === undefined ? {} : { sentinel: name }),
    ...(number === "" ? {} : { database: Number(number) })
  })
}

/**
 * Reads `redis://[user[:password]@]host[:port][,host:port...][/database]`.
 *
 * **Details**
 *
 * - `rediss://` means TLS. `valkey://` and `valkeys://` mean the same as `redis://` and `rediss://`.
 * - `unix://[user[:password]@]/path` is a unix socket.
 * - `redis+sentinel://[user[:password]@]host[:port][,host:port...]/name[/database]` are Sentinels, and the name of the primary that they
 *   watch. The user is that of the servers. `rediss+sentinel://` means TLS to both.
 * - The port is 6379 if left out, 26379 for Sentinels. IPv6 addresses need brackets. The user and the password are percent-decoded.
 * - Parameters are refused: settings are options.
 *
 * The message of a failure says what to write instead. It repeats nothing of the text, which may hold a password.
 *
 * **Example** (Two seeds and a password)
 *
 * ```ts
 * import { ConnectionString } from "@redisc/node"
 * import * as Result from "effect/Result"
 *
 * const parsed = ConnectionString.parse("rediss://:s3cret@redis-1.example.com,redis-2.example.com:7000")
 * Result.map(parsed, ({ nodes }) => nodes.map((node) => node.key))
 * // => Result.succeed(["redis-1.example.com:6379", "redis-2.example.com:7000"])
 * ```
 *
 * Source: https://www.iana.org/assignments/uri-schemes/prov/redis
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string | Redacted.Redacted): Result.Result<ConnectionString, string> => {
  const given = textOf(text)
  if (typeof given !== "string") {
    return Result.fail(`A connection string is text, or a Redacted of text: write "${form}"`)
  }
  const url = given.trim()
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(url) ?? []
  const kind = schemeOf(scheme?.toLowerCase())
  if (kind === undefined) {
    return Result.fail(
      `A connection string starts with redis://, rediss:// (TLS), redis+sentinel:// or unix://: write "${form}"`
    )
  }
  const [, authority, tail] = /^([^/?#]*)(.*)$/s.exec(rest) ?? []
  // An @ behind the hosts was meant to end the credentials, but an unescaped special character has ended them earlier.
  if (tail.includes("@")) return Result.fail(`The connection string can't be split into its parts: ${escapes}`)
  if (/[?#]/.test(tail)) {
    return Result.fail("The connection string has parameters: leave them out, settings are options")
  }

  const at = authority.lastIndexOf("@")
  const credentials = authority.slice(0, Math.max(at, 0))
  const colon = credentials.indexOf(":")
  const username = decode(colon === -1 ? credentials : credentials.slice(0, colon))
  const password = decode(colon === -1 ? "" : credentials.slice(colon + 1))
  if (username === undefined || password === undefined || credentials.includes("@")) {
    return Result.fail(`The credentials of the connection string can't be read: ${escapes}`)
  }
  const of = (nodes: ReadonlyArray<Address.Address>): ConnectionString => ({
    nodes,
    secure: kind.secure,
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password: Redacted.make(password) })
  })

  const hosts = authority.slice(at + 1)
  if (scheme.toLowerCase() === "unix") {
    const path = decode(tail)
    const socket = Address.parse(`unix:${path ?? ""}`)
    return hosts !== "" || path === undefined || path.length < 2 || Result.isFailure(socket)
      ? Result.fail(`The connection string has no absolute path: write "unix:///path/to/redis.sock"`)
      : Result.succeed(of([socket.success]))
  }
  const nodes: Array<Address.Address> = []
  const parts = hosts.split(",")
  for (let i = 0; i < parts.length; i++) {
    const parsed = node(parts[i].trim(), kind.sentinel ? 26379 : 6379)
    if (Result.isFailure(parsed)) {
      return Result.fail(
        hosts === ""
          ? `The connection string has no host: write "${form}"`
          : `Host ${i + 1} of ${parts.length} in the connection string can't be read: write "host", "host:port", ` +
            `or "[v6]:port" for an IPv6 address, with commas between; ${escapes}`
      )
    }
    nodes.push(parsed.success)
  }
  return Result.map(pathOf(tail, kind), (path) => ({ ...of(nodes), ...path }))
}
