// One request at a time on each connection to the admin server: what a client sends behind it is neither judged nor carried out.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { AdminState } from '../../src/admin/admin-pages.ts';
import { type AdminServer, openAdminServer } from '../../src/admin/admin-server.ts';
import type { Address } from '../../src/config/address.ts';
import type { MetricsSnapshot } from '../../src/observability/metrics-snapshot.ts';
import { adminStateWith } from '../support/admin-state.ts';
import { eventually } from '../support/eventually.ts';

const loopback: Address = { kind: 'tcp', host: '127.0.0.1', port: 0, text: '127.0.0.1:0' };
const TOKEN = 'a-token-that-is-long-enough';

interface Sent {
  readonly method?: string;
  readonly fields?: string;
  readonly body?: string;
}

function requestFor(path: string, { method = 'GET', fields = '', body = '' }: Sent = {}): string {
  return `${method} ${path} HTTP/1.1\r\nhost: localhost\r\n${fields}\r\n${body}`;
}

const setLevel = (token: string): string =>
  requestFor('/api/log-level', {
    method: 'PUT',
    fields: `authorization: Bearer ${token}\r\ncontent-length: 2\r\n`,
    body: '{}',
  });

/** Places in a request at which it may be cut in two: in the first line, and all those around the end of its head. */
function endsIn(request: string): readonly number[] {
  const end = request.indexOf('\r\n\r\n') + 4;
  return [3, ...Array.from({ length: 8 }, (_, n) => end - 5 + n)].filter((at) => at < request.length);
}

class Client {
  readonly socket: Socket;
  received = '';
  isClosed = false;

  constructor({ address }: AdminServer) {
    assert.equal(address.kind, 'tcp');
    this.socket = connect(address.port, address.host).setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      this.received += text;
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.isClosed = true;
    });
  }

  get statuses(): readonly string[] {
    return Array.from(this.received.matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => status);
  }

  closed(): Promise<unknown> {
    return eventually('the server has closed the connection', () => this.isClosed);
  }

  answered(count: number): Promise<unknown> {
    return eventually(`${count} answers`, () => this.statuses.length === count);
  }
}

