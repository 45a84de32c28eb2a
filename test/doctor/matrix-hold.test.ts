// The matrix, fourth part: --hold. Which hop cut a silent stream, and by which hop none was held.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Credentials, readCredentials } from '../../src/doctor/credentials.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { holdStream } from '../../src/doctor/hold-stream.ts';
import { freePort } from '../support/free-port.ts';
import { startDemo } from '../support/proxy-under-test.ts';
import {
  type Answer,
  answerUnimplemented,
  assertFirst,
  diagnoseBroken,
  type Sections,
  startHttp2,
} from './patient.ts';

test('a proxy that cuts silent streams, while the service keeps them', async (t) => {
  const demo = await startDemo(t);
  const target = await startHttp2(t, (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    setTimeout(() => stream.close(8), 300);
  });
  const reports = await diagnoseBroken(
    t,
    { routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice' }] },
    { endpoint: demo.address, target, holdSeconds: 2, only: ['hold'] },
  );
  assertFirst(reports, {
    check: /^hold\.stream$/,
    says: /by 127\.0\.0\.1:\d+: cut after \d\.\d s \(RST_STREAM CANCEL; .*\), while it stayed open directly/,
  });
  const texts = reports.flatMap(({ findings }) => findings).map(({ text }) => text);
  assert.ok(
    texts.some((text) => text.startsWith('directly: still open after 2 s')),
    texts.join('\n'),
  );
  assert.ok(
    texts.some((text) => text.startsWith('through the proxy: still open after 2 s')),
    texts.join('\n'),
  );
});

test('a service that cannot be reached has cut no stream, and is not said to lack methods', async (t) => {
  const routes = [{ name: 'all', match: { path: '/*' }, upstream: 'voice' }];
  const target = `127.0.0.1:${await freePort()}`;
  for (const method of [undefined, '/voice.VoiceAssistant/Talk']) {
    const endpoint = `127.0.0.1:${await freePort()}`;
    const reports = await diagnoseBroken(
      t,
      { routes },
      { endpoint, target, holdSeconds: 1, method, only: ['hold'] },
    );
    assert.deepEqual(
      reports.map(({ id, verdict, findings }) => [id, verdict, findings.map(({ text }) => text)]),
      [
        [
          'hold.stream',
          'warning',
          [
            'directly: no stream could be opened, as there was no connection (ECONNREFUSED); this hop was not examined',
          ],
        ],
      ],
    );
  }
});

test('a stream is held by TARGET also where the service cannot be reached directly', async (t) => {
  const demo = await startDemo(t);
  const reports = await diagnoseBroken(
    t,
    { routes: [{ name: 'all', match: { path: '/*' }, upstream: 'voice' }] },
    {
      endpoint: `127.0.0.1:${await freePort()}`,
      target: demo.address,
      holdSeconds: 1,
      only: ['hold'],
    },
  );
  assert.equal(reports[0]?.verdict, 'warning', JSON.stringify(reports));
  const texts = reports.flatMap(({ findings }) => findings).map(({ text }) => text);
  assert.ok(
    texts.some((text) => text.startsWith(`by ${demo.address}: still open after 1 s`)),
    texts.join('\n'),
  );
  assert.ok(
    texts.some((text) => text.startsWith('directly: no stream could be opened')),
    texts.join('\n'),
  );
});

test('a stream that the doctor itself gives up is not told as one that stayed open', async (t) => {
  const address = await startHttp2(t, () => undefined);
  const [host, port] = address.split(':');
  const way = {
    address: { kind: 'tcp', host, port: Number(port), text: address } as const,
    tls: undefined,
    authority: address,
  };
  const request = { path: '/a.B/C', message: undefined, isRequestOver: false, holdMs: 60_000 };
  assert.deepEqual(await holdStream(way, request, AbortSignal.abort()), { outcome: 'given-up' });
  assert.deepEqual(await holdStream(way, { ...request, holdMs: 50 }, new AbortController().signal), {
    outcome: 'open',
  });
});

test('a proxy of ours that cuts silent streams names its own key', async (t) => {
  const match = { path: '/*' };
  const routes = [{ name: 'all', match, upstream: 'voice', timeouts: { idle: '300ms' } }];
  assertFirst(await diagnoseBroken(t, { routes }, { holdSeconds: 2, only: ['hold'] }), {
    check: /^hold\.stream$/,
    says: /through the proxy: cut after \d\.\d s \(.*, while it stayed open directly/,
  });
});

const METHOD = '/a.B/Talk';

/** Takes a stream and says nothing. */
const silent: Answer = (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
};

/** Takes streams of the method, and says of every other one that it is not there. */
const serves: Answer = (stream, headers) => {
  if (headers[':path'] === METHOD) silent(stream, headers);
  else answerUnimplemented(stream);
};

interface Holding {
  readonly credentials?: Credentials;
  readonly target?: string;
  readonly method?: string | undefined;
}

/** @returns the verdict, and what was found of each hop */
async function holding(
  t: TestContext,
  sections: Sections,
  options: Holding,
): Promise<{ readonly verdict: string; readonly findings: readonly Finding[] }> {
  const only = ['hold'];
  const reports = await diagnoseBroken(t, sections, {
    holdSeconds: 1,
    only,
    endpoint: 'unused:1',
    ...options,
  });
  assert.equal(reports.length, 1);
  return reports[0];
}

function textsOf(findings: readonly Finding[]): string {
  return findings.map(({ verdict, text }) => `${verdict} ${text}`).join('\n');
}

test('the service and the route are those of the method, whichever upstream comes first', async (t) => {
  const [other, endpoint] = [await startHttp2(t, answerUnimplemented), await startHttp2(t, serves)];
  const upstreams = { canary: { endpoints: [other] }, voice: { endpoints: [endpoint] } };
  const routes = [
    { match: { path: '/a.B/*', headers: { 'x-canary': 'on' } }, upstream: 'canary' },
    { match: { path: '/a.B/*' }, upstream: 'voice' },
  ];
  const { verdict, findings } = await holding(t, { upstreams, routes }, { method: METHOD });
  assert.equal(
    textsOf(findings),
    `ok directly: still open after 1 s (${METHOD})\nok through the proxy: still open after 1 s (${METHOD})`,
  );
  assert.equal(verdict, 'ok');
});

test('a route that wants a header field gets it of the proxy, and a target does not', async (t) => {
  const received: (string | undefined)[] = [];
  const endpoint = await startHttp2(t, (stream, headers) => {
    if (headers[':path'] === METHOD) received.push(String(headers['x-canary']));
    serves(stream, headers);
  });
  const target = await startHttp2(t, serves);
  const sections = {
    upstreams: { voice: { endpoints: [endpoint] } },
    routes: [{ match: { path: '/a.B/*', headers: { 'x-canary': 'on' } }, upstream: 'voice' }],
  };
  const { verdict, findings } = await holding(t, sections, { method: METHOD, target });
  assert.match(textsOf(findings), /^ok through the proxy: still open/m);
  assert.match(
    textsOf(findings),
    /^warning by \S+: the route wants x-canary, .* this hop was not examined$/m,
  );
  assert.equal(verdict, 'warning');
  assert.ok(received.includes('on'));
});

test('a target gets a header field that a route wants if --header gives it', async (t) => {
  const endpoint = await startHttp2(t, serves);
  const received: unknown[] = [];
  const target = await startHttp2(t, (stream, headers) => {
    if (headers[':path'] === METHOD) received.push(headers['x-canary']);
    serves(stream, headers);
  });
  const match = { path: '/a.B/*', headers: { 'x-canary': 'on', 'x-key': 'K3Y' } };
  const sections = {
    upstreams: { voice: { endpoints: [endpoint] } },
    routes: [{ match, upstream: 'voice' }],
  };
  // Without the scheme a target that gets credentials may speak TLS alone.
  const named = { method: METHOD, target: `http://${target}` };
  const some = readCredentials({ header: ['x-canary:on'] });
  const all = readCredentials({ header: ['x-canary:on', 'x-key:K3Y'] });
  assert.ok(typeof some !== 'string' && typeof all !== 'string');
  const { findings } = await holding(t, sections, { ...named, credentials: some });
  assert.match(textsOf(findings), /^warning by \S+: the route wants x-key, whose value is not sent/m);
  assert.deepEqual(received, []);
  const whole = await holding(t, sections, { ...named, credentials: all });
  assert.match(textsOf(whole.findings), /^ok by \S+: still open/m);
  assert.deepEqual(received, ['on']);
});

test('a method without a route has not been held through the proxy, and that is no pass', async (t) => {
  const endpoint = await startHttp2(t, serves);
  const sections = {
    upstreams: { voice: { endpoints: [endpoint] } },
    routes: [{ match: { path: '/other.S/*' }, upstream: 'voice' }],
  };
  const { verdict, findings } = await holding(t, sections, { method: METHOD });
  assert.equal(
    textsOf(findings),
    `ok directly: still open after 1 s (${METHOD})\nwarning through the proxy: no route for gRPC leads to ${METHOD}; this hop was not examined`,
  );
  assert.equal(verdict, 'warning');
});

test('a method that ends at once has not been held, and its answer is told', async (t) => {
  const endpoint = await startHttp2(t, answerUnimplemented);
  const sections = {
    upstreams: { voice: { endpoints: [endpoint] } },
    routes: [{ match: { path: '/*' }, upstream: 'voice' }],
  };
  const { verdict, findings } = await holding(t, sections, { method: METHOD });
  assert.match(
    textsOf(findings),
    /^warning directly: \/a\.B\/Talk ended at once \(UNIMPLEMENTED “unknown”\), so nothing was held; this hop was not examined$/,
  );
  assert.equal(verdict, 'warning');
});

for (const [status, remedy] of [
  [403, /allow and deny/],
  [404, /location \^~/],
] as const) {
  test(`HTTP ${status} of a target is a refusal and no timeout`, async (t) => {
    const endpoint = await startHttp2(t, serves);
    const target = await startHttp2(t, (stream) => {
      stream.respond({ ':status': status, 'content-type': 'text/html' }, { endStream: true });
    });
    const sections = {
      upstreams: { voice: { endpoints: [endpoint] } },
      routes: [{ match: { path: '/a.B/*' }, upstream: 'voice' }],
    };
    const named = await holding(t, sections, { method: METHOD, target });
    const refusal = named.findings.find(({ text }) => text.startsWith('by '));
    assert.equal(refusal?.verdict, 'failed');
    assert.match(
      refusal.text,
      new RegExp(`nothing was held, as ${METHOD} was refused \\(HTTP ${status}\\)$`),
    );
    assert.match(refusal.remedy ?? '', remedy);
    assert.ok(!textsOf(named.findings).includes('cut after'));
  });
}

test('a target that does not serve the method that the doctor chose was not examined', async (t) => {
  const demo = await startDemo(t);
  const target = await startHttp2(t, (stream) => {
    stream.respond({ ':status': 403, 'content-type': 'text/html' }, { endStream: true });
  });
  const sections = {
    upstreams: { voice: { endpoints: [demo.address] } },
    routes: [{ match: { path: '/*' }, upstream: 'voice' }],
  };
  const { verdict, findings } = await holding(t, sections, { target });
  const refusal = findings.find(({ text }) => text.startsWith('by '));
  assert.equal(refusal?.verdict, 'warning', textsOf(findings));
  assert.match(refusal.text, /nothing was held, .*HTTP 403.* this hop was not examined$/);
  assert.match(refusal.remedy ?? '', /--method/);
  assert.equal(verdict, 'warning');
});
