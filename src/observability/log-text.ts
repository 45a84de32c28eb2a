// Turns lines of the log into text for people: local time, level, message, then the fields; the record of a call is a sentence. It runs
// in a process of its own, beside the proxy. Nothing that a terminal would obey may pass, whatever a line holds.

import { styleText } from 'node:util';
import { harmlessText } from './json-text.ts';

type Style = Parameters<typeof styleText>[0];
type Fields = Readonly<Record<string, unknown>>;
type Paint = (style: Style, text: string) => string;

const LEVELS: Readonly<Record<number, { readonly name: string; readonly style: Style }>> = {
  10: { name: 'TRACE', style: 'gray' },
  20: { name: 'DEBUG', style: 'blue' },
  30: { name: 'INFO', style: 'green' },
  40: { name: 'WARN', style: 'yellow' },
  50: { name: 'ERROR', style: 'red' },
  60: { name: 'FATAL', style: ['bold', 'red'] },
};
const LEVEL_WIDTH = 5;
const RECORD_OF_A_CALL = 'exchange finished';
/** Of log.syslogPrefix. */
const PRIORITY = /^<\d>/;
/** A value that is readable without quotes. */
const PLAIN = /^[^\s"'=\\]+$/;
/** A path with white space would read as the words behind it. */
const PLAIN_PATH = /^[^\s"\\]+$/;
/** A text of fewer letters may be in another by chance. */
const LEAST_REPEATED = 8;
const DEEPEST_PART = 4;
/** The fields that stand elsewhere, or say nothing to the person at the terminal. */
const BESIDE: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'err']);

/** @returns a function that takes a line without its newline, and returns text without one */
export function logText(isColoured: boolean): (line: string) => string {
  const paint: Paint = (style, text) =>
    isColoured && text !== '' ? styleText(style, text, { validateStream: false }) : text;
  return (line) => {
    const fields = parse(line.replace(PRIORITY, ''));
    return fields === undefined ? harmlessText(line) : textOf(fields, paint);
  };
}

