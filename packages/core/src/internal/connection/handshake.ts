/**
 * What is said on a connection before anything else, as a list of steps: HELLO, where that is not known AUTH and CLIENT SETNAME,
 * then CLIENT SETINFO, READONLY and whatever a layer adds.
 *
 * Source: https://redis.io/docs/latest/commands/hello/
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as RedisError from "../../RedisError.ts"
import type * as Resp from "../../Resp.ts"
import * as Reply from "../commands/reply.ts"
import { unsent } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import type { Outcome } from "./call.ts"
import { textOf } from "./options.ts"
import type { Credentials, Options } from "./options.ts"
import { libraryVersion } from "./version.ts"

type Attempt = (command: Command.Any) => Effect.Effect<Outcome>

const HELLO = CommandSpec.get("HELLO")
const AUTH = CommandSpec.get("AUTH")
const SETNAME = CommandSpec.get("CLIENT SETNAME")
const CLIENT_ID = CommandSpec.get("CLIENT ID")
const SETINFO = CommandSpec.get("CLIENT SETINFO")
const READONLY = CommandSpec.get("READONLY")

const command = (spec: CommandSpec.CommandSpec, args: ReadonlyArray<string>): Command.Any =>
  Command.make(spec, args, Reply.raw)

/** Whether HELLO was refused for what it is: servers before 6 don't know it, and some proxies refuse protocol 3. */
const speaksOnlyResp2 = (reason: RedisError.Reason): boolean =>
  reason._tag === "ServerError" && (reason.code === "NOPROTO" || reason.text.startsWith("ERR unknown command"))

/** The arguments of AUTH. */
export type Login = readonly [username: string, password: string]

const connectionFailed = (problem: string, cause?: unknown): RedisError.RedisError =>
  unsent(new RedisError.ConnectionFailed(cause === undefined ? { problem } : { problem, cause }))

/**
 * Gets the password. If the effect that yields it fails, dies or is interrupted, connecting has failed and can be tried again. An
 * effect that can't be interrupted is not waited for.
 */
export const login = Effect.fnUntraced(function*(
  { password, username = "default" }: Credentials
): Effect.fn.Return<Login, RedisError.RedisError> {
  const asked = "the effect that yields the password"
  let yielded: unknown = password
  if (!Redacted.isRedacted(password)) {
    const fiber = yield* Effect.forkDetach(password)
    const exit = yield* Effect.onInterrupt(Fiber.await(fiber), () => Effect.sync(() => fiber.interruptUnsafe()))
    if (Exit.isFailure(exit)) {
      const { cause } = exit
      const how = Cause.hasInterruptsOnly(cause) ? "was interrupted" : Cause.hasDies(cause) ? "died" : "failed"
      return yield* Effect.fail(connectionFailed(`${asked} ${how}`, Cause.squash(cause)))
    }
    yielded = exit.value
  }
  const text = textOf(yielded)
  if (text !== undefined) return [username, text]
  return yield* Effect.fail(connectionFailed(
    Redacted.isRedacted(yielded)
      ? "credentials.password is a Redacted without text in it: Redacted.make(password)"
      : `${asked} has to succeed with a Redacted: Redacted.make(password)`
  ))
})

/** Errors besides NOAUTH and WRONGPASS that only other credentials can mend. Some are those of old servers. */
const isOfCredentials = ({ code, text }: RedisError.ServerError): boolean =>
  code === "NOPERM" ||
  code === "ERR" && /\binvalid password\b|\bno password is set\b|\bwithout any password configured\b/i.test(text)

const advice: ReadonlyArray<readonly [said: RegExp, advice: string]> = [
  [/max number of clients/, "raise its maxclients, or let fewer clients connect"],
  [/^DENIED/, "it is in protected mode: give it a password, or connect to its own machine's loopback address"]
]

/** The failure to connect to a server that answers with an error, with what to do about it where that is known. */
export const refusal = (text: string): RedisError.ConnectionFailed => {
  // A server in protected mode answers with a page of advice.
  const [sentence] = text.split(". ")
  const what = advice.find(([said]) => said.test(text))?.[1]
  return new RedisError.ConnectionFailed({
    problem: `the server answered ${JSON.stringify(sentence)}${what === undefined ? "" : `; ${what}`}`
  })
}

