/**
 * Fetches programs of other Debian releases with apt, from the mirror that the system itself uses. They are unpacked into a
 * folder and run with the libraries of their own release. The system itself is not changed.
 */
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"

/** A program can't be fetched or run. The message says why. */
export class Unavailable extends Error {}

const run = (command: string, args: ReadonlyArray<string>, environment: NodeJS.ProcessEnv = {}): string => {
  const { error, status, stderr, stdout } = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C", ...environment },
    maxBuffer: 64 * 1024 * 1024
  })
  if (error !== undefined) throw new Unavailable(`${command} could not be run: ${error.message}`)
  if (status !== 0) throw new Unavailable(`${command} failed:\n${(stderr || stdout).trim()}`)
  return stdout
}

const system = (): Readonly<Record<string, string>> => {
  const text = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : ""
  return Object.fromEntries(Array.from(text.matchAll(/^(\w+)="?(.*?)"?$/gm), ([, name, value]) => [name, value]))
}

/** Whether a package is installed on this system and belongs to the given release. */
export const isInstalled = (name: string, release: string): boolean => {
  const { ID, VERSION_CODENAME } = system()
  if (ID !== "debian" || VERSION_CODENAME !== release) return false
  const { stdout } = spawnSync("dpkg-query", ["--show", "--showformat", "${db:Status-Status}", name], {
    encoding: "utf8"
  })
  return stdout === "installed"
}

/** Debian 13 keeps its keys in another file than earlier releases. */
const keyrings = ["pgp", "gpg"].map((format) => `/usr/share/keyrings/debian-archive-keyring.${format}`)

/**
 * Makes an apt that keeps its state in a folder. Of the system's settings it uses only those for fetching (proxies,
 * certificates, credentials), and no hooks.
 */
const makeApt = (folder: string) => {
  for (const name of ["lists/partial", "archives/partial"]) mkdirSync(join(folder, name), { recursive: true })
  const status = join(folder, "status")
  writeFileSync(status, "")
  const fetching = run("apt-config", ["dump"]).split("\n").filter((line) => line.startsWith("Acquire::"))
  const configuration = join(folder, "apt.conf")
  const settings = {
    "Dir::Etc::main": "/dev/null",
    "Dir::Etc::parts": "/dev/null",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "Dir::State": folder,
    "Dir::State::lists": join(folder, "lists"),
    "Dir::State::status": status,
    "Dir::Cache": folder,
    "Dir::Cache::archives": join(folder, "archives"),
    "APT::Install-Recommends": "false",
    "APT::Sandbox::User": "root",
    "APT::Update::Error-Mode": "any"
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${JSON.stringify(value)};`)
  writeFileSync(configuration, [...fetching, ...lines, ""].join("\n"), { mode: 0o600 })
  return (...args: ReadonlyArray<string>) => run("apt-get", ["-q", ...args], { APT_CONFIG: configuration })
}

type Apt = ReturnType<typeof makeApt>

/** The archives in apt's sources, in whatever format, without security updates and the like; the system's release first. */
const archives = (apt: Apt): ReadonlyArray<string> => {
  const own = system().VERSION_CODENAME
  const suites = Array.from(
    apt("update", "--print-uris").matchAll(/^'(.+)\/dists\/([^/]+)\/InRelease'/gm),
    ([, archive, suite]) => ({ archive, suite })
  ).filter(({ suite }) => !suite.includes("-"))
  const sorted = suites.sort((a, b) => Number(b.suite === own) - Number(a.suite === own))
  return [...new Set(sorted.map(({ archive }) => archive))]
}

/** An apt that knows the packages of a release, from the first archive that has the release and is signed by Debian. */
const aptOf = (folder: string, release: string): Apt => {
  const keyring = keyrings.find(existsSync)
  if (keyring === undefined) throw new Unavailable("install debian-archive-keyring, which has Debian's keys")
  const apt = makeApt(folder)
  const sources = join(folder, "sources.list")
  const settings = ["-o", `Dir::Etc::sourcelist=${sources}`, "-o", "Dir::Etc::sourceparts=/dev/null"]
  let problem = new Unavailable("apt's sources name no archive of Debian")
  for (const archive of archives(apt)) {
    writeFileSync(sources, `deb [signed-by=${keyring}] ${archive} ${release} main\n`, { mode: 0o600 })
    try {
      apt(...settings, "update")
      return (...args) => apt(...settings, ...args)
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      problem = error
    }
  }
  throw problem
}

/** Writes a script that starts a program with the libraries fetched with it, in place of the system's. */
const writeLauncher = (root: string, program: string): void => {
  const libraries = ["usr/lib", "lib"].flatMap((folder) => {
    if (!existsSync(join(root, folder))) return []
    return readdirSync(join(root, folder)).filter((name) => /-linux-gnu/.test(name)).map((name) => join(folder, name))
  })
  const loader = libraries
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(folder, name)))
    .find((path) => /\/ld(-linux.*|64)\.so\.\d$/.test(path))
  if (loader === undefined) throw new Unavailable(`${program}: no loader of programs came along with it`)
  const path = libraries.map((folder) => `$here/${folder}`).join(":")
  const launcher = join(root, program)
  writeFileSync(
    launcher,
    `#!/bin/sh\nhere=$(dirname "$0")\nexec "$here/${loader}" --argv0 "$0" --library-path "${path}" "$here/usr/bin/${program}" "$@"\n`
  )
  chmodSync(launcher, 0o755)
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

/**
 * Unpacks a package and its dependencies into `<folder>/<release>-<name>`, and returns the path of the program there. A
 * program is fetched only once; its folder appears only when it is complete.
 *
 * **Details**
 *
 * The signatures of all packages are checked with the system's keys of Debian.
 */
export const fetchProgram = (folder: string, release: string, name: string): string => {
  const target = resolve(folder, `${release}-${name}`)
  const program = join(target, name)
  if (existsSync(program)) return program

  const what = `${name} of Debian's ${release} can't be fetched`
  if (system().ID !== "debian") throw new Unavailable(`${what}: this system is not Debian, whose apt is needed`)

  console.error(`fetching ${name} of Debian's ${release} (apt-get)`)
  mkdirSync(folder, { recursive: true })
  for (const left of readdirSync(folder).filter((entry) => entry.startsWith(`${release}-${name}.`))) {
    if (!isAlive(Number(left.split(".").at(-1)))) rmSync(join(folder, left), { recursive: true, force: true })
  }
  const staging = `${target}.${process.pid}`
  mkdirSync(staging)
  try {
    const apt = aptOf(staging, release)
    apt("install", "--yes", "--download-only", name)
    const root = join(staging, "root")
    const packages = readdirSync(join(staging, "archives")).filter((file) => file.endsWith(".deb"))
    for (const file of packages) run("dpkg-deb", ["--extract", join(staging, "archives", file), root])
    writeLauncher(root, name)
    try {
      renameSync(root, target)
    } catch (error) {
      // Another process may have been faster; then its result is used.
      if (!existsSync(program)) throw error
    }
  } catch (error) {
    if (error instanceof Unavailable) throw new Unavailable(`${what}: ${error.message}`)
    throw error
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
  return program
}
