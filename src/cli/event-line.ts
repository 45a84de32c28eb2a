// An event of a call as a line for people. Texts of clients can give no order to the terminal.

import { counted } from '../config/counted.ts';
import { fieldOf, numberOf, textOf } from '../control/answer-fields.ts';
import { cutStart } from './cut-text.ts';
import { paint } from './paint.ts';
import { contentLines, metadataText } from './shown-message.ts';

/** The widths of the columns. Where the output is no terminal, they grow with what is shown. */
const WIDTHS = {
  time: 12,
  event: 7,
  status: 18,
  duration: 10,
  method: 40,
  route: 14,
  endpoint: 22,
  client: 22,
} as const;
/** What a terminal may be too narrow for, the first one to stay first. */
const OPTIONAL = ['endpoint', 'client', 'route'] as const;
const GAP = '  ';
const LEAST_METHOD = 24;

/** A client may call a method of any length: what is longer moves what is behind it, in its own line alone. */
const MOST_GROWN = 100;

type Name = (typeof OPTIONAL)[number];

/** How wide columns are where nothing is cut: as wide as the widest text so far, so that the lines after it are straight again. */
export class GrownWidths {
  readonly #widths = new Map<string, number>();

  of(column: keyof typeof WIDTHS, text: string): number {
    const before = this.#widths.get(column) ?? WIDTHS[column];
    const width = text.length > before && text.length <= MOST_GROWN ? text.length : before;
    this.#widths.set(column, width);
    return width;
  }
}

interface Layout {
  readonly methodWidth: number;
  readonly shown: ReadonlySet<Name>;
  readonly isCut: boolean;
}

/** @param columns how wide the terminal is; undefined if it is none */
function layoutFor(columns: number | undefined): Layout {
  const shown = new Set<Name>(columns === undefined ? OPTIONAL : []);
  if (columns === undefined) return { methodWidth: WIDTHS.method, shown, isCut: false };
  const { time, event, status, duration } = WIDTHS;
  let left = columns - (time + event + status + duration + GAP.length * 4);
  for (const name of OPTIONAL) {
    const width = WIDTHS[name] + GAP.length;
    if (left - width < LEAST_METHOD) break;
    left -= width;
    shown.add(name);
  }
  return { methodWidth: Math.max(left, 8), shown, isCut: true };
}

function row(
  cells: Readonly<Record<keyof typeof WIDTHS, string>>,
  layout: Layout,
  grown: GrownWidths,
): string {
  const { methodWidth, shown, isCut } = layout;
  const fitted = (name: Name | 'method', width: number): string =>
    isCut ? cutStart(cells[name], width).padEnd(width) : cells[name].padEnd(grown.of(name, cells[name]));
  const optional = (name: Name): readonly string[] => (shown.has(name) ? [fitted(name, WIDTHS[name])] : []);
  const { time, event, status, duration } = cells;
  return [
    time.padEnd(WIDTHS.time),
    event.padEnd(WIDTHS.event),
    status,
    duration.padStart(WIDTHS.duration),
    fitted('method', methodWidth),
    ...optional('route'),
    ...optional('endpoint'),
    ...optional('client'),
  ]
    .join(GAP)
    .trimEnd();
}

/** @param stream a terminal, or not */
export function eventHead(stream: NodeJS.WriteStream, grown = new GrownWidths()): string {
  const names = {
    time: 'TIME',
    event: 'EVENT',
    status: 'STATUS'.padEnd(WIDTHS.status),
    duration: 'DURATION',
    method: 'METHOD',
    route: 'ROUTE',
    endpoint: 'ENDPOINT',
    client: 'CLIENT',
  };
  return row(names, layoutFor(columnsOf(stream)), grown);
}

function columnsOf(stream: NodeJS.WriteStream): number | undefined {
  return stream.isTTY && stream.columns > 0 ? stream.columns : undefined;
}

/**
 * @param stream decides whether there are colours
 * @param grown what is kept from line to line, for an output that is no terminal
 */
