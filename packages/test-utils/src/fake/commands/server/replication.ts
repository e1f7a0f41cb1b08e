/**
 * REPLICAOF and FAILOVER: the roles of servers without cluster mode.
 *
 * Source: the server's replication.c
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { FakeNode } from "../../cluster/node.ts"
import { changeRoles, linkedReplicas } from "../../cluster/replication.ts"
import type { Definition, Group, Invocation } from "../../definitions/handler.ts"
import { notInCluster } from "../../definitions/modes.ts"
import { integer as readInteger, syntaxError, word } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { simple } = Resp.Reply

const ok = simple("OK")

const refuse = (text: string): never => {
  throw new CommandError(`ERR ${text}`)
}

const replicaOf = ({ args: [host, port], node }: Invocation): Resp.Reply => {
  const self = node as FakeNode
  if (word(host) === "NO" && word(port) === "ONE") {
    if (self.isReplica) changeRoles(self.world, new Map([[self, undefined]]))
    return ok
  }
  const number = /^\d+$/.test(port) ? Number(port) : -1
  if (number < 0 || number > 65535) refuse("Invalid master port")
  const known = self.primaryAddress
  if (known?.port === number && known.host.toLowerCase() === host.toLowerCase()) {
    return simple("OK Already connected to specified master")
  }
  changeRoles(self.world, new Map([[self, { host, port: number }]]))
  return ok
}

interface Wish {
  readonly target: { readonly host: Bin; readonly port: number } | undefined
  readonly timeout: number
  readonly force: boolean
}

const read = (args: ReadonlyArray<Bin>): Wish => {
  let target: Wish["target"]
  let timeout = 0
  let force = false
  for (let i = 0; i < args.length; i++) {
    const option = word(args[i])
    if (option === "TIMEOUT" && i + 1 < args.length && timeout === 0) {
      timeout = readInteger(args[++i])
      if (timeout <= 0) refuse("FAILOVER timeout must be greater than 0")
    } else if (option === "TO" && i + 2 < args.length && target === undefined) {
      target = { host: args[i + 1], port: readInteger(args[i + 2]) }
      i += 2
    } else if (option === "FORCE" && !force) {
      force = true
    } else {
      throw syntaxError()
    }
  }
  return { target, timeout, force }
}

/** Linked replicas have everything, so that roles change as soon as the reply is sent. */
const failover = ({ args, node }: Invocation): Resp.Reply => {
  const self = node as FakeNode
  const { world } = self
  if (args.length === 1 && word(args[0]) === "ABORT") refuse("No failover in progress.")
  const { force, target, timeout } = read(args)
  if (self.isReplica) refuse("FAILOVER is not valid when server is a replica.")
  const replicas = linkedReplicas(world, self)
  if (replicas.length === 0) refuse("FAILOVER requires connected replicas.")
  if (force && (timeout === 0 || target === undefined)) {
    refuse("FAILOVER with force option requires both a timeout and target HOST and IP.")
  }
  const heir = target === undefined ? replicas[0] : world.at(target.host, target.port)
  if (heir === undefined || !replicas.includes(heir)) return refuse("FAILOVER target HOST and PORT is not a replica.")
  queueMicrotask(() => {
    if (self.isReplica || !heir.isLinked || heir.primary !== self) return
    changeRoles(world, new Map([[heir, undefined], [self, heir]]))
  })
  return ok
}

const replicaOfDefinition: Definition = notInCluster("ERR REPLICAOF not allowed in cluster mode.", {
  arity: 3,
  noScript: true,
  run: replicaOf
})

export const replication: Group = {
  REPLICAOF: replicaOfDefinition,
  SLAVEOF: replicaOfDefinition,
  FAILOVER: notInCluster("ERR FAILOVER not allowed in cluster mode.", { arity: -1, noScript: true, run: failover })
}
