/**
 * The failure of one try of a command, as plain data. It becomes a `RedisError`, with a stack, only when a caller sees it:
 * most failures are redirects, which the client follows.
 */
import { isName } from "../../Address.ts"
import type * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as RedisError from "../../RedisError.ts"
import type * as Resp from "../../Resp.ts"
import type { Checkpoint } from "../values/checkpoint.ts"
import { masked } from "./masking.ts"
import { isRefusal } from "./refusals.ts"

/** For how long a node, or the owner of a slot, has been away, in milliseconds, and how often it was tried meanwhile. */
export interface Away {
  readonly millis: number
  readonly tries: number
}

export interface Failure {
  readonly reason: RedisError.Reason
  readonly delivery: RedisError.Delivery
  /** The key of the node's address, if the node is known. */
  readonly node: string | undefined
  /** How long its node has been away, where it was waited for in vain. */
  readonly away?: Away | undefined
  /** Whether it only says that others, who came first, are still on their way. */
  readonly queued?: boolean
  /** Whether the command was not tried again because a later command has overtaken it. */
  readonly overtaken?: boolean
}

/** A failure of a command that was never handed to a transport. {@link unsent} is its error. */
export const notSent = (reason: RedisError.Reason, node?: string): Failure => ({ reason, delivery: "NotSent", node })

export const maybeExecuted = (reason: RedisError.Reason, node?: string): Failure => ({
  reason,
  delivery: "MaybeExecuted",
  node
})

/** The server executed the command, but its reply cannot be used. */
export const executed = (reason: RedisError.Reason, node?: string): Failure => ({ reason, delivery: "Executed", node })

/** A deadline passed. `waitingFor` says in which stage; `written` whether the command had been written to the socket. */
export const timedOut = (node: string | undefined, waitingFor: string, written: boolean): Failure => {
  const reason = new RedisError.Timeout({ waitingFor })
  return written ? maybeExecuted(reason, node) : notSent(reason, node)
}

const redirect = (text: string): { readonly slot: number; readonly address: string } | undefined => {
  const [, slotText, address, ...rest] = text.split(" ")
  const slot = Number(slotText)
  const valid = address !== undefined && rest.length === 0 && /^\d+$/.test(slotText) && slot < 16384
  if (!valid) return undefined
  return { slot, address: named(address) }
}

/** Text that cannot be a host name is not repeated; it becomes "?", as servers write an unknown host. */
const named = (address: string): string => {
  const [host] = address.split(/:\d{1,5}$/)
  return host === "" || isName(host) ? address : "?"
}

/** The error that ends a blocking command when its primary becomes a replica. The command has had no effect. */
const demoted = "UNBLOCKED force unblock from blocking operation, instance state changed"

/** Any other error. A script's error may begin with an argument, so the masked text must still begin with the code. */
const serverError = ({ code, message }: Resp.ReplyError, command: Command.Any): RedisError.ServerError => {
  const text = masked(message, command)
  return new RedisError.ServerError({ code: text.startsWith(code) ? code : "ERR", text })
}

