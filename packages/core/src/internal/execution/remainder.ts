/**
 * Continues with the commands of a batch whose first try has failed. Commands that failed alike are one piece of work: they
 * pause once together, and are submitted again in one go, so that each node gets its share in one write, as in the first try. A
 * command waits for the commands before it on its keys, unless both only read.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Command from "../../Command.ts"
import * as RedirectPolicy from "../../RedirectPolicy.ts"
import type { RedisError } from "../../RedisError.ts"
import { attemptAll, deadlineOf, decoded } from "../connection/call.ts"
import type { Outcome } from "../connection/call.ts"
import { isRedirect, toError } from "../failures/failure.ts"
import type { Failure } from "../failures/failure.ts"
import { onlyReads, turnsOf } from "./overtaking.ts"
import * as Redirects from "./redirects.ts"
import { isAsking } from "./router.ts"
import type { AnyFiber, Route, Router } from "./router.ts"
import type { Seen } from "./tracing.ts"

/** A command of a batch that is not settled yet. */
export interface Left<A> {
  readonly command: Command.Command<A>
  /** The index of the command in the batch. */
  readonly index: number
  readonly slot: number
  readonly deadline: number
  /** Whether it was sent in its short form and has a full form. */
  readonly abridged: boolean
  /** The failure of its last try. */
  readonly failure: Failure
  readonly attempts: number
  /** Whether one of its tries may have been executed. */
  readonly uncertain: boolean
  /** When its last try failed, in milliseconds of the Clock. */
  readonly failedAt: number
  /** Whether a later command on its key was executed, so that another try would be executed after that one. */
  overtaken: boolean
}

export interface Options<A> {
  readonly router: Router
  /** On whose behalf. */
  readonly fiber: AnyFiber
  readonly settle: (
    index: number,
    result: Result.Result<A, RedisError>,
    tried: { readonly node: string | undefined; readonly attempts: number }
  ) => void
  readonly seen: Seen
}

const givesUp = <A>({ abridged, command, failure, overtaken }: Left<A>): boolean => {
  const repeatable = isRepeatable(command)
  const facts = { repeatable, redirects: 0, abridged, target: undefined }
  return overtaken || RedirectPolicy.decide(failure, facts).command._tag === "GiveUp"
}

const isRepeatable = ({ idempotent, spec }: Command.Any): boolean => spec.readOnly || idempotent

/** A failure that is older than this, in milliseconds, says nothing of its node any more. */
const fresh = 50

/**
 * The kind of a failure. The policy decides the same for all commands with failures of one kind, and they wait for the same node,
 * so that one of them can wait for all.
 */
const kindOf = <A>({ fiber, router }: Options<A>, { command, deadline, failure, slot }: Left<A>): string => {
  const { node, reason } = failure
  const target = isRedirect(reason) ? ` ${"slot" in reason ? reason.slot : ""} ${reason.address}` : ""
  const place = router.placeOf(command, slot, fiber)
  const door = place && router.room?.keyOf(failure, { ...place, beside: false, reads: command.spec.readOnly })
  return `${reason._tag}${target} ${node} ${deadline} ${place?.readFrom} ${door}`
}

/** Commands that failed alike, in the order of the batch. None of them has to wait for another. */
interface Group<A> {
  readonly members: Array<Left<A>>
  /** The groups that have to be done before this one. */
  readonly after: ReadonlySet<Group<A>>
  readonly done: Deferred.Deferred<void>
}

/** The groups that the next command on a key has to wait for: a write waits for all, a read only for the last write. */
interface Turn<A> {
  write: Group<A> | undefined
  reads: Set<Group<A>>
}

/** Commands without a key keep their order among themselves. */
const withoutKey: ReadonlyArray<string> = ["no key"]

/** Divides commands, in their order, into as few groups as possible. */
class Groups<A> {
  readonly all: Array<Group<A>> = []
  private readonly known = new Map<string, Group<A>>()
  private readonly numbers = new Map<Group<A>, number>()
  private readonly turns = new Map<string, Turn<A>>()
  private readonly options: Options<A>

