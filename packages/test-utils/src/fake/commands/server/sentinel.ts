/**
 * SENTINEL, and what sentinels answer otherwise than servers.
 *
 * Source: the server's sentinel.c
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Definition, Group, Invocation } from "../../definitions/handler.ts"
import { helpReply } from "../../definitions/help.ts"
import { candidates } from "../../sentinel/failover.ts"
import { masterFields, replicaFields, sentinelFields } from "../../sentinel/fields.ts"
import type { Fields } from "../../sentinel/fields.ts"
import type { SentinelNode } from "../../sentinel/node.ts"
import type { Watch } from "../../sentinel/watch.ts"
import { integer as readInteger } from "../../values/arguments.ts"
import { CommandError } from "../../values/commandError.ts"
import * as Glob from "../../values/glob.ts"
import { entry } from "./commandInfo.ts"
import { infoOf, ofAll } from "./info.ts"

const { array, bulk, integer, map, nullArray: nil, simple } = Resp.Reply

const ok = simple("OK")

const refuse = (text: string): never => {
  throw new CommandError(text)
}

const watchOf = ({ node }: Invocation): Watch => (node as SentinelNode).watch

/** A subcommand about the primary with the name that is its first argument. */
const named = (run: (watch: Watch, invocation: Invocation) => Resp.Reply): Definition => ({
  arity: 3,
  run: (invocation) => {
    const watch = watchOf(invocation)
    return invocation.args[0] === watch.settings.name
      ? run(watch, invocation)
      : refuse("ERR No such master with that name")
  }
})

const fieldsReply = (fields: Fields): Resp.Reply => map(fields.map(([name, value]) => [bulk(name), bulk(`${value}`)]))

const replicas = named((watch) => array(watch.replicas.map((each) => fieldsReply(replicaFields(watch, each)))))

const addressOf = (invocation: Invocation): Resp.Reply => {
  const { primary, settings: { name } } = watchOf(invocation)
  return invocation.args[0] === name ? array([bulk(primary.host), bulk(`${primary.port}`)]) : nil
}

const checkQuorum = ({ peers, settings: { quorum } }: Watch): Resp.Reply => {
  const usable = 1 + peers.filter((peer) => !peer.isDown && !peer.isSilent).length
  const majority = Math.floor((peers.length + 1) / 2) + 1
  if (usable >= quorum && usable >= majority) {
    return simple(`OK ${usable} usable Sentinels. Quorum and failover authorization can be reached`)
  }
  return refuse(
    `NOQUORUM ${usable} usable Sentinels. ` +
      (usable < quorum ? "Not enough available Sentinels to reach the specified quorum for this master" : "") +
      (usable < majority
        ? `${usable < quorum ? ". " : ""}Not enough available Sentinels to reach the majority and authorize a failover`
        : "")
  )
}

const failover = (watch: Watch): Resp.Reply => {
  if (watch.failover !== undefined) return refuse("INPROG Failover already in progress")
  if (candidates(watch).length === 0) return refuse("NOGOODSLAVE No suitable replica to promote")
  watch.startFailover(watch.now, true)
  return ok
}

const reset = (invocation: Invocation): Resp.Reply => {
  const watch = watchOf(invocation)
  if (!Glob.matches(invocation.args[0], watch.settings.name)) return integer(0)
  watch.reset()
  return integer(1)
}

/** IS-MASTER-DOWN-BY-ADDR, by which sentinels ask each other. */
const isDown = (invocation: Invocation): Resp.Reply => {
  const watch = watchOf(invocation)
  const [host, port, epoch, id] = invocation.args
  const primary = watch.world.at(host, readInteger(port))
  const wished = readInteger(epoch)
  const vote = id === "*" ? undefined : watch.voteFor(id, wished)
  return array([
    integer(primary !== undefined && watch.findsDown(primary) ? 1 : 0),
    bulk(vote?.leader ?? "*"),
    integer(vote?.epoch ?? 0)
  ])
}

const configs: ReadonlyArray<readonly [name: string, value: string]> = [
  ["resolve-hostnames", "yes"],
  ["announce-hostnames", "yes"],
  ["announce-ip", ""],
  ["announce-port", "0"],
  ["sentinel-user", ""],
  ["sentinel-pass", ""]
]

const help = [
  "SENTINEL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "CKQUORUM <master-name>",
  "    Check if the current Sentinel configuration is able to reach the quorum",
  "    needed to failover a master and the majority needed to authorize the",
  "    failover.",
  "CONFIG GET <param>",
  "    Get global Sentinel configuration parameter.",
  "FAILOVER <master-name>",
  "    Manually failover a master node without asking for agreement from other",
  "    Sentinels",
  "FLUSHCONFIG",
  "    Force Sentinel to rewrite its configuration on disk, including the current",
  "    Sentinel state.",
  "GET-MASTER-ADDR-BY-NAME <master-name>",
  "    Return the ip and port number of the master with that name.",
  "IS-MASTER-DOWN-BY-ADDR <ip> <port> <current-epoch> <runid>",
  "    Check if the master specified by ip:port is down from current Sentinel's",
  "    point of view.",
  "MASTER <master-name>",
  "    Show the state and info of the specified master.",
  "MASTERS",
  "    Show a list of monitored masters and their state.",
  "MYID",
  "    Return the ID of the Sentinel instance.",
  "PENDING-SCRIPTS",
  "    Get pending scripts information.",
  "REPLICAS <master-name>",
  "    Show a list of replicas for this master and their state.",
  "RESET <pattern>",
  "    Reset masters for specific master name matching this pattern.",
  "SENTINELS <master-name>",
  "    Show a list of Sentinel instances for this master and their state."
]

