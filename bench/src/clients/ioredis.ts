import { Cluster } from "ioredis"
import { openWith, subscribeWith } from "./ioredisLike.ts"

export const open = openWith((nodes, options) => new Cluster(nodes, options))

export const subscribe = subscribeWith((nodes, options) => new Cluster(nodes, options))
