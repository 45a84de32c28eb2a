// What a proxy would say that has more of everything than a test can make: 10,000 calls, 200 routes, workers, and names that try to be
// markup. For the page only; what a real proxy says comes from one.

import type {
  DashboardFacts,
  DashboardFigures,
  DashboardOpening,
  DashboardTotals,
  EndpointFigures,
  RouteFigures,
} from '../../../src/admin/dashboard-figures.ts';

export const BOUNDS_MS: readonly number[] = [
  0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000,
];

/** Texts that a client, a certificate or a file name may hold. */
export const HOSTILE: readonly string[] = [
  '/<img src=x onerror="document.title=1">/Method',
  '/"><script>document.title=2</script>',
  '/\u202Egpj.exe\u0000\u0007/\uD800',
  `/${'very.long.package.name.'.repeat(12)}Service/Method`,
  '/javascript:alert(1)//%00%0A',
  '/ﷺ🇺🇳👩‍👩‍👧‍👦/𝕿𝖊𝖘𝖙',
];

const STARTED_AT = 1_795_000_000_000;
const ROUTES = 200;
const SECOND = 1000;
const SECONDS_BEFORE = 5000;

/** @param seconds since the start. Every counter is a function of it, so that rates are the same at each run. */
export function madeUpTotals(seconds: number, nowEpochMs: number): DashboardTotals {
  const calls = callsUntil(seconds);
  const failed = Math.round(2.2 * seconds + 200 * Math.max(0, Math.sin(seconds / 90) ** 9));
  return {
    atEpochMs: nowEpochMs,
    started: calls + 10_000,
    inFlight: 10_000,
    ok: calls - failed * 3,
    cancelled: failed,
    clientFault: failed,
    failed,
    requestBytes: calls * 900,
    responseBytes: calls * 4100,
    requestMessages: calls * 3,
    responseMessages: calls * 7,
    refusedClients: 37,
    connections: 412,
    durations: histogramUntil(seconds, 3),
    firstMessages: histogramUntil(seconds, 2),
    cpuSeconds: seconds * 1.31,
    memoryBytes: 412_000_000,
    eventLoopDelayP99Ms: 3.2,
  };
}

function callsUntil(seconds: number): number {
  return Math.round(840 * seconds + 4000 * Math.sin(seconds / 40));
}

/** The durations of the calls so far: those of every other minute are slower. */
function histogramUntil(seconds: number, centre: number): readonly number[] {
  const counts = Array.from({ length: BOUNDS_MS.length + 1 }, () => 0);
  for (let minute = 0; minute * 60 < seconds; minute++) {
    const calls = callsUntil(Math.min(seconds, (minute + 1) * 60)) - callsUntil(minute * 60);
    const shape = histogramOf(calls, centre + (minute % 2));
    for (const [bucket, count] of shape.entries()) counts[bucket] += count;
  }
  return counts;
}

function histogramOf(calls: number, centre: number): readonly number[] {
  return Array.from({ length: BOUNDS_MS.length + 1 }, (_, bucket) =>
    Math.round(calls / 4 ** Math.abs(bucket - centre)),
  );
}

/** With the history until now. */
export function madeUpOpening(nowEpochMs: number): DashboardOpening {
  const history = Array.from({ length: 600 }, (_, index) => {
    const age = 600 - index;
    return madeUpTotals(SECONDS_BEFORE - age, nowEpochMs - age * SECOND);
  });
  return {
    event: 'open',
    startedAtEpochMs: STARTED_AT,
    version: '0.1.0',
    everyMs: 1000,
    bucketBoundsMs: BOUNDS_MS,
    history,
  };
}

