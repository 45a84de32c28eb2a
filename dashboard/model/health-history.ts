// The health of an endpoint over the last minutes, as spans of time between its changes.

import type { EndpointChange, EndpointStateName } from '../../src/admin/dashboard-figures.ts';

export interface HealthSpan {
  /** 0 is the beginning of the time shown, 1 is now. */
  readonly from: number;
  readonly to: number;
  readonly isGood: boolean;
}

const GOOD_STATES: readonly EndpointStateName[] = ['in_use', 'standby', 'idle', 'leaving'];

export function isGoodState(state: EndpointStateName): boolean {
  return GOOD_STATES.includes(state);
}

/**
 * @param changes the newest first. What was before the oldest of them is the opposite of what it changed to.
 * @returns the oldest first, without gaps
 */
export function healthSpans(
  changes: readonly EndpointChange[],
  state: EndpointStateName,
  { nowEpochMs, spanMs }: { readonly nowEpochMs: number; readonly spanMs: number },
): readonly HealthSpan[] {
  const known = changes.toReversed();
  const spans: HealthSpan[] = [];
  let from = 0;
  let isGood = known.length === 0 ? isGoodState(state) : known[0].to !== 'usable';
  for (const change of known) {
    const to = Math.min(1, Math.max(from, (change.atEpochMs - (nowEpochMs - spanMs)) / spanMs));
    if (to > from) spans.push({ from, to, isGood });
    from = to;
    isGood = change.to === 'usable';
  }
  // Several causes may keep it out, and the end of one is not the end of all.
  if (from < 1) spans.push({ from, to: 1, isGood: isGoodState(state) });
  return merged(spans);
}

function merged(spans: readonly HealthSpan[]): readonly HealthSpan[] {
  const whole: HealthSpan[] = [];
  for (const span of spans) {
    const last = whole.at(-1);
    if (last?.isGood === span.isGood) whole[whole.length - 1] = { ...last, to: span.to };
    else whole.push(span);
  }
  return whole;
}
