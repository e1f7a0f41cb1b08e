import { assert, describe, it } from "@effect/vitest"
import { Connector, Resp } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"

/** What a raw connection is answered, byte for byte. */
const connect = (node: string) =>
  Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    const connector = yield* Connector.Connector
    let received = ""
    let closed: string | undefined
    const transport = yield* connector.open(fake.addresses.find(({ host }) => host === node)!, {
      onData: (chunk) => {
        received += Buffer.from(chunk).toString("latin1")
      },
      onDrain: () => {},
      onClose: (problem) => {
        closed = problem
      }
    })
    const encoder = new Resp.Encoder()
    const write = (bytes: Uint8Array) => transport.write([bytes])
    const send = (...words: ReadonlyArray<string>) =>
      Effect.gen(function*() {
        received = ""
        encoder.command(Resp.head(words[0]), words.slice(1))
        transport.write(encoder.take())
        yield* settled
        return received.trimEnd()
      })
    return { send, write, received: () => received, clear: () => (received = ""), closed: () => closed }
  })

const settled = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

const withCluster = (options?: FakeCluster.Options) =>
  Effect.provide(FakeCluster.layerConnector({ primaries: 1, ...options }))

describe("transactions", () => {
  it.effect("queue and execute", () =>
    Effect.gen(function*() {
      const { send } = yield* connect("fake-0")
      assert.strictEqual(yield* send("MULTI"), "+OK")
      assert.strictEqual(yield* send("SET", "a", "1"), "+QUEUED")
      assert.strictEqual(yield* send("INCR", "a"), "+QUEUED")
      assert.strictEqual(yield* send("EXEC"), "*2\r\n+OK\r\n:2")
      assert.strictEqual(yield* send("EXEC"), "-ERR EXEC without MULTI")
      assert.strictEqual(yield* send("DISCARD"), "-ERR DISCARD without MULTI")
    }).pipe(withCluster()))

  it.effect("are refused after an error while queueing", () =>
    Effect.gen(function*() {
      const { send } = yield* connect("fake-0")
      yield* send("MULTI")
      assert.strictEqual(yield* send("FOO"), "-ERR unknown command 'FOO', with args beginning with:")
      assert.strictEqual(yield* send("GET"), "-ERR wrong number of arguments for 'get' command")
      assert.strictEqual(yield* send("MULTI"), "-ERR MULTI calls can not be nested")
      assert.strictEqual(yield* send("EXEC"), "-EXECABORT Transaction discarded because of previous errors.")
    }).pipe(withCluster()))

  it.effect("go on after an error while executing", () =>
    Effect.gen(function*() {
      const { send } = yield* connect("fake-0")
      yield* send("SET", "a", "x")
      yield* send("MULTI")
      yield* send("INCR", "a")
      yield* send("GET", "a")
      const wrong = "-ERR value is not an integer or out of range"
      assert.strictEqual(yield* send("EXEC"), `*2\r\n${wrong}\r\n$1\r\nx`)
    }).pipe(withCluster()))

  it.effect("fail when a watched key has changed, or has expired", () =>
    Effect.gen(function*() {
      const one = yield* connect("fake-0")
      const two = yield* connect("fake-0")
      yield* one.send("WATCH", "a")
      yield* two.send("SET", "a", "1")
      yield* one.send("MULTI")
      yield* one.send("GET", "a")
      assert.strictEqual(yield* one.send("EXEC"), "*-1")
      yield* one.send("SET", "b", "1", "PX", "100")
      yield* one.send("WATCH", "b")
      yield* TestClock.adjust("1 second")
      yield* one.send("MULTI")
      yield* one.send("GET", "b")
      assert.strictEqual(yield* one.send("EXEC"), "*-1")
      yield* one.send("WATCH", "a")
      yield* one.send("UNWATCH")
      yield* two.send("SET", "a", "2")
      yield* one.send("MULTI")
      assert.strictEqual(yield* one.send("EXEC"), "*0")
    }).pipe(withCluster()))

  it.effect("are redirected while queueing, and at EXEC when the slot has left", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const { send } = yield* connect("fake-0")
      const slot = fake.slotOf("b")
      yield* send("MULTI")
      assert.strictEqual(yield* send("GET", "a"), "-MOVED 15495 fake-1:6379")
      assert.strictEqual(yield* send("EXEC"), "-EXECABORT Transaction discarded because of previous errors.")
      yield* send("MULTI")
      assert.strictEqual(yield* send("GET", "b"), "+QUEUED")
      yield* fake.migrateSlot(slot, "fake-1")
      assert.strictEqual(yield* send("EXEC"), `-MOVED ${slot} fake-1:6379`)
      assert.strictEqual(yield* send("EXEC"), "-ERR EXEC without MULTI")
    }).pipe(withCluster({ primaries: 2 })))

  it.effect("take one ASKING for all", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const { send } = yield* connect("fake-1")
      const slot = fake.slotOf("b")
      yield* fake.beginMigration(slot, "fake-1")
      assert.strictEqual(yield* send("SET", "b", "1"), `-MOVED ${slot} fake-0:6379`)
      yield* send("ASKING")
      yield* send("MULTI")
      assert.strictEqual(yield* send("SET", "b", "1"), "+QUEUED")
      assert.strictEqual(yield* send("EXEC"), "*1\r\n+OK")
      assert.strictEqual(yield* send("GET", "b"), `-MOVED ${slot} fake-0:6379`)
      yield* send("ASKING")
      assert.strictEqual(yield* send("GET", "b"), "$1\r\n1")
      assert.strictEqual(yield* send("GET", "b"), `-MOVED ${slot} fake-0:6379`)
    }).pipe(withCluster({ primaries: 2 })))
})

