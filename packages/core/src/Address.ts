/**
 * Addresses of nodes: parses the text that users write and the endpoints that nodes announce, and gives each address one
 * canonical key.
 *
 * An address says nothing about the node behind it. Nothing here opens a connection or asks DNS.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"

/**
 * A host and a TCP port.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tcp {
  readonly _tag: "Tcp"
  /** A host name in lower case, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
  /** The canonical text, `host:port` or `[v6]:port`. */
  readonly key: string
}

/**
 * The path of a Unix domain socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Unix {
  readonly _tag: "Unix"
  readonly path: string
  /** The canonical text, `unix:/path`. */
  readonly key: string
}

/**
 * The endpoint of a node.
 *
 * **Details**
 *
 * Immutable. Two addresses are the same endpoint if their `key` is the same, so use `key` in a `Map`.
 *
 * @category models
 * @since 0.1.0
 */
export type Address = Tcp | Unix

/**
 * The address of a TCP endpoint. The host name is put in lower case, the brackets of an IPv6 address are taken off.
 *
 * **Gotchas**
 *
 * Nothing is validated: use `parse` for text that a person wrote.
 *
 * **Example** (An IPv6 endpoint)
 *
 * ```ts
 * import { Address } from "@redisc/core"
 *
 * Address.tcp("::1", 7000).key // => "[::1]:7000"
 * Address.tcp("Redis.Example.com", 6379).key // => "redis.example.com:6379"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const tcp = (host: string, port: number): Tcp => {
  // A host that is no text becomes the empty host, which is refused where the address is used.
  const text = typeof host === "string" ? host : ""
  const bare = (text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text).toLowerCase()
  return { _tag: "Tcp", host: bare, port, key: bare.includes(":") ? `[${bare}]:${port}` : `${bare}:${port}` }
}

/**
 * The address of a Unix domain socket.
 *
 * **Example** (A local socket)
 *
 * ```ts
 * import { Address } from "@redisc/core"
 *
 * Address.unix("/run/redis.sock").key // => "unix:/run/redis.sock"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const unix = (path: string): Unix => ({ _tag: "Unix", path, key: `unix:${path}` })

/**
 * Whether two addresses are the same endpoint.
 *
 * **Gotchas**
 *
 * A name and the IP address it stands for are different addresses. `SlotMap.resolve` knows which of them are one node.
 *
 * **Example** (Case does not matter in names)
 *
 * ```ts
 * import { Address } from "@redisc/core"
 *
 * Address.equals(Address.tcp("Node-1", 7000), Address.tcp("node-1", 7000)) // => true
 * ```
 *
 * @category equality
 * @since 0.1.0
 */
export const equals = (self: Address, that: Address): boolean => self.key === that.key

/**
 * The canonical text of an address, which `parse` reads back.
 *
 * **Example** (Printing an address)
 *
 * ```ts
 * import { Address } from "@redisc/core"
 *
 * Address.toString(Address.tcp("::1", 7000)) // => "[::1]:7000"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toString = (self: Address): string => self.key

/** The maximum length of a DNS name in characters, its final dot included. */
const longestHost = 255

/** The maximum length of a socket's path in characters: no system allows more. */
const longestPath = 4096

/** How many characters of an invalid text an error message shows. */
const shown = 60

/** Invisible characters, and characters that change how others are displayed. */
const unseen = /\p{C}|\p{Zl}|\p{Zp}/u

/**
 * Quotes foreign text for an error message: cut if it is long, with everything escaped that could affect a terminal or a log.
 *
 * @internal
 */
