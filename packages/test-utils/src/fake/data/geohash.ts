/**
 * Positions as 52-bit numbers: the bits of latitude and longitude alternate, so that nearby positions have close numbers.
 *
 * Calculated in the same order of operations as on the server, because clients see the numbers as scores.
 *
 * Source: geohash.c and geohash_helper.c of the server.
 *
 * @since 0.1.0
 */

/** Degrees. */
export interface Position {
  readonly longitude: number
  readonly latitude: number
}

export const maxLongitude = 180
/** The latitude where the Mercator projection ends. */
export const maxLatitude = 85.05112878
const fullSteps = 26
const earthRadius = 6372797.560856
const halfEquator = 20037726.37

/** A cell of the grid that divides the earth into 2 to the power of `step` columns and rows. */
export interface Cell {
  readonly step: number
  readonly column: number
  readonly row: number
}

/** The bounds of a cell in degrees. */
export interface Area {
  readonly west: number
  readonly east: number
  readonly south: number
  readonly north: number
}

const cellOf = ({ latitude, longitude }: Position, step: number, maxLat = maxLatitude): Cell => {
  const column = (longitude + maxLongitude) / (2 * maxLongitude)
  const row = (latitude + maxLat) / (maxLat - -maxLat)
  return { step, column: Math.floor(column * 2 ** step), row: Math.floor(row * 2 ** step) }
}

/** Puts the bits of the row at even places, and those of the column at odd places. */
const interleave = ({ column, row }: Cell): number => {
  let [bits, place, x, y] = [0, 1, row, column]
  while (x > 0 || y > 0) {
    bits += place * (x % 2 + 2 * (y % 2))
    place *= 4
    x = Math.floor(x / 2)
    y = Math.floor(y / 2)
  }
  return bits
}

const areaOf = ({ column, row, step }: Cell): Area => {
  const cells = 2 ** step
  return {
    west: -maxLongitude + column / cells * (2 * maxLongitude),
    east: -maxLongitude + (column + 1) / cells * (2 * maxLongitude),
    south: -maxLatitude + row / cells * (2 * maxLatitude),
    north: -maxLatitude + (row + 1) / cells * (2 * maxLatitude)
  }
}

export const encode = (position: Position): number => interleave(cellOf(position, fullSteps))

const clamp = (value: number, limit: number): number => Math.max(Math.min(value, limit), -limit)

/** The middle of the cell of a score. */
export const decode = (score: number): Position => {
  let [column, row] = [0, 0]
  let rest = Math.max(Math.trunc(score), 0)
  for (let place = 1; place < 2 ** 32 && rest > 0; place *= 2) {
    const pair = rest % 4
    row += place * (pair % 2)
    column += place * (pair >> 1)
    rest = Math.floor(rest / 4)
  }
  const { east, north, south, west } = areaOf({ step: fullSteps, column, row })
  return { longitude: clamp((west + east) / 2, maxLongitude), latitude: clamp((south + north) / 2, maxLatitude) }
}

const alphabet = "0123456789bcdefghjkmnpqrstuvwxyz"

/** The 11 letters of a standard geohash. Its latitudes range from pole to pole. */
export const letters = (score: number): string => {
  const bits = interleave(cellOf(decode(score), fullSteps, 90))
  let text = ""
  for (let i = 1; i <= 10; i++) text += alphabet[Math.floor(bits / 2 ** (52 - i * 5)) % 32]
  // 52 bits are not enough for the last letter.
  return `${text}0`
}

const radians = (degrees: number): number => degrees * (Math.PI / 180)
const degrees = (angle: number): number => angle / (Math.PI / 180)

const latitudeDistance = (from: number, to: number): number => earthRadius * Math.abs(radians(to) - radians(from))

/** The distance along the great circle in metres. */
export const distance = (from: Position, to: Position): number => {
  const v = Math.sin((radians(to.longitude) - radians(from.longitude)) / 2)
  if (v === 0) return latitudeDistance(from.latitude, to.latitude)
  const latitude1 = radians(from.latitude)
  const latitude2 = radians(to.latitude)
  const u = Math.sin((latitude2 - latitude1) / 2)
  const a = u * u + Math.cos(latitude1) * Math.cos(latitude2) * v * v
  return 2 * earthRadius * Math.asin(Math.sqrt(a))
}

