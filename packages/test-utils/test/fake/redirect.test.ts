import { assert, describe, it } from "@effect/vitest"
import * as Redirect from "../../src/fake/topology/redirect.ts"

const self: Redirect.Endpoint = { id: "self", host: "here", port: 1 }
const other: Redirect.Endpoint = { id: "other", host: "there", port: 2 }

const mine: Redirect.SlotFacts = { owner: self, migratingTo: undefined, importing: false }
const theirs: Redirect.SlotFacts = { owner: other, migratingTo: undefined, importing: false }
const leaving: Redirect.SlotFacts = { ...mine, migratingTo: other }
const coming: Redirect.SlotFacts = { ...theirs, importing: true }
const orphaned: Redirect.SlotFacts = { owner: undefined, migratingTo: undefined, importing: false }

interface Case {
  readonly name: string
  readonly slot: Redirect.SlotFacts
  /** Keys in slot 7, of which those in upper case are there. `other:x` lies in slot 8. */
  readonly keys: ReadonlyArray<string>
  readonly question?: Partial<Redirect.Question>
  readonly node?: Partial<Redirect.NodeFacts>
  readonly answer: string
}

const ask = ({ keys, node = {}, question = {}, slot }: Case): string => {
  const decision = Redirect.decide(
    {
      keys: keys.map((key) => ({ key, slot: key.startsWith("other:") ? 8 : 7, database: 0 })),
      write: false,
      shardedPubSub: false,
      migrate: false,
      asking: false,
      readOnly: false,
      ...question
    },
    {
      id: "self",
      isReplica: false,
      primary: undefined,
      clusterOk: true,
      readsWhenDown: false,
      shardedPubSubWhenDown: true,
      slot: () => slot,
      hasKey: (key) => key === key.toUpperCase(),
      ...node
    }
  )
  return decision._tag === "Serve" ? "serve" : decision.text
}

const moved = "MOVED 7 there:2"
const asked = "ASK 7 there:2"
const tryAgain = "TRYAGAIN Multiple keys request during rehashing of slot"
const crossSlot = "CROSSSLOT Keys in request don't hash to the same slot"
const down = "CLUSTERDOWN The cluster is down"
const asking = { asking: true }
const replica = { isReplica: true, primary: "other" }

const cases: ReadonlyArray<Case> = [
  { name: "no keys", slot: theirs, keys: [], answer: "serve" },
  { name: "a slot of its own", slot: mine, keys: ["a"], answer: "serve" },
  { name: "another's slot", slot: theirs, keys: ["a"], answer: moved },
  { name: "another's slot, with ASKING", slot: theirs, keys: ["a"], question: asking, answer: moved },
  { name: "nobody's slot", slot: orphaned, keys: ["a"], answer: "CLUSTERDOWN Hash slot not served" },
  { name: "two slots", slot: mine, keys: ["a", "other:a"], answer: crossSlot },
  { name: "two slots of another", slot: theirs, keys: ["a", "other:a"], answer: crossSlot },
  { name: "leaving, the key is here", slot: leaving, keys: ["A"], answer: "serve" },
  { name: "leaving, the key is gone", slot: leaving, keys: ["a"], answer: asked },
  { name: "leaving, all keys are here", slot: leaving, keys: ["A", "B"], answer: "serve" },
  { name: "leaving, some keys are gone", slot: leaving, keys: ["A", "b"], answer: tryAgain },
  { name: "leaving, all keys are gone", slot: leaving, keys: ["a", "b"], answer: asked },
  { name: "leaving, MIGRATE", slot: leaving, keys: ["a"], question: { migrate: true }, answer: "serve" },
  { name: "leaving, SPUBLISH", slot: leaving, keys: ["a"], question: { shardedPubSub: true }, answer: "serve" },
  { name: "coming, without ASKING", slot: coming, keys: ["A"], answer: moved },
  { name: "coming, with ASKING, the key is here", slot: coming, keys: ["A"], question: asking, answer: "serve" },
  { name: "coming, with ASKING, the key is not here", slot: coming, keys: ["a"], question: asking, answer: "serve" },
  { name: "coming, with ASKING, all are here", slot: coming, keys: ["A", "B"], question: asking, answer: "serve" },
  { name: "coming, with ASKING, some are not", slot: coming, keys: ["A", "b"], question: asking, answer: tryAgain },
  { name: "coming, with ASKING, one key twice", slot: coming, keys: ["a", "a"], question: asking, answer: "serve" },
  { name: "a replica asked to read", slot: theirs, keys: ["a"], node: replica, answer: moved },
  {
    name: "a replica asked to read, READONLY",
    slot: theirs,
    keys: ["a"],
    node: replica,
    question: { readOnly: true },
    answer: "serve"
  },
  {
    name: "a replica asked to write, READONLY",
    slot: theirs,
    keys: ["a"],
    node: replica,
    question: { readOnly: true, write: true },
    answer: moved
  },
  {
    name: "a replica of somebody else, READONLY",
    slot: theirs,
    keys: ["a"],
    node: { isReplica: true, primary: "third" },
    question: { readOnly: true },
    answer: moved
  },
  {
    name: "a replica, SSUBSCRIBE",
    slot: theirs,
    keys: ["a"],
    node: replica,
    question: { shardedPubSub: true },
    answer: "serve"
  },
  { name: "down", slot: mine, keys: ["a"], node: { clusterOk: false }, answer: down },
  {
    name: "down, nobody's slot",
    slot: orphaned,
    keys: ["a"],
    node: { clusterOk: false },
    answer: "CLUSTERDOWN Hash slot not served"
  },
  { name: "down, no keys", slot: mine, keys: [], node: { clusterOk: false }, answer: "serve" },
  {
    name: "down, reads allowed, a read",
    slot: mine,
    keys: ["a"],
    node: { clusterOk: false, readsWhenDown: true },
    answer: "serve"
  },
  {
    name: "down, reads allowed, a write",
    slot: mine,
    keys: ["a"],
    node: { clusterOk: false, readsWhenDown: true },
    question: { write: true },
    answer: "CLUSTERDOWN The cluster is down and only accepts read commands"
  },
  {
    name: "down, SPUBLISH",
    slot: mine,
    keys: ["a"],
    node: { clusterOk: false },
    question: { shardedPubSub: true },
    answer: "serve"
  },
  {
    name: "down, SPUBLISH not allowed",
    slot: mine,
    keys: ["a"],
    node: { clusterOk: false, shardedPubSubWhenDown: false },
    question: { shardedPubSub: true },
    answer: down
  }
]

describe("redirect", () => {
  for (const each of cases) it(each.name, () => assert.strictEqual(ask(each), each.answer))
})