/** @param seconds since the opening */
export function madeUpFigures(seconds: number, nowEpochMs: number): DashboardFigures {
  return {
    event: 'figures',
    epoch: 4,
    isReady: true,
    totals: madeUpTotals(SECONDS_BEFORE + seconds, nowEpochMs),
    routes: Array.from({ length: ROUTES }, (_, index) => routeOf(index, seconds)),
    upstreams: [
      {
        upstream: 'voice',
        pending: 0,
        panicSinceEpochMs: nowEpochMs - 90_000,
        endpoints: endpointsOf(6, seconds, nowEpochMs),
      },
      { upstream: HOSTILE[0], pending: 3, endpoints: endpointsOf(2, seconds, nowEpochMs) },
      {
        upstream: `long-${'name-'.repeat(30)}`,
        pending: 0,
        endpoints: endpointsOf(120, seconds, nowEpochMs),
        leftOut: 380,
      },
      { upstream: 'empty', pending: 0, endpoints: [] },
    ],
    processes: [0, 1, 2, 3].map((worker) => ({
      ...(worker > 0 && { worker, carries: { calls: 3300, connections: 137 } }),
      pid: 4000 + worker,
      state: 'serving',
      epoch: 4,
      eventLoopDelay: { p50Ms: 0.4, p99Ms: 3.2, maxMs: 12 },
      memory: { level: worker === 3 ? 2 : 0, usedBytes: 132_000_000, limitBytes: 900_000_000 },
      cpuSeconds: (SECONDS_BEFORE + seconds) * 0.33,
      openFiles: 180,
      mostOpenFiles: 65_536,
    })),
    workerRestarts: 1,
    lastWorkerDeath: {
      worker: 2,
      pid: 4711,
      how: 'signal SIGKILL',
      connections: 103,
      calls: 2508,
      atEpochMs: STARTED_AT,
    },
    olderEpochs: [
      { epoch: 2, calls: 17 },
      { epoch: 3, calls: 1204 },
    ],
    unanswered: [3],
  };
}

function routeOf(index: number, seconds: number): RouteFigures {
  const started = Math.round(seconds * (ROUTES - index) * 0.1) + 1000;
  const failed = index % 7 === 0 ? Math.round(seconds * 0.2) : 0;
  return {
    route: index < HOSTILE.length ? HOSTILE[index] : `route-${index}`,
    upstreams: index % 3 === 0 ? ['voice', 'empty'] : ['voice'],
    started,
    inFlight: index,
    ok: started - failed - index,
    cancelled: 0,
    clientFault: 0,
    failed,
    retries: failed,
    durations: histogramOf(started, 2 + (index % 5)),
    firstMessages: histogramOf(started, 1 + (index % 4)),
  };
}

const STATES = [
  'in_use',
  'in_use',
  'unreachable',
  'silent',
  'ejected',
  'standby',
  'idle',
  'unhealthy',
  'leaving',
] as const;

function endpointsOf(count: number, seconds: number, nowEpochMs: number): EndpointFigures[] {
  return Array.from({ length: count }, (_, index) => ({
    endpoint: `10.0.${count}.${index + 1}:50051`,
    state: STATES[index % STATES.length],
    // One in five has come with the last reload.
    sinceEpochMs: index % 5 === 1 ? nowEpochMs - 300_000 : STARTED_AT,
    inFlight: index * 3,
    connections: 2,
    weight: 1,
    answered: Math.round(seconds * 12),
    failed: index % 4 === 2 ? Math.round(seconds * 0.6) : 0,
    givenUp: 0,
    lost: 0,
    timedOut: 0,
    responses: Math.round(seconds * 12),
    responseMs: Math.round(seconds * 12) * 3.4,
    ejections: 0,
  }));
}

