// What a user of a real server may do: the doctor sees what is missing, and what it says is enough.

import assert from 'node:assert/strict';
import type { Config } from '../../../src/config/config.ts';
import { storeChecks } from '../../../src/doctor/store-checks.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { standIn } from '../../support/stand-in.ts';
import { storeAt } from '../store-scene.ts';
import { inScene } from './one-limit.ts';
import { redisCli, startRedis, stopRedis } from './redis-programs.ts';

export async function rights(): Promise<void> {
  const port = await freePort();
  const redis = await startRedis(port);
  await eventually('the server answers', () => redisCli('-p', `${port}`, 'ping') !== undefined);
  process.env['STORE_PASSWORD_OF_TEST'] = 'a password';
  const password = { kind: 'environment', variable: 'STORE_PASSWORD_OF_TEST' } as const;
  const store = storeAt(port, { user: 'gate', password });
  const allow = (words: readonly string[]): void => {
    const user = ['reset', 'on', '>a password', ...words];
    assert.equal(redisCli('-p', `${port}`, 'acl', 'setuser', 'gate', ...user)?.trim(), 'OK');
  };
  const examine = async (): Promise<{ readonly hasFailed: boolean; readonly remedies: string }> => {
    const [check] = storeChecks(standIn<Config>({ stores: [store] }));
    const findings = await check.run(new AbortController().signal, new Map());
    return {
      hasFailed: findings.some(({ verdict }) => verdict === 'failed'),
      remedies: JSON.stringify(findings),
    };
  };
  // Scripts may run, and not what they call.
  allow(['+ping', '+select', '+eval', '+evalsha', '~framegate:*']);
  const before = await examine();
  assert.ok(before.hasFailed);
  const needed = /allow what they need: ([^"]+)/.exec(before.remedies)?.[1] ?? '';
  allow(needed.split(' '));
  const after = await examine();
  assert.ok(!after.hasFailed, after.remedies);
  await inScene(async (scene) => {
    await scene.use(store);
    await scene.comesUp();
    assert.notEqual((await scene.ask()).leases, undefined);
  });
  await eventually('nothing of the doctor is left', () => {
    return redisCli('-p', `${port}`, 'keys', 'framegate:{doctor*')?.trim() === '';
  });
  // Each of them is needed.
  for (const word of needed.split(' ').filter((one) => one !== '+select')) {
    allow(needed.split(' ').filter((one) => one !== word));
    assert.ok((await examine()).hasFailed, word);
  }
  await stopRedis(redis);
}
