/** The cases that every store of effect-mq has to pass, on a cluster of three primaries. */
import { EffectRedis } from "@redisc/effect"
import { FakeCluster } from "@redisc/test-utils"
import { RedisJobStore } from "effect-mq/redis"
import { jobStoreConformance } from "effect-mq/testing"
import * as Layer from "effect/Layer"

jobStoreConformance("on a cluster in memory", () =>
  RedisJobStore.layer({ prefix: "{effect-mq}" }).pipe(
    Layer.provide(EffectRedis.layer),
    Layer.provide(FakeCluster.layer())
  ) as never)
