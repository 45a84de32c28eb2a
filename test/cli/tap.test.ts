// framegate tap as a process: against a proxy that is one too, and against servers that say what no proxy should.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import { clearListener, startReloadingProxy } from '../support/reloading-proxy.ts';
import { send, startFakeProxy, Tapping } from '../support/tapping.ts';

function configText(admin: string): string {
  return JSON.stringify({
    listeners: [{ name: 'l', address: '127.0.0.1:0' }],
    upstreams: { u: { endpoints: ['127.0.0.1:1'] } },
    routes: [{ match: { path: '/*' }, upstream: 'u' }],
    admin: { address: admin },
  });
}

const END = {
  event: 'end',
  time: 1_750_000_000_000,
  id: 'a',
  client: '192.0.2.7:80',
  method: '/a.B/C',
  route: 'r',
  upstream: 'u',
  endpoint: '192.0.2.50:1',
  grpcStatus: 'UNAVAILABLE',
  httpStatus: 200,
  durationMs: 12.345,
  reason: 'It is not there.',
};

suite('framegate tap', () => {
  test('shows the calls of a running proxy that the filters leave, as a table and as JSON', async (t) => {
    const service = await startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
    const proxy = await startReloadingProxy(t, {
      listeners: [clearListener],
      upstreams: { voice: { endpoints: [service.address] } },
    });
    const [port, adminPort] = [await proxy.process.port('clear'), await proxy.process.port('admin')];
    const admin = `127.0.0.1:${adminPort}`;
    const table = new Tapping(t, ['--admin', admin, '--events', 'start,attempt,end']);
    const json = new Tapping(t, [
      '--admin',
      admin,
      '--json',
      '--limit',
      '3',
      '--method',
      '/a.B/*',
      '--status',
      'ok',
    ]);
    await Promise.all([table.shows('CLIENT'), json.shows('"open"')]);
    const strange = new Tapping(t, ['--admin', admin, '--route', 'al']);
    await strange.says("has no route 'al' (did you mean 'all'?)");
    assert.equal(table.stderr, '');
    const client = await connectRawClient({ port });
    t.after(() => client.destroy());
    for (const path of ['/a.B/One', '/other', '/a.B/Two', '/a.B/Three', '/a.B/Four'])
      await client.outcome(client.call({ path, body: grpcMessage(Buffer.alloc(3)) }));
    assert.equal(await json.exitCode(), 0);
    const events: readonly Readonly<Record<string, unknown>>[] = json.lines.map((line) => JSON.parse(line));
    assert.deepEqual(
      events.map(({ event, method }) => `${String(event)} ${String(method)}`),
      ['open undefined', 'end /a.B/One', 'end /a.B/Two', 'end /a.B/Three'],
    );
    await table.shows('/a.B/Four');
    await eventually('the last end is shown', () => table.lines.length === 1 + 5 * 3);
    const ends = table.lines.filter((line) => line.includes(' end '));
    assert.match(
      ends[0],
      /^\d\d:\d\d:\d\d\.\d{3} {2}end {6}OK +[\d.]+ (?:us|ms|s) {2}\/a\.B\/One +all +127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+$/,
    );
    assert.ok(table.lines.some((line) => line.includes(' try 1 ')));
    table.child.kill('SIGINT');
    assert.equal(await table.exitCode(), 0);
    assert.equal(table.stderr, '');
  });

  test('asks with the filters of its options', async (t) => {
    const fake = await startFakeProxy(t);
    const filters = '--route r --upstream u --client 10.0.0.0/8 --endpoint e:1 --status unavailable';
    const others = '--min-duration 2s --only-errors --rate 7 --events end';
    const tapping = new Tapping(t, `--admin ${fake.admin} ${filters} ${others}`.split(' '));
    await tapping.shows('CLIENT');
    assert.deepEqual(Object.fromEntries(new URLSearchParams(fake.asked.at(-1)?.split('?')[1])), {
      kinds: 'end',
      route: 'r',
      upstream: 'u',
      client: '10.0.0.0/8',
      endpoint: 'e:1',
      rate: '7',
      status: 'UNAVAILABLE',
      failed: 'true',
      minDurationMs: '2000',
    });
  });

  test('gives no order of a client to the terminal, and says what was dropped', async (t) => {
    const evil = '/\u001b[2J\u009b31m\u202e\nnext';
    const fake = await startFakeProxy(t);
    const argv = ['--admin', fake.admin];
    const all = [new Tapping(t, argv), new Tapping(t, [...argv, '--json'])];
    await Promise.all([all[0].shows('CLIENT'), all[1].shows('open')]);
    for (const stream of fake.streams) {
      send(stream, { ...END, method: evil, client: evil, route: evil, grpcStatus: evil, reason: evil });
      send(stream, { event: 'end', method: { not: 'a text' }, durationMs: 'long', time: 'never' });
      send(stream, { event: 'dropped', events: 12 });
      send(stream, { event: 'worker_died', worker: 2, pid: 77, how: evil, connections: 3, calls: 5 });
      stream.write('data: no JSON\n\n: a comment\n\nevent: other\n\ndata: 7\n\n');
      send(stream, { ...END, method: '/last' });
    }
    await Promise.all(all.map((one) => one.shows('/last')));
    for (const { stdout } of all) assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\u202e]/u);
    assert.doesNotMatch(all[0].stdout, /^ *next/m, 'no text of a client begins a line');
    assert.match(all[0].stdout, /^12 events are not shown/m);
    assert.match(
      all[0].stdout,
      /worker 2 \(process 77\) died \(.*\), and with it 3 connections and about 5 calls/,
    );
    assert.match(
      all[0].stdout,
      /UNAVAILABLE +12\.3 ms {2}\/last +r +192\.0\.2\.50:1 +192\.0\.2\.7:80\n {4}It is not there\.\n/,
    );
    const lines = all[1].lines.map((line) => JSON.parse(line));
    assert.equal(lines[1].method, evil);
    assert.deepEqual(lines[3], { event: 'dropped', events: 12 });
  });

  test('waits for a proxy that restarts, also at another address of its configuration', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'framegate-tap-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'config.yaml');
    const write = (admin: string): void => writeFileSync(file, configText(admin));
    const [first, second] = [await startFakeProxy(t), await startFakeProxy(t)];
    write(first.admin);
    const tapping = new Tapping(t, ['-c', file]);
    await tapping.shows('CLIENT');
    first.streams[0].end();
    await tapping.says('has ended the stream; waiting for it to come back');
    await eventually('it has asked again', () => first.streams.length === 2, START_TIMEOUT_MS);
    send(first.streams[1], { ...END, method: '/again' });
    await tapping.shows('/again');
    write(second.admin);
    first.streams[1].destroy();
    await eventually('it has asked the other one', () => second.streams.length === 1, START_TIMEOUT_MS);
    assert.equal(tapping.stderr.split('waiting').length, 3);
    send(second.streams[0], { ...END, method: '/elsewhere' });
    await tapping.shows('/elsewhere');
    tapping.child.kill('SIGTERM');
    assert.equal(await tapping.exitCode(), 0);
  });

  test('ends when nobody reads its output', async (t) => {
    const fake = await startFakeProxy(t);
    const tapping = new Tapping(t, ['--admin', fake.admin]);
    await tapping.shows('CLIENT');
    tapping.child.stdout?.destroy();
    const timer = setInterval(() => send(fake.streams[0], END), 5);
    t.after(() => clearInterval(timer));
    assert.equal(await tapping.exitCode(), 0);
    assert.equal(tapping.stderr, '');
  });

  const refusals: readonly (readonly [
    what: string,
    answer: (response: ServerResponse) => void,
    says: RegExp,
  ])[] = [
    [
      'a filter that the proxy does not understand',
      (response) => response.writeHead(400).end('{"error":"status must be \\u001b[2J one of"}'),
      /^framegate tap: status must be \P{Cc}+ one of\n$/u,
    ],
    [
      'too many subscribers',
      (response) => response.writeHead(503).end('{"error":"there are 8 subscribers already"}'),
      /^framegate tap: there are 8 subscribers already\n$/,
    ],
    [
      'another program',
      (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Hello'),
      /is no admin server of a Framegate that tells of calls \(HTTP 200 for \/api\/events\)/,
    ],
    ['a server that hangs up', (response) => response.destroy(), /could not be asked|gave no answer/],
  ];
  for (const [what, answer, says] of refusals)
    test(`says so and ends with 1: ${what}`, async (t) => {
      const fake = await startFakeProxy(t, answer);
      const tapping = new Tapping(t, ['--admin', fake.admin]);
      assert.equal(await tapping.exitCode(), 1);
      assert.match(tapping.stderr, says);
      assert.equal(tapping.stdout, '');
    });

  test('says what is wrong with its options, or that there is no proxy', async (t) => {
    const cases: readonly (readonly [argv: readonly string[], says: RegExp])[] = [
      [['--min-duration', '5'], /--min-duration must be a duration such as 250ms/],
      [['--limit', '0'], /--limit must be a whole number above 0/],
      [['--rout', 'r'], /no option --rout\. Did you mean --route\?/],
      [
        ['--admin', `127.0.0.1:${await freePort()}`],
        /nothing listens on 127\.0\.0\.1:\d+: is the proxy running/,
      ],
    ];
    for (const [argv, says] of cases) {
      const tapping = new Tapping(t, argv);
      assert.equal(await tapping.exitCode(), 1);
      assert.match(tapping.stderr, says);
    }
  });
});
