// Too much for the admin server over HTTP/1.1: requests behind each other, and connections that ask for nothing.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { eventually } from '../support/eventually.ts';
import type { Attack } from './attack.ts';
import type { Stage } from './stage.ts';

/** All that Node would find in one read, and start at once. */
const BEHIND_EACH_OTHER = 1_300;
const AT_ONCE = 20;
/** More than twice what the admin server accepts. */
const SILENT = 300;
const MOST_CLOSING_MS = 30_000;
const PAGES = ['/metrics', '/api/config', '/api/upstreams', '/api/exchanges', '/api/diagnoses', '/live'];

/** On a connection of its own: one that asks for nothing for a moment is closed like those of the attack. */
async function wantAnswer(stage: Stage): Promise<void> {
  const [socket] = await crowd(stage, 1);
  socket.write('GET /ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
  assert.match(await text(socket), /^HTTP\/1\.1 200 /);
}

async function crowd({ adminAddress }: Stage, size: number): Promise<readonly Socket[]> {
  const port = Number(adminAddress.split(':').at(-1));
  const sockets = Array.from({ length: size }, () => connect(port, '127.0.0.1'));
  for (const socket of sockets) socket.on('error', () => undefined);
  await eventually('all have connected', () => sockets.every(({ connecting }) => !connecting));
  return sockets;
}

/** @returns what came after the first answer. Answers are counted by their lengths, since their bodies may speak of HTTP/1.1 as well. */
function behindFirstAnswer(received: Buffer): Buffer {
  const headSize = received.indexOf('\r\n\r\n') + 4;
  if (headSize < 4) return Buffer.alloc(0);
  const [, length] = /\r\ncontent-length: (\d+)\r\n/i.exec(received.toString('latin1', 0, headSize)) ?? [];
  assert.ok(length, received.toString('latin1', 0, headSize));
  return received.subarray(headSize + Number(length));
}

async function pipeline(stage: Stage): Promise<string> {
  for (const path of PAGES) {
    const sockets = await crowd(stage, AT_ONCE);
    const requests = `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`.repeat(BEHIND_EACH_OTHER);
    for (const socket of sockets) socket.write(requests);
    await wantAnswer(stage);
    const received = sockets.map((socket) => {
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      return chunks;
    });
    await eventually('all are closed', () => sockets.every(({ closed }) => closed), MOST_CLOSING_MS);
    for (const chunks of received) {
      const surplus = behindFirstAnswer(Buffer.concat(chunks));
      assert.equal(surplus.length, 0, `${path}: ${surplus.toString('latin1', 0, 200)}`);
    }
  }
  return `at most one answer for each of ${PAGES.length * AT_ONCE} connections, which close`;
}

async function occupy(stage: Stage): Promise<string> {
  const sockets = await crowd(stage, SILENT);
  for (const socket of sockets) socket.resume();
  for (let n = 0; n < 10; n++) await wantAnswer(stage);
  const closed = (): number => sockets.filter((socket) => socket.closed).length;
  await eventually('those that are too many leave', () => closed() >= SILENT - 128);
  for (const socket of sockets) socket.destroy();
  return 'the oldest leave, and others are answered';
}

export const adminLoadAttacks: readonly Attack[] = [
  {
    id: 'admin',
    name: '1,300 requests at once on each of 20 connections to the admin port',
    rule: '1 answer each',
    isShort: true,
    mount: pipeline,
  },
  {
    id: 'admin',
    name: 'Connections to the admin port that ask for nothing',
    rule: '128 connections',
    isShort: true,
    mount: occupy,
  },
];
