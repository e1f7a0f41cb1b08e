/** Which cases a mode can't have, and why: all others are run in it. */
import { assert, describe, it } from "@effect/vitest"
import { Conformance } from "@redisc/test-utils"

const listOf = (mode: Conformance.Mode): ReadonlyArray<string> =>
  Conformance.forMode(mode).excluded.map(({ because, group, name }) => `${group}: ${name} (${because})`)

const withoutClusters = [
  "cluster: CLUSTER KEYSLOT computes slots as the client does (other servers refuse CLUSTER)",
  "cluster: CLUSTER INFO tells that all is well (other servers refuse CLUSTER)",
  "cluster: CLUSTER SLOTS lists all slots with their nodes (other servers refuse CLUSTER)",
  "cluster: CLUSTER SHARDS lists all slots with their nodes (other servers refuse CLUSTER)",
  "cluster: CLUSTER NODES lists the nodes, the one that is asked among them (other servers refuse CLUSTER)",
  "cluster: CLUSTER MYID names a node that the others know (other servers refuse CLUSTER)",
  "cluster: CLUSTER REPLICAS lists the replicas of a primary (other servers refuse CLUSTER)",
  "cluster: CLUSTER LINKS lists links to other nodes (other servers refuse CLUSTER)",
  "cluster: keys of a slot are counted and listed, by the node that serves it (other servers refuse CLUSTER)",
  "slots: keys of different slots are refused before sending, if they can't be split " +
  "(without cluster mode a server takes keys of all slots)",
  "slots: a script that is not for clusters is refused, and was not executed " +
  "(without cluster mode a server takes keys of all slots)"
]

const inClusters = [
  "slots: keys of different slots go together in a command, atomically",
  "slots: keys of different slots go together in a transaction, a pipeline and a script",
  "slots: keys of different slots are watched in a session, and waited for"
].map((name) => `${name} (in a cluster the keys of a command are in one slot)`)

describe("a mode has all cases but these:", () => {
  it("in a cluster those of keys of several slots together", () => {
    assert.deepStrictEqual(listOf("cluster"), inClusters)
  })

  it("without cluster mode those about slots", () => {
    assert.deepStrictEqual(listOf("standalone"), withoutClusters)
    assert.deepStrictEqual(listOf("sentinel"), withoutClusters)
  })
})
