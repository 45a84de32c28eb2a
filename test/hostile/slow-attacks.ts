// Section 1d and the slow halves of F3 and F5: clients that begin and do not go on. Each is ended by a limit of 10 s.

import assert from 'node:assert/strict';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { CLIENT_PREFACE } from '../../src/h2/frame-type.ts';
import { recordClientHello } from '../listeners/client-hello-recording.ts';
import { eventually } from '../support/eventually.ts';
import * as frames from '../support/frames.ts';
import type { Attack } from './attack.ts';
import { Attacker } from './attacker.ts';
import { type ListenerName, pause } from './stage.ts';

/** What a limit of 10 s may take on a busy machine, and the proxy to look. */
const MOST_TEN_SECONDS_MS = 16_000;
const DRIP_MS = 500;

/** Closed within the limit, and not at once. */
async function wantGoneBy(attacker: Attacker, mostMs: number): Promise<string> {
  const startedAtMs = performance.now();
  await eventually('the attacker is disconnected', () => attacker.isGone, mostMs);
  return `closed after ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s`;
}

interface SlowOpening {
  readonly name: string;
  readonly rule: string;
  readonly listener: ListenerName;
  /** At once; then nothing, or byte by byte. */
  readonly begins: Buffer;
  readonly drips?: Buffer;
}

/** A connection that never becomes one. */
function slowOpening({ name, rule, listener, begins, drips }: SlowOpening): Attack {
  return {
    id: '1d',
    name,
    rule,
    isSlow: true,
    async mount(stage) {
      const from = stage.newSource();
      const attacker = await Attacker.connectPlain(stage, { listener, from });
      attacker.send(begins);
      const dripping = setInterval(() => {
        if (drips !== undefined) attacker.send(drips);
      }, DRIP_MS);
      try {
        const outcome = await wantGoneBy(attacker, MOST_TEN_SECONDS_MS);
        await stage.wantOneLine(from, rule);
        return outcome;
      } finally {
        clearInterval(dripping);
        attacker.leave();
      }
    },
  };
}

const hello = await recordClientHello({ servername: 'localhost', ALPNProtocols: ['h2'] });

const openings: readonly Attack[] = [
  slowOpening({
    name: 'Half a TLS handshake',
    rule: 'tls_handshake_timeout',
    listener: 'tls',
    begins: hello.subarray(0, 100),
  }),
  slowOpening({
    name: 'TLS handshake, byte by byte',
    rule: 'tls_handshake_timeout',
    listener: 'tls',
    begins: hello.subarray(0, 20),
    drips: Buffer.from([0]),
  }),
  slowOpening({
    name: 'Half a PROXY header',
    rule: 'proxy_protocol_timeout',
    listener: 'proxied',
    begins: Buffer.from('PROXY TCP4 192.0.2.1'),
  }),
  slowOpening({
    name: 'HTTP/1.1 header fields, byte by byte (slow loris)',
    rule: 'http1_headers_timeout',
    listener: 'clear',
    begins: Buffer.from('GET / HTTP/1.1\r\nhost: a\r\nx: '),
    drips: Buffer.from('x'),
  }),
];

/** Balancers look whether a port is open, and phones vanish: these are closed and, below debug, not spoken of. */
function silence(name: string, listener: 'clear' | 'tls', begins: Buffer): Attack {
  return {
    id: '1d',
    name,
    rule: 'first_bytes_timeout',
    isSlow: true,
    async mount(stage) {
      const from = stage.newSource();
      const attackers = await Promise.all(
        Array.from({ length: 100 }, () => Attacker.connectPlain(stage, { listener, from })),
      );
      for (const attacker of attackers) attacker.send(begins);
      await Promise.all(attackers.map((attacker) => wantGoneBy(attacker, MOST_TEN_SECONDS_MS)));
      return '100 connections closed after 10 s';
    },
  };
}

interface SlowConnection {
  readonly id: string;
  readonly name: string;
  readonly token: string;
  readonly code: number;
  readonly bytes: Buffer;
}

/** Ends by GOAWAY, whether or not the attacker reads. Bare: not even an acknowledgement of SETTINGS is sent. */
function slowConnection({ id, name, token, code, bytes }: SlowConnection): Attack {
  return {
    id,
    name,
    rule: token,
    isSlow: true,
    async mount(stage) {
      const reader = await Attacker.connect(stage, { acknowledges: false });
      const other = await Attacker.connect(stage, { reads: false });
      reader.send(bytes);
      other.send(bytes);
      await Promise.all([
        eventually('GOAWAY', () => reader.peer?.frames.some(({ type }) => type === 7), MOST_TEN_SECONDS_MS),
        wantGoneByWriting(other, bytes, MOST_TEN_SECONDS_MS),
      ]);
      await reader.wantGoAway(code, token);
      await reader.wantGone();
      return 'GOAWAY after 10 s, closed';
    },
  };
}

/** Who does not read learns of the end by a write, which must not help the attack on: a PING once the time is over. */
async function wantGoneByWriting(attacker: Attacker, bytes: Buffer, mostMs: number): Promise<void> {
  assert.ok(bytes.length > 0);
  await pause(10_000 + 3000);
  await attacker.wantGone(mostMs - 13_000);
}

const SETTINGS = frames.settings();

const connections: readonly Attack[] = [
  slowConnection({
    id: 'F3',
    name: 'A header block that is never finished',
    token: 'header_block_timeout',
    code: ErrorCode.ENHANCE_YOUR_CALM,
    bytes: Buffer.concat([
      CLIENT_PREFACE,
      SETTINGS,
      frames.settingsAcknowledgement(),
      frames.headers(1, frames.block([':method', 'POST']), { endHeaders: false }),
    ]),
  }),
  slowConnection({
    id: 'F5',
    name: 'SETTINGS that are never acknowledged',
    token: 'settings_timeout',
    code: ErrorCode.SETTINGS_TIMEOUT,
    bytes: Buffer.concat([CLIENT_PREFACE, SETTINGS]),
  }),
  slowConnection({
    id: '1d',
    name: 'A preface without SETTINGS',
    token: 'preface_timeout',
    code: ErrorCode.SETTINGS_TIMEOUT,
    bytes: CLIENT_PREFACE,
  }),
];

export const slowAttacks: readonly Attack[] = [
  silence('Silence on a plaintext port', 'clear', Buffer.alloc(0)),
  silence('Silence on a TLS port', 'tls', Buffer.alloc(0)),
  silence('Three bytes of a preface', 'clear', CLIENT_PREFACE.subarray(0, 3)),
  ...openings,
  ...connections,
];