  constructor(options: Options<A>) {
    this.options = options
  }

  add(left: Left<A>): void {
    if (givesUp(left)) {
      this.make([left], new Set())
      return
    }
    const reads = onlyReads(left.command)
    const named = turnsOf(left.command)
    const turns = (named.length === 0 ? withoutKey : named).map((name) => this.turnOf(name))
    const after = new Set(turns.flatMap(({ reads: before, write }) => [
      ...(write === undefined ? [] : [write]),
      ...(reads ? [] : before)
    ]))
    const group = this.groupOf(left, after)
    for (const turn of turns) {
      if (reads) {
        turn.reads.add(group)
      } else {
        turn.write = group
        turn.reads = new Set()
      }
    }
  }

  private turnOf(name: string): Turn<A> {
    const known = this.turns.get(name)
    if (known !== undefined) return known
    const turn: Turn<A> = { write: undefined, reads: new Set() }
    this.turns.set(name, turn)
    return turn
  }

  private groupOf(left: Left<A>, after: ReadonlySet<Group<A>>): Group<A> {
    const numbers = Array.from(after, (group) => this.numbers.get(group)!).sort((a, b) => a - b)
    const name = `${numbers.join()} ${kindOf(this.options, left)}`
    const known = this.known.get(name)
    if (known === undefined) {
      const group = this.make([left], after)
      this.known.set(name, group)
      return group
    }
    known.members.push(left)
    return known
  }

  private make(members: Array<Left<A>>, after: ReadonlySet<Group<A>>): Group<A> {
    const group = { members, after, done: Deferred.makeUnsafe<void>() }
    this.numbers.set(group, this.all.length)
    this.all.push(group)
    return group
  }
}

/** Continues with all commands, each in its turn, until they are settled. */
export const goOn = <A>(options: Options<A>, lefts: ReadonlyArray<Left<A>>): Effect.Effect<void> => {
  const groups = new Groups<A>(options)
  for (const left of lefts.toSorted((a, b) => a.index - b.index)) groups.add(left)
  const works = groups.all.map(({ after, done, members }) =>
    Effect.forEach(after, (group) => Deferred.await(group.done), { discard: true }).pipe(
      Effect.andThen(persevere(options, members, after.size > 0)),
      Effect.andThen(Deferred.succeed(done, undefined))
    )
  )
  // They begin at once, and so keep their places before whoever comes next.
  const begin = Effect.forEach(works, (work) => Effect.forkChild(work, { startImmediately: true }))
  return works.length === 1
    ? works[0]
    : Effect.flatMap(begin, (fibers) => Effect.forEach(fibers, Fiber.join, { discard: true }))
}

/** What is left of a command after a further try; undefined if it is settled. */
const settled = <A>(
  { router, seen, settle }: Options<A>,
  left: Left<A>,
  command: Command.Command<A>,
  outcome: Outcome
): Effect.Effect<Left<A> | undefined> => {
  const attempts = left.attempts + 1
  if (outcome._tag === "Failed") {
    const { failure } = outcome
    seen?.(failure.node)
    const uncertain = left.uncertain || failure.delivery === "MaybeExecuted"
    return Effect.succeed({
      ...left,
      abridged: left.abridged && command === left.command,
      failure,
      failedAt: router.clock.read(),
      attempts,
      uncertain
    })
  }
  seen?.(outcome.node)
  return Effect.map(Effect.result(decoded(command, outcome.value, outcome.node, left.slot, attempts)), (result) => {
    settle(left.index, result, { node: outcome.node, attempts })
    return undefined
  })
}

