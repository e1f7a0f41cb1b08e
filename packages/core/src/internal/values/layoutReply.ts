/**
 * Reads replies of CLUSTER SLOTS and CLUSTER SHARDS into one form, entry by entry. It validates every field, because nodes
 * are not trusted. Checks across entries (overlaps, a node listed twice) are up to `SlotMap`.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Address from "../../Address.ts"
import type * as Resp from "../../Resp.ts"
import * as Slot from "../../Slot.ts"
import { fieldsOf, textOf } from "./fields.ts"

/**
 * A node of the cluster.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node {
  /** The node's id in the cluster, if the reply that the map was read from contained it. */
  readonly id: string | undefined
  /** Where to connect to the node. */
  readonly address: Address.Address
  readonly role: "primary" | "replica"
  /** Keys of the node's other addresses: its IP, its host name, the address that it announced before `addressMap`. */
  readonly aliases: ReadonlyArray<string>
  /** The node's availability zone, if the reply tells it (Valkey 9). */
  readonly availabilityZone: string | undefined
  /** Always `"online"` in a map read from CLUSTER SLOTS, which does not report health. */
  readonly health: "online" | "failed" | "loading"
}

/**
 * How to read a reply about the cluster.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReplyOptions {
  /** The node that replied. A node announced without a host has the same host. */
  readonly origin: Address.Address
  /** Maps an announced address to the one to connect to, for clusters behind NAT. The announced one stays an alias. */
  readonly addressMap?: ((announced: Address.Address) => Address.Address) | undefined
  /** Whether to prefer a node's TLS port. CLUSTER SLOTS has only the port for the kind of connection that asked. */
  readonly tls?: boolean | undefined
}

/** One entry of a reply: what it says about one shard. */
export interface Report {
  /** The name of the entry in error messages. */
  readonly entry: string
  /** The id of the node listed as the primary. It may be known even if the node's endpoint is not. */
  readonly owner: string | undefined
  readonly ranges: ReadonlyArray<readonly [start: number, end: number]>
  /** The nodes with an endpoint, in the order of the reply. */
  readonly nodes: ReadonlyArray<Node>
  /** One message for each node that was left out because its description is invalid. */
  readonly problems: ReadonlyArray<string>
}

type Fields = ReadonlyMap<string, Resp.Value>

const noFields: Fields = new Map()

const isArray = (value: Resp.Value | undefined): value is ReadonlyArray<Resp.Value> => Array.isArray(value)

/** The text, or `undefined` if it is missing, invalid, or the placeholder "?". */
const wordOf = (value: Resp.Value | undefined): string | undefined => {
  const text = textOf(value)
  return text === undefined || text === "?" || !Address.isName(text) ? undefined : text
}

const show = (value: Resp.Value | undefined): string => {
  const text = textOf(value)
  if (text !== undefined) return Address.quote(text)
  if (value === undefined) return "nothing"
  if (value === null || typeof value !== "object") return String(value)
  if (value instanceof Map) return "a map"
  return "message" in value && typeof value.message === "string"
    ? `the error ${Address.quote(value.message)}`
    : "an array"
}

const isSlot = (value: Resp.Value | undefined): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value < Slot.count

const rangeOf = (
  start: Resp.Value | undefined,
  end: Resp.Value | undefined,
  entry: string
): Result.Result<readonly [number, number], string> =>
  !isSlot(start) || !isSlot(end)
    ? Result.fail(`${entry}: slots from ${show(start)} to ${show(end)}, expected numbers from 0 to ${Slot.count - 1}`)
    : start > end
    ? Result.fail(`${entry}: slots from ${start} to ${end}, expected the lower number first`)
    : Result.succeed([start, end])

