/**
 * A reserved connection to a whole cluster: one dedicated socket for each node that its commands touch, until a scope is closed.
 */
import * as Address from "@redisc/core/Address"
import { Client } from "@redisc/core/Client"
import * as Command from "@redisc/core/Command"
import * as RedisError from "@redisc/core/RedisError"
import type * as Resp from "@redisc/core/Resp"
import * as Session from "@redisc/core/Session"
import * as Slot from "@redisc/core/Slot"
import * as SlotMap from "@redisc/core/SlotMap"
import * as Transaction from "@redisc/core/Transaction"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { invalid, toPersisted } from "./failures.ts"
import { plain } from "./replies.ts"
import { make, specOf, tagOf } from "./words.ts"

const ASKING = make(specOf("ASKING"), [])
const UNWATCH = make(specOf("UNWATCH"), [])
const MULTI = specOf("MULTI")
const EXEC = specOf("EXEC")
const DISCARD = specOf("DISCARD")

/** How often one command is sent on to the node that a redirect named. */
const mostRedirects = 5

type Work<A> = Effect.Effect<A, RedisError.RedisError>

/** Why everything has to stay at one node: keys are watched there, or a transaction has begun. */
type Tie = "WATCH" | "MULTI"

const elsewhere = (tie: Tie, at: Address.Address, command: Command.Any) =>
  invalid(
    `its key is at another node than ${at.key}, to which ${tie} has bound this connection: give the keys a common hash tag, ` +
      "or use one reserved connection for each node",
    command.spec.name
  )

export class Lease {
  private readonly client: Client["Service"]
  private readonly scope: Scope.Scope
  private readonly sessions = new Map<string, Session.Session>()
  private readonly opening = Semaphore.makeUnsafe(1)
  /** Where the last command with a key went. */
  private last: Address.Address | undefined
  private tie: Tie | undefined
  /** The commands between MULTI and EXEC. */
  private queued: Array<Command.Command<Resp.Value>> | undefined
  private watches = false

  constructor(client: Client["Service"], scope: Scope.Scope) {
    this.client = client
    this.scope = scope
  }

  /** Executes a command where its keys are, or puts it into the transaction that has begun. */
  execute(command: Command.Command<Resp.Value>): Work<unknown> {
    return Effect.suspend(() => {
      const { problem, spec } = command
      if (problem !== undefined) return Effect.fail(invalid(problem, spec.name))
      if (spec === MULTI) return this.begin()
      if (spec === EXEC) return this.commit()
      if (spec === DISCARD) return this.discard()
      if (this.queued !== undefined) return this.enqueue(this.queued, command)
      if (spec.stateful === "Unwatches") return this.unwatch()
      return Effect.map(this.send(command), plain)
    })
  }

  private send(command: Command.Command<Resp.Value>): Work<Resp.Value> {
    return Effect.flatMap(this.addressOf(command), (address) => {
      const work = this.at(address, command)
      if (command.spec.stateful !== "Watches") return work
      // Bound before the reply is there: a command behind it must not go elsewhere.
      this.tie = "WATCH"
      this.watches = true
      return work
    })
  }

  private begin(): Work<unknown> {
    if (this.queued !== undefined) return Effect.fail(invalid("a transaction has begun already", MULTI.name))
    this.queued = []
    // WATCH has bound the connection to its node. Without it, the first key does.
    if (this.tie === undefined) this.last = undefined
    this.tie ??= "MULTI"
    return Effect.succeed("OK")
  }

  private enqueue(queued: Array<Command.Command<Resp.Value>>, command: Command.Command<Resp.Value>): Work<unknown> {
    if (command.spec.stateful !== undefined) {
      return Effect.fail(invalid("it can't be part of a transaction", command.spec.name))
    }
    const key = keyOf(command)
    const place = key === undefined ? Effect.void : this.addressOfKey(key, command)
    return Effect.map(place, () => {
      queued.push(command)
      return "QUEUED"
    })
  }

  private commit(): Work<unknown> {
    const { queued } = this
    if (queued === undefined) return Effect.fail(invalid("no transaction has begun: send MULTI first", EXEC.name))
    this.queued = undefined
    if (queued.length === 0) return Effect.as(this.unwatch(), [])
    const transaction = Transaction.transaction(queued, { mode: "result" })
    const at = this.last
    this.untie()
    return Effect.flatMap(
      at === undefined ? this.anywhere : Effect.succeed(at),
      (address) => Effect.flatMap(this.sessionAt(address), (session) => session.execute(transaction))
    ).pipe(
      Effect.map((results): unknown =>
        results.map((result) => Result.isSuccess(result) ? plain(result.success) : toPersisted(result.failure))
      ),
      Effect.catch((error) => error.reason._tag === "Conflict" ? Effect.succeed(null) : Effect.fail(error))
    )
  }

