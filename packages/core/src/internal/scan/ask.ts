/** The questions of a scan to one node, in a session there. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Address from "../../Address.ts"
import * as Command from "../../Command.ts"
import { clusterCountkeysinslot, clusterGetkeysinslot, clusterNodes } from "../../commands/cluster.ts"
import type { ClusterNode } from "../../commands/cluster.ts"
import { type } from "../../commands/keys.ts"
import { infoFields } from "../../commands/server.ts"
import * as CommandSpec from "../../CommandSpec.ts"
import * as ReadFrom from "../../ReadFrom.ts"
import * as RedisError from "../../RedisError.ts"
import type { Session } from "../../Session.ts"
import * as Args from "../commands/args.ts"
import * as Reply from "../commands/reply.ts"
import { unsent } from "../failures/failure.ts"
import * as Pattern from "./pattern.ts"
import type { Key } from "./progress.ts"
import * as Slots from "./slots.ts"
import * as Standing from "./standing.ts"
import { byMap } from "./work.ts"
import type { Wanted, Work } from "./work.ts"

const SCAN = CommandSpec.get("SCAN")
const CLUSTERSCAN = CommandSpec.get("CLUSTERSCAN")

const pageArgs = (cursor: string, { count, match, type }: Wanted) => [
  cursor,
  ...Args.option("MATCH", match, (pattern) => pattern),
  "COUNT",
  `${count}`,
  ...Args.option("TYPE", type, (name) => name)
]

const keysOf = Reply.array(Reply.text)

/** A page of keys. */
export const page = (
  cursor: string,
  wanted: Wanted
): Command.Command<{ readonly cursor: string; readonly items: ReadonlyArray<Key> }> => {
  const command = Command.make(SCAN, pageArgs(cursor, wanted), Reply.page(keysOf))
  return wanted.bytes ? Command.bytes(command) : command
}

/** The cursor of a whole cluster. Its type is narrower than text, so that it stays text where bytes are asked for. */
type ClusterCursor = "0" | `${string}{${string}}${string}`

const isClusterCursor = (text: string): text is ClusterCursor => text === "0" || /\{[^}]+\}/.test(text)

const clusterCursor: Reply.Decode<ClusterCursor> = (value) => {
  const text = Reply.name(value)
  if (!isClusterCursor(text)) throw new Reply.Mismatch("0 or a cursor with a hash tag", "another text")
  return text
}

const clusterPageOf = Reply.pair(clusterCursor, keysOf, (cursor, items) => ({ cursor, items }))

/** A page of keys in the order of their slots. */
export const clusterPage = (
  cursor: string,
  wanted: Wanted
): Command.Command<{ readonly cursor: string; readonly items: ReadonlyArray<Key> }> => {
  const command = Command.make(CLUSTERSCAN, pageArgs(cursor, wanted), clusterPageOf)
  return wanted.bytes ? Command.bytes(command) : command
}

/** Where a node stands, and the process that it is. */
export interface Seen {
  readonly standing: Standing.Standing
  readonly run: string
  /** Whether the server has CLUSTERSCAN, which came with Valkey 9.1. */
  readonly scansCluster: boolean
  /** All nodes that it knows; none outside of a cluster. */
  readonly nodes: ReadonlyArray<ClusterNode>
}

const notInCluster = (session: Session): RedisError.RedisError =>
  unsent(
    new RedisError.DecodeFailed({ expected: "the node's own line", received: "none", of: "reply" }),
    clusterNodes(),
    session.address.key
  )

const hasClusterScan = (about: Readonly<Record<string, string>>): boolean => {
  const [major = 0, minor = 0] = (about["valkey_version"] ?? "").split(".").map(Number)
  return major > 9 || (major === 9 && minor >= 1)
}

const inCluster = (session: Session): Effect.Effect<Seen, RedisError.RedisError> =>
  Effect.flatMap(
    // In this order on one connection: what a node has sent and received is told before its slots, and again after them.
    Effect.all([
      session.execute(infoFields(["server"])),
      session.execute(infoFields(["commandstats"])),
      session.execute(clusterNodes()),
      session.execute(infoFields(["commandstats"]))
    ], { concurrency: 4 }),
    ([about, earlier, nodes, later]) => {
      const standing = Standing.read(nodes, Standing.trafficOf(earlier), Standing.trafficOf(later))
      return standing === undefined
        ? Effect.fail(notInCluster(session))
        : Effect.succeed({ standing, run: `${about["run_id"]}`, scansCluster: hasClusterScan(about), nodes })
    }
  )

