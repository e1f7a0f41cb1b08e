/**
 * What is said on a connection before anything else: HELLO, AUTH, CLIENT SETNAME, CLIENT SETINFO and READONLY.
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
import * as Reply from "../commands/reply.ts"
import { notSent, toError, unsent } from "../failures/failure.ts"
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

/** Servers before 6 don't know HELLO, and some proxies refuse protocol 3. */
const speaksOnlyResp2 = (reason: RedisError.Reason): boolean =>
  reason._tag === "ServerError" && (reason.code === "NOPROTO" || reason.text.startsWith("ERR unknown command"))

/** Who to log in as: what HELLO says behind AUTH. */
export type Login = readonly [username: string, password: string]

const connectionFailed = (problem: string, cause?: unknown): RedisError.RedisError =>
  unsent(new RedisError.ConnectionFailed(cause === undefined ? { problem } : { problem, cause }))

/**
 * Asks for the password. Whatever becomes of an effect that yields it, connecting has failed and can be tried again; one
 * that can't be interrupted is left alone.
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

/** Answers of a server, besides NOAUTH and WRONGPASS, that only other credentials can mend. Some are of old ones. */
const isOfCredentials = ({ code, text }: RedisError.ServerError): boolean =>
  code === "NOPERM" ||
  code === "ERR" && /\binvalid password\b|\bno password is set\b|\bwithout any password configured\b/i.test(text)

const advice: ReadonlyArray<readonly [said: RegExp, advice: string]> = [
  [/max number of clients/, "raise its maxclients, or let fewer clients connect"],
  [/^DENIED/, "it is in protected mode: give it a password, or connect to its own machine's loopback address"]
]

/** What a server's refusal to serve a new connection means, and what to do about it. */
export const refusal = (text: string): RedisError.ConnectionFailed => {
  // The advice of a server in protected mode is a page long.
  const [sentence] = text.split(". ")
  const what = advice.find(([said]) => said.test(text))?.[1]
  return new RedisError.ConnectionFailed({
    problem: `the server answered ${JSON.stringify(sentence)}${what === undefined ? "" : `; ${what}`}`
  })
}

/**
 * Why there is no connection after a refusal: it is not permitted to who we are, or, whatever else a server says (too
 * many clients, a script that runs, data that is being loaded), it can't be had now. A text that holds the password
 * is not repeated.
 */
const refused = (reason: RedisError.Reason, login: Login | undefined): RedisError.Reason => {
  const { code, text } = "text" in reason ? reason : { code: reason._tag, text: reason._tag.toUpperCase() }
  const told = login !== undefined && login[1] !== "" && text.includes(login[1]) ? code : text
  return reason._tag === "AuthenticationFailed" || (reason._tag === "ServerError" && isOfCredentials(reason))
    ? new RedisError.AuthenticationFailed({ code, text: told })
    : refusal(told)
}

/** Who hangs up on a greeting may not speak our language, or want it encrypted. */
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

const idOf = (outcome: Outcome): number | undefined => {
  if (outcome._tag === "Failed") return undefined
  const id = outcome.value instanceof Map ? outcome.value.get("id") : outcome.value
  return typeof id === "number" ? id : undefined
}

/** Says it all, and answers what is agreed on from now on. */
export const handshake = Effect.fnUntraced(function*(
  attempt: Attempt,
  options: Options,
  login: Login | undefined
): Effect.fn.Return<Greeting, RedisError.RedisError> {
  // The user's own command has not been sent, however far the handshake came.
  const failed = ({ delivery, node, reason }: Failure, command: Command.Any) =>
    Effect.fail(toError(notSent(delivery === "Rejected" ? refused(reason, login) : hungUp(reason), node), { command }))
  const must = Effect.fnUntraced(function*(
    request: Command.Any,
    options?: { readonly mayRefuse: boolean }
  ): Effect.fn.Return<void, RedisError.RedisError> {
    const outcome = yield* attempt(request)
    if (outcome._tag === "Replied" || (options?.mayRefuse === true && outcome.failure.delivery === "Rejected")) return
    return yield* failed(outcome.failure, request)
  })
  const { clientName, credentials } = options
  const hello = command(HELLO, [
    "3",
    ...(login === undefined ? [] : ["AUTH", ...login]),
    ...(clientName === undefined ? [] : ["SETNAME", clientName])
  ])
  let protocol: 2 | 3 = 3
  const greeted = yield* attempt(hello)
  if (greeted._tag === "Failed") {
    if (!speaksOnlyResp2(greeted.failure.reason)) {
      return yield* failed(greeted.failure, hello)
    }
    protocol = 2
    if (login !== undefined) {
      yield* must(command(AUTH, credentials?.username === undefined ? login.slice(1) : login))
    }
    if (clientName !== undefined) yield* must(command(SETNAME, [clientName]))
  }
  const [named] = yield* Effect.all([
    // What HELLO tells of itself.
    protocol === 3 ? Effect.succeed(greeted) : attempt(command(CLIENT_ID, [])),
    // Known since Redis 7.2. Older servers answer with an error, which says nothing against them.
    must(command(SETINFO, ["LIB-NAME", "redisc"]), { mayRefuse: true }),
    must(command(SETINFO, ["LIB-VER", libraryVersion]), { mayRefuse: true }),
    options.readOnly === true ? must(command(READONLY, [])) : Effect.void
  ], { concurrency: "unbounded" })
  return { protocol, id: idOf(named) }
})
