// When an endpoint whose calls fail is ejected, for how long, and how many of them.

import { setTimeout as sleep } from 'node:timers/promises';
import { compareNumbers, compareTexts, type Measure, type Row } from '../comparison.ts';
import { type Answer, ofBoth, type Proxy } from '../proxy.ts';
import { Service } from '../service.ts';

const CONSECUTIVE = 5;
const CALLS = 40;
/** Between the calls of one kind: long enough for a busy machine to take an endpoint out. */
const LONG_PAUSE_MS = 15;
/** Framegate counts failures of one millisecond once, so that calls of one connection that breaks are one failure. */
const PAUSE_MS = 3;
const EJECTION_SECONDS = 2;
const LEAST_BATCHES = 3;
const MOST_BATCHES = 20;
/** Two failures with more time between them have an ejection between them. */
const GAP_MS = 500;
const OBSERVED_MS = 18_000;

const STATUSES = [
  '1 CANCELLED',
  '2 UNKNOWN',
  '3 INVALID_ARGUMENT',
  '4 DEADLINE_EXCEEDED',
  '5 NOT_FOUND',
  '7 PERMISSION_DENIED',
  '8 RESOURCE_EXHAUSTED',
  '9 FAILED_PRECONDITION',
  '10 ABORTED',
  '12 UNIMPLEMENTED',
  '13 INTERNAL',
  '14 UNAVAILABLE',
  '15 DATA_LOSS',
  '16 UNAUTHENTICATED',
];
const BY_CLIENT = 'a client can cause it alone';
const IN_HEADERS = 'Envoy counts the 200 that comes first as a success';

/** What a service does, by the path that has it do so, and why the two differ in it. */
const FAILURES: readonly (readonly [name: string, path: string, why?: string])[] = [
  ...STATUSES.map((status): readonly [string, string, string?] => {
    const [code, name] = status.split(' ');
    const path = `headers/${code}`;
    return ['DEADLINE_EXCEEDED', 'UNIMPLEMENTED'].includes(name) ? [name, path, BY_CLIENT] : [name, path];
  }),
  ['UNAVAILABLE in trailers', 'trailers/14', IN_HEADERS],
  ['INTERNAL in trailers', 'trailers/13', IN_HEADERS],
  ['reset INTERNAL_ERROR', 'reset/2'],
  ['reset CANCEL', 'reset/8'],
  ['reset REFUSED_STREAM', 'reset/7', 'what was not processed is sent to another at once'],
];

async function withFailing(
  count: number,
  failing: number,
  ask: (services: readonly Service[]) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  const services = await Service.startMany(count);
  for (const service of services.slice(0, failing)) service.isFailing = true;
  try {
    return await ask(services);
  } finally {
    for (const service of services) service.close();
  }
}

/** Which failures eject, and after how many. */
export async function outlierKinds(): Promise<readonly Row[]> {
  return await withFailing(2, 1, async (services) => {
    const endpoints = services.map(({ port }) => ({ port }));
    const outliers = { consecutive: CONSECUTIVE, ejectionSeconds: 60, maxEjectedPercent: 50 };
    // An upstream for each kind, so that one failure does not count for another.
    const upstreams = FAILURES.map((_, index) => ({ name: `kind-${index}`, endpoints, outliers }));
    const found = await ofBoth({ upstreams }, async (proxy) => {
      const texts: string[] = [];
      for (const [index, [, path]] of FAILURES.entries()) {
        const answers = await proxy.calls(CALLS, `kind-${index}`, {
          path,
          atOnce: 1,
          pauseMs: LONG_PAUSE_MS,
        });
        const failed = answers.filter(({ status }) => status !== '0').length;
        texts.push(failed === 0 ? 'no call fails' : failed < CALLS / 3 ? `out after ${failed}` : 'stays');
      }
      return texts;
    });
    return FAILURES.map(([name, , why], index) =>
      compareTexts(
        { scenario: 'ejection', case: `${name}, again and again`, ...(why === undefined ? {} : { why }) },
        { framegate: found.framegate[index], envoy: found.envoy[index] },
      ),
    );
  });
}

const ONE_IN_ANY_CASE = 'one may be out in any case, in Envoy by always_eject_one_host';

/** How many are ejected at a time. */
export async function outlierCap(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [total, failing, percent, why] of [
    [4, 3, 50],
    [4, 3, 10, ONE_IN_ANY_CASE],
    [10, 4, 30],
    [2, 2, 100],
  ] as const)
    rows.push(...(await withFailing(total, failing, (services) => capOf(services, percent, why))));
  return rows;
}

