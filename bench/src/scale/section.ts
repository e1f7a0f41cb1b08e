/**
 * One table of the benchmark: the measurement, its sizes, and the format of its figures.
 */

export interface Column {
  readonly heading: string
  /** The number of digits behind the decimal point. */
  readonly digits: number
}

export interface Case<Name extends string> {
  readonly label: string
  /** Measures one case. A figure that does not apply to it is NaN. */
  readonly measure: () => Promise<Readonly<Record<Name, number>>>
}

export interface Section<Name extends string = string> {
  readonly title: string
  readonly columns: Readonly<Record<Name, Column>>
  readonly cases: ReadonlyArray<Case<Name>>
  /** Explanations of the figures, where the headings are not enough. */
  readonly notes: ReadonlyArray<string>
}

export const make = <Name extends string>(section: Section<Name>): Section<Name> => section

/** The sizes of clusters to compare. */
export const sizes = [3, 30, 300, 1000]
