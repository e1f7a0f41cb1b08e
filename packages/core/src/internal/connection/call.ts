/**
 * One try of a command on one connection, together with the fiber or callback that waits for its outcome.
 *
 * A call is also the effect that runs when the waiting fiber is interrupted: it marks the call as abandoned. An abandoned call is
 * not written any more; if it was written already, its reply is read and dropped.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import * as Command from "../../Command.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import type { Connector } from "../../Connector.ts"
import * as RedisError from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import { isMismatch } from "../commands/reply.ts"
import type { Mismatch } from "../commands/reply.ts"
import { executed, isUnknownScript, maybeExecuted, placed, rejected, toError, unsent } from "../failures/failure.ts"
import type { Failure, Unit } from "../failures/failure.ts"
import { caughtUp } from "./arrivals.ts"
import type { Watched } from "./keepers.ts"
import type { Ring } from "./ring.ts"
import { each } from "./strays.ts"
import type { Report } from "./strays.ts"

/** The time at which a call was handed to the transport. Recorded only for calls that ask for it: see {@link Call.timing}. */
export interface Timing {
  /** In nanoseconds of the Clock. Undefined until the call is sent. */
  sentAt: bigint | undefined
}

/** A call that carries the questions of others. */
export interface Carrier {
  /** One of those that it carries does not wait any more. */
  readonly left: () => void
}

export abstract class Call extends Effectable.Class<void> {
  readonly command: Command.Any
  /** Whether ASKING goes before the command, as one unit with it. */
  readonly asking: boolean
  /** The latest time for the answer, in milliseconds of the Clock; Infinity if there is no limit. May be put off (`relief.ts`). */
  deadline: number
  abandoned = false
  /** What is known of the commands written before this one as one unit with it (MULTI, queued commands). */
  unit: Unit | undefined = undefined
  /** The reply, from when it is read until it is delivered. */
  answer: Resp.Value | undefined = undefined
  /** What carries it along with others that ask for the same; undefined if it travels by itself. */
  declare carrier: Carrier | undefined
  /** Set this to have `sentAt` filled in when the call is sent. While it is undefined, the clock is not read. */
  timing: Timing | undefined = undefined

  constructor(command: Command.Any, asking: boolean, deadline: number) {
    super()
    this.command = command
    this.asking = asking
    this.deadline = deadline
  }

  /** Whether somebody waits for the outcome. A connection that finishes stays open only for such calls. */
  get isAwaited(): boolean {
    return !this.abandoned
  }

  /** Whether the call is answered by pushes instead of a reply, on a connection with a listener for them. */
  get isAnsweredByPushes(): boolean {
    return false
  }

  /**
   * Whether no reply to the call will come any more, because pushes have answered it. The next reply, if given, may show this
   * too. Called only on connections that have listeners.
   */
  isDone(_reply: Resp.Value | undefined): boolean {
    return false
  }

  /** Whether it is one of several that are tried again in their order. */
  get hasTurn(): boolean {
    return false
  }

  /** What the server is asked to watch, if the reply may be kept. */
  get watched(): Watched | undefined {
    return undefined
  }

  /** Whether it is the client's own work, which callers and their limits must not hold up. */
  get isOwn(): boolean {
    return false
  }

  /** Whether `failWhenFull` does not concern it: it is the client's own, or it counted when the command came. */
  get isAdmitted(): boolean {
    return this.isOwn
  }

  /** Whether a node has room for it, however many commands are under way there, because it goes with one that the node has taken. */
  hasRoomAt(_node: string): boolean {
    return this.isAdmitted
  }

  abstract onReply(value: Resp.Value, node: string): void
  abstract onFailure(failure: Failure): void

  /** It can't be sent now, because others wait already for its node. */
  onAway(failure: Failure): void {
    this.onFailure(failure)
  }

  /** Nobody waits for it any more. */
  abandon(): void {
    this.abandoned = true
    this.carrier?.left()
  }

  override asEffect(): Effect.Effect<void> {
    this.abandon()
    return Effect.void
  }
}

/**
 * The failure of a command whose decoder could not read the reply. After QUEUED, the command is executed only by a later EXEC.
 */
export const undecoded = ({ expected, path, received }: Mismatch, value: Resp.Value, node?: string): Failure => {
  const reason = new RedisError.DecodeFailed({ expected, path, received })
  return value === "QUEUED" ? maybeExecuted(reason, node) : executed(reason, node)
}

/** A call that nobody waits for: one of the client's own commands, or a command that goes before another. */
export class Unattended extends Call {
  override get isAwaited(): boolean {
    return false
  }

