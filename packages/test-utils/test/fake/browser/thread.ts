/**
 * A thread that has of Node what a browser has too: no module of Node's can be imported, and its globals are gone. Runs the
 * program beside it there, and posts what came of it.
 */
import { isBuiltin, registerHooks } from "node:module"
import { parentPort } from "node:worker_threads"

const parent = parentPort!

registerHooks({
  resolve: (specifier, context, next) => {
    if (isBuiltin(specifier)) throw new Error(`${context.parentURL} imports ${specifier}`)
    return next(specifier, context)
  }
})
for (const name of ["Buffer", "process", "setImmediate", "clearImmediate", "global"]) {
  Reflect.deleteProperty(globalThis, name)
}

const { outcome } = await import("./program.ts")
// oxlint-disable-next-line unicorn/require-post-message-target-origin
parent.postMessage(await outcome)
