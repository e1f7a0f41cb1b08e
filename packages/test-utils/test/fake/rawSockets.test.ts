import { assert, layer } from "@effect/vitest"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Net from "node:net"

/** Everything that comes over a socket, and ways to wait for it. */
class Line {
  readonly socket: Net.Socket
  readonly ended: Promise<void>
  private received = ""
  private readonly waiting = new Set<() => void>()

  constructor(socket: Net.Socket) {
    this.socket = socket
    socket.setEncoding("latin1")
    socket.on("data", (text: string) => {
      this.received += text
      for (const look of this.waiting) look()
    })
    socket.on("error", () => {})
    this.ended = new Promise((resolve) => {
      socket.once("close", () => resolve())
    })
  }

  write(text: string): void {
    this.socket.write(text, "latin1")
  }

  /** Waits for so many more characters. */
  read(length: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.received.length < length) return
        this.waiting.delete(look)
        resolve(this.received.slice(0, length))
        this.received = this.received.slice(length)
      }
      this.waiting.add(look)
      look()
      this.socket.once("close", () => reject(new Error(`closed after ${JSON.stringify(this.received)}`)))
    })
  }

  /** Sends, and waits for exactly this. */
  async says(text: string, reply: string): Promise<void> {
    this.write(text)
    assert.strictEqual(await this.read(reply.length), reply)
  }

  /** Waits for the other side to close, and answers what was not read before. */
  async rest(): Promise<string> {
    await this.ended
    return this.received
  }
}

const connect = (port: number) =>
  Effect.callback<Line, NodeJS.ErrnoException>((resume) => {
    const socket = Net.connect(port, "127.0.0.1")
    const line = new Line(socket)
    socket.once("connect", () => resume(Effect.succeed(line)))
    socket.once("error", (problem) => resume(Effect.fail(problem)))
  })

const dial = (port: number) => Effect.acquireRelease(connect(port), ({ socket }) => Effect.sync(() => socket.destroy()))

const listen = Effect.gen(function*() {
  const fake = yield* FakeCluster.FakeCluster
  yield* fake.flushAll
  const [{ port }] = yield* fake.listen
  return { fake, port, clients: Effect.map(fake.command("fake-0", "CLIENT", ["LIST"]), countLines) }
})

/** The one that asks is a client too. */
const countLines = (text: unknown): number => String(text).trimEnd().split("\n").length - 1

/** Lets the event loop turn until there are so many. */
const settle = <E>(counted: Effect.Effect<number, E>, count: number) =>
  Effect.gen(function*() {
    while ((yield* counted) !== count) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
  })

