// The admin server over real sockets: what it answers, whom it refuses, and that nothing that arrives ends it.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type AdminState, pageMethods, type Readiness } from '../../src/admin/admin-pages.ts';
import { type AdminServer, openAdminServer } from '../../src/admin/admin-server.ts';
import type { Address } from '../../src/config/address.ts';
import { readRemedy } from '../../src/diagnosis/pages/page.ts';
import { DiagnosisRing } from '../../src/observability/diagnosis-ring.ts';
import { gaugeFamily, single } from '../../src/observability/metrics-snapshot.ts';
import { adminStateWith } from '../support/admin-state.ts';

interface Received {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

interface Asked {
  readonly path: string;
  readonly method?: string;
  readonly host?: string;
  readonly origin?: string;
  readonly accept?: string;
  readonly body?: string;
}

const loopback: Address = { kind: 'tcp', host: '127.0.0.1', port: 0, text: '127.0.0.1:0' };

function ask(address: Address, asked: Asked): Promise<Received> {
  const target =
    address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port };
  return new Promise((resolve, reject) => {
    const sent = request({
      ...target,
      path: asked.path,
      method: asked.method ?? 'GET',
      agent: false,
      headers: {
        ...(asked.host === undefined ? {} : { host: asked.host }),
        ...(asked.origin === undefined ? {} : { origin: asked.origin }),
        ...(asked.accept === undefined ? {} : { accept: asked.accept }),
      },
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    sent.end(asked.body);
  });
}

/** Sends raw bytes and resolves with everything that came back before the server closed. */
function sendRaw(address: Address, bytes: string): Promise<string> {
  assert.equal(address.kind, 'tcp');
  return new Promise((resolve) => {
    const socket = connect(address.port, address.host);
    let received = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      received += text;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(received));
    socket.write(bytes, 'latin1');
  });
}

const ready = (): Readiness => ({ ready: true });
const nothing = () => new DiagnosisRing().report();
const others: Omit<AdminState, 'readiness' | 'diagnoses'> = {
  metrics: async () => [gaugeFamily('framegate_things', 'Things.', single(7))],
  config: () => ({ epoch: 7 }),
  upstreams: {
    list: () => ({ status: 200, body: { upstreams: [] } }),
    read: (upstream) => ({ status: 200, body: { read: upstream } }),
    write: (upstream, text) => ({ status: 200, body: { written: upstream, text } }),
    withdraw: (upstream) => ({ status: 200, body: { withdrawn: upstream } }),
  },
  exchanges: async (query) => ({ total: 3, matching: query.limit, exchanges: [] }),
  subscribe: () => undefined,
  dashboard: () => undefined,
  rpc: adminStateWith({}).rpc,
  reload: async () => ({ status: 422, body: { result: 'refused', problems: ['c.yaml:1:1 – wrong'] } }),
  drain: async () => ({ status: 202, body: { state: 'draining' } }),
  logLevel: {
    read: () => ({ status: 200, body: { level: 'info' } }),
    write: (text) => ({ status: 200, body: { written: text } }),
  },
};
const readyState = { readiness: ready, diagnoses: nothing, ...others };

describe('an admin server', () => {
  let readiness = ready;
  let diagnoses = new DiagnosisRing();
  let server: AdminServer;
  before(async () => {
    const state = { readiness: () => readiness(), diagnoses: () => diagnoses.report(), ...others };
    server = await openAdminServer({ address: loopback }, state);
  });
  after(() => server.close());

  test('says the port it was given', () => {
    assert.equal(server.address.kind, 'tcp');
    assert.match(server.address.text, /^127\.0\.0\.1:[1-9]\d*$/);
  });

  test('is alive', async () => {
    const answer = await ask(server.address, { path: '/live' });
    assert.deepEqual([answer.status, answer.body], [200, 'ok']);
    assert.equal(answer.headers['cache-control'], 'no-store');
  });

  test('is ready, or says why not', async () => {
    readiness = ready;
    assert.equal((await ask(server.address, { path: '/ready?verbose' })).status, 200);
    readiness = () => ({ ready: false, reason: 'draining: 3 calls are running' });
    const answer = await ask(server.address, { path: '/ready' });
    assert.deepEqual([answer.status, answer.body], [503, 'draining: 3 calls are running']);
  });

  test('shows the metrics as the text that Prometheus reads', async () => {
    const answer = await ask(server.address, { path: '/metrics' });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(
      answer.body,
      '# HELP framegate_things Things.\n# TYPE framegate_things gauge\nframegate_things 7\n',
    );
  });

  test('reads and writes the endpoints of an upstream, whatever its name, by the methods for that', async () => {
    const path = '/api/upstreams/a%2Fb%20c/endpoints';
    const [read, written, withdrawn] = [
      await ask(server.address, { path }),
      await ask(server.address, { path, method: 'PUT', body: '{}' }),
      await ask(server.address, { path, method: 'DELETE' }),
    ];
    assert.deepEqual(
      [read.body, written.body, withdrawn.body],
      ['{"read":"a/b c"}\n', '{"written":"a/b c","text":"{}"}\n', '{"withdrawn":"a/b c"}\n'],
    );
    const posted = await ask(server.address, { path, method: 'POST' });
    assert.deepEqual([posted.status, posted.headers.allow], [405, 'GET, HEAD, PUT, DELETE']);
    for (const method of ['PUT', 'DELETE']) {
      assert.equal((await ask(server.address, { path, method, origin: 'https://evil.example' })).status, 403);
      assert.equal((await ask(server.address, { path, method, host: 'evil.example' })).status, 421);
    }
    assert.equal((await ask(server.address, { path: '/api/upstreams/%zz/endpoints' })).status, 404);
    assert.equal((await ask(server.address, { path: '/api/upstreams' })).body, '{"upstreams":[]}\n');
  });

  test('shows the diagnoses as JSON: how often each code was given, and the last ones, newest first', async () => {
    diagnoses = new DiagnosisRing(() => 1_000);
    const none = await ask(server.address, { path: '/api/diagnoses' });
    assert.deepEqual(JSON.parse(none.body), { counts: {}, recent: [], reasons: {}, remedies: {} });
    const refusal = {
      code: 'FG1001',
      token: 'plaintext_on_tls_port',
      sentence: 'No TLS.',
      listener: 'public',
    };
    diagnoses.record({ ...refusal, client: '192.0.2.1:4000' }, '192.0.2.1');
    diagnoses.record({ ...refusal, client: '192.0.2.2:4000' }, '192.0.2.2');
    const answer = await ask(server.address, { path: '/api/diagnoses' });
    assert.equal(answer.headers['content-type'], 'application/json');
    const times = { atEpochMs: 1_000, lastAtEpochMs: 1_000, count: 1 };
    assert.deepEqual(JSON.parse(answer.body), {
      counts: { FG1001: 2 },
      remedies: { FG1001: readRemedy('FG1001') },
      recent: [
        { ...refusal, client: '192.0.2.2:4000', ...times },
        { ...refusal, client: '192.0.2.1:4000', ...times },
      ],
      reasons: { FG1001: [{ sentence: 'No TLS.', count: 2, lastAtEpochMs: 1_000 }] },
    });
  });

  test('shows diagnoses to nobody who calls it by another name', async () => {
    const answer = await ask(server.address, { path: '/api/diagnoses', host: 'evil.example' });
    assert.equal(answer.status, 421);
    assert.doesNotMatch(answer.body, /recent/);
  });

  test('shows the configuration, reloads and drains, and answers what came of it', async () => {
    const config = await ask(server.address, { path: '/api/config' });
    assert.deepEqual([config.status, JSON.parse(config.body)], [200, { epoch: 7 }]);
    const reload = await ask(server.address, { path: '/api/reload', method: 'POST' });
    assert.equal(reload.status, 422);
    assert.deepEqual(JSON.parse(reload.body).problems, ['c.yaml:1:1 – wrong']);
    const drain = await ask(server.address, { path: '/api/drain', method: 'POST' });
    assert.deepEqual([drain.status, JSON.parse(drain.body)], [202, { state: 'draining' }]);
  });

  test('neither reloads nor drains for a link, or for a web page of another server', async () => {
    const read = await ask(server.address, { path: '/api/drain' });
    assert.deepEqual([read.status, read.headers['allow']], [405, 'POST']);
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1']) {
      const answer = await ask(server.address, { path: '/api/drain', method: 'POST', origin });
      assert.equal(answer.status, 403, origin);
    }
    const host = server.address.text;
    const own = await ask(server.address, {
      path: '/api/drain',
      method: 'POST',
      host,
      origin: `http://${host}`,
    });
    assert.equal(own.status, 202);
  });

  test('lets web pages of other servers ask whether it is alive and ready, and nothing else', async () => {
    readiness = ready;
    const asked = [...pageMethods()].flatMap(([path, methods]) =>
      methods.map((method) => ({ path, method })),
    );
    for (const { path, method } of asked) {
      const origin = 'http://evil.example';
      const { status } = await ask(server.address, { path: path.replace('{name}', 'u'), method, origin });
      assert.equal(status, path === '/live' || path === '/ready' ? 200 : 403, `${method} ${path}`);
    }
    assert.ok(asked.length > 20);
  });

  test('answers HEAD without a body', async () => {
    const answer = await ask(server.address, { path: '/live', method: 'HEAD' });
    assert.deepEqual([answer.status, answer.body, answer.headers['content-length']], [200, '', '2']);
  });

  test('gives a browser the dashboard at /, and everybody else the list of pages', async () => {
    const page = await ask(server.address, { path: '/', accept: 'text/html,*/*;q=0.8' });
    // 503 where the page is not built, with how to build it.
    assert.ok(page.status === 200 || page.status === 503, String(page.status));
    assert.match(page.body, page.status === 200 ? /^<!doctype html>/ : /npm run build:page/);
    if (page.status === 200)
      assert.match(String(page.headers['content-security-policy']), /^default-src 'none'/);
    const list = await ask(server.address, { path: '/' });
    assert.equal(list.status, 404);
    assert.match(list.body, /GET \/ {2}in a browser: the dashboard/);
  });

  test('says what exists where it is asked for something else', async () => {
    const answer = await ask(server.address, { path: '/', method: 'POST' });
    assert.equal(answer.status, 404);
    assert.match(answer.body, /GET \/live/);
    assert.match(answer.body, /GET \/ready/);
  });

  test('refuses other methods', async () => {
    const answer = await ask(server.address, { path: '/ready', method: 'DELETE' });
    assert.deepEqual([answer.status, answer.headers['allow']], [405, 'GET, HEAD']);
  });

  for (const host of ['127.0.0.1:9901', '10.1.2.3', '[::1]:9901', 'localhost', 'LocalHost.:9901']) {
    test(`takes ${host} for its name`, async () => {
      assert.equal((await ask(server.address, { path: '/live', host })).status, 200);
    });
  }

  for (const host of [
    'evil.example',
    'localhost.evil.example:9901',
    '127.0.0.1.evil.example',
    'localhost@evil',
  ]) {
    test(`refuses '${host}' as its name`, async () => {
      const answer = await ask(server.address, { path: '/live', host });
      assert.equal(answer.status, 421);
      assert.match(answer.body, /DNS rebinding/);
    });
  }

  test('answers 500 when readiness itself fails', async () => {
    readiness = () => {
      throw new Error('broken');
    };
    assert.equal((await ask(server.address, { path: '/ready' })).status, 500);
  });

  const rawRequests: readonly (readonly [name: string, bytes: string, answer: RegExp])[] = [
    ['bytes that are no HTTP', '\x16\x03\x01\x00\xff\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['a request without Host', 'GET /live HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'headers beyond 8 KiB',
      `GET /live HTTP/1.1\r\nhost: localhost\r\nx: ${'a'.repeat(9000)}\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
    ],
    ['CONNECT', 'CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\n\r\n', /^$/],
    [
      'an upgrade',
      'GET /live HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
      /^HTTP\/1\.1 200 /,
    ],
    ['an empty Host', 'GET /live HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n', /^HTTP\/1\.1 421 /],
    ['HTTP/1.0 without Host', 'GET /live HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 200 /],
  ];
  for (const [name, bytes, answer] of rawRequests) {
    test(`survives ${name}`, async () => {
      const closing = name === 'an upgrade' ? bytes.replace('upgrade\r\n', 'upgrade, close\r\n') : bytes;
      assert.match(await sendRaw(server.address, closing), answer);
      assert.equal((await ask(server.address, { path: '/live' })).status, 200);
    });
  }

  test('survives a client that resets in the middle of a request', async () => {
    assert.equal(server.address.kind, 'tcp');
    const socket = connect(server.address.port, server.address.host);
    await new Promise((resolve) => socket.write('GET /live HTTP/1.1\r\nho', resolve));
    await new Promise<void>((resolve) => {
      socket.on('close', () => resolve());
      socket.resetAndDestroy();
    });
    assert.equal((await ask(server.address, { path: '/live' })).status, 200);
  });
});

test('an address in use is named, with what to do', async () => {
  const first = await openAdminServer({ address: loopback }, readyState);
  await assert.rejects(
    openAdminServer({ address: first.address }, readyState),
    (error: Error) =>
      error.message.includes(first.address.text) && /stop it .*admin\.address/.test(error.message),
  );
  await first.close();
});

test('an address of another machine is named, with what to do', async () => {
  const address: Address = { kind: 'tcp', host: '192.0.2.1', port: 9901, text: '192.0.2.1:9901' };
  await assert.rejects(
    openAdminServer({ address }, readyState),
    /cannot listen on 192\.0\.2\.1:9901: no network interface/,
  );
});

test('closes twice, and with connections that never said anything', async () => {
  const server = await openAdminServer({ address: loopback }, readyState);
  assert.equal(server.address.kind, 'tcp');
  const silent = connect(server.address.port, server.address.host);
  silent.on('error', () => undefined);
  const isClosed = new Promise((resolve) => silent.on('close', resolve));
  await new Promise((resolve) => silent.once('connect', resolve));
  const closing = server.close();
  assert.equal(server.close(), closing);
  await closing;
  await isClosed;
});

test('a unix socket needs no name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'framegate-'));
  const path = join(folder, 'admin.sock');
  const address: Address = { kind: 'unix', path, text: `unix:${path}` };
  const server = await openAdminServer({ address }, readyState);
  assert.equal((await ask(server.address, { path: '/live', host: 'whatever.example' })).status, 200);
  await server.close();
  await rm(folder, { recursive: true });
});
