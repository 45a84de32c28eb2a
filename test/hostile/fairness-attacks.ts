// One client may not end, starve or slow the calls of others: what it makes the proxy send or reset on a connection that is
// shared, places that it takes at a service, work that grows faster than its input, lines that it makes the log write.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { Attacker, grpcBlock } from './attacker.ts';
import { answered, webBlock } from './death-attacks.ts';
import { pause, type Stage } from './stage.ts';
import { MARK_PATH } from './stage-log.ts';
import { TextClient } from './text-client.ts';

/** The bystander's service, on the connection that its calls use as well. It is one of Node's, and strict. */
const SHARED = '/good.Service/Unary';
const AUTHORITIES = ['a"', 'a?b', 'a\\b', 'a<b'];
const BURST = 100;

function shared(authority: string, ...fields: readonly frames.Field[]): Buffer {
  return frames.block(
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', SHARED],
    [':authority', authority],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...fields,
  );
}

const strictService: Attack = {
  id: 'B4',
  name: '1,500 requests that a strict service resets, on the connection to it that others share',
  rule: 'none is sent upstream, or the connection bears it',
  isShort: true,
  async mount(stage) {
    const blocks = [
      ...AUTHORITIES.map((authority) => shared(authority)),
      shared('a', ['content-length', '0'], ['content-length', '0']),
    ];
    const from = stage.newSource();
    // Few on each connection of ours: what is broken towards us ends that.
    for (let round = 0; round < 15; round++) {
      const attacker = await Attacker.open(stage, { from });
      for (let index = 0; index < BURST; index++)
        attacker.send(frames.headers(2 * index + 1, blocks[index % blocks.length], { endStream: true }));
      await eventually('the last is over', () => attacker.isGone || isOver(attacker, 2 * BURST - 1));
      attacker.leave();
    }
    // The bystander says whether its calls went on.
    return 'refused here';
  },
};

function isOver({ peer }: Attacker, stream: number): boolean {
  return (
    peer?.frames.some(
      ({ type, streamId, flags }) =>
        type === FrameType.GOAWAY ||
        (streamId === stream &&
          (type === FrameType.RST_STREAM || (type !== FrameType.WINDOW_UPDATE && (flags & 1) !== 0))),
    ) === true
  );
}

const CANCELS = 2400;

const lateCancels: Attack = {
  id: 'B5',
  name: `${CANCELS} cancels, each 25 ms after its response began, on the connection that others share`,
  rule: 'the reset budget of a service is not used up',
  isShort: true,
  async mount(stage) {
    const from = stage.newSource();
    let sent = 0;
    const begins = grpcBlock('/good.Service/Stream');
    while (sent < CANCELS) {
      const attacker = await Attacker.open(stage, { from });
      // As many as may be open at a time.
      for (let index = 0; index < BURST; index++) attacker.send(frames.headers(2 * index + 1, begins));
      await eventually('the responses begin', () => {
        const begun = attacker.peer?.frames.filter(({ type }) => type === FrameType.HEADERS).length ?? 0;
        return attacker.isGone || begun >= BURST;
      });
      await pause(25);
      for (let index = 0; index < BURST; index++)
        attacker.send(frames.resetStream(2 * index + 1, ErrorCode.CANCEL));
      await attacker.wantAlive();
      sent += BURST;
      attacker.leave();
    }
    return `${sent} cancelled`;
  },
};

const FIELDS = 1000;
/** Each another one, of two characters at most. */
const NAMES = Array.from({ length: FIELDS }, (_, index) => index.toString(36));
const lines = (field: string): string => NAMES.map((name) => `${field}: ${name}\r\n`).join('');
const MANY: readonly (readonly [what: string, fields: string])[] = [
  ['Connection fields', lines('Connection')],
  ['options of one Connection field', `Connection: ${NAMES.join(',').repeat(4)}\r\n`],
  ['cookies', lines('Cookie')],
  ['TE fields', lines('TE')],
  ['codings of one TE field', `TE: ${NAMES.join(',').repeat(4)}\r\n`],
  ['X-Forwarded-For fields', 'X-Forwarded-For: a\r\n'.repeat(700)],
  ['Forwarded parameters', `Forwarded: ${'for=a;'.repeat(2000)}for=b\r\n`],
  ['fields of one name each', NAMES.map((name) => `x-${name}: a\r\n`).join('')],
];
/** As many bytes that ask for no work. */
const PLAIN = `X-Plain: ${'x'.repeat(15_000)}\r\n`;
const ROUNDS = 60;
const MOST_RATIO = 5;
/** What the bystander's calls take meanwhile is in both. */
const NOISE_MS = 3;
/** Several times limits.stallTimeout. */
const MOST_IDLE_MS = 120_000;

