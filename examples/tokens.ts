/**
 * Tokens in place of a password: an Effect yields whom to log in as, and until when that holds. The client runs it for new
 * connections, and again before the token ends, to log in on those that are open.
 *
 * Of each cloud's SDK only the one function is needed that gives a token. Its shape is declared here, so that this file needs none
 * of them.
 */
import type { Connection } from "@redisc/core"
import { NodeRedisCluster } from "@redisc/node"
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

export class NoToken extends Data.TaggedError("NoToken")<{ readonly cause: unknown }> {}

/**
 * Presigns a request by SigV4, as `SignatureV4.presign` of `@smithy/signature-v4` does, with `sha256` and the credentials of the
 * AWS SDK: `service` "elasticache" or "memorydb", `expiresIn` 900.
 */
export type Presign = (request: {
  readonly method: "GET"
  readonly protocol: "http:"
  readonly hostname: string
  readonly path: "/"
  readonly query: Readonly<Record<string, string>>
  readonly headers: { readonly host: string }
}) => Promise<{ readonly hostname: string; readonly path: string; readonly query?: Record<string, string> }>

/**
 * ElastiCache and MemoryDB. The token is a presigned URL without its protocol. It has to be used within 15 minutes, but what counts
 * here is when a connection ends that has used it, and that is after 12 hours.
 *
 * Source: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
 */
export const aws = (options: {
  readonly user: string
  /** The name of the replication group, the serverless cache or the MemoryDB cluster, in lower case. */
  readonly name: string
  readonly presign: Presign
  readonly isServerless?: boolean
}): Effect.Effect<Connection.Grant, NoToken> =>
  Effect.tryPromise({
    try: () =>
      options.presign({
        method: "GET",
        protocol: "http:",
        hostname: options.name,
        path: "/",
        query: {
          Action: "connect",
          User: options.user,
          ...(options.isServerless === true ? { ResourceType: "ServerlessCache" } : {})
        },
        headers: { host: options.name }
      }),
    catch: (cause) => new NoToken({ cause })
  }).pipe(Effect.map(({ hostname, path, query = {} }): Connection.Grant => ({
    username: options.user,
    password: Redacted.make(`${hostname}${path}?${new URLSearchParams(query)}`),
    validFor: "12 hours"
  })))

/** `DefaultAzureCredential` and its like, of `@azure/identity`. */
export interface AzureCredential {
  readonly getToken: (scope: string) => Promise<{ readonly token: string; readonly expiresOnTimestamp: number }>
}

/**
 * Azure Managed Redis and Azure Cache for Redis. The user is the object id of the identity. The SDK keeps a token until shortly before
 * it ends and yields the same until then: the client asks again.
 *
 * Source: https://learn.microsoft.com/azure/redis/entra-for-authentication
 */
export const azure = (options: {
  readonly objectId: string
  readonly credential: AzureCredential
}): Effect.Effect<Connection.Grant, NoToken> =>
  Effect.tryPromise({
    try: () => options.credential.getToken("https://redis.azure.com/.default"),
    catch: (cause) => new NoToken({ cause })
  }).pipe(Effect.map(({ expiresOnTimestamp, token }): Connection.Grant => ({
    username: options.objectId,
    password: Redacted.make(token),
    expiresAt: DateTime.makeUnsafe(expiresOnTimestamp)
  })))

/** `GoogleAuth` of `google-auth-library`: its client's access token. */
export interface GoogleClient {
  readonly getAccessToken: () => Promise<{ readonly token?: string | null }>
}

/**
 * Memorystore for Redis Cluster and for Valkey. No user is named; tokens last for an hour, of which some may have passed.
 *
 * Source: https://cloud.google.com/memorystore/docs/cluster/manage-iam-auth
 */
export const google = (client: GoogleClient): Effect.Effect<Connection.Grant, NoToken> =>
  Effect.tryPromise({
    try: () => client.getAccessToken(),
    catch: (cause) => new NoToken({ cause })
  }).pipe(
    Effect.flatMap(({ token }) =>
      token == null ? Effect.fail(new NoToken({ cause: "there is no token" })) : Effect.succeed(token)
    ),
    Effect.map((token): Connection.Grant => ({ password: Redacted.make(token), validFor: "30 minutes" }))
  )

/** What a program provides. Here on AWS, with a function of the AWS SDK. */
export const redis = (host: string, user: string, name: string, presign: Presign) =>
  NodeRedisCluster.layer({ nodes: [`${host}:6379`], tls: true, credentials: aws({ user, name, presign }) })
