// Which failed attempts are followed by another, and what the service is told of the time that a call has left when it had to wait.

import { compareNumbers, compareTexts, type Row } from '../comparison.ts';
import { ofBoth, type Proxy } from '../proxy.ts';
import { MISBEHAVIOUR_NAMES, RetryService } from '../retry-service.ts';

/** Those after which there must be no other attempt. */
const FINAL = new Set(['trailers-after-a-message', 'other-status-in-trailers', 'pushback-never']);
const PUSHBACK_MS = 100;
const IN_TRAILERS = 'Envoy looks at the status in headers alone';
const AFTER_HEADERS = 'Envoy passes headers on at once';

const WHY: Readonly<Record<string, string>> = {
  'trailers-at-once': IN_TRAILERS,
  'trailers-after-10ms': IN_TRAILERS,
  'trailers-after-30ms': IN_TRAILERS,
  'exhausted-in-trailers': IN_TRAILERS,
  'cancelled-in-trailers': IN_TRAILERS,
  'reset-after-headers': AFTER_HEADERS,
  'connection-lost-after-headers': AFTER_HEADERS,
  'pushback-100ms': 'Envoy does not know grpc-retry-pushback-ms',
  'pushback-never': 'Envoy does not know grpc-retry-pushback-ms',
};

interface Tried {
  readonly text: string;
  readonly isRight: boolean;
}

/** Sixteen ways to fail once, each with what the client and the service saw. The last row counts in how many it was right. */
export async function retries(): Promise<readonly Row[]> {
  const service = await RetryService.start();
  try {
    const upstream = { name: 'voice', endpoints: [{ port: service.port }], isRetried: true };
    const found = await ofBoth({ upstreams: [upstream] }, async (proxy) => {
      const tried: Tried[] = [];
      for (const name of MISBEHAVIOUR_NAMES) tried.push(await tryOnce(proxy, service, name));
      return tried;
    });
    const rows = MISBEHAVIOUR_NAMES.map((name, index) => {
      const texts = { framegate: found.framegate[index].text, envoy: found.envoy[index].text };
      const why = WHY[name];
      return compareTexts(
        { scenario: 'retries', case: name.replaceAll('-', ' '), ...(why === undefined ? {} : { why }) },
        texts,
      );
    });
    const rightOf = (tried: readonly Tried[]): string =>
      `${tried.filter(({ isRight }) => isRight).length} of ${tried.length}`;
    const counts = { framegate: rightOf(found.framegate), envoy: rightOf(found.envoy) };
    return [...rows, compareTexts({ scenario: 'retries', case: 'right in', why: IN_TRAILERS }, counts)];
  } finally {
    service.close();
  }
}

async function tryOnce(proxy: Proxy, service: RetryService, name: string): Promise<Tried> {
  const key = `${proxy.name} ${name}`;
  const { status } = await proxy.call('voice', { path: name, key });
  const seen = service.attempts.get(key) ?? [];
  const [first, second] = seen;
  const pausedMs = second === undefined ? 0 : second.atMs - first.atMs;
  const isPausedRight = name !== 'pushback-100ms' || pausedMs >= PUSHBACK_MS;
  const isRight = FINAL.has(name) ? seen.length === 1 : status === '0' && seen.length === 2 && isPausedRight;
  const pause = isPausedRight ? '' : ', too early';
  return { text: `${seen.length} attempts, status ${status}${pause}`, isRight };
}

const TIMEOUT_MS = 2000;
const BUSY_MS = 300;
const TOO_HIGH = { within: 50, textOf: (ms: number) => `${ms.toFixed(0)} ms` };

/** A call that has waited for the only stream of its service: how much more time its service is told than is left. */
export async function queuedDeadline(): Promise<readonly Row[]> {
  const services = { framegate: await RetryService.start(1), envoy: await RetryService.start(1) };
  try {
    const found = { framegate: 0, envoy: 0 };
    for (const name of ['framegate', 'envoy'] as const) {
      const service = services[name];
      service.delayMs = BUSY_MS;
      const upstream = { name: 'voice', endpoints: [{ port: service.port }], mostConnections: 1 };
      const both = await ofBoth({ upstreams: [upstream] }, async (proxy) =>
        proxy.name === name ? tooHigh(proxy, service) : 0,
      );
      found[name] = both[name];
    }
    const why = 'Envoy passes on what the client has said';
    return [
      compareNumbers(
        { scenario: 'deadline', case: 'grpc-timeout after queueing is too high by', why },
        found,
        TOO_HIGH,
      ),
    ];
  } finally {
    services.framegate.close();
    services.envoy.close();
  }
}

async function tooHigh(proxy: Proxy, service: RetryService): Promise<number> {
  // The connection is there before it counts.
  await proxy.call('voice', { key: 'before' });
  const first = proxy.call('voice', { key: 'first' });
  const sentMs = performance.now();
  await Promise.all([first, proxy.call('voice', { key: 'second', timeout: `${TIMEOUT_MS}m` }, 1)]);
  const [seen] = service.attempts.get('second') ?? [];
  if (seen === undefined) throw new Error('the second call has not arrived');
  return millisecondsOf(seen.grpcTimeout) - (TIMEOUT_MS - (seen.atMs - sentMs));
}

const UNIT_MS: Readonly<Record<string, number>> = { S: 1000, m: 1, u: 0.001, n: 0.000_001 };

function millisecondsOf(grpcTimeout: string): number {
  const unit = UNIT_MS[grpcTimeout.slice(-1)];
  if (unit === undefined) throw new Error(`no grpc-timeout: ${grpcTimeout}`);
  return Number(grpcTimeout.slice(0, -1)) * unit;
}
