// Clients of HTTP/1.1 that begin and do not go on, where each request has a connection of its own to the service: those
// that send no more of what they have announced, and those that take nothing of what they have asked for.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { eventually } from '../support/eventually.ts';
import type { Attack } from './attack.ts';
import type { Stage } from './stage.ts';
import { MOST_UPLOADS } from './stage-config.ts';

/** Half a minute, and what a busy machine takes to notice. */
const MOST_THIRTY_SECONDS_MS = 60_000;
const DRIP_MS = 2000;
const PIECE = `1000\r\n${'x'.repeat(4096)}\r\n`;

class WebClient {
  readonly socket: Socket;
  text = '';
  isGone = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isGone = true;
    });
  }

  static async open(stage: Stage, localAddress = '127.0.0.1'): Promise<WebClient> {
    const socket = connect({ host: '127.0.0.1', port: stage.port('clear'), localAddress });
    const client = new WebClient(socket);
    await once(socket, 'connect');
    return client;
  }

  read(): this {
    this.socket.on('data', (text: string) => {
      this.text += text;
    });
    return this;
  }

  ask(method: string, path: string, ...fields: readonly string[]): this {
    return this.send([`${method} ${path} HTTP/1.1`, 'Host: web.test', ...fields, '', ''].join('\r\n'));
  }

  send(text: string): this {
    if (this.socket.writable) this.socket.write(text);
    return this;
  }

  get httpStatus(): string {
    return this.text.split(' ').at(1) ?? '';
  }
}

async function uploads(stage: Stage, count: number): Promise<readonly WebClient[]> {
  const from = stage.newSource();
  const clients = await Promise.all(Array.from({ length: count }, () => WebClient.open(stage, from)));
  for (const client of clients)
    client.read().ask('POST', '/upload/body', 'Transfer-Encoding: chunked').send('5\r\nhello\r\n');
  return clients;
}

const CLIENTS = 100;

/** One that goes on is among them, and has to be served to its end. */
const halfSentUploads: Attack = {
  id: '1d',
  name: `HTTP/1.1: ${CLIENTS} uploads, silent or byte by byte, that hold all connections to a service`,
  rule: 'another address is served',
  isSlow: true,
  async mount(stage) {
    const honest = (await WebClient.open(stage))
      .read()
      .ask('POST', '/upload/body', 'Transfer-Encoding: chunked')
      .send(PIECE);
    await eventually('the honest upload has begun', () => stage.web.uploading === 1);
    const attackers = await uploads(stage, CLIENTS);
    const going = setInterval(() => {
      honest.send(PIECE);
      for (const attacker of attackers.slice(CLIENTS / 2)) attacker.send('1\r\nx\r\n');
    }, DRIP_MS);
    try {
      // The last eighth is for clients that hold fewer (decision 34).
      await eventually(
        'nearly all connections are held',
        () => stage.web.uploading >= (MOST_UPLOADS * 7) / 8,
      );
      const other = (await WebClient.open(stage)).read().ask('GET', '/upload/other');
      await eventually('another is served', () => other.httpStatus !== '', MOST_THIRTY_SECONDS_MS);
      assert.equal(other.httpStatus, '200');
      other.socket.destroy();
    } finally {
      clearInterval(going);
    }
    honest.send('0\r\n\r\n');
    await eventually('the honest upload is whole', () => honest.httpStatus === '200');
    for (const { socket } of [honest, ...attackers]) socket.destroy();
    await eventually('nothing is left of them', () => stage.web.uploading === 0);
    return 'another address is served at once, and the upload that goes on is whole';
  },
};

const READERS = 20;

const unreadResponses: Attack = {
  id: '1d',
  name: `HTTP/1.1: ${READERS} clients that ask for 16 MiB and read nothing of it`,
  rule: 'limits.stallTimeout: client_stalled',
  isSlow: true,
  async mount(stage) {
    const from = stage.newSource();
    const clients = await Promise.all(
      Array.from({ length: READERS }, async () =>
        (await WebClient.open(stage, from)).ask('GET', '/download/large'),
      ),
    );
    for (const { socket } of clients) socket.pause();
    await eventually('each response has begun', () => stage.web.large === READERS, MOST_THIRTY_SECONDS_MS);
    await eventually('all are broken off', () => stage.web.brokenOff === READERS, MOST_THIRTY_SECONDS_MS);
    for (const { socket } of clients) socket.destroy();
    return 'broken off after 30 s, and at the service';
  },
};

export const http1Attacks: readonly Attack[] = [halfSentUploads, unreadResponses];