const quadratic: Attack = {
  id: 'B6',
  name: `HTTP/1.1: ${FIELDS} different values of one field or options of one value, ${MANY.length} kinds`,
  rule: `${MOST_RATIO} times the processor of as many bytes in one value at most`,
  isShort: true,
  async mount(stage) {
    const costs: string[] = [];
    const path = stage.raw.answer();
    const plainMs = await processorMs(stage, path, PLAIN);
    for (const [what, fields] of MANY) {
      const milliseconds = await processorMs(stage, path, fields);
      costs.push(`${what} ${milliseconds.toFixed(1)}`);
      assert.ok(
        milliseconds < MOST_RATIO * plainMs + NOISE_MS,
        `${what}: ${milliseconds.toFixed(1)} ms of the processor for each request, and ${plainMs.toFixed(1)} for one plain field`,
      );
    }
    return `ms of the processor: ${plainMs.toFixed(1)} for one plain field, ${costs.join(', ')}`;
  },
};

/** Of the proxy, for each request. */
async function processorMs(stage: Stage, path: string, fields: string): Promise<number> {
  const before = stage.cpuSeconds;
  for (let round = 0; round < ROUNDS; round++) {
    const client = await TextClient.open(stage);
    client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
    await client.wantAnswers(1);
    client.leave();
  }
  return (1000 * (stage.cpuSeconds - before)) / ROUNDS;
}

/** RFC 6455 section 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const SOCKETS_EACH = 128;

const idleSockets: Attack = {
  id: 'B7',
  name: `9 connections of one address with ${SOCKETS_EACH} idle WebSockets each, at a service with 1,024 places`,
  rule: 'another address is served',
  async mount(stage) {
    const from = stage.newSource();
    const path = stage.raw.answer((socket, { head }) => {
      const key = /^sec-websocket-key:\s*(\S+)/im.exec(head)?.[1] ?? '';
      const accept = createHash('sha1')
        .update(key + WEBSOCKET_GUID)
        .digest('base64');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
    });
    const fields = [
      [':method', 'CONNECT'],
      [':protocol', 'websocket'],
      [':scheme', 'http'],
      [':path', path],
      [':authority', 'a'],
      ['sec-websocket-version', '13'],
    ] as const;
    const block = frames.block(...fields);
    // Places are kept for others if others have called within a minute. Without this, idle calls give way only after limits.stallTimeout.
    await wantServed(stage, stage.raw.answer());
    const attackers: Attacker[] = [];
    try {
      for (let connection = 0; connection < 9; connection++) {
        const attacker = await Attacker.open(stage, { from });
        attackers.push(attacker);
        for (let index = 0; index < SOCKETS_EACH; index++)
          attacker.send(frames.headers(2 * index + 1, block));
        await attacker.wantAlive();
      }
      await wantServed(stage, stage.raw.answer());
    } finally {
      for (const attacker of attackers) attacker.leave();
    }
    return 'another client is served meanwhile';
  },
};

/** A client of another address, over HTTP/1.1, in time. */
async function wantServed(stage: Stage, path: string): Promise<void> {
  const client = await TextClient.open(stage, 'clear', '127.0.0.9');
  client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await client.wantAnswers(1);
  assert.match(client.text, /^HTTP\/1\.1 200 /);
  client.leave();
}

const idleStreams: Attack = {
  id: 'B7',
  name: `14 connections of one address with ${SOCKETS_EACH} idle calls each, at a service that allows 100 streams`,
  rule: 'another address is served',
  isSlow: true,
  async mount(stage) {
    const from = stage.newSource();
    const { narrow } = stage;
    narrow.onRequest = (request) => {
      if (request.field('x-call') === 'proper') request.succeed();
    };
    const attackers: Attacker[] = [];
    try {
      for (let connection = 0; connection < 14; connection++) {
        const attacker = await Attacker.open(stage, { from });
        attackers.push(attacker);
        for (let index = 0; index < SOCKETS_EACH; index++)
          attacker.send(frames.headers(2 * index + 1, grpcBlock(narrow.path)));
        await attacker.wantAlive();
      }
      const other = await Attacker.open(stage, { from: '127.0.0.9' });
      other.request(1, narrow.path, ['x-call', 'proper']);
      // Idle calls give way after limits.stallTimeout.
      await eventually(
        'another address is served',
        () => other.peer?.frames.some(({ fields }) => new Map(fields).get('grpc-status') === '0'),
        MOST_IDLE_MS,
      );
      other.leave();
    } finally {
      for (const attacker of attackers) attacker.leave();
    }
    return 'another client is served meanwhile';
  },
};

