// Descriptors from services: the demo service, those with the older version of reflection, and those that answer as none should.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { createServer as createTcpServer, type Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseAddress } from '../../src/config/address.ts';
import { listServices, reflectDescriptors as reflectFiles } from '../../src/decoding/ask-reflection.ts';
import { type DescriptorFiles, Descriptors } from '../../src/decoding/descriptors.ts';
import type { SeenMessage } from '../../src/decoding/message-decoder.ts';
import { ReflectedDescriptors } from '../../src/decoding/reflected-descriptors.ts';
import { type ReflectionTarget, withReflection } from '../../src/decoding/reflection-stream.ts';
import type { Visit } from '../../src/decoding/reflection-visits.ts';
import { contentsOf, lengthDelimited, wireFieldsOf } from '../../src/decoding/wire-fields.ts';
import { startDemoService } from '../../src/demo/demo-service.ts';

const VOICE = 'voice.VoiceAssistant';
const ALPHA = '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo';
/** Asks in this process. */
const visitHere: Visit = (target, use) =>
  use({
    list: () => listServices(target),
    describe: (service) => reflectFiles(target, service),
  });
const PARTS = { target: undefined, endpointOf: () => Promise.resolve(''), visit: visitHere };

function targetAt(text: string): ReflectionTarget {
  const address = parseAddress(text, 'connect');
  assert.ok(!('message' in address));
  return { address, isTls: false };
}

function messageAt(endpoint: string, upstream = 'u'): SeenMessage {
  const bytes = Buffer.alloc(0);
  const facts = { isTruncated: false, isCompressed: false, encoding: '' };
  return { path: '/a.B/C', direction: 'request', upstream, endpoint, bytes, ...facts };
}

async function reflectDescriptors(target: ReflectionTarget, service: string): Promise<Descriptors> {
  return Descriptors.of(await reflectFiles(target, service));
}

function descriptorsOf(found: DescriptorFiles | string): Descriptors {
  assert.ok(typeof found !== 'string');
  return Descriptors.of(found);
}

function reasonOf(found: DescriptorFiles | string): string {
  assert.ok(typeof found === 'string');
  return found;
}

async function listening(t: TestContext, server: Http2Server | Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const bound = server.address();
  assert.ok(typeof bound === 'object' && bound !== null);
  return `127.0.0.1:${bound.port}`;
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

type Answer = (question: Buffer, stream: ServerHttp2Stream, path: string) => void;

/** Starts a service with reflection. @param answer is called with each question */
async function startService(t: TestContext, answer: Answer): Promise<string> {
  const server = createServer();
  server.on('session', (session) => t.after(() => session.destroy()));
  server.on('stream', (stream, head) => {
    const path = head[':path'] ?? '';
    stream.on('error', () => undefined);
    stream.on('data', (piece: Buffer) => answer(piece.subarray(5), stream, path));
  });
  return listening(t, server);
}

function respond(stream: ServerHttp2Stream, message: Buffer): void {
  if (!stream.headersSent) stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
  stream.write(framed(message));
}

/** A list of services. */
function listOf(...names: readonly string[]): Buffer {
  const services = names.map((name) => lengthDelimited(1, lengthDelimited(1, Buffer.from(name))));
  return lengthDelimited(6, Buffer.concat(services));
}

/** A file with a service a.B. */
function fileOf(name: string, ...imports: readonly string[]): Buffer {
  const method = Buffer.concat([
    lengthDelimited(1, Buffer.from('C')),
    lengthDelimited(2, Buffer.from('.google.protobuf.Empty')),
    lengthDelimited(3, Buffer.from('.google.protobuf.Empty')),
  ]);
  const service = Buffer.concat([lengthDelimited(1, Buffer.from('B')), lengthDelimited(2, method)]);
  const dependencies = [...imports, 'google/protobuf/empty.proto'];
  return Buffer.concat([
    lengthDelimited(1, Buffer.from(name)),
    lengthDelimited(2, Buffer.from('a')),
    ...dependencies.map((one) => lengthDelimited(3, Buffer.from(one))),
    ...(name === 'b.proto' ? [lengthDelimited(6, service)] : []),
  ]);
}

function filesResponse(...files: readonly Buffer[]): Buffer {
  return lengthDelimited(4, Buffer.concat(files.map((file) => lengthDelimited(1, file))));
}

test('the descriptors of the demo service are found at the endpoint of a call', async (t) => {
  const demo = await startDemoService({ address: '127.0.0.1:0' });
  t.after(() => demo.forceClose());
  const source = new ReflectedDescriptors(PARTS);
  const found = descriptorsOf(await source.find(VOICE, messageAt(demo.address)));
  assert.deepEqual(
    found
      .typeOf(VOICE, 'Narrate', 'request')
      ?.fields.map(({ name }) => name)
      .slice(0, 2),
    ['text', 'intervalMs'],
  );
  const other = await source.find('no.Such', messageAt(demo.address));
  assert.equal(other, `${demo.address} does not list no.Such by reflection`);
  const early = new ReflectedDescriptors({ ...PARTS, endpointOf: () => Promise.resolve(demo.address) });
  assert.deepEqual(descriptorsOf(await early.find(VOICE, messageAt(''))).services, [VOICE]);
  assert.match(reasonOf(await source.find(VOICE, messageAt('', 'other'))), /has no endpoint yet/);
});

test('a service with the older version of reflection is asked for each file that is missing', async (t) => {
  const questions: string[] = [];
  const address = await startService(t, (question, stream, path) => {
    if (path !== ALPHA) {
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' },
        { endStream: true },
      );
      return;
    }
    const asked = wireFieldsOf(question);
    const [name] = contentsOf(asked, 3).map(String);
    questions.push(name ?? 'service');
    if (name === undefined) respond(stream, filesResponse(fileOf('b.proto', 'c.proto', 'd.proto')));
    else if (name === 'c.proto') respond(stream, filesResponse(fileOf('c.proto', 'd.proto')));
    else if (name === 'd.proto') respond(stream, filesResponse(fileOf('d.proto')));
    else respond(stream, filesResponse());
  });
  const descriptors = await reflectDescriptors(targetAt(address), 'a.B');
  assert.deepEqual(descriptors.services, ['a.B']);
  assert.deepEqual(questions.toSorted(), ['c.proto', 'd.proto', 'google/protobuf/empty.proto', 'service']);
});

