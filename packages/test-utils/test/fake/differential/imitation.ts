/**
 * Tests that compare with the installed server need a simulated one of its version. Where none is imitated nothing is compared,
 * and the titles of the tests say so.
 */
import { describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Version from "../../../src/fake/facts/version.ts"
import { findServer } from "../../../src/internal/serverProcess.ts"
import { Server } from "../commands/harness.ts"
import type { Options } from "../commands/harness.ts"

const { kind, version } = await Effect.runPromise(findServer(undefined))
/** The simulated version of the installed server. */
export const imitated = Version.imitating(kind, version)

/** The version that is nearest to the installed server, which may be another kind of server. */
export const nearest = imitated ?? Version.named("8.0")

/** Defines tests that compare with a real server. */
export const onRealServer = (title: string, define: () => void): void => {
  if (imitated !== undefined) describe(title, define)
  else describe.skip(`${title}: not compared, for ${kind} ${version} is not imitated`, define)
}

/** A simulated server of the version of the real one. */
export const fakeServer = (options: Options = {}): Server => new Server({ version: imitated, ...options })