/** The area that GEOSEARCH searches, in metres. */
export interface Shape {
  readonly center: Position
  readonly width: number
  readonly height: number
  /** Undefined if the area is a box. */
  readonly radius: number | undefined
}

/** The distance of a position from the center; undefined if it is outside. */
export const distanceWithin = ({ center, height, radius, width }: Shape, position: Position): number | undefined => {
  if (radius === undefined) {
    if (latitudeDistance(position.latitude, center.latitude) > height / 2) return undefined
    const across = { longitude: center.longitude, latitude: position.latitude }
    if (distance(position, across) > width / 2) return undefined
    return distance(center, position)
  }
  const away = distance(center, position)
  return away > radius ? undefined : away
}

/** An area that contains the shape. */
const boundsOf = ({ center: { latitude, longitude }, height, radius, width }: Shape): Area => {
  const upright = degrees((radius ?? height / 2) / earthRadius)
  // A degree of longitude is shorter towards the poles.
  const outer = latitude < 0 ? latitude - upright : latitude + upright
  const sideways = degrees((radius ?? width / 2) / earthRadius / Math.cos(radians(outer)))
  return {
    west: longitude - sideways,
    east: longitude + sideways,
    south: latitude - upright,
    north: latitude + upright
  }
}

const stepsFor = (meters: number, latitude: number): number => {
  if (meters === 0) return fullSteps
  let step = 1
  for (let range = meters; range < halfEquator; range *= 2) step++
  step -= 2
  if (Math.abs(latitude) > 66) step--
  if (Math.abs(latitude) > 80) step--
  return Math.max(1, Math.min(step, fullSteps))
}

const neighbor = ({ column, row, step }: Cell, east: number, north: number): Cell => {
  const cells = 2 ** step
  // A position on the very edge is one cell too far. It stays there, but its neighbors are on the other side.
  return {
    step,
    column: east === 0 ? column : (column + east + cells) % cells,
    row: north === 0 ? row : (row + north + cells) % cells
  }
}

const isTooSmall = (cell: Cell, bounds: Area): boolean =>
  areaOf(neighbor(cell, 0, 1)).north < bounds.north ||
  areaOf(neighbor(cell, 0, -1)).south > bounds.south ||
  areaOf(neighbor(cell, 1, 0)).east < bounds.east ||
  areaOf(neighbor(cell, -1, 0)).west > bounds.west

/** The order in which the server looks at a cell and its neighbors: steps to the east and to the north. */
const around = [[0, 0], [0, 1], [0, -1], [1, 0], [-1, 0], [1, 1], [-1, 1], [1, -1], [-1, -1]] as const

/** Scores from `min` to below `max`. */
export interface ScoreSpan {
  readonly min: number
  readonly max: number
}

/** The spans of scores that contain all positions within a shape, in the order of the server. */
export const spansOf = (shape: Shape): ReadonlyArray<ScoreSpan> => {
  const { center, height, radius, width } = shape
  const bounds = boundsOf(shape)
  const reach = radius ?? Math.sqrt((width / 2) * (width / 2) + (height / 2) * (height / 2))
  let cell = cellOf(center, stepsFor(reach, center.latitude))
  if (cell.step > 1 && isTooSmall(cell, bounds)) cell = cellOf(center, cell.step - 1)
  const area = areaOf(cell)
  const useless = (east: number, north: number): boolean =>
    cell.step >= 2 && (
      (north < 0 && area.south < bounds.south) || (north > 0 && area.north > bounds.north) ||
      (east < 0 && area.west < bounds.west) || (east > 0 && area.east > bounds.east)
    )
  const spans: Array<ScoreSpan> = []
  const size = 4 ** (fullSteps - cell.step)
  for (const [east, north] of around) {
    if (useless(east, north)) continue
    const min = interleave(neighbor(cell, east, north)) * size
    // For a huge shape, the neighbors on both sides are the same.
    if (spans.at(-1)?.min !== min) spans.push({ min, max: min + size })
  }
  return spans
}
