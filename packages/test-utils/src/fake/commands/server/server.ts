/**
 * DBSIZE, FLUSHALL, TIME, DEBUG and other commands about the server as a whole. ACL, COMMAND, CONFIG and INFO are in files of
 * their own.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { FakeNode } from "../../cluster/node.ts"
import { linkedReplicas } from "../../cluster/replication.ts"
import type { Value } from "../../data/value.ts"
import type { Group, Invocation, Outcome } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"
import type { ClientSession } from "../../session/session.ts"
import { integer as readInteger, parseDouble, syntaxError, word, wrongNumber } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { array, bulk, error, integer, null: nil, simple } = Resp.Reply

const ok = simple("OK")

const flush = ({ args, keys, name, node, session }: Invocation): Resp.Reply => {
  if (args.length > 1 || (args.length === 1 && !["ASYNC", "SYNC"].includes(word(args[0])))) throw syntaxError()
  if (name === "FLUSHALL") node.data.clear()
  else if (name === "FLUSHDB") keys.clear()
  else throw wrongNumber(name)
  // Since 7.4 the client waits for the end of the flush, unless it asks for ASYNC, and so is told before the reply.
  const waits = since(node.version, 7.4) && session.mayBlock && (args.length === 0 || word(args[0]) === "SYNC")
  if (waits) (node as FakeNode).tracking.settle()
  return ok
}

/** A rough size in bytes: the contents, and Redis' overhead for each part. */
const sizeOf = (key: Bin, value: Value): number => {
  const base = 56 + key.length
  const sum = (items: Iterable<Bin>): number => {
    let total = 0
    for (const item of items) total += item.length + 16
    return total
  }
  switch (value.type) {
    case "string":
      return base + value.value.length
    case "hash":
      return base + sum(value.fields.keys()) + sum(value.fields.values())
    case "list":
      return base + sum(value.items)
    case "set":
      return base + sum(value.members)
    case "zset":
      return base + value.zset.size * 40
    case "stream":
      return base + 600
  }
}

const memoryUsage = ({ args, keys }: Invocation): Resp.Reply => {
  if (args.length > 1) {
    if (word(args[1]) !== "SAMPLES" || args.length !== 3) throw syntaxError()
    if (readInteger(args[2]) < 0) throw syntaxError()
  }
  const value = keys.get(args[0])
  return value === undefined ? nil : integer(sizeOf(args[0], value))
}

const role = ({ node }: Invocation): Resp.Reply => {
  const self = node as FakeNode
  const { primaryAddress, world } = self
  if (primaryAddress !== undefined) {
    return array([
      bulk("slave"),
      bulk(primaryAddress.host),
      integer(primaryAddress.port),
      bulk(self.isLinked ? "connected" : "connect"),
      integer(self.isLinked ? world.offsetOf(self) : -1)
    ])
  }
  const replicas = linkedReplicas(world, self).map((replica) =>
    array([bulk(replica.host), bulk(String(replica.port)), bulk(String(world.offsetOf(replica)))])
  )
  return array([bulk("master"), integer(world.offsetOf(self)), array(replicas)])
}

const wait = ({ args, node, session }: Invocation): Outcome => {
  const wanted = readInteger(args[0])
  const timeout = readInteger(args[1], "ERR timeout is not an integer or out of range")
  if (timeout < 0) throw new CommandError("ERR timeout is negative")
  if (node.isReplica) {
    return error(
      "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated."
    )
  }
  const self = node as FakeNode
  const reached = (): number => linkedReplicas(self.world, self).length
  if (reached() >= wanted || !session.mayBlock) return integer(reached())
  // Linked replicas have received everything, so this ends when a replica comes back.
  return {
    _tag: "Block",
    keys: [],
    timeout: timeout === 0 ? Infinity : timeout,
    retry: () => reached() >= wanted ? integer(reached()) : undefined,
    get onTimeout() {
      return integer(reached())
    }
  }
}

