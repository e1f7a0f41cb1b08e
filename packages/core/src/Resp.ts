/**
 * RESP2 and RESP3, the protocol that Redis speaks, as pure functions of bytes.
 *
 * An {@link Encoder} writes commands, a {@link Decoder} reads replies from chunks cut anywhere, and {@link encodeReply} writes
 * replies as a server does. The module opens no socket, knows no command, pairs no reply with its request and runs no effect.
 *
 * **Who owns the bytes.** A chunk given to `Decoder.push` is borrowed for the time of the call; every `Uint8Array` that comes
 * out is a copy that belongs to the receiver. The chunks that `Encoder.take` hands out are not written to again until the
 * owner calls `reuse`, so a socket may hold them for as long as it likes. A `Uint8Array` argument larger than 32 KiB is not
 * copied: it must not change until it has been sent.
 *
 * Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
 *
 * @since 0.1.0
 */
export { Decoder } from "./internal/resp/decoder.ts"
export { EncodeError, Encoder, head } from "./internal/resp/encoder.ts"
export type { Head } from "./internal/resp/encoder.ts"
export { encodeReply, Reply } from "./internal/resp/reply.ts"
export { defaultLimits, ProtocolError, ReplyError } from "./internal/resp/value.ts"
export type { Handler, Limit, Limits, Value } from "./internal/resp/value.ts"
