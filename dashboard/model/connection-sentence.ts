// The one sentence about the connection to the proxy and its state, for the top of the page: nothing if all is well.

import { counted, formatAge, formatTime } from './format.ts';
import type { ProxyModel } from './proxy-model.ts';

export interface Notice {
  /** bad: nothing works. warning: it works with a restriction. news: something has happened. */
  readonly kind: 'bad' | 'warning' | 'news';
  readonly sentence: string;
  /** What changes each second, and is not to be read out each time. */
  readonly more?: string;
}

const REASONS: Readonly<Record<string, string>> = {
  starting: 'The proxy starts, and takes no calls yet.',
  'no worker serves': 'No worker serves, so the proxy takes no calls.',
};

export function noticesOf(model: ProxyModel, nowEpochMs: number): readonly Notice[] {
  const connection = connectionNotice(model, nowEpochMs);
  if (connection !== undefined) return [connection];
  return [
    stateNotice(model),
    reloadNotice(model, nowEpochMs),
    partNotice(model),
    restartNotice(model, nowEpochMs),
  ].filter((notice) => notice !== undefined);
}

function connectionNotice(
  { feed, figures, wasDraining }: ProxyModel,
  nowEpochMs: number,
): Notice | undefined {
  if (feed.kind === 'lost') return lostNotice(feed, { figures, wasDraining }, nowEpochMs);
  if (feed.kind === 'connecting' && figures === undefined)
    return { kind: 'news', sentence: 'Connecting to the proxy.' };
  return undefined;
}

function lostNotice(
  { why, tryAtEpochMs }: { readonly why: string; readonly tryAtEpochMs: number },
  { figures, wasDraining }: Pick<ProxyModel, 'figures' | 'wasDraining'>,
  nowEpochMs: number,
): Notice {
  const again = `The next try is in ${formatAge(Math.max(0, tryAtEpochMs - nowEpochMs) + 999)}.`;
  if (figures === undefined)
    return { kind: 'bad', sentence: `The proxy cannot be reached: ${withoutStop(why)}.`, more: again };
  const shown = `The figures are those of ${formatAge(nowEpochMs - figures.totals.atEpochMs)} ago.`;
  const sentence = wasDraining
    ? 'The proxy has drained and has ended.'
    : `The connection to the proxy is lost: ${withoutStop(why)}.`;
  return { kind: 'bad', sentence, more: `${shown} ${again}` };
}

function stateNotice({ figures }: ProxyModel): Notice | undefined {
  if (figures === undefined || figures.isReady) return undefined;
  const { whyNotReady = '' } = figures;
  if (whyNotReady !== 'draining')
    return { kind: 'warning', sentence: REASONS[whyNotReady] ?? `The proxy takes no calls: ${whyNotReady}.` };
  const { inFlight } = figures.totals;
  return {
    kind: 'warning',
    sentence: 'The proxy drains: it takes no new calls, and ends after its last one.',
    more:
      inFlight === 0
        ? 'No call runs any more.'
        : `${counted(inFlight, 'call')} still ${inFlight === 1 ? 'runs' : 'run'}.`,
  };
}

/** Whoever has changed the file, and sees no effect, must not have to look for the reason. */
function reloadNotice({ facts }: ProxyModel, nowEpochMs: number): Notice | undefined {
  const last = facts.configuration?.reloads.last;
  if (last === undefined || last.result === 'reloaded') return undefined;
  const [problem, ...others] = last.problems;
  const what = last.result === 'refused' ? 'was refused' : 'has failed';
  const why = problem === undefined ? '' : `: ${withoutStop(problem)}`;
  const more =
    others.length === 0
      ? ''
      : ` There ${others.length === 1 ? 'is' : 'are'} ${counted(others.length, 'more problem')}, listed under Configuration.`;
  return {
    kind: 'warning',
    sentence: `The reload at ${formatTime(last.atEpochMs, nowEpochMs)} ${what}${why}. The configuration of epoch ${facts.configuration?.epoch ?? '?'} stays in use.${more}`,
  };
}

function partNotice({ figures }: ProxyModel): Notice | undefined {
  const unanswered = figures?.unanswered ?? [];
  if (unanswered.length === 0) return undefined;
  const names = `Worker${unanswered.length === 1 ? '' : 's'} ${unanswered.join(', ')}`;
  return {
    kind: 'warning',
    sentence: `${names} did not answer in time, so ${unanswered.length === 1 ? 'its' : 'their'} part is that of an earlier second.`,
  };
}

function restartNotice({ restartedAtEpochMs }: ProxyModel, nowEpochMs: number): Notice | undefined {
  if (restartedAtEpochMs === undefined) return undefined;
  return {
    kind: 'news',
    sentence: `The proxy was started anew at ${formatTime(restartedAtEpochMs, nowEpochMs)}, and all counters have begun again.`,
  };
}

function withoutStop(text: string): string {
  return text.replace(/\.$/, '');
}