describe("connections", () => {
  it.effect("speak RESP2 until they say HELLO 3", () =>
    Effect.gen(function*() {
      const { send } = yield* connect("fake-0")
      assert.strictEqual(yield* send("GET", "none"), "$-1")
      const hello = yield* send("HELLO", "3")
      assert.isTrue(hello.startsWith("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15"))
      assert.strictEqual(yield* send("GET", "none"), "_")
      assert.strictEqual(yield* send("HELLO", "4"), "-NOPROTO unsupported protocol version")
      assert.strictEqual(yield* send("RESET"), "+RESET")
      assert.strictEqual(yield* send("GET", "none"), "$-1")
    }).pipe(withCluster()))

  it.effect("take commands that come in pieces, inline, and many at once", () =>
    Effect.gen(function*() {
      const { clear, received, write } = yield* connect("fake-0")
      for (const byte of Buffer.from("*2\r\n$4\r\nECHO\r\n$4\r\na\r\nb\r\n")) write(new Uint8Array([byte]))
      yield* settled
      assert.strictEqual(received(), "$4\r\na\r\nb\r\n")
      clear()
      write(Buffer.from("PING\r\n*1\r\n$4\r\nPING\r\nECHO \"x y\\n\"\r\n"))
      yield* settled
      assert.strictEqual(received(), "+PONG\r\n+PONG\r\n$4\r\nx y\n\r\n")
    }).pipe(withCluster()))

  it.effect("end after a protocol error", () =>
    Effect.gen(function*() {
      const { closed, received, write } = yield* connect("fake-0")
      write(Buffer.from("*1\r\n+PING\r\n"))
      yield* settled
      assert.strictEqual(received(), "-ERR Protocol error: expected '$', got '+'\r\n")
      assert.isDefined(closed())
    }).pipe(withCluster()))

  it.effect("may ask for silence", () =>
    Effect.gen(function*() {
      const { send } = yield* connect("fake-0")
      assert.strictEqual(yield* send("CLIENT", "REPLY", "SKIP"), "")
      assert.strictEqual(yield* send("PING"), "")
      assert.strictEqual(yield* send("PING"), "+PONG")
      assert.strictEqual(yield* send("CLIENT", "REPLY", "OFF"), "")
      assert.strictEqual(yield* send("PING"), "")
      assert.strictEqual(yield* send("CLIENT", "REPLY", "ON"), "+OK")
    }).pipe(withCluster()))

  it.effect("wait while the node pauses its clients", () =>
    Effect.gen(function*() {
      const one = yield* connect("fake-0")
      const two = yield* connect("fake-0")
      yield* one.send("CLIENT", "PAUSE", "1000", "WRITE")
      assert.strictEqual(yield* two.send("GET", "a"), "$-1")
      assert.strictEqual(yield* two.send("SET", "a", "1"), "")
      yield* TestClock.adjust("1 second")
      yield* settled
      assert.strictEqual(two.received(), "+OK\r\n")
    }).pipe(withCluster()))

  it.effect("are allowed what their user is allowed", () =>
    Effect.gen(function*() {
      const { send } = yield* connect("fake-0")
      yield* send("ACL", "SETUSER", "bob", "on", ">x", "~a*", "+get", "&news")
      assert.strictEqual(
        yield* send("AUTH", "bob", "y"),
        "-WRONGPASS invalid username-password pair or user is disabled."
      )
      assert.strictEqual(yield* send("AUTH", "bob", "x"), "+OK")
      assert.strictEqual(yield* send("GET", "abc"), "$-1")
      assert.strictEqual(
        yield* send("GET", "b"),
        "-NOPERM this user has no permissions to access one of the keys used as arguments"
      )
      assert.strictEqual(
        yield* send("SET", "a", "b"),
        "-NOPERM this user has no permissions to run the 'set' command"
      )
      assert.strictEqual(
        yield* send("ACL", "WHOAMI"),
        "-NOPERM this user has no permissions to run the 'acl|whoami' command"
      )
    }).pipe(withCluster()))

  it.effect("have to log in when there is a password", () =>
    Effect.gen(function*() {
      const { send } = yield* connect("fake-0")
      yield* send("CONFIG", "SET", "requirepass", "x")
      const late = yield* connect("fake-0")
      assert.strictEqual(yield* late.send("GET", "a"), "-NOAUTH Authentication required.")
      assert.strictEqual(yield* late.send("AUTH", "x"), "+OK")
      assert.strictEqual(yield* late.send("GET", "a"), "$-1")
    }).pipe(withCluster()))

  it.effect("that block are freed when their node becomes a replica", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const { received, send } = yield* connect("fake-0")
      assert.strictEqual(yield* send("BLPOP", "list", "0"), "")
      yield* fake.failover("fake-1")
      yield* settled
      assert.strictEqual(
        received(),
        "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n"
      )
    }).pipe(withCluster({ replicas: 1 })))

  it.effect("that read replicas need READONLY", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* fake.seed({ a: "1" })
      const { send } = yield* connect("fake-1")
      assert.strictEqual(yield* send("GET", "a"), "-MOVED 15495 fake-0:6379")
      yield* send("READONLY")
      assert.strictEqual(yield* send("GET", "a"), "$1\r\n1")
      assert.strictEqual(yield* send("SET", "a", "2"), "-MOVED 15495 fake-0:6379")
      assert.strictEqual(yield* send("FLUSHALL"), "-READONLY You can't write against a read only replica.")
    }).pipe(withCluster({ replicas: 1 })))

  it.effect("end without a word when a browser seems to have been tricked into them", () =>
    Effect.gen(function*() {
      for (const line of ["GET / HTTP/1.1\r\nHost: localhost\r\n", "POST / HTTP/1.1\r\n", "*1\r\n$4\r\npost\r\n"]) {
        const { closed, received, write } = yield* connect("fake-0")
        write(Buffer.from(`${line}PING\r\n`))
        yield* settled
        assert.isDefined(closed())
        assert.strictEqual(received(), "")
      }
    }).pipe(withCluster()))

  it.effect("that get no replies are not closed by QUIT, but read no more", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const { closed, received, write } = yield* connect("fake-0")
      write(Buffer.from("CLIENT REPLY OFF\r\nQUIT\r\nSET a 1\r\n"))
      yield* settled
      assert.isUndefined(closed())
      assert.strictEqual(received(), "")
      assert.deepStrictEqual(yield* fake.keys(), [])
    }).pipe(withCluster()))

  it.effect("are told of unknown commands up to a NUL", () =>
    Effect.gen(function*() {
      const { send } = yield* connect("fake-0")
      assert.strictEqual(yield* send("a\0b"), "-ERR unknown command 'a', with args beginning with:")
      assert.strictEqual(yield* send("a", "b\0c"), "-ERR unknown command 'a', with args beginning with: 'b'")
      assert.strictEqual(yield* send("CONFIG", "b\0c"), "-ERR unknown subcommand 'b'. Try CONFIG HELP.")
    }).pipe(withCluster()))
})

