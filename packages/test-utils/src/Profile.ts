/**
 * Managed services and proxies, with the restrictions that their own pages state, for `FakeCluster`: what a program does there can
 * be tested without an account.
 *
 * **Details**
 *
 * A profile is a table. It changes what is refused, and what is announced; it does not make the simulated servers another product.
 * Where no page documents the text of a refusal (`isRefusalDocumented`), it is that of a server without the command.
 *
 * **Example** (A program that may not use KEYS)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { FakeCluster, Profile } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * const refused = Effect.flip(Redis.keys("user:*")).pipe(
 *   Effect.provide(FakeCluster.layer({ profile: Profile.elastiCacheServerless }))
 * )
 * ```
 *
 * **Example** (Restrictions of one's own)
 *
 * ```ts
 * import { FakeCluster, Profile } from "@redisc/test-utils"
 *
 * const Live = FakeCluster.layer({ profile: { ...Profile.memoryDb, refuses: ["KEYS", "FLUSHALL"], refusal: "noPermission" } })
 * ```
 *
 * @since 0.1.0
 */
import type { Profile } from "./fake/facts/profile.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Profile
} from "./fake/facts/profile.ts"

const changesOfClusters = [
  "ADDSLOTS",
  "ADDSLOTSRANGE",
  "BUMPEPOCH",
  "DELSLOTS",
  "DELSLOTSRANGE",
  "FAILOVER",
  "FLUSHSLOTS",
  "FORGET",
  "MEET",
  "REPLICATE",
  "RESET",
  "SAVECONFIG",
  "SET-CONFIG-EPOCH",
  "SETSLOT"
].map((name) => `CLUSTER ${name}`)

const administration = [
  "BGREWRITEAOF",
  "BGSAVE",
  "CONFIG",
  "DEBUG",
  "MIGRATE",
  "PSYNC",
  "REPLICAOF",
  "SAVE",
  "SHUTDOWN",
  "SLAVEOF",
  "SYNC"
]

const changesOfUsers = ["ACL DELUSER", "ACL LOAD", "ACL SAVE", "ACL SETUSER"]

/**
 * Amazon ElastiCache on nodes, with cluster mode enabled.
 *
 * @category profiles
 * @since 0.1.0
 */
export const elastiCacheNodes: Profile = {
  name: "Amazon ElastiCache, node-based",
  sources: ["https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/SupportedCommands.html"],
  shape: "nodes",
  secure: true,
  refuses: [...administration, ...changesOfUsers, ...changesOfClusters, "CLUSTER LINKS"],
  refusal: "unknown",
  isRefusalDocumented: false
}

/**
 * Amazon ElastiCache on nodes, with cluster mode disabled: a name for the primary, and one for the replicas, which here are two
 * ports of one name. For `FakeRedis`.
 *
 * @category profiles
 * @since 0.1.0
 */
export const elastiCacheEndpoints: Profile = {
  ...elastiCacheNodes,
  name: "Amazon ElastiCache, cluster mode disabled",
  sources: [
    ...elastiCacheNodes.sources,
    "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Replication.Endpoints.html"
  ],
  shape: "name"
}

/**
 * Amazon ElastiCache Serverless: one host for all slots, with port 6379, and 6380 for reads. That a client finds 6380 in the layout
 * is a guess.
 *
 * @category profiles
 * @since 0.1.0
 */
export const elastiCacheServerless: Profile = {
  name: "Amazon ElastiCache Serverless",
  sources: [
    "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/SupportedCommands.html",
    "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ReadReplicas.html",
    "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ServerlessWatch.html"
  ],
  shape: "endpoint",
  secure: true,
  refuses: [
    ...elastiCacheNodes.refuses,
    "ACL LOG",
    "CLIENT",
    "CLUSTER COUNT-FAILURE-REPORTS",
    "FCALL",
    "FCALL_RO",
    "FUNCTION",
    "KEYS",
    "LASTSAVE",
    "LATENCY",
    "MEMORY",
    "MONITOR",
    "MOVE",
    "OBJECT",
    "PFDEBUG",
    "PFSELFTEST",
    "PSUBSCRIBE",
    "PUBSUB NUMPAT",
    "PUNSUBSCRIBE",
    "SCRIPT KILL",
    "SLOWLOG",
    "SWAPDB",
    "WAIT"
  ],
  supports: ["CLIENT GETNAME", "CLIENT REPLY", "CLIENT SETNAME"],
  refusal: "unknown",
  isRefusalDocumented: false
}

