// Measures what one page of GET /api/exchanges costs the process that carries the calls: 10,000 idle streams on ten connections, in this
// process. Prints the CPU time of a page, and the longest time without a turn for anything else, medians for several questions.
// `node bench/micro/live-exchanges.bench.ts [CALLS]`

import { performance } from 'node:perf_hooks';
import type { LiveQuery } from '../../src/calls/live-query.ts';
import { eventually } from '../../test/support/eventually.ts';
import { configOf, ProxyUnderTest, proxyConfigText } from '../../test/support/proxy-under-test.ts';
import { startRawServer } from '../../test/support/raw-server.ts';

const CONNECTIONS = 10;
const ROUNDS = 30;
const calls = Number(process.argv[2] ?? '10000');
const PAGE: LiveQuery = { sort: 'age', limit: 100 };
const QUESTIONS: Readonly<Record<string, LiveQuery>> = {
  'the oldest hundred': PAGE,
  'the longest silent hundred': { ...PAGE, sort: 'silent' },
  'one method of ten': { ...PAGE, method: '/a.B/C3' },
  'blocked by the client': { ...PAGE, blocked: 'client' },
  'blocked by the service, so all': { ...PAGE, blocked: 'service' },
  'the oldest thousand': { ...PAGE, limit: 1000 },
};

const service = await startRawServer({ onRequest: (request) => warm(request.streamId) && request.succeed() });
const text = await proxyConfigText({
  endpoints: [service.address],
  sections: { limits: { concurrentStreams: Math.ceil(calls / CONNECTIONS) } },
});
const proxy = await ProxyUnderTest.start(configOf(text));
const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => proxy.rawClient('clear')));
await clients[0].outcome(clients[0].call());
clients.forEach((client, index) => {
  for (let call = 0; call < calls / CONNECTIONS; call++)
    client.call({ path: `/a.B/C${index}`, body: Buffer.alloc(10), endStream: false });
});
await eventually('all calls run', () => proxy.plane.load.calls >= calls, 60_000);
await eventually(
  'all are silent',
  async () => (await proxy.plane.exchanges({ ...PAGE, minSilentMs: 1500 })).matching >= calls,
);

for (const [what, query] of Object.entries(QUESTIONS)) {
  const cpuMs: number[] = [];
  const longestMs: number[] = [];
  let found = 0;
  for (let round = 0; round < ROUNDS; round++) {
    let lastMs = performance.now();
    let longest = 0;
    let isOver = false;
    const tick = (): void => {
      const nowMs = performance.now();
      longest = Math.max(longest, nowMs - lastMs);
      lastMs = nowMs;
      if (!isOver) setImmediate(tick);
    };
    setImmediate(tick);
    const beforeMs = cpuMsNow();
    found = (await proxy.plane.exchanges(query)).exchanges.length;
    cpuMs.push(cpuMsNow() - beforeMs);
    isOver = true;
    longestMs.push(longest);
    await new Promise((resolve) => setImmediate(resolve));
  }
  process.stdout.write(
    `${what}: ${found} of ${calls}, ${medianOf(cpuMs)} ms of CPU, ${medianOf(longestMs)} ms at once\n`,
  );
}
process.exit(0);

function medianOf(values: readonly number[]): string {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)].toFixed(1);
}

/** Of this thread, since others of the machine would count in any other clock. */
function cpuMsNow(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** The first call of a connection of the proxy makes it. */
function warm(streamId: number): boolean {
  return streamId === 1;
}
