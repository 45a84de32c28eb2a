// A table that may have ten thousand rows: only those in view are elements. Assistive technology is told how many there are.

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { rowWindow } from '../model/virtual-rows.ts';

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Set for figures. */
  readonly isNumber?: boolean;
  /** Left out where the screen is narrow. */
  readonly isExtra?: boolean;
  /** The table can be put in the order of this column. */
  readonly onSort?: () => void;
  readonly sorted?: 'ascending' | 'descending' | undefined;
}

interface VirtualTableProps<Row> {
  /** In the plural, with a small letter. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly rowPx: number;
  readonly mostPx: number;
  readonly empty: string;
  readonly isMarked?: (row: Row) => boolean;
  /** Called when the last rows come into view. */
  readonly onEnd?: () => void;
}

const HEAD_PX = 32;

export function VirtualTable<Row>(props: VirtualTableProps<Row>) {
  const { label, columns, rows, rowPx, mostPx, empty, onEnd } = props;
  const box = useRef<HTMLDivElement>(null);
  const [scrolledPx, setScrolledPx] = useState(0);
  const viewPx = Math.min(mostPx, Math.max(rowPx, rows.length * rowPx));
  const { first, end, topPx, bottomPx } = rowWindow({ rows: rows.length, rowPx, scrolledPx, viewPx });
  useLayoutEffect(() => {
    if (end === rows.length && rows.length > 0) onEnd?.();
  }, [end, rows.length]);
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    // A part of the page that scrolls has to be reached by the keyboard.
    <div
      ref={box}
      class="table-box"
      // A short table is as high as its rows, whatever the font makes of them, so that it never scrolls.
      style={{ maxHeight: `${mostPx + HEAD_PX}px` }}
      tabIndex={0}
      role="region"
      aria-label={`Table of ${label}`}
      onScroll={({ currentTarget }) => setScrolledPx(currentTarget.scrollTop)}
    >
      <table class="virtual" aria-rowcount={rows.length + 1} aria-label={label}>
        <Head columns={columns} />
        <tbody>
          {topPx > 0 && <Space px={topPx} />}
          {rows.slice(first, end).map((row, index) => (
            <BodyRow key={props.keyOf(row)} row={row} number={first + index} table={props} />
          ))}
          {bottomPx > 0 && <Space px={bottomPx} />}
        </tbody>
      </table>
    </div>
  );
}

function Head<Row>({ columns }: { readonly columns: readonly Column<Row>[] }) {
  return (
    <thead>
      <tr aria-rowindex={1}>
        {columns.map((column) => (
          <th key={column.id} scope="col" class={classOf(column)} aria-sort={column.sorted}>
            {column.onSort === undefined ? (
              column.title
            ) : (
              <button type="button" class="sort" onClick={column.onSort}>
                {column.title}
                <span class="direction" aria-hidden="true">
                  {column.sorted === undefined ? '' : column.sorted === 'ascending' ? ' ↑' : ' ↓'}
                </span>
              </button>
            )}
          </th>
        ))}
      </tr>
    </thead>
  );
}

interface BodyRowProps<Row> {
  readonly row: Row;
  readonly number: number;
  readonly table: VirtualTableProps<Row>;
}

function BodyRow<Row>({ row, number, table }: BodyRowProps<Row>) {
  return (
    <tr
      aria-rowindex={number + 2}
      class={table.isMarked?.(row) === true ? 'marked' : undefined}
      style={{ height: `${table.rowPx}px` }}
    >
      {table.columns.map((column) => (
        <td key={column.id} class={classOf(column)}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );
}

/** Takes the place of the rows that are not rendered. It has one cell, since the number of columns depends on the width of the screen. */
function Space({ px }: { readonly px: number }) {
  return (
    <tr aria-hidden="true" class="space" style={{ height: `${px}px` }}>
      <td />
    </tr>
  );
}

function classOf<Row>({ id, isNumber, isExtra }: Column<Row>): string {
  return `of-${id}${isNumber === true ? ' number' : ''}${isExtra === true ? ' extra' : ''}`;
}