const shortDeadlines: Attack = {
  id: 'B8',
  name: 'No attack: 600 calls with deadlines of 10 ms, cancelled when those have passed, beside a stream',
  rule: 'the connection goes on',
  isShort: true,
  async mount(stage) {
    const upstream = stage.newUpstream();
    upstream.onRequest = (request) => {
      if (request.field('x-call') === 'stream') request.sendHeaders();
    };
    const honest = await Attacker.open(stage, { from: stage.newSource() });
    honest.send(frames.headers(1, grpcBlock(upstream.path, ['x-call', 'stream'])));
    await upstream.wantRequest();
    const arrived = new Set<string | undefined>();
    upstream.onRequest = (request) => arrived.add(request.field('x-call'));
    for (let index = 0; index < 600; index += 6) {
      const calls = Array.from({ length: 6 }, (_, call) => index + call);
      for (const call of calls) {
        const block = grpcBlock(upstream.path, ['grpc-timeout', '10m'], ['x-call', String(call)]);
        honest.send(frames.headers(2 * call + 3, block, { endStream: true }));
      }
      // The proxy knows these deadlines from when it has read them.
      await eventually('the calls are upstream or over', () =>
        calls.every((call) => arrived.has(String(call)) || isOver(honest, 2 * call + 3)),
      );
      await pause(11);
      for (const call of calls) honest.send(frames.resetStream(2 * call + 3, ErrorCode.CANCEL));
    }
    await honest.wantAlive();
    const ended = honest.peer?.frames.find(
      ({ type, streamId }) => type === FrameType.GOAWAY || (type === FrameType.RST_STREAM && streamId === 1),
    );
    assert.equal(ended, undefined, 'the stream beside them has ended');
    honest.leave();
    return 'the stream beside them is whole';
  },
};

const MOST_RECORD_BYTES = 1200;

const longRecords: Attack = {
  id: 'E21',
  name: '500 requests of few bytes, each with a path of 4,000 control characters out of the HPACK table',
  rule: `a record of the log stays below ${MOST_RECORD_BYTES} bytes`,
  isShort: true,
  async mount(stage) {
    stage.takeLongestLine();
    const from = stage.newSource();
    const attacker = await Attacker.open(stage, { from });
    const long = `/no/${'\x80\u0085'.repeat(1900)}`;
    // Into the dynamic table once (RFC 7541 section 6.2.1), and by its index from then on (6.1).
    const rest = frames.block(
      [':method', 'POST'],
      [':scheme', 'http'],
      [':authority', 'a'],
      ['content-type', 'application/grpc'],
    );
    const indexed = Buffer.concat([
      Buffer.from([0x44, 0x7f, ...length(long.length - 127)]),
      Buffer.from(long, 'latin1'),
    ]);
    attacker.send(frames.headers(1, Buffer.concat([indexed, rest]), { endStream: true }));
    await eventually('the first is over', () => attacker.isGone || isOver(attacker, 1));
    for (let index = 1; index < 500; index++)
      attacker.send(
        frames.headers(2 * index + 1, Buffer.concat([Buffer.from([0xbe]), rest]), { endStream: true }),
      );
    await eventually('the last is over', () => attacker.isGone || isOver(attacker, 999));
    attacker.leave();
    for (const path of ['/no/'.padEnd(8000, '"'), '/no/'.padEnd(8000, '\xff'), '/no/'.padEnd(8000, '%')]) {
      const client = await TextClient.open(stage);
      client.send(
        `GET ${path} HTTP/1.1\r\nHost: ${'h'.repeat(7000)}\r\nUser-Agent: ${'\xff'.repeat(500)}\r\n\r\n`,
      );
      await client.wantAnswers(1);
      client.leave();
    }
    const web = await Attacker.open(stage);
    web.send(frames.headers(1, webBlock('/no/'.padEnd(8000, '\\')), { endStream: true }));
    await answered(web, 1);
    web.leave();
    await wantLogWritten(stage);
    const longest = stage.takeLongestLine();
    assert.ok(longest > 0 && longest < MOST_RECORD_BYTES, `the longest line of the log has ${longest} bytes`);
    return `${longest} bytes at most`;
  },
};

/** Resolves when the records of all calls that have ended are in the log. */
async function wantLogWritten(stage: Stage): Promise<void> {
  const before = stage.marks;
  const last = await Attacker.open(stage);
  last.request(1, MARK_PATH);
  await last.outcome(1);
  last.leave();
  await eventually('the record of the last call', () => stage.marks > before);
}

/** The rest of an integer with a prefix of seven bits (RFC 7541 section 5.1). */
function length(rest: number): readonly number[] {
  const bytes: number[] = [];
  let left = rest;
  for (; left >= 128; left >>>= 7) bytes.push((left & 0x7f) | 0x80);
  return [...bytes, left];
}

export const fairnessAttacks: readonly Attack[] = [
  strictService,
  lateCancels,
  quadratic,
  idleSockets,
  idleStreams,
  shortDeadlines,
  longRecords,
];
