/** What fails on connections is told once a refresh that began after it has shown who belongs to the cluster. */
import { assert, describe, it } from "@effect/vitest"
import { notSent } from "../src/internal/failures/failure.ts"
import { Troubles } from "../src/internal/topology/troubles.ts"
import * as RedisError from "../src/RedisError.ts"

const noted = () => {
  const told: Array<string | undefined> = []
  const troubles = new Troubles(({ node }) => told.push(node))
  const note = (node: string): void =>
    troubles.note(node, notSent(new RedisError.ConnectionLost({ problem: "hung up" }), node))
  const members = (...nodes: ReadonlyArray<string>): ReadonlyMap<string, unknown> =>
    new Map(nodes.map((node) => [node, {}]))
  return { troubles, note, told, members }
}

describe("a failure of a connection", () => {
  it("is told once its node is known to be a member still, and once", () => {
    const { members, note, told, troubles } = noted()
    note("a")
    note("left")
    assert.deepStrictEqual(told, [])
    troubles.refreshing()
    troubles.refreshed(members("a", "b"))
    troubles.refreshing()
    troubles.refreshed(members("a", "b", "left"))
    assert.deepStrictEqual(told, ["a"])
  })

  it("that comes while a refresh is under way waits for the next: that one may be older than it", () => {
    const { members, note, told, troubles } = noted()
    troubles.refreshing()
    note("left")
    troubles.refreshed(members("a", "left"))
    assert.deepStrictEqual(told, [])
    troubles.refreshing()
    troubles.refreshed(members("a"))
    assert.deepStrictEqual(told, [])
  })

  it("is told when a refresh has brought nothing", () => {
    const { note, told, troubles } = noted()
    note("a")
    troubles.refreshing()
    troubles.refreshed(undefined)
    assert.deepStrictEqual(told, ["a"])
  })

  it("is forgotten behind 256 newer ones", () => {
    const { note, told, troubles } = noted()
    for (let i = 0; i < 300; i++) note(`${i}`)
    troubles.refreshing()
    troubles.refreshed(undefined)
    assert.deepStrictEqual([told.length, told[0], told.at(-1)], [256, "44", "299"])
  })
})
