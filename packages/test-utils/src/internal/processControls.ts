/** The controls that disturb the process of a server or a sentinel. */
import { isRedisError } from "@redisc/core/RedisError"
import type * as Resp from "@redisc/core/Resp"
import * as Effect from "effect/Effect"
import type { Admin, Arg } from "./clusterAdmin.ts"
import { inRealTime } from "./launching.ts"
import { checkCrashed, killMember, pauseMember, resumeMember, startMember } from "./members.ts"
import type { Member } from "./members.ts"
import type { RealClusterError } from "./realClusterError.ts"
import type { ServerNode } from "./serverGroup.ts"
import type { Server } from "./serverProcess.ts"

export interface ProcessControls {
  readonly command: (
    node: ServerNode,
    name: string,
    args?: ReadonlyArray<Arg>
  ) => Effect.Effect<Resp.Value, RealClusterError>
  readonly kill: (node: ServerNode) => Effect.Effect<void, RealClusterError>
  readonly pause: (node: ServerNode) => Effect.Effect<void, RealClusterError>
  readonly resume: (node: ServerNode) => Effect.Effect<void, RealClusterError>
  readonly restart: (node: ServerNode) => Effect.Effect<void, RealClusterError>
}

interface Dependencies {
  readonly server: Server
  readonly adminOf: (member: Member) => Admin
  readonly memberOf: (node: ServerNode) => Effect.Effect<Member, RealClusterError>
  readonly runningMember: (node: ServerNode) => Effect.Effect<Member, RealClusterError>
}

export const makeProcessControls = (
  { adminOf, memberOf, runningMember, server }: Dependencies
): ProcessControls => ({
  command: (node, name, args = []) =>
    inRealTime(Effect.flatMap(runningMember(node), (member) =>
      adminOf(member).send(member, name, ...args).pipe(
        // A server that crashes closes its connections a moment before its process is gone.
        Effect.tapError(({ cause }) =>
          isRedisError(cause) && cause.reason._tag === "ConnectionLost" && member.process !== undefined
            ? Effect.andThen(Effect.timeoutOption(member.process.exited, "500 millis"), checkCrashed(member))
            : Effect.void
        )
      ))),
  kill: (node) =>
    Effect.flatMap(memberOf(node), (member) => Effect.andThen(killMember(member), adminOf(member).drop(member))),
  pause: (node) => Effect.map(runningMember(node), pauseMember),
  resume: (node) => Effect.map(memberOf(node), resumeMember),
  restart: (node) =>
    inRealTime(Effect.flatMap(
      memberOf(node),
      (member) => Effect.andThen(killMember(member), startMember(member, server, adminOf(member)))
    ))
})