/** WAITAOF. There is no append-only file, at the node or its replicas, so waiting for one ends with the timeout. */
const waitAof = ({ args, node, session }: Invocation): Outcome => {
  const local = readInteger(args[0])
  if (local < 0 || local > 1) throw new CommandError("ERR value is out of range, value must between 0 and 1")
  if (node.isReplica) {
    throw new CommandError(
      "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated."
    )
  }
  if (local > 0) throw new CommandError("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
  const wanted = readInteger(args[1])
  const timeout = readInteger(args[2], "ERR timeout is not an integer or out of range")
  if (timeout < 0) throw new CommandError("ERR timeout is negative")
  const none = array([integer(0), integer(0)])
  if (wanted <= 0 || !session.mayBlock) return none
  return { _tag: "Block", keys: [], timeout: timeout || Infinity, retry: () => undefined, onTimeout: none }
}

const debug = (invocation: Invocation): Outcome => {
  const { args, keys, node, session } = invocation
  switch (word(args[0])) {
    case "SLEEP": {
      const seconds = parseDouble(args[1] ?? "") ?? 0
      const self = node as FakeNode
      self.sleep(seconds * 1000)
      if (!session.mayBlock) return ok
      return {
        _tag: "Block",
        keys: [],
        timeout: seconds * 1000,
        retry: () => undefined,
        get onTimeout() {
          self.unpause()
          return ok
        }
      }
    }
    case "OBJECT": {
      const value = keys.get(args[1] ?? "")
      return value === undefined ? error("ERR no such key") : simple(
        `Value at:0x7f0000000000 refcount:1 encoding:raw serializedlength:${sizeOf("", value)} lru:0 lru_seconds_idle:0`
      )
    }
    case "SET-ACTIVE-EXPIRE": {
      const self = node as FakeNode
      self.expiresActively = args[1] !== "0"
      return ok
    }
    case "CHANGE-REPL-ID":
    case "QUICKLIST-PACKED-THRESHOLD":
    case "STRINGMATCH-LEN":
      return ok
    case "ERROR":
      return error(args[1] ?? "ERR")
    case "PROTOCOL":
      return protocolSample(word(args[1]))
    default:
      return error(
        `ERR unknown subcommand or wrong number of arguments for '${args[0].slice(0, 128)}'. Try DEBUG HELP.`
      )
  }
}

const protocolSample = (kind: string): Resp.Reply => {
  switch (kind) {
    case "STRING":
      return bulk("Hello World")
    case "INTEGER":
      return integer(12345)
    case "DOUBLE":
      return Resp.Reply.double(Number("3.141"))
    case "NULL":
      return nil
    case "ARRAY":
      return array([integer(0), integer(1), integer(2)])
    case "SET":
      return Resp.Reply.set([integer(0), integer(1), integer(2)])
    case "MAP":
      return Resp.Reply.map([0, 1, 2].map((i) => [integer(i), Resp.Reply.boolean(i === 1)] as const))
    case "TRUE":
    case "FALSE":
      return Resp.Reply.boolean(kind === "TRUE")
    case "VERBATIM":
      return Resp.Reply.verbatim("txt", "This is a verbatim\nstring")
    case "BIGNUM":
      return Resp.Reply.bigNumber(BigInt("1234567999999999999999999999999999999"))
    case "ATTRIB":
      return Resp.Reply.attribute(
        [[bulk("key-popularity"), array([bulk("key:123"), integer(90)])]],
        bulk("Some real reply following the attribute")
      )
    default:
      return error(
        "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
      )
  }
}

export const server: Group = {
  DBSIZE: { arity: 1, run: ({ keys }) => integer(keys.size) },
  FLUSHALL: { arity: -1, run: flush },
  FLUSHDB: { arity: -1, run: flush },
  TIME: {
    arity: 1,
    run: ({ now }) => array([bulk(String(Math.floor(now / 1000))), bulk(String(Math.floor(now % 1000) * 1000))])
  },
  LASTSAVE: { arity: 1, run: ({ node }) => integer(Math.floor((node as FakeNode).startedAt / 1000)) },
  SAVE: { arity: 1, noScript: true, noMulti: true, run: () => ok },
  BGSAVE: { arity: -1, noScript: true, run: () => simple("Background saving started") },
  BGREWRITEAOF: {
    arity: 1,
    noScript: true,
    run: () => simple("Background append only file rewriting started")
  },
  ROLE: { arity: 1, noScript: true, run: role },
  // Only the version is replied, without the picture.
  LOLWUT: { arity: -1, run: ({ node }) => Resp.Reply.verbatim("txt", `Redis ver. ${node.version.release}\n`) },
  WAIT: { arity: 3, noScript: true, run: wait },
  WAITAOF: { arity: 4, since: 7.2, run: waitAof },
  "MEMORY USAGE": { arity: -3, run: memoryUsage },
  "MEMORY DOCTOR": {
    arity: 2,
    run: () =>
      Resp.Reply.verbatim("txt", "Hi Sam, this is a simulated instance, and it has no memory issues to report.\n")
  },
  "MEMORY PURGE": { arity: 2, run: () => ok },
  "SLOWLOG GET": { arity: -2, run: () => array([]) },
  "SLOWLOG LEN": { arity: 2, run: () => integer(0) },
  "SLOWLOG RESET": { arity: 2, run: () => ok },
  "LATENCY LATEST": { arity: 2, run: () => array([]) },
  "LATENCY HISTORY": { arity: 3, run: () => array([]) },
  "LATENCY RESET": { arity: -2, run: () => integer(0) },
  DEBUG: { arity: -2, noScript: true, run: debug },
  SHUTDOWN: {
    arity: -1,
    noScript: true,
    noMulti: true,
    run: ({ node, session }) => {
      const self = node as FakeNode
      self.world.shutDown(self)
      return (session as ClientSession).closed ? { _tag: "NoReply" } : ok
    }
  }
}
