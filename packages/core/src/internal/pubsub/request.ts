/**
 * The requests of a connection with subscriptions. The server answers SUBSCRIBE and UNSUBSCRIBE (of any kind) with one push
 * message per name, or with one error for all.
 */
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as RedisError from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import * as Reply from "../commands/reply.ts"
import { Call } from "../connection/call.ts"
import { maybeExecuted, rejected } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import type { Kind, Topic } from "./topic.ts"

/** The subscription to a name on a connection, shared by all topics of that name. */
export interface Subscription {
  readonly kind: Kind
  readonly name: string
  readonly slot: number
  readonly topics: Set<Topic>
  /** The last SUBSCRIBE request for it on the current connection. */
  asked: Request | undefined
  confirmed: boolean
}

const words = {
  subscribe: {
    channel: CommandSpec.get("SUBSCRIBE"),
    pattern: CommandSpec.get("PSUBSCRIBE"),
    shard: CommandSpec.get("SSUBSCRIBE")
  },
  unsubscribe: {
    channel: CommandSpec.get("UNSUBSCRIBE"),
    pattern: CommandSpec.get("PUNSUBSCRIBE"),
    shard: CommandSpec.get("SUNSUBSCRIBE")
  }
}

type Verb = keyof typeof words

/**
 * A request to subscribe to names of one kind, or to unsubscribe from them. With `isAll` the command carries no names, which
 * unsubscribes from all of the kind; `names` are then those that the server still has.
 */
export class Request extends Call {
  readonly sentAt: number
  private readonly verb: Verb
  private readonly kind: Kind
  private readonly pending: Set<string>
  private readonly refuse: (failure: Failure) => void

  constructor(
    verb: Verb,
    kind: Kind,
    names: ReadonlyArray<string>,
    sentAt: number,
    deadline: number,
    refuse: (failure: Failure) => void,
    isAll = false
  ) {
    super(Command.make(words[verb][kind], isAll ? [] : names, Reply.raw), false, deadline)
    this.sentAt = sentAt
    this.verb = verb
    this.kind = kind
    this.pending = new Set(names)
    this.refuse = refuse
  }

  /** Records a push message as an answer. Returns whether it is one to this request. */
  settle(verb: Verb, kind: Kind, name: string): boolean {
    // "sunsubscribe" is sent on request, and also when a slot moves. The push does not tell which.
    const isClear = verb === "subscribe" || kind !== "shard"
    return isClear && verb === this.verb && kind === this.kind && this.pending.delete(name)
  }

  override get isAdmitted(): boolean {
    return true
  }

  override get isAnsweredByPushes(): boolean {
    return true
  }

  /** Whether this request is completely answered. `reply`, if any, is the reply that has just arrived. */
  override isDone(reply: Resp.Value | undefined): boolean {
    const isPassed = reply !== undefined && !(reply instanceof Resp.ReplyError)
    return this.pending.size === 0 || (isPassed && this.verb === "unsubscribe")
  }

  onReply(value: Resp.Value, node: string): void {
    this.onFailure(
      value instanceof Resp.ReplyError
        ? rejected(value, node, this)
        : maybeExecuted(
          new RedisError.ProtocolViolation({ problem: `no push answered ${this.command.spec.name}` }),
          node
        )
    )
  }

  onFailure(failure: Failure): void {
    if (this.pending.size > 0) this.refuse(failure)
  }
}
