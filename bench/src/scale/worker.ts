/** Measures one case, given by its section and its place in it, in a fresh process that nothing else has warmed up or filled. */
import { sections } from "./sections.ts"

const [section, place] = process.argv.slice(2)
process.send!(await sections[section].cases[Number(place)].measure())
process.disconnect()