/**
 * Amazon MemoryDB.
 *
 * @category profiles
 * @since 0.1.0
 */
export const memoryDb: Profile = {
  name: "Amazon MemoryDB",
  sources: ["https://docs.aws.amazon.com/memorydb/latest/devguide/restrictedcommands.html"],
  shape: "nodes",
  secure: true,
  refuses: [
    ...administration,
    ...changesOfUsers,
    "CLUSTER ADDSLOTS",
    "CLUSTER DELSLOTS",
    "CLUSTER SETSLOT",
    "MODULE"
  ],
  refusal: "unknown",
  isRefusalDocumented: false
}

/**
 * Azure Cache for Redis, Premium, as a cluster.
 *
 * @category profiles
 * @since 0.1.0
 */
export const azureCache: Profile = {
  name: "Azure Cache for Redis, Premium cluster",
  sources: ["https://learn.microsoft.com/en-us/azure/azure-cache-for-redis/cache-configure"],
  shape: "nodes",
  secure: true,
  refuses: [
    "BGREWRITEAOF",
    "BGSAVE",
    "CONFIG",
    "DEBUG",
    "MIGRATE",
    "SAVE",
    "SELECT",
    "SHUTDOWN",
    "SLAVEOF",
    ...changesOfClusters
  ],
  refusal: "unknown",
  isRefusalDocumented: true
}

const ofRedisSoftware = [
  "ACL DELUSER",
  "ACL GENPASS",
  "ACL LOAD",
  "ACL LOG",
  "ACL SAVE",
  "ACL SETUSER",
  "ASKING",
  "BGREWRITEAOF",
  "BGSAVE",
  "CLIENT CACHING",
  "CLIENT GETREDIR",
  "CLIENT NO-EVICT",
  "CLIENT PAUSE",
  "CLIENT REPLY",
  "CLIENT TRACKING",
  "CLIENT TRACKINGINFO",
  "CLIENT UNPAUSE",
  "CLUSTER",
  "CONFIG RESETSTAT",
  "DEBUG",
  "FAILOVER",
  "LASTSAVE",
  "LATENCY",
  "MEMORY DOCTOR",
  "MEMORY MALLOC-STATS",
  "MEMORY PURGE",
  "MEMORY STATS",
  "MIGRATE",
  "MODULE LOAD",
  "MODULE LOADEX",
  "MODULE UNLOAD",
  "MOVE",
  "PSYNC",
  "READONLY",
  "READWRITE",
  "REPLCONF",
  "REPLICAOF",
  "RESET",
  "RESTORE-ASKING",
  "ROLE",
  "SAVE",
  "SCRIPT DEBUG",
  "SELECT",
  "SHUTDOWN",
  "SLAVEOF",
  "SWAPDB",
  "SYNC"
]

const compatibility = "https://redis.io/docs/latest/operate/rs/references/compatibility/commands"

/**
 * Redis Software, and Redis Cloud, without the OSS Cluster API: one endpoint that knows no cluster commands.
 *
 * @category profiles
 * @since 0.1.0
 */
export const redisSoftware: Profile = {
  name: "Redis Software",
  sources: ["cluster", "connection", "generic", "scripting", "server"].map((page) => `${compatibility}/${page}/`),
  shape: "endpoint",
  secure: false,
  refuses: ofRedisSoftware,
  supports: ["LATENCY HISTOGRAM"],
  refusal: "unknown",
  isRefusalDocumented: false
}