export function eventLine(event: unknown, stream: NodeJS.WriteStream, grown = new GrownWidths()): string {
  const kind = lineOf(fieldOf(event, 'event'));
  const of = (name: string): string => lineOf(fieldOf(event, name));
  const status = kind === 'message' ? `${of('direction')} ${of('number')}` : statusOf(event);
  const measure =
    kind === 'message' ? sizeText(fieldOf(event, 'sizeBytes')) : durationText(fieldOf(event, 'durationMs'));
  const cells = {
    time: timeOf(fieldOf(event, 'time')),
    event: kind === 'attempt' ? `try ${of('attempt')}` : kind,
    status: painted(kind === 'message' ? '' : status, status.padEnd(WIDTHS.status), stream),
    duration: measure,
    method: of('method'),
    route: of('route') || '-',
    endpoint: of('endpoint') || '-',
    client: of('client') || '-',
  };
  const metadata = metadataText(event);
  const line = `${row(cells, layoutFor(columnsOf(stream)), grown)}${metadata === '' ? '' : `${GAP}${metadata}`}`;
  const [reason, code] = [of('reason'), of('code')];
  return [
    line,
    ...(reason === '' ? [] : [`    ${reason}${code === '' ? '' : ` (${code})`}`]),
    ...pacedLines(event),
    ...dryRunLines(event),
    ...contentLines(event).map((text) => `    ${text}`),
  ].join('\n');
}

function pacedLines(event: unknown): readonly string[] {
  return ['request', 'response'].flatMap((direction) => {
    const time = durationText(fieldOf(event, `${direction}PacedMs`));
    return time === '' ? [] : [`    Limits held back the ${direction} for ${time}.`];
  });
}

function dryRunLines(event: unknown): readonly string[] {
  const text = lineOf(fieldOf(event, 'dryRun'));
  return text === '' ? [] : [`    Without dryRun it ${text}.`];
}

export function droppedLine(event: unknown, stream: NodeJS.WriteStream): string {
  const count = numberOf(fieldOf(event, 'events'));
  const what = count === 1 ? '1 event is' : `${Number.isFinite(count) ? count : '?'} events are`;
  return paint(
    stream,
    'yellow',
    `${what} not shown: there are more than --rate, or than this terminal takes`,
  );
}

/** A worker has died, so calls that have begun there have no end. */
export function workerDiedLine(event: unknown, stream: NodeJS.WriteStream): string {
  const of = (name: string): string => lineOf(fieldOf(event, name)) || '?';
  const countOf = (noun: string): string => counted(numberOf(fieldOf(event, `${noun}s`)), noun);
  const what = `worker ${of('worker')} (process ${of('pid')}) died (${of('how')}), and with it ${countOf('connection')} and about ${countOf('call')}, which have no end here`;
  return paint(stream, 'red', `${timeOf(fieldOf(event, 'time'))}  ${what}`);
}

/** @returns '850 us', '12.3 ms', '4.56 s', '12 min', or '' for what is no number */
export function durationText(value: unknown): string {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return '';
  if (value < 1) return `${Math.round(value * 1000)} us`;
  if (value < 1000) return `${value.toPrecision(3).replace(/e.*/, '')} ms`;
  return value < 120_000 ? `${(value / 1000).toFixed(2)} s` : `${Math.round(value / 60_000)} min`;
}

/** @returns '850 B', '12.3 KiB', '4.56 MiB', or '' for what is no number */
export function sizeText(value: unknown): string {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return '';
  if (value < 1024) return `${value} B`;
  const isKib = value < 1024 * 1024;
  return `${(value / (isKib ? 1024 : 1024 * 1024)).toFixed(1)} ${isKib ? 'KiB' : 'MiB'}`;
}

function lineOf(value: unknown): string {
  return textOf(value).replaceAll('\n', ' ');
}

/** The gRPC status, or else the HTTP status. */
function statusOf(event: unknown): string {
  const grpc = lineOf(fieldOf(event, 'grpcStatus'));
  const http = lineOf(fieldOf(event, 'httpStatus'));
  if (grpc !== '') return grpc;
  return http === '' || http === '0' ? '' : `HTTP ${http}`;
}

function painted(status: string, text: string, stream: NodeJS.WriteStream): string {
  if (status === '') return text;
  const isGood = status === 'OK' || /^HTTP [123]/.test(status);
  return paint(stream, isGood ? 'green' : 'red', text);
}

function timeOf(value: unknown): string {
  const time = new Date(typeof value === 'number' ? value : Number.NaN);
  if (Number.isNaN(time.getTime())) return '?'.padEnd(WIDTHS.time);
  const milliseconds = String(time.getMilliseconds()).padStart(3, '0');
  return `${time.toLocaleTimeString('sv-SE')}.${milliseconds}`;
}
