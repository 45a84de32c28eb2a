// What has ended the process: messages that Node's own servers answer or throw at, streams that are gone before their
// request is looked at, fields that Node refuses to write. Each costs its own connection or call, and nothing else.

import assert from 'node:assert/strict';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { Attacker } from './attacker.ts';
import type { Stage } from './stage.ts';
import { TextClient } from './text-client.ts';

const UPGRADE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const FIRST = [
  'GET / HTTP/1.1\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n',
];

const upgradeBehind: Attack = {
  id: 'A1',
  name: `HTTP/1.1: an upgrade in one segment behind each of ${FIRST.length} requests that Node answers`,
  rule: 'costs its own connection',
  isShort: true,
  isFatal: true,
  async mount(stage) {
    for (const listener of ['clear', 'tls'] as const) {
      for (const first of FIRST) {
        const client = await TextClient.open(stage, listener, stage.newSource());
        client.send(first + UPGRADE);
        // The first is answered; what becomes of the second is the proxy's choice, but for an end of the connection at last.
        await client.wantAnswers(1);
        client.socket.end();
        await eventually('the end of the connection', () => client.isGone);
        assert.ok(
          !/HTTP\/1\.1 [45]\d\d[^\n]*\n(?:[^\n]*\n)*HTTP\/1\.1 101/.test(client.text),
          'an upgrade behind a refusal',
        );
      }
    }
    return 'the first is answered, the connection ends';
  },
};

export function webBlock(path: string, ...fields: readonly frames.Field[]): Buffer {
  return frames.block(
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'web.test'],
    ...fields,
  );
}

const goneAtOnce: Attack = {
  id: 'A2',
  name: 'expect: 100-continue and RST_STREAM or FIN in one segment, to an HTTP/1.1 service',
  rule: 'costs its own call',
  isShort: true,
  isFatal: true,
  async mount(stage) {
    const path = stage.raw.answer();
    for (let round = 0; round < 5; round++) {
      const attacker = await Attacker.open(stage, { from: stage.newSource() });
      // Once the way to the service is open, a request is looked at in the turn in which it comes.
      attacker.send(frames.headers(1, webBlock(path), { endStream: true }));
      await answered(attacker, 1);
      const open = frames.headers(3, webBlock(path, ['expect', '100-continue']));
      if (round % 2 === 0) attacker.send(open, frames.resetStream(3, ErrorCode.CANCEL));
      else attacker.socket.end(open);
      if (round % 2 === 0) await attacker.wantAlive();
      else await eventually('the end of the connection', () => attacker.isGone);
      attacker.leave();
    }
    return 'as any call that is cancelled';
  },
};

export async function answered(attacker: Attacker, stream: number): Promise<void> {
  await eventually(`an answer on stream ${stream}`, () =>
    attacker.peer?.frames.some(
      ({ type, streamId, flags }) =>
        streamId === stream &&
        (type === FrameType.RST_STREAM || (type !== FrameType.WINDOW_UPDATE && (flags & 1) !== 0)),
    ),
  );
}

const SWITCHING =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %A\r\n';

const forbiddenFields: Attack = {
  id: 'A3',
  name: 'An HTTP/1.1 service sends HTTP2-Settings and others of their kind: in a head, a trailer, with a 101',
  rule: 'costs its own call at most',
  isShort: true,
  isFatal: true,
  async mount(stage) {
    const names = [
      'HTTP2-Settings',
      'Connection',
      'Keep-Alive',
      'Proxy-Connection',
      'Transfer-Encoding',
      'Upgrade',
      'TE',
      'Host',
    ];
    let served = 0;
    for (const name of names) {
      const trailer = stage.raw.answer(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${name}: x\r\n\r\n`,
      );
      const head = stage.raw.answer(`HTTP/1.1 200 OK\r\n${name}: x\r\nContent-Length: 1\r\n\r\na`);
      const switching = stage.raw.answer(`${SWITCHING}${name}: x\r\n\r\n`);
      for (const path of [trailer, head]) {
        const attacker = await Attacker.open(stage);
        attacker.send(frames.headers(1, webBlock(path), { endStream: true }));
        await answered(attacker, 1);
        attacker.leave();
        const client = await TextClient.open(stage);
        client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
        await client.wantAnswers(1);
        client.leave();
      }
      await upgradeBoth(stage, switching);
      served++;
    }
    return `${served} names, dropped or the call's end`;
  },
};

async function upgradeBoth(stage: Stage, path: string): Promise<void> {
  const attacker = await Attacker.open(stage);
  const fields = [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'a'],
    ['sec-websocket-version', '13'],
  ] as const;
  attacker.send(frames.headers(1, frames.block(...fields)));
  await eventually('an answer to extended CONNECT', () =>
    attacker.peer?.frames.some(
      ({ type, streamId }) => streamId === 1 && (type === FrameType.HEADERS || type === FrameType.RST_STREAM),
    ),
  );
  attacker.leave();
  const client = await TextClient.open(stage);
  client.send(
    `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  await eventually('an answer to an upgrade', () => client.isGone || client.text.includes('\r\n\r\n'));
  client.leave();
}

export const deathAttacks: readonly Attack[] = [upgradeBehind, goneAtOnce, forbiddenFields];
