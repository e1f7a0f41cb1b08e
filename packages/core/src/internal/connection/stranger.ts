/**
 * Recognizes peers that are not nodes of a cluster, by what they answer, and says what they probably are and what to do.
 */
import type * as RedisError from "../../RedisError.ts"
import * as RespType from "../resp/type.ts"

/** Whether bytes begin like a record of TLS: its type and major version. */
const isTls = ([type, version]: Uint8Array): boolean => type >= 0x14 && type <= 0x17 && version === 0x03

const greetings: ReadonlyArray<readonly [begins: string, speaks: string]> = [
  ["HTTP/", "HTTP"],
  ["SSH-", "SSH"],
  ["220", "SMTP or FTP"],
  ["AMQP", "AMQP"]
]

/**
 * The protocol that a peer seems to speak if its first bytes are not RESP, with advice; undefined if the bytes do not show it.
 */
export const problemOf = (first: Uint8Array): string | undefined => {
  if (isTls(first)) return "it speaks TLS: connect with tls, or give the server's port without"
  const begin = String.fromCharCode(...first.subarray(0, 5))
  const speaks = greetings.find(([begins]) => begin.startsWith(begins))?.[1]
  if (speaks !== undefined) return `it speaks ${speaks}: give the port of a Redis server`
  return RespType.lines[first[0]] === RespType.unknownLine
    ? "it speaks another protocol: give the port of a Redis server"
    : undefined
}

const advice: ReadonlyArray<readonly [says: RegExp, advice: string]> = [
  [
    /cluster support disabled/,
    "this server runs without cluster mode: use NodeRedis.layer (without Node: Topology.detect), or set cluster-enabled yes"
  ],
  [
    /"ERR unknown command\b/i,
    "it knows no CLUSTER commands, as a Sentinel or a proxy does not; give the address of a node of the cluster"
  ],
  [
    /did not finish the TLS handshake/,
    "a port without TLS says nothing to one; give the server's tls-port, or leave out tls"
  ]
]

/** What to do about a Sentinel, which tells only who the servers are. */
export const isSentinel =
  "it is a Sentinel: give NodeRedis.layer { sentinel: { name } } or a url redis+sentinel://host/name, or give the address of a node of a cluster"

/** Why a server does not return the layout of the cluster, from its error, with advice if there is some. */
export const withoutLayout = (reason: RedisError.Reason): string => {
  const what = advice.find(([says]) => says.test(reason.message))?.[1]
  const said = reason._tag === "ServerError" ? `the server answered ${JSON.stringify(reason.text)}` : reason.message
  return what === undefined ? reason.message : `${said}: ${what}`
}
