// The port of the admin server, which speaks HTTP/1.1 and gRPC: whoever reaches it can neither end the proxy, nor hold up its calls, nor keep
// those who ask by HTTP/1.1 out.

import assert from 'node:assert/strict';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { begin, check, healthRequest } from '../support/admin-grpc.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import { connectRawClient, type RawClient } from '../support/raw-client.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { Attack } from './attack.ts';
import { grpcBlock, repeated } from './attacker.ts';
import type { Stage } from './stage.ts';

const CHECK = '/grpc.health.v1.Health/Check';
const AT_ONCE = 20;
/** As many gRPC connections as the admin server accepts. */
const MOST_CONNECTIONS = 64;
/** Longer than the times that the server gives a request and an unfinished preface. */
const MOST_CLOSING_MS = 30_000;

function portOf({ adminAddress }: Stage): number {
  return Number(adminAddress.split(':').at(-1));
}

function connect(stage: Stage, givesCredit = true): Promise<RawClient> {
  return connectRawClient({ port: portOf(stage), givesCredit });
}

/** The pages answer by HTTP/1.1, and gRPC once there is room for one more connection. */
async function wantWell(stage: Stage): Promise<void> {
  const response = await fetch(`http://${stage.adminAddress}/ready`);
  assert.equal(response.status, 200);
  await eventually('gRPC is answered again', async () => {
    const client = await connect(stage);
    const status = await check(client, '').catch(() => undefined);
    client.destroy();
    return status === 'SERVING';
  });
}

const idOf = (index: number): number => 2 * index + 1;
const opened = (index: number, endStream = false): Buffer =>
  frames.headers(idOf(index), grpcBlock(CHECK), { endStream });

const floods: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['PING', repeated(2000, () => frames.ping())],
  ['SETTINGS', repeated(500, () => frames.settings([SettingId.INITIAL_WINDOW_SIZE, 1]))],
  [
    'streams that are reset at once',
    repeated(2000, (n) => Buffer.concat([opened(n), frames.resetStream(idOf(n), 8)])),
  ],
  ['streams beyond the limit', repeated(2000, (n) => opened(n))],
  ['PRIORITY', repeated(5000, () => frames.priority(1))],
  ['WINDOW_UPDATE', repeated(5000, () => frames.windowUpdate(0, 1))],
  ['DATA without content', Buffer.concat([opened(0), repeated(500, () => frames.data(1, ''))])],
  [
    'CONTINUATION',
    Buffer.concat([
      frames.headers(1, grpcBlock(CHECK), { endHeaders: false }),
      repeated(500, () => frames.continuation(1, Buffer.alloc(0), false)),
    ]),
  ],
  ['frames that nobody knows', repeated(2000, () => frames.frame(0xf0, 0, 0, Buffer.alloc(8)))],
  ['HPACK that is none', frames.headers(1, Buffer.alloc(2000, 0xff))],
];

async function flood(stage: Stage): Promise<string> {
  for (const [name, bytes] of floods) {
    const clients = await Promise.all(Array.from({ length: AT_ONCE }, () => connect(stage)));
    for (const client of clients) client.send(bytes);
    await eventually(`closed for ${name}`, () => clients.every(({ isClosed }) => isClosed), MOST_CLOSING_MS);
  }
  await wantWell(stage);
  return `${floods.length} kinds of floods, each closes its connection`;
}

async function occupy(stage: Stage): Promise<string> {
  const clients = await Promise.all(
    Array.from({ length: MOST_CONNECTIONS + 8 }, () => connect(stage, false)),
  );
  const all = grpcMessage(Buffer.alloc(0));
  let open = 0;
  for (const client of clients)
    for (let call = 0; call < 16; call++) {
      if (call % 2 === 0) begin(client, 'Health/Watch');
      else begin(client, 'Channelz/GetTopChannels', { body: all });
    }
  await eventually('the connections beyond the limit are refused', () => {
    open = clients.filter(({ isClosed }) => !isClosed).length;
    return open <= MOST_CONNECTIONS;
  });
  // All of gRPC is taken, and nothing of HTTP/1.1.
  const response = await fetch(`http://${stage.adminAddress}/ready`);
  assert.equal(response.status, 200);
  for (const client of clients) client.destroy();
  await wantWell(stage);
  return `${open} connections stay, HTTP/1.1 is answered`;
}

async function dawdle(stage: Stage): Promise<string> {
  const clients = await Promise.all(Array.from({ length: AT_ONCE }, () => connect(stage)));
  const streams = clients.map((client) =>
    begin(client, 'Health/Check', { body: healthRequest('service').subarray(0, 3), endStream: false }),
  );
  for (const [index, client] of clients.entries()) {
    const isOver = () => client.outcomeSoFar(streams[index]).grpcStatus === '4';
    await eventually('the call ends with DEADLINE_EXCEEDED', isOver, MOST_CLOSING_MS);
    client.destroy();
  }
  await wantWell(stage);
  return 'DEADLINE_EXCEEDED after 10 s';
}

async function breakCalls(stage: Stage): Promise<string> {
  const client = await connect(stage);
  const bodies = [
    Buffer.alloc(0),
    Buffer.alloc(5000, 0xff),
    Buffer.concat([healthRequest('a'), healthRequest('b')]),
    ...Array.from({ length: 60 }, (_one, index) =>
      grpcMessage(Buffer.from([4 * index, 255 - index, index * 7, 0x80, index])),
    ),
  ];
  const methods = [
    'Health/Check',
    'Health/Watch',
    'Health/List',
    'Channelz/GetSocket',
    'Channelz/GetServerSockets',
  ];
  let ended = 0;
  for (const method of methods)
    for (const body of bodies) {
      const stream = begin(client, method, { body, fields: [['grpc-timeout', '50m']] });
      const { grpcStatus, resetCode } = await client.outcome(stream);
      // RST_STREAM with NO_ERROR follows an answer to a request that has not ended.
      assert.ok(grpcStatus !== undefined && (resetCode ?? ErrorCode.NO_ERROR) === ErrorCode.NO_ERROR);
      assert.notEqual(grpcStatus, '13', 'the admin server has a fault');
      ended++;
    }
  assert.equal(
    client.frames.some(({ type }) => type === FrameType.GOAWAY),
    false,
  );
  client.destroy();
  await wantWell(stage);
  return `${ended} calls with broken requests get a status`;
}

export const adminAttacks: readonly Attack[] = [
  {
    id: 'admin',
    name: 'Floods of frames at the admin port',
    rule: 'the connection ends',
    isShort: true,
    mount: flood,
  },
  {
    id: 'admin',
    name: 'All connections, calls and responses that the admin port has for gRPC',
    rule: '64 connections, 16 calls each, 8 MiB unread',
    mount: occupy,
  },
  {
    id: 'admin',
    name: 'Requests to the admin port that are no messages',
    rule: 'a status',
    isShort: true,
    mount: breakCalls,
  },
  {
    id: 'admin',
    name: 'Requests to the admin port that do not end',
    rule: '10 s',
    isSlow: true,
    mount: dawdle,
  },
];
