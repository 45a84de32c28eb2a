// The health of an endpoint over the last minutes, as spans of time between its changes.

import type { EndpointChange, EndpointFigures } from '../../src/admin/dashboard-figures.ts';
import { isGoodState, isUntried } from './endpoint-states.ts';

/** unknown: the endpoint was not there yet, or nobody has tried it. */
export type SpanKind = 'good' | 'bad' | 'unknown';

export interface HealthSpan {
  /** 0 is the beginning of the time shown, 1 is now. */
  readonly from: number;
  readonly to: number;
  readonly kind: SpanKind;
}

/**
 * @param changes the newest first. What was before the oldest of them is the opposite of what it changed to, as long as the endpoint is known
 * @returns the oldest first, without gaps
 */
export function healthSpans(
  changes: readonly EndpointChange[],
  endpoint: EndpointFigures,
  { nowEpochMs, spanMs }: { readonly nowEpochMs: number; readonly spanMs: number },
): readonly HealthSpan[] {
  if (changes.length === 0 && isUntried(endpoint)) return [{ from: 0, to: 1, kind: 'unknown' }];
  const known = changes.toReversed();
  // An endpoint that had gone and has come back may have changes from before.
  const knownFromEpochMs = Math.min(
    endpoint.sinceEpochMs,
    known.at(0)?.atEpochMs ?? Number.POSITIVE_INFINITY,
  );
  const placeOf = (epochMs: number) => Math.min(1, Math.max(0, (epochMs - (nowEpochMs - spanMs)) / spanMs));
  const now = kindOf(isGoodState(endpoint.state));
  const spans: HealthSpan[] = [];
  let from = 0;
  const addUntil = (to: number, kind: SpanKind) => {
    if (to > from) spans.push({ from, to, kind });
    from = Math.max(from, to);
  };
  addUntil(placeOf(knownFromEpochMs), 'unknown');
  let kind = known.length === 0 ? now : kindOf(known[0].to !== 'usable');
  for (const change of known) {
    addUntil(placeOf(change.atEpochMs), kind);
    kind = kindOf(change.to === 'usable');
  }
  // Several causes may keep it out, and the end of one is not the end of all.
  addUntil(1, now);
  return merged(spans);
}

function kindOf(isGood: boolean): SpanKind {
  return isGood ? 'good' : 'bad';
}

function merged(spans: readonly HealthSpan[]): readonly HealthSpan[] {
  const whole: HealthSpan[] = [];
  for (const span of spans) {
    const last = whole.at(-1);
    if (last?.kind === span.kind) whole[whole.length - 1] = { ...last, to: span.to };
    else whole.push(span);
  }
  return whole;
}
