// With a systemd-notify of its own, which writes what it is told to a file. The real one: test/deploy.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ServiceManager } from '../../src/service-manager/service-manager.ts';
import { eventually } from '../support/eventually.ts';

class Listener {
  readonly failures: string[] = [];
  readonly environment: Record<string, string>;
  readonly #file: string;

  /** `script` runs before what was said is written down. */
  constructor(
    t: TestContext,
    settings: { readonly script?: string; readonly environment?: Record<string, string> } = {},
  ) {
    const folder = mkdtempSync(join(tmpdir(), 'framegate-notify-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    this.#file = join(folder, 'said');
    const command = join(folder, 'systemd-notify');
    const script = settings.script ?? '';
    writeFileSync(
      command,
      `#!/bin/sh\n${script}\nIFS='|'\nprintf '%s\\n' "$NOTIFY_SOCKET|$*" >>'${this.#file}'\n`,
    );
    chmodSync(command, 0o755);
    this.environment = {
      NOTIFY_SOCKET: '/run/notify',
      PATH: `${folder}:${process.env['PATH'] ?? ''}`,
      ...settings.environment,
    };
  }

  manager(t: TestContext): ServiceManager {
    const { environment } = this;
    const manager = new ServiceManager({
      environment,
      pid: 812,
      onFailure: (reason) => this.failures.push(reason),
    });
    t.after(() => manager.close());
    return manager;
  }

  /** Whole lines only: the shell makes the file before it writes to it. */
  said(): readonly string[] {
    return existsSync(this.#file) ? readFileSync(this.#file, 'utf8').split('\n').slice(0, -1) : [];
  }

  /** What was said, once there are so many messages. */
  async messages(count: number): Promise<readonly string[]> {
    await eventually(`${count} messages`, () => this.said().length >= count, 30_000);
    return this.said();
  }
}

test('systemd is told of readiness, reload and stop, in order and with a line of status', async (t) => {
  const listener = new Listener(t);
  const manager = listener.manager(t);
  manager.ready(() => 'serving: 1 connection');
  manager.reloading();
  manager.ready();
  manager.stopping(() => 'draining: 3 calls left');
  const [ready, reloading, again, stopping] = await listener.messages(4);
  assert.equal(ready, '/run/notify|READY=1|STATUS=serving: 1 connection');
  assert.match(reloading, /^\/run\/notify\|RELOADING=1\|MONOTONIC_USEC=\d+\|STATUS=reloading$/);
  assert.equal(again, ready);
  assert.equal(stopping, '/run/notify|STOPPING=1|STATUS=draining: 3 calls left');
  assert.deepEqual(listener.failures, []);
});

test('a reload that ends while the service stops does not make it ready again', async (t) => {
  const listener = new Listener(t);
  const manager = listener.manager(t);
  manager.stopping(() => 'draining');
  manager.reloading();
  manager.ready();
  manager.stopping(() => 'draining on');
  assert.deepEqual(await listener.messages(2), [
    '/run/notify|STOPPING=1|STATUS=draining',
    '/run/notify|STOPPING=1|STATUS=draining on',
  ]);
});

test('the time of a reload is that of the monotonic clock, in microseconds', async (t) => {
  const listener = new Listener(t);
  const before = process.hrtime.bigint() / 1000n;
  listener.manager(t).reloading();
  const after = process.hrtime.bigint() / 1000n;
  const [reloading] = await listener.messages(1);
  const told = BigInt(/MONOTONIC_USEC=(\d+)/.exec(reloading)?.[1] ?? '0');
  assert.ok(told >= before && told <= after, `${before} <= ${told} <= ${after}`);
});

test('the watchdog is fed again and again, with a status that has changed', async (t) => {
  const listener = new Listener(t, { environment: { WATCHDOG_USEC: '20000', WATCHDOG_PID: '812' } });
  let connections = 0;
  listener.manager(t).ready(() => `serving: ${connections++} connections`);
  const said = await listener.messages(4);
  for (const message of said.slice(1))
    assert.match(message, /\|WATCHDOG=1\|STATUS=serving: \d+ connections$/);
});

test('a status that has not changed is not told again', async (t) => {
  const listener = new Listener(t, { environment: { WATCHDOG_USEC: '20000' } });
  listener.manager(t).ready(() => 'serving');
  const said = await listener.messages(3);
  assert.deepEqual(
    said.slice(1),
    said.slice(1).map(() => '/run/notify|WATCHDOG=1'),
  );
});

test('the watchdog of another process is left alone', async (t) => {
  const listener = new Listener(t, { environment: { WATCHDOG_USEC: '1000', WATCHDOG_PID: '811' } });
  const manager = listener.manager(t);
  manager.ready(() => 'serving');
  await listener.messages(1);
  manager.stopping(() => 'stopping');
  const said = await listener.messages(2);
  assert.deepEqual(
    said.map((message) => message.includes('WATCHDOG')),
    [false, false],
  );
});

test('nothing is said where nobody asked', async (t) => {
  const listener = new Listener(t, { environment: { NOTIFY_SOCKET: '' } });
  const silent = listener.manager(t);
  silent.ready(() => 'serving');
  silent.stopping();
  // A message of one that does talk, sent later, is the first and only one.
  listener.environment['NOTIFY_SOCKET'] = '/run/other';
  listener.manager(t).ready(() => 'later');
  assert.deepEqual(await listener.messages(1), ['/run/other|READY=1|STATUS=later']);
});

test('children do not speak for the service', (t) => {
  const listener = new Listener(t, { environment: { WATCHDOG_USEC: '1000000', WATCHDOG_PID: '812' } });
  listener.manager(t);
  assert.deepEqual(Object.keys(listener.environment), ['PATH']);
});

test('without systemd-notify that is said once, and nothing else happens', async (t) => {
  const listener = new Listener(t, { environment: { PATH: '/nonexistent', WATCHDOG_USEC: '2000' } });
  const manager = listener.manager(t);
  manager.ready(() => 'serving');
  await eventually('the failure is told', () => listener.failures.length > 0);
  manager.stopping();
  assert.deepEqual(listener.failures, [
    'there is no systemd-notify (PATH); install it, or use Type=exec without WatchdogSec=',
  ]);
});

test('what systemd-notify complains of is told once, and later messages are sent all the same', async (t) => {
  const script =
    '[ "$1" = READY=1 ] && { echo "Failed to notify init system: Permission denied" >&2; exit 1; }';
  const listener = new Listener(t, { script });
  const manager = listener.manager(t);
  manager.ready(() => 'serving');
  manager.ready();
  manager.stopping(() => 'stopping');
  assert.deepEqual(await listener.messages(1), ['/run/notify|STOPPING=1|STATUS=stopping']);
  assert.deepEqual(listener.failures, ['Failed to notify init system: Permission denied']);
});
