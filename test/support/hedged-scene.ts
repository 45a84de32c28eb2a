// A proxy with a route that has `hedge`, and services that answer as a test says.

import type { TestContext } from 'node:test';
import { FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from './eventually.ts';
import { type MetricSample, valuesOf } from './metrics-reader.ts';
import { type AccessRecord, type ProxyUnderTest, startProxy, startRawUpstream } from './proxy-under-test.ts';
import type { RawClient } from './raw-client.ts';
import { type Fields, grpcMessage } from './raw-frames.ts';
import type { RawRequest, RawServer, RawServerOptions } from './raw-server.ts';

export const MESSAGE = grpcMessage(Buffer.from('the whole request'));

export type Answer = (request: RawRequest) => void;

export interface Scene {
  readonly proxy: ProxyUnderTest;
  readonly client: RawClient;
  readonly services: readonly RawServer[];
  /** The whole requests of all services, in the order of their arrival, but for those to /warm/Up. */
  readonly requests: readonly RawRequest[];
  /** All requests, from their header sections on. */
  readonly heads: readonly RawRequest[];
  /** How many calls were answered before, on another route. */
  readonly warmed: number;
}

export interface SceneOptions {
  readonly hedge?: Readonly<Record<string, unknown>>;
  readonly services?: number;
  readonly limits?: Readonly<Record<string, unknown>>;
  readonly upstream?: Readonly<Record<string, unknown>>;
  readonly server?: RawServerOptions;
  readonly sections?: Readonly<Record<string, unknown>>;
  /** Endpoints beside those of the services. */
  readonly more?: readonly string[];
}

/** @param answers of the first request, of the second and so on, at whichever service; the last one stands for all that follow */
export async function scene(
  t: TestContext,
  answers: readonly Answer[],
  options: SceneOptions = {},
): Promise<Scene> {
  const requests: RawRequest[] = [];
  const heads: RawRequest[] = [];
  const warm = new Set<number>();
  const services = await Promise.all(
    Array.from({ length: options.services ?? 3 }, (_, index) =>
      startRawUpstream(t, {
        ...options.server,
        onRequest: (request) => heads.push(request),
        onRequestEnd: (request) => {
          if (request.field(':path') === '/warm/Up') {
            warm.add(index);
            request.succeed();
            return;
          }
          requests.push(request);
          (answers[requests.length - 1] ?? answers.at(-1))?.(request);
        },
      }),
    ),
  );
  const { limits = {}, upstream = {}, more = [] } = options;
  const endpoints = [...services.map(({ address }) => address), ...more];
  const proxy = await startProxy(t, {
    sections: {
      routes: [
        { name: 'warm', match: { path: '/warm/*' }, upstream: 'voice' },
        { name: 'all', match: { path: '/*' }, upstream: 'voice', hedge: { delay: '1ms', ...options.hedge } },
      ],
      upstreams: { voice: { endpoints, limits, ...upstream } },
      ...options.sections,
    },
  });
  const client = await proxy.rawClient('clear');
  // A hedge goes to an endpoint that is connected.
  let warmed = 0;
  for (; warm.size < services.length; warmed++) await client.outcome(client.call({ path: '/warm/Up' }));
  heads.length = 0;
  return { proxy, client, services, requests, heads, warmed };
}

export function record({ proxy }: Scene): Promise<AccessRecord> {
  return proxy.record(({ route }) => route === 'all');
}

/** How the streams of requests ended on the services' side: the codes of the resets that they got. */
export function resetCodes(requests: readonly RawRequest[]): readonly (number | undefined)[] {
  return requests.map(({ peer, streamId }) =>
    peer
      .framesOf(streamId)
      .find(({ type }) => type === FrameType.RST_STREAM)
      ?.payload.readUInt32BE(0),
  );
}

/** What has become of the attempts of calls that were hedged. */
export async function outcomesOf({ proxy, warmed }: Scene): Promise<Readonly<Record<string, number>>> {
  const sums: Record<string, number> = { answered: -warmed };
  for (const { labels, value } of await metricOf(proxy, 'framegate_endpoint_attempts_total')) {
    const { outcome } = labels;
    if (value > 0) sums[outcome] = (sums[outcome] ?? 0) + value;
  }
  return sums;
}

async function metricOf(proxy: ProxyUnderTest, name: string): Promise<readonly MetricSample[]> {
  const families = await proxy.plane.metrics();
  return valuesOf(families.find((family) => family.name === name));
}

/** The sum of a gauge or a counter over everything. */
export async function sumOf(proxy: ProxyUnderTest, name: string): Promise<number> {
  return (await metricOf(proxy, name)).reduce((sum, { value }) => sum + value, 0);
}

/** Waits until no attempt has a place, and none counts in the budget. */
export async function wantNothingLeft({ proxy }: Scene): Promise<void> {
  await eventually('nothing is left of the attempts', async () => {
    const active = await sumOf(proxy, 'framegate_endpoint_active_calls');
    const retries = await sumOf(proxy, 'framegate_upstream_retries');
    return active === 0 && retries === 0;
  });
}

/** Sends what all of these answer in one write for each connection. */
export function together(requests: readonly RawRequest[], answer: Answer): void {
  for (const { peer } of requests) peer.socket.cork();
  for (const request of requests) answer(request);
  for (const { peer } of requests) peer.socket.uncork();
}

export const echo: Answer = (request) => {
  request.sendHeaders();
  request.peer.sendData(request.streamId, request.body);
  request.sendTrailers();
};
export const silence: Answer = () => undefined;

export function trailersOnly(status: number, ...more: Fields): Answer {
  return (request) =>
    request.sendTrailers([
      [':status', '200'],
      ['content-type', 'application/grpc'],
      ['grpc-status', String(status)],
      ['grpc-message', `attempt ${request.field('grpc-previous-rpc-attempts') ?? '0'}`],
      ...more,
    ]);
}

export function headersThenTrailers(status: number, ...more: Fields): Answer {
  return (request) => {
    request.sendHeaders();
    request.sendTrailers([['grpc-status', String(status)], ...more]);
  };
}

export const reset =
  (code: number): Answer =>
  (request) =>
    request.reset(code);
export const page: Answer = (request) => {
  request.sendHeaders([
    [':status', '503'],
    ['content-type', 'text/html'],
  ]);
  request.peer.sendData(request.streamId, Buffer.from('<h1>Sorry</h1>'), true);
};
export const UNAVAILABLE = trailersOnly(14);