describe("sharded subscriptions", () => {
  const channel = "room:1"
  const ended = `*3\r\n$12\r\nsunsubscribe\r\n$6\r\n${channel}\r\n:0`

  /** A subscriber at the primary of the channel, and one at each of its replicas. */
  const subscribed = Effect.gen(function*() {
    const fake = yield* FakeCluster.FakeCluster
    const owner = yield* fake.ownerOf(fake.slotOf(channel))
    const replicas = yield* fake.replicasOf(owner)
    const at = yield* Effect.forEach([owner, ...replicas], ({ name }) => connect(name))
    for (const { clear, send } of at) {
      assert.include(yield* send("SSUBSCRIBE", channel), "ssubscribe")
      clear()
    }
    const heard = Effect.map(settled, () => at.map(({ received }) => received().trimEnd()))
    return { fake, owner, replicas, heard, at }
  })

  it.effect("end in a failover at the old primary and at the other replicas, and go on at the new primary", () =>
    Effect.gen(function*() {
      const { fake, heard, replicas } = yield* subscribed
      yield* fake.failover(replicas[0])
      assert.deepStrictEqual(yield* heard, [ended, "", ended])
      yield* fake.command(replicas[0], "SPUBLISH", [channel, "1"])
      assert.strictEqual((yield* heard)[1], `*3\r\n$8\r\nsmessage\r\n$6\r\n${channel}\r\n$1\r\n1`)
    }).pipe(withCluster({ primaries: 2, replicas: 2 })))

  const versions = ["7.0", "8.0"] as const

  it.effect.each(versions)(
    "are ended by name at a replica before Redis 8, and without one since: as %s",
    (version) =>
      Effect.gen(function*() {
        const { at: [, { send }], fake, owner } = yield* subscribed
        const moved = `-MOVED ${fake.slotOf(channel)} ${owner.address.key}`
        assert.strictEqual(yield* send("SUNSUBSCRIBE", channel), version === "7.0" ? ended : moved)
        yield* send("SSUBSCRIBE", channel)
        assert.strictEqual(yield* send("SUNSUBSCRIBE"), ended)
      }).pipe(withCluster({ primaries: 2, replicas: 1, version }))
  )

  it.effect.each(versions)(
    "are ended by name while the cluster is down before Redis 8, and without one since: as %s",
    (version) =>
      Effect.gen(function*() {
        const { at: [{ send }], fake, owner } = yield* subscribed
        yield* fake.kill((yield* fake.primaries).find(({ id }) => id !== owner.id)!)
        yield* TestClock.adjust("5 seconds")
        const down = "-CLUSTERDOWN The cluster is down"
        assert.strictEqual(yield* send("SUNSUBSCRIBE", channel), version === "7.0" ? ended : down)
        yield* send("SSUBSCRIBE", channel)
        assert.strictEqual(yield* send("SUNSUBSCRIBE"), ended)
      }).pipe(withCluster({ primaries: 2, replicas: 0, version }))
  )

  it.effect("end with a slot that moves, at the primary and at its replicas", () =>
    Effect.gen(function*() {
      const { at, fake, heard, owner } = yield* subscribed
      const to = (yield* fake.primaries).find(({ id }) => id !== owner.id)!
      const slot = fake.slotOf(channel)
      yield* fake.migrateSlot(slot, to)
      assert.deepStrictEqual(yield* heard, [ended, ended])
      assert.strictEqual(yield* at[0].send("SUNSUBSCRIBE", channel), `-MOVED ${slot} ${to.address.key}`)
    }).pipe(withCluster({ primaries: 2, replicas: 1 })))
})
