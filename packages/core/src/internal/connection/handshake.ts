/**
 * The commands that open a connection, as a list of steps: HELLO (where the server does not know it, AUTH and CLIENT SETNAME),
 * then CLIENT SETINFO, READONLY, the steps that a layer adds, and CLIENT MAINT_NOTIFICATIONS.
 *
 * Source: https://redis.io/docs/latest/commands/hello/
 */
import * as Effect from "effect/Effect"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as RedisError from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import * as Reply from "../commands/reply.ts"
import { unsent } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { zoneOf } from "../values/zone.ts"
import type { Outcome } from "./call.ts"
import { authArgs } from "./credentials.ts"
import type { Login } from "./credentials.ts"
import type { EndpointType } from "./endpointType.ts"
import type { Options } from "./options.ts"
import { libraryVersion } from "./version.ts"

type Attempt = (command: Command.Any) => Effect.Effect<Outcome>

const HELLO = CommandSpec.get("HELLO")
const AUTH = CommandSpec.get("AUTH")
const SETNAME = CommandSpec.get("CLIENT SETNAME")
const CLIENT_ID = CommandSpec.get("CLIENT ID")
const SETINFO = CommandSpec.get("CLIENT SETINFO")
const READONLY = CommandSpec.get("READONLY")
const CAPA = CommandSpec.get("CLIENT CAPA")
const SELECT = CommandSpec.get("SELECT")
/** Known to Redis Cloud and Redis Software only, so that it is not in the command table. */
const maintNotifications = "CLIENT MAINT_NOTIFICATIONS"
const MAINT_NOTIFICATIONS: CommandSpec.CommandSpec = {
  ...SETINFO,
  name: maintNotifications,
  head: Resp.head(maintNotifications)
}

const command = (spec: CommandSpec.CommandSpec, args: ReadonlyArray<string>): Command.Any =>
  Command.make(spec, args, Reply.raw)

/** AUTH. On a connection with RESP2 the server may be older than 6, whose AUTH takes only the password. */
export const auth = (login: Login, protocol: 2 | 3): Command.Any => command(AUTH, authArgs(login, protocol === 3))

/**
 * Whether HELLO itself was refused: servers before 6 don't know it, some proxies refuse protocol 3, and some let nothing but AUTH
 * pass first, although HELLO carried the credentials.
 */
const speaksOnlyResp2 = (reason: RedisError.Reason, login: Login | undefined): boolean =>
  reason._tag === "ServerError"
    ? reason.code === "NOPROTO" || reason.text.startsWith("ERR unknown command")
    // Servers themselves say more: that HELLO needs AUTH.
    : login !== undefined && reason._tag === "AuthenticationFailed" && reason.text.startsWith("NOAUTH Authentication")

const isOfNoLogin = (reason: RedisError.Reason): boolean =>
  reason._tag === "AuthenticationFailed" && reason.code === "NOAUTH"

/** Errors besides NOAUTH and WRONGPASS that need other credentials. Some are those of old servers. */
const isOfCredentials = ({ code, text }: RedisError.ServerError): boolean =>
  code === "NOPERM" ||
  code === "ERR" && /\binvalid password\b|\bno password is set\b|\bwithout any password configured\b/i.test(text)

const advice: ReadonlyArray<readonly [said: RegExp, advice: string]> = [
  [/max number of clients/, "raise its maxclients, or let fewer clients connect"],
  [
    /\bSELECT is not allowed in cluster mode\b/i,
    "a cluster has only the database 0: leave out database, or use Valkey 9 with cluster-databases"
  ],
  [
    /^ERR unknown command '?`?SELECT\b/i,
    "Sentinels and some proxies have no databases: leave out database, or say that it is a Sentinel, as in " +
    "redis+sentinel://host:26379/name/1"
  ],
  [
    /\bDB index is out of range\b/,
    "give a smaller database, or let the server have more (databases, cluster-databases)"
  ],
  [/^DENIED/, "it is in protected mode: give it a password, or connect to its own machine's loopback address"]
]

