// The endpoints of each upstream: their state as a word, why they get no calls as a sentence, and their health over the last half hour.

import { useState } from 'preact/hooks';
import type {
  DashboardFigures,
  EndpointFacts,
  EndpointFigures,
  EndpointStateName,
  EndpointsFacts,
  UpstreamFigures,
} from '../../src/admin/dashboard-figures.ts';
import { endpointKey, endpointRates } from '../model/endpoint-rates.ts';
import { isGoodState, isUsable } from '../model/endpoint-states.ts';
import { counted, formatAge, formatTime } from '../model/format.ts';

import { type ProxyModel, RATE_MS } from '../model/proxy-model.ts';
import { EndpointRow } from './endpoint-row.tsx';
import { Section } from './section.tsx';
import { StateMark } from './state-mark.tsx';

interface EndpointSectionProps {
  readonly figures: DashboardFigures | undefined;
  readonly facts: EndpointsFacts | undefined;
  readonly model: ProxyModel;
  readonly nowEpochMs: number;
}

/** The bars of health show half an hour, or less where the proxy has not run for so long. */
const MOST_SPAN_MS = 30 * 60_000;
const LEAST_SPAN_MS = 1_000;
/** With more endpoints than this in all, upstreams without a problem begin closed. */
const MOST_OPEN = 16;
/** So many rows of an upstream are shown at once. */
const ROWS = 12;

export function EndpointSection({ figures, facts, model, nowEpochMs }: EndpointSectionProps) {
  const upstreams = figures?.upstreams ?? [];
  const uptimeMs = nowEpochMs - (model.opening?.startedAtEpochMs ?? 0);
  const spanMs = Math.max(LEAST_SPAN_MS, Math.min(MOST_SPAN_MS, uptimeMs));
  const all = upstreams.reduce((sum, { endpoints }) => sum + endpoints.length, 0);
  const byKey = new Map(facts?.endpoints.map((one) => [endpointKey(one.upstream, one.endpoint), one]));
  return (
    <Section
      id="endpoints"
      title="Endpoints"
      note={`${counted(upstreams.length, 'upstream')}, ${counted(all, 'endpoint')}; health of the last ${formatAge(spanMs)}`}
    >
      {upstreams.length === 0 && <p class="empty">The configuration has no upstreams.</p>}
      {upstreams.map((upstream) => (
        <Upstream
          key={upstream.upstream}
          upstream={upstream}
          facts={byKey}
          before={model.before(RATE_MS)?.figures}
          model={model}
          nowEpochMs={nowEpochMs}
          spanMs={spanMs}
          isOpenAtFirst={all <= MOST_OPEN || upstream.endpoints.some(({ state }) => !isGoodState(state))}
        />
      ))}
      {facts?.leftOut !== undefined && (
        <p class="note">There are reasons for {counted(facts.leftOut, 'more endpoint')}.</p>
      )}
    </Section>
  );
}

interface UpstreamProps {
  readonly upstream: UpstreamFigures;
  readonly facts: ReadonlyMap<string, EndpointFacts>;
  readonly before: DashboardFigures | undefined;
  readonly model: ProxyModel;
  readonly nowEpochMs: number;
  readonly spanMs: number;
  readonly isOpenAtFirst: boolean;
}

