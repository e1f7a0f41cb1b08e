import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export interface Certificates {
  /** The authority that signed the servers' certificate, in PEM. */
  readonly ca: string
  /** The settings with which a server uses the certificates, for clients and between nodes. */
  readonly settings: Readonly<Record<string, string>>
}

/** Makes an authority in a folder, and a certificate that all nodes of a cluster share. */
export const makeCertificates = (folder: string): Certificates => {
  const openssl = (line: string): void => {
    try {
      execFileSync("openssl", line.split(" "), { cwd: folder, stdio: "ignore" })
    } catch (cause) {
      throw new Error("openssl could not make a certificate: install it, or run with --over tcp", { cause })
    }
  }
  const newKey = (name: string) => `-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${name}`
  writeFileSync(join(folder, "names"), "subjectAltName=DNS:localhost,IP:127.0.0.1")
  openssl(`req -x509 ${newKey("ca.key")} -out ca.crt -days 2 -subj /CN=redisc-bench`)
  openssl(`req ${newKey("server.key")} -out server.csr -subj /CN=localhost`)
  openssl(
    "x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -in server.csr -out server.crt"
  )
  return {
    ca: readFileSync(join(folder, "ca.crt"), "utf8"),
    settings: {
      "tls-ca-cert-file": join(folder, "ca.crt"),
      "tls-cert-file": join(folder, "server.crt"),
      "tls-key-file": join(folder, "server.key"),
      "tls-auth-clients": "no",
      // Without this, a node does not know the others' ports for TLS, and can't return them to clients.
      "tls-cluster": "yes"
    }
  }
}