/**
 * Redis Software, and Redis Cloud Pro, with the OSS Cluster API.
 *
 * @category profiles
 * @since 0.1.0
 */
export const redisSoftwareCluster: Profile = {
  ...redisSoftware,
  name: "Redis Software with the OSS Cluster API",
  shape: "nodes",
  supports: [
    "CLUSTER HELP",
    "CLUSTER INFO",
    "CLUSTER KEYSLOT",
    "CLUSTER NODES",
    "CLUSTER SLOTS",
    "LATENCY HISTOGRAM"
  ]
}

const azure = "https://learn.microsoft.com/en-us/azure/redis/configure"

/**
 * Azure Managed Redis with the OSS clustering policy.
 *
 * @category profiles
 * @since 0.1.0
 */
export const azureOss: Profile = {
  ...redisSoftwareCluster,
  name: "Azure Managed Redis, OSS clustering policy",
  sources: [azure, ...redisSoftware.sources],
  secure: true,
  isRefusalDocumented: true
}

/**
 * Azure Managed Redis with the Enterprise clustering policy.
 *
 * @category profiles
 * @since 0.1.0
 */
export const azureEnterprise: Profile = {
  ...redisSoftware,
  name: "Azure Managed Redis, Enterprise clustering policy",
  sources: [azure, ...redisSoftware.sources],
  secure: true,
  isRefusalDocumented: true
}

const ofMemorystore = [
  "BGREWRITEAOF",
  "BGSAVE",
  "DEBUG",
  "LASTSAVE",
  "MIGRATE",
  "MONITOR",
  "REPLICAOF",
  "SAVE",
  "SHUTDOWN"
]

/**
 * Google Memorystore for Redis: one endpoint, without CLIENT and CLUSTER.
 *
 * @category profiles
 * @since 0.1.0
 */
