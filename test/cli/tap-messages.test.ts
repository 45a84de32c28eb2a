// framegate tap with messages and metadata: against a proxy with the demo service, and against a server that says what no proxy should.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { startDemoService } from '../../src/demo/demo-service.ts';
import { eventually } from '../support/eventually.ts';
import { startRawUpstream } from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import { clearListener, startReloadingProxy } from '../support/reloading-proxy.ts';
import { send, startFakeProxy, Tapping } from '../support/tapping.ts';

const VOICE = join(import.meta.dirname, '../../proto/voice.proto');
/** SayRequest { text: "hello" } */
const SAY = grpcMessage(Buffer.from('0a0568656c6c6f', 'hex'));
const TOKEN = 'a-token-that-is-long-enough-for-this';

for (const workers of [1, 2])
  test(`decodes messages by the reflection of the service and by a .proto file, with ${workers} process(es)`, async (t) => {
    const demo = await startDemoService({ address: '127.0.0.1:0' });
    t.after(() => demo.forceClose());
    const proxy = await startReloadingProxy(t, {
      workers,
      listeners: [clearListener],
      upstreams: { voice: { endpoints: [demo.address] } },
    });
    const [port, adminPort] = [await proxy.process.port('clear'), await proxy.process.port('admin')];
    const argv = ['--admin', `127.0.0.1:${adminPort}`, '--events', 'message'];
    const table = new Tapping(t, [...argv, '--decode', '--show-metadata', 'x-tenant']);
    const json = new Tapping(t, [...argv, '--json', '--proto', VOICE, '--metadata', 'x-tenant=ac*']);
    const asked = new Tapping(t, [...argv, '--reflection', demo.address, '--bytes', '4', '--limit', '2']);
    await Promise.all([table.shows('CLIENT'), json.shows('"open"'), asked.shows('CLIENT')]);
    const client = await connectRawClient({ port });
    t.after(() => client.destroy());
    for (const tenant of ['acme', 'other'])
      await client.outcome(
        client.call({ path: '/voice.VoiceAssistant/Say', fields: [['x-tenant', tenant]], body: SAY }),
      );
    await table.shows('"text":"You said: hello"');
    assert.match(
      table.stdout,
      /message {2}request 1 +7 B {2}\/voice\.VoiceAssistant\/Say .*\{"x-tenant":"acme"\}\n {4}\{"text":"hello"\}\n/,
    );
    await json.shows('You said: hello');
    const events = json.lines.slice(1).map((line) => JSON.parse(line));
    assert.deepEqual(
      events.map(({ direction, decoded }) => [direction, decoded.text]),
      [
        ['request', 'hello'],
        ['response', 'You said: hello'],
      ],
    );
    assert.ok(events.every((event) => !('bytes' in event)));
    assert.equal(await asked.exitCode(), 0);
    assert.match(
      asked.stdout,
      /\n {4}not decoded: no field is complete in its first 4 bytes; --bytes SIZE shows more\n {4}4 of 7 bytes: \\x0a\\x05he\n/,
    );
  });