/** The failure to connect to a server that answers with an error, with advice if there is some. */
export const refusal = (text: string): RedisError.ConnectionFailed => {
  // A server in protected mode answers with a page of advice.
  const [sentence] = text.split(". ")
  const what = advice.find(([said]) => said.test(text))?.[1]
  return new RedisError.ConnectionFailed({
    problem: `the server answered ${JSON.stringify(sentence)}${what === undefined ? "" : `; ${what}`}`
  })
}

/**
 * The failure to connect after a step was refused: an `AuthenticationFailed` if the credentials or permissions are wrong,
 * otherwise a `ConnectionFailed`, since other problems (too many clients, a running script, data being loaded) may pass. A text
 * that contains the password is not repeated.
 */
export const refused = (reason: RedisError.Reason, login: Login | undefined): RedisError.Reason => {
  const { code, text } = "text" in reason ? reason : { code: reason._tag, text: reason._tag.toUpperCase() }
  const told = login !== undefined && login.password !== "" && text.includes(login.password) ? code : text
  return reason._tag === "AuthenticationFailed" || (reason._tag === "ServerError" && isOfCredentials(reason))
    ? new RedisError.AuthenticationFailed({ code, text: told })
    : refusal(told)
}

/** Adds advice: a peer that hangs up during the handshake may speak another protocol, or want TLS. */
const hungUp = (reason: RedisError.Reason): RedisError.Reason =>
  reason._tag === "ConnectionLost"
    ? new RedisError.ConnectionLost({
      ...reason,
      problem:
        `${reason.problem} when it was greeted; check that it is the port of a Redis server, and whether it wants TLS`
    })
    : reason

/** The result of a handshake: the protocol, and what the server has told: its id of the connection, its availability zone. */
export interface Greeting {
  readonly protocol: 2 | 3
  readonly id: number | undefined
  readonly zone: string | undefined
}

/** One command of the handshake, and what its outcome means. */
export interface Step {
  readonly command: Command.Any
  readonly onReply?: (value: Resp.Value) => void
  /**
   * The steps to take instead if the server refuses the command, one after the other. An empty list goes on without it. If this
   * is missing or returns undefined, the connection fails.
   */
  readonly otherwise?: (reason: RedisError.Reason) => ReadonlyArray<Step> | undefined
}

/** A server without cluster mode needs no READONLY, and most of them refuse it; in a cluster such a server is a stranger. */
const withoutReadOnly = (inCluster: boolean) => (reason: RedisError.Reason): ReadonlyArray<Step> | undefined => {
  const isHarmless = inCluster ? /\bunknown command\b/i : /\bcluster support disabled\b|\bunknown command\b/i
  return reason._tag === "ServerError" && isHarmless.test(reason.text) ? [] : undefined
}

/** The options, and whether the node is believed to be one of a cluster. */
type Setting = Options & { readonly inCluster: boolean }

/** The steps of a connection with the given options, and what they find out. */
class Steps {
  protocol: 2 | 3 = 2
  id: number | undefined
  zone: string | undefined
  private readonly options: Setting
  private readonly login: Login | undefined
  private readonly endpointType: EndpointType | undefined

  constructor(options: Setting, login: Login | undefined, endpointType: EndpointType | undefined) {
    this.options = options
    this.login = login
    this.endpointType = endpointType
  }

  /** The first step. It is taken alone, since the protocol of the others depends on its outcome. */
  get hello(): Step {
    const { login, options: { clientName } } = this
    const args = [
      "3",
      ...(login === undefined ? [] : ["AUTH", ...authArgs(login, true)]),
      ...(clientName === undefined ? [] : ["SETNAME", clientName])
    ]
    return {
      command: command(HELLO, args),
      onReply: (value) => {
        this.protocol = 3
        if (!(value instanceof Map)) return
        this.identify(value.get("id"))
        // Since Valkey 8.1, if the server has one.
        this.zone = zoneOf(value.get("availability_zone"))
      },
      otherwise: (reason) => speaksOnlyResp2(reason, login) ? this.inResp2 : undefined
    }
  }