async function capOf(services: readonly Service[], percent: number, why?: string): Promise<readonly Row[]> {
  const endpoints = services.map(({ port }) => ({ port }));
  const outliers = { consecutive: CONSECUTIVE, ejectionSeconds: 60, maxEjectedPercent: percent };
  const failing = services.filter(({ isFailing }) => isFailing);
  const found = await ofBoth({ upstreams: [{ name: 'voice', endpoints, outliers }] }, async (proxy) => {
    const names = await steadyServers(proxy, 20 * services.length);
    return `${failing.filter(({ name }) => !names.has(name)).length} of ${failing.length}`;
  });
  const about = `${failing.length} of ${services.length} fail, at most ${percent} % out: how many of them get no calls`;
  return [compareTexts({ scenario: 'ejection', case: about, ...(why === undefined ? {} : { why }) }, found)];
}

/** Who answers when nothing changes any more: on a busy machine a thread of Envoy may learn late that an endpoint is out. */
async function steadyServers(proxy: Proxy, calls: number): Promise<ReadonlySet<string>> {
  let before = new Set<string>();
  for (let batch = 0; batch < MOST_BATCHES; batch++) {
    const answers = await proxy.calls(calls, 'voice', { atOnce: 1, pauseMs: PAUSE_MS });
    const now = new Set(answers.map(({ server }) => server));
    if (batch >= LEAST_BATCHES && now.size === before.size) return now;
    before = now;
  }
  throw new Error('it changes again and again who gets calls');
}

/** Envoy looks once a second whether an ejection is over. */
const SECONDS: Measure = { within: 1.1, textOf: (value) => `${value.toFixed(1)} s` };

/** How long ejections last while the endpoint goes on failing, and how it comes back when it does not. */
export async function outlierTimes(): Promise<readonly Row[]> {
  return await withFailing(2, 1, async (services) => {
    const [bad] = services;
    const endpoints = services.map(({ port }) => ({ port }));
    const outliers = {
      consecutive: CONSECUTIVE,
      ejectionSeconds: EJECTION_SECONDS,
      maxEjectedPercent: 50,
    };
    const found = await ofBoth({ upstreams: [{ name: 'voice', endpoints, outliers }] }, async (proxy) => {
      const gaps = gapsBetweenFailures(await callFor(proxy, OBSERVED_MS));
      bad.isFailing = false;
      const sinceMs = performance.now();
      await sleep(1);
      const back = await callUntil(proxy, bad.name, sinceMs + 20_000);
      return { gaps, isBack: back === undefined ? 'no' : 'yes' };
    });
    const gapRow = (index: number): Row =>
      compareNumbers(
        { scenario: 'ejection', case: `base 2 s, the endpoint goes on failing: ejection ${index + 1} lasts` },
        {
          framegate: found.framegate.gaps[index].lengthMs / 1000,
          envoy: found.envoy.gaps[index].lengthMs / 1000,
        },
        SECONDS,
      );
    const between = { framegate: failuresAt(found.framegate.gaps), envoy: failuresAt(found.envoy.gaps) };
    return [
      ...[0, 1, 2].map((index) => gapRow(index)),
      compareTexts(
        {
          scenario: 'ejection',
          case: 'failures until the second one, when it is back',
          why: 'on trial, one failure is enough',
        },
        between,
      ),
      compareTexts(
        { scenario: 'ejection', case: 'readmitted when it does not fail any more' },
        { framegate: found.framegate.isBack, envoy: found.envoy.isBack },
      ),
    ];
  });
}

async function callFor(proxy: Proxy, forMs: number): Promise<readonly Answer[]> {
  const untilMs = performance.now() + forMs;
  const answers: Answer[] = [];
  while (performance.now() < untilMs)
    answers.push(...(await proxy.calls(4, 'voice', { path: 'headers/14', atOnce: 1, pauseMs: PAUSE_MS })));
  return answers;
}

async function callUntil(proxy: Proxy, server: string, untilMs: number): Promise<Answer | undefined> {
  while (performance.now() < untilMs) {
    const answer = await proxy.call('voice');
    if (answer.server === server) return answer;
    await sleep(PAUSE_MS);
  }
  return undefined;
}

interface Gap {
  readonly lengthMs: number;
  /** How many failures there were before it, since the gap before. */
  readonly failures: number;
}

function gapsBetweenFailures(answers: readonly Answer[]): readonly Gap[] {
  const gaps: Gap[] = [];
  const failed = answers.filter(({ status }) => status !== '0');
  let failures = 0;
  for (const [index, { endedMs }] of failed.entries()) {
    failures++;
    const next = failed[index + 1];
    if (next === undefined || next.endedMs - endedMs < GAP_MS) continue;
    gaps.push({ lengthMs: next.endedMs - endedMs, failures });
    failures = 0;
  }
  return gaps;
}

function failuresAt(gaps: readonly Gap[]): string {
  return gaps
    .slice(1, 2)
    .map(({ failures }) => String(failures))
    .join('');
}
