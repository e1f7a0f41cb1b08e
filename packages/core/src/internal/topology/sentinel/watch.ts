/**
 * Listens to what one sentinel publishes. Its connection also carries questions, where the protocol allows both: RESP2 does not.
 *
 * Nothing here is believed: an event is a hint to ask, since its delivery is not guaranteed.
 *
 * Source: https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#pubsub-messages
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "../../../Address.ts"
import * as Command from "../../../Command.ts"
import * as CommandSpec from "../../../CommandSpec.ts"
import type { RedisError } from "../../../RedisError.ts"
import type * as Resp from "../../../Resp.ts"
import * as Reply from "../../commands/reply.ts"
import { Call } from "../../connection/call.ts"
import type { Connection } from "../../connection/connection.ts"
import type { PushListener } from "../../connection/pushes.ts"
import * as Reconnect from "../../connection/reconnect.ts"
import type { Event } from "./replies.ts"

/** Events after which the primary is another one, or will be at once. */
export const decisive: ReadonlySet<string> = new Set(["+switch-master", "+promoted-slave"])

/** Events after which other servers, or other sentinels, may be there. */
const others = ["+slave", "+sentinel", "+sdown", "-sdown", "+reboot", "+convert-to-slave", "+slave-reconf-done"]

const channels = [...decisive, ...others]

const SUBSCRIBE = Command.make(CommandSpec.get("SUBSCRIBE"), channels, Reply.raw)

/** The request for all events. The sentinel answers it with one push for each channel, or with one error. */
class Subscribe extends Call {
  private readonly left = new Set(channels)

  override get isOwn(): boolean {
    return true
  }

  override get isAnsweredByPushes(): boolean {
    return true
  }

  override isDone(): boolean {
    return this.left.size === 0
  }

  confirm(channel: string): void {
    this.left.delete(channel)
  }

  /** A user who may not subscribe has to do with questions. */
  onReply(): void {}
  onFailure(): void {}
}

/** What a watcher needs of its surroundings. */
export interface Owner {
  readonly clock: Clock.Clock
  /** How long the sentinel may take to answer, in milliseconds. */
  readonly timeout: number
  readonly connect: (
    address: Address,
    listener: PushListener
  ) => Effect.Effect<Connection, RedisError, Scope.Scope>
  readonly due: (address: Address) => Effect.Effect<void>
  readonly onEvent: (event: Event) => void
  /** All events from now on are heard, and those before may have been missed. */
  readonly onOpen: (address: Address) => void
}

const textOf = (value: Resp.Value | undefined): string => typeof value === "string" ? value : ""

export class Watcher implements PushListener {
  readonly address: Address
  readonly kinds = ["message", "subscribe"]
  readonly inResp2 = true
  private readonly owner: Owner
  private connection: Connection | undefined

  constructor(address: Address, owner: Owner) {
    this.address = address
    this.owner = owner
  }

  /** The open connection, if it can carry questions too. */
  get line(): Connection | undefined {
    const { connection } = this
    return connection?.protocol === 3 && !connection.isClosed() ? connection : undefined
  }

  readonly onPush = (kind: string, values: ReadonlyArray<Resp.Value>, head: Call | undefined): void => {
    const channel = textOf(values[1])
    if (kind === "message") return this.owner.onEvent({ channel, words: textOf(values[2]).split(" ") })
    if (!(head instanceof Subscribe)) return
    head.confirm(channel)
    if (head.isDone()) this.owner.onOpen(this.address)
  }

  /** Listens until interrupted, and again after every loss. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => {
    const { clock, connect, due, timeout } = this.owner
    const life = Effect.scoped(Effect.gen({ self: this }, function*() {
      const connection = yield* connect(this.address, this)
      const openedAt = clock.currentTimeMillisUnsafe()
      this.connection = connection
      connection.submit(new Subscribe(SUBSCRIBE, false, openedAt + timeout))
      const error = yield* connection.closed
      return { millis: clock.currentTimeMillisUnsafe() - openedAt, error }
    }))
    return Reconnect.forever(life, due(this.address), () => {})
  })
}
