// One endpoint: its figures, and below them why it gets no calls and what has happened to it.

import { useState } from 'preact/hooks';
import type {
  EndpointChange,
  EndpointFacts,
  EndpointFigures,
  EndpointStateName,
} from '../../src/admin/dashboard-figures.ts';
import type { EndpointRates } from '../model/endpoint-rates.ts';
import { isGoodState, isUntried } from '../model/endpoint-states.ts';
import { counted, formatAge, formatCount, formatMs, formatRate, formatTime } from '../model/format.ts';
import { type HealthSpan, healthSpans, type SpanKind } from '../model/health-history.ts';
import { type MarkKind, StateMark } from './state-mark.tsx';

interface EndpointRowProps {
  readonly endpoint: EndpointFigures;
  readonly rates: EndpointRates | undefined;
  readonly facts: EndpointFacts | undefined;
  /** Whether those that are kept out get calls all the same. */
  readonly isPanic: boolean;
  /** Of the bar of its health. */
  readonly spanMs: number;
  readonly nowEpochMs: number;
}

const COLUMNS = 10;

const STATES: Readonly<Record<EndpointStateName, readonly [kind: MarkKind, text: string]>> = {
  in_use: ['good', 'in use'],
  standby: ['waiting', 'standby'],
  idle: ['off', 'idle'],
  silent: ['warning', 'silent'],
  unreachable: ['bad', 'unreachable'],
  ejected: ['bad', 'ejected'],
  unhealthy: ['bad', 'unhealthy'],
  leaving: ['off', 'leaving'],
};

/** What a panic overrules. */
const KEPT_OUT: readonly EndpointStateName[] = ['ejected', 'unhealthy'];

const UNTRIED = ['off', 'not tried yet'] as const;

const CHANGES: Readonly<Record<EndpointChange['to'], string>> = {
  usable: 'can be used again',
  unreachable: 'became unreachable',
  silent: 'fell silent',
  ejected: 'was ejected',
  unhealthy: 'became unhealthy',
};

export function EndpointRow({ endpoint, rates, facts, isPanic, spanMs, nowEpochMs }: EndpointRowProps) {
  const [isOpen, setIsOpen] = useState(false);
  const [kind, text] = isUntried(endpoint) ? UNTRIED : STATES[endpoint.state];
  const history = facts?.history ?? [];
  const reasons = facts?.reasons ?? [];
  const address = endpoint.endpoint;
  return (
    <>
      <tr class={reasons.length > 0 ? 'has-more' : undefined}>
        <th scope="row" class="of-address">
          {history.length > 0 ? (
            <button type="button" class="opener" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
              {address}
            </button>
          ) : (
            address
          )}
        </th>
        <td class="of-state">
          <StateMark kind={kind} /> <span>{text}</span>
          {endpoint.usedBy !== undefined && isGoodState(endpoint.state) && (
            <small> used by {counted(endpoint.usedBy, 'process', 'processes')}</small>
          )}
          {isPanic && KEPT_OUT.includes(endpoint.state) && <small> gets calls in the panic</small>}
        </td>
        <td class="of-health">
          <HealthStrip history={history} endpoint={endpoint} spanMs={spanMs} nowEpochMs={nowEpochMs} />
        </td>
        <td class="number">{formatRate(rates?.perSecond ?? 0)}</td>
        <td class={(rates?.failedPerSecond ?? 0) > 0 ? 'number bad' : 'number'}>
          {formatRate(rates?.failedPerSecond ?? 0)}
        </td>
        <td class="number extra">{formatRate(rates?.givenUpPerSecond ?? 0)}</td>
        <td class="number extra">{formatMs(rates?.responseMs)}</td>
        <td class="number extra">{formatCount(endpoint.inFlight)}</td>
        <td class="number extra">{formatCount(endpoint.connections)}</td>
        <td class="number extra">{endpoint.weight}</td>
      </tr>
      {reasons.length > 0 && (
        <tr class="more">
          <td colSpan={COLUMNS}>
            {reasons.map((reason) => (
              <p key={`${reason.by} ${reason.sentence}`}>
                {reason.sentence}
                {reason.sinceEpochMs !== undefined && (
                  <small> For {formatAge(nowEpochMs - reason.sinceEpochMs)}.</small>
                )}
              </p>
            ))}
          </td>
        </tr>
      )}
      {isOpen && (
        <tr class="more">
          <td colSpan={COLUMNS}>
            <History changes={history} nowEpochMs={nowEpochMs} />
          </td>
        </tr>
      )}
    </>
  );
}

interface HealthStripProps {
  readonly history: readonly EndpointChange[];
  readonly endpoint: EndpointFigures;
  readonly spanMs: number;
  readonly nowEpochMs: number;
}

/** By kind, the height of its part of the strip, of 16. */
const HEIGHTS: Readonly<Record<SpanKind, number>> = { good: 4, bad: 12, unknown: 1 };

function HealthStrip({ history, endpoint, spanMs, nowEpochMs }: HealthStripProps) {
  const spans = healthSpans(history, endpoint, { nowEpochMs, spanMs });
  const label = labelOf(spans, spanMs);
  return (
    <svg class="strip" viewBox="0 0 120 16" preserveAspectRatio="none" role="img" aria-label={label}>
      <title>{label}</title>
      {spans.map(({ kind, from, to }) => (
        <rect
          key={from}
          class={`strip-${kind}`}
          x={from * 120}
          width={Math.max(1, (to - from) * 120)}
          y={8 - HEIGHTS[kind] / 2}
          height={HEIGHTS[kind]}
        />
      ))}
    </svg>
  );
}

function labelOf(spans: readonly HealthSpan[], spanMs: number): string {
  const partOf = (wanted: SpanKind) =>
    spans.reduce((sum, { kind, from, to }) => (kind === wanted ? sum + to - from : sum), 0);
  const [bad, unknown] = [partOf('bad'), partOf('unknown')];
  if (unknown === 1) return 'not known yet';
  const knownMs = (1 - unknown) * spanMs;
  const before = unknown === 0 ? '' : ', not known before';
  if (bad > 0)
    return `not good for ${formatAge(Math.max(1000, bad * spanMs))} of the last ${formatAge(knownMs)}${before}`;
  return unknown === 0 ? 'good all the time' : `good for ${formatAge(knownMs)}${before}`;
}

function History({
  changes,
  nowEpochMs,
}: {
  readonly changes: readonly EndpointChange[];
  readonly nowEpochMs: number;
}) {
  return (
    <ol class="history">
      {changes.map(({ atEpochMs, to, sentence }) => (
        <li key={`${atEpochMs} ${to}`}>
          <time>{formatTime(atEpochMs, nowEpochMs)}</time> It {CHANGES[to]}.
          {sentence !== undefined && ` ${sentence}`}
        </li>
      ))}
    </ol>
  );
}
