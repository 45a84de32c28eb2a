// First bytes that lie: other protocols, requests that two readers would take for different ones, PROXY headers of those
// who may send none. Each is refused under its name, and nothing of it reaches a service.

import assert from 'node:assert/strict';
import { recordClientHello } from '../listeners/client-hello-recording.ts';
import { eventually } from '../support/eventually.ts';
import type { Attack } from './attack.ts';
import { Attacker } from './attacker.ts';
import type { ListenerName, Stage } from './stage.ts';

const MOST_CLOSING_MS = 15_000;
/** Of each kind, all at the same time. */
const TIMES = 20;

interface Lie {
  readonly token: string;
  readonly bytes: Buffer;
  /** Where the listener for peers behind a PROXY header trusts nobody. */
  readonly from?: '127.0.0.1';
}

function text(...lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1');
}

const hello = await recordClientHello({ servername: 'localhost', ALPNProtocols: ['h2'] });

const onClearPort: readonly Lie[] = [
  { token: 'unknown_protocol', bytes: Buffer.alloc(4096, 0x07) },
  { token: 'unknown_protocol', bytes: text('PRI * HTTP/2.0', '', 'XX', '') },
  { token: 'tls_on_plaintext_port', bytes: hello },
  { token: 'http1_connect', bytes: text('CONNECT 10.0.0.1:22 HTTP/1.1', 'Host: 10.0.0.1:22', '') },
  { token: 'http1_malformed', bytes: text('GET / HTTP/1.1', 'Host: a', 'Name with spaces: 1', '') },
  { token: 'http1_malformed', bytes: text('POST / HTTP/1.1', 'Host: a', 'Content-Length: 1, 2', '', 'x') },
  {
    token: 'http1_malformed',
    bytes: text('POST / HTTP/1.1', 'Host: a', 'Content-Length: 3', 'Transfer-Encoding: chunked', '', '0', ''),
  },
  { token: 'http1_request_invalid', bytes: text('GET / HTTP/1.1', 'Host: a', 'Host: b', '') },
  { token: 'http1_request_invalid', bytes: text('GET ftp://a/ HTTP/1.1', 'Host: a', '') },
  { token: 'http1_header_too_large', bytes: text('GET / HTTP/1.1', `X: ${'x'.repeat(20_000)}`, '') },
  { token: 'proxy_protocol_not_enabled', bytes: text('PROXY TCP4 192.0.2.1 192.0.2.2 1 2') },
];

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

const behindProxy: readonly Lie[] = [
  { token: 'proxy_protocol_missing', bytes: text('GET / HTTP/1.1', 'Host: a', '') },
  { token: 'proxy_protocol_malformed', bytes: text('PROXY TCP4 192.0.2.1 192.0.2.2 1 99999') },
  { token: 'proxy_protocol_malformed', bytes: text(`PROXY ${'x'.repeat(200)}`) },
  // 65,535 bytes of what may follow (CVE-2026-47692 and its kin).
  {
    token: 'proxy_protocol_malformed',
    bytes: Buffer.concat([SIGNATURE, Buffer.from([0x21, 0x11, 0xff, 0xff]), Buffer.alloc(65_535)]),
  },
  { token: 'proxy_protocol_untrusted', bytes: text('PROXY TCP4 1.2.3.4 1.2.3.5 1 2'), from: '127.0.0.1' },
];

async function mountLies(stage: Stage, listener: ListenerName, lies: readonly Lie[]): Promise<string> {
  for (const { token, bytes, from = stage.newSource() } of lies) {
    const attackers = await Promise.all(
      Array.from({ length: TIMES }, () => Attacker.connectPlain(stage, { listener, from })),
    );
    for (const attacker of attackers) attacker.send(bytes);
    await eventually(`refused: ${token}`, () => attackers.every(({ isGone }) => isGone), MOST_CLOSING_MS);
    await eventually(`the log names ${token}`, () => stage.linesOf(from, token).length > 0);
    assert.equal(stage.linesOf(from, token).length, 1, `${token} in the log`);
  }
  return `${lies.length} kinds refused, closed`;
}

function lying(name: string, listener: ListenerName, lies: readonly Lie[]): Attack {
  return {
    id: '1c',
    name,
    rule: [...new Set(lies.map(({ token }) => token))].join(', '),
    mount: (stage) => mountLies(stage, listener, lies),
  };
}

export const openingAttacks: readonly Attack[] = [
  lying('First bytes of other protocols, requests that may be read in two ways', 'clear', onClearPort),
  lying('PROXY headers: missing, malformed, endless, or of a stranger', 'proxied', behindProxy),
];
