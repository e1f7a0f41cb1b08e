import { spawnSync } from "node:child_process"

/** The command line client that came with the installed server, if one did. */
export const cli = ["redis-cli", "valkey-cli"].find((path) => spawnSync(path, ["--version"]).status === 0)