/** The announced endpoint. A success with `undefined` means that the cluster does not know the node's endpoint. */
const endpointOf = (
  host: Resp.Value | undefined,
  port: Resp.Value | undefined,
  origin: Address.Address,
  where: string
): Result.Result<Address.Tcp | undefined, string> => {
  const name = host === null || host === undefined ? "" : textOf(host)
  if (name === "?") return Result.succeed(undefined)
  if (name === undefined || (name !== "" && !Address.isHost(name))) {
    return Result.fail(`${where}: the host is ${show(host)}, expected a host name, an IP address or null`)
  }
  if (typeof port !== "number" || !Address.isPort(port)) {
    return Result.fail(`${where}: the port is ${show(port)}, expected a number from 1 to 65535`)
  }
  return Result.succeed(Address.tcp(name === "" ? Address.hostOf(origin) : name, port))
}

const nodeOf = (
  announced: Address.Tcp,
  facts: Fields,
  own: Pick<Node, "id" | "role" | "health">,
  options: ReplyOptions
): Result.Result<Node, string> =>
  Result.map(Address.mapped(options.addressMap, announced), (address) => {
    const names = new Set([announced.key])
    for (const field of ["ip", "hostname"]) {
      const host = wordOf(facts.get(field))
      if (host !== undefined && Address.isHost(host)) names.add(Address.tcp(host, announced.port).key)
    }
    names.delete(address.key)
    return {
      id: own.id,
      address,
      role: own.role,
      aliases: Array.from(names),
      availabilityZone: wordOf(facts.get("availability-zone")),
      health: own.health
    }
  })

/** Reads `[start, end, primary, replica...]`, where a node is `[host, port, id?, metadata?, ...]`. */
const slotsEntry = (value: Resp.Value, index: number, options: ReplyOptions): Result.Result<Report, string> =>
  Result.gen(function*() {
    const unnamed = `CLUSTER SLOTS entry ${index}`
    if (!isArray(value)) return yield* Result.fail(`${unnamed}: ${show(value)}, expected an array`)
    const range = yield* rangeOf(value[0], value[1], unnamed)
    const entry = `${unnamed} (slots ${range[0]}-${range[1]})`
    if (value.length < 3) return yield* Result.fail(`${entry}: no node is listed, expected at least the primary`)
    const nodes: Array<Node> = []
    const problems: Array<string> = []
    let owner: string | undefined
    for (let i = 2; i < value.length; i++) {
      const where = `${entry}, node ${i - 2}`
      const node = value[i]
      if (!isArray(node)) {
        problems.push(`${where}: ${show(node)}, expected an array`)
        continue
      }
      const id = wordOf(node[2])
      if (i === 2) owner = id
      const announced = endpointOf(node[0], node[1], options.origin, where)
      if (Result.isFailure(announced)) {
        problems.push(announced.failure)
      } else if (announced.success !== undefined) {
        const role = i === 2 ? "primary" : "replica"
        const facts = fieldsOf(node[3]) ?? noFields
        nodes.push(yield* nodeOf(announced.success, facts, { id, role, health: "online" }, options))
      }
    }
    return { entry, owner, ranges: [range], nodes, problems }
  })

const roles: ReadonlyMap<string | undefined, Node["role"]> = new Map([
  ["master", "primary"],
  ["primary", "primary"],
  ["replica", "replica"],
  ["slave", "replica"]
])

const roleOf = (fields: Fields): Node["role"] | undefined => roles.get(textOf(fields.get("role")))

const healths: ReadonlyMap<string | undefined, Node["health"]> = new Map([
  ["fail", "failed"],
  ["failed", "failed"],
  ["loading", "loading"]
])

/** The port for this kind of connection. A node omits a port that it does not serve, or announces it as 0. */
const portOf = (fields: Fields, tls: boolean, where: string): Result.Result<Resp.Value | undefined, string> => {
  const plain = fields.get("port") || undefined
  const secure = fields.get("tls-port") || undefined
  if (!tls && plain === undefined && secure !== undefined) {
    return Result.fail(`${where}: it announces only a TLS port, ${show(secure)}; connect to the cluster with TLS`)
  }
  // A node behind a TLS proxy does not know of TLS, and announces the proxy's port as its plain one.
  return Result.succeed(tls ? secure ?? plain : plain)
}

