// An event of a call as a line for people. Texts of clients can give no order to the terminal.

import { fieldOf, numberOf, textOf } from '../control/answer-fields.ts';
import { paint } from './paint.ts';
import { contentLines, metadataText } from './shown-message.ts';

/** The widths of the columns but the last. A longer text moves what is behind it. */
const WIDTHS = { time: 12, event: 7, status: 18, duration: 10, method: 40, route: 14, endpoint: 22 } as const;

export const EVENT_HEAD = [
  'TIME'.padEnd(WIDTHS.time),
  'EVENT'.padEnd(WIDTHS.event),
  'STATUS'.padEnd(WIDTHS.status),
  'DURATION'.padStart(WIDTHS.duration),
  'METHOD'.padEnd(WIDTHS.method),
  'ROUTE'.padEnd(WIDTHS.route),
  'ENDPOINT'.padEnd(WIDTHS.endpoint),
  'CLIENT',
].join('  ');

/** @param stream decides whether there are colours */
export function eventLine(event: unknown, stream: NodeJS.WriteStream): string {
  const kind = lineOf(fieldOf(event, 'event'));
  const of = (name: string): string => lineOf(fieldOf(event, name));
  const status = kind === 'message' ? `${of('direction')} ${of('number')}` : statusOf(event);
  const measure =
    kind === 'message' ? sizeText(fieldOf(event, 'sizeBytes')) : durationText(fieldOf(event, 'durationMs'));
  const line = [
    timeOf(fieldOf(event, 'time')),
    (kind === 'attempt' ? `try ${of('attempt')}` : kind).padEnd(WIDTHS.event),
    kind === 'message' ? status.padEnd(WIDTHS.status) : painted(status, status.padEnd(WIDTHS.status), stream),
    measure.padStart(WIDTHS.duration),
    of('method').padEnd(WIDTHS.method),
    (of('route') || '-').padEnd(WIDTHS.route),
    (of('endpoint') || '-').padEnd(WIDTHS.endpoint),
    of('client') || '-',
    metadataText(event),
  ]
    .join('  ')
    .trimEnd();
  const reason = of('reason');
  return [
    line,
    ...(reason === '' ? [] : [`    ${reason}`]),
    ...contentLines(event).map((text) => `    ${text}`),
  ].join('\n');
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