const nowhere: ReadonlyMap<number, string> = new Map()

/**
 * A server without cluster mode has the slots that the map gives it. What stands for its epoch is the id of its data, which changes
 * when it becomes a primary.
 */
const outsideOfCluster = ({ client }: Work, session: Session): Effect.Effect<Seen, RedisError.RedisError> =>
  Effect.map(session.execute(infoFields()), (about) => {
    const run = `${about["run_id"]}`
    const { key } = session.address
    const standing = {
      id: `${run}/${about["master_replid"]}`,
      isPrimary: about["role"] === "master",
      epoch: 0,
      traffic: Standing.still,
      laterTraffic: Standing.still,
      owned: byMap(client.topology.currentUnsafe(), key, Slots.all()),
      migrating: nowhere,
      importing: nowhere
    }
    return { standing, run, scansCluster: false, nodes: [] }
  })

export const look = (work: Work, session: Session): Effect.Effect<Seen, RedisError.RedisError> =>
  work.client.topology.oneSlot() ? inCluster(session) : outsideOfCluster(work, session)

const allOf = <A>(
  session: Pick<Session, "executeAll">,
  commands: ReadonlyArray<Command.Command<A>>
): Effect.Effect<ReadonlyArray<A>, RedisError.RedisError> =>
  commands.length === 0 ? Effect.succeed([]) : Effect.flatMap(session.executeAll(commands), (results) => {
    const replies: Array<A> = []
    for (const result of results) {
      if (Result.isFailure(result)) return Effect.fail(result.failure)
      replies.push(result.success)
    }
    return Effect.succeed(replies)
  })

/** How many keys the node has in each of some slots. */
export const sizes = (session: Session, slots: ReadonlyArray<number>) =>
  allOf(session, slots.map((slot) => clusterCountkeysinslot(slot)))

/** Of the keys of a slot, those that are wanted. */
const wantedOf = Effect.fnUntraced(function*(
  { client: { redis }, wanted: { match, type: wantedType } }: Work,
  all: ReadonlyArray<Uint8Array>
): Effect.fn.Return<ReadonlyArray<Uint8Array>, RedisError.RedisError> {
  const keys = match === undefined ? all : all.filter((key) => Pattern.matches(match, key))
  if (wantedType === undefined || keys.length === 0) return keys
  const name = wantedType.toLowerCase()
  const types = yield* allOf(redis, keys.map((key) => type(key)))
  return keys.filter((_, at) => types[at].toLowerCase() === name)
}, (effect) => Effect.provideService(effect, ReadFrom.Current, "primary"))

/** More keys of a slot than it has, so that fewer come than are asked for. */
const withMargin = (size: number): number => size + 64 + (size >> 2)

/**
 * The wanted keys that the node has in some slots, and the slots of which these are all: not those that have grown too fast for the
 * sizes that they had a moment ago.
 */
export const keysIn = Effect.fnUntraced(function*(
  work: Work,
  session: Session,
  slots: ReadonlyArray<number>,
  sizes: ReadonlyArray<number>
): Effect.fn.Return<
  { readonly keys: ReadonlyArray<Uint8Array>; readonly whole: ReadonlyArray<number> },
  RedisError.RedisError
> {
  const lists = yield* allOf(
    session,
    slots.map((slot, at) => Command.bytes(clusterGetkeysinslot(slot, withMargin(sizes[at]))))
  )
  const keys = yield* wantedOf(work, lists.flat())
  return { keys, whole: slots.filter((_, at) => lists[at].length < withMargin(sizes[at])) }
})

/** Where a node is that another one knows: as the map has it, or else as that other one says. */
export const addressOf = (
  { client: { topology } }: Work,
  id: string,
  { nodes }: Seen,
  from: Address.Address
): Address.Address | undefined => {
  const map = topology.currentUnsafe()
  for (const node of map.nodes.values()) if (node.id === id) return node.address
  const known = nodes.find((node) => node.id === id)
  if (known === undefined) return undefined
  const located = topology.locate(`${known.hostname ?? known.host}:${known.port}`, from.key)
  return Result.isSuccess(located) ? located.success : undefined
}
