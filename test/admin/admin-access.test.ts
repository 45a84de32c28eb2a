// How often refused requests are logged.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdminAccess } from '../../src/admin/admin-access.ts';
import type { Address } from '../../src/config/address.ts';
import type { LogFields, Logger } from '../../src/observability/logger.ts';
import { silentLogger } from '../support/silent-logger.ts';

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