/**
 * The failure to connect after a step was refused: an `AuthenticationFailed` if it is not permitted to us, or else a
 * `ConnectionFailed`, since anything else (too many clients, a running script, data being loaded) may pass. A text that holds the
 * password is not repeated.
 */
const refused = (reason: RedisError.Reason, login: Login | undefined): RedisError.Reason => {
  const { code, text } = "text" in reason ? reason : { code: reason._tag, text: reason._tag.toUpperCase() }
  const told = login !== undefined && login[1] !== "" && text.includes(login[1]) ? code : text
  return reason._tag === "AuthenticationFailed" || (reason._tag === "ServerError" && isOfCredentials(reason))
    ? new RedisError.AuthenticationFailed({ code, text: told })
    : refusal(told)
}

/** A peer that hangs up when it is greeted may speak another protocol, or want TLS. */
const hungUp = (reason: RedisError.Reason): RedisError.Reason =>
  reason._tag === "ConnectionLost"
    ? new RedisError.ConnectionLost({
      ...reason,
      problem:
        `${reason.problem} when it was greeted; check that it is the port of a Redis server, and whether it wants TLS`
    })
    : reason

/** What has been agreed on: the protocol, and what the server calls the connection, where it says so. */
export interface Greeting {
  readonly protocol: 2 | 3
  readonly id: number | undefined
}

/** One command of the handshake, and what its outcome means. */
export interface Step {
  readonly command: Command.Any
  readonly onReply?: (value: Resp.Value) => void
  /**
   * The steps to take instead, one after the other, when the server refuses the command: none, where it can be done without. There
   * is no connection when this is missing, or has no answer to the reason.
   */
  readonly otherwise?: (reason: RedisError.Reason) => ReadonlyArray<Step> | undefined
}

/** The steps of a connection with these options, and what they find out. */
class Steps {
  protocol: 2 | 3 = 2
  id: number | undefined
  private readonly options: Options
  private readonly login: Login | undefined

  constructor(options: Options, login: Login | undefined) {
    this.options = options
    this.login = login
  }

  /** The first step, alone: the language of all others is not known before. */
  get hello(): Step {
    const { login, options: { clientName } } = this
    const args = [
      "3",
      ...(login === undefined ? [] : ["AUTH", ...login]),
      ...(clientName === undefined ? [] : ["SETNAME", clientName])
    ]
    return {
      command: command(HELLO, args),
      onReply: (value) => {
        this.protocol = 3
        if (value instanceof Map) this.identify(value.get("id"))
      },
      otherwise: (reason) => speaksOnlyResp2(reason) ? this.inResp2 : undefined
    }
  }

  /** What HELLO says at once. */
  private get inResp2(): ReadonlyArray<Step> {
    const { login, options: { clientName, credentials } } = this
    return [
      // Servers before 6 have no users.
      ...(login === undefined
        ? []
        : [{ command: command(AUTH, credentials?.username === undefined ? login.slice(1) : login) }]),
      ...(clientName === undefined ? [] : [{ command: command(SETNAME, [clientName]) }])
    ]
  }

  /** Those that follow, all in one go. */
  get others(): ReadonlyArray<Step> {
    // Known since Redis 7.2. Older servers answer with an error, which says nothing against them.
    const otherwise = () => []
    return [
      // HELLO has told it.
      ...(this.protocol === 3
        ? []
        : [{ command: command(CLIENT_ID, []), onReply: (id: Resp.Value) => this.identify(id), otherwise }]),
      { command: command(SETINFO, ["LIB-NAME", "redisc"]), otherwise },
      { command: command(SETINFO, ["LIB-VER", libraryVersion]), otherwise },
      ...(this.options.readOnly === true ? [{ command: command(READONLY, []) }] : [])
    ]
  }

  private identify(id: Resp.Value | undefined): void {
    if (typeof id === "number") this.id = id
  }
}

/** Takes all steps, with those that layers add among the last, and answers what is agreed on from now on. */
export const handshake = Effect.fnUntraced(function*(
  attempt: Attempt,
  options: Options,
  login: Login | undefined,
  added: ReadonlyArray<Step>
): Effect.fn.Return<Greeting, RedisError.RedisError> {
  // The user's own command has not been sent, however far the handshake came.
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
  const steps = new Steps(options, login)
  yield* take(steps.hello)
  yield* Effect.forEach([...steps.others, ...added], take, { concurrency: "unbounded", discard: true })
  const { id, protocol } = steps
  return { id, protocol }
})
