import * as Address from "@redisc/core/Address"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import type { Admin } from "./clusterAdmin.ts"
import { parseNodes, slotCount } from "./clusterView.ts"
import type { View } from "./clusterView.ts"
import { failed } from "./realClusterError.ts"
import type { RealClusterError } from "./realClusterError.ts"
import { writeFiles } from "./serverFiles.ts"
import type { Planned, Settings } from "./serverFiles.ts"
import { freePort, logTail, startServer } from "./serverProcess.ts"
import type { Server, ServerProcess } from "./serverProcess.ts"

/** One server, or one sentinel, and its current process. */
export interface Member {
  readonly name: string
  readonly id: string
  readonly address: Address.Tcp
  readonly folder: string
  /** More arguments of the command line, for the next time that it is started. */
  args: ReadonlyArray<string>
  process: ServerProcess | undefined
  isPaused: boolean
}

export const isUp = (member: Member): boolean => member.process?.hasExited() === false

export const isRunning = (member: Member): boolean => isUp(member) && !member.isPaused

/** Fails if the server of a member has ended on its own, with the end of its log. */
export const checkCrashed = (member: Member): Effect.Effect<void, RealClusterError> =>
  Effect.suspend(() =>
    member.process?.hasCrashed() === true
      ? Effect.flatMap(
        logTail(member.folder),
        (log) => Effect.fail(failed(`${member.name} has ended by itself. The end of its log:\n${log}`))
      )
      : Effect.void
  )

export const pollInterval = "20 millis"

/** How long servers may take for what they do in a second or two: machines are slow at times. */
export const patience = "1 minute"

const newId = Effect.sync(() => randomBytes(20).toString("hex"))

const memberOf = (cluster: string, index: number, { id, port }: Planned): Member =>
  memberNamed(cluster, `node-${index}`, id, port)

const memberNamed = (parent: string, name: string, id: string, port: number): Member => ({
  name,
  id,
  address: Address.tcp("127.0.0.1", port),
  folder: join(parent, name),
  args: [],
  process: undefined,
  isPaused: false
})

/** Plans a cluster whose slots are spread evenly, and writes the files with which its servers start. */
export const planCluster = Effect.fnUntraced(function*(
  folder: string,
  counts: { readonly primaries: number; readonly replicas: number },
  settings: Settings
): Effect.fn.Return<ReadonlyArray<Member>, RealClusterError, Scope.Scope> {
  const plan: Array<Planned> = []
  const bound = (index: number) => Math.round(index * slotCount / counts.primaries)
  for (let index = 0; index < counts.primaries; index++) {
    plan.push({
      id: yield* newId,
      port: yield* freePort,
      epoch: index + 1,
      primary: undefined,
      shard: yield* newId,
      slots: [bound(index), bound(index + 1) - 1]
    })
  }
  for (const { epoch, id, shard } of plan.slice()) {
    for (let index = 0; index < counts.replicas; index++) {
      plan.push({ id: yield* newId, port: yield* freePort, epoch, primary: id, shard, slots: undefined })
    }
  }
  const members = plan.map((planned, index) => memberOf(folder, index, planned))
  yield* Effect.forEach(plan, (planned, index) => writeFiles(members[index].folder, planned, plan, settings), {
    concurrency: 8,
    discard: true
  })
  return members
})

/** Plans one more node, which does not know the others yet. */
export const planMember = Effect.fnUntraced(function*(
  folder: string,
  index: number,
  settings: Settings
): Effect.fn.Return<Member, RealClusterError, Scope.Scope> {
  const planned: Planned = {
    id: yield* newId,
    port: yield* freePort,
    epoch: 0,
    primary: undefined,
    shard: yield* newId,
    slots: undefined
  }
  const member = memberOf(folder, index, planned)
  yield* writeFiles(member.folder, planned, [planned], settings)
  return member
})

/** Plans a server without cluster mode, or a sentinel. Its file is not written yet. */
export const planPlain = Effect.fnUntraced(function*(
  parent: string,
  name: string
): Effect.fn.Return<Member, RealClusterError, Scope.Scope> {
  return memberNamed(parent, name, yield* newId, yield* freePort)
})

/** Starts the server of a member, and returns when it answers PING. */
export const startMember = Effect.fnUntraced(function*(
  member: Member,
  server: Server,
  admin: Admin
): Effect.fn.Return<void, RealClusterError> {
  const { folder, name } = member
  yield* admin.drop(member)
  const process = yield* Effect.sync(() => {
    member.isPaused = false
    return member.process = startServer(server, folder, member.args)
  })
  const answers = Effect.gen(function*() {
    while (true) {
      const answer = yield* Effect.result(admin.send(member, "PING"))
      if (answer._tag === "Success") return
      if (process.hasExited()) return yield* failed("it exited")
      yield* Effect.sleep(pollInterval)
    }
  })
  const didNotStart = Effect.fnUntraced(function*(problem: string): Effect.fn.Return<never, RealClusterError> {
    return yield* failed(
      `${name} did not start (${server.path}, ${server.kind} ${server.version}): ${problem}\n${yield* logTail(folder)}`
    )
  })
  yield* answers.pipe(
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(failed("it does not answer")) }),
    Effect.catch(({ problem }) => didNotStart(problem)),
    Effect.onError(() =>
      Effect.map(killMember(member), () => {
        member.process = undefined
      })
    )
  )
})

/** Kills the server of a member, paused or not, and returns when its process has ended. */
export const killMember = (member: Member): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (member.process === undefined) return Effect.void
    member.process.signal("SIGKILL")
    return member.process.exited
  })

export const pauseMember = (member: Member): void => {
  member.isPaused = true
  member.process?.signal("SIGSTOP")
}

export const resumeMember = (member: Member): void => {
  member.process?.signal("SIGCONT")
  member.isPaused = false
}

/** Asks a node for its view of the cluster. */
export const viewOf = Effect.fnUntraced(function*(admin: Admin, member: Member) {
  const [info, nodes, replication] = yield* Effect.all([
    admin.send(member, "CLUSTER", "INFO"),
    admin.send(member, "CLUSTER", "NODES"),
    admin.send(member, "INFO", "replication")
  ], { concurrency: "unbounded" })
  const view: View = {
    name: member.name,
    state: /cluster_state:(\w+)/.exec(`${info}`)?.[1] ?? "unknown",
    nodes: parseNodes(`${nodes}`),
    isInSync: !`${replication}`.includes("master_link_status:down")
  }
  return view
})
