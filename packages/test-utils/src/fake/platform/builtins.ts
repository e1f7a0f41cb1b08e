/**
 * Modules that exist only in Node (and compatible platforms). They are looked up when first needed, and never imported, so that
 * everything else runs in a browser.
 *
 * @since 0.1.0
 */
import type * as Fs from "node:fs"
import type * as Module from "node:module"
import type * as Net from "node:net"

interface Builtins {
  readonly "node:fs": typeof Fs
  readonly "node:module": typeof Module
  readonly "node:net": typeof Net
}

interface Platform {
  readonly process?: {
    readonly getBuiltinModule?: <Name extends keyof Builtins>(name: Name) => Builtins[Name] | undefined
  }
}

/** The module with this name, or undefined if the platform does not have it. */
export const builtin = <Name extends keyof Builtins>(name: Name): Builtins[Name] | undefined =>
  (globalThis as Platform).process?.getBuiltinModule?.(name)
