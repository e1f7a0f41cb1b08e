import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")

/** Lets V8 free all that nobody holds, so that what is left can be measured. */
export const collectGarbage: () => void = runInNewContext("gc")
