// The page of `framegate top`: one line for each route and each endpoint, the busiest first, as many as the terminal has room for.

import { visibleText } from '../config/visible-text.ts';
import { durationText } from './event-line.ts';
import { paint } from './paint.ts';
import type { EndpointFigures, RouteFigures, TopFigures } from './top-figures.ts';

/** The calls in flight. */
export interface InFlight {
  readonly total: number;
  /** How many of them each side blocks. */
  readonly blocked: Readonly<Record<'client' | 'service' | 'framegate', number>>;
}

export interface TopPage {
  /** Where the proxy was asked. */
  readonly address: string;
  readonly time: Date;
  readonly figures: TopFigures;
  readonly inFlight: InFlight;
}

/** The lines that are neither of a route nor of an endpoint: two at the top, and a head and an empty line for both tables. */
const LINES_AROUND = 6;
/** Where the output is no terminal, everything is shown. */
const NO_LIMIT = Number.POSITIVE_INFINITY;

/**
 * @param rows how many lines the terminal has; undefined if it is none
 * @param stream decides whether there are colours
 */
export function topLines(
  page: TopPage,
  rows: number | undefined,
  stream: NodeJS.WriteStream,
): readonly string[] {
  const { figures, inFlight } = page;
  const room = rows === undefined ? NO_LIMIT : Math.max(2, rows - LINES_AROUND - 1);
  const forRoutes = Math.max(1, Math.min(figures.routes.length, Math.ceil(room / 2)));
  const { client, service, framegate } = inFlight.blocked;
  return [
    `${page.address}  ${page.time.toLocaleTimeString('sv-SE')}  ${rate(figures.callsPerSecond)} calls/s, ${inFlight.total} in flight, ${figures.connections} connections of clients`,
    `blocked: ${client} by their client, ${service} by their service, ${framegate} by Framegate`,
    '',
    routeRow(['ROUTE', 'UPSTREAM', 'CALLS/S', 'ERRORS/S', 'P50', 'P99', 'ERRORS']),
    ...firstOf(figures.routes, forRoutes).map((route) => routeLine(route, stream)),
    ...moreThan(figures.routes, forRoutes),
    '',
    endpointRow(['UPSTREAM', 'ENDPOINT', 'ATTEMPTS/S', 'FAILED/S', 'IN FLIGHT', 'ANSWERS IN', '']),
    ...firstOf(figures.endpoints, room - forRoutes).map((endpoint) => endpointLine(endpoint, stream)),
    ...moreThan(figures.endpoints, room - forRoutes),
  ];
}

function routeLine(route: RouteFigures, stream: NodeJS.WriteStream): string {
  const failures = Object.entries(route.failures).map(
    ([status, perSecond]) => `${cell(status)} ${rate(perSecond)}`,
  );
  const line = routeRow([
    route.route === '' ? '(no route)' : cell(route.route),
    cell(route.upstream),
    rate(route.callsPerSecond),
    rate(route.failuresPerSecond),
    durationText(route.p50Ms) || '-',
    durationText(route.p99Ms) || '-',
    failures.join(', '),
  ]);
  return route.failuresPerSecond > 0 ? paint(stream, 'yellow', line) : line;
}

function endpointLine(endpoint: EndpointFigures, stream: NodeJS.WriteStream): string {
  const line = endpointRow([
    cell(endpoint.upstream),
    cell(endpoint.endpoint),
    rate(endpoint.attemptsPerSecond),
    rate(endpoint.failuresPerSecond),
    String(endpoint.active),
    durationText(endpoint.meanMs) || '-',
    endpoint.isHealthy ? '' : 'unhealthy',
  ]);
  return endpoint.isHealthy ? line : paint(stream, 'red', line);
}

function routeRow([route, upstream, calls, errors, p50, p99, statuses]: readonly string[]): string {
  const names = `${route.padEnd(20)}  ${upstream.padEnd(16)}`;
  const figures = [calls, errors, p50, p99].map((text) => text.padStart(9)).join('  ');
  return `${names}  ${figures}  ${statuses}`.trimEnd();
}

function endpointRow([
  upstream,
  endpoint,
  attempts,
  failed,
  active,
  mean,
  health,
]: readonly string[]): string {
  const figures = [attempts, failed, active, mean].map((text) => text.padStart(10)).join('  ');
  return `${upstream.padEnd(16)}  ${endpoint.padEnd(24)}  ${figures}  ${health}`.trimEnd();
}

function firstOf<Row>(rows: readonly Row[], count: number): readonly Row[] {
  return rows.length > count ? rows.slice(0, count - 1) : rows;
}

function moreThan(rows: readonly unknown[], count: number): readonly string[] {
  return rows.length > count ? [`… ${rows.length - count + 1} more`] : [];
}

function rate(perSecond: number): string {
  if (perSecond === 0) return '0';
  return perSecond < 100 ? perSecond.toFixed(1) : String(Math.round(perSecond));
}

function cell(text: string): string {
  return visibleText(text);
}