/** Parses an error reply to a command into a reason. */
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
    case "REDIRECT": {
      const [, address, ...rest] = message.split(" ")
      if (address !== undefined && rest.length === 0) return new RedisError.Redirected({ address: named(address) })
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

/** A failure that names the node to go to. */
export type Redirect = RedisError.Moved | RedisError.Ask | RedisError.Redirected

/** Whether a reason is a redirect, which is followed at once. */
export const isRedirect = (reason: RedisError.Reason): reason is Redirect =>
  reason._tag === "Moved" || reason._tag === "Ask" || reason._tag === "Redirected"

/** Whether a command failed because the server does not know the script of its digest. */
export const isUnknownScript = ({ delivery, reason }: Failure): boolean =>
  delivery === "Rejected" && reason._tag === "ServerError" && reason.code === "NOSCRIPT"

/** The outcome of a command's preludes: the commands sent before it as one unit, such as MULTI and the queued commands. */
export interface Unit {
  /** The first error among their replies. */
  refused: Resp.ReplyError | undefined
  /** Whether the first prelude (MULTI), which opens the unit, was refused, so that the server did not queue the others. */
  unopened: boolean
  /** Whether a prelude may therefore have been executed on its own. */
  astray: boolean
}

/** The failure for an error reply, whose `delivery` says whether the reply proves that nothing was executed. */
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

const certainty: ReadonlyArray<RedisError.Delivery> = ["NotSent", "Rejected", "Executed", "MaybeExecuted"]

/**
 * The delivery of a command that went out in parts, of which some have failed: the least certain of theirs. A write of which a part
 * was executed, and another was not, is as one that may have been executed.
 */
export const deliveryOf = ({ spec }: Command.Any, parts: ReadonlyArray<RedisError.Part>): RedisError.Delivery => {
  let executed = 0
  let worst = 0
  for (const { delivery, reason } of parts) {
    if (delivery === "Executed") executed++
    if (reason !== undefined) worst = Math.max(worst, certainty.indexOf(delivery))
  }
  const isInPart = executed > 0 && executed < parts.length && !CommandSpec.isHarmless(spec)
  return isInPart ? "MaybeExecuted" : certainty[worst]
}

/** Makes an error without a stack: a sweep ends thousands of waits at once, and each would have the stack of the same timer. */
export const withoutStack = <A>(make: () => A): A => {
  const errors = Error as { stackTraceLimit?: number }
  const { stackTraceLimit } = errors
  if (stackTraceLimit === undefined) return make()
  errors.stackTraceLimit = 0
  try {
    return make()
  } finally {
    errors.stackTraceLimit = stackTraceLimit
  }
}

/** Makes the error that a caller sees. */
export const toError = (failure: Failure, tried?: {
  readonly command?: Command.Any | undefined
  readonly slot?: number | undefined
  readonly attempts?: number | undefined
  /** The command's timeout in milliseconds. */
  readonly time?: number | undefined
  /** What became of the parts of a command that went to several nodes. */
  readonly parts?: ReadonlyArray<RedisError.Part> | undefined
}): RedisError.RedisError =>
  new RedisError.RedisError({
    reason: failure.reason._tag === "Timeout" && failure.reason.millis === undefined
      ? new RedisError.Timeout({ ...failure.reason, millis: tried?.time })
      : failure.reason,
    delivery: failure.delivery,
    // A value that is no command has the empty name.
    command: tried?.command?.spec.name || undefined,
    slot: tried?.slot === undefined || tried.slot < 0 ? undefined : tried.slot,
    node: failure.node,
    attempts: tried?.attempts ?? 1,
    ...(failure.away === undefined ? {} : { away: failure.away }),
    ...(failure.overtaken === true ? { overtaken: true } : {}),
    ...(tried?.parts === undefined ? {} : { parts: tried.parts })
  })

/** The error of a scan that has come as far as the checkpoint says. */
export const withCheckpoint = (
  { attempts, away, command, delivery, node, parts, reason, slot }: RedisError.RedisError,
  checkpoint: Checkpoint
): RedisError.RedisError =>
  new RedisError.RedisError({
    attempts,
    checkpoint,
    command,
    delivery,
    node,
    reason,
    slot,
    ...(away === undefined ? {} : { away }),
    ...(parts === undefined ? {} : { parts })
  })

/** Turns the error of one command into that of its transaction, of which other commands were, or may have been, executed. */
export const inPart = ({ attempts, command, node, reason, slot }: RedisError.RedisError): RedisError.RedisError =>
  new RedisError.RedisError({ attempts, command, delivery: "MaybeExecuted", inPart: true, node, reason, slot })

/** Adds node, slot and attempts to an error that a decoder made, which does not know them. */
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

/**
 * The error of a command, or of other work, that was never sent: it was refused, or waited at a node without success.
 */
export const unsent = (reason: RedisError.Reason, command?: Command.Any, node?: string): RedisError.RedisError =>
  toError(notSent(reason, node), { command, attempts: 0 })
