import { assert, describe, it } from "@effect/vitest"
import * as Notifications from "../../../src/fake/session/notifications.ts"
import { deliver, deliverSharded, dropSharded } from "../../../src/fake/session/pubsub.ts"
import { Server } from "./harness.ts"
import type { Client } from "./harness.ts"

/** Servers whose nodes reach each other; those of one shard are named. */
const cluster = (count: number, shard: ReadonlyArray<number>) => {
  const servers = Array.from({ length: count }, () => new Server())
  const others = (index: number, among: ReadonlyArray<number>) =>
    among.filter((other) => other !== index).map((other) => servers[other].node)
  const all = servers.map((_, index) => index)
  for (const [index, { node }] of servers.entries()) {
    Object.assign(node, {
      peers: () => others(index, all),
      shardPeers: () => shard.includes(index) ? others(index, shard) : []
    })
  }
  return servers
}

const told = (client: Client) => client.inbox.splice(0)

describe("subscriptions", () => {
  it("are confirmed as pushes in RESP3 and as replies in RESP2", () => {
    const server = new Server()
    const [old, modern] = [server.client(2), server.client(3)]
    for (const client of [old, modern]) client.run("SUBSCRIBE a b")
    assert.deepStrictEqual(told(old), ["[subscribe a :1]", "[subscribe b :2]"])
    assert.deepStrictEqual(told(modern), [">[subscribe a :1]", ">[subscribe b :2]"])
    assert.strictEqual(modern.run("PUBLISH a hi"), ":2")
    assert.deepStrictEqual(told(old), ["[message a hi]"])
    assert.deepStrictEqual(told(modern), [">[message a hi]"])
  })

  it("stand in the reply of a transaction", () => {
    const client = new Server().client(2, false)
    assert.strictEqual(client.run("SUBSCRIBE a"), "[subscribe a :1]")
    assert.strictEqual(client.run("UNSUBSCRIBE"), "[unsubscribe a :0]")
    assert.strictEqual(client.run("UNSUBSCRIBE"), "[unsubscribe nil :0]")
    assert.strictEqual(client.run("SSUBSCRIBE a"), "-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")
  })
})

describe("in a cluster", () => {
  it("classic messages reach every node, and only local receivers are counted", () => {
    const servers = cluster(3, [0, 1])
    const clients = servers.map((server) => server.client(3))
    for (const client of clients) client.run("PSUBSCRIBE n*")
    clients.map(told)
    assert.strictEqual(clients[1].run("PUBLISH news 1"), ":1")
    assert.deepStrictEqual(clients.map(told), clients.map(() => [">[pmessage n* news 1]"]))
  })

  it("sharded messages stay in the shard", () => {
    const servers = cluster(3, [0, 1])
    const clients = servers.map((server) => server.client(3))
    for (const client of clients) client.run("SSUBSCRIBE news")
    clients.map(told)
    assert.strictEqual(clients[1].run("SPUBLISH news 1"), ":1")
    assert.deepStrictEqual(clients.map(told), [[">[smessage news 1]"], [">[smessage news 1]"], []])
  })

  it("sharded subscribers are told that their slot has gone", () => {
    const server = new Server()
    const client = server.client(3)
    client.run("SSUBSCRIBE {a}1 {a}2 b")
    client.run("SUBSCRIBE {a}1")
    told(client)
    const slotOfA = 15495
    dropSharded(server.node, (slot) => slot === slotOfA)
    assert.deepStrictEqual(told(client), [">[sunsubscribe {a}1 :2]", ">[sunsubscribe {a}2 :1]"])
    assert.strictEqual(deliverSharded(server.node, "{a}1", "m"), 0)
    assert.strictEqual(deliver(server.node, "{a}1", "m"), 1)
    assert.strictEqual(client.run("PUBSUB SHARDCHANNELS"), "[b]")
  })
})

describe("keyspace events", () => {
  it("are published where the change happened, and nowhere else", () => {
    const servers = cluster(2, [])
    const clients = servers.map((server) => server.client(3))
    for (const client of clients) client.run("PSUBSCRIBE __key*")
    for (const { config, keys, node } of servers) {
      config.set("notify-keyspace-events", "KEx")
      keys.listeners.add({
        onChange: () => {},
        onFlush: () => {},
        onEvent: (key, event, kind, database) => Notifications.notify(node, key, event, kind, database)
      })
    }
    clients.map(told)
    clients[0].run("SET k v PX 10")
    servers[0].advance(10)
    assert.deepStrictEqual(clients.map(told), [
      [">[pmessage __key* __keyspace@0__:k expired]", ">[pmessage __key* __keyevent@0__:expired k]"],
      []
    ])
    assert.isTrue(Notifications.isOn(servers[0].node))
    servers[0].config.set("notify-keyspace-events", "A")
    assert.isFalse(Notifications.isOn(servers[0].node))
  })
})
