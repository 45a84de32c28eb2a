// Section 1d, TLS: protocols and cipher suites of the past, renegotiation, clients that name no protocol or a wrong one.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { eventually } from '../support/eventually.ts';
import type { Attack } from './attack.ts';
import type { Stage } from './stage.ts';

/** A handshake that has to fail. @returns OpenSSL's name for why */
async function refusedHandshake(stage: Stage, options: ConnectionOptions): Promise<string> {
  const socket = connectTls(stage, options);
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.once('secureConnect', () => resolve('connected'));
  socket.once('error', (error) => resolve(codeOf(error)));
  socket.once('close', () => resolve('closed'));
  const event = await promise;
  socket.destroy();
  assert.notEqual(event, 'connected', JSON.stringify(options));
  return event;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function connectTls(stage: Stage, options: ConnectionOptions): TLSSocket {
  const socket = connect({
    host: '127.0.0.1',
    port: stage.port('tls'),
    ca: stage.caPem,
    servername: 'localhost',
    ALPNProtocols: ['h2'],
    ...options,
  });
  // Told by once('error') as well; without a listener of its own a second one would end the process.
  socket.on('error', () => undefined);
  return socket;
}

/** CBC, SHA-1, RSA key exchange, NULL and anonymous suites; OpenSSL's level 0 lets the client ask for them. */
const OLD_SUITES = [
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-ECDSA-AES128-CCM8',
  'ECDHE-ECDSA-CAMELLIA128-SHA256',
  'ECDHE-ECDSA-NULL-SHA',
  'AECDH-AES128-SHA',
  'AES128-GCM-SHA256',
  'AES128-SHA',
];

const suites: Attack = {
  id: '1d',
  name: `TLS 1.2 with suites HTTP/2 forbids (RFC 9113 section 9.2.2): ${OLD_SUITES.length} of them`,
  rule: 'ECDHE with AES-GCM or ChaCha20 only',
  isShort: true,
  async mount(stage) {
    const maxVersion = 'TLSv1.2';
    const codes = new Set<string>();
    for (const suite of OLD_SUITES) {
      const code = await refusedHandshake(stage, { maxVersion, ciphers: `${suite}:@SECLEVEL=0` });
      codes.add(code);
    }
    return `handshakes refused (${[...codes].join(', ')})`;
  },
};

const versions: Attack = {
  id: '1d',
  name: 'TLS 1.0 and TLS 1.1',
  rule: 'tls.minVersion',
  isShort: true,
  async mount(stage) {
    const codes = [];
    for (const version of ['TLSv1', 'TLSv1.1'] as const) {
      const options = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' };
      codes.push(await refusedHandshake(stage, options));
    }
    return `handshakes refused (${codes.join(', ')})`;
  },
};

const protocols: Attack = {
  id: '1d',
  name: 'ALPN that names neither HTTP/2 nor HTTP/1.1',
  rule: 'tls_no_shared_alpn',
  isShort: true,
  async mount(stage) {
    const code = await refusedHandshake(stage, { ALPNProtocols: ['h3', 'spdy/3.1'] });
    return `handshake refused (${code})`;
  },
};

const RENEGOTIATIONS = 20;

const renegotiation: Attack = {
  id: '1d',
  name: `TLS renegotiation: ${RENEGOTIATIONS} clients ask for it`,
  rule: 'SSL_OP_NO_RENEGOTIATION',
  isShort: true,
  async mount(stage) {
    for (let round = 0; round < RENEGOTIATIONS; round++) {
      const socket = connectTls(stage, { maxVersion: 'TLSv1.2' });
      await once(socket, 'secureConnect');
      let isAgreed = false;
      socket.renegotiate({ rejectUnauthorized: false }, (error) => {
        isAgreed = error === null;
      });
      // The refusal comes as an error of the client's.
      let isRefused = false;
      for (const event of ['error', 'close'])
        socket.once(event, () => {
          isRefused = true;
        });
      await eventually('the proxy refuses or agrees', () => isRefused || isAgreed);
      assert.equal(isAgreed, false, 'the proxy has renegotiated');
      socket.destroy();
    }
    return 'never agreed to';
  },
};

/** A handshake costs the server more than the client: as many as come at a time, and no more state than that. */
const handshakes: Attack = {
  id: '1d',
  name: '500 handshakes that are broken off, 50 at a time',
  rule: 'no state but the connection',
  async mount(stage) {
    for (let round = 0; round < 10; round++) {
      const sockets = Array.from({ length: 50 }, () => connectTls(stage, {}));
      await eventually('one of them has got an answer', () =>
        sockets.some(({ bytesRead }) => (bytesRead ?? 0) > 0),
      );
      for (const socket of sockets) socket.destroy();
    }
    return 'nothing is left of them';
  },
};

export const tlsAttacks: readonly Attack[] = [suites, versions, protocols, renegotiation, handshakes];