export function madeUpFacts(nowEpochMs: number): DashboardFacts {
  const minutes = (count: number) => nowEpochMs - count * 60_000;
  return {
    event: 'facts',
    configuration: {
      epoch: 4,
      loadedAtEpochMs: minutes(12),
      file: '/etc/framegate/config.yaml',
      hash: '9f31c0de77ab1204',
      warnings: ['config.yaml:12:5 – reload.watch is set, and nothing else reloads'],
      changes: {
        since: 3,
        entries: [
          { path: 'upstreams.voice.endpoints["10.0.6.3:50051"]', after: 'weight: 1\npriority: 0' },
          { path: 'upstreams.voice.retry.attempts', before: '2', after: '3' },
          { path: 'routes.voice.limits.0', before: '{ count: calls, rate: 100/s, by: [client] }' },
          {
            path: 'routes["GET /a"]',
            after: `match:\n  path: ${HOSTILE[3]}\nheaders:\n  request:\n    set:\n      x-note: ${HOSTILE[0]}`,
          },
          { path: `routes[5].${HOSTILE[0]}`, before: HOSTILE[1], after: HOSTILE[3] },
        ],
        leftOut: 7,
      },
      reloads: {
        reloaded: 3,
        refused: 1,
        failed: 0,
        last: {
          atEpochMs: minutes(2),
          trigger: 'watch',
          result: 'refused',
          problems: [
            'config.yaml:40:7 – upstreams.voice.endpoints[0]: "10.0.6.1" has no port; write "10.0.6.1:PORT"',
          ],
        },
      },
    },
    certificates: [
      certificate('public', 'DNS:grpc.example.com, DNS:api.example.com', 61, nowEpochMs),
      certificate('internal', `DNS:${HOSTILE[1]}`, 12, nowEpochMs),
      certificate('old', 'DNS:old.example.com', -3, nowEpochMs),
    ],
    diagnoses: {
      counts: { FG1001: 1300, FG2001: 4, FG1004: 2 },
      recent: Array.from({ length: 50 }, (_, index) => ({
        code: 'FG1001',
        token: 'plaintext_on_tls_port',
        sentence:
          index === 1
            ? HOSTILE[0]
            : 'A client called a TLS port without TLS; use TLS credentials in the client (not insecure ones), or another port.',
        listener: 'public',
        client: `192.0.2.${index + 1}:42${index}`,
        atEpochMs: minutes(index + 1),
        lastAtEpochMs: minutes(index),
        count: index + 1,
      })),
      reasons: {
        FG1001: [
          {
            sentence:
              'A client called a TLS port without TLS; use TLS credentials in the client (not insecure ones), or another port.',
            count: 17,
            lastAtEpochMs: minutes(0),
          },
          { sentence: HOSTILE[0], detail: HOSTILE[3], count: 9, lastAtEpochMs: minutes(1) },
        ],
      },
      remedies: {
        FG1001: `Let the client use TLS:\n\n- in Python, \`grpc.secure_channel(...)\`\n- ${HOSTILE[1]}\n\n\`\`\`\ncurl https://example.com\n\`\`\``,
      },
    },
    endpoints: {
      endpoints: [
        {
          upstream: 'voice',
          endpoint: '10.0.6.3:50051',
          reasons: [
            {
              by: 'connecting',
              sentence:
                'The endpoint refuses connections: nothing listens there. Start the service, or correct its address. (FG2001)',
              sinceEpochMs: minutes(6),
            },
          ],
          history: [
            {
              atEpochMs: minutes(6),
              to: 'unreachable',
              sentence: 'The endpoint refuses connections.',
              processes: 3,
            },
            { atEpochMs: minutes(14), to: 'usable', processes: 3 },
            { atEpochMs: minutes(17), to: 'unreachable', sentence: HOSTILE[0], processes: 1 },
          ],
        },
      ],
      leftOut: 4,
    },
  };
}

function certificate(name: string, names: string, daysLeft: number, nowEpochMs: number) {
  const kind = 'listener' as const;
  const notAfterEpochMs = nowEpochMs + (daysLeft + 0.5) * 86_400_000;
  return {
    kind,
    name,
    file: `/etc/framegate/tls/${name}/fullchain.pem`,
    subject: `CN=${name}`,
    names,
    notAfterEpochMs,
    daysLeft,
  };
}

const BLOCKED = [
  {
    by: 'service',
    how: 'silent',
    sentence: 'The service has sent nothing for 42 s. The last bytes of the client came 41 s ago.',
  },
  {
    by: 'client',
    how: 'window',
    sentence: 'The client does not read: 64 KiB wait for it, and its window is empty.',
  },
  {
    by: 'framegate',
    how: 'waiting',
    sentence: 'Framegate holds the call: no endpoint of voice can take it now.',
  },
  { by: 'nobody', how: 'none', sentence: 'Nobody: bytes have come within the last second.' },
];

/** Calls as `GET /api/exchanges` shows them. */
export function madeUpCalls(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    id: index.toString(16).padStart(32, '0'),
    worker: 1 + (index % 3),
    requestId: `request-${index}`,
    listener: 'public',
    client: `192.0.2.${index % 250}:${20_000 + index}`,
    tls: 'TLSv1.3',
    authority: 'grpc.example.com',
    method: index % 9 === 0 ? HOSTILE[(index / 9) % HOSTILE.length] : '/voice.VoiceAssistant/StreamAudio',
    route: 'voice',
    upstream: 'voice',
    protocol: 'grpc',
    startedAt: '2026-11-29T19:00:00.000Z',
    ageMs: 1_000_000 - index * 90,
    state: 'streaming',
    attempt: 1,
    endpoint: `10.0.6.${index % 6}:50051`,
    attempts: [],
    request: direction(index * 700),
    response: direction(index * 2900),
    silentMs: Math.max(0, 400_000 - index * 40),
    windows: {},
    blocked: { ...BLOCKED[index % BLOCKED.length], forMs: 42_000 },
  }));
}

function direction(bytes: number) {
  return { bytes, messages: 3, silentMs: 1200, hasEnded: false, waitingBytes: 0, pacedMs: 8200 };
}