/** The most frequent kind of failure among the commands that may be tried again. */
const mostOf = <A>(options: Options<A>, lefts: ReadonlyArray<Left<A>>): string | undefined => {
  const counts = new Map<string, number>()
  for (const left of lefts) {
    if (givesUp(left)) continue
    const kind = kindOf(options, left)
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return Array.from(counts).sort(([, a], [, b]) => b - a)[0]?.[0]
}

/**
 * Continues with commands that failed alike. A command whose later failure is of another kind leaves the group and continues
 * separately, at the same time.
 */
const persevere = Effect.fnUntraced(function*<A>(
  options: Options<A>,
  begun: ReadonlyArray<Left<A>>,
  stale: boolean
) {
  const { router, seen, settle } = options
  const [first] = begun
  const isOne = begun.length === 1
  const fiber = yield* Effect.fiber
  const now = router.clock.read()
  const departed: Array<Fiber.Fiber<void>> = []
  let group = begun
  for (const { failure } of begun) seen?.(failure.node)

  const again = Effect.fnUntraced(function*(route: Route, inFull: boolean) {
    const tried = group
    const [{ abridged, failure }, ...others] = tried
    // The loop in `Redirects.persevere` counts the first command, for the whole group.
    if (isRedirect(failure.reason)) { for (const left of others) router.count("redirects", left.failure, fiber) }
    else if (!(abridged && inFull)) { for (const left of others) router.count("retries", left.failure, fiber) }
    const commands = tried.map(({ command }) => inFull ? Command.inFull(command) : command)
    const calls = tried.map(({ deadline }, n) => ({ command: commands[n], deadline }))
    const outcomes = yield* attemptAll(
      calls,
      isAsking(route),
      (call, n) => router.redispatch(call, tried[n].slot, route, fiber)
    )
    const left = yield* Effect.forEach(outcomes, (outcome, n) => settled(options, tried[n], commands[n], outcome))
    const lefts = left.filter((left) => left !== undefined)
    if (lefts.length === 0) return Result.succeed(undefined)
    const kind = isOne ? undefined : mostOf(options, lefts)
    group = isOne ? lefts : lefts.filter((left) => !givesUp(left) && kindOf(options, left) === kind)
    const leaving = lefts.filter((left) => !group.includes(left))
    if (leaving.length > 0) {
      departed.push(yield* Effect.forkChild(goOn(options, leaving), { startImmediately: true }))
    }
    if (group.length > 0) return Result.fail(group[0].failure)
    return lefts.length < tried.length ? Result.succeed(undefined) : yield* Effect.fail("Departed" as const)
  })

  const result = yield* Effect.result(Redirects.persevere<void, "Departed", never>(router, {
    // In a group this may be true for all: a command that must not be repeated leaves the group once it may have been executed.
    repeatable: !isOne || isRepeatable(first.command),
    patient: false,
    abridged: begun.some(({ abridged }) => abridged),
    // All of them wait behind one door, so the group waits where its first command does.
    placeOf: (fiber) => router.placeOf(group[0].command, group[0].slot, fiber),
    also: () => {
      const slots = new Set(group.map(({ slot }) => slot))
      slots.delete(group[0].slot)
      return Array.from(slots)
    },
    beside: false,
    stale: stale || begun.every(({ failedAt }) => now - failedAt >= fresh),
    reads: begun.every(({ command }) => command.spec.readOnly),
    deadline: first.deadline,
    overtaken: first.overtaken,
    again,
    error: (failure, attempts) => errorOf(options, group[0], failure, attempts + first.attempts - 1)
  }, first.failure))
  if (Result.isFailure(result) && result.failure !== "Departed") {
    const { failure } = result
    const [head] = group
    for (const left of group) {
      const reason = failure.reason === head.failure.reason ? left.failure.reason : failure.reason
      const error = left === head
        ? failure
        : errorOf(options, left, { ...left.failure, reason, away: failure.away }, failure.attempts)
      settle(left.index, Result.fail(error), { node: error.node, attempts: error.attempts })
    }
  }
  yield* Effect.forEach(departed, Fiber.join, { discard: true })
})

const errorOf = <A>(
  { router }: Options<A>,
  { command, slot, uncertain }: Left<A>,
  failure: Failure,
  attempts: number
): RedisError =>
  toError({ ...failure, delivery: uncertain ? "MaybeExecuted" : failure.delivery }, {
    command,
    slot,
    attempts,
    time: deadlineOf(command, 0, router.timeout)
  })
