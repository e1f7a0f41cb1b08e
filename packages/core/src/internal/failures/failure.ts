/**
 * What went wrong with one try of a command, as plain data. It becomes a `RedisError`, with its stack, only when
 * somebody is to see it: most failures are redirects, and are followed.
 */
import { isName } from "../../Address.ts"
import type * as Command from "../../Command.ts"
import * as RedisError from "../../RedisError.ts"
import type * as Resp from "../../Resp.ts"
import { masked } from "./masking.ts"
import { isRefusal } from "./refusals.ts"

export interface Failure {
  readonly reason: RedisError.Reason
  readonly delivery: RedisError.Delivery
  /** The key of the node's address, when it is known which one it was. */
  readonly node: string | undefined
  /** Whether it was not tried again for what has overtaken it. */
  readonly overtaken?: boolean
}

export const notSent = (reason: RedisError.Reason, node?: string): Failure => ({ reason, delivery: "NotSent", node })

export const maybeExecuted = (reason: RedisError.Reason, node?: string): Failure => ({
  reason,
  delivery: "MaybeExecuted",
  node
})

/** The server did it and answered, and the answer can't be used. */
export const executed = (reason: RedisError.Reason, node?: string): Failure => ({ reason, delivery: "Executed", node })

/** What it waited for when its deadline passed, and whether it was written by then. */
export const timedOut = (node: string | undefined, waitingFor: string, written: boolean): Failure => {
  const reason = new RedisError.Timeout({ waitingFor })
  return written ? maybeExecuted(reason, node) : notSent(reason, node)
}

const redirect = (text: string): { readonly slot: number; readonly address: string } | undefined => {
  const [, slotText, address, ...rest] = text.split(" ")
  const slot = Number(slotText)
  const valid = address !== undefined && rest.length === 0 && /^\d+$/.test(slotText) && slot < 16384
  if (!valid) return undefined
  // What can't be a name is not repeated: a server says "?" where it does not know one.
  const [host] = address.split(/:\d{1,5}$/)
  return { slot, address: host === "" || isName(host) ? address : "?" }
}

/** What a primary says to those who wait in it when it becomes a replica. They have got nothing. */
const demoted = "UNBLOCKED force unblock from blocking operation, instance state changed"

/** What else the server says. A script may say what it was given, and begin with it. */
const serverError = ({ code, message }: Resp.ReplyError, command: Command.Any): RedisError.ServerError => {
  const text = masked(message, command)
  return new RedisError.ServerError({ code: text.startsWith(code) ? code : "ERR", text })
}

/** Reads an error reply to a command, once, into a reason with fields. */
export const reasonOf = (error: Resp.ReplyError, command: Command.Any): RedisError.Reason => {
  const { code, message } = error
  switch (code) {
    case "MOVED": {
      const target = redirect(message)
      if (target !== undefined) return new RedisError.Moved(target)
      break
    }
    case "ASK": {
      const target = redirect(message)
      if (target !== undefined) return new RedisError.Ask(target)
      break
    }
    case "TRYAGAIN":
      return new RedisError.TryAgain()
    case "CLUSTERDOWN":
    case "MASTERDOWN":
    case "LOADING":
    case "READONLY":
      return new RedisError.ClusterDown({ code, text: masked(message, command) })
    case "UNBLOCKED":
      if (!message.startsWith(demoted)) break
      return new RedisError.ClusterDown({ code, text: masked(message, command) })
    case "NOAUTH":
    case "WRONGPASS":
      return new RedisError.AuthenticationFailed({ code, text: masked(message, command) })
  }
  return serverError(error, command)
}

/** Whether the server does not know the script that a command names by its digest. */
export const isUnknownScript = ({ delivery, reason }: Failure): boolean =>
  delivery === "Rejected" && reason._tag === "ServerError" && reason.code === "NOSCRIPT"

/** What became of the commands that went before one as a unit with it, and that its own reply does not say. */
export interface Unit {
  /** The first error among their replies. */
  refused: Resp.ReplyError | undefined
  /** Whether the first of them, which opens the unit, was refused, so that the others were not queued. */
  unopened: boolean
  /** Whether one of the others may have been executed by itself therefore. */
  astray: boolean
}

/** What an error reply to a command means, and whether it proves that nothing was executed. */
export const rejected = (
  error: Resp.ReplyError,
  node: string | undefined,
  { command, unit }: { readonly command: Command.Any; readonly unit?: Unit | undefined }
): Failure => {
  const { code, message } = error
  const refused = isRefusal(command, code, message)
  const harmless = refused || command.spec.readOnly
  return {
    reason: refused ? reasonOf(error, command) : serverError(error, command),
    delivery: harmless && unit?.astray !== true ? "Rejected" : "MaybeExecuted",
    node
  }
}

/** The error that a caller sees. */
export const toError = (failure: Failure, tried?: {
  readonly command?: Command.Any | undefined
  readonly slot?: number | undefined
  readonly attempts?: number | undefined
  /** How long the command may take, in milliseconds. */
  readonly time?: number | undefined
}): RedisError.RedisError =>
  new RedisError.RedisError({
    reason: failure.reason._tag === "Timeout" && failure.reason.millis === undefined
      ? new RedisError.Timeout({ ...failure.reason, millis: tried?.time })
      : failure.reason,
    delivery: failure.delivery,
    // What is no command has no name.
    command: tried?.command?.spec.name || undefined,
    slot: tried?.slot === undefined || tried.slot < 0 ? undefined : tried.slot,
    node: failure.node,
    attempts: tried?.attempts ?? 1,
    ...(failure.overtaken === true ? { overtaken: true } : {})
  })

/** The same error as that of a transaction, of which other parts were executed. */
export const inPart = ({ attempts, command, node, reason, slot }: RedisError.RedisError): RedisError.RedisError =>
  new RedisError.RedisError({ attempts, command, delivery: "MaybeExecuted", inPart: true, node, reason, slot })

/** The same error with where it was, which a decoder does not know. */
export const placed = (
  { attempts, command, delivery, inPart, node, reason, slot }: RedisError.RedisError,
  place: { readonly node: string | undefined; readonly slot: number | undefined; readonly attempts: number | undefined }
): RedisError.RedisError =>
  new RedisError.RedisError({
    attempts: place.attempts ?? attempts,
    command,
    delivery,
    node: node ?? place.node,
    reason,
    slot: slot ?? (place.slot === undefined || place.slot < 0 ? undefined : place.slot),
    ...(inPart === true ? { inPart } : {})
  })

/** The error of what was refused before anything was tried. */
export const unsent = (reason: RedisError.Reason): RedisError.RedisError => toError(notSent(reason), { attempts: 0 })
