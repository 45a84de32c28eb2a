// Makes the figures of one second out of what the processes say, as the text that all readers of the dashboard get. It gives the event loop
// its turn between the parts, since there may be thousands of endpoints.

import type {
  DashboardFigures,
  EndpointFigures,
  ProcessFigures,
  RouteFigures,
  UpstreamFigures,
} from '../admin/dashboard-figures.ts';
import type { Config } from '../config/config.ts';
import {
  ENDPOINT_LAYOUT,
  ENDPOINT_STATES,
  endpointOfKey,
  ROUTE_LAYOUT,
  UPSTREAM_LAYOUT,
} from '../observability/figure-layouts.ts';
import type { FigureTable } from '../observability/figure-table.ts';
import type { Pace } from '../observability/pace.ts';
import type { DashboardReport } from '../plane/plane.ts';
import type { ProcessState } from '../plane/process-figures.ts';
import { isHeardSince } from '../plane/upstream-report.ts';
import { describeTotals } from './dashboard-history.ts';

export interface FrameParts {
  readonly report: DashboardReport;
  readonly atEpochMs: number;
  readonly epoch: number;
  readonly config: Config;
  /** Why the proxy takes no calls. Undefined if it does. */
  readonly whyNotReady: string | undefined;
}

/** Routes or endpoints that become text at once. */
const AT_ONCE = 64;

/** @returns `DashboardFigures` as JSON */
export async function figuresText(parts: FrameParts, pace: Pace): Promise<string> {
  const { report, epoch, config, whyNotReady } = parts;
  const head = {
    event: 'figures',
    epoch,
    isReady: whyNotReady === undefined,
    ...(whyNotReady === undefined ? {} : { whyNotReady }),
    totals: describeTotals(parts.atEpochMs, report.totals),
    processes: report.processes.map(describeProcess),
    workerRestarts: report.workerRestarts,
    ...(report.lastWorkerDeath && { lastWorkerDeath: report.lastWorkerDeath }),
    olderEpochs: report.epochs
      .filter((one) => one.epoch !== epoch)
      .toSorted((one, other) => one.epoch - other.epoch),
    ...(report.unanswered === undefined ? {} : { unanswered: report.unanswered }),
  } satisfies Omit<DashboardFigures, 'routes' | 'upstreams'>;
  const routes = await listText(routesOf(config, report.routes), pace);
  const upstreams: string[] = [];
  for (const upstream of upstreamsOf(parts)) {
    const { endpoints, ...rest } = upstream;
    upstreams.push(withField(JSON.stringify(rest), 'endpoints', await listText(endpoints, pace)));
  }
  const withRoutes = withField(JSON.stringify(head), 'routes', routes);
  return withField(withRoutes, 'upstreams', `[${upstreams.join(',')}]`);
}

/** @param object the text of an object that is not empty */
function withField(object: string, name: string, value: string): string {
  return `${object.slice(0, -1)},"${name}":${value}}`;
}

async function listText(list: Iterable<unknown>, pace: Pace): Promise<string> {
  const texts: string[] = [];
  for (const entry of list) {
    texts.push(JSON.stringify(entry));
    if (texts.length % AT_ONCE === 0) await pace.rest();
  }
  return `[${texts.join(',')}]`;
}

function* routesOf({ routes }: Config, table: FigureTable): Generator<RouteFigures> {
  const rows = new Map(table.keys.map((key, row) => [key, row]));
  for (const { name, upstream, split } of routes) {
    const upstreams = split?.map((one) => one.upstream) ?? (upstream === undefined ? [] : [upstream]);
    yield describeRoute(name, upstreams, table, rows.get(name));
    rows.delete(name);
  }
  for (const [name, row] of rows) yield describeRoute(name, [], table, row);
}

const NO_CALLS: FigureTable = { keys: [''], values: new Float64Array(ROUTE_LAYOUT.width) };

/** @param row undefined if the route has had no call */
function describeRoute(
  route: string,
  upstreams: readonly string[],
  known: FigureTable,
  row: number | undefined,
): RouteFigures {
  const [table, at] = row === undefined ? [NO_CALLS, 0] : [known, row];
  const read = (column: Parameters<typeof ROUTE_LAYOUT.at>[0]): number =>
    ROUTE_LAYOUT.read(table, at, column);
  const outcomes = {
    ok: read('ok'),
    cancelled: read('cancelled'),
    clientFault: read('clientFault'),
    failed: read('failed'),
  };
  const inFlight = read('inFlight');
  return {
    route,
    upstreams,
    ...outcomes,
    started: outcomes.ok + outcomes.cancelled + outcomes.clientFault + outcomes.failed + inFlight,
    inFlight,
    retries: read('retries'),
    durations: ROUTE_LAYOUT.readAll(table, at, 'durations'),
    firstMessages: ROUTE_LAYOUT.readAll(table, at, 'firstMessages'),
  };
}

