/**
 * ACL. Each node has its own users, as in a real cluster.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { FakeNode } from "../../cluster/node.ts"
import type { Group, Invocation } from "../../definitions/handler.ts"
import { categories, factsOf, namesOf } from "../../facts/commandTable.ts"
import { User } from "../../session/acl.ts"
import type { ClientSession } from "../../session/session.ts"
import { integer as readInteger } from "../../values/arguments.ts"
import { compare } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { array, bulk, error, integer, map, null: nil, set, simple } = Resp.Reply

const ok = simple("OK")

const usersOf = ({ node }: Invocation): Map<string, User> => (node as FakeNode).users

const sorted = (invocation: Invocation): ReadonlyArray<User> =>
  [...usersOf(invocation).values()].sort((a, b) => compare(a.name, b.name))

const setUser = (invocation: Invocation): Resp.Reply => {
  const [name, ...rules] = invocation.args
  if (/[\s\0]/.test(name)) throw new CommandError("ERR Usernames can't contain spaces or null characters")
  const users = usersOf(invocation)
  const user = users.get(name) ?? new User(name, invocation.node.version)
  user.apply(rules)
  users.set(name, user)
  return ok
}

const deleteUsers = (invocation: Invocation): Resp.Reply => {
  const users = usersOf(invocation)
  if (invocation.args.includes("default")) throw new CommandError("ERR The 'default' user cannot be removed")
  let count = 0
  for (const name of invocation.args) {
    const user = users.get(name)
    if (user === undefined) continue
    users.delete(name)
    count++
    for (const session of Array.from((invocation.node as FakeNode).sessions)) {
      if (session.user !== user) continue
      const problem = "the node closed the connection (its user was deleted)"
      if (session === invocation.session) session.closeAfterReply(problem)
      else session.drop(problem)
    }
  }
  return integer(count)
}

const getUser = (invocation: Invocation): Resp.Reply => {
  const user = usersOf(invocation).get(invocation.args[0])
  if (user === undefined) return nil
  return map([
    [bulk("flags"), set(user.flags.map((flag) => bulk(flag)))],
    [bulk("passwords"), array([...user.passwords].map((hash) => bulk(hash)))],
    [bulk("commands"), bulk(user.root.commandText)],
    [bulk("keys"), bulk(user.root.keyText)],
    [bulk("channels"), bulk(user.root.channelText)],
    [
      bulk("selectors"),
      array(user.selectors.map((selector) =>
        map([
          [bulk("commands"), bulk(selector.commandText)],
          [bulk("keys"), bulk(selector.keyText)],
          [bulk("channels"), bulk(selector.channelText)]
        ])
      ))
    ]
  ])
}

const list = ({ args, node }: Invocation): Resp.Reply => {
  if (args.length === 0) return array(categories.map((name) => bulk(name)))
  const category = args[0].toLowerCase()
  if (!categories.includes(category)) throw new CommandError(`ERR Unknown category '${args[0]}'`)
  const members = namesOf(node.version).filter((name) => factsOf(name, node.version)?.categories.has(category))
  return array(members.map((name) => bulk(name.toLowerCase().replace(" ", "|"))))
}

const generate = ({ args, random }: Invocation): Resp.Reply => {
  const bits = args.length === 0 ? 256 : readInteger(args[0])
  if (bits < 1 || bits > 4096) {
    return error(
      "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
    )
  }
  const digits = Array.from({ length: Math.ceil(bits / 4) }, () => Math.floor(random() * 16).toString(16))
  return bulk(digits.join(""))
}

export const access: Group = {
  "ACL SETUSER": { arity: -3, noScript: true, run: setUser },
  "ACL DELUSER": { arity: -3, noScript: true, run: deleteUsers },
  "ACL GETUSER": { arity: 3, noScript: true, run: getUser },
  "ACL LIST": {
    arity: 2,
    noScript: true,
    run: (invocation) => array(sorted(invocation).map(({ line }) => bulk(line)))
  },
  "ACL USERS": {
    arity: 2,
    noScript: true,
    run: (invocation) => array(sorted(invocation).map(({ name }) => bulk(name)))
  },
  "ACL WHOAMI": {
    arity: 2,
    noScript: true,
    run: ({ session }) => bulk((session as ClientSession).user?.name ?? "default")
  },
  "ACL CAT": { arity: -2, noScript: true, run: list },
  "ACL GENPASS": { arity: -2, noScript: true, run: generate },
  "ACL LOG": { arity: -2, noScript: true, run: ({ args }) => args.length === 0 ? array([]) : ok }
}
