/**
 * Reads what sentinels answer: addresses, and the lists of servers and sentinels with their fields, which are maps in RESP3 and
 * flat arrays in RESP2. What can't be read counts as not said.
 *
 * Source: https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#sentinel-commands
 */
import * as Address from "../../../Address.ts"
import type * as Resp from "../../../Resp.ts"
import { fieldsOf } from "../../values/fields.ts"

/** A server, or a sentinel, as a sentinel describes it. */
export interface Instance {
  readonly address: Address.Address
  /** Such as `master`, `slave`, `s_down`, `disconnected`. */
  readonly flags: ReadonlySet<string>
  readonly fields: ReadonlyMap<string, string>
}

/** No list is read further: a sentinel that tells of more is broken. */
const mostInstances = 256

const textOf = (value: Resp.Value | undefined): string | undefined =>
  typeof value === "string" ? value : typeof value === "number" ? `${value}` : undefined

/** The address that a host and a port make, if they are ones that could be connected to. A host may be a name. */
export const addressFrom = (
  host: Resp.Value | undefined,
  port: Resp.Value | undefined
): Address.Address | undefined => {
  const text = textOf(port) ?? ""
  const address = Address.tcp(textOf(host) ?? "", /^\d{1,5}$/.test(text) ? Number(text) : 0)
  return Address.isAddress(address) ? address : undefined
}

/** The address of the primary: `undefined` if the reply can't be read, null if the sentinel does not know the name. */
export const primaryIn = (reply: Resp.Value): Address.Address | null | undefined =>
  reply === null ? null : Array.isArray(reply) ? addressFrom(reply[0], reply[1]) : undefined

/** The fields that are texts. */
const textsOf = (value: Resp.Value | undefined): ReadonlyMap<string, string> => {
  const texts = new Map<string, string>()
  for (const [name, field] of fieldsOf(value) ?? []) {
    const text = textOf(field)
    if (text !== undefined) texts.set(name, text)
  }
  return texts
}

/** One instance; undefined if it has no address. */
export const instanceIn = (value: Resp.Value | undefined): Instance | undefined => {
  const fields = textsOf(value)
  const address = addressFrom(fields.get("ip"), fields.get("port"))
  return address && { address, flags: new Set((fields.get("flags") ?? "").split(",")), fields }
}

/** A list of instances, without those that can't be read. */
export const instancesIn = (reply: Resp.Value): ReadonlyArray<Instance> =>
  Array.isArray(reply) ? reply.slice(0, mostInstances).flatMap((each) => instanceIn(each) ?? []) : []

/** The names of all primaries that a sentinel watches, from its list of them. */
export const namesIn = (reply: Resp.Value): ReadonlyArray<string> =>
  Array.isArray(reply) ? reply.slice(0, mostInstances).flatMap((each) => textsOf(each).get("name") ?? []) : []

/** The configuration epoch in the description of a primary: the higher, the newer. */
export const epochIn = (instance: Instance | undefined): number | undefined => {
  const epoch = Number(instance?.fields.get("config-epoch"))
  return Number.isSafeInteger(epoch) && epoch >= 0 ? epoch : undefined
}

/** Whether the sentinel that describes an instance can't reach it. */
export const isAway = ({ flags }: Instance): boolean =>
  flags.has("s_down") || flags.has("o_down") || flags.has("disconnected")

/** Whether a replica can answer reads: it is up, and connected to its primary. */
export const isUsable = (replica: Instance): boolean =>
  replica.flags.has("slave") && !isAway(replica) && replica.fields.get("master-link-status") === "ok"

/** What an event is about: the names and addresses in it. */
export interface Event {
  readonly channel: string
  readonly words: ReadonlyArray<string>
}

/** Whether a published event concerns the primary of a name, or one of its servers or sentinels. */
export const concerns = ({ channel, words }: Event, name: string): boolean =>
  channel === "+switch-master" ? words[0] === name : words[words.indexOf("@") + 1] === name || words[1] === name
