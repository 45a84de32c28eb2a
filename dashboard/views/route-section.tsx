// How busy each route is, in the order that the reader chooses.

import { useMemo, useState } from 'preact/hooks';
import { counted, formatCount, formatPercentile, formatRate, formatShare, NONE } from '../model/format.ts';
import type { ProxyModel } from '../model/proxy-model.ts';
import { inOrder, type RouteOrder, type RouteRow, routeRows } from '../model/route-rows.ts';
import { MethodName } from './method-name.tsx';
import { Section } from './section.tsx';
import { type Column, VirtualTable } from './virtual-table.tsx';

const ROW_PX = 40;
const MOST_PX = 400;

type RouteColumn = Omit<Column<RouteRow>, 'id'> & { readonly id: keyof RouteRow };

const COLUMNS: readonly RouteColumn[] = [
  {
    id: 'route',
    title: 'Route',
    cell: ({ route, upstreams }) => (
      <>
        <span class="cut" title={route}>
          {route === '' ? <i>no route matches</i> : <MethodName path={route} />}
        </span>
        <small class="cut" title={upstreams}>
          {upstreams === '' ? NONE : `→ ${upstreams}`}
        </small>
      </>
    ),
  },
  { id: 'perSecond', title: 'Calls/s', isNumber: true, cell: ({ perSecond }) => formatRate(perSecond) },
  {
    id: 'failedPerSecond',
    title: 'Failed/s',
    isNumber: true,
    cell: ({ failedPerSecond, failedShare }) => (
      <span class={failedPerSecond > 0 ? 'bad' : undefined}>
        {formatRate(failedPerSecond)}
        {failedShare !== undefined && failedShare > 0 && <small> {formatShare(failedShare)}</small>}
      </span>
    ),
  },
  {
    id: 'inFlight',
    title: 'In flight',
    isNumber: true,
    isExtra: true,
    cell: ({ inFlight }) => formatCount(inFlight),
  },
  { id: 'p50Ms', title: 'p50', isNumber: true, isExtra: true, cell: ({ p50Ms }) => formatPercentile(p50Ms) },
  { id: 'p99Ms', title: 'p99', isNumber: true, cell: ({ p99Ms }) => formatPercentile(p99Ms) },
  {
    id: 'firstMessageP99Ms',
    title: '1st message p99',
    isNumber: true,
    isExtra: true,
    cell: ({ firstMessageP99Ms }) => formatPercentile(firstMessageP99Ms),
  },
  {
    id: 'retriesPerSecond',
    title: 'Retries/s',
    isNumber: true,
    isExtra: true,
    cell: ({ retriesPerSecond }) => formatRate(retriesPerSecond),
  },
];

export function RouteSection({ model }: { readonly model: ProxyModel }) {
  const [{ by, isDescending }, setOrder] = useState<RouteOrder>({ by: 'perSecond', isDescending: true });
  const rows = inOrder(routeRows(model), by, isDescending);
  const columns = useMemo(
    () =>
      COLUMNS.map((column) => ({
        ...column,
        sorted:
          column.id === by ? (isDescending ? ('descending' as const) : ('ascending' as const)) : undefined,
        // Names begin with A, and figures with the largest.
        onSort: () =>
          setOrder({
            by: column.id,
            isDescending: column.id === by ? !isDescending : column.isNumber === true,
          }),
      })),
    [by, isDescending],
  );
  return (
    <Section
      id="routes"
      title="Routes"
      note={`${counted(rows.length, 'route')}; rates of ten seconds, durations of a minute`}
    >
      <VirtualTable
        label="routes"
        columns={columns}
        rows={rows}
        keyOf={({ route }) => route}
        rowPx={ROW_PX}
        mostPx={MOST_PX}
        empty="The configuration has no routes."
      />
    </Section>
  );
}