  onReply(_value: Resp.Value, _node: string): void {}
  onFailure(_failure: Failure): void {}
}

/** Runs a command's decoder on a reply that is not an error. The reply may be merged from those of several nodes. */
export const decoded = <A>(
  command: Command.Command<A>,
  value: Resp.Value,
  node: string | undefined,
  slot?: number,
  attempts?: number
): Exit.Exit<A, RedisError.RedisError> => {
  try {
    return Exit.succeed(command.decode(value))
  } catch (problem) {
    // A transaction's decoder throws the first error among its replies.
    if (RedisError.isRedisError(problem)) {
      return Exit.fail(command.before.length > 0 ? placed(problem, { node, slot, attempts }) : problem)
    }
    return isMismatch(problem)
      ? Exit.fail(toError(undecoded(problem, value, node), { command, slot, attempts }))
      : Exit.die(problem)
  }
}

/** The outcome of one try: the reply, or the failure. Error replies are failures. */
export type Outcome =
  | { readonly _tag: "Replied"; readonly value: Resp.Value; readonly node: string }
  | { readonly _tag: "Failed"; readonly failure: Failure }

/** Whether the server may keep a command waiting (BLPOP), and with it all commands behind it on the connection. */
export const blocks = ({ args, spec }: Command.Any): boolean => CommandSpec.blockMillis(spec, args) !== undefined

const isMarked = ({ before, slow }: Command.Any): boolean => slow || before.some(isMarked)

const runsScript = ({ before, spec }: Command.Any): boolean =>
  spec.partial === "Script" || spec.partial === "Digest" || before.some(runsScript)

/** Whether a command may keep its server busy for long: it runs a script, or its caller has marked it (`Command.slow`). */
export const isSlow = (command: Command.Any): boolean => isMarked(command) || runsScript(command)

/** Times that decide whether a command may share a connection, in milliseconds. */
export interface Limits {
  /** How long a command without a timeout of its own may take. */
  readonly commandTimeout: number
  /** The same for scripts: 0 unless `commandTimeout` was set, because most scripts are quick and can share a connection. */
  readonly patience: number
  /** The length of silence after which a shared connection is given up. */
  readonly silence: number
  /** How many commands may wait for a node that is away. */
  readonly maxWaiting: number
  /** How many connections to each node are shared. */
  readonly connectionsPerNode: number
}

/** Whether a command needs a connection of its own: it blocks, or may take longer than a shared connection may be silent. */
export const standsApart = (command: Command.Any, { commandTimeout, patience, silence }: Limits): boolean =>
  blocks(command) ||
  ((command.timeout ?? commandTimeout) > silence && isMarked(command)) ||
  ((command.timeout ?? patience) > silence && runsScript(command))

/** Whether a queue has awaited calls whose deadline has passed. */
export const isOverdue = (queue: Ring<Call>, now: number): boolean =>
  queue.find((call) => call.deadline <= now && !call.abandoned) !== undefined

/** Fails the overdue calls of a queue. They keep their places, because their replies may still come. */
export const expire = (
  queue: Ring<Call>,
  now: number,
  failure: (call: Call) => Failure,
  report: Report
): void => {
  const overdue: Array<Call> = []
  queue.forEach((call) => {
    if (call.deadline <= now && !call.abandoned) overdue.push(call)
  })
  each(overdue, (call) => {
    // Failing an earlier call may have run its fiber, which may have interrupted this call.
    if (call.abandoned) return
    call.abandoned = true
    call.onFailure(failure(call))
  }, report)
}

/** Empties a queue and fails its calls, except abandoned ones. */
export const failAll = (queue: Ring<Call>, failure: Failure, report: Report): void =>
  each(queue.drain(), (call) => {
    if (!call.abandoned) call.onFailure(failure)
  }, report)

/** Fails the overdue calls of a queue that waits for a connection, every 100 ms for as long as it runs. */
export const sweep = (
  queue: Ring<Call>,
  failure: () => Failure,
  options: {
    readonly report: Report
    readonly soon: Connector["Service"]["soon"]
    /** Puts off deadlines, where there is a reason. */
    readonly relax?: ((queue: Ring<Call>, now: number) => void) | undefined
  }
): Effect.Effect<never> =>
  Effect.flatMap(Clock.Clock, (clock) => {
    const look = Effect.suspend(() => {
      const now = clock.currentTimeMillisUnsafe()
      options.relax?.(queue, now)
      if (!isOverdue(queue, now)) return Effect.void
      // The server's greeting may have arrived without having been read yet.
      return Effect.map(caughtUp(options.soon), () => expire(queue, now, failure, options.report))
    })
    return Effect.forever(Effect.andThen(Effect.sleep("100 millis"), look))
  })

