// The figures that say at a glance whether all is well.

import type { ComponentChildren } from 'preact';
import { isUsable } from '../model/endpoint-states.ts';
import {
  counted,
  formatBytes,
  formatCount,
  formatPercentile,
  formatRate,
  formatShare,
  formatTime,
  NONE,
} from '../model/format.ts';
import { countsBetween, percentileOf } from '../model/histogram.ts';
import { LATENCY_MS, type ProxyModel, RATE_MS } from '../model/proxy-model.ts';
import { refusedClients } from '../model/refused-clients.ts';
import { type MarkKind, StateMark } from './state-mark.tsx';

const DAYS_WARNED = 21;

interface TileProps {
  readonly title: string;
  readonly value: ComponentChildren;
  readonly more: ComponentChildren;
  readonly mark?: MarkKind | undefined;
}

export function Summary({ model, nowEpochMs }: { readonly model: ProxyModel; readonly nowEpochMs: number }) {
  return (
    <section aria-label="Summary" class="summary">
      <CallTiles model={model} />
      <EndpointTile model={model} />
      <RefusedTile model={model} nowEpochMs={nowEpochMs} />
      <CertificateTile model={model} />
      <LoadTile model={model} />
    </section>
  );
}

function Tile({ title, value, more, mark }: TileProps) {
  return (
    <div class="tile">
      <h2>{title}</h2>
      <p class="value">
        {mark !== undefined && <StateMark kind={mark} />} {value}
      </p>
      <p class="more">{more}</p>
    </div>
  );
}

function CallTiles({ model }: { readonly model: ProxyModel }) {
  const { totals, opening } = model;
  const { last } = totals;
  if (last === undefined || opening === undefined) return null;
  const rate = (name: Parameters<typeof totals.rate>[0]) => totals.rate(name, RATE_MS);
  const failed = rate('failed');
  const ended = rate('ok') + rate('cancelled') + rate('clientFault') + failed;
  const counts = countsBetween(totals.before(LATENCY_MS)?.durations, last.durations);
  const p = (share: number) => formatPercentile(percentileOf(counts, opening.bucketBoundsMs, share));
  return (
    <>
      <Tile
        title="Calls"
        value={<Rate value={rate('started')} />}
        more={`${formatCount(last.inFlight)} in flight`}
      />
      <Tile
        title="Failed"
        value={<Rate value={failed} />}
        more={ended === 0 ? 'no call has ended' : `${formatShare(failed / ended)} of ended calls`}
        mark={failed > 0 ? 'bad' : 'good'}
      />
      <Tile title="Duration p99" value={p(0.99)} more={`p50 ${p(0.5)}, last minute`} />
      <Tile
        title="Traffic"
        value={
          <>
            {formatBytes(rate('requestBytes') + rate('responseBytes'))}
            <small>/s</small>
          </>
        }
        more={counted(last.connections, 'connection')}
      />
    </>
  );
}

function Rate({ value }: { readonly value: number }) {
  return (
    <>
      {formatRate(value)}
      <small>/s</small>
    </>
  );
}

function EndpointTile({ model }: { readonly model: ProxyModel }) {
  const endpoints = model.figures?.upstreams.flatMap((upstream) => upstream.endpoints) ?? [];
  const bad = endpoints.filter((endpoint) => endpoint.state !== 'leaving' && !isUsable(endpoint)).length;
  const leaving = endpoints.filter(({ state }) => state === 'leaving').length;
  return (
    <Tile
      title="Endpoints"
      value={
        <>
          {endpoints.length - leaving - bad}
          <small> of {endpoints.length - leaving}</small>
        </>
      }
      more={bad === 0 ? 'all can be used' : `${bad} cannot be used`}
      mark={bad === 0 ? 'good' : 'bad'}
    />
  );
}

function RefusedTile({ model, nowEpochMs }: { readonly model: ProxyModel; readonly nowEpochMs: number }) {
  const { count: refused, lastAtEpochMs } = refusedClients(model.facts.diagnoses);
  const more =
    lastAtEpochMs === undefined ? 'none since the start' : `last at ${formatTime(lastAtEpochMs, nowEpochMs)}`;
  return (
    <Tile
      title="Refused clients"
      value={formatCount(refused)}
      more={more}
      mark={refused > 0 ? 'warning' : 'good'}
    />
  );
}

function CertificateTile({ model }: { readonly model: ProxyModel }) {
  const soonest = (model.facts.certificates ?? []).toSorted((one, other) => one.daysLeft - other.daysLeft)[0];
  if (soonest === undefined) return <Tile title="Certificates" value={NONE} more="there are none" />;
  return (
    <Tile
      title="Certificates"
      value={
        soonest.daysLeft < 0 ? (
          'expired'
        ) : (
          <>
            {formatCount(soonest.daysLeft)}
            <small> days left</small>
          </>
        )
      }
      more={<span class="cut">{soonest.name}</span>}
      mark={soonest.daysLeft < 0 ? 'bad' : soonest.daysLeft <= DAYS_WARNED ? 'warning' : 'good'}
    />
  );
}

function LoadTile({ model }: { readonly model: ProxyModel }) {
  const { totals } = model;
  const { last } = totals;
  if (last === undefined) return null;
  return (
    <Tile
      title="Processor"
      value={
        <>
          {totals.rate('cpuSeconds', RATE_MS).toFixed(2)}
          <small> cores</small>
        </>
      }
      more={`${formatBytes(last.memoryBytes)} memory`}
    />
  );
}
