/**
 * HELLO, AUTH, PING, QUIT and other commands about the connection itself. CLIENT is in `clients.ts`.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { FakeNode } from "../../cluster/node.ts"
import type { Group } from "../../definitions/handler.ts"
import { onlyInCluster } from "../../definitions/modes.ts"
import type { ClientSession } from "../../session/session.ts"
import { int32, int64, word, wrongNumber } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"
import { checkedName } from "./clients.ts"

const { array, bulk, error, integer, map, simple } = Resp.Reply

const ok = simple("OK")

const logIn = (session: ClientSession, name: Bin, password: Bin): void => {
  const user = session.node.users.get(name)
  if (user?.accepts(password) !== true) {
    throw new CommandError("WRONGPASS invalid username-password pair or user is disabled.")
  }
  session.user = user
}

const hello = (session: ClientSession, node: FakeNode, args: ReadonlyArray<Bin>): Resp.Reply => {
  let version: number | undefined
  if (args.length > 0) {
    version = Number(int64(args[0], "ERR Protocol version is not an integer or out of range"))
    if (version !== 2 && version !== 3) throw new CommandError("NOPROTO unsupported protocol version")
  }
  let name: Bin | undefined
  let login: readonly [Bin, Bin] | undefined
  for (let i = 1; i < args.length; i++) {
    const option = word(args[i])
    if (option === "AUTH" && i + 2 < args.length) login = [args[++i], args[++i]]
    else if (option === "SETNAME" && i + 1 < args.length) name = checkedName(args[++i])
    else throw new CommandError(`ERR Syntax error in HELLO option '${args[i]}'`)
  }
  if (login !== undefined) logIn(session, login[0], login[1])
  if (session.user === undefined) {
    throw new CommandError(
      "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
    )
  }
  if (name !== undefined) session.name = name
  if (version !== undefined) session.protocol = version as 2 | 3
  return map([
    [bulk("server"), bulk("redis")],
    [bulk("version"), bulk(node.version.release)],
    [bulk("proto"), integer(session.protocol)],
    [bulk("id"), integer(session.id)],
    [bulk("mode"), bulk(node.isSentinel ? "sentinel" : node.isClustered ? "cluster" : "standalone")],
    ...(node.isSentinel ? [] : [[bulk("role"), bulk(node.isReplica ? "replica" : "master")] as const]),
    [bulk("modules"), array([])],
    ...(node.zone ? [[bulk("availability_zone"), bulk(node.zone)] as const] : [])
  ])
}

const modes: Group = {
  READONLY: {
    arity: 1,
    run: ({ session }) => {
      const client = session as ClientSession
      client.readOnly = true
      return ok
    }
  },
  READWRITE: {
    arity: 1,
    run: ({ session }) => {
      const client = session as ClientSession
      client.readOnly = false
      return ok
    }
  }
}

const asking: Group = {
  ASKING: {
    arity: 1,
    run: ({ session }) => {
      const client = session as ClientSession
      client.asking = true
      return ok
    }
  }
}

export const connection: Group = {
  HELLO: {
    arity: -1,
    noScript: true,
    run: ({ args, node, session }) => hello(session as ClientSession, node as FakeNode, args)
  },
  AUTH: {
    arity: -2,
    noScript: true,
    run: ({ args, node, session }) => {
      if (args.length > 2) return error("ERR syntax error")
      if (args.length === 1 && (node as FakeNode).users.get("default")?.nopass === true) {
        return error(
          "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
        )
      }
      logIn(session as ClientSession, args.length === 1 ? "default" : args[0], args[args.length - 1])
      return ok
    }
  },
  PING: {
    arity: -1,
    run: ({ args, name, session }) => {
      if (args.length > 1) throw wrongNumber(name)
      if (session.protocol === 2 && (session as ClientSession).subscriptionCount > 0) {
        return array([bulk("pong"), bulk(args[0] ?? "")])
      }
      return args.length === 0 ? simple("PONG") : bulk(args[0])
    }
  },
  ECHO: { arity: 2, run: ({ args }) => bulk(args[0]) },
  QUIT: {
    arity: -1,
    noScript: true,
    run: ({ session }) => {
      const client = session as ClientSession
      client.closeAfterReply("the node closed the connection after QUIT")
      return ok
    }
  },
  RESET: {
    arity: 1,
    noScript: true,
    run: ({ session }) => {
      const client = session as ClientSession
      const { channels, patterns, shardChannels } = client.subscriptions
      channels.clear()
      patterns.clear()
      shardChannels.clear()
      client.reset()
      return simple("RESET")
    }
  },
  SELECT: {
    arity: 2,
    run: ({ args, node, session }) => {
      const index = int32(args[0])
      if (node.isClustered && node.data.count === 1) {
        return index === 0 ? ok : error("ERR SELECT is not allowed in cluster mode")
      }
      if (index < 0 || index >= node.data.count) return error("ERR DB index is out of range")
      session.database = index
      return ok
    }
  },
  ...onlyInCluster(modes, "orRedirects"),
  ...onlyInCluster(asking)
}
