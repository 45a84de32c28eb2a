// Reads the header fields for a collector from where the configuration says they are. No message shows any part of what was read.

import { readFileSync, statSync } from 'node:fs';
import { type Fault, type Finding, isFault } from './problem.ts';
import { mapOf, textOf } from './raw-value.ts';
import { besideConfig } from './resolve-config.ts';
import { readingFault } from './system-error.ts';
import type { TraceHeader } from './trace-config.ts';
import { parseTraceHeaderValue } from './trace-values.ts';
import { UnusableConfig } from './unusable-config.ts';

const MOST_BYTES = 8192;

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws UnusableConfig if a value cannot be read. @returns the values themselves */
export function readTraceHeaders(
  headers: ReadonlyMap<string, TraceHeader>,
  environment: Environment = process.env,
): ReadonlyMap<string, string> {
  const findings: Finding[] = [];
  const values = new Map<string, string>();
  for (const [name, header] of headers) {
    const value = valueOf(header, environment);
    if (!isFault(value)) values.set(name, value);
    else if (typeof header !== 'string') findings.push(findingAt(name, header.kind, value));
  }
  if (findings.length > 0) throw new UnusableConfig(findings);
  return values;
}

/** @returns the value without the line break behind it, or why there is none that can be used */
function valueOf(header: TraceHeader, environment: Environment): string | Fault {
  if (typeof header === 'string') return header;
  if (header.kind === 'environment') {
    const text = environment[header.variable];
    const what = `the environment variable ${header.variable}`;
    return text === undefined ? { message: `${what} is not set` } : judge(text, what);
  }
  const { file } = header;
  try {
    const found = statSync(file);
    if (!found.isFile()) return { message: `${file} is no regular file` };
    if (found.size > MOST_BYTES) return { message: `${file} holds more than ${MOST_BYTES} bytes` };
    return judge(readFileSync(file, 'utf8'), file);
  } catch (error) {
    return { message: `${file} cannot be read: ${readingFault(error)}` };
  }
}

function judge(text: string, what: string): string | Fault {
  const value = parseTraceHeaderValue(text.replace(/\r?\n$/, ''));
  return isFault(value) ? { message: `${what} holds no value of a header field: ${value.message}` } : value;
}

function findingAt(name: string, kind: string, { message }: Fault): Finding {
  return { severity: 'error', path: ['trace', 'headers', name, kind], at: 'value', message };
}

/** @param document as written in the file, which may be invalid */
export function findTraceHeaderProblems(
  document: unknown,
  configFile: string,
  environment: Environment = process.env,
): readonly Finding[] {
  const headers = mapOf(mapOf(mapOf(document).get('trace')).get('headers'));
  return Array.from(headers).flatMap(([name, raw]) => {
    const source = sourceOf(raw, configFile);
    const value = source === undefined ? '' : valueOf(source, environment);
    return isFault(value) && typeof source === 'object' ? [findingAt(name, source.kind, value)] : [];
  });
}

/** @returns undefined unless exactly one of the two is given */
function sourceOf(raw: unknown, configFile: string): TraceHeader | undefined {
  const [file, variable] = ['file', 'environment'].map((key) => textOf(mapOf(raw).get(key)) ?? '');
  if ((file === '') === (variable === '')) return undefined;
  return file === ''
    ? { kind: 'environment', variable }
    : { kind: 'file', file: besideConfig(configFile, file) };
}
