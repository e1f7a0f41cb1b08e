/**
 * A cluster in memory whose nodes only answer, at once. So the client alone is measured, without sockets, servers or a kernel.
 *
 * Every GET gets the same value. All keys have the same length, so that the size of a write tells the number of GETs in it.
 */
import { Resp } from "@redisc/core"
import type { Connector } from "@redisc/core"
import * as Effect from "effect/Effect"
import { slotsReply } from "./layout.ts"
import type { Layout } from "./layout.ts"

const { Reply } = Resp
const encoded = (reply: Resp.Reply): Uint8Array => Resp.encodeReply(reply, 3)
const repeated = (bytes: Uint8Array, times: number): Uint8Array =>
  new Uint8Array(Buffer.concat(Array.from({ length: times }, () => bytes)))

/** One of the keys of the nodes. */
export const key = (n: number): string => `key:${String(n).padStart(8, "0")}`

const get = Buffer.from(`*2\r\n$3\r\nGET\r\n$${key(0).length}\r\n${key(0)}\r\n`)
const nameAt = get.indexOf("G")
const value = encoded(Reply.bulk("x".repeat(100)))
/** About as many values as one chunk of a socket contains. */
const perChunk = 600
const values = repeated(value, perChunk)

const hello = encoded(Reply.map([[Reply.bulk("proto"), Reply.integer(3)]]))
const info = encoded(Reply.bulk("cluster_state:ok\r\ncluster_current_epoch:1\r\n"))
const ok = encoded(Reply.simple("OK"))

export interface Counts {
  readonly writes: number
  readonly gets: number
}

/** The average number of GETs in one write. */
export const perWrite = (from: Counts, to: Counts): number => (to.gets - from.gets) / (to.writes - from.writes)

interface Write {
  readonly listener: Connector.Listener
  /** The number of GETs in a write, or the answer to any other command. */
  readonly asks: number | Uint8Array
}

export class Answering {
  /** The reply to CLUSTER SLOTS. */
  slots: Uint8Array
  private writes = 0
  private gets = 0
  private pending: Array<Write> = []
  private scheduled = false
  private held = false

  constructor(layout: Layout) {
    this.slots = slotsReply(layout)
  }

  readonly connector: Connector.Connector["Service"] = {
    secure: false,
    soon: setImmediate,
    open: (_, listener) => Effect.succeed({ write: (chunks) => this.take(listener, chunks), holds: () => false })
  }

  counts(): Counts {
    return { writes: this.writes, gets: this.gets }
  }

  /** Holds back all answers until `release`. */
  hold(): void {
    this.held = true
  }

  release(): void {
    this.held = false
    this.schedule()
  }

  private take(listener: Connector.Listener, chunks: ReadonlyArray<Uint8Array>): boolean {
    const asks = this.read(chunks)
    this.writes++
    if (typeof asks === "number") this.gets += asks
    this.pending.push({ listener, asks })
    this.schedule()
    return true
  }

  private read(chunks: ReadonlyArray<Uint8Array>): number | Uint8Array {
    let size = 0
    for (const chunk of chunks) size += chunk.length
    if (chunks[0][nameAt] === get[nameAt] && size % get.length === 0) return size / get.length
    const answers: Array<Uint8Array> = []
    const decoder = new Resp.Decoder({
      wantsBytes: () => false,
      onReply: (words) => answers.push(this.answerTo(words as ReadonlyArray<string>)),
      onPush: () => {}
    })
    for (const chunk of chunks) decoder.push(chunk)
    return new Uint8Array(Buffer.concat(answers))
  }

  /**
   * Answers other commands of the client, which may share a write with GETs. The client's own PINGs need their tokens back, at
   * their places.
   */
  private answerTo([name, what]: ReadonlyArray<string>): Uint8Array {
    switch (name) {
      case "GET":
        this.gets++
        return value
      case "PING":
        return encoded(what === undefined ? Reply.simple("PONG") : Reply.bulk(what))
      case "HELLO":
        return hello
      case "CLUSTER":
        return what === "SLOTS" ? this.slots : info
      default:
        return ok
    }
  }

  /** Answers all nodes in one turn of the event loop, in the same way as one tick reads all sockets that are ready. */
  private schedule(): void {
    if (this.scheduled || this.held) return
    this.scheduled = true
    setImmediate(this.answer)
  }

  private readonly answer = (): void => {
    const { pending } = this
    this.pending = []
    this.scheduled = false
    for (const { asks, listener } of pending) {
      if (typeof asks !== "number") {
        listener.onData(asks)
        continue
      }
      for (let left = asks; left > 0; left -= perChunk) {
        listener.onData(left >= perChunk ? values : values.subarray(0, left * value.length))
      }
    }
  }
}
