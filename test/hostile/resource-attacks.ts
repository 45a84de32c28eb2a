// Attacks that break no rule: they take the proxy's time or its memory by traffic that is legal, and as much of it as the
// attacker has room for.

import assert from 'node:assert/strict';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { SettingId } from '../../src/h2/settings.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { Attacker, connectUpstream, grpcBlock, repeated } from './attacker.ts';
import { ATTACKERS, NO_ROUTE, NUMBER, PRESSURE_MS, press } from './pressure.ts';
import { pause } from './stage.ts';

function pressure(name: string, block: () => Buffer): Attack {
  return {
    id: 'F20',
    name: `Fairness: ${ATTACKERS} connections with ${name}`,
    rule: '1 ms for a connection in each turn of the event loop',
    isSaturating: true,
    async mount(stage) {
      const bytes = await press(stage, block(), true);
      return `${(bytes / 1_048_576).toFixed(0)} MiB of requests served in ${PRESSURE_MS / 1000} s`;
    },
  };
}

const fairness: readonly Attack[] = [
  pressure('as many calls without a route as it can send', () => NO_ROUTE),
  pressure('header blocks of 8 KiB, no two alike', () =>
    Buffer.concat([
      NO_ROUTE,
      frames.block(...Array.from({ length: 80 }, (_, index) => [`name-${index}`, 'v'.repeat(90)] as const)),
    ]),
  ),
];

/** The answers quote the path, no two are alike, and nobody reads them: the proxy stops reading before it has too many. */
const amplifier: Attack = {
  id: 'F12',
  name: `Local answers as amplifier: ${ATTACKERS} connections that send calls without a route and read nothing`,
  rule: 'reading stops at 1 MiB of unread answers',
  isSaturating: true,
  async mount(stage) {
    const path = `/${NUMBER}/${'p'.repeat(240)}`;
    const bytes = await press(stage, grpcBlock(path), false);
    assert.ok(bytes < ATTACKERS * 32 * 1_048_576, `${bytes} bytes were read`);
    return `reading stopped after ${(bytes / 1_048_576).toFixed(0)} MiB`;
  },
};

const SLOW_READERS = 100;
const RESPONSE_BYTES = 10_485_760;

/** Row 4 of the failure matrix: a client that stops reading costs its own window and nobody else. */
const stalledReaders: Attack = {
  id: 'F12',
  name: `Unread responses: ${SLOW_READERS} clients with open windows that read nothing of 10 MiB each (CVE-2019-9517)`,
  rule: '256 KiB of output for a connection, one window for a stream',
  async mount(stage) {
    const upstream = stage.newUpstream();
    upstream.onRequest = (request) => {
      request.sendHeaders();
      request.peer.pump(request.streamId, RESPONSE_BYTES);
    };
    const attackers = await Promise.all(
      Array.from({ length: SLOW_READERS }, () =>
        Attacker.open(stage, { reads: false, settings: [[SettingId.INITIAL_WINDOW_SIZE, 0x7fff_ffff]] }),
      ),
    );
    for (const attacker of attackers) {
      attacker.send(frames.windowUpdate(0, 0x7fff_0000));
      attacker.request(1, upstream.path);
    }
    await eventually('every call is at the upstream', () => upstream.requests.length === SLOW_READERS);
    await pause(2000);
    for (const attacker of attackers) attacker.leave();
    await eventually('the upstream is told', () => upstream.resets === SLOW_READERS);
    return 'responses stopped; cancelled upstream when the attackers left';
  },
};

const STUCK_CLIENTS = 40;
const STUCK_CALLS = 100;

