/**
 * CLIENT and its subcommands, but for those about tracking, which are in `tracking.ts`.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { FakeNode } from "../../cluster/node.ts"
import { noReply } from "../../definitions/handler.ts"
import type { Group, Invocation, Outcome } from "../../definitions/handler.ts"
import { since } from "../../facts/version.ts"
import type { ClientSession } from "../../session/session.ts"
import { integer as readInteger, syntaxError, unknownSubcommand, word, wrongNumber } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { bulk, error, integer, null: nil, simple } = Resp.Reply

const ok = simple("OK")

/** Checks the name of a connection, which may contain only visible ASCII. */
export const checkedName = (name: Bin): Bin => {
  if (/^[!-~]*$/.test(name)) return name
  throw new CommandError("ERR Client names cannot contain spaces, newlines or special characters.")
}

const self = ({ session }: Invocation): ClientSession => session as ClientSession

const flagsOf = (client: ClientSession): string => {
  const flags = [
    client.subscriptionCount > 0 ? "P" : "",
    client.transaction === undefined ? "" : "x",
    client.blocked ? "b" : "",
    client.readOnly ? "r" : "",
    client.following === undefined ? "" : "t",
    client.following?.broken === true ? "R" : "",
    client.following?.prefixes === undefined ? "" : "B",
    client.noEvict ? "e" : "",
    client.noTouch ? "T" : ""
  ].join("")
  return flags === "" ? "N" : flags
}

const describe = (client: ClientSession, now: number): Bin => {
  const { channels, patterns, shardChannels } = client.subscriptions
  const seconds = (since: number): number => Math.floor((now - since) / 1000)
  return [
    `id=${client.id}`,
    `addr=${client.peer.address}`,
    `laddr=${client.node.host}:${client.node.port}`,
    "fd=8",
    `name=${client.name}`,
    `age=${seconds(client.openedAt)}`,
    `idle=${seconds(client.lastAt)}`,
    `flags=${flagsOf(client)}`,
    `db=${client.database}`,
    `sub=${channels.size}`,
    `psub=${patterns.size}`,
    `ssub=${shardChannels.size}`,
    `multi=${client.transaction === undefined ? -1 : client.transaction.queued.length}`,
    ...(since(client.node.version, 7.4) ? [`watch=${client.watchCount}`] : []),
    "qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=1024 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r",
    `cmd=${client.lastCommand}`,
    `user=${client.user?.name ?? "default"}`,
    `redir=${client.following?.redirect ?? -1}`,
    `resp=${client.protocol}`,
    ...(since(client.node.version, 7.2) ? [`lib-name=${client.library.name} lib-ver=${client.library.version}`] : []),
    ...(since(client.node.version, 8) ? ["io-thread=0"] : [])
  ].join(" ")
}

const typeOf = (client: ClientSession): string => client.subscriptionCount > 0 ? "pubsub" : "normal"

const typeNames: ReadonlySet<string> = new Set(["normal", "master", "replica", "slave", "pubsub"])

const checkType = (name: Bin): string => {
  const lower = name.toLowerCase()
  if (!typeNames.has(lower)) throw new CommandError(`ERR Unknown client type '${name}'`)
  return lower
}

const list = ({ args, node, now }: Invocation): Resp.Reply => {
  let clients = Array.from((node as FakeNode).sessions)
  if (args.length > 0) {
    const option = word(args[0])
    if (option === "TYPE" && args.length === 2) {
      const type = checkType(args[1])
      clients = clients.filter((client) => typeOf(client) === type)
    } else if (option === "ID" && args.length > 1) {
      const ids = new Set(args.slice(1).map((id) => readInteger(id, "ERR Invalid client ID")))
      clients = clients.filter(({ id }) => ids.has(id))
    } else throw syntaxError()
  }
  return Resp.Reply.verbatim("txt", clients.map((client) => `${describe(client, now)}\n`).join(""))
}

const killed = "the node closed the connection (CLIENT KILL)"

const end = (clients: ReadonlyArray<ClientSession>, killer: ClientSession): void => {
  for (const client of clients) {
    if (client === killer) client.closeAfterReply(killed)
    else client.drop(killed)
  }
}

const kill = (invocation: Invocation): Resp.Reply => {
  const { args } = invocation
  const killer = self(invocation)
  let targets = Array.from((invocation.node as FakeNode).sessions)
  if (args.length === 1) {
    targets = targets.filter(({ peer }) => peer.address === args[0])
    if (targets.length === 0) return error("ERR No such client")
    end(targets, killer)
    return ok
  }
  let skipMe = true
  for (let i = 0; i < args.length; i += 2) {
    const value = args[i + 1]
    if (value === undefined) throw syntaxError()
    switch (word(args[i])) {
      case "ID": {
        const id = readInteger(value, "ERR client-id should be greater than 0")
        targets = targets.filter((client) => client.id === id)
        break
      }
      case "TYPE": {
        const type = checkType(value)
        targets = targets.filter((client) => typeOf(client) === type)
        break
      }
      case "ADDR":
        targets = targets.filter(({ peer }) => peer.address === value)
        break
      case "LADDR":
        targets = targets.filter(({ node }) => `${node.host}:${node.port}` === value)
        break
      case "USER":
        if (!killer.node.users.has(value)) throw new CommandError(`ERR No such user '${value}'`)
        targets = targets.filter(({ user }) => user?.name === value)
        break
      case "SKIPME":
        if (!/^(?:yes|no)$/i.test(value)) throw syntaxError()
        skipMe = value.toLowerCase() === "yes"
        break
      default:
        throw syntaxError()
    }
  }
  if (skipMe) targets = targets.filter((client) => client !== killer)
  end(targets, killer)
  return integer(targets.length)
}

