import { scenarios } from "./scenario.ts"

scenarios("pub/sub", [
  ["channels are confirmed one by one, and counted with patterns", [
    "a: SUBSCRIBE x y x",
    "a: PSUBSCRIBE x* ?",
    "a: SSUBSCRIBE x z",
    "a: UNSUBSCRIBE nope x",
    "a: UNSUBSCRIBE",
    "a: UNSUBSCRIBE",
    "a: PUNSUBSCRIBE ?",
    "a: PUNSUBSCRIBE",
    "a: SUNSUBSCRIBE z nope",
    "a: SUNSUBSCRIBE",
    "a: SUNSUBSCRIBE",
    "a: PUNSUBSCRIBE"
  ]],
  ["messages reach channels, then patterns, and are counted", [
    "a: SUBSCRIBE news",
    "a: PSUBSCRIBE n*",
    "b: PSUBSCRIBE *",
    "b: SSUBSCRIBE news",
    "c: PUBLISH news hello",
    "c: PUBLISH other ''",
    "c: PUBLISH nobody",
    "c: SPUBLISH news sharded",
    "c: SPUBLISH nobody 1",
    "a: UNSUBSCRIBE news",
    "c: PUBLISH news again"
  ]],
  ["PUBSUB tells who listens", [
    "b: PUBSUB CHANNELS",
    "b: PUBSUB NUMSUB",
    "b: PUBSUB NUMPAT",
    "a: SUBSCRIBE news",
    "c: SUBSCRIBE news",
    "a: PSUBSCRIBE n*",
    "c: PSUBSCRIBE n*",
    "c: SSUBSCRIBE shard",
    "b: PUBSUB CHANNELS",
    "b: PUBSUB CHANNELS n?ws",
    "b: PUBSUB CHANNELS s*",
    "b: PUBSUB CHANNELS a b",
    "b: PUBSUB NUMSUB news shard",
    "b: PUBSUB NUMPAT",
    "b: PUBSUB NUMPAT x",
    "b: PUBSUB SHARDCHANNELS",
    "b: PUBSUB SHARDCHANNELS n*",
    "b: PUBSUB SHARDNUMSUB shard news",
    "b: PUBSUB SHARDNUMSUB"
  ]],
  ["arities", ["a: SUBSCRIBE", "a: PSUBSCRIBE", "a: SSUBSCRIBE", "a: PUBLISH x", "a: SPUBLISH x 1 2", "a: SPUBLISH x"]]
])