function compressedBy(encoding: string): Answer {
  return (_question, stream) => {
    if (!stream.headersSent) stream.respond({ ':status': 200, 'grpc-encoding': encoding });
    const compressed = framed(gzipSync(filesResponse(fileOf('b.proto'))));
    compressed[0] = 1;
    stream.write(compressed);
  };
}

test('a service that compresses its answers is understood, and one that compresses wrongly is told of', async (t) => {
  const [gzip, other] = [
    await startService(t, compressedBy('gzip')),
    await startService(t, compressedBy('br')),
  ];
  assert.deepEqual((await reflectDescriptors(targetAt(gzip), 'a.B')).services, ['a.B']);
  await assert.rejects(reflectDescriptors(targetAt(other), 'a.B'), /compressed with br/);
});

test('clients who call services that are not listed cause no questions', async (t) => {
  let questions = 0;
  let nowMs = 0;
  const address = await startService(t, (_question, stream) => {
    questions++;
    respond(stream, listOf('a.B'));
  });
  const source = new ReflectedDescriptors({ ...PARTS, now: () => nowMs });
  for (let index = 0; index < 50; index++)
    assert.match(reasonOf(await source.find(`hostile.S${index}`, messageAt(address))), /does not list/);
  assert.equal(questions, 1);
  nowMs += 30_000;
  await source.find('hostile.S', messageAt(address));
  await source.find('hostile.S', messageAt(address));
  assert.equal(questions, 2);
});