  private discard(): Work<unknown> {
    if (this.queued === undefined) return Effect.fail(invalid("no transaction has begun", DISCARD.name))
    this.queued = undefined
    return this.unwatch()
  }

  /** Lets go of what is watched, and of the node. */
  private unwatch(): Work<unknown> {
    const { last, watches } = this
    this.untie()
    return watches && last !== undefined
      ? Effect.flatMap(this.sessionAt(last), (session) => session.execute(UNWATCH))
      : Effect.succeed("OK")
  }

  private untie(): void {
    this.tie = undefined
    this.watches = false
  }

  /** Where a command goes: to its keys, or where the last one with a key went. */
  private addressOf(command: Command.Any): Work<Address.Address> {
    const key = keyOf(command)
    if (key !== undefined) return this.addressOfKey(key, command)
    return this.last === undefined ? this.anywhere : Effect.succeed(this.last)
  }

  private addressOfKey(key: Command.Arg, command: Command.Any): Work<Address.Address> {
    return Effect.flatMap(this.ownerOf(Slot.fromKey(key)), (address) => {
      const { last, tie } = this
      if (tie !== undefined && last !== undefined && last.key !== address.key) {
        return Effect.fail(elsewhere(tie, last, command))
      }
      this.last = address
      return Effect.succeed(address)
    })
  }

  private ownerOf(slot: number): Work<Address.Address> {
    const { topology } = this.client
    const ownerIn = (map: SlotMap.SlotMap) => SlotMap.shardOf(map, slot)?.primary?.address
    return Effect.flatMap(topology.current, (map) => {
      const address = ownerIn(map)
      if (address !== undefined) return Effect.succeed(address)
      return Effect.flatMap(topology.refresh, (later) => {
        const found = ownerIn(later)
        return found === undefined ? Effect.fail(noNode(slot)) : Effect.succeed(found)
      })
    })
  }

  /** Any primary, the same from then on. */
  private get anywhere(): Work<Address.Address> {
    return Effect.map(this.open({}), ({ address }) => address)
  }

  private sessionAt(address: Address.Address): Work<Session.Session> {
    const known = this.sessions.get(address.key)
    return known === undefined ? this.open({ node: address }) : Effect.succeed(known)
  }

  private open(target: Session.Target): Work<Session.Session> {
    return this.opening.withPermit(Effect.suspend(() => {
      const wanted = target.node as Address.Address | undefined
      const known = wanted === undefined ? undefined : this.sessions.get(wanted.key)
      if (known !== undefined) return Effect.succeed(known)
      if (wanted === undefined && this.last !== undefined) return this.opened({ node: this.last })
      return this.opened(target)
    }))
  }

  private opened(target: Session.Target): Work<Session.Session> {
    return Session.make(target).pipe(
      Effect.tap((session) =>
        Effect.sync(() => {
          this.sessions.set(session.address.key, session)
          this.last ??= session.address
        })
      ),
      Effect.provideService(Client, this.client),
      Effect.provideService(Scope.Scope, this.scope)
    )
  }

  /** Executes a command at a node, and follows redirects unless something binds the connection to the node. */
  private at(address: Address.Address, command: Command.Command<Resp.Value>, redirects = 0): Work<Resp.Value> {
    const first = Effect.flatMap(this.sessionAt(address), (session) => session.execute(command))
    return Effect.catch(first, (error) => {
      const { reason } = error
      const redirect = reason._tag === "Moved" || reason._tag === "Ask" ? reason : undefined
      if (redirect === undefined || this.tie !== undefined || redirects === mostRedirects) return Effect.fail(error)
      const to = Address.parse(redirect.address)
      if (Result.isFailure(to)) return Effect.fail(error)
      if (redirect._tag === "Ask") return this.asking(to.success, command)
      // The redirect has corrected the map, which knows under which address a client reaches the node.
      return Effect.flatMap(this.ownerOf(redirect.slot), (owner) => {
        this.last = owner.key === address.key ? to.success : owner
        return this.at(this.last, command, redirects + 1)
      })
    })
  }

  private asking(address: Address.Address, command: Command.Command<Resp.Value>): Work<Resp.Value> {
    return Effect.flatMap(
      this.sessionAt(address),
      (session) => Effect.flatMap(session.executeAll([ASKING, command]), ([, reply]) => Effect.fromResult(reply))
    )
  }
}

const keyOf = (command: Command.Any): Command.Arg | undefined => Command.keys(command)[0] ?? tagOf(command)

const noNode = (slot: number) =>
  new RedisError.RedisError({
    reason: new RedisError.NoNodeForSlot({ slot }),
    delivery: "NotSent",
    attempts: 0
  })
