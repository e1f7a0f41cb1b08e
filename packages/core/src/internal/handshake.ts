/**
 * What is said on a connection before anything else: HELLO, AUTH, CLIENT SETNAME, CLIENT SETINFO and READONLY.
 *
 * Source: https://redis.io/docs/latest/commands/hello/
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import type * as Connection from "../Connection.ts"
import * as RedisError from "../RedisError.ts"
import type { Outcome } from "./call.ts"
import { toError, unsent } from "./failure.ts"
import * as Reply from "./reply.ts"
import { libraryVersion } from "./version.ts"

type Attempt = (command: Command.Any) => Effect.Effect<Outcome>

const HELLO = CommandSpec.get("HELLO")
const AUTH = CommandSpec.get("AUTH")
const SETNAME = CommandSpec.get("CLIENT SETNAME")
const SETINFO = CommandSpec.get("CLIENT SETINFO")
const READONLY = CommandSpec.get("READONLY")

const command = (spec: CommandSpec.CommandSpec, args: ReadonlyArray<string>): Command.Any =>
  Command.make(spec, args, Reply.raw)

/** Servers before 6 don't know HELLO, and some proxies refuse protocol 3. */
const speaksOnlyResp2 = (reason: RedisError.Reason): boolean =>
  reason._tag === "ServerError" && (reason.code === "NOPROTO" || reason.text.startsWith("ERR unknown command"))

const password = (credentials: Connection.Credentials): Effect.Effect<string, RedisError.RedisError> =>
  Redacted.isRedacted(credentials.password)
    ? Effect.succeed(Redacted.value(credentials.password))
    : Effect.matchEffect(credentials.password, {
      onSuccess: (redacted) => Effect.succeed(Redacted.value(redacted)),
      onFailure: (cause) =>
        Effect.fail(
          unsent(new RedisError.ConnectionFailed({ problem: "the effect that yields the password failed", cause }))
        )
    })

/** Says it all, and answers which protocol is spoken from now on. */
export const handshake = Effect.fnUntraced(function*(
  attempt: Attempt,
  options: Connection.Options
): Effect.fn.Return<2 | 3, RedisError.RedisError> {
  const must = Effect.fnUntraced(function*(
    request: Command.Any,
    options?: { readonly mayRefuse: boolean }
  ): Effect.fn.Return<void, RedisError.RedisError> {
    const outcome = yield* attempt(request)
    if (outcome._tag === "Replied" || (options?.mayRefuse === true && outcome.failure.delivery === "Rejected")) return
    // The user's own command has not been sent, however far the handshake came.
    return yield* Effect.fail(toError({ ...outcome.failure, delivery: "NotSent" }, { command: request }))
  })
  const { clientName, credentials } = options
  const login = credentials === undefined
    ? undefined
    : [credentials.username ?? "default", yield* password(credentials)]
  const hello = command(HELLO, [
    "3",
    ...(login === undefined ? [] : ["AUTH", ...login]),
    ...(clientName === undefined ? [] : ["SETNAME", clientName])
  ])
  let protocol: 2 | 3 = 3
  const greeted = yield* attempt(hello)
  if (greeted._tag === "Failed") {
    if (!speaksOnlyResp2(greeted.failure.reason)) {
      return yield* Effect.fail(toError({ ...greeted.failure, delivery: "NotSent" }, { command: hello }))
    }
    protocol = 2
    if (login !== undefined) {
      yield* must(command(AUTH, credentials?.username === undefined ? login.slice(1) : login))
    }
    if (clientName !== undefined) yield* must(command(SETNAME, [clientName]))
  }
  yield* Effect.all([
    // Known since Redis 7.2. Older servers answer with an error, which says nothing against them.
    must(command(SETINFO, ["LIB-NAME", "redisc"]), { mayRefuse: true }),
    must(command(SETINFO, ["LIB-VER", libraryVersion]), { mayRefuse: true }),
    options.readOnly === true ? must(command(READONLY, [])) : Effect.void
  ], { concurrency: "unbounded" })
  return protocol
})
