/**
 * Tells from what a peer says that it is no node of a cluster, what it probably is instead, and what to do about it.
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

/** What a peer speaks whose first bytes are no reply of Redis, with advice; undefined when the bytes don't tell. */
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
    `it is a Redis server without cluster mode; set "cluster-enabled yes" in its configuration, or give the address of ` +
    "a node of a cluster"
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

/** Why a server does not tell the cluster's layout, from its answer to that question, with advice where there is some. */
export const withoutLayout = (reason: RedisError.Reason): string => {
  const what = advice.find(([says]) => says.test(reason.message))?.[1]
  return what === undefined ? reason.message : `${reason.message}: ${what}`
}