/** Reads one node: `undefined` if its endpoint is unknown, a text (the problem) if its description is invalid. */
const shardNode = (
  value: Resp.Value,
  options: ReplyOptions,
  where: string
): Result.Result<Node | string | undefined, string> =>
  Result.gen(function*() {
    const fields = fieldsOf(value)
    if (fields === undefined) return `${where}: ${show(value)}, expected a map or a flat array`
    const role = roleOf(fields)
    if (role === undefined) return `${where}: the role is ${show(fields.get("role"))}, expected master or replica`
    const health = healths.get(textOf(fields.get("health"))) ?? "online"
    const host = fields.has("endpoint") ? fields.get("endpoint") : fields.get("ip")
    const announced = Result.flatMap(
      textOf(host) === "?" ? Result.succeed(undefined) : portOf(fields, options.tls === true, where),
      (port) => endpointOf(host, port, options.origin, where)
    )
    // The cluster lists failed nodes long after it has forgotten their endpoints, so this is no problem to report.
    if (Result.isFailure(announced)) return health === "failed" ? undefined : announced.failure
    if (announced.success === undefined) return undefined
    return yield* nodeOf(announced.success, fields, { id: wordOf(fields.get("id")), role, health }, options)
  })

/** Reads `slots`, a flat list of starts and ends, and `nodes`, each a map of fields. */
const shardsEntry = (value: Resp.Value, index: number, options: ReplyOptions): Result.Result<Report, string> =>
  Result.gen(function*() {
    const entry = `CLUSTER SHARDS entry ${index}`
    const shard = fieldsOf(value)
    if (shard === undefined) return yield* Result.fail(`${entry}: ${show(value)}, expected a map or a flat array`)
    const slots = shard.get("slots")
    const members = shard.get("nodes")
    if (!isArray(slots) || slots.length % 2 !== 0) {
      return yield* Result.fail(`${entry}: "slots" is ${show(slots)}, expected an array of starts and ends`)
    }
    if (!isArray(members)) return yield* Result.fail(`${entry}: "nodes" is ${show(members)}, expected an array`)
    const ranges: Array<readonly [number, number]> = []
    for (let i = 0; i < slots.length; i += 2) ranges.push(yield* rangeOf(slots[i], slots[i + 1], entry))
    const nodes: Array<Node> = []
    const problems: Array<string> = []
    let owner: string | undefined
    for (let i = 0; i < members.length; i++) {
      const where = `${entry}, node ${i}`
      const fields = fieldsOf(members[i]) ?? noFields
      if (roleOf(fields) === "primary") owner ??= wordOf(fields.get("id"))
      const node = yield* shardNode(members[i], options, where)
      if (typeof node === "string") problems.push(node)
      else if (node !== undefined) nodes.push(node)
    }
    return { entry, owner, ranges, nodes, problems }
  })

const each =
  (command: string, read: (value: Resp.Value, index: number, options: ReplyOptions) => Result.Result<Report, string>) =>
  (reply: Resp.Value, options: ReplyOptions): Result.Result<ReadonlyArray<Report>, string> => {
    if (!isArray(reply)) return Result.fail(`${command}: the reply is ${show(reply)}, expected an array`)
    const reports: Array<Report> = []
    for (let i = 0; i < reply.length; i++) {
      const report = read(reply[i], i, options)
      if (Result.isFailure(report)) return Result.fail(report.failure)
      reports.push(report.success)
    }
    // An unreadable node is only left out. If no node is readable, the whole reply is refused.
    const [problem] = reports.flatMap(({ problems }) => problems)
    return problem !== undefined && reports.every(({ nodes }) => nodes.length === 0)
      ? Result.fail(problem)
      : Result.succeed(reports)
  }

export const clusterSlots = each("CLUSTER SLOTS", slotsEntry)

export const clusterShards = each("CLUSTER SHARDS", shardsEntry)
