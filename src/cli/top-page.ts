// The page of `framegate top`: one line for each route and each endpoint, the busiest first, as many as the terminal has room for.

import { visibleText } from '../config/visible-text.ts';
import { cutEnd, cutStart } from './cut-text.ts';
import { durationText } from './event-line.ts';
import type { ScreenSize } from './full-screen.ts';
import { paint } from './paint.ts';
import {
  type EndpointFigures,
  LEAST_ONLY_SECONDS,
  type RouteFigures,
  type TopFigures,
} from './top-figures.ts';

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
const ROUTE_FIGURES = ['  CALLS/S', ' ERRORS/S', 'IN FLIGHT', '      P50', '      P99'] as const;
const ENDPOINT_FIGURES = ['ATTEMPTS/S', 'FAILED/S', 'GIVEN UP/S', 'IN FLIGHT', 'ANSWERS IN'] as const;
/** In place of the time to an answer: `framegate status` says why. */
const NOT_USABLE = 'not usable';
const USUAL_ROUTE_NAMES = [20, 16] as const;
const USUAL_ENDPOINT_NAMES = [16, 24] as const;
/** What both names of a line get at least, although the figures behind them are then cut. */
const LEAST_NAMES = 16;
const LEAST_LAST = 6;
const GAP = '  ';

/**
 * @param size of the terminal; undefined if it is none, and then nothing is cut
 * @param stream decides whether there are colours
 */
export function topLines(
  page: TopPage,
  size: ScreenSize | undefined,
  stream: NodeJS.WriteStream,
): readonly string[] {
  const { figures, inFlight } = page;
  const columns = size?.columns ?? NO_LIMIT;
  const around = LINES_AROUND + Math.sign(figures.workerDeaths);
  const room = size === undefined ? NO_LIMIT : Math.max(2, size.rows - around - 1);
  const forRoutes = Math.max(1, Math.min(figures.routes.length, Math.ceil(room / 2)));
  const { client, service, framegate } = inFlight.blocked;
  const clients =
    figures.connections === 1 ? '1 connection of a client' : `${figures.connections} connections of clients`;
  const ofRoutes = size === undefined ? wide(USUAL_ROUTE_NAMES, figures.routes.map(routeNames)) : undefined;
  const ofEndpoints =
    size === undefined ? wide(USUAL_ENDPOINT_NAMES, figures.endpoints.map(endpointNames)) : undefined;
  const routes = new Table(ROUTE_FIGURES, ofRoutes ?? USUAL_ROUTE_NAMES, columns);
  const endpoints = new Table(ENDPOINT_FIGURES, ofEndpoints ?? USUAL_ENDPOINT_NAMES, columns);
  return [
    cutEnd(
      `${page.address}  ${page.time.toLocaleTimeString('sv-SE')}  ${rate(figures.callsPerSecond)} calls/s, ${inFlight.total} in flight, ${clients}`,
      columns,
    ),
    cutEnd(
      `blocked: ${client} by their client, ${service} by their service, ${framegate} by Framegate`,
      columns,
    ),
    ...deathLines(figures.workerDeaths, columns, stream),
    '',
    routes.row('ROUTE', 'UPSTREAM', ROUTE_FIGURES, 'ERRORS'),
    ...firstOf(figures.routes, forRoutes).map((route) => routeLine(route, routes, stream)),
    ...moreThan(figures.routes, forRoutes),
    '',
    endpoints.row('UPSTREAM', 'ENDPOINT', ENDPOINT_FIGURES, ''),
    ...firstOf(figures.endpoints, room - forRoutes).map((one) => endpointLine(one, endpoints, stream)),
    ...moreThan(figures.endpoints, room - forRoutes),
  ];
}

type Names = readonly [first: string, second: string];

/** @returns the widths in which all of the names have room, so that columns are straight where nothing is cut */
function wide(usual: Widths, all: readonly Names[]): Widths {
  return all.reduce<Widths>(
    ([first, second], names) => [Math.max(first, names[0].length), Math.max(second, names[1].length)],
    usual,
  );
}

