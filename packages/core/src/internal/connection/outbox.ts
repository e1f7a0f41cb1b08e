/**
 * The sending side of a connection: calls wait here until the end of the tick, when all of them are encoded into one buffer and
 * written at once. An encoded call counts as in flight.
 *
 * ```
 *   push ->  waiting  -- flush: encode, write -->  in flight
 *           [ c b a ]                             [ z y x ]
 * ```
 *
 * It keeps back calls beyond `maxInFlight`, calls that the peer is too slow to read, and everything behind a command that has
 * to be alone in flight. The client's own calls (`isOwn`) count as others do, but go out however many are in flight, and pass by
 * the callers' that wait for room. It does not follow calls further once they are written.
 */
import type * as Connector from "../../Connector.ts"
import * as RedisError from "../../RedisError.ts"
import * as Resp from "../../Resp.ts"
import { notSent } from "../failures/failure.ts"
import type { Call, Timing } from "./call.ts"
import type { Link } from "./link.ts"
import { Ring } from "./ring.ts"
import { each } from "./strays.ts"
import * as Unit from "./unit.ts"

/** Half of the piece that the encoder allocates at once, so that what is written is mostly one piece. */
const writeSize = 32 * 1024

/** At this queue length calls are written before the tick ends, so that the server can start on them. */
const longQueue = 512

export class Outbox {
  readonly waiting = new Ring<Call>()
  bytesWritten = 0
  private readonly link: Link
  private readonly inFlight: Ring<Call>
  private readonly maxInFlight: number
  private readonly keepsOrder: boolean
  private readonly abort: (reason: RedisError.Reason) => void
  private readonly encoder = new Resp.Encoder()
  /** Undefined before the connection is open and after it has ended. */
  private transport: Connector.Transport | undefined
  /** Whether a flush at the end of the tick has been asked for. */
  private flushing = false
  /** Whether the transport is full. Ends when it has drained. */
  private draining = false
  /** Whether the command in flight has to stay alone, so that nothing may be written behind it. */
  private loner = false
  /** Calls that could not be encoded. They fail only after the others are written, because failing a call runs its fiber. */
  private unfit: Array<{ readonly call: Call; readonly problem: string }> = []
  /** The `timing` of each call in the buffer that asked for it. */
  private timed: Array<Timing> = []

  /**
   * `abort` is called to end the connection when writing to it fails. With `keepsOrder` the client's own calls pass by nobody: on a
   * connection that subscribes, a PING marks where the answers to what was asked before it end.
   */
  constructor(link: Link, maxInFlight: number, keepsOrder: boolean, abort: (reason: RedisError.Reason) => void) {
    this.link = link
    this.keepsOrder = keepsOrder
    this.inFlight = link.inFlight
    this.maxInFlight = maxInFlight
    this.abort = abort
  }

  get isOpen(): boolean {
    return this.transport !== undefined
  }

  open(transport: Connector.Transport): void {
    this.transport = transport
    this.flush()
  }

  /** Writes nothing more. The calls that wait here are for `Ending` to fail. */
  close(): void {
    this.transport = undefined
  }

  push(call: Call): void {
    const isFull = this.inFlight.length + this.waiting.length >= this.maxInFlight
    if (isFull && !this.keepsOrder && call.isOwn) this.waiting.unshift(call)
    else this.waiting.push(call)
    if (this.draining) return
    if (this.waiting.length >= longQueue && this.inFlight.length + longQueue <= this.maxInFlight) this.flush()
    else if (!this.flushing) this.flushSoon()
  }

  /** Goes on writing: a call in flight was answered, so there may be room for more. */
  proceed(): void {
    if (this.waiting.length > 0 && !this.flushing && !this.draining) this.flushSoon()
  }

  readonly onDrain = (): void => {
    this.draining = false
    if (!this.flushing) this.flush()
  }

  private flushSoon(): void {
    this.flushing = true
    try {
      this.link.soon(this.flush)
    } catch (cause) {
      this.abort(new RedisError.ConnectionLost({ problem: "the connector has thrown", cause }))
    }
  }

  /** Writes the calls that wait. Never throws, because its caller may have nothing to do with a command that can't be encoded. */
  private readonly flush = (): void => {
    this.flushing = false
    const { transport } = this
    if (transport === undefined) return
    try {
      this.send(transport)
    } catch (cause) {
      this.abort(new RedisError.ConnectionLost({ problem: "writing to it failed", cause }))
    }
    if (this.unfit.length > 0) this.failUnfit()
  }

  private send(transport: Connector.Transport): void {
    this.recycle(transport)
    const { encoder, inFlight, waiting } = this
    if (inFlight.length === 0) this.loner = false
    while (!this.draining && waiting.length > 0 && !this.loner) {
      const next = waiting.peek()!
      if (inFlight.length >= this.maxInFlight && !next.isOwn) break
      const { abandoned, command } = next
      const { readOnly, stateful } = command.spec
      if (stateful !== undefined && command.spec.alone && !abandoned) {
        if (inFlight.length > 0) break
        this.loner = true
      }
      const call = waiting.shift()!
      // A login of the client's own does harm on a connection that its user has taken over, or logged in on, meanwhile.
      const isLate = this.loner && call.isOwn && this.link.standing.isUsers
      if (abandoned || isLate) {
        if (this.link.own.count > 0 && call.isOwn) this.link.own.count--
        if (isLate) this.unfit.push({ call, problem: "its user has changed the connection" })
        this.loner = false
        continue
      }
      const problem = Unit.write(call, encoder, inFlight, this.link.tracking)
      if (problem !== undefined) {
        this.unfit.push({ call, problem })
        this.loner = false
        continue
      }
      if (stateful !== undefined) this.link.standing.wrote(call)
      if (!readOnly) this.link.keepers?.wrote(command)
      if (call.timing !== undefined) this.timed.push(call.timing)
      if (encoder.size >= writeSize) this.write(transport)
    }
    if (encoder.size > 0) this.write(transport)
  }

  private write(transport: Connector.Transport): void {
    if (this.timed.length > 0) this.stamp()
    this.bytesWritten += this.encoder.size
    this.draining = !transport.write(this.encoder.take())
    this.recycle(transport)
  }

  /** Reads the clock once for all calls that are written together. */
  private stamp(): void {
    const now = this.link.clock.currentTimeNanosUnsafe()
    for (const timing of this.timed) timing.sentAt = now
    this.timed = []
  }

  /** Lets the encoder write over its buffer once the transport has no more use for it. */
  private recycle(transport: Connector.Transport): void {
    if (transport.holds?.() === false) this.encoder.reuse()
  }

  private failUnfit(): void {
    const { unfit } = this
    this.unfit = []
    each(unfit, ({ call, problem }) => {
      if (!call.abandoned) call.onFailure(notSent(new RedisError.InvalidArgument({ problem }), this.link.node))
    }, this.link.report)
  }
}