function parse(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isLine = typeof value === 'object' && value !== null && 'msg' in value && 'level' in value;
    return isLine ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function textOf(fields: Fields, paint: Paint): string {
  const { name, style } = LEVELS[Number(fields['level'])] ?? { name: shown(fields['level']), style: 'white' };
  const isCall = fields['msg'] === RECORD_OF_A_CALL;
  const rest = isCall ? sentenceOfCall(fields, paint) : messageAndFields(fields, paint);
  const head = `${paint('dim', localTime(fields['time']))} ${paint(style, name.padEnd(LEVEL_WIDTH))}`;
  return `${head} ${rest}${errorOf(fields['err'])}`;
}

/** @returns hours to milliseconds on the clock of this machine */
function localTime(time: unknown): string {
  const date = new Date(typeof time === 'number' ? time : Number.NaN);
  if (Number.isNaN(date.getTime())) return '--:--:--.---';
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) =>
    String(part).padStart(2, '0'),
  );
  return `${hours}:${minutes}:${seconds}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function messageAndFields(fields: Fields, paint: Paint): string {
  const message = String(fields['msg']);
  const told: string[] = [message];
  const named = Object.entries(fields)
    .filter(([name, value]) => !BESIDE.has(name) && isNews(value, told))
    .flatMap(([name, value]) => fieldText(harmlessText(name), value, paint));
  return [harmlessText(message), ...named].join(' ');
}

/** Whether no text of the line has the value. Short ones and numbers may be there by chance. */
function isNews(value: unknown, told: string[]): boolean {
  if (typeof value !== 'string' || value.length < LEAST_REPEATED) return true;
  if (told.some((text) => text.includes(value))) return false;
  told.push(value);
  return true;
}

/** Objects are shown by their parts, without those that are empty: `changes.routes.added=a, b`. */
function fieldText(name: string, value: unknown, paint: Paint): readonly string[] {
  if (Array.isArray(value)) {
    if (value.length === 0) return [];
    const isList = value.every((one) => typeof one !== 'object' || one === null);
    return [`${paint('dim', `${name}=`)}${isList ? value.map((one) => shown(one)).join(',') : shown(value)}`];
  }
  const depth = name.split('.').length;
  if (typeof value === 'object' && value !== null && depth <= DEEPEST_PART) {
    return Object.entries(value).flatMap(([part, inner]) =>
      fieldText(`${name}.${harmlessText(part)}`, inner, paint),
    );
  }
  return [`${paint('dim', `${name}=`)}${shown(value)}`];
}

/** For example `/voice.VoiceAssistant/Say OK in 25.7 ms by 127.0.0.1:50051, for 192.0.2.7:42420`. */
function sentenceOfCall(fields: Fields, paint: Paint): string {
  const { grpcStatus, httpStatus, reason, code, attempts } = fields;
  const isGood = grpcStatus === 'OK' || (grpcStatus === '' && Number(httpStatus) < 400 && httpStatus !== 0);
  const status =
    grpcStatus === '' || grpcStatus === undefined ? `HTTP ${shown(httpStatus)}` : shown(grpcStatus);
  const by = fields['endpoint'] === '' ? '' : ` by ${shown(fields['endpoint'])}`;
  const tries = typeof attempts === 'number' && attempts > 1 ? ` at attempt ${attempts}` : '';
  const page = typeof code === 'string' ? ` (${code})` : '';
  const why = typeof reason === 'string' && reason !== '' ? `: ${harmlessText(`${reason}${page}`)}` : '';
  const path = shown(fields['method'], PLAIN_PATH);
  const took = durationText(fields['durationMs']);
  const client = paint('dim', `, for ${shown(fields['client'])}, request ${shown(fields['requestId'])}`);
  return `${path} ${paint(isGood ? 'green' : 'yellow', status)} in ${took}${pacedText(fields)}${dryRunText(fields)}${by}${tries}${client}${why}`;
}

/** @returns such as ` (limits held back its request for 8.2 s)`, or '' */
function pacedText({ requestPacedMs, responsePacedMs }: Fields): string {
  const held = [
    ...(typeof requestPacedMs === 'number' ? [`its request for ${durationText(requestPacedMs)}`] : []),
    ...(typeof responsePacedMs === 'number' ? [`its response for ${durationText(responsePacedMs)}`] : []),
  ];
  return held.length === 0 ? '' : ` (limits held back ${held.join(', ')})`;
}

/** @returns such as ` (without dryRun it would be refused by limits[0] (calls 100/s by client))`, or '' */
function dryRunText({ dryRun }: Fields): string {
  return typeof dryRun === 'string' ? ` (without dryRun it ${harmlessText(dryRun)})` : '';
}

/** @returns such as `25.705 ms`, `12.3 s`, `2 min 26 s`, `3 h 5 min` or `4 d 7 h` */
function durationText(milliseconds: unknown): string {
  if (typeof milliseconds !== 'number' || milliseconds < 1000) return `${shown(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const [minutes, hours, days] = [60, 3600, 86_400].map((unit) => Math.floor(seconds / unit));
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return `${minutes} min ${seconds % 60} s`;
}

/** @param plain what a text may be that needs no quotes */
function shown(value: unknown, plain = PLAIN): string {
  const text =
    typeof value === 'string' && plain.test(value) ? value : (JSON.stringify(value) ?? 'undefined');
  return harmlessText(text);
}

/** @returns the stack of an error below its line, indented */
function errorOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return error === undefined ? '' : ` err=${shown(error)}`;
  const { stack, message }: Fields = { ...error };
  const text = [stack, message].find((part) => typeof part === 'string') ?? JSON.stringify(error);
  const lines = text.split('\n');
  return lines.map((line) => `\n    ${harmlessText(line)}`).join('');
}
