/**
 * Lets several connections of a real server and of the simulated one do the same in turn, and compares all that each of them is
 * sent, step by step: what the replies to single commands can't show, such as messages and the end of a wait.
 */
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { setTimeout as sleep } from "node:timers/promises"
import * as Notifications from "../../../src/fake/session/notifications.ts"
import { show, words } from "../commands/harness.ts"
import { fakeServer, onRealServer } from "./imitation.ts"
import { RealServer } from "./RealServer.ts"
import type { Connection } from "./RealServer.ts"

/** `"a: SUBSCRIBE news"`: what the connection called `a` says. */
export type Step = string

/** `events` is the setting `notify-keyspace-events`, none by default. */
export type Scenario = readonly [title: string, steps: ReadonlyArray<Step>, events?: string]

/** What a connection was sent during a step, `a: [message news hello]`. */
type Told = ReadonlyArray<string>

const parse = (step: Step): readonly [name: string, command: string] => {
  const colon = step.indexOf(":")
  return [step.slice(0, colon), step.slice(colon + 2)]
}

const namesOf = (steps: ReadonlyArray<Step>): ReadonlyArray<string> => [...new Set(steps.map((step) => parse(step)[0]))]

/** How long ago something was is not to be compared, unless it never was. */
const withoutAges = (told: string): string => told.replace(/(idle|inactive) :\d+/g, "$1 :some")

const onReal = async (
  real: RealServer,
  steps: ReadonlyArray<Step>,
  protocol: 2 | 3,
  events: string
): Promise<ReadonlyArray<Told>> => {
  const control = await real.connection(2)
  await control.send(["CONFIG", "SET", "notify-keyspace-events", events])
  await control.send(["FLUSHALL"])
  const clients = new Map<string, Connection>()
  for (const name of namesOf(steps)) clients.set(name, await real.connection(protocol))
  for (const client of clients.values()) client.seen.length = 0
  const told: Array<Told> = []
  for (const step of steps) {
    const [name, command] = parse(step)
    void clients.get(name)!.send(words(command))
    // The first round trip is answered after the step, the second after all that the step has caused was sent.
    for (let round = 0; round < 2; round++) await control.send(["PING"])
    await sleep(2)
    told.push([...clients].flatMap(([name, { seen }]) => seen.splice(0).map((wire) => `${name}: ${show(wire)}`)))
  }
  for (const client of [control, ...clients.values()]) client.close()
  return told
}

const onFake = (steps: ReadonlyArray<Step>, protocol: 2 | 3, events: string): ReadonlyArray<Told> => {
  const server = fakeServer({ now: Date.now() })
  server.config.set("notify-keyspace-events", events)
  server.keys.listeners.add({
    onChange: () => {},
    onFlush: () => {},
    onEvent: (key, event, kind, database) => Notifications.notify(server.node, key, event, kind, database)
  })
  const clients = new Map(namesOf(steps).map((name) => [name, server.client(protocol)]))
  return steps.map((step) => {
    const [name, command] = parse(step)
    const reply = clients.get(name)!.run(command)
    return [...clients].flatMap(([other, { inbox }]) => {
      const replies = other === name && reply !== "blocked" ? [reply] : []
      return [...inbox.splice(0), ...replies].map((text) => `${other}: ${text}`)
    })
  })
}

/** Defines one test for each scenario and protocol. */
export const scenarios = (group: string, list: ReadonlyArray<Scenario>): void => {
  onRealServer(`${group} on a real server`, () => {
    let real: RealServer
    beforeAll(async () => {
      real = await RealServer.start()
    }, 20_000)
    afterAll(() => real?.stop())

    for (const protocol of [2, 3] as const) {
      for (const [title, steps, events = ""] of list) {
        it(`${title}, in RESP${protocol}`, { timeout: 20_000 }, async () => {
          const right = await onReal(real, steps, protocol, events)
          const label = (told: ReadonlyArray<Told>) =>
            steps.map((step, index) => [step, ...told[index].map(withoutAges)])
          assert.deepStrictEqual(label(onFake(steps, protocol, events)), label(right))
        })
      }
    }
  })
}
