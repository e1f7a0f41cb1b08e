/**
 * Publishing, and what one node knows about its subscribers. `PubSub` subscribes, and asks all nodes.
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
 * Publishes a message to a channel: to whoever listens to it, at any node of the cluster. Replies how many listen at the
 * node that it was sent to, which says little, as they may be at others.
 *
 * Nobody keeps it for those who don't listen now. Since Redis 2.0.0.
 *
 * **Example** (Telling everybody)
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
 * Publishes a message to a sharded channel: to the shard that has the channel's slot, and nobody else has to do with it.
 * Replies how many listen at its primary.
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
 * The channels that somebody listens to at one node, those that match a pattern if one is given. `PubSub.channels` asks
 * all nodes.
 *
 * Since Redis 2.8.0.
 *
 * **Example** (At some node)
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
 * How many listen to each of some channels at one node, by channel. `PubSub.numsub` asks all nodes.
 *
 * Since Redis 2.8.0.
 *
 * **Example** (At some node)
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
 * How many patterns are listened to at one node. `PubSub.numpat` asks all nodes.
 *
 * Since Redis 2.8.0.
 *
 * **Example** (At some node)
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
 * The sharded channels that somebody listens to at one node, those that match a pattern if one is given.
 * `PubSub.shardChannels` asks all nodes.
 *
 * Since Redis 7.0.0.
 *
 * **Example** (At some node)
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
 * How many listen to each of some sharded channels at one node, by channel. `PubSub.shardNumsub` asks all nodes.
 *
 * Since Redis 7.0.0.
 *
 * **Example** (At some node)
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