export const memorystoreRedis: Profile = {
  name: "Memorystore for Redis",
  sources: ["https://cloud.google.com/memorystore/docs/redis/product-constraints"],
  shape: "endpoint",
  secure: false,
  refuses: ["ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "OBJECT", ...ofMemorystore],
  refusal: "unknown",
  isRefusalDocumented: false
}

const clientsOfMemorystore = [
  "CACHING",
  "GETNAME",
  "GETREDIR",
  "HELP",
  "ID",
  "INFO",
  "KILL",
  "LIST",
  "REPLY",
  "SETNAME",
  "TRACKING",
  "TRACKINGINFO"
].map((name) => `CLIENT ${name}`)

/**
 * Google Memorystore for Redis Cluster.
 *
 * @category profiles
 * @since 0.1.0
 */
export const memorystoreCluster: Profile = {
  name: "Memorystore for Redis Cluster",
  sources: ["https://docs.cloud.google.com/memorystore/docs/cluster/supported-commands"],
  shape: "nodes",
  secure: false,
  refuses: ["CLIENT", "CONFIG", ...changesOfClusters],
  supports: [...clientsOfMemorystore, "CONFIG HELP"],
  refusal: "unknown",
  isRefusalDocumented: false
}

/**
 * Google Memorystore for Valkey with cluster mode enabled: what is not supported lacks permission.
 *
 * @category profiles
 * @since 0.1.0
 */
export const memorystoreValkey: Profile = {
  ...memorystoreCluster,
  name: "Memorystore for Valkey, cluster mode enabled",
  sources: ["https://docs.cloud.google.com/memorystore/docs/valkey/supported-commands"],
  refusal: "noPermission",
  isRefusalDocumented: true
}

/**
 * Upstash: one endpoint with TLS. What its command reference does not list is refused here, as far as clients notice.
 *
 * @category profiles
 * @since 0.1.0
 */
export const upstash: Profile = {
  name: "Upstash",
  sources: [
    "https://upstash.com/docs/redis/overall/rediscompatibility",
    "https://upstash.com/docs/redis/commands/server/overview",
    "https://upstash.com/docs/redis/howto/connect-client"
  ],
  shape: "endpoint",
  secure: true,
  refuses: [
    "ASKING",
    "CLIENT",
    "CLUSTER",
    "DEBUG",
    "LATENCY",
    "MIGRATE",
    "MOVE",
    "OBJECT",
    "READONLY",
    "READWRITE",
    "ROLE",
    "SLOWLOG"
  ],
  supports: ["GETNAME", "ID", "INFO", "LIST", "SETINFO", "SETNAME"].map((name) => `CLIENT ${name}`),
  refusal: "unknown",
  isRefusalDocumented: false
}

/**
 * Envoy's Redis proxy: what it does not know, HELLO among it, is unknown.
 *
 * @category profiles
 * @since 0.1.0
 */
export const envoy: Profile = {
  name: "Envoy",
  sources: ["https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/other_protocols/redis"],
  shape: "endpoint",
  secure: false,
  refuses: "unlisted",
  supports: [
    "AUTH ECHO PING QUIT SELECT",
    "DEL DISCARD DUMP EXEC EXISTS EXPIRE EXPIREAT KEYS MULTI PERSIST PEXPIRE PEXPIREAT PTTL RESTORE TOUCH TTL TYPE UNLINK",
    "COPY RENAME RENAMENX SORT SORT_RO SCRIPT FLUSHALL FLUSHDB SLOWLOG CONFIG RANDOMKEY SCAN WATCH UNWATCH INFO ROLE",
    "GEOADD GEODIST GEOHASH GEOPOS GEORADIUS GEORADIUS_RO GEORADIUSBYMEMBER GEORADIUSBYMEMBER_RO GEOSEARCH GEOSEARCHSTORE",
    "HDEL HEXISTS HGET HGETALL HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HMSET HRANDFIELD HSCAN HSET HSETNX HSTRLEN HVALS",
    "PFADD PFCOUNT PFMERGE PUBLISH EVAL EVALSHA",
    "LINDEX LINSERT LLEN LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET LTRIM RPOP RPOPLPUSH RPUSH RPUSHX",
    "SADD SCARD SDIFF SDIFFSTORE SINTER SINTERSTORE SISMEMBER SMEMBERS SMISMEMBER SMOVE SPOP SRANDMEMBER SREM SSCAN SUNION",
    "SUNIONSTORE",
    "ZADD ZCARD ZCOUNT ZDIFF ZDIFFSTORE ZINCRBY ZINTER ZINTERSTORE ZLEXCOUNT ZMSCORE ZPOPMAX ZPOPMIN ZRANDMEMBER ZRANGE",
    "ZRANGEBYLEX ZRANGEBYSCORE ZRANGESTORE ZRANK ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE",
    "ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION ZUNIONSTORE",
    "APPEND BITCOUNT BITFIELD BITOP BITPOS DECR DECRBY GET GETBIT GETDEL GETEX GETRANGE GETSET INCR INCRBY INCRBYFLOAT",
    "MGET MSET MSETNX PSETEX SET SETBIT SETEX SETNX SETRANGE STRLEN SUBSTR",
    "XACK XADD XAUTOCLAIM XCLAIM XDEL XLEN XPENDING XRANGE XREVRANGE XTRIM"
  ].flatMap((names) => names.split(" ")).concat(
    ["INFO", "KEYSLOT", "NODES", "SLOTS"].map((name) => `CLUSTER ${name}`)
  ),
  mostArguments: { PING: 0 },
  refusal: "unknown",
  isRefusalDocumented: true
}

/**
 * All profiles.
 *
 * @category profiles
 * @since 0.1.0
 */
export const all: ReadonlyArray<Profile> = [
  elastiCacheNodes,
  elastiCacheEndpoints,
  elastiCacheServerless,
  memoryDb,
  azureCache,
  azureOss,
  azureEnterprise,
  memorystoreRedis,
  memorystoreCluster,
  memorystoreValkey,
  redisSoftware,
  redisSoftwareCluster,
  upstash,
  envoy
]
