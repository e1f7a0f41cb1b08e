/**
 * MULTI, EXEC, DISCARD, WATCH and UNWATCH. Queuing commands, and the effect of a redirect on a transaction, are in
 * `dispatch.ts`.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { FakeNode } from "../../cluster/node.ts"
import type { Group, Outcome } from "../../definitions/handler.ts"
import type { ClientSession } from "../../session/session.ts"
import { CommandError } from "../../values/commandError.ts"

const { array, error, nullArray, simple } = Resp.Reply

const ok = simple("OK")

const exec = (session: ClientSession, node: FakeNode): Outcome => {
  const { transaction } = session
  if (transaction === undefined) throw new CommandError("ERR EXEC without MULTI")
  session.transaction = undefined
  const changed = session.watchFailed
  session.unwatch()
  if (transaction.broken) return error("EXECABORT Transaction discarded because of previous errors.")
  if (changed) return nullArray
  const replies: Array<Resp.Reply> = []
  session.mayBlock = false
  for (const resolved of transaction.queued) {
    const outcome = node.execute(session, resolved)
    if (outcome._tag === "Block") replies.push(outcome.onTimeout)
    else if (outcome._tag !== "NoReply") replies.push(outcome)
  }
  session.mayBlock = true
  return array(replies)
}

export const transactions: Group = {
  MULTI: {
    arity: 1,
    noScript: true,
    run: ({ session }) => {
      const client = session as ClientSession
      if (client.transaction !== undefined) return error("ERR MULTI calls can not be nested")
      client.transaction = { queued: [], broken: false }
      return ok
    }
  },
  EXEC: { arity: 1, noScript: true, run: ({ node, session }) => exec(session as ClientSession, node as FakeNode) },
  DISCARD: {
    arity: 1,
    noScript: true,
    run: ({ session }) => {
      const client = session as ClientSession
      if (client.transaction === undefined) return error("ERR DISCARD without MULTI")
      client.transaction = undefined
      client.unwatch()
      return ok
    }
  },
  WATCH: {
    arity: -2,
    noScript: true,
    run: ({ args, session }) => {
      const client = session as ClientSession
      if (client.transaction !== undefined) return error("ERR WATCH inside MULTI is not allowed")
      for (const key of args) client.watch(key)
      return ok
    }
  },
  UNWATCH: {
    arity: 1,
    noScript: true,
    run: ({ session }) => {
      const client = session as ClientSession
      client.unwatch()
      return ok
    }
  }
}
