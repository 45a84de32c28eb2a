// Building blocks: what an upstream does to the proxy in answer to a call, by one that reads and by one that does not.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { errorCodeName } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import type { RawPeer } from '../support/raw-peer.ts';
import type { RawRequest } from '../support/raw-server.ts';
import type { Attack } from './attack.ts';
import { Attacker, MOST_CLOSING_MS } from './attacker.ts';
import type { HostileUpstream } from './hostile-upstream.ts';
import type { Stage } from './stage.ts';

const POKE_MS = 25;
const LARGE_WINDOW = 1_048_576;

export interface UpstreamViolation {
  readonly token: string;
  readonly code: number;
  /** Sent in answer to the first call. */
  readonly bytes: (request: RawRequest) => Buffer;
  /** What the caller is told. */
  readonly status?: string;
}

type Row = Pick<Attack, 'id' | 'name' | 'isShort'>;

/** Its connection is ended, its calls get a status, and the next connection is used as if nothing had been. */
export function upstreamFlood(row: Row, violation: UpstreamViolation): Attack {
  return upstreamConnectionViolations(row, [violation]);
}

export function upstreamConnectionViolations(row: Row, violations: readonly UpstreamViolation[]): Attack {
  const tokens = new Set(violations.map(({ token }) => token));
  return {
    ...row,
    rule: [...tokens].join(', '),
    async mount(stage) {
      await Promise.all(
        violations.flatMap((violation) => [
          breakConnection(stage, violation, true),
          breakConnection(stage, violation, false),
        ]),
      );
      const codes = new Set(violations.map(({ code }) => errorCodeName(code)));
      return `${violations.length} times GOAWAY (${[...codes].join(', ')}) to the upstream, call UNAVAILABLE`;
    },
  };
}

async function breakConnection(
  stage: Stage,
  { token, code, bytes, status = '14' }: UpstreamViolation,
  reads: boolean,
): Promise<void> {
  const upstream = stage.newUpstream();
  upstream.onRequest = (request) => {
    if (upstream.requests.length > 1) {
      request.succeed();
      return;
    }
    if (!reads) request.peer.socket.pause();
    request.peer.send(bytes(request));
  };
  // With windows for all that may come: credit for each byte would be a flood of its own.
  const settings = [[SettingId.INITIAL_WINDOW_SIZE, LARGE_WINDOW]] as const;
  const caller = await Attacker.open(stage, { givesCredit: false, settings });
  caller.send(frames.windowUpdate(0, LARGE_WINDOW));
  caller.request(1, upstream.path);
  assert.equal(await caller.outcome(1), status, `the status of the call for ${token}`);
  const [peer] = upstream.peers;
  if (reads) await wantGoAway(peer, code, token);
  await wantGone(peer, reads);
  await stage.wantOneLine(upstream.address, token);
  caller.request(3, upstream.path);
  assert.equal(await caller.outcome(3), '0', `the next call after ${token}: ${caller.messageOf(3)}`);
  caller.leave();
}

async function wantGoAway(peer: RawPeer, code: number, token: string): Promise<void> {
  const goAway = await peer.want('GOAWAY', ({ type }) => type === FrameType.GOAWAY);
  assert.equal(errorCodeName(goAway.payload.readUInt32BE(4)), errorCodeName(code));
  const text = goAway.payload.toString('latin1', 8);
  assert.ok(text.includes(token), `GOAWAY does not name ${token} but says: ${text}`);
}

/** Who does not read learns of the end by writing. */
async function wantGone(peer: RawPeer, reads: boolean): Promise<void> {
  const poking = setInterval(() => {
    if (!reads) poke(peer.socket);
  }, POKE_MS);
  try {
    await eventually('the upstream is disconnected', () => peer.isClosed, MOST_CLOSING_MS);
  } finally {
    clearInterval(poking);
    peer.destroy();
  }
}

function poke(socket: Socket): void {
  if (socket.writable) socket.write(frames.ping());
}

/** Each spoils its own call; the connection goes on, since it carries the calls of many clients. */
export function upstreamStreamViolations(row: Row, violations: readonly UpstreamViolation[]): Attack {
  const tokens = new Set(violations.map(({ token }) => token));
  return {
    ...row,
    rule: [...tokens].join(', '),
    async mount(stage) {
      await Promise.all(violations.map((violation) => breakStream(stage, violation)));
      const statuses = new Set(violations.map(({ status }) => status));
      return `${violations.length} times RST_STREAM, calls with status ${[...statuses].join(', ')}, connection whole`;
    },
  };
}

async function breakStream(stage: Stage, violation: UpstreamViolation): Promise<void> {
  const { token, code, bytes, status = '13' } = violation;
  const upstream = stage.newUpstream();
  upstream.onRequest = (request) => {
    if (request.field('x-call') === 'proper') request.succeed();
    else request.peer.send(bytes(request));
  };
  const caller = await Attacker.open(stage);
  caller.request(1, upstream.path);
  assert.equal(await caller.outcome(1), status, `the status of the call for ${token}`);
  const [peer] = upstream.peers;
  const reset = await peer.want('RST_STREAM', ({ type }) => type === FrameType.RST_STREAM);
  assert.equal(errorCodeName(reset.payload.readUInt32BE(0)), errorCodeName(code), token);
  caller.request(3, upstream.path, ['x-call', 'proper']);
  assert.equal(await caller.outcome(3), '0', `the next call after ${token}`);
  assert.equal(upstream.peers.length, 1, `the connection after ${token}`);
  await stage.wantOneLine(upstream.address, token);
  caller.leave();
}

/** Whatever it answers, so many calls at a time get the status, and all of them get one. */
export async function callsOf(
  stage: Stage,
  upstream: HostileUpstream,
  count: number,
): Promise<readonly string[]> {
  const caller = await Attacker.open(stage);
  for (let index = 0; index < count; index++) caller.request(2 * index + 1, upstream.path);
  const statuses: string[] = [];
  for (let index = 0; index < count; index++) statuses.push(await caller.outcome(2 * index + 1));
  caller.leave();
  return statuses;
}
