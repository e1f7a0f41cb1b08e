/**
 * Publishing, and what nodes know about their subscribers. `PubSub` subscribes.
 *
 * Source: https://redis.io/docs/latest/commands/?group=pubsub
 */
import * as Command from "../Command.ts"
import * as CommandSpec from "../CommandSpec.ts"
import * as Args from "../internal/commands/args.ts"
import * as Reply from "../internal/commands/reply.ts"

const PUBLISH = CommandSpec.get("PUBLISH")
const PUBSUB_CHANNELS = CommandSpec.get("PUBSUB CHANNELS")
const PUBSUB_NUMPAT = CommandSpec.get("PUBSUB NUMPAT")
const PUBSUB_NUMSUB = CommandSpec.get("PUBSUB NUMSUB")
const PUBSUB_SHARDCHANNELS = CommandSpec.get("PUBSUB SHARDCHANNELS")
const PUBSUB_SHARDNUMSUB = CommandSpec.get("PUBSUB SHARDNUMSUB")
const SPUBLISH = CommandSpec.get("SPUBLISH")

/**
 * Publishes a message to all subscribers of a channel, at any node of the cluster. Replies the number of subscribers at
 * the node that it was sent to, which says little, as others may be at other nodes.
 *
 * The message is not kept for later subscribers. Since Redis 2.0.0.
 *
 * **Example** (Publishing a message)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const told = Redis.publish("news", "it rains") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/publish/
 * @category pubsub
 * @since 0.1.0
 */
export const publish = (channel: Command.Arg, message: Command.Arg): Command.Command<number> =>
  Command.make(PUBLISH, [channel, message], Reply.integer)

/**
 * Publishes a message to a sharded channel. Only the shard of the channel's slot takes part. Replies the number of
 * subscribers at its primary.
 *
 * Since Redis 7.0.0.
 *
 * **Example** (Telling one shard)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const told = Redis.spublish("room:1", "hello") // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/spublish/
 * @category pubsub
 * @since 0.1.0
 */
export const spublish = (channel: Command.Arg, message: Command.Arg): Command.Command<number> =>
  Command.make(SPUBLISH, [channel, message], Reply.integer)

/**
 * The channels with subscribers; with a pattern, only those that match it.
 *
 * In a cluster every node is asked. Since Redis 2.8.0.
 *
 * **Example** (Who is listened to?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const channels = Redis.pubsubChannels("news.*") // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-channels/
 * @category pubsub
 * @since 0.1.0
 */
export const pubsubChannels = (pattern?: Command.Arg): Command.Command<ReadonlyArray<string>> =>
  Command.make(PUBSUB_CHANNELS, Args.optional(pattern), Reply.array(Reply.text))

/**
 * The number of subscribers of each given channel, by channel.
 *
 * In a cluster every node is asked, and their numbers are added up. Since Redis 2.8.0.
 *
 * **Example** (How many listen?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const listeners = Redis.pubsubNumsub(["news"]) // Command<Record<string, number>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-numsub/
 * @category pubsub
 * @since 0.1.0
 */
export const pubsubNumsub = (channels: ReadonlyArray<Command.Arg>): Command.Command<Record<string, number>> =>
  Args.command(PUBSUB_NUMSUB, () => [...Args.list(channels, "channel")], Reply.record(Reply.integer))

/**
 * The number of patterns with subscribers.
 *
 * In a cluster every node is asked, and their numbers are added up: a pattern counts once for each node where it has subscribers.
 * Since Redis 2.8.0.
 *
 * **Example** (How many patterns?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const patterns = Redis.pubsubNumpat() // Command<number>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-numpat/
 * @category pubsub
 * @since 0.1.0
 */
export const pubsubNumpat = (): Command.Command<number> => Command.make(PUBSUB_NUMPAT, [], Reply.integer)

/**
 * The sharded channels with subscribers; with a pattern, only those that match it.
 *
 * In a cluster every node is asked. Since Redis 7.0.0.
 *
 * **Example** (Which rooms are there?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const rooms = Redis.pubsubShardchannels("room:*") // Command<ReadonlyArray<string>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-shardchannels/
 * @category pubsub
 * @since 0.1.0
 */
export const pubsubShardchannels = (pattern?: Command.Arg): Command.Command<ReadonlyArray<string>> =>
  Command.make(PUBSUB_SHARDCHANNELS, Args.optional(pattern), Reply.array(Reply.text))

/**
 * The number of subscribers of each given sharded channel, by channel.
 *
 * In a cluster every node is asked, and their numbers are added up. Since Redis 7.0.0.
 *
 * **Example** (Who is in the room?)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 *
 * const listeners = Redis.pubsubShardnumsub(["room:1"]) // Command<Record<string, number>>
 * ```
 *
 * @see https://redis.io/docs/latest/commands/pubsub-shardnumsub/
 * @category pubsub
 * @since 0.1.0
 */
export const pubsubShardnumsub = (channels: ReadonlyArray<Command.Arg>): Command.Command<Record<string, number>> =>
  Args.command(PUBSUB_SHARDNUMSUB, () => [...Args.list(channels, "channel")], Reply.record(Reply.integer))
