// First bytes from a grammar: ClientHellos as they are and mutated, one protocol on the port of another, PROXY headers.

import { CLIENT_PREFACE } from '../../src/h2/frame-type.ts';
import { recordClientHello } from '../listeners/client-hello-recording.ts';
import type { Random } from './random.ts';
import { type BytesItem, type FuzzListener, type Next, token } from './web-session.ts';

/** Recorded once: Node's own client with different wishes. */
const HELLOS: readonly string[] = await Promise.all(
  [
    { servername: 'localhost', ALPNProtocols: ['h2', 'http/1.1'] },
    { servername: 'localhost', ALPNProtocols: ['http/1.1'] },
    { servername: 'other.test' },
    { ALPNProtocols: ['h3', 'foo'] },
    { servername: 'localhost', maxVersion: 'TLSv1.2' as const, ALPNProtocols: ['h2'] },
    {
      servername: 'localhost',
      minVersion: 'TLSv1' as const,
      maxVersion: 'TLSv1.1' as const,
      ciphers: 'DEFAULT:@SECLEVEL=0',
    },
    { servername: `${'a'.repeat(60)}.${'b'.repeat(60)}.test`, ALPNProtocols: ['h2'] },
  ].map(async (options) => (await recordClientHello(options)).toString('latin1')),
);

export const ALPN_CHOICES: readonly (readonly string[])[] = [
  [],
  ['http/1.1'],
  ['http/1.1', 'h2'],
  ['h2', 'http/1.1'],
  ['http/1.0', 'http/1.1'],
];

const bytes = (text: string, next: Next = 'join'): BytesItem => ({ kind: 'bytes', text, next });

export interface Opening {
  readonly listener: FuzzListener;
  readonly items: readonly BytesItem[];
}

export function anyOpening(seed: number, random: Random): Opening {
  const listener = random.pick<FuzzListener>(['clear', 'tls', 'tls', 'proxied', 'proxied']);
  const whole = random.pick([hello, hello, plaintext, proxied, records, noise])(seed, random);
  const text = random.oneIn(3) ? mutated(whole, random) : whole;
  const items: BytesItem[] = [];
  let rest = text;
  while (rest !== '' && items.length < 4) {
    const end = random.oneIn(2) ? rest.length : 1 + random.below(rest.length);
    items.push(bytes(rest.slice(0, end), random.pick<Next>(['join', 'turns', 'turns', 'answer'])));
    rest = rest.slice(end);
  }
  if (random.oneIn(4)) items.push(bytes(hello(seed, random), 'turns'));
  return { listener, items };
}

function hello(_seed: number, random: Random): string {
  return random.pick(HELLOS);
}

function plaintext(seed: number, random: Random): string {
  return random.pick([
    `GET /fz/${token(seed, 0)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n`,
    CLIENT_PREFACE.toString('latin1'),
    `${CLIENT_PREFACE.toString('latin1')}\x00\x00\x00\x04\x00\x00\x00\x00\x00`,
    'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n',
    'PRI * HTTP/1.1\r\nHost: a\r\n\r\n',
    'SSH-2.0-OpenSSH_9.9\r\n',
    'EHLO a\r\n',
    '*1\r\n$4\r\nPING\r\n',
    '\x00\x00\x00\x08\x04\xd2\x16\x2f',
    'GET / HTTP/1.1\n\n',
    'GE',
    '\r\n',
  ]);
}

const V2_SIGNATURE = '\r\n\r\n\x00\r\nQUIT\n';

/** PROXY headers, version 1 and 2, in front of whatever. */
function proxied(seed: number, random: Random): string {
  const header = random.pick([
    'PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n',
    'PROXY TCP6 2001:db8::1 2001:db8::2 1000 443\r\n',
    'PROXY UNKNOWN\r\n',
    'PROXY UNKNOWN ffff:f::1 x 1 2\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 99999 443\r\n',
    'PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n',
    'PROXY TCP4 a b c d\r\n',
    'PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n',
    `PROXY ${'x'.repeat(200)}\r\n`,
    'PROXY',
    `${V2_SIGNATURE}\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x03\xe8\x01\xbb`,
    `${V2_SIGNATURE}\x20\x00\x00\x00`,
    `${V2_SIGNATURE}\x21\x11\x00\x00`,
    `${V2_SIGNATURE}\x21\x11\xff\xff`,
    `${V2_SIGNATURE}\x21\x31\x00\xd8${'/'.repeat(216)}`,
    `${V2_SIGNATURE}\x31\x11\x00\x0c${'\x00'.repeat(12)}`,
    `${V2_SIGNATURE}\x21\x11\x00\x13\xc0\x00\x02\x01\xc0\x00\x02\x02\x03\xe8\x01\xbb\x04\x00\x04abcd`,
    V2_SIGNATURE,
  ]);
  return `${header}${random.pick([hello, plaintext, plaintext, proxiedTwice])(seed, random)}`;
}

function proxiedTwice(): string {
  return 'PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\nPROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n';
}

/** TLS records of every type, size and version. */
function records(_seed: number, random: Random): string {
  let text = random.oneIn(2) ? random.pick(HELLOS) : '';
  for (let count = 1 + random.below(4); count > 0; count--) {
    const length = random.pick([0, 1, 2, 40, 16_384]);
    const type = random.pick([0x14, 0x15, 0x16, 0x17, 0x18, 0x80, random.below(256)]);
    const version = random.pick(['\x03\x01', '\x03\x03', '\x03\x04', '\x02\x00', '\x7f\x1c']);
    const size = String.fromCharCode(length >> 8, length & 0xff);
    text += String.fromCharCode(type) + version + size + random.bytes(length).toString('latin1');
  }
  return text;
}

function noise(_seed: number, random: Random): string {
  return random.bytes(1 + random.below(random.oneIn(4) ? 20_000 : 60)).toString('latin1');
}

/** Some bytes changed, left out, put in twice, or cut off. */
export function mutated(whole: string, random: Random): string {
  let text = whole;
  for (let count = 1 + random.below(4); count > 0 && text !== ''; count--) {
    const at = random.below(text.length);
    const length = 1 + random.below(random.oneIn(3) ? 50 : 2);
    const before = text.slice(0, at);
    const piece = text.slice(at, at + length);
    const behind = text.slice(at + length);
    switch (random.below(5)) {
      case 0:
        text = before + random.bytes(piece.length).toString('latin1') + behind;
        break;
      case 1:
        text = before + behind;
        break;
      case 2:
        text = before + piece + piece + behind;
        break;
      case 3:
        text =
          before + String.fromCharCode(piece.charCodeAt(0) ^ (1 << random.below(8))) + text.slice(at + 1);
        break;
      default:
        text = before + piece;
    }
  }
  return text;
}
