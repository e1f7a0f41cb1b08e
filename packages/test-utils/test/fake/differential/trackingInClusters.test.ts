/** What a cluster does to clients that cache: the same happens to a real one and to one in memory. */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { fakeCluster, realCluster, run, slotOf } from "./clusters.ts"
import type { Cluster, Event, Step } from "./clusters.ts"

class Real extends Context.Service<Real, Cluster>()("Real") {}

const moving = (key: string): Step => [
  `${key} begins to move`,
  (controls, [, other]) => controls.beginMigration(slotOf(key), other)
]
const moved = (key: string): Step => [`keys of ${key} move`, (controls) => controls.migrateKeys(slotOf(key), 10)]
const finished = (key: string): Step => [`${key} has moved`, (controls) => controls.finishMigration(slotOf(key))]

/** Lets another node claim the slot, whose keys stay where they are. */
const claimed = (key: string): Event => (controls, [, other]) =>
  Effect.andThen(
    controls.command(other, "CLUSTER", ["BUMPEPOCH"]),
    controls.command(other, "CLUSTER", ["SETSLOT", slotOf(key), "NODE", other.id])
  )

const listening = ["e@0: CONFIG SET notify-keyspace-events KEA", "e@0: PSUBSCRIBE __keyevent*"]

const scenarios: ReadonlyArray<readonly [title: string, steps: ReadonlyArray<Step>]> = [
  ["ASKING and CLIENT CACHING end each other", [
    "w@0: MSET {b}1 1 {b}2 2 {b}3 3 {b}4 4 {b}5 5",
    moving("b"),
    moved("b"),
    "a@1: CLIENT TRACKING ON OPTIN",
    "w@1: ASKING",
    "a@1: CLIENT CACHING YES ; ASKING ; GET {b}1",
    "a@1: ASKING ; CLIENT CACHING YES ; GET {b}2",
    "a@1: CLIENT CACHING YES ; ASKING ; MULTI ; PTTL {b}3 ; GET {b}3 ; EXEC",
    "a@1: ASKING ; MULTI ; CLIENT CACHING YES ; PTTL {b}4 ; GET {b}4 ; EXEC",
    "a@1: ASKING ; CLIENT CACHING YES ; MULTI ; GET {b}5 ; EXEC",
    "a@1: CLIENT CACHING YES ; GET {b}1",
    "w@1: ASKING ; MSET {b}1 1 {b}2 2 {b}3 3 {b}4 4 {b}5 5",
    finished("b"),
    "a@1: CLIENT CACHING YES ; GET {b}1 ; GET {b}2",
    "w@1: MSET {b}1 1 {b}2 2"
  ]],
  ["keys that move to another node are told of one by one", [
    "w@0: SET f 1",
    "a@0: CLIENT TRACKING ON",
    "r@2: READONLY ; CLIENT TRACKING ON",
    "a@0: MGET f {f}3",
    "r@2: GET f",
    moving("f"),
    "a@0: GET {f}3",
    moved("f"),
    "a@0: GET f",
    finished("f"),
    "a@0: GET {f}3",
    "r@2: GET f"
  ]],
  ["a slot that another node claims", [
    "w@0: SET {j}1 1",
    "a@0: CLIENT TRACKING ON",
    "c@0: CLIENT TRACKING ON BCAST NOLOOP",
    "r@2: READONLY ; CLIENT TRACKING ON",
    "x@0: WATCH {j}1 ; MULTI ; PING",
    ...listening,
    "a@0: MGET {j}1 {j}2",
    "r@2: GET {j}1",
    ["another node claims j", claimed("j")],
    "a@0: GET {j}1",
    "r@2: GET {j}1",
    "x@0: EXEC",
    "e@0: RESET"
  ]],
  ["a slot without owner", [
    "w@0: SET n 1",
    "a@0: CLIENT TRACKING ON",
    "a@0: GET n",
    `w@0: CLUSTER DELSLOTS ${slotOf("n")}`,
    "a@0: GET n",
    `w@0: CLUSTER ADDSLOTS ${slotOf("n")}`,
    "w@0: SET n 1"
  ]],
  ["a replica tracks by itself", [
    "w@0: MSET {k}1 1 {k}2 2",
    "r@2: READONLY ; CLIENT TRACKING ON OPTIN",
    "r@2: CLIENT CACHING YES ; GET {k}1",
    "r@2: CLIENT CACHING YES ; GET {k}2",
    "w@0: SET {k}1 2",
    "w@0: PEXPIRE {k}2 100000",
    "r@2: CLIENT CACHING YES ; GET {k}1",
    "r@2: READWRITE ; CLIENT CACHING YES ; GET {k}2",
    "r@2: READONLY ; GET {k}2",
    "w@0: DEL {k}1 {k}2",
    "r@2: CLIENT CACHING YES ; GET {k}1",
    "w@0: FLUSHALL"
  ]],
  // At the end, for the roles stay as they are.
  ["a primary that is demoted goes on", [
    "w@0: MSET {k}1 1 {k}2 2",
    "a@0: CLIENT TRACKING ON OPTIN",
    "a@0: CLIENT CACHING YES ; MULTI ; GET {k}1 ; GET {k}2 ; EXEC",
    "r@2: READONLY ; CLIENT TRACKING ON",
    "r@2: GET {k}1",
    ["its replica takes over", (controls, [, , replica]) => controls.failover(replica)],
    "a@0: GET {k}1",
    "n@2: SET {k}1 2",
    "a@0: READONLY ; CLIENT CACHING YES ; GET {k}1",
    "n@2: DEL {k}1",
    "n@2: FLUSHALL ASYNC"
  ]]
]

layer(Layer.effect(Real, realCluster), { excludeTestServices: true, timeout: "30 seconds" })(
  "clients that cache, in a real cluster",
  (it) => {
    for (const [title, steps] of scenarios) {
      it.effect(title, () =>
        Effect.gen(function*() {
          const right = yield* run(yield* Real, steps)
          const ours = yield* run(yield* fakeCluster, steps)
          const label = (told: ReadonlyArray<ReadonlyArray<string>>) =>
            steps.map((step, index) => ({ step: typeof step === "string" ? step : step[0], told: told[index] }))
          assert.deepStrictEqual(label(ours), label(right))
        }), 20_000)
    }
  }
)
