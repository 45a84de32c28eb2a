// Spans on their way from the process that carries calls to the one that exports them: text, one line for each finished call and for
// each report on a call that goes on.

import { spansOf } from './call-spans.ts';
import { readCall } from './finished-call.ts';
import type { Span } from './span.ts';

/** What a process that carries calls has for the exporter. */
export interface SpanBatch {
  /** Lines of `lineOfCall` and `lineOfSpan`, separated by line breaks. */
  readonly lines: string;
  /** How many spans these are. */
  readonly count: number;
  /** How many spans found no room in that process since its last batch. */
  readonly dropped: number;
  /** How many spans of failed calls were beyond what a second may have, since the last batch. */
  readonly limited: number;
}

/** Takes a batch to the exporter. @param taken is called once another batch may come; perhaps never, if the exporter's side is gone */
export type DeliverSpans = (batch: SpanBatch, taken: () => void) => void;

/** @returns a span as one line, without the line break */
export function lineOfSpan(span: Span): string {
  return JSON.stringify(span);
}

/** Throws an error if a line is neither a call nor a span. */
export function readSpans(lines: string): readonly Span[] {
  return lines
    .split('\n')
    .flatMap((line) => (line.startsWith('[') ? spansOf(readCall(line)) : readSpan(line)));
}

function readSpan(line: string): Span {
  const value: unknown = JSON.parse(line);
  if (!isSpan(value)) throw new TypeError('a line is neither a call nor a span');
  return value;
}

const TEXTS = ['traceId', 'spanId', 'parentId', 'state', 'kind', 'name'];
const NUMBERS = ['startEpochMs', 'endEpochMs'];

/** Checks what a span of `StreamReports` has. It has no events. */
function isSpan(value: unknown): value is Span {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  const attributes = fields.get('attributes');
  return (
    TEXTS.every((name) => typeof fields.get(name) === 'string') &&
    NUMBERS.every((name) => typeof fields.get(name) === 'number') &&
    typeof attributes === 'object' &&
    attributes !== null &&
    Array.isArray(fields.get('events'))
  );
}
