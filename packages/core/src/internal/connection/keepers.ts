/**
 * What keeps replies hears from all connections of a pool whatever may make a kept reply old.
 */
import type * as Command from "../../Command.ts"
import type * as Resp from "../../Resp.ts"
import type { Failure } from "../failures/failure.ts"
import { each } from "./strays.ts"
import type { Report } from "./strays.ts"

/** A server's watch over the keys that were read over one connection. */
export interface Watch {
  readonly node: string
  /** Rises when the server has forgotten all keys: what was read before is watched no more. */
  readonly era: number
}

/** A read whose keys the server is asked to watch. */
export interface Watched {
  readonly keys: ReadonlyArray<Command.Arg>
  /** It is being written, at a time in milliseconds of the Clock. */
  readonly begun: (watch: Watch, now: number) => void
  /** A key of it has this many milliseconds left. */
  readonly expiresIn: (millis: number) => void
  /** The server does not watch it. */
  readonly unwatched: () => void
}

export interface Keeper {
  /** A command was written, was answered, or was under way when its time was over or its connection was lost. */
  readonly wrote: (command: Command.Any) => void
  /** A server says that keys have changed. */
  readonly invalidated: (keys: ReadonlyArray<Resp.Value>) => void
  /** A server has forgotten all keys that it watched for a connection, or the connection is lost. */
  readonly forgotten: (watch: Watch, cause: "Flushed" | "Lost") => void
  /** A server does not watch keys for this client. */
  readonly refused: (failure: Failure) => void
}

/** The keepers of a pool. */
export class Keepers {
  private all: ReadonlyArray<Keeper> = []
  private readonly report: Report

  constructor(report: Report) {
    this.report = report
  }

  /** Returns what takes it back. */
  add(keeper: Keeper): () => void {
    this.all = [...this.all, keeper]
    return () => {
      this.all = this.all.filter((other) => other !== keeper)
    }
  }

  /** Called for each command, so without a closure. */
  wrote(command: Command.Any): void {
    for (let i = 0; i < this.all.length; i++) this.all[i].wrote(command)
  }

  tell(f: (keeper: Keeper) => void): void {
    each(this.all, f, this.report)
  }
}
