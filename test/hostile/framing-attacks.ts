// What goes in comes out, whole, once, ended as it was ended: requests that end, or go on, where a reader may lose count, and
// answers that are not whole. Here a client or a service tries to make one message look like two, or half of one like a whole.

import assert from 'node:assert/strict';
import { Flag, FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { Attacker } from './attacker.ts';
import { answered, webBlock } from './death-attacks.ts';
import type { Stage } from './stage.ts';
import { TextClient } from './text-client.ts';

const emptyEnd: Attack = {
  id: 'C10',
  name: 'HTTP/2 to an HTTP/1.1 service: 40 requests whose end is an empty DATA frame',
  rule: 'each is served',
  isShort: true,
  async mount(stage) {
    const path = stage.raw.answer((socket, request) => {
      const answer = (): void => {
        if (!request.body.endsWith('0\r\n\r\n')) setTimeout(answer, 5);
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell', 'latin1');
      };
      if (/^transfer-encoding: chunked$/im.test(request.head)) answer();
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell', 'latin1');
    });
    const attacker = await Attacker.open(stage);
    for (let index = 0; index < 40; index++) {
      const id = 2 * index + 1;
      attacker.send(frames.headers(id, webBlock(path)), frames.data(id, '', { endStream: true }));
      await answered(attacker, id);
      assert.equal(attacker.peer?.contentOf(id).toString(), 'well');
    }
    attacker.leave();
    return '40 of 40 served';
  },
};

const UPGRADES = [
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n',
  'Connection: Upgrade\r\nUpgrade: foo\r\n',
  'Connection: upgrade\r\nUpgrade: TLS/1.0, foo\r\n',
];

const ignoredUpgrade: Attack = {
  id: 'C11',
  name: 'HTTP/1.1: requests and bodies behind an upgrade that is ignored',
  rule: 'each is served, and nothing within a body',
  isShort: true,
  async mount(stage) {
    const good = stage.raw.answer();
    const hidden = stage.raw.answer();
    const body = `GET ${hidden} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const path = stage.raw.answer((socket, request) => {
      const answer = (): void => {
        if (request.body.length < body.length) setTimeout(answer, 5);
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell', 'latin1');
      };
      answer();
    });
    for (const upgrade of UPGRADES) {
      const pipelining = await TextClient.open(stage);
      pipelining.send(
        `GET ${good} HTTP/1.1\r\nHost: a\r\n${upgrade}\r\nGET ${good} HTTP/1.1\r\nHost: a\r\n\r\n`,
      );
      await pipelining.wantAnswers(2);
      assert.equal(
        pipelining.text.match(/HTTP\/1\.1 200/g)?.length,
        2,
        `both requests are served beside ${upgrade}`,
      );
      pipelining.leave();
      const client = await TextClient.open(stage);
      client.send(`POST ${path} HTTP/1.1\r\nHost: a\r\n${upgrade}Content-Length: ${body.length}\r\n\r\n`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      client.send(body);
      await client.wantAnswers(1);
      client.leave();
    }
    const smuggled = stage.raw.requests.filter((request) => request.path === hidden).length;
    assert.equal(smuggled, 0, 'requests that were hidden in a body');
    return 'served as if they asked for nothing';
  },
};

const LENGTH = 2000;

const foreignText: Attack = {
  id: 'C12',
  name: 'HTTP/1.1: CONNECT, garbage and others behind an answer under way, which wants some bytes more',
  rule: 'no text of ours within it',
  isShort: true,
  async mount(stage) {
    const behind = [
      'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n',
      '\x00\x01\x02\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET / HTTP/1.1\r\nA: '.padEnd(20_000, 'x'),
      'GET / HTTP/1.1\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    ];
    for (const text of behind) {
      const path = stage.raw.answer(`HTTP/1.1 200 OK\r\nContent-Length: ${LENGTH}\r\n\r\nbegun`);
      const client = await TextClient.open(stage);
      client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await eventually('the answer begins', () => client.text.includes('begun'));
      client.send(text);
      await wantRead(stage);
      const content = client.text.slice(client.text.indexOf('\r\n\r\n') + 4);
      assert.equal(content, 'begun', `the content of the answer before ${JSON.stringify(text.slice(0, 30))}`);
      client.leave();
    }
    return 'broken off, or left alone';
  },
};

/** Resolves when the proxy has read what was sent to it before, and has said what it says to that at once. */
async function wantRead(stage: Stage): Promise<void> {
  const other = await Attacker.open(stage);
  await other.wantAlive();
  other.request(1, '/no/route');
  await answered(other, 1);
  other.leave();
}

const halfAnswers: Attack = {
  id: 'C13',
  name: 'A gRPC service announces 42 bytes, sends 11 and is gone',
  rule: 'no end that contradicts the length (RFC 9113 section 8.1.1)',
  isShort: true,
  async mount(stage) {
    const upstream = stage.newUpstream();
    upstream.onRequest = (request) => {
      request.sendHeaders([
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['content-length', '42'],
      ]);
      request.peer.sendData(request.streamId, Buffer.alloc(11));
      setTimeout(() => request.peer.destroy(), 50);
    };
    const attacker = await Attacker.open(stage);
    attacker.request(1, upstream.path);
    await answered(attacker, 1);
    const received = attacker.peer?.framesOf(1) ?? [];
    const fields = new Map(received.flatMap(({ fields: pairs }) => [...pairs]));
    const isEnded = received.some(
      ({ type, flags }) => type !== FrameType.WINDOW_UPDATE && (flags & Flag.END_STREAM) !== 0,
    );
    // Without the length its own status may end it; with the length only a reset is well-formed.
    assert.ok(!isEnded || !fields.has('content-length'), '11 of 42 bytes end as if they were all');
    assert.notEqual(fields.get('grpc-status'), '0');
    attacker.leave();
    return isEnded ? `status ${fields.get('grpc-status')} without the length` : 'RST_STREAM';
  },
};

const trailers: Attack = {
  id: 'C14',
  name: 'Trailers with forbidden fields and with claims about the client, both ways, both protocols',
  rule: 'dropped; the content stays',
  isShort: true,
  async mount(stage) {
    await fromService(stage, 'Content-Length: 5');
    await fromService(stage, 'Transfer-Encoding: chunked');
    await fromClient(stage);
    return 'dropped, the content is whole';
  },
};

async function fromService(stage: Stage, field: string): Promise<void> {
  const path = stage.raw.answer(
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwell\r\n0\r\n${field}\r\n\r\n`,
  );
  const attacker = await Attacker.open(stage);
  attacker.send(frames.headers(1, webBlock(path), { endStream: true }));
  await answered(attacker, 1);
  assert.equal(
    attacker.peer?.contentOf(1).toString(),
    'well',
    `the content before the trailer ${field}, over HTTP/2`,
  );
  attacker.leave();
  const client = await TextClient.open(stage);
  client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await eventually('the end of the answer', () => client.isGone || client.text.includes('\r\n0\r\n'));
  assert.ok(client.text.includes('\r\n4\r\nwell\r\n0\r\n'), `the content before the trailer ${field}`);
  client.leave();
}

async function fromClient(stage: Stage): Promise<void> {
  let seen = '';
  const path = stage.raw.answer((socket, request) => {
    const answer = (): void => {
      if (!/(?:^|\n)0\r\n(?:.*\r\n)*\r\n$/.test(request.body)) {
        setTimeout(answer, 5);
        return;
      }
      seen += request.body.toLowerCase();
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell', 'latin1');
    };
    answer();
  });
  const client = await TextClient.open(stage);
  client.send(
    `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Forwarded-For: 192.0.2.9\r\nX-Real-IP: 192.0.2.9\r\nX-Kept: yes\r\n\r\n`,
  );
  await client.wantAnswers(1);
  client.leave();
  const attacker = await Attacker.open(stage);
  attacker.send(
    frames.headers(1, webBlock(path)),
    frames.data(1, 'a'),
    frames.headers(1, frames.block(['x-forwarded-for', '192.0.2.9'], ['x-real-ip', '192.0.2.9']), {
      endStream: true,
    }),
  );
  await answered(attacker, 1);
  attacker.leave();
  assert.ok(!seen.includes('192.0.2.9'), `a claim about the client in a trailer: ${seen}`);
}

export const framingAttacks: readonly Attack[] = [
  emptyEnd,
  ignoredUpgrade,
  foreignText,
  halfAnswers,
  trailers,
];