/** An upstream whose endpoints are described when they are asked for. */
type UpstreamParts = Omit<UpstreamFigures, 'endpoints'> & { readonly endpoints: Iterable<EndpointFigures> };

function* upstreamsOf({ config: { upstreams }, report, atEpochMs }: FrameParts): Generator<UpstreamParts> {
  const { endpoints, upstreams: table } = report;
  const rows = Map.groupBy(endpoints.keys.keys(), (row) => endpointOfKey(endpoints.keys[row]).upstream);
  const known = new Map(table.keys.map((key, row) => [key, row]));
  for (const { name } of upstreams) {
    const row = known.get(name);
    const read = (column: Parameters<typeof UPSTREAM_LAYOUT.at>[0]): number =>
      row === undefined ? 0 : UPSTREAM_LAYOUT.read(table, row, column);
    const [leftOut, panicMs] = [read('leftOut'), read('panicMs')];
    yield {
      upstream: name,
      pending: read('pending'),
      ...(panicMs === 0 ? {} : { panicSinceEpochMs: wholeSecond(atEpochMs - panicMs) }),
      endpoints: endpointsOf(rows.get(name) ?? [], endpoints, atEpochMs),
      ...(leftOut === 0 ? {} : { leftOut }),
    };
  }
}

/** Processes are asked at moments that differ by some milliseconds. */
function wholeSecond(epochMs: number): number {
  return Math.round(epochMs / 1000) * 1000;
}

function* endpointsOf(
  rows: readonly number[],
  table: FigureTable,
  atEpochMs: number,
): Generator<EndpointFigures> {
  for (const row of rows) {
    const read = (column: Parameters<typeof ENDPOINT_LAYOUT.at>[0]): number =>
      ENDPOINT_LAYOUT.read(table, row, column);
    const usedBy = read('usedBy');
    const unreached = read('unreachedSinceEpochMs');
    const heardSince = isHeardSince({
      heardAtEpochMs: read('heardAtEpochMs'),
      unreachedSinceEpochMs: unreached > 0 ? unreached : undefined,
    });
    const isSplit = usedBy > 0 && usedBy < read('processes');
    yield {
      endpoint: endpointOfKey(table.keys[row]).endpoint,
      state: ENDPOINT_STATES[read('state')],
      sinceEpochMs: wholeSecond(atEpochMs - read('ageMs')),
      ...(isSplit ? { usedBy } : {}),
      ...(heardSince === true ? { heardSince } : {}),
      inFlight: read('inFlight'),
      connections: read('connections'),
      weight: Number(read('weight').toPrecision(4)),
      answered: read('answered'),
      failed: read('failed'),
      givenUp: read('givenUp'),
      lost: read('lost'),
      timedOut: read('timedOut'),
      responses: read('responses'),
      responseMs: read('responseMs'),
      ejections: read('ejections'),
    };
  }
}

function describeProcess(process: ProcessState): ProcessFigures {
  const { worker, pid, state, epoch, carries, eventLoopDelay, memory, cpuSeconds, openFiles, mostOpenFiles } =
    process;
  return {
    pid,
    state,
    epoch,
    ...(worker === undefined ? {} : { worker }),
    ...(carries === undefined ? {} : { carries }),
    ...(eventLoopDelay === undefined ? {} : { eventLoopDelay }),
    ...(memory === undefined ? {} : { memory: describeMemory(memory) }),
    ...(cpuSeconds === undefined ? {} : { cpuSeconds: Math.round(cpuSeconds * 1000) / 1000 }),
    ...(openFiles === undefined ? {} : { openFiles }),
    ...(mostOpenFiles === undefined ? {} : { mostOpenFiles }),
  };
}

function describeMemory({
  level,
  usedBytes,
  limitBytes,
}: NonNullable<ProcessState['memory']>): NonNullable<ProcessFigures['memory']> {
  return {
    usedBytes,
    ...(level === undefined ? {} : { level }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
  };
}