const replyMode = (invocation: Invocation): Outcome => {
  const client = self(invocation)
  switch (word(invocation.args[0])) {
    case "ON":
      client.replyMode = "on"
      return ok
    case "OFF":
      client.replyMode = "off"
      return noReply
    case "SKIP":
      if (client.replyMode !== "off") client.replyMode = "skip"
      return noReply
    default:
      throw syntaxError()
  }
}

const pause = ({ args, node, now }: Invocation): Resp.Reply => {
  const mode = args[1] === undefined ? "ALL" : word(args[1])
  if (mode !== "ALL" && mode !== "WRITE" || args.length > 2) {
    throw new CommandError("ERR CLIENT PAUSE mode must be WRITE or ALL")
  }
  const millis = readInteger(args[0], "ERR timeout is not an integer or out of range")
  if (millis < 0) throw new CommandError("ERR timeout is negative")
  const paused = node as FakeNode
  paused.pause = { until: now + millis, writesOnly: mode === "WRITE" }
  return ok
}

const unblock = ({ args, name, node }: Invocation): Resp.Reply => {
  if (args.length > 2) throw wrongNumber(name)
  const mode = args[1] === undefined ? "TIMEOUT" : word(args[1])
  if (mode !== "TIMEOUT" && mode !== "ERROR") {
    throw new CommandError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
  }
  const id = readInteger(args[0])
  const target = Array.from((node as FakeNode).sessions).find((client) => client.id === id && client.blocked)
  if (target === undefined) return integer(0)
  if (mode === "ERROR") target.unblock(error("UNBLOCKED client unblocked via CLIENT UNBLOCK"))
  else target.timeOut()
  return integer(1)
}

/** CLIENT SETINFO: stores the name and version of the client's library. */
const setInfo = (invocation: Invocation): Resp.Reply => {
  const [attribute, value] = invocation.args
  const { library } = self(invocation)
  const lower = attribute.toLowerCase()
  if (lower !== "lib-name" && lower !== "lib-ver") throw new CommandError(`ERR Unrecognized option '${attribute}'`)
  if (!/^[!-~]*$/.test(value)) {
    throw new CommandError(`ERR ${lower} cannot contain spaces, newlines or special characters.`)
  }
  library[lower === "lib-name" ? "name" : "version"] = value
  return ok
}

const endpointTypes: ReadonlySet<string> = new Set([
  "internal-ip",
  "internal-fqdn",
  "external-ip",
  "external-fqdn",
  "none"
])

/** CLIENT MAINT_NOTIFICATIONS ON|OFF [moving-endpoint-type type]: known to Redis Cloud and Redis Software, and to no other server. */
const maintNotifications = (invocation: Invocation): Resp.Reply => {
  const { args, node } = invocation
  const session = self(invocation)
  if (!(node as FakeNode).world.settings.announces) throw unknownSubcommand("client", "MAINT_NOTIFICATIONS")
  if (session.protocol !== 3) throw new CommandError("ERR maintenance notifications need RESP3")
  const choice = args[0] === undefined ? "" : word(args[0])
  if (choice !== "ON" && choice !== "OFF") throw syntaxError()
  const [, option, type = "external-ip"] = args
  if (option !== undefined && (word(option) !== "MOVING-ENDPOINT-TYPE" || !endpointTypes.has(type))) throw syntaxError()
  session.announcesTo = choice === "ON" ? type : undefined
  return ok
}

export const clients: Group = {
  "CLIENT ID": { arity: 2, run: ({ session }) => integer(session.id) },
  "CLIENT GETNAME": { arity: 2, run: (invocation) => self(invocation).name === "" ? nil : bulk(self(invocation).name) },
  "CLIENT SETNAME": {
    arity: 3,
    run: (invocation) => {
      self(invocation).name = checkedName(invocation.args[0])
      return ok
    }
  },
  "CLIENT INFO": {
    arity: 2,
    run: (invocation) => Resp.Reply.verbatim("txt", `${describe(self(invocation), invocation.now)}\n`)
  },
  "CLIENT LIST": { arity: -2, run: list },
  "CLIENT KILL": { arity: -3, run: kill },
  "CLIENT REPLY": { arity: 3, run: replyMode },
  "CLIENT PAUSE": { arity: -3, run: pause },
  "CLIENT UNPAUSE": {
    arity: 2,
    run: ({ node }) => {
      const paused = node as FakeNode
      paused.unpause()
      return ok
    }
  },
  "CLIENT UNBLOCK": { arity: -3, run: unblock },
  "CLIENT NO-EVICT": {
    arity: 3,
    run: (invocation) => {
      const choice = word(invocation.args[0])
      if (choice !== "ON" && choice !== "OFF") throw syntaxError()
      self(invocation).noEvict = choice === "ON"
      return ok
    }
  },
  "CLIENT NO-TOUCH": {
    arity: 3,
    since: 7.2,
    run: (invocation) => {
      const choice = word(invocation.args[0])
      if (choice !== "ON" && choice !== "OFF") throw syntaxError()
      self(invocation).noTouch = choice === "ON"
      return ok
    }
  },
  "CLIENT CAPA": {
    arity: -3,
    redirects: true,
    run: (invocation) => {
      if (invocation.args.some((name) => word(name) === "REDIRECT")) self(invocation).follows = true
      return ok
    }
  },
  "CLIENT SETINFO": { arity: 4, since: 7.2, run: setInfo },
  "CLIENT MAINT_NOTIFICATIONS": { arity: -2, run: maintNotifications }
}
