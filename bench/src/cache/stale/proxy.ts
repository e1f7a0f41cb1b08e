/** A port that leads to another one, until its connections go dead without an end, as behind a router that has forgotten them. */
import * as Net from "node:net"

export interface Proxy {
  readonly port: number
  /** From now on the connections that are open swallow everything. New ones work. */
  readonly deaden: () => void
  readonly close: () => void
}

interface Pair {
  isDead: boolean
  readonly sockets: ReadonlyArray<Net.Socket>
}

export const open = (target: number): Promise<Proxy> =>
  new Promise((resolve, reject) => {
    const pairs = new Set<Pair>()
    const pass = (pair: Pair, from: Net.Socket, to: Net.Socket): void => {
      from.setNoDelay(true)
      from.on("data", (chunk) => {
        if (!pair.isDead) to.write(chunk)
      })
      from.on("error", () => {})
      from.on("close", () => {
        pairs.delete(pair)
        if (!pair.isDead) to.destroy()
      })
    }
    const server = Net.createServer((near) => {
      const far = Net.connect(target, "127.0.0.1")
      const pair = { isDead: false, sockets: [near, far] }
      pairs.add(pair)
      pass(pair, near, far)
      pass(pair, far, near)
    })
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () =>
      resolve({
        port: (server.address() as Net.AddressInfo).port,
        deaden: () => pairs.forEach((pair) => (pair.isDead = true)),
        close: () => {
          server.close()
          for (const { sockets } of pairs) sockets.forEach((socket) => socket.destroy())
        }
      }))
  })