/** A call that tells its outcome, be it a reply or a failure. */
export class Attempt extends Call {
  private readonly admitted: boolean
  private readonly settle: (outcome: Outcome) => void

  constructor(
    command: Command.Any,
    asking: boolean,
    deadline: number,
    settle: (outcome: Outcome) => void,
    admitted = false
  ) {
    super(command, asking, deadline)
    this.admitted = admitted
    this.settle = settle
  }

  override get isAdmitted(): boolean {
    return this.admitted
  }

  onReply(value: Resp.Value, node: string): void {
    this.settle(
      value instanceof Resp.ReplyError
        ? { _tag: "Failed", failure: rejected(value, node, this) }
        : { _tag: "Replied", value, node }
    )
  }

  onFailure(failure: Failure): void {
    this.settle({ _tag: "Failed", failure })
  }
}

/** One of the client's own commands, whose outcome is awaited. */
class OwnAttempt extends Attempt {
  override get isOwn(): boolean {
    return true
  }

  override get isAdmitted(): boolean {
    return true
  }
}

/** Something that takes calls: a connection, or a stand-in for one that is not open yet. */
export interface Taker {
  readonly submit: (call: Call) => void
}

/** Submits a command and waits for the outcome of this one try. */
export const attempt = (
  taker: Taker,
  command: Command.Any,
  options: {
    readonly asking: boolean
    readonly deadline: number
    readonly isAdmitted?: boolean
    readonly isOwn?: boolean
  }
): Effect.Effect<Outcome> =>
  Effect.callback<Outcome>((resume) => {
    const Kind = options.isOwn === true ? OwnAttempt : Attempt
    const settle = (outcome: Outcome): void => resume(Exit.succeed(outcome))
    const call = new Kind(command, options.asking, options.deadline, settle, options.isAdmitted)
    taker.submit(call)
    return call
  })

/**
 * Submits further tries of commands, in their order and at once, and waits until each has an outcome. `submit` is also given the
 * command's index.
 */
export const attemptAll = (
  commands: ReadonlyArray<{ readonly command: Command.Any; readonly deadline: number }>,
  asking: boolean,
  submit: (call: Call, index: number) => void
): Effect.Effect<ReadonlyArray<Outcome>> =>
  commands.length === 0 ? Effect.succeed([]) : Effect.callback((resume) => {
    const outcomes: Array<Outcome> = []
    let left = commands.length
    const calls = commands.map(({ command, deadline }, index) =>
      new Attempt(command, asking, deadline, (outcome) => {
        outcomes[index] = outcome
        if (--left === 0) resume(Exit.succeed(outcomes))
      }, true)
    )
    calls.forEach(submit)
    return Effect.sync(() => {
      for (const call of calls) call.abandoned = true
    })
  })

/** Submits a command and decodes its reply. Redirects are not followed, but returned as errors. */
export const run = <A>(
  taker: Taker,
  command: Command.Command<A>,
  deadline: number,
  /** How long a command without a timeout of its own may take. */
  timeout: number,
  isOwn = false
): Effect.Effect<A, RedisError.RedisError> => {
  if (command.problem !== undefined) {
    return Effect.fail(unsent(new RedisError.InvalidArgument({ problem: command.problem }), command))
  }
  return Effect.flatMap(attempt(taker, command, { asking: false, deadline, isOwn }), (outcome) => {
    if (outcome._tag === "Replied") return decoded(command, outcome.value, outcome.node)
    return command.unabridged !== undefined && isUnknownScript(outcome.failure)
      ? run(taker, Command.inFull(command), deadline, timeout, isOwn)
      : Effect.fail(toError(outcome.failure, { command, time: deadlineOf(command, 0, timeout) }))
  })
}

/** The same command, with its blocking time cut to what earlier tries and the wait for a connection have left of it. */
export const withTimeLeft = <A>(
  command: Command.Command<A>,
  options: { readonly now: number; readonly deadline: number; readonly timeout: number }
): Command.Command<A> => {
  const left = options.deadline - (command.timeout ?? options.timeout) - options.now
  const args = CommandSpec.withBlockMillis(command.spec, command.args, left)
  return args === command.args ? command : Command.withArgs(command, args)
}

/** The deadline of a command that begins now: the time for which its arguments let it block, plus its timeout. */
export const deadlineOf = (command: Command.Any, now: number, timeout: number): number => {
  const margin = command.timeout ?? timeout
  return now + margin + (command.spec.blocking ? CommandSpec.blockMillis(command.spec, command.args) ?? 0 : 0)
}
