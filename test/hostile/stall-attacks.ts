// The slow halves of F11, F12 and F19: clients and upstreams that let bytes lie. Each is ended after half a minute.

import { SettingId } from '../../src/h2/settings.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { Attacker, type AttackerOptions, connectUpstream, grpcBlock, repeated } from './attacker.ts';
import type { Stage } from './stage.ts';

const MOST_THIRTY_SECONDS_MS = 45_000;
const DRIP_MS = 500;

const CALLS = 128;

/** Calls with large responses on one connection, the windows as the attacker likes. */
async function callsWithResponses(stage: Stage, options: AttackerOptions): Promise<Attacker> {
  const upstream = stage.newUpstream();
  await connectUpstream(stage, upstream);
  upstream.onRequest = (request) => {
    request.sendHeaders();
    request.peer.sendData(request.streamId, Buffer.alloc(16_384));
    request.peer.sendData(request.streamId, Buffer.alloc(16_384));
  };
  const attacker = await Attacker.open(stage, options);
  attacker.send(
    repeated(CALLS, (index) => frames.headers(2 * index + 1, grpcBlock(upstream.path), { endStream: true })),
  );
  await eventually('all calls are upstream', () => upstream.requests.length > CALLS);
  return attacker;
}

function endedCalls(attacker: Attacker): number {
  const frameList = attacker.peer?.frames ?? [];
  return frameList.filter(({ fields }) => new Map(fields).get('grpc-status') === '8').length;
}

/** What is held is 4 MiB: the largest are ended until no more than 1 MiB is left. */
const zeroWindows: Attack = {
  id: 'F11',
  name: 'Windows of 0 with 4 MiB of responses pending (CVE-2019-9511)',
  rule: 'limits.stallTimeout, limits.stalledResponses: client_stalled',
  isSlow: true,
  async mount(stage) {
    const attacker = await callsWithResponses(stage, {
      givesCredit: false,
      settings: [[SettingId.INITIAL_WINDOW_SIZE, 0]],
    });
    await eventually('calls are ended', () => endedCalls(attacker) >= 96, MOST_THIRTY_SECONDS_MS);
    await attacker.wantAlive();
    const ended = endedCalls(attacker);
    attacker.leave();
    return `${ended} of ${CALLS} calls ended with RESOURCE_EXHAUSTED after 30 s, 1 MiB still held`;
  },
};

const dribble: Attack = {
  id: 'F11',
  name: 'Windows that grow by a byte twice a second with 4 MiB pending (CVE-2019-9511)',
  rule: 'limits.stallTimeout, limits.stalledResponses: client_stalled',
  isSlow: true,
  async mount(stage) {
    const attacker = await callsWithResponses(stage, {
      givesCredit: false,
      settings: [[SettingId.INITIAL_WINDOW_SIZE, 0]],
    });
    let drip = 0;
    const dripping = setInterval(() => {
      // 32 streams at a time: more would be a flood.
      attacker.send(repeated(32, (index) => frames.windowUpdate(2 * (index + 32 * drip) + 1, 1)));
      drip = (drip + 1) % 4;
    }, DRIP_MS);
    try {
      await eventually('calls are ended', () => endedCalls(attacker) >= 90, MOST_THIRTY_SECONDS_MS);
    } finally {
      clearInterval(dripping);
    }
    const ended = endedCalls(attacker);
    attacker.leave();
    return `${ended} of ${CALLS} calls ended with RESOURCE_EXHAUSTED`;
  },
};

const unreadResponses: Attack = {
  id: 'F12',
  name: 'Open windows, and nothing is ever read from the socket (CVE-2019-9517)',
  rule: 'limits.stallTimeout: connection_stalled',
  isSlow: true,
  async mount(stage) {
    const upstream = stage.newUpstream();
    upstream.onRequest = (request) => {
      request.sendHeaders();
      request.peer.pump(request.streamId, 64 * 1_048_576);
    };
    const attacker = await Attacker.open(stage, {
      reads: false,
      settings: [[SettingId.INITIAL_WINDOW_SIZE, 0x7fff_ffff]],
    });
    attacker.send(frames.windowUpdate(0, 0x7fff_0000));
    attacker.request(1, upstream.path);
    await upstream.wantRequest();
    await eventually('the call is cancelled upstream', () => upstream.resets === 1, MOST_THIRTY_SECONDS_MS);
    await attacker.wantGone();
    return 'closed after 30 s, cancelled upstream';
  },
};

/** Header blocks have no window: together more than the kernel takes for a connection. */
const STUCK_CLIENTS = 10;
const STUCK_CALLS = 100;

function bulkyCalls(client: number, path: string): Buffer {
  return repeated(STUCK_CALLS, (index) => {
    const bulk = `${client}-${index} `.padEnd(14_000, 'v');
    return frames.headers(2 * index + 1, grpcBlock(path, ['bulk', bulk]), { endStream: true });
  });
}

const stuckUpstream: Attack = {
  id: 'F19',
  name: 'From upstream: nothing is ever read',
  rule: 'limits.stallTimeout: connection_stalled',
  isSlow: true,
  async mount(stage) {
    const upstream = stage.newUpstream();
    await connectUpstream(stage, upstream);
    upstream.onConnection = (peer) => peer.socket.pause();
    for (const { socket } of upstream.peers) socket.pause();
    const clients = await Promise.all(Array.from({ length: STUCK_CLIENTS }, () => Attacker.open(stage)));
    for (const [client, attacker] of clients.entries()) attacker.send(bulkyCalls(client, upstream.path));
    const answers = (): number => clients.reduce((sum, client) => sum + lost(client), 0);
    await eventually('the stuck connection is given up', () => answers() > 0, MOST_THIRTY_SECONDS_MS);
    const count = answers();
    for (const client of clients) client.leave();
    for (const { socket } of upstream.peers) socket.destroy();
    return `connection closed after 30 s, ${count} calls UNAVAILABLE`;
  },
};

/** Calls that say that the endpoint took nothing. */
function lost(client: Attacker): number {
  const messages = client.peer?.frames.map(({ fields }) => new Map(fields).get('grpc-message')) ?? [];
  return messages.filter((message) => message?.includes('took nothing')).length;
}

export const stallAttacks: readonly Attack[] = [zeroWindows, dribble, unreadResponses, stuckUpstream];