function Upstream({ upstream, facts, before, model, nowEpochMs, spanMs, isOpenAtFirst }: UpstreamProps) {
  const [chosen, setChosen] = useState<boolean | undefined>(undefined);
  const [rows, setRows] = useState(ROWS);
  const isOpen = chosen ?? isOpenAtFirst;
  const endpoints = upstream.endpoints.length > ROWS ? worstFirst(upstream.endpoints) : upstream.endpoints;
  const rates = endpointRates(upstream, before, model.figures);
  return (
    <details
      class="upstream"
      open={isOpen}
      onToggle={({ currentTarget }) => {
        if (currentTarget.open !== isOpen) setChosen(currentTarget.open);
      }}
    >
      <summary>
        <span class="name">{upstream.upstream}</span> <UpstreamState upstream={upstream} />
      </summary>
      {upstream.panicSinceEpochMs !== undefined && (
        <p class="notice notice-bad">
          <StateMark kind="bad" /> Panic since {formatTime(upstream.panicSinceEpochMs, nowEpochMs)}: so few
          endpoints can be used that those that are kept out get calls as well.
        </p>
      )}
      {isOpen && (
        <table class="endpoints" aria-label={`Endpoints of ${upstream.upstream}`}>
          <thead>
            <tr>
              <th scope="col" class="of-address">
                Address
              </th>
              <th scope="col" class="of-state">
                State
              </th>
              <th scope="col" class="of-health">
                Health
              </th>
              <th scope="col" class="number">
                Calls/s
              </th>
              <th scope="col" class="number">
                Failed/s
              </th>
              <th
                scope="col"
                class="number extra"
                title="Attempts without a complete response when the client cancelled them, their deadline passed, or Framegate ended them"
              >
                Given up/s
              </th>
              <th scope="col" class="number extra">
                Response head
              </th>
              <th scope="col" class="number extra">
                In flight
              </th>
              <th scope="col" class="number extra of-connections">
                Connections
              </th>
              <th scope="col" class="number extra">
                Weight
              </th>
            </tr>
          </thead>
          <tbody>
            {endpoints.slice(0, rows).map((endpoint) => (
              <EndpointRow
                key={endpoint.endpoint}
                endpoint={endpoint}
                rates={rates.get(endpoint.endpoint)}
                facts={facts.get(endpointKey(upstream.upstream, endpoint.endpoint))}
                isPanic={upstream.panicSinceEpochMs !== undefined}
                spanMs={spanMs}
                nowEpochMs={nowEpochMs}
              />
            ))}
          </tbody>
        </table>
      )}
      {isOpen && endpoints.length > rows && (
        <button type="button" class="further" onClick={() => setRows(rows + 100)}>
          Show more: {counted(endpoints.length - rows, 'endpoint')} left
        </button>
      )}
      {upstream.leftOut !== undefined && (
        <p class="note">The proxy has {counted(upstream.leftOut, 'more endpoint')} here.</p>
      )}
    </details>
  );
}

/** Where not all are shown at once, those that cannot be used are. Otherwise the order stays as it is. */
function worstFirst(endpoints: readonly EndpointFigures[]): readonly EndpointFigures[] {
  return endpoints.toSorted(
    (one, other) => Number(isGoodState(one.state)) - Number(isGoodState(other.state)),
  );
}

function UpstreamState({ upstream: { endpoints, pending } }: { readonly upstream: UpstreamFigures }) {
  const bad = new Map<EndpointStateName, number>();
  for (const { state } of endpoints) if (!isGoodState(state)) bad.set(state, (bad.get(state) ?? 0) + 1);
  const usable = endpoints.filter(isUsable).length;
  const countOf = (wanted: EndpointStateName) => endpoints.filter(({ state }) => state === wanted).length;
  const [leaving, idle] = [countOf('leaving'), countOf('idle')];
  const kind = bad.size === 0 && endpoints.length > 0 ? 'good' : usable === 0 ? 'bad' : 'warning';
  const parts = [
    endpoints.length === 0 ? 'no endpoints' : `${usable} of ${endpoints.length - leaving} can be used`,
    ...(idle > 0 ? [`${idle} idle`] : []),
    ...(leaving > 0 ? [`${leaving} leaving`] : []),
    ...Array.from(bad, ([state, count]) => `${count} ${state}`),
    ...(pending > 0 ? [`${counted(pending, 'call')} waiting for a place`] : []),
  ];
  return (
    <span class="upstream-state">
      <StateMark kind={kind} /> {parts.join(', ')}
    </span>
  );
}