test('a service that cannot be asked is not asked again at once', async (t) => {
  let asked = 0;
  const server = createTcpServer((socket) => {
    asked++;
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  const address = await listening(t, server);
  const source = new ReflectedDescriptors({ ...PARTS, target: targetAt(address) });
  const first = reasonOf(await source.find('a.B', messageAt('')));
  assert.match(first, /cannot be asked for descriptors/);
  assert.equal(await source.find('a.B', messageAt('')), first);
  assert.equal(asked, 1);
});

test('a service whose descriptors were refused is asked again only when some time is over', async (t) => {
  let asked = 0;
  let nowMs = 0;
  const address = await startService(t, (question, stream) => {
    asked++;
    const isList = question[0] === 7 * 8 + 2;
    respond(
      stream,
      isList ? listOf('a.B') : filesResponse(fileOf('b.proto'), fileOf('google/protobuf/empty.proto')),
    );
  });
  const source = new ReflectedDescriptors({ ...PARTS, now: () => nowMs });
  assert.ok(typeof (await source.find('a.B', messageAt(address))) !== 'string');
  source.onRefused('a.B', messageAt(address), 'too large');
  assert.equal(await source.find('a.B', messageAt(address)), 'too large');
  assert.equal(asked, 2);
  nowMs += 30_000;
  assert.ok(typeof (await source.find('a.B', messageAt(address))) !== 'string');
  assert.equal(asked, 3);
});

test('a service is asked again for a method that its descriptors lack, once in some time, and what was found stays', async (t) => {
  let asked = 0;
  let nowMs = 0;
  let answer = filesResponse(fileOf('b.proto'), fileOf('google/protobuf/empty.proto'));
  const address = await startService(t, (question, stream) => {
    const isList = question[0] === 7 * 8 + 2;
    if (!isList) asked++;
    respond(stream, isList ? listOf('a.B') : answer);
  });
  const source = new ReflectedDescriptors({ ...PARTS, now: () => nowMs });
  const message = messageAt(address);
  assert.equal(await source.renew('a.B', message), undefined, 'nothing was found yet');
  const first = await source.find('a.B', message);
  assert.equal(await source.renew('a.B', message), undefined, 'too early');
  assert.equal(asked, 1);
  nowMs += 30_000;
  assert.equal(await source.renew('a.B', message), undefined, 'nothing newer');
  assert.equal(await source.renew('a.B', message), undefined);
  assert.equal(asked, 2);
  const newer = fileOf('b.proto', 'google/protobuf/any.proto');
  answer = filesResponse(newer, fileOf('google/protobuf/empty.proto'), fileOf('google/protobuf/any.proto'));
  assert.equal(await source.find('a.B', message), first);
  nowMs += 30_000;
  const [renewed, beside] = await Promise.all([source.renew('a.B', message), source.renew('a.B', message)]);
  assert.ok(renewed !== undefined && renewed !== first);
  assert.deepEqual([beside, asked], [undefined, 3]);
  assert.equal(await source.find('a.B', message), renewed);
  answer = lengthDelimited(7, lengthDelimited(2, Buffer.from('go away')));
  nowMs += 30_000;
  assert.equal(await source.renew('a.B', message), undefined);
  assert.equal(asked, 4);
  assert.equal(await source.find('a.B', message), renewed, 'a service that cannot be asked loses nothing');
});

test('services with long lists of others do not fill the memory: all is forgotten, and asked for again', async () => {
  const names = Array.from({ length: 1000 }, (_, index) => `${index}`.padStart(500, 'x'));
  let lists = 0;
  const visit: Visit = (_target, use) =>
    use({
      list: () => {
        lists++;
        return Promise.resolve(new Set(names));
      },
      describe: () => assert.fail('nothing that is listed was asked for'),
    });
  const source = new ReflectedDescriptors({ ...PARTS, visit });
  const ask = (upstream: number): Promise<unknown> =>
    source.find('a.B', messageAt('127.0.0.1:1', `upstream ${upstream}`));
  for (let upstream = 0; upstream < 50; upstream++) await ask(upstream);
  await ask(0);
  assert.equal(lists, 50, 'so many are kept');
  for (let upstream = 50; upstream < 70; upstream++) await ask(upstream);
  await ask(0);
  assert.equal(lists, 71);
});

const HOSTILE: readonly (readonly [name: string, answer: Answer, why: RegExp])[] = [
  [
    'with an error',
    (_, stream) => respond(stream, lengthDelimited(7, lengthDelimited(2, Buffer.from('go away\u001b')))),
    /go away/,
  ],
  [
    'with a status',
    (_, stream) =>
      stream.respond({ ':status': 200, 'grpc-status': '16', 'grpc-message': 'who?' }, { endStream: true }),
    /UNAUTHENTICATED: who\?/,
  ],
  [
    'without reflection',
    (_, stream) => stream.respond({ ':status': 200, 'grpc-status': '12' }, { endStream: true }),
    /no server reflection/,
  ],
  ['with HTTP', (_, stream) => stream.respond({ ':status': 403 }, { endStream: true }), /HTTP 403/],
  [
    'with an announced length of 4 GiB',
    (_, stream) => {
      stream.respond();
      stream.write(Buffer.alloc(5, 0xff));
    },
    /longer than 8388608 bytes/,
  ],
  [
    'with a small answer that becomes very large',
    (_, stream) => {
      stream.respond({ ':status': 200, 'grpc-encoding': 'gzip' });
      const bomb = framed(gzipSync(Buffer.alloc(7_000_000, Buffer.from([34, 0]))));
      bomb[0] = 1;
      stream.write(bomb);
    },
    /more than 1048576 bytes when it is decompressed/,
  ],
  [
    'with very many empty fields',
    (_, stream) => respond(stream, Buffer.alloc(400_000, Buffer.from([34, 0]))),
    /more than 100000 fields/,
  ],
  ['with garbage', (_, stream) => respond(stream, filesResponse(Buffer.alloc(50, 0xff))), /./],
  ['with nothing', (_, stream) => respond(stream, Buffer.alloc(0)), /./],
  ['by resetting', (_, stream) => stream.close(2), /./],
  [
    'by ending',
    (_, stream) => {
      stream.respond();
      stream.end();
    },
    /ended the stream|closed/,
  ],
  ['by leaving', (_, stream) => stream.session?.destroy(), /./],
  [
    'with files that import others without end',
    (question, stream) => {
      const [name = 'b.proto'] = contentsOf(wireFieldsOf(question), 3).map(String);
      respond(stream, filesResponse(fileOf(name, `${name}0`, `${name}1`)));
    },
    /more than 1000 files/,
  ],
];

for (const [name, answer, why] of HOSTILE)
  test(`a service that answers ${name} has no descriptors, and the reason is told`, async (t) => {
    const address = await startService(t, answer);
    const asked = reflectDescriptors(targetAt(address), 'a.B').then((found) =>
      found.typeOf('a.B', 'C', 'request') === undefined ? 'no such method' : 'found',
    );
    const text = await asked.catch((error: unknown) => String(error));
    assert.notEqual(text, 'found');
    assert.match(text, why);
  });

test('a service that does not answer is left when the time is over', async (t) => {
  const address = await startService(t, () => undefined);
  await assert.rejects(
    withReflection(targetAt(address), 50, (ask) => ask(Buffer.alloc(0))),
    /did not answer within 0\.05 s|closed the connection/,
  );
});