const command = (...words: ReadonlyArray<string>) =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`

const live = { excludeTestServices: true }

layer(FakeCluster.layerConnector({ primaries: 1 }), live)("a socket to a simulated node", (it) => {
  it.effect("answers ten thousand commands in one write, in their order", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* listen
      const line = yield* dial(port)
      const numbers = Array.from({ length: 10_000 }, (_, index) => index + 1)
      yield* Effect.promise(() =>
        line.says(command("INCR", "n").repeat(numbers.length), numbers.map((number) => `:${number}\r\n`).join(""))
      )
      const journal = yield* fake.journal("fake-0")
      assert.strictEqual(journal.filter(({ command }) => command[0] === "INCR").length, numbers.length)
    }))

  it.effect("answers what came before the client closed its side", () =>
    Effect.gen(function*() {
      const { port } = yield* listen
      const line = yield* dial(port)
      line.socket.end(command("INCR", "n").repeat(1000))
      assert.match(yield* Effect.promise(() => line.rest()), /:999\r\n:1000\r\n$/)
    }))

  it.effect("executes nothing of a command or transaction that the client did not finish", () =>
    Effect.gen(function*() {
      const { clients, fake, port } = yield* listen
      const [first, second] = [yield* dial(port), yield* dial(port)]
      yield* Effect.promise(() => first.says("PING\r\n", "+PONG\r\n"))
      yield* Effect.promise(() => second.says(command("MULTI") + command("SET", "b", "1"), "+OK\r\n+QUEUED\r\n"))
      yield* settle(clients, 2)
      first.socket.end(command("SET", "a", "hello").slice(0, -4))
      second.socket.resetAndDestroy()
      yield* settle(clients, 0)
      assert.deepStrictEqual(yield* fake.keys(), [])
    }))

  it.effect("puts together commands that come byte by byte", () =>
    Effect.gen(function*() {
      const { port } = yield* listen
      const line = yield* dial(port)
      line.socket.setNoDelay(true)
      yield* Effect.promise(async () => {
        for (const char of command("SET", "a", "x\r\ny") + "GET a\r\n") {
          await new Promise((resolve) => line.socket.write(char, "latin1", resolve))
        }
        assert.strictEqual(await line.read(15), "+OK\r\n$4\r\nx\r\ny\r\n")
      })
    }))

  it.effect("takes commands as telnet sends them", () =>
    Effect.gen(function*() {
      const { port } = yield* listen
      const line = yield* dial(port)
      yield* Effect.promise(async () => {
        await line.says("PING\r\n", "+PONG\r\n")
        await line.says("\r\n\n  ping \t hello\n", "$5\r\nhello\r\n")
        await line.says("SET a \"b c\\x41\\n\"\r\nGET a\r\n", "+OK\r\n$5\r\nb cA\n\r\n")
        await line.says("MULTI\r\nGET a\r\nEXEC\r\n", "+OK\r\n+QUEUED\r\n*1\r\n$5\r\nb cA\n\r\n")
        await line.says("foo bar\r\n", "-ERR unknown command 'foo', with args beginning with: 'bar' \r\n")
        line.write("QUIT\r\nPING\r\n")
        assert.strictEqual(await line.rest(), "+OK\r\n")
      })
    }))

  it.effect("closes after garbage, and says why", () =>
    Effect.gen(function*() {
      const { port } = yield* listen
      const answers = {
        "*x\r\n": "invalid multibulk length",
        "*1\r\nPING\r\n": "expected '$', got 'P'",
        "*1\r\n\xff\xfe\r\n": "expected '$', got '\xff'",
        "*1\r\n$-1\r\n": "invalid bulk length",
        "*1\r\n$536870913\r\n": "invalid bulk length",
        "SET a \"b\r\n": "unbalanced quotes in request",
        ["\xde\xad\xbe\xef".repeat(20_000)]: "too big inline request"
      }
      for (const [garbage, problem] of Object.entries(answers)) {
        const line = yield* dial(port)
        line.write(`PING\r\n${garbage}`)
        assert.strictEqual(
          yield* Effect.promise(() => line.rest()),
          `+PONG\r\n-ERR Protocol error: ${problem}\r\n`
        )
      }
      const line = yield* dial(port)
      line.write("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n")
      assert.strictEqual(yield* Effect.promise(() => line.rest()), "")
    }))

  it.effect("carries 8 MB both ways, and pushes them to subscribers", () =>
    Effect.gen(function*() {
      const { port } = yield* listen
      const [line, listener] = [yield* dial(port), yield* dial(port)]
      const value = String.fromCharCode(...Array.from({ length: 256 }, (_, index) => index)).repeat(32 * 1024)
      yield* Effect.promise(async () => {
        await listener.says("SUBSCRIBE c\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
        await line.says(command("SET", "a", value), "+OK\r\n")
        line.write("GET a\r\n")
        assert.isTrue(await line.read(value.length + 12) === `$8388608\r\n${value}\r\n`)
        await line.says(command("PUBLISH", "c", value), ":1\r\n")
        const pushed = `*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$8388608\r\n${value}\r\n`
        assert.isTrue(await listener.read(pushed.length) === pushed)
      })
    }))

  it.effect("serves two hundred connections at once", () =>
    Effect.gen(function*() {
      const { clients, fake, port } = yield* listen
      const lines = yield* Effect.replicateEffect(dial(port), 200)
      yield* Effect.promise(() =>
        Promise.all(lines.map((line, index) => line.says(`SET k${index} ${index}\r\nPING\r\n`, "+OK\r\n+PONG\r\n")))
      )
      assert.strictEqual(yield* clients, 200)
      assert.strictEqual((yield* fake.keys()).length, 200)
      // All wait for one key, and each gets its element in its turn.
      for (const line of lines) line.write("BLPOP queue 0\r\n")
      const blocked = Effect.map(
        fake.command("fake-0", "INFO", ["clients"]),
        (info) => Number(/blocked_clients:(\d+)/.exec(String(info))?.[1])
      )
      yield* settle(blocked, 200)
      yield* fake.command("fake-0", "RPUSH", ["queue", ...lines.map(() => "x")])
      const reply = "*2\r\n$5\r\nqueue\r\n$1\r\nx\r\n"
      yield* Effect.promise(async () => {
        for (const line of lines) assert.strictEqual(await line.read(reply.length), reply)
      })
      for (const { socket } of lines) socket.end()
      yield* settle(clients, 0)
    }))

  it.effect("closes when the node dies, and stays silent while it is paused", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* listen
      const line = yield* dial(port)
      yield* fake.pause("fake-0")
      line.write("SET a 1\r\n")
      const late = yield* dial(port)
      late.write("GET a\r\n")
      assert.deepStrictEqual(yield* fake.keys("fake-0"), [])
      yield* fake.resume("fake-0")
      assert.strictEqual(yield* Effect.promise(() => line.read(5)), "+OK\r\n")
      assert.match(yield* Effect.promise(() => late.read(4)), /^\$[-1]/)
      yield* fake.kill("fake-0")
      yield* Effect.promise(() => line.ended)
      // Whether it is refused or closed at once is the system's choice; it is not served.
      const dead = yield* Effect.option(dial(port))
      if (Option.isSome(dead)) assert.strictEqual(yield* Effect.promise(() => dead.value.rest()), "")
      yield* fake.restart("fake-0")
      const again = yield* dial(port)
      yield* Effect.promise(() => again.says("GET a\r\n", "$-1\r\n"))
    }))
})

layer(FakeCluster.layerConnector({ replicas: 1 }), live)("the ports of a simulated cluster", (it) => {
  const handles = Effect.sync(() => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length)

  it.effect("are gone with all their sockets when the scope closes", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const first = yield* fake.primaries
      // The clients keep theirs open: it is for the ports to end them, in whatever state they are.
      const open = yield* Effect.scoped(Effect.gen(function*() {
        const ports = (yield* fake.listen).map(({ port }) => port)
        assert.strictEqual(new Set(ports).size, 6)
        const lines: Array<Line> = []
        for (const port of ports) {
          const [idle, listening, amid] = yield* Effect.replicateEffect(connect(port), 3)
          lines.push(idle, listening, amid)
          yield* Effect.promise(async () => {
            await idle.says("PING\r\n", "+PONG\r\n")
            await listening.says("SUBSCRIBE c\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
            amid.write("*2\r\n$3\r\nGET\r\n$1000\r\nx")
          })
        }
        return { ports, lines }
      }))
      yield* Effect.promise(() => Promise.all(open.lines.map(({ ended }) => ended)))
      for (const port of open.ports) {
        assert.strictEqual((yield* Effect.flip(connect(port))).code, "ECONNREFUSED")
      }
      yield* settle(handles, 0)
      for (const { name } of first) {
        assert.strictEqual(yield* Effect.map(fake.command(name, "CLIENT", ["LIST"]), countLines), 0)
      }
      // The nodes have their own names again.
      assert.deepStrictEqual(yield* fake.primaries, first)
    }))
})
