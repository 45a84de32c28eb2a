// Which endpoint gets how many calls: slow start, weights, an endpoint that is slow, and keys on a ring.

import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import { compareNumbers, type Measure, type Row, SHARE } from '../comparison.ts';
import { type Answer, ofBoth, type Proxy } from '../proxy.ts';
import { Service } from '../service.ts';
import type { SetUp } from '../set-up.ts';
import type { ProxyName } from '../started-proxy.ts';

const WINDOW_SECONDS = 10;
const CALLS = 2000;
const KEYS = 1000;

async function withServices(
  count: number,
  ask: (services: readonly Service[]) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  const services = await Service.startMany(count);
  try {
    return await ask(services);
  } finally {
    for (const service of services) service.close();
  }
}

function shareOf(answers: readonly Answer[], name: string): number {
  return answers.filter(({ server }) => server === name).length / answers.length;
}

/** The parts of the window in which the share of the new endpoint is taken, as parts of it. */
const MOMENTS: readonly (readonly [name: string, from: number, to: number])[] = [
  ['first tenth', 0, 0.1],
  ['quarter', 0.2, 0.3],
  ['middle', 0.45, 0.55],
  ['three quarters', 0.7, 0.8],
  ['last tenth', 0.9, 1],
  ['after its end', 1.1, 1.3],
];
const LAST_MOMENT = 1.3;

export async function slowStart(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const balance of ['round-robin', 'least-requests'] as const)
    rows.push(...(await withServices(4, (services) => slowStartWith(balance, services))));
  return rows;
}

async function slowStartWith(
  balance: 'round-robin' | 'least-requests',
  services: readonly Service[],
): Promise<readonly Row[]> {
  const [late] = services;
  late.isHealthy = false;
  const endpoints = services.map(({ port }) => ({ port }));
  const upstream = {
    name: 'voice',
    endpoints,
    balance,
    isHealthChecked: true,
    slowStartSeconds: WINDOW_SECONDS,
  };
  let ready = 0;
  const found = await ofBoth({ upstreams: [upstream] }, async (proxy) => {
    await proxy.seesUnhealthy(1);
    // Envoy's first endpoints start slowly as well, and must be done with it.
    await sleep(WINDOW_SECONDS * 1000);
    ready++;
    await eventually('both proxies are ready', () => ready === 2);
    late.isHealthy = true;
    await proxy.seesUnhealthy(0);
    return await callFor(proxy, WINDOW_SECONDS * LAST_MOMENT);
  });
  return MOMENTS.map(([name, from, to]) => {
    const shareIn = ({ sinceMs, answers }: Called): number => {
      const [fromMs, toMs] = [from, to].map((part) => sinceMs + part * WINDOW_SECONDS * 1000);
      const within = answers.filter(({ endedMs }) => endedMs >= fromMs && endedMs < toMs);
      return shareOf(within, late.name);
    };
    const shares = { framegate: shareIn(found.framegate), envoy: shareIn(found.envoy) };
    return compareNumbers({ scenario: 'slow start', case: `${balance}, ${name}` }, shares, SHARE);
  });
}

interface Called {
  readonly sinceMs: number;
  readonly answers: readonly Answer[];
}

async function callFor(proxy: Proxy, seconds: number): Promise<Called> {
  const sinceMs = performance.now();
  const answers: Answer[] = [];
  while (performance.now() < sinceMs + seconds * 1000)
    answers.push(...(await proxy.calls(20, 'voice', { atOnce: 2, pauseMs: 2 })));
  return { sinceMs, answers };
}

export async function weights(): Promise<readonly Row[]> {
  return await withServices(3, async (services) => {
    const endpoints = services.map(({ port }, index) => ({ port, weight: [1, 2, 5][index] }));
    const balances = ['round-robin', 'least-requests', 'random'] as const;
    const upstreams = balances.map((balance) => ({ name: balance, endpoints, balance }));
    const ask = async (proxy: Proxy): Promise<Readonly<Record<string, readonly number[]>>> => {
      const shares: Record<string, readonly number[]> = {};
      for (const balance of balances)
        for (const atOnce of [1, 40]) {
          const answers = await proxy.calls(CALLS, balance, { atOnce });
          shares[`${balance}, ${atOnce} at a time`] = services.map(({ name }) => shareOf(answers, name));
        }
      return shares;
    };
    const found = await ofBoth({ upstreams }, ask);
    return Object.keys(found.framegate).flatMap((name) =>
      [0, 1, 2].map((index) =>
        compareNumbers(
          {
            scenario: 'weights 1:2:5',
            case: `${name}: share of weight ${[1, 2, 5][index]}`,
            ...whyWeights(name),
          },
          { framegate: found.framegate[name][index], envoy: found.envoy[name][index] },
          SHARE,
        ),
      ),
    );
  });
}

