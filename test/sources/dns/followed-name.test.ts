// A name that is followed keeps being looked up, whatever goes wrong with what is made of an answer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DnsClient } from '../../../src/names/dns-client.ts';
import type { Logger } from '../../../src/observability/logger.ts';
import { FollowedName } from '../../../src/sources/dns/followed-name.ts';
import { startDnsServer } from '../../support/dns-server.ts';
import { eventually } from '../../support/eventually.ts';
import { silentLogger } from '../../support/silent-logger.ts';

function fails(): never {
  throw new Error('a fault in what is told');
}

test('endpoints that DNS names in place of others are told of, also where the number stays and the first answer came just before', async (t) => {
  const server = await startDnsServer(t);
  server.set('voice.test', { a: ['192.0.2.1', '192.0.2.2'] });
  const client = new DnsClient();
  client.useServers([server.address]);
  const lines: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    info: ({ added, removed }) => lines.push(JSON.stringify([added, removed])),
  };
  const config = { name: 'voice.test.', port: 50051, type: 'A', minTtlMs: 10, maxTtlMs: 20 } as const;
  const name = new FollowedName('voice', config, client, logger, () => undefined);
  t.after(() => name.close());
  await name.first;
  server.set('voice.test', { a: ['192.0.2.2', '192.0.2.3'] });
  await eventually('the change is told of', () => lines.length > 1);
  assert.deepEqual(lines, [
    '[["192.0.2.1:50051","192.0.2.2:50051"],[]]',
    '[["192.0.2.3:50051"],["192.0.2.1:50051"]]',
  ]);
});

test('an error in the use of an answer is logged, ends nothing, and the name is looked up again', async (t) => {
  const server = await startDnsServer(t);
  server.set('voice.test', { a: ['192.0.2.1'] });
  const client = new DnsClient();
  client.useServers([server.address]);
  const errors: string[] = [];
  const logger: Logger = { ...silentLogger, error: (_fields, message) => errors.push(message) };
  const config = { name: 'voice.test.', port: 50051, type: 'A', minTtlMs: 1000, maxTtlMs: 60_000 } as const;
  const name = new FollowedName('voice', config, client, logger, fails);
  t.after(() => name.close());
  await name.first;
  assert.match(errors.join('\n'), /^internal error: a lookup of endpoints failed/);
  assert.ok(name.report.nextInMs > 0, 'the next question has its time');
});
