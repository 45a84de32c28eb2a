// Which rows of a long table are in view. All rows have the same height, so this is arithmetic.

export interface RowWindow {
  /** The first row to render, from 0. */
  readonly first: number;
  /** The row behind the last one to render. */
  readonly end: number;
  readonly topPx: number;
  readonly bottomPx: number;
}

export interface RowsInView {
  readonly rows: number;
  readonly rowPx: number;
  readonly scrolledPx: number;
  readonly viewPx: number;
}

/** Rows rendered on either side of the view, so that there is something when it is scrolled by a little. */
const BESIDE = 8;

export function rowWindow({ rows, rowPx, scrolledPx, viewPx }: RowsInView): RowWindow {
  // A table that became shorter is still scrolled to where it was longer.
  const mostPx = Math.max(0, rows * rowPx - viewPx);
  const fromPx = Math.min(Math.max(0, scrolledPx), mostPx);
  const first = Math.max(0, Math.floor(fromPx / rowPx) - BESIDE);
  const end = Math.min(rows, Math.ceil((fromPx + viewPx) / rowPx) + BESIDE);
  return { first, end, topPx: first * rowPx, bottomPx: (rows - end) * rowPx };
}
