import { assert, it } from "@effect/vitest"
import * as Notifications from "../../../src/fake/session/notifications.ts"
import { onRealServer } from "./imitation.ts"
import { RealServer } from "./RealServer.ts"
import { scenarios } from "./scenario.ts"

const settings = [
  ..."KEg$lshzxetdmnA",
  "",
  "KEA",
  "AKE",
  "EK",
  "KEg$lshzxetd",
  "KEg$lshzxet",
  "KEAn",
  "KEAmn",
  "nm",
  "mKx",
  "ng$",
  "KK",
  "q",
  "KEq",
  "KE A",
  "ke"
]

onRealServer("notify-keyspace-events on a real server", () => {
  it("is read and printed the same", async () => {
    const real = await RealServer.start()
    try {
      const connection = await real.connection(2)
      for (const setting of settings) {
        const flags = Notifications.parse(setting)
        const set = await connection.send(["CONFIG", "SET", "notify-keyspace-events", setting])
        const get = await connection.send(["CONFIG", "GET", "notify-keyspace-events"])
        if (flags === undefined) assert.include(set.text, Notifications.invalid, setting)
        else assert.strictEqual(Notifications.print(flags), get.items?.[1].text, setting)
        assert.strictEqual(set.sign, flags === undefined ? "-" : "+", setting)
      }
      connection.close()
    } finally {
      await real.stop()
    }
  })
})

const watching = ["a: PSUBSCRIBE __key*"]
const writes = [
  "w: XADD s 1-1 f 1",
  "w: XADD s MAXLEN 1 1-2 f 1",
  "w: XDEL s 1-2",
  "w: XDEL s 1-2",
  "w: XSETID s 9-9",
  "w: XGROUP CREATE s g 0",
  "w: XGROUP CREATECONSUMER s g c",
  "w: XGROUP SETID s g 0",
  "w: XGROUP DELCONSUMER s g c",
  "w: XGROUP DESTROY s g",
  "w: XGROUP CREATE t g 0 MKSTREAM",
  "w: XTRIM s MAXLEN 0",
  "w: HSET h f 1",
  "w: SET k v",
  "w: EXPIRE k 100",
  "w: DEL k s"
]

scenarios("keyspace events", [
  ["by key and by event", [...watching, ...writes], "KEA"],
  ["by key", [...watching, ...writes], "KA"],
  ["by event", [...watching, ...writes], "EA"],
  ["some classes", [...watching, ...writes], "KEgh"],
  ["new keys", [...watching, "w: XADD s 1-1 f 1", "w: XADD s 1-2 f 1", "w: HSET h f 1"], "KEn"],
  ["classes alone say nothing", [...watching, ...writes], "A"],
  ["to a channel", ["a: SUBSCRIBE __keyevent@0__:xadd", "w: XADD s 1-1 f 1", "w: XDEL s 1-1"], "E$t"]
])
