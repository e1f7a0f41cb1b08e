import type { Address } from "@redisc/core/Address"

export type Stage = "connecting" | "securing" | "open"

const codeOf = (error: unknown): string => {
  const { code, errors } = Object(error) as { readonly code?: unknown; readonly errors?: ReadonlyArray<unknown> }
  if (typeof code === "string") return code
  // A name with several addresses fails with one error for each of them.
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : ""
}

const messageOf = (error: unknown): string =>
  error instanceof Error && error.message !== "" ? error.message : `${error}`

const untrusted = (at: string, why: string) =>
  `the certificate of ${at} is not trusted: ${why}; give the authority that signed it as tls.ca`

/** Describes an error of a socket and what to do about it, as a sentence without a full stop. */
export const socketProblem = (error: unknown, address: Address, stage: Stage): string => {
  const at = address.key
  const code = codeOf(error)
  switch (code) {
    case "ECONNREFUSED":
      return `connection refused by ${at}; check that a server runs there`
    case "ENOTFOUND":
      return `host not found: ${at}; check its spelling, and the DNS of this machine`
    case "EAI_AGAIN":
      return `the DNS did not answer for ${at}; try again, or check the DNS of this machine`
    case "ETIMEDOUT":
      return stage === "open"
        ? `${at} stopped answering`
        : `${at} did not answer; check the address, and that no firewall stands between`
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `no route to ${at}; check the address and the network`
    case "EADDRNOTAVAIL":
      return `this machine has no local address or port left to reach ${at} from`
    case "EMFILE":
    case "ENFILE":
      return "this process has too many open files; close some, or raise its limit (ulimit -n)"
    case "ENOENT":
      return `there is no socket at ${at}; check the path, and the server's unixsocket setting`
    case "EACCES":
      return `no permission to open ${at}; check the server's unixsocketperm setting`
    case "ECONNRESET":
    case "EPIPE":
      return stage === "securing"
        ? `${at} closed the connection during the TLS handshake; check that it is the TLS port`
        : `${at} closed the connection`
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return `${at} does not speak TLS; give the server's tls-port, or leave out tls`
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `the certificate of ${at} does not match its name; give the name it was made for as tls.servername ` +
        `(${(error as { readonly reason?: unknown }).reason ?? messageOf(error)})`
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return `the certificate of ${at} is not trusted: it is signed by itself; give that certificate as tls.ca`
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return untrusted(at, "its authority is unknown here")
    case "CERT_HAS_EXPIRED":
      return `the certificate of ${at} has expired; renew it there, and check the clock of this machine`
    case "CERT_NOT_YET_VALID":
      return `the certificate of ${at} is not valid yet; check the clocks of both machines`
    case "CERT_REVOKED":
      return `the certificate of ${at} was revoked; give the server another one`
    case "INVALID_CA":
    case "CERT_SIGNATURE_FAILURE":
      return untrusted(at, "it was not signed by the authority of that name")
    case "INVALID_PURPOSE":
      return `the certificate of ${at} is not for servers; give the server one for serverAuth`
    case "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED":
    case "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE":
    case "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE":
      return `${at} refused the TLS handshake; it may demand a client certificate: give tls.cert and tls.key`
    case "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA":
    case "ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR":
    case "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE":
    case "ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN":
      return `${at} refused the client certificate; give one in tls.cert that an authority of the server has signed`
    case "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION":
    case "ERR_SSL_UNSUPPORTED_PROTOCOL":
      return `${at} and this client have no TLS version in common; see tls.minVersion and the server's tls-protocols`
    default:
      return `${at}: ${messageOf(error)}`
  }
}