export const quote = (text: string): string => {
  const cut = text.length > shown ? `${text.slice(0, shown)}...` : text
  return JSON.stringify(cut).replace(
    new RegExp(unseen, "gu"),
    (char) => Array.from(char, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`).join("")
  )
}

/**
 * Whether a text could be a name: not empty, not too long, without invisible characters.
 *
 * @internal
 */
export const isName = (text: string): boolean => text !== "" && text.length <= longestHost && !unseen.test(text)

const isIPv6 = (host: string): boolean => {
  const [bare, ...zone] = host.split("%")
  if (zone.length > 1 || (zone.length === 1 && !/^[\w.~-]{1,64}$/.test(zone[0]))) return false
  const halves = bare.split("::")
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => half === "" ? [] : half.split(":"))
  const last = groups.at(-1)
  // The last 32 bits may be written as an IPv4 address, which fills two groups.
  const embedded = last !== undefined && /^\d{1,3}(\.\d{1,3}){3}$/.test(last)
  const size = groups.length + (embedded ? 1 : 0)
  return (halves.length === 2 ? size < 8 : size === 8) &&
    groups.every((group, i) => (embedded && i === groups.length - 1) || /^[0-9a-f]{1,4}$/i.test(group))
}

/** @internal */
export const isHost = (host: string): boolean => {
  if (host.length > longestHost) return false
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host
  return bare.includes(":") || bare !== host ? isIPv6(bare) : isName(bare) && !/[\s/?#@[\]\\,"'%]/.test(bare)
}

/** @internal */
export const isPath = (path: string): boolean => path !== "" && path.length <= longestPath && !unseen.test(path)

/**
 * Whether an unknown value is a valid address, one that could be connected to.
 *
 * @internal
 */
export const isAddress = (value: unknown): value is Address => {
  if (typeof value !== "object" || value === null) return false
  const { host, key, path, port, _tag } = value as Partial<Record<"_tag" | "host" | "key" | "path" | "port", unknown>>
  if (_tag === "Unix") return typeof path === "string" && isPath(path) && key === unix(path).key
  return _tag === "Tcp" && typeof host === "string" && isHost(host) && typeof port === "number" && isPort(port) &&
    key === tcp(host, port).key
}

/** @internal */
export const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65535

/**
 * The host of a node that announces itself without one: the host at which it was reached, or this machine for a Unix socket.
 *
 * @internal
 */
export const hostOf = (self: Address): string => self._tag === "Tcp" ? self.host : "127.0.0.1"

/**
 * Maps an announced address to the one to connect to with the user's function. Fails with the problem if the function throws,
 * or returns something else than an address.
 *
 * @internal
 */
export const mapped = (
  addressMap: ((announced: Address) => Address) | undefined,
  announced: Address
): Result.Result<Address, string> => {
  if (addressMap === undefined) return Result.succeed(announced)
  let address: unknown
  try {
    address = addressMap(announced)
  } catch (error) {
    return Result.fail(`addressMap threw ${describe(error)} for ${announced.key}`)
  }
  return isAddress(address) ? Result.succeed(address) : Result.fail(
    `addressMap has to answer an address, such as Address.tcp("10.0.0.1", 6379), and did not for ${announced.key}`
  )
}

const describe = (error: unknown): string =>
  error instanceof Error ? quote(`${error.name}: ${error.message}`) : "what is no error"

const portOf = (text: string): number | undefined => {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  return isPort(port) ? port : undefined
}

/**
 * Reads an address.
 *
 * **Details**
 *
 * Understands `host:port`, `[v6]:port`, an IPv6 address without brackets (`::1:7000` is split at the last colon) and
 * `unix:/path`. The `@cport` that follows an address in `CLUSTER NODES` is skipped with everything behind it. The message of a
 * failure says what to write instead.
 *
 * **Example** (Text from a configuration)
 *
 * ```ts
 * import { Address } from "@redisc/core"
 * import * as Result from "effect/Result"
 *
 * Result.map(Address.parse("[::1]:7000"), (address) => address.key) // => Result.succeed("[::1]:7000")
 * Address.parse("localhost") // => Result.fail('"localhost" has no port: write "localhost:6379"')
 * ```
 *
 * Source: https://redis.io/docs/latest/commands/cluster-nodes/
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<Address, string> => {
  if (typeof text !== "string") return Result.fail(`An address is no text: write "host:port"`)
  const trimmed = text.trim()
  const fail = (problem: string) => Result.fail(`${quote(trimmed)} ${problem}`)
  if (trimmed === "") return Result.fail(`An address is empty: write "host:port"`)
  if (trimmed.length > longestPath) return Result.fail(`An address is longer than any: write "host:port"`)
  if (trimmed.startsWith("unix:")) {
    const path = trimmed.slice("unix:".length).replace(/^\/\/(?=\/)/, "")
    return isPath(path)
      ? Result.succeed(unix(path))
      : fail(`has no ${path === "" ? "" : "valid "}path: write "unix:/path/to/redis.sock"`)
  }
  // A URL, or a text with "@", may contain a password, so the messages do not show it.
  if (trimmed.includes("://")) {
    return Result.fail(`An address is a URL: write "host:port"; TLS and credentials are options`)
  }
  const endpoint = trimmed.replace(/@\d+(,.*)?$/, "")
  if (endpoint.includes("@")) return Result.fail(`An address holds credentials: write "host:port"; they are options`)
  const colon = endpoint.lastIndexOf(":")
  const host = colon === -1 ? endpoint : endpoint.slice(0, colon)
  if (endpoint.endsWith("]") && isHost(endpoint)) return fail(`has no port: write "${endpoint}:6379"`)
  if (host === "") return fail(`has no host: write "127.0.0.1:${portOf(endpoint.slice(1)) ?? 6379}"`)
  if (!isHost(host)) {
    return isIPv6(endpoint)
      ? fail(`has no port: write "[${endpoint}]:6379"`)
      : fail(`has no valid host: write "host:port", or "[v6]:port" for an IPv6 address`)
  }
  if (colon === -1 || colon === endpoint.length - 1) return fail(`has no port: write "${host}:6379"`)
  const port = portOf(endpoint.slice(colon + 1))
  if (port === undefined) return fail(`has no valid port: write a number from 1 to 65535 after the last colon`)
  return Result.succeed(tcp(host, port))
}

/**
 * Reads an address that a user gave as text or as an `Address`. Checks the value at run time.
 *
 * @internal
 */
export const read = (value: unknown): Result.Result<Address, string> =>
  typeof value === "string"
    ? parse(value)
    : isAddress(value)
    ? Result.succeed(value)
    : Result.fail(
      `An address has to be text, such as "10.0.0.1:6379", or what Address.tcp and Address.unix make of valid parts`
    )

/**
 * The address that a MOVED or ASK reply names, or `undefined` if it names none that could be connected to.
 *
 * **Details**
 *
 * An empty host means the host of the node that replied, `current`, with another port. `?` means that the node does not know
 * the endpoint itself; only a new slot map can help. The result is also `undefined` for a port of 0 or a malformed text.
 *
 * **Example** (A node that does not know its own name)
 *
 * ```ts
 * import { Address } from "@redisc/core"
 *
 * const current = Address.tcp("10.0.0.1", 7000)
 * Address.fromRedirect(":7002", current)?.key // => "10.0.0.1:7002"
 * Address.fromRedirect("?:7002", current) // => undefined
 * ```
 *
 * Source: cluster specification, "MOVED Redirection".
 *
 * @category parsing
 * @since 0.1.0
 */
export const fromRedirect = (text: string, current: Address): Address | undefined => {
  const colon = text.lastIndexOf(":")
  if (colon === -1) return undefined
  const port = portOf(text.slice(colon + 1))
  const host = colon === 0 ? hostOf(current) : text.slice(0, colon)
  return port !== undefined && isHost(host) ? tcp(host, port) : undefined
}
