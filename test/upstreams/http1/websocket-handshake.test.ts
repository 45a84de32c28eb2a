import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyNoWebSocket } from '../../../src/upstreams/http1/websocket-handshake.ts';

/** RFC 6455 section 1.3. */
const KEY = ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='];
const ACCEPT = ['Sec-WebSocket-Accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='];
const UPGRADE = ['Connection', 'Upgrade', 'Upgrade', 'websocket'];
const OFFERS = [
  'sec-websocket-protocol',
  'chat, superchat',
  'sec-websocket-extensions',
  'permessage-deflate; client_max_window_bits, foo',
];

const CASES: readonly (readonly [
  name: string,
  asked: string[],
  answered: string[],
  why: RegExp | undefined,
])[] = [
  ['as it was asked for', KEY, [...UPGRADE, ...ACCEPT], undefined],
  [
    'whatever the case of its names',
    KEY,
    ['UPGRADE', 'WebSocket', 'SEC-WEBSOCKET-ACCEPT', ACCEPT[1]],
    undefined,
  ],
  [
    'with a protocol that was offered',
    [...KEY, ...OFFERS],
    [...UPGRADE, ...ACCEPT, 'Sec-WebSocket-Protocol', 'superchat'],
    undefined,
  ],
  [
    'with an extension that was offered, and parameters of its own',
    [...KEY, ...OFFERS],
    [...UPGRADE, ...ACCEPT, 'Sec-WebSocket-Extensions', 'permessage-deflate; server_no_context_takeover'],
    undefined,
  ],
  ['without Upgrade', KEY, ACCEPT, /another protocol/],
  ['to another protocol', KEY, ['Upgrade', 'h2c', ...ACCEPT], /another protocol/],
  ['to two protocols', KEY, ['Upgrade', 'websocket, h2c', ...ACCEPT], /another protocol/],
  ['without Sec-WebSocket-Accept', KEY, UPGRADE, /Sec-WebSocket-Accept/],
  [
    'with a wrong Sec-WebSocket-Accept',
    KEY,
    [...UPGRADE, 'Sec-WebSocket-Accept', 'x'],
    /Sec-WebSocket-Accept/,
  ],
  ['with two of them', KEY, [...UPGRADE, ...ACCEPT, ...ACCEPT], /Sec-WebSocket-Accept/],
  ['to a request without a key', [], [...UPGRADE, ...ACCEPT], /Sec-WebSocket-Accept/],
  [
    'with a protocol, where none was offered',
    KEY,
    [...UPGRADE, ...ACCEPT, 'Sec-WebSocket-Protocol', 'chat'],
    /Sec-WebSocket-Protocol/,
  ],
  [
    'with a protocol that differs in case',
    [...KEY, ...OFFERS],
    [...UPGRADE, ...ACCEPT, 'Sec-WebSocket-Protocol', 'Chat'],
    /Sec-WebSocket-Protocol/,
  ],
  [
    'with both protocols',
    [...KEY, ...OFFERS],
    [...UPGRADE, ...ACCEPT, 'Sec-WebSocket-Protocol', 'chat, superchat'],
    /Sec-WebSocket-Protocol/,
  ],
  [
    'with an extension, where none was offered',
    KEY,
    [...UPGRADE, ...ACCEPT, 'Sec-WebSocket-Extensions', 'foo'],
    /Sec-WebSocket-Extensions/,
  ],
  [
    'with another extension beside one that was offered',
    [...KEY, ...OFFERS],
    [...UPGRADE, ...ACCEPT, 'Sec-WebSocket-Extensions', 'foo, bar'],
    /Sec-WebSocket-Extensions/,
  ],
];

for (const [name, asked, answered, why] of CASES) {
  test(`a WebSocket ${name} is ${why === undefined ? 'accepted' : 'refused'}`, () => {
    const found = whyNoWebSocket(asked, answered);
    if (why === undefined) assert.equal(found, undefined);
    else assert.match(found ?? '', why);
  });
}
