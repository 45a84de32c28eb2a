// Figures of many things of one kind, as a table of numbers: a row for each thing, by its key, and the same columns for all. Processes send
// such tables to each other every second, so that a row costs no object, and structured clone copies the numbers as one block.

export interface FigureTable {
  /** What each row is about. No two are equal. */
  readonly keys: readonly string[];
  /** One row after the other. */
  readonly values: Float64Array;
}

/**
 * What becomes of a column where the tables of several processes are combined. A counter outlives its process; the others do not.
 * - counter: the sum, also of processes that have ended.
 * - gauge: the sum.
 * - most: the largest.
 */
export type ColumnKind = 'counter' | 'gauge' | 'most';

/** A kind, or a kind and how many numbers a column has. */
export type ColumnShape = ColumnKind | readonly [ColumnKind, number];

export class FigureLayout<Column extends string> {
  /** The numbers of a row. */
  readonly width: number;
  readonly #offsets = new Map<Column, number>();
  readonly #sizes = new Map<Column, number>();
  readonly #kinds: ColumnKind[] = [];

  /** @param columns in the order of the numbers in a row */
  constructor(columns: Readonly<Record<Column, ColumnShape>>) {
    for (const column in columns) {
      const shape: ColumnShape = columns[column];
      const [kind, size] = typeof shape === 'string' ? ([shape, 1] as const) : shape;
      this.#offsets.set(column, this.#kinds.length);
      this.#sizes.set(column, size);
      for (let index = 0; index < size; index++) this.#kinds.push(kind);
    }
    this.width = this.#kinds.length;
  }

  /** Where a column begins in a row. */
  at(column: Column): number {
    return this.#offsets.get(column) ?? 0;
  }

  /** @returns the numbers of a row of which each column is one number */
  row(figures: Readonly<Record<Column, number>>): readonly number[] {
    const row: number[] = [];
    for (const column of this.#offsets.keys()) row.push(figures[column]);
    return row;
  }

  /** @param row which row of the table */
  read({ values }: FigureTable, row: number, column: Column): number {
    return values[row * this.width + this.at(column)];
  }

  /** @returns a copy of all numbers of a column */
  readAll({ values }: FigureTable, row: number, column: Column): readonly number[] {
    const begin = row * this.width + this.at(column);
    return Array.from(values.subarray(begin, begin + (this.#sizes.get(column) ?? 1)));
  }

  /** Whether a table of another process has the form of this layout. */
  fits({ keys, values }: FigureTable): boolean {
    return values.length === keys.length * this.width;
  }

  /** Rows are in the order of their first appearance. */
  combine(tables: readonly FigureTable[]): FigureTable {
    const filled = tables.filter(({ keys }) => keys.length > 0);
    const [first, ...others] = filled;
    if (others.length === 0) return first ?? EMPTY_TABLE;
    // Workers of one configuration mostly have the same rows.
    if (others.every(({ keys }) => areEqual(keys, first.keys))) {
      const values = first.values.slice();
      for (const other of others)
        for (let row = 0; row < first.keys.length; row++) this.#addRow(values, row, other.values, row);
      return { keys: first.keys, values };
    }
    const rows = new Map<string, number>();
    for (const { keys } of filled) for (const key of keys) if (!rows.has(key)) rows.set(key, rows.size);
    const values = new Float64Array(rows.size * this.width);
    for (const table of filled)
      for (const [row, key] of table.keys.entries())
        this.#addRow(values, rows.get(key) ?? 0, table.values, row);
    return { keys: [...rows.keys()], values };
  }

  /** @returns the rows with these keys */
  pick(table: FigureTable, keys: ReadonlySet<string>): FigureTable {
    const rows = Array.from(table.keys.keys()).filter((row) => keys.has(table.keys[row]));
    if (rows.length === table.keys.length) return table;
    const values = new Float64Array(rows.length * this.width);
    for (const [index, row] of rows.entries())
      values.set(table.values.subarray(row * this.width, (row + 1) * this.width), index * this.width);
    return { keys: rows.map((row) => table.keys[row]), values };
  }

  /** @returns what stays valid of the table of a process that has ended */
  countersOf({ keys, values }: FigureTable): FigureTable {
    const counters = values.map((value, index) =>
      this.#kinds[index % this.width] === 'counter' ? value : 0,
    );
    return { keys, values: counters };
  }

  #addRow(target: Float64Array, targetRow: number, source: Float64Array, sourceRow: number): void {
    const to = targetRow * this.width;
    const from = sourceRow * this.width;
    for (let index = 0; index < this.width; index++) {
      const value = source[from + index];
      if (this.#kinds[index] !== 'most') target[to + index] += value;
      else if (value > target[to + index]) target[to + index] = value;
    }
  }
}

export const EMPTY_TABLE: FigureTable = { keys: [], values: new Float64Array() };

function areEqual(keys: readonly string[], others: readonly string[]): boolean {
  return keys.length === others.length && keys.every((key, index) => key === others[index]);
}
