/**
 * The kind of endpoint that a server should name when it moves: one that this client can reach, from where it is, and whose
 * certificate it can verify.
 */
import type { Address } from "../../Address.ts"

export type EndpointType = "internal-ip" | "external-ip" | "internal-fqdn" | "external-fqdn"

const privateNames = /^localhost$|^[^.]+$|\.(local|localdomain|internal|lan|svc)$|(^|\.)internal\./i

/** Blocks that are not routed in the internet: RFC 1918, 3927, 4193, 4291, 6598. */
const isPrivateV4 = (text: string): boolean | undefined => {
  const octets = /^(\d{1,3})\.(\d{1,3})\.\d{1,3}\.\d{1,3}$/.exec(text)
  if (octets === null) return undefined
  const [one, two] = [Number(octets[1]), Number(octets[2])]
  return one === 10 || one === 127 || (one === 172 && two >= 16 && two <= 31) || (one === 192 && two === 168) ||
    (one === 169 && two === 254) || (one === 100 && two >= 64 && two <= 127)
}

const isPrivate = (host: string): boolean => {
  const text = host.replace(/^\[|\]$/g, "").replace(/%.*$/, "").toLowerCase()
  if (!text.includes(":")) return isPrivateV4(text) ?? privateNames.test(text)
  const mapped = /^::ffff:([\d.]+)$/.exec(text)?.[1]
  return mapped === undefined ? text === "::1" || /^(f[cd]|fe[89ab])/.test(text) : isPrivateV4(mapped) === true
}

/**
 * Chooses by the address that a connection has led to, or if the transport does not tell it by the host that was given: a name is
 * not looked up for it. Undefined for unix sockets, which do not move.
 */
export const endpointType = (
  { address, remote, secure }: {
    readonly address: Address
    readonly remote: string | undefined
    readonly secure: boolean
  }
): EndpointType | undefined =>
  address._tag === "Tcp"
    ? `${isPrivate(remote ?? address.host) ? "internal" : "external"}-${secure ? "fqdn" : "ip"}`
    : undefined