/** Header blocks are not subject to flow control: what an upstream does not read has to be bounded otherwise. */
const stuckUpstream: Attack = {
  id: 'F12',
  name: `An upstream that stops reading: ${STUCK_CLIENTS * STUCK_CALLS} calls with 14 KiB of header fields each`,
  rule: '1 MiB of output for a connection, then connections.maxPending',
  // More than 50 MiB of header fields at once.
  isSaturating: true,
  async mount(stage) {
    const upstream = stage.newUpstream();
    await connectUpstream(stage, upstream);
    upstream.onConnection = (peer) => peer.socket.pause();
    for (const { socket } of upstream.peers) socket.pause();
    const clients = await Promise.all(Array.from({ length: STUCK_CLIENTS }, () => Attacker.open(stage)));
    for (const [client, attacker] of clients.entries()) {
      attacker.send(
        repeated(STUCK_CALLS, (index) =>
          frames.headers(
            2 * index + 1,
            grpcBlock(upstream.path, ['bulk', `${client}-${index} `.padEnd(14_000, 'v')]),
            { endStream: true },
          ),
        ),
      );
    }
    const refused = (): number =>
      clients
        .flatMap(({ peer }) => peer?.frames ?? [])
        .filter(({ fields }) => new Map(fields).get('grpc-status') === '14').length;
    await eventually('calls are refused', () => refused() > 0);
    await pause(1500);
    const count = refused();
    for (const attacker of clients) attacker.leave();
    for (const { socket } of upstream.peers) socket.destroy();
    return `${count} calls answered UNAVAILABLE, the others waited`;
  },
};

/** Calls that run out unread are reset within half a minute, or with their connection. */
const MOST_WAITING_MS = 60_000;
const IDLE_CONNECTIONS = 800;

const idle: Attack = {
  id: '1d',
  name: `${IDLE_CONNECTIONS} idle connections`,
  rule: 'no buffer for what is idle',
  async mount(stage) {
    const before = await stage.heldMiB();
    const attackers: Attacker[] = [];
    while (attackers.length < IDLE_CONNECTIONS) {
      const from = stage.newSource();
      attackers.push(
        ...(await Promise.all(Array.from({ length: 100 }, () => Attacker.open(stage, { from })))),
      );
    }
    await attackers[IDLE_CONNECTIONS - 1].wantAlive();
    const kibibytes = (((await stage.heldMiB()) - before) * 1024) / IDLE_CONNECTIONS;
    for (const attacker of attackers) attacker.leave();
    assert.ok(kibibytes < 32, `${kibibytes.toFixed(1)} KiB for a connection`);
    return `${kibibytes.toFixed(1)} KiB of heap for a connection`;
  },
};

/** As Rapid Reset, but slower than is counted: what bounds it is the number of streams. */
const patientResets: Attack = {
  id: 'F1',
  name: 'Resets after 40 ms, which are not premature: 128 calls at a time, 20 times',
  rule: 'limits.concurrentStreams',
  async mount(stage) {
    const upstream = stage.newUpstream();
    await connectUpstream(stage, upstream);
    const attacker = await Attacker.open(stage);
    for (let round = 0; round < 20; round++) {
      const ids = Array.from({ length: 128 }, (_, index) => 2 * (128 * round + index) + 1);
      attacker.send(...ids.map((id) => frames.headers(id, grpcBlock(upstream.path), { endStream: true })));
      await eventually('all are upstream', () => upstream.requests.length > 128 * (round + 1));
      await pause(40);
      attacker.send(...ids.map((id) => frames.resetStream(id, ErrorCode.CANCEL)));
    }
    await attacker.wantAlive();
    // The upstream's slot is given back when the proxy has cancelled there: none is left behind.
    await eventually('every call is over upstream', () => upstream.areAllOver, MOST_WAITING_MS);
    attacker.leave();
    return `served as what they are: ${upstream.requests.length} calls begun and cancelled`;
  },
};

/** As many as are borne at once of calls whose own deadline is over: no more than who waits 20 ms each time may reset in a second. */
const deadlineResets: Attack = {
  id: 'F1',
  name: 'Resets at a deadline that is over: 6,000 times HEADERS with grpc-timeout: 1n and RST_STREAM',
  rule: 'limits.floods.resets',
  async mount(stage) {
    const upstream = stage.newUpstream();
    await connectUpstream(stage, upstream);
    const attacker = await Attacker.open(stage);
    const fields = grpcBlock(upstream.path, ['grpc-timeout', '1n']);
    for (let index = 0; index < 6000; index++) {
      const id = 2 * index + 1;
      attacker.send(
        frames.headers(id, fields, { endStream: true }),
        frames.resetStream(id, ErrorCode.CANCEL),
      );
    }
    await attacker.wantAlive();
    await eventually('every call is over upstream', () => upstream.areAllOver, MOST_WAITING_MS);
    attacker.leave();
    return `served as what they are: ${upstream.requests.length} calls begun and cancelled`;
  },
};

export const resourceAttacks: readonly Attack[] = [
  patientResets,
  deadlineResets,
  ...fairness,
  amplifier,
  stalledReaders,
  stuckUpstream,
  idle,
];