  /** The steps that do without HELLO. */
  private get inResp2(): ReadonlyArray<Step> {
    const { login, options: { clientName } } = this
    return [
      ...(login === undefined ? [] : [{ command: auth(login, 2) }]),
      // A name is only shown to others.
      ...(clientName === undefined
        ? []
        : [{
          command: command(SETNAME, [clientName]),
          otherwise: (reason: RedisError.Reason) => isOfNoLogin(reason) ? undefined : []
        }])
    ]
  }

  /** The steps after HELLO, sent all together. */
  get others(): ReadonlyArray<Step> {
    // CLIENT SETINFO is known since Redis 7.2, and CLIENT CAPA to Valkey. An error from another server does no harm.
    const otherwise = () => []
    const { database = 0, inCluster, readOnly } = this.options
    return [
      // HELLO has already told the id.
      ...(this.protocol === 3
        ? []
        : [{ command: command(CLIENT_ID, []), onReply: (id: Resp.Value) => this.identify(id), otherwise }]),
      { command: command(SETINFO, ["LIB-NAME", "redisc"]), otherwise },
      { command: command(SETINFO, ["LIB-VER", libraryVersion]), otherwise },
      // A Valkey without cluster mode, once it has become a replica, then says where its primary is.
      { command: command(CAPA, ["redirect"]), otherwise },
      ...(database === 0 ? [] : [{ command: command(SELECT, [String(database)]) }]),
      ...(readOnly === true ? [{ command: command(READONLY, []), otherwise: withoutReadOnly(inCluster) }] : [])
    ]
  }

  /**
   * Asks for what Redis Cloud and Redis Software announce. Other servers refuse. The notices are pushes, which RESP2 does not have.
   *
   * Source: https://redis.io/docs/latest/develop/clients/sch/
   */
  get notices(): ReadonlyArray<Step> {
    const { endpointType, protocol } = this
    if (protocol !== 3 || endpointType === undefined) return []
    return [{
      command: command(MAINT_NOTIFICATIONS, ["ON", "moving-endpoint-type", endpointType]),
      otherwise: () => []
    }]
  }

  private identify(id: Resp.Value | undefined): void {
    if (typeof id === "number") this.id = id
  }
}

/** Takes all steps. Those that layers add are sent with the last ones. Returns what they have found out. */
export const handshake = Effect.fnUntraced(function*(
  attempt: Attempt,
  options: Setting,
  login: Login | undefined,
  added: ReadonlyArray<Step>,
  endpointType?: EndpointType
): Effect.fn.Return<Greeting, RedisError.RedisError> {
  // The user's own command was not sent, however far the handshake came.
  const failed = ({ delivery, node, reason }: Failure, command: Command.Any) =>
    Effect.fail(unsent(delivery === "Rejected" ? refused(reason, login) : hungUp(reason), command, node))
  const take = Effect.fnUntraced(function*(step: Step): Effect.fn.Return<void, RedisError.RedisError> {
    const outcome = yield* attempt(step.command)
    if (outcome._tag === "Replied") return step.onReply?.(outcome.value)
    const { failure } = outcome
    const others = failure.delivery === "Rejected" ? step.otherwise?.(failure.reason) : undefined
    if (others === undefined) return yield* failed(failure, step.command)
    yield* Effect.forEach(others, take, { discard: true })
  })
  const steps = new Steps(options, login, endpointType)
  yield* take(steps.hello)
  yield* Effect.forEach([...steps.others, ...added, ...steps.notices], take, {
    concurrency: "unbounded",
    discard: true
  })
  const { id, protocol, zone } = steps
  return { id, protocol, zone }
})