test('looks inside with the token only where the proxy has one', async (t) => {
  const service = await startRawUpstream(t, { onRequestEnd: (request) => request.succeed() });
  const folder = mkdtempSync(join(tmpdir(), 'framegate-tap-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'token');
  writeFileSync(file, TOKEN, { mode: 0o600 });
  const proxy = await startReloadingProxy(t, {
    listeners: [clearListener],
    upstreams: { voice: { endpoints: [service.address] } },
    admin: { address: '127.0.0.1:0', token: { file } },
  });
  const [port, adminPort] = [await proxy.process.port('clear'), await proxy.process.port('admin')];
  const argv = ['--admin', `127.0.0.1:${adminPort}`];
  for (const inside of [
    ['--bytes', '10'],
    ['--metadata', 'a=b'],
    ['--show-metadata', 'a'],
  ]) {
    const refused = new Tapping(t, [...argv, ...inside]);
    assert.equal(await refused.exitCode(), 1);
    assert.match(
      refused.stderr,
      /^framegate tap: metadata and bytes of messages are for those who have the token/,
    );
  }
  const without = new Tapping(t, [...argv, '--messages']);
  const granted = new Tapping(t, [...argv, '--bytes', '10', '--token-file', file]);
  await Promise.all([without.shows('CLIENT'), granted.shows('CLIENT')]);
  const client = await connectRawClient({ port });
  t.after(() => client.destroy());
  await client.outcome(client.call({ path: '/a.B/C', body: grpcMessage(Buffer.from('\u001b[2J')) }));
  await granted.shows(String.raw`4 of 4 bytes: \x1b[2J`);
  await without.shows('response 1');
  assert.doesNotMatch(without.stdout, /bytes:/);
});

test('asks with the filters and sizes of its options', async (t) => {
  const fake = await startFakeProxy(t);
  const argv = `--admin ${fake.admin} --bytes 4KiB --metadata a=b --metadata c=d* --identity office:* --show-metadata x --show-metadata y`;
  const tapping = new Tapping(t, argv.split(' '));
  await tapping.shows('CLIENT');
  const search = new URLSearchParams(fake.asked.at(-1)?.split('?')[1]);
  assert.deepEqual(search.getAll('metadata'), ['a=b', 'c=d*']);
  search.delete('metadata');
  assert.deepEqual(Object.fromEntries(search), {
    kinds: 'start,end,message',
    identity: 'office:*',
    showMetadata: 'x,y',
    messageBytes: '4096',
  });
});

test('says of a message without its bytes why it is not decoded, and does not call it empty', async (t) => {
  const fake = await startFakeProxy(t);
  const argv = ['--admin', fake.admin, '--proto', VOICE];
  const all = [new Tapping(t, argv), new Tapping(t, [...argv, '--json'])];
  await Promise.all([all[0].shows('CLIENT'), all[1].shows('open')]);
  const message = { event: 'message', method: '/voice.VoiceAssistant/Say', sizeBytes: 40, truncated: true };
  const begun = SAY.subarray(5).toString('base64');
  for (const stream of fake.streams) {
    send(stream, { ...message, bytes: '', leftOut: 'rate' });
    send(stream, { ...message, bytes: begun, leftOut: 'memory' });
    send(stream, { ...message, bytes: begun });
    send(stream, { ...message, bytes: '', sizeBytes: 0, truncated: false });
  }
  await all[0].shows('\n    {}\n');
  const shown = all[0].lines.filter((line) => line.startsWith('    '));
  assert.match(shown[0], /^ {4}not decoded: the proxy left out its bytes: it sends a certain amount/);
  assert.equal(
    shown[1],
    '    {"text":"hello"} (only its beginning; the proxy left out the rest, for which it had no room)',
  );
  assert.equal(shown[2], '    {"text":"hello"} (only its beginning; --bytes SIZE shows more)');
  assert.equal(shown[3], '    {}');
  await eventually('all four lines are there', () => all[1].lines.length >= 5);
  const [rate, part] = all[1].lines.slice(1).map((line) => JSON.parse(line));
  assert.deepEqual([rate.decoded, rate.leftOut], [undefined, 'rate']);
  assert.match(rate.undecoded, /^the proxy left out its bytes/);
  assert.deepEqual([part.decoded, part.decodedPart, part.leftOut], [{ text: 'hello' }, true, 'memory']);
});

test('names --proto where a service cannot be asked by reflection', async (t) => {
  const service = await startRawUpstream(t, {
    onRequest: (request) =>
      request.sendTrailers([
        [':status', '200'],
        ['grpc-status', '12'],
      ]),
  });
  const fake = await startFakeProxy(t);
  const tapping = new Tapping(t, ['--admin', fake.admin, '--decode', '--reflection', service.address]);
  await tapping.shows('CLIENT');
  for (const stream of fake.streams)
    send(stream, { event: 'message', method: '/a.B/C', sizeBytes: 7, bytes: 'AAAA' });
  await tapping.shows('not decoded');
  assert.match(
    tapping.stdout,
    /cannot be asked for descriptors: it has no server reflection .*; --proto FILE or --descriptors FILE describes messages without reflection\n/,
  );
});

test('shows no bytes of a hostile message, metadata or descriptor raw, and shortens long ones', async (t) => {
  const fake = await startFakeProxy(t);
  const argv = ['--admin', fake.admin, '--proto', VOICE, '--bytes', '64KiB'];
  const all = [new Tapping(t, argv), new Tapping(t, [...argv, '--json'])];
  await Promise.all([all[0].shows('CLIENT'), all[1].shows('open')]);
  const evil = '\u001b[2J\u009b31m\u202e\r\n';
  const text = Buffer.from(`${evil}${'x'.repeat(3000)}`);
  const bytes = Buffer.concat([Buffer.from([10, 0x80 + (text.length % 128), text.length >> 7]), text]);
  const message = {
    event: 'message',
    method: '/voice.VoiceAssistant/Say',
    direction: evil,
    number: evil,
    sizeBytes: bytes.length,
    metadata: { [evil]: evil },
  };
  for (const stream of fake.streams) {
    send(stream, { ...message, bytes: bytes.toString('base64') });
    send(stream, { ...message, compressed: true, encoding: evil, bytes: 'AA==' });
    send(stream, { ...message, bytes: { not: 'a text' }, sizeBytes: -1, metadata: evil });
    send(stream, { ...message, method: '/last/Method', bytes: '' });
  }
  await Promise.all(all.map((one) => one.shows('/last')));
  await all[0].shows('no method Method of last');
  for (const { stdout } of all) assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\u202e]/u);
  for (const line of all[0].lines) assert.ok(line.length < 700, line);
  assert.equal(JSON.parse(all[1].lines[1]).decoded.text, text.toString());
});

suite('options that cannot be understood', () => {
  const refusals: readonly (readonly [argv: string, says: RegExp])[] = [
    ['--messages --only-errors', /--only-errors leaves no messages/],
    ['--decode --status OK', /--status leaves no messages/],
    ['--bytes 65KiB', /^framegate tap: --bytes: /],
    ['--bytes none', /^framegate tap: --bytes: /],
    ['--events start,stop', /--events must name some of start, attempt, message, end, not "stop"/],
    ['--reflection 127.0.0.1:1 --proto a.proto', /--reflection is of no use beside/],
    ['--reflection nonsense', /^framegate tap: --reflection: /],
    ['--proto-path /tmp', /--proto-path needs --proto FILE/],
    ['--proto /no/such.proto', /^framegate tap: --proto: .*such\.proto/],
    ['--descriptors /no/such.bin', /--descriptors: \/no\/such\.bin cannot be read/],
    [`--descriptors ${VOICE}`, /^framegate tap: --descriptors: /],
  ];
  for (const [argv, says] of refusals)
    test(`${argv.replace(VOICE, 'FILE')} ends with a sentence`, async (t) => {
      const tapping = new Tapping(t, ['--admin', '127.0.0.1:1', ...argv.split(' ')]);
      assert.equal(await tapping.exitCode(), 1);
      assert.match(tapping.stderr, says);
      assert.doesNotMatch(tapping.stderr, /\n {4}at /);
    });
});
