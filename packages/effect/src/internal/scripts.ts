/**
 * Effect's scripts, run by their digest, and in full where a server does not know it.
 */
import type * as Command from "@redisc/core/Command"
import type * as RedisError from "@redisc/core/RedisError"
import type * as Resp from "@redisc/core/Resp"
import * as Script from "@redisc/core/Script"
import * as Effect from "effect/Effect"
import type * as Persisted from "effect/persistence/Redis"
import { invalid } from "./failures.ts"
import * as Words from "./words.ts"

type Config = { readonly params: ReadonlyArray<unknown>; readonly result: unknown }

/** Executes one command. */
export type Execute = (command: Command.Command<Resp.Value>) => Effect.Effect<Resp.Value, RedisError.RedisError>

const EVAL = Words.specOf("EVAL")

type Made = Script.Script<[keys: ReadonlyArray<string>, args: ReadonlyArray<string>], Resp.Value>

const made = new WeakMap<object, Made>()

/** The digest of a script is computed once. */
const scriptOf = (script: { readonly lua: string }): Made => {
  const known = made.get(script)
  if (known !== undefined) return known
  const one = Script.make({
    lua: script.lua,
    params: (keys: ReadonlyArray<string>, args: ReadonlyArray<string>) => ({ keys, args })
  })
  made.set(script, one)
  return one
}

const isUnknownScript = ({ delivery, reason }: RedisError.RedisError): boolean =>
  delivery === "Rejected" && reason._tag === "ServerError" && reason.code === "NOSCRIPT"

/** A command with keys falls back on the full text by itself; one that is routed by a tag does so here. */
const runByTag = (execute: Execute, byDigest: Command.Command<Resp.Value>, lua: string) =>
  Effect.catchIf(
    execute(byDigest),
    isUnknownScript,
    () => execute(Words.make(EVAL, [lua, ...byDigest.args.slice(1)]))
  )

/** Runs a script of Effect's with some parameters. */
export const run = <C extends Config>(
  execute: Execute,
  script: Persisted.Script<C>,
  params: C["params"]
): Effect.Effect<Resp.Value, RedisError.RedisError> =>
  Effect.suspend(() => {
    const count = script.numberOfKeys(...params)
    const words = script.params(...params).map(String)
    if (!Number.isInteger(count) || count < 0 || count > words.length) {
      return Effect.fail(invalid(`a script has ${words.length} parameters, of which numberOfKeys are keys`, EVAL.name))
    }
    const short = scriptOf(script)(words.slice(0, count), words.slice(count))
    const byTag = Words.byTag(short)
    return byTag === short ? execute(short) : runByTag(execute, byTag, script.lua)
  })