type Widths = readonly [first: number, second: number];

function routeNames({ route, upstream }: RouteFigures): Names {
  return [route === '' ? '(no route)' : cell(route), cell(upstream)];
}

function endpointNames({ upstream, endpoint }: EndpointFigures): Names {
  return [cell(upstream), cell(endpoint)];
}

/** Two columns of names, which share what is left of the terminal beside the figures, and a last text that is cut first. */
class Table {
  /** The widths of the figures: those of their headings. */
  readonly #figures: readonly number[];
  readonly #columns: number;
  readonly #first: number;
  readonly #second: number;

  constructor(headings: readonly string[], usualNames: Widths, columns: number) {
    this.#figures = headings.map(({ length }) => length);
    this.#columns = columns;
    const [first, second] = usualNames;
    const usual = first + second;
    const figures = this.#figures.reduce((sum, width) => sum + GAP.length + width, 0);
    const spare = columns - figures - GAP.length;
    // Half of what a wide terminal has beside the usual table is for names, and half for the last text.
    const room = spare < usual ? Math.max(spare, LEAST_NAMES) : usual + Math.floor((spare - usual) / 2);
    this.#first = columns === NO_LIMIT ? first : Math.floor((room * first) / usual);
    this.#second = columns === NO_LIMIT ? second : room - this.#first;
  }

  row(first: string, second: string, figures: readonly string[], last: string): string {
    const isCut = this.#columns !== NO_LIMIT;
    const names = [
      (isCut ? cutEnd(first, this.#first) : first).padEnd(this.#first),
      (isCut ? cutStart(second, this.#second) : second).padEnd(this.#second),
    ];
    const cells = figures.map((text, column) => text.padStart(this.#figures[column]));
    const line = [...names, ...cells].join(GAP);
    const room = this.#columns - line.length - GAP.length;
    const shownLast = last === '' || room < LEAST_LAST ? '' : `${GAP}${cutEnd(last, room)}`;
    return cutEnd(`${line}${shownLast}`.trimEnd(), this.#columns);
  }
}

function deathLines(deaths: number, columns: number, stream: NodeJS.WriteStream): readonly string[] {
  if (deaths === 0) return [];
  const who = deaths === 1 ? 'a worker has' : `${deaths} workers have`;
  const text = `${who} died since the last look, and its calls with it: see the log`;
  return [paint(stream, 'red', cutEnd(text, columns))];
}

function routeLine(route: RouteFigures, table: Table, stream: NodeJS.WriteStream): string {
  const failures = Object.entries(route.failures).map(
    ([status, perSecond]) => `${cell(status)} ${rate(perSecond)}`,
  );
  const figures = [
    rate(route.callsPerSecond),
    rate(route.failuresPerSecond),
    String(route.active),
    percentileText(route.p50Ms),
    percentileText(route.p99Ms),
  ];
  const line = table.row(...routeNames(route), figures, failures.join(', '));
  return route.failuresPerSecond > 0 ? paint(stream, 'yellow', line) : line;
}

/** Where only a lower bound is known, it says so. */
function percentileText(ms: number | null): string {
  if (ms === null) return '-';
  return ms < LEAST_ONLY_SECONDS * 1000 ? durationText(ms) : `≥${durationText(ms)}`;
}

function endpointLine(endpoint: EndpointFigures, table: Table, stream: NodeJS.WriteStream): string {
  const { isHealthy } = endpoint;
  const figures = [
    rate(endpoint.attemptsPerSecond),
    rate(endpoint.failuresPerSecond),
    rate(endpoint.givenUpPerSecond),
    String(endpoint.active),
    // A narrow terminal has no further column.
    isHealthy ? durationText(endpoint.meanMs) || '-' : NOT_USABLE,
  ];
  const line = table.row(...endpointNames(endpoint), figures, '');
  return isHealthy ? line : paint(stream, 'red', line);
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
