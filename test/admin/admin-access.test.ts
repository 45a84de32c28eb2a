// How often refused requests are logged, and who may see what is in calls.

import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { AdminAccess } from '../../src/admin/admin-access.ts';
import type { Address } from '../../src/config/address.ts';
import type { LogFields, Logger } from '../../src/observability/logger.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { standIn } from '../support/stand-in.ts';

const address: Address = { kind: 'tcp', host: '0.0.0.0', port: 1, text: '0.0.0.0:1' };

test('refused requests make one line a minute, with the number of those since the line before', () => {
  const lines: LogFields[] = [];
  const warn = (fields: LogFields, message: string): unknown => lines.push({ ...fields, message });
  const logger: Logger = { ...silentLogger, warn };
  let nowMs = 5;
  const access = new AdminAccess({ address, token: 'a-token-that-is-long-enough', logger, now: () => nowMs });
  for (let n = 0; n < 100; n++) access.refused(n % 4 === 0 ? 'wrong' : 'missing', `10.0.0.1:${n}`);
  nowMs += 59_999;
  access.refused('wrong', '10.0.0.1:100');
  assert.equal(lines.length, 1);
  nowMs += 1;
  access.refused('missing', '10.0.0.2:1');
  assert.deepEqual(
    lines.map(({ client, missing, wrong }) => [client, missing, wrong]),
    [
      ['10.0.0.1:0', 0, 1],
      ['10.0.0.2:1', 76, 25],
    ],
  );
});

const TOKEN = 'a-token-that-is-long-enough';
const UNIX: Address = { kind: 'unix', path: '/run/a', text: 'unix:/run/a' };

function requestOf(remoteAddress: string | undefined, authorization?: string): IncomingMessage {
  return standIn<IncomingMessage>({ headers: { authorization }, socket: standIn<Socket>({ remoteAddress }) });
}

const MAY_LOOK: readonly (readonly [
  where: Address,
  token: string | undefined,
  client: string | undefined,
  authorization: string | undefined,
  mayLook: boolean,
])[] = [
  [address, undefined, '127.0.0.1', undefined, true],
  [address, undefined, '127.8.9.1', undefined, true],
  [address, undefined, '::1', undefined, true],
  [address, undefined, '::ffff:127.0.0.1', undefined, true],
  [address, undefined, '192.0.2.7', undefined, false],
  [address, undefined, '::ffff:192.0.2.7', undefined, false],
  [address, undefined, '2001:db8::1', undefined, false],
  // The connection is gone.
  [address, undefined, undefined, undefined, false],
  // There is no token that it could be.
  [address, undefined, '192.0.2.7', `Bearer ${TOKEN}`, false],
  [UNIX, undefined, undefined, undefined, true],
  [address, TOKEN, '192.0.2.7', `Bearer ${TOKEN}`, true],
  [address, TOKEN, '192.0.2.7', 'Bearer another', false],
  [address, TOKEN, '127.0.0.1', undefined, false],
  [UNIX, TOKEN, undefined, undefined, false],
  [UNIX, TOKEN, undefined, `Bearer ${TOKEN}`, true],
];

for (const [where, token, client, authorization, mayLook] of MAY_LOOK)
  test(`an asker ${client} of ${where.text} with ${authorization}, where the token is ${token}: ${mayLook ? 'sees' : 'does not see'} what is in calls`, () => {
    const access = new AdminAccess({ address: where, token });
    assert.equal(access.mayLookInside(requestOf(client, authorization)), mayLook);
  });
