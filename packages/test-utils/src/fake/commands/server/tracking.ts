/**
 * CLIENT TRACKING and the other subcommands about invalidation messages. What is tracked, and who is told, is in
 * `session/tracking.ts`.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { FakeNode } from "../../cluster/node.ts"
import type { Group, Invocation, Session } from "../../definitions/handler.ts"
import type { ClientSession } from "../../session/session.ts"
import type { Following } from "../../session/tracking.ts"
import { integer as readInteger, syntaxError, word } from "../../values/arguments.ts"
import type { Bin } from "../../values/binary.ts"
import { CommandError } from "../../values/commandError.ts"

const { array, bulk, integer, map, set, simple } = Resp.Reply

const ok = simple("OK")

interface Request {
  readonly redirect: number
  readonly prefixes: ReadonlyArray<Bin>
  readonly broadcast: boolean
  readonly optIn: boolean
  readonly optOut: boolean
  readonly noLoop: boolean
}

const read = (options: ReadonlyArray<Bin>, node: FakeNode): Request => {
  let redirect = 0
  const prefixes: Array<Bin> = []
  const flags = new Set<string>()
  for (let i = 0; i < options.length; i++) {
    const option = word(options[i])
    const hasMore = i + 1 < options.length
    if (option === "REDIRECT" && hasMore) {
      if (redirect !== 0) throw new CommandError("ERR A client can only redirect to a single other client")
      redirect = readInteger(options[++i])
      if (node.sessionWith(redirect) === undefined) {
        throw new CommandError("ERR The client ID you want redirect to does not exist")
      }
    } else if (option === "PREFIX" && hasMore) prefixes.push(options[++i])
    else if (["BCAST", "OPTIN", "OPTOUT", "NOLOOP"].includes(option)) flags.add(option)
    else throw syntaxError()
  }
  return {
    redirect,
    prefixes,
    broadcast: flags.has("BCAST"),
    optIn: flags.has("OPTIN"),
    optOut: flags.has("OPTOUT"),
    noLoop: flags.has("NOLOOP")
  }
}

const overlap = (one: Bin, other: Bin): boolean => one.startsWith(other) || other.startsWith(one)

const overlapping = (prefix: Bin, other: Bin, which: string): CommandError =>
  new CommandError(
    `ERR Prefix '${prefix}' overlaps with ${which} prefix '${other}'. Prefixes for a single client must not overlap.`
  )

const checkPrefixes = (prefixes: ReadonlyArray<Bin>, known: ReadonlySet<Bin>, session: Session): void => {
  for (const [index, prefix] of prefixes.entries()) {
    const before = Array.from(known).sort().find((other) => overlap(prefix, other))
    if (before !== undefined) throw overlapping(prefix, before, "an existing")
    const other = prefixes.slice(index + 1).find((one) => overlap(prefix, one))
    if (other === undefined) continue
    const problem = overlapping(prefix, other, "another provided")
    if (index === 0) throw problem
    // By a mistake of the servers, which Valkey 9 has mended, this error is no refusal: OK is replied, too.
    return session.send(Resp.Reply.error(problem.text))
  }
}

const check = (request: Request, session: ClientSession): void => {
  const { following: before } = session
  const { broadcast, optIn, optOut, prefixes } = request
  if (!broadcast && prefixes.length > 0) throw new CommandError("ERR PREFIX option requires BCAST mode to be enabled")
  if (before !== undefined && (before.prefixes !== undefined) !== broadcast) {
    throw new CommandError(
      "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."
    )
  }
  if (broadcast && (optIn || optOut)) throw new CommandError("ERR OPTIN and OPTOUT are not compatible with BCAST")
  if (optIn && optOut) throw new CommandError("ERR You can't specify both OPTIN mode and OPTOUT mode")
  if ((optIn && before?.choice === "out") || (optOut && before?.choice === "in")) {
    throw new CommandError(
      "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode."
    )
  }
  if (broadcast) checkPrefixes(prefixes, before?.prefixes ?? new Set(), session)
}

const turn = (invocation: Invocation): Resp.Reply => {
  const [choice, ...options] = invocation.args
  const session = invocation.session as ClientSession
  const node = invocation.node as FakeNode
  const request = read(options, node)
  if (word(choice) === "OFF") node.tracking.leave(session)
  else if (word(choice) === "ON") {
    check(request, session)
    const { broadcast, noLoop, optIn, optOut, prefixes, redirect } = request
    node.tracking.follow(session, {
      redirect,
      prefixes: broadcast
        ? new Set([...session.following?.prefixes ?? [], ...(prefixes.length === 0 ? [""] : prefixes)])
        : undefined,
      choice: optIn ? "in" : optOut ? "out" : undefined,
      noLoop,
      caching: session.following?.caching ?? false,
      broken: false
    })
  } else throw syntaxError()
  return ok
}

const caching = ({ args, session }: Invocation): Resp.Reply => {
  const { following } = session as ClientSession
  if (following === undefined) {
    throw new CommandError(
      "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
    )
  }
  const choice = word(args[0])
  if (choice === "YES") {
    if (following.choice !== "in") {
      throw new CommandError("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
    }
  } else if (choice === "NO") {
    if (following.choice !== "out") {
      throw new CommandError("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
    }
  } else throw syntaxError()
  following.caching = true
  return ok
}

const flagsOf = (following: Following | undefined): ReadonlyArray<string> => {
  if (following === undefined) return ["off"]
  const { broken, caching, choice, noLoop, prefixes } = following
  return [
    "on",
    ...(prefixes === undefined ? [] : ["bcast"]),
    ...(choice === "in" ? caching ? ["optin", "caching-yes"] : ["optin"] : []),
    ...(choice === "out" ? caching ? ["optout", "caching-no"] : ["optout"] : []),
    ...(noLoop ? ["noloop"] : []),
    ...(broken ? ["broken_redirect"] : [])
  ]
}

const info = ({ session }: Invocation): Resp.Reply => {
  const { following } = session as ClientSession
  return map([
    [bulk("flags"), set(flagsOf(following).map(bulk))],
    [bulk("redirect"), integer(following?.redirect ?? -1)],
    [bulk("prefixes"), array(Array.from(following?.prefixes ?? []).sort().map(bulk))]
  ])
}

export const tracking: Group = {
  "CLIENT TRACKING": { arity: -3, run: turn },
  "CLIENT CACHING": { arity: 3, run: caching },
  "CLIENT TRACKINGINFO": { arity: 2, run: info },
  "CLIENT GETREDIR": { arity: 2, run: ({ session }) => integer((session as ClientSession).following?.redirect ?? -1) }
}