const status = ({ master: { oDownSince, sDownSince } }: Watch): string =>
  oDownSince !== undefined ? "odown" : sDownSince !== undefined ? "sdown" : "ok"

const info = infoOf({
  ...ofAll,
  Sentinel: (node) => {
    const { watch } = node as SentinelNode
    const { master, now, peers, replicas, settings, tiltSince } = watch
    return [
      ["sentinel_masters", 1],
      ["sentinel_tilt", tiltSince === undefined ? 0 : 1],
      ["sentinel_tilt_since_seconds", tiltSince === undefined ? -1 : Math.floor((now - tiltSince) / 1000)],
      ["sentinel_running_scripts", 0],
      ["sentinel_scripts_queue_length", 0],
      ["sentinel_simulate_failure_flags", 0],
      [
        "master0",
        `name=${settings.name},status=${status(watch)},address=${master.key},slaves=${replicas.length},sentinels=${
          peers.length + 1
        }`
      ]
    ]
  }
})

/** The names of all commands of a sentinel. */
const names = (
  "acl auth client command hello info ping psubscribe publish punsubscribe role sentinel shutdown subscribe unsubscribe"
).split(" ")

const publish = ({ args: [channel] }: Invocation): Resp.Reply =>
  channel === "__sentinel__:hello"
    ? integer(1)
    : refuse("ERR Only HELLO messages are accepted by Sentinel instances.")

const notHere = (what: string): Definition => ({
  arity: -2,
  run: () => refuse(`ERR ${what} is not simulated: make another group with other options`)
})

export const sentinel: Group = {
  "SENTINEL MASTERS": { arity: 2, run: (invocation) => array([fieldsReply(masterFields(watchOf(invocation)))]) },
  "SENTINEL MASTER": named((watch) => fieldsReply(masterFields(watch))),
  "SENTINEL REPLICAS": replicas,
  "SENTINEL SLAVES": replicas,
  "SENTINEL SENTINELS": named((watch) => array(watch.peers.map((each) => fieldsReply(sentinelFields(watch, each))))),
  "SENTINEL GET-MASTER-ADDR-BY-NAME": { arity: 3, run: addressOf },
  "SENTINEL MYID": { arity: 2, run: ({ node }) => bulk(node.id) },
  "SENTINEL CKQUORUM": named(checkQuorum),
  "SENTINEL FAILOVER": named(failover),
  "SENTINEL RESET": { arity: 3, run: reset },
  "SENTINEL IS-MASTER-DOWN-BY-ADDR": { arity: 6, run: isDown },
  "SENTINEL CONFIG": {
    arity: -4,
    run: ({ args: [verb, pattern] }) =>
      verb.toUpperCase() === "GET"
        ? map(
          configs.filter(([name]) => Glob.matches(pattern.toLowerCase(), name)).map((
            [name, value]
          ) => [bulk(name), bulk(value)])
        )
        : refuse("ERR SENTINEL CONFIG SET is not simulated: make another group with other options")
  },
  "SENTINEL FLUSHCONFIG": { arity: 2, run: () => ok },
  "SENTINEL PENDING-SCRIPTS": { arity: 2, run: () => array([]) },
  "SENTINEL MONITOR": notHere("SENTINEL MONITOR"),
  "SENTINEL REMOVE": notHere("SENTINEL REMOVE"),
  "SENTINEL SET": notHere("SENTINEL SET"),
  "SENTINEL DEBUG": notHere("SENTINEL DEBUG"),
  "SENTINEL SIMULATE-FAILURE": notHere("SENTINEL SIMULATE-FAILURE"),
  "SENTINEL INFO-CACHE": notHere("SENTINEL INFO-CACHE"),
  "SENTINEL HELP": { arity: 2, run: ({ node }) => helpReply(help, node.version) },
  ROLE: {
    arity: 1,
    run: (invocation) => array([bulk("sentinel"), array([bulk(watchOf(invocation).settings.name)])])
  },
  INFO: { arity: -1, run: info },
  PUBLISH: { arity: 3, run: publish },
  COMMAND: { arity: -1, run: ({ node }) => array(names.map((name) => entry(node.version)(name.toUpperCase()))) },
  "COMMAND COUNT": { arity: 2, run: () => integer(names.length) },
  "COMMAND LIST": { arity: 2, run: () => array(names.map((name) => bulk(name))) }
}
