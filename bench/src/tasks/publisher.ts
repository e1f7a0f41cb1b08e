/**
 * The process that publishes, as fast as a server can: by a script that publishes many messages at once.
 *
 * Usage: node publisher.ts <port> <channel> <messages>
 */
import * as Net from "node:net"

const [port, channel, messages] = process.argv.slice(2)
const each = 500
const script = `for i = 1, ${each} do redis.call('PUBLISH', '${channel}', ARGV[1]) end`
const payload = "x".repeat(100)
const command = ["*4", "$4", "EVAL", `$${script.length}`, script, "$1", "0", `$${payload.length}`, payload, ""].join(
  "\r\n"
)

let left = Number(messages) / each
let inFlight = 0
const socket = Net.connect({ port: Number(port), host: "127.0.0.1" })

const publish = (): void => {
  for (; left > 0 && inFlight < 64; left--) {
    socket.write(command)
    inFlight++
  }
  if (inFlight === 0) process.exit(0)
}

socket.on("connect", publish)
socket.on("data", (chunk) => {
  inFlight -= chunk.toString("latin1").split("\r\n").length - 1
  publish()
})
// The subscriber's process has ended.
process.stdin.resume().once("close", () => process.exit(0))
