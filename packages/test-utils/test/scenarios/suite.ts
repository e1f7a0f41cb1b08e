/**
 * The scenarios of redisc's own tests, as tests of both kinds of clusters: `fake.test.ts` and `real.test.ts` run what the
 * other files of this folder say. Those of `fake` take a node that says what it is told to, or a clock, and run there alone.
 * `core` is `packages/core/test`.
 *
 * ```
 *  1  layout     a server that is part of no cluster is refused in its own words
 *  2  layout     one node that is known tells who serves each of the slots
 *  3  layout     a MOVED that is the caller's to see has the layout learnt anew all the same
 *  4  closing    whatever is asked of a client after its end fails with Closed, and is not sent
 *     closing    what is under way when a client ends fails with Closed, and a session with it
 *  5  closing    what listens to a client is done when the client ends
 *     closing    a refresh that the end of the client cuts short is no failure, and is told nobody
 *     loss       when all nodes are gone each way to ask fails, and what fails unasked is told
 *     fake       a refresh that fails in the background is told once
 *  6  replicas   where there are no replicas the primary answers, if it may
 *     replicas   READONLY is for sessions, where it may come at any time, also on a primary
 *  7  sessions   a session takes keys of one slot, or a node, but not both
 *     sessions   a session that is bound refuses the keys of another slot, and goes on
 *     sessions   a session without keys is bound to a primary, on one connection
 *  8  sessions   a command without a name is refused, and binds and ends nothing
 *  9  pool       a command may take its own time, and one that blocks the time that it blocks
 * 10  redirects  two nodes that send a command back and forth are left after as many tries as the policy says
 *     redirects  a slot that stays half-way fails its commands after as many tries as the policy says
 * 11  layout     a MOVED that is followed moves its own slot at once, and one refresh the others
 * 12  loss       where no slot is assigned each way to ask says so, and a visit runs nothing
 *     nodes      a visit to replicas fails where there are none, and nothing is run
 * 13  nodes      a client that was told of one node visits each primary once
 * 14  nodes      each replica is visited once
 * 15  nodes      scanning all primaries finds every key, and so does scanning all replicas
 * 16  pool       a hundred commands that find their slot gone make one refresh
 *     pool       the client counts as many connections as the nodes do, leased, given back and lost
 *     fake       a storm of redirects makes one refresh, however long one waits
 * 17  layout     a replica tells it as well
 * 18  replicas   a session that reads from a replica reads there, can't write, and can take that back
 * 19  replicas   a session without keys that reads from replicas is bound to one, another each time
 * 20  replicas   a read from a replica that has lost the slot goes on at the new primary, and the next at its replica
 *     replicas   a session that runs again leaves the replica for the primary when it takes READONLY back
 * 21  layout     a refresh tells one change, and none when there is nothing new
 *     closing    what listens to a client is done when the client ends
 * 22  layout     a MOVED that is followed moves its own slot at once, and one refresh the others
 * 23  loss       when all nodes are gone each way to ask fails, and what fails unasked is told
 *     fake       a refresh that no node answers fails, and says what each of them said
 * 24  loss       a client that is told of no node is refused
 *     loss       where no slot is assigned each way to ask says so, and a visit runs nothing
 *     loss       when all nodes are gone each way to ask fails, and what fails unasked is told
 * 25  pool       who waits too long for a dedicated connection is told so, and nothing is sent
 *     pool       who waits for a dedicated connection gets the one that is given back
 * 26  commands   commands of all groups run side by side, and those over two slots are refused
 *     commands   the servers refuse keys of two slots too, so that refusing them unsent hides nothing
 * 27  loss       where no slot is assigned each way to ask says so, and a visit runs nothing
 *     loss       when all nodes are gone each way to ask fails, and what fails unasked is told
 * 28  loss       a session for a slot that nobody serves has the layout learnt anew, and finds it served then
 *     sessions   a session whose slot has moved tells so, and the next one is where the slot is
 * 29  layout     each slot has a primary and its replica in the map
 * 30  closing    what is under way when a client ends fails with Closed, and a session with it
 *     sessions   a session ends with its scope, once, and its connection is leased again
 *     sessions   a session whose connection the server has ended fails, and the next one has another
 * 31  fake       ... is read for what it is
 *     core       RespReply: takes its code from the first word
 * 32  fake       an ASK that leads back to the node is followed there, behind ASKING
 * 33  redirects  an ASK sends its command to the other node, behind ASKING, and leaves the map as it is
 * 34  redirects  TRYAGAIN is tried again, after the pause of the policy, until the slot has arrived
 *     fake       two TRYAGAIN take two pauses of the policy, and then it succeeds
 * 35  sessions   what needs a connection of its own is refused on shared ones, and what takes one over everywhere
 *     sessions   a session that runs again takes pipelines and transactions along to where its slot is
 * 36  core       Slot: ... is in slot ...
 * 37  core       Slot: puts the keys of one slot together, ascending by slot
 *     core       Slot: keeps duplicates, and makes nothing of nothing
 * 38  ../fake    FakeCluster: answers what the test has scripted
 * 39  core       RespEncoder: frames a command as an array of bulk strings
 *     core       RespReply: sends ... in RESP2 for ...
 * 40  core       RespDecoder: decodes ..., refuses ...
 * 41  ../fake    sessions: take commands that come in pieces, inline, and many at once
 *     ../fake    wire, all of it
 * ```
 */
import { describe, layer } from "@effect/vitest"
import type * as Layer from "effect/Layer"
import { closing } from "./closing.ts"
import type { Cluster, Scenario } from "./Cluster.ts"
import { commands } from "./commands.ts"
import { everywhere } from "./everywhere.ts"
import { failovers } from "./failovers.ts"
import { layout } from "./layout.ts"
import { lost, unserved } from "./loss.ts"
import { losses } from "./losses.ts"
import { members, withoutMembers } from "./members.ts"
import { nodes, withoutNodes } from "./nodes.ts"
import { pool } from "./pool.ts"
import { redirects } from "./redirects.ts"
import { replicas, withoutReplicas } from "./replicas.ts"
import { sessions } from "./sessions.ts"

export interface Options {
  readonly primaries: number
  readonly replicas: number
  readonly requireFullCoverage?: boolean | undefined
}

type Topics = Readonly<Record<string, ReadonlyArray<Scenario>>>

const healthy: Topics = {
  layout,
  sessions,
  replicas,
  nodes,
  redirects,
  commands,
  pool,
  failovers,
  everywhere,
  closing,
  members,
  losses
}

const bare: Topics = { replicas: withoutReplicas, nodes: withoutNodes, loss: unserved }

export const suite = (start: (options: Options) => Layer.Layer<Cluster, unknown>): void => {
  const tests = (name: string, options: Options, topics: Topics) =>
    layer(start(options), { excludeTestServices: true })(name, (it) => {
      for (const [topic, scenarios] of Object.entries(topics)) {
        describe(topic, () => {
          for (const { name, run } of scenarios) it.effect(name, () => run)
        })
      }
    })

  tests("a healthy cluster", { primaries: 3, replicas: 1 }, healthy)
  tests("a cluster of one node", { primaries: 1, replicas: 0, requireFullCoverage: false }, bare)
  tests("a cluster that is killed for a while", { primaries: 2, replicas: 0 }, { members: withoutMembers })
  tests("a cluster that is killed", { primaries: 2, replicas: 0 }, { loss: lost })
}