describe('a connection to the admin server', () => {
  let server: AdminServer;
  let clients: Client[];
  /** What was asked of the proxy. */
  let asked: string[];
  let metrics: PromiseWithResolvers<MetricsSnapshot>;

  beforeEach(async () => {
    clients = [];
    asked = [];
    metrics = Promise.withResolvers();
    const say = (what: string) => {
      asked.push(what);
      return { status: 200, body: {} };
    };
    const state: Partial<AdminState> = {
      readiness: () => ({ ready: true }),
      metrics: () => {
        asked.push('metrics');
        return metrics.promise;
      },
      config: () => say('config'),
      reload: async () => say('reload'),
      logLevel: { read: () => say('level'), write: (text) => say(`level ${text}`) },
      upstreams: {
        list: () => say('upstreams'),
        read: (name) => say(`endpoints of ${name}`),
        write: (name, text) => say(`${name} ${text}`),
        withdraw: () => say('withdraw'),
      },
      subscribe: () => {
        asked.push('events');
        return { close: () => void asked.push('no events') };
      },
    };
    server = await openAdminServer({ address: loopback, token: TOKEN }, adminStateWith(state));
  });
  afterEach(async () => {
    for (const { socket } of clients) socket.destroy();
    await server.close();
  });

  function send(bytes: string): Client {
    const client = new Client(server);
    clients.push(client);
    client.socket.write(bytes, 'latin1');
    return client;
  }

  function wasAsked(what: string): Promise<unknown> {
    return eventually(what, () => asked.join(', ') === what);
  }

  test('answers one request after the other', async () => {
    const client = send(requestFor('/live'));
    await client.answered(1);
    client.socket.write(setLevel(TOKEN));
    await client.answered(2);
    client.socket.write(requestFor('/api/config'));
    await client.answered(3);
    client.socket.write(requestFor('/live', { method: 'HEAD' }));
    await client.answered(4);
    assert.deepEqual(asked, ['level {}', 'config']);
    assert.equal(client.isClosed, false);
  });

  test('takes a request in parts, wherever they end', async () => {
    const client = send('');
    let count = 0;
    // Longer than the request behind it, which would be taken for a body if the end of the head were missed.
    const body = 'x'.repeat(500);
    const fields = `authorization: Bearer ${TOKEN}\r\ncontent-length: ${body.length}\r\n`;
    const put = requestFor('/api/upstreams/u/endpoints', { method: 'PUT', fields, body });
    for (const bytes of [requestFor('/live'), put])
      for (const at of endsIn(bytes)) {
        client.socket.write(bytes.slice(0, at));
        // The first part has arrived on its own when another connection, which is younger, was answered.
        await send(requestFor('/live')).answered(1);
        client.socket.write(bytes.slice(at));
        await client.answered(++count);
      }
    assert.deepEqual(new Set(client.statuses), new Set(['200']));
    assert.equal(client.isClosed, false);
  });

  test('ends with the first answer if more was sent behind the request, which is not carried out', async () => {
    for (const behind of [setLevel(TOKEN), requestFor('/api/config'), 'G', '\r\n\r\n']) {
      asked = [];
      const client = send(requestFor('/api/upstreams') + behind);
      await client.closed();
      assert.deepEqual([client.statuses, asked], [['200'], ['upstreams']], behind);
    }
  });

  test('ends with the first answer if more comes while it is being made', async () => {
    const client = send(requestFor('/metrics'));
    await wasAsked('metrics');
    client.socket.write(setLevel(TOKEN));
    // It has been read when a younger connection was answered.
    await send(requestFor('/live')).answered(1);
    metrics.resolve([]);
    await client.closed();
    assert.deepEqual(asked, ['metrics']);
    assert.match(client.received, /^HTTP\/1\.1 200 OK\r\nconnection: close\r\n/i);
  });

  test('is not asked twice for what it has no body for: a body ends where its length says', async () => {
    const fields = `authorization: Bearer ${TOKEN}\r\ncontent-length: 3\r\n`;
    const put = requestFor('/api/upstreams/u/endpoints', { method: 'PUT', fields, body: 'abc' });
    const client = send(put + setLevel(TOKEN));
    await client.closed();
    assert.deepEqual([client.statuses, asked], [['200'], ['u abc']]);
  });

  test('takes a body as large as there may be, however slowly it is read, and another request behind its answer', async () => {
    const body = 'x'.repeat(1_048_576);
    const fields = `authorization: Bearer ${TOKEN}\r\ncontent-length: ${body.length}\r\n`;
    const client = send(requestFor('/api/upstreams/u/endpoints', { method: 'PUT', fields, body }));
    await client.answered(1);
    assert.equal(asked[0], `u ${body}`);
    client.socket.write(requestFor('/api/config'));
    await client.answered(2);
  });

  test('ends after a request whose body comes in chunks, and what follows is not carried out', async () => {
    const fields = `authorization: Bearer ${TOKEN}\r\ntransfer-encoding: chunked\r\n`;
    const body = `3\r\nabc\r\n${'1\r\nx\r\n'.repeat(1000)}0\r\n\r\n`;
    const put = requestFor('/api/upstreams/u/endpoints', { method: 'PUT', fields, body });
    const client = send(put + setLevel(TOKEN).repeat(50));
    await client.closed();
    assert.deepEqual([client.statuses, asked], [['200'], [`u abc${'x'.repeat(1000)}`]]);
  });

  test('has no further request judged after a refusal: the right token behind wrong ones does nothing', async () => {
    const wrong = Array.from({ length: 500 }, (_, n) => setLevel(`wrong-${n}`)).join('');
    const refusals: readonly (readonly [string, string])[] = [
      [wrong, '401'],
      [requestFor('/api/reload', { method: 'POST' }), '401'],
      [requestFor('/live').replace('localhost', 'evil.example'), '421'],
      [requestFor('/api/nothing'), '404'],
      ['GET /live HTTP/1.1\r\n\r\n', '400'],
      ['no request\r\n\r\n', '400'],
      ['\r\n\r\n', '400'],
      [requestFor('/live', { fields: 'expect: wonders\r\n' }), '417'],
    ];
    const all = refusals.map(([bytes]) => send(bytes + setLevel(TOKEN)));
    await Promise.all(all.map((client) => client.closed()));
    assert.deepEqual(
      all.map(({ statuses }) => statuses),
      refusals.map(([, status]) => [status]),
    );
    assert.deepEqual(asked, []);
  });

  test('asks for a page once, however often it is asked in one write and on how many connections', async () => {
    const flood = requestFor('/metrics').repeat(1_300);
    const flooding = Array.from({ length: 20 }, () => send(flood));
    const waiting = send(requestFor('/metrics'));
    await wasAsked('metrics');
    for (const path of ['/live', '/ready', '/api/config']) await send(requestFor(path)).answered(1);
    metrics.resolve([]);
    await waiting.answered(1);
    await Promise.all(flooding.map((client) => client.closed()));
    for (const { statuses } of flooding) assert.ok(statuses.length <= 1);
    const count = asked.filter((what) => what === 'metrics').length;
    assert.ok(count <= 22, `${count}`);
  });

  test('takes one place of a subscriber, however often it asks for events in one write, and gives it back', async () => {
    const client = send(requestFor('/api/events').repeat(8));
    await client.answered(1);
    client.socket.destroy();
    await wasAsked('events, no events');
  });

  test('makes nothing for a client that has gone', async () => {
    send(requestFor('/metrics'));
    await wasAsked('metrics');
    const others = Array.from({ length: 5 }, () => send(requestFor('/metrics')));
    // They have been read when a younger connection was answered.
    await send(requestFor('/live')).answered(1);
    for (const { socket } of others) socket.destroy();
    await Promise.all(others.map((client) => client.closed()));
    await send(requestFor('/live')).answered(1);
    metrics.resolve([]);
    await clients[0].answered(1);
    await send(requestFor('/api/config')).answered(1);
    assert.deepEqual(asked, ['metrics', 'config']);
  });
});
