// One endpoint: its figures, and below them why it gets no calls and what has happened to it.

import { useState } from 'preact/hooks';
import type {
  EndpointChange,
  EndpointFacts,
  EndpointFigures,
  EndpointStateName,
} from '../../src/admin/dashboard-figures.ts';
import type { EndpointRates } from '../model/endpoint-rates.ts';
import { counted, formatAge, formatCount, formatMs, formatRate, formatTime } from '../model/format.ts';
import { healthSpans, isGoodState } from '../model/health-history.ts';
import { type MarkKind, StateMark } from './state-mark.tsx';

interface EndpointRowProps {
  readonly endpoint: EndpointFigures;
  readonly rates: EndpointRates | undefined;
  readonly facts: EndpointFacts | undefined;
  /** Of the bar of its health. */
  readonly spanMs: number;
  readonly nowEpochMs: number;
}

const COLUMNS = 9;

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

const UNTRIED = ['off', 'not tried yet'] as const;

/** Nobody knows whether something answers there. */
function isUntried({
  state,
  connections,
  answered,
  failed,
  givenUp,
  lost,
  inFlight,
}: EndpointFigures): boolean {
  return state === 'in_use' && connections + answered + failed + givenUp + lost + inFlight === 0;
}

const CHANGES: Readonly<Record<EndpointChange['to'], string>> = {
  usable: 'can be used again',
  unreachable: 'became unreachable',
  silent: 'fell silent',
  ejected: 'was ejected',
  unhealthy: 'became unhealthy',
};

export function EndpointRow({ endpoint, rates, facts, spanMs, nowEpochMs }: EndpointRowProps) {
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
        </td>
        <td class="of-health">
          <HealthStrip history={history} state={endpoint.state} spanMs={spanMs} nowEpochMs={nowEpochMs} />
        </td>
        <td class="number">{formatRate(rates?.perSecond ?? 0)}</td>
        <td class={(rates?.failedPerSecond ?? 0) > 0 ? 'number bad' : 'number'}>
          {formatRate(rates?.failedPerSecond ?? 0)}
        </td>
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
  readonly state: EndpointStateName;
  readonly spanMs: number;
  readonly nowEpochMs: number;
}

/** What was bad is as high as the strip, what was good is half as high. */
function HealthStrip({ history, state, spanMs, nowEpochMs }: HealthStripProps) {
  const spans = healthSpans(history, state, { nowEpochMs, spanMs });
  const badPart = spans.reduce((sum, { isGood, from, to }) => (isGood ? sum : sum + to - from), 0);
  const label =
    badPart === 0
      ? 'good all the time'
      : `not good for ${formatAge(Math.max(1000, badPart * spanMs))} of the last ${formatAge(spanMs)}`;
  return (
    <svg class="strip" viewBox="0 0 120 16" preserveAspectRatio="none" role="img" aria-label={label}>
      {spans.map(({ from, to, isGood }) => (
        <rect
          key={from}
          class={isGood ? 'strip-good' : 'strip-bad'}
          x={from * 120}
          width={Math.max(1, (to - from) * 120)}
          y={isGood ? 6 : 2}
          height={isGood ? 4 : 12}
        />
      ))}
    </svg>
  );
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