const WEIGHTS_HOLD = 'calls are in proportion to weights; Envoy divides weights by open calls';

function whyWeights(name: string): { readonly why?: string } {
  if (name.startsWith('random')) return { why: 'Envoy draws without weights' };
  return name === 'least-requests, 40 at a time' ? { why: WEIGHTS_HOLD } : {};
}

export async function leastRequests(): Promise<readonly Row[]> {
  return await withServices(3, async (services) => {
    for (const [index, service] of services.entries()) service.delayMs = [60, 10, 10][index];
    const endpoints = services.map(({ port }) => ({ port }));
    const upstreams = [{ name: 'voice', endpoints, balance: 'least-requests' as const }];
    const rows: Row[] = [];
    for (const atOnce of [6, 30]) {
      const found = await ofBoth({ upstreams }, async (proxy) =>
        shareOf(await proxy.calls(CALLS, 'voice', { atOnce }), services[0].name),
      );
      const about = `${atOnce} calls at a time: share of the endpoint that takes six times as long`;
      rows.push(compareNumbers({ scenario: 'least requests', case: about }, found, SHARE));
    }
    return rows;
  });
}

/** Which service has which key. */
type Ring = ReadonlyMap<string, string>;

async function readRing(proxy: Proxy): Promise<Ring> {
  const ring = new Map<string, string>();
  for (let number = 0; number < KEYS; number++) {
    const key = `session-${number}`;
    ring.set(key, (await proxy.call('voice', { key }, number)).server);
  }
  return ring;
}

function moved(before: Ring, after: Ring): number {
  return [...before].filter(([key, server]) => after.get(key) !== server).length / before.size;
}

/** The part of the calls that the endpoint with the most has, in times of its fair part. */
function mostLoaded(ring: Ring, services: readonly Service[]): number {
  const counts = services.map(({ name }) => [...ring.values()].filter((server) => server === name).length);
  return (Math.max(...counts) * services.length) / ring.size;
}

const TIMES: Measure = { within: 0.25, textOf: (times) => `${times.toFixed(2)} times the mean` };
const RING = 'with fewer endpoints each has more points on a ring of Envoy, and the same in Framegate';
const EXACTLY: Measure = { ...SHARE, within: 0 };

function ringOf(services: readonly Service[], workers: number): SetUp {
  const endpoints = services.map(({ port }) => ({ port }));
  return { workers, upstreams: [{ name: 'voice', endpoints, balance: 'ring-hash' }] };
}

interface RingCase {
  readonly case: string;
  readonly why?: string;
}

function ringRow(about: RingCase, measureOf: (name: ProxyName) => number, measure: Measure): Row {
  const values = { framegate: measureOf('framegate'), envoy: measureOf('envoy') };
  return compareNumbers({ scenario: 'ring hash', ...about }, values, measure);
}

export async function ringHash(): Promise<readonly Row[]> {
  return await withServices(10, async (services) => {
    const whole = await ofBoth(ringOf(services, 1), readRing);
    const again = await ofBoth(ringOf(services, 2), readRing);
    const turned = await ofBoth(ringOf(services.toReversed(), 1), readRing);
    const without = await ofBoth(ringOf(services.slice(1), 1), readRing);
    const lost = services[0].name;
    const movedElsewhere = (name: ProxyName): number =>
      [...whole[name]].filter(([key, server]) => server !== lost && without[name].get(key) !== server).length;
    return [
      ringRow(
        { case: 'keys that move with a restart and two workers' },
        (name) => moved(whole[name], again[name]),
        EXACTLY,
      ),
      ringRow(
        { case: 'keys that move with another order of endpoints' },
        (name) => moved(whole[name], turned[name]),
        EXACTLY,
      ),
      ringRow(
        { case: 'keys that move without one of ten', why: RING },
        (name) => moved(whole[name], without[name]),
        SHARE,
      ),
      ringRow(
        { case: 'of these, keys of other endpoints', why: RING },
        (name) => movedElsewhere(name) / KEYS,
        EXACTLY,
      ),
      ringRow({ case: 'most loaded of ten' }, (name) => mostLoaded(whole[name], services), TIMES),
    ];
  });
}
