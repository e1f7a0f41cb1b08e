/**
 * One table of the benchmark: what is measured, for which sizes, and how its figures are shown.
 */

export interface Column {
  readonly heading: string
  /** How many digits follow the point. */
  readonly digits: number
}

export interface Case<Name extends string> {
  readonly label: string
  /** A figure that makes no sense for this case is NaN. */
  readonly measure: () => Promise<Readonly<Record<Name, number>>>
}

export interface Section<Name extends string = string> {
  readonly title: string
  readonly columns: Readonly<Record<Name, Column>>
  readonly cases: ReadonlyArray<Case<Name>>
  /** What the figures mean, where the headings don't say. */
  readonly notes: ReadonlyArray<string>
}

export const make = <Name extends string>(section: Section<Name>): Section<Name> => section

/** The sizes of clusters that are compared. */
export const sizes = [3, 30, 300, 1000]
