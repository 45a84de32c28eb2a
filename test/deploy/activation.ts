// systemd's own programs without a systemd that runs: systemd-socket-activate hands a socket over, systemd-notify tells of
// it, to a socket of this case's own.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDemoService } from '../../src/demo/demo-service.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { connectVoiceClient } from '../support/voice-client.ts';
import type { DeployCase } from './cases.ts';
import { Background } from './commands.ts';

const mainFile = join(import.meta.dirname, '../../src/main.ts');
const needs = {
  'systemd-socket-activate': 'systemd',
  'systemd-notify': 'systemd',
  python3: 'python3-minimal',
};

export const activationCases: readonly DeployCase[] = [
  {
    name: 'systemd-socket-activate hands its socket over, and systemd-notify says ready, alive and stopping',
    needs,
    needsRoot: false,
    async run({ folder, after }) {
      const demo = await startDemoService({ address: '127.0.0.1:0' });
      after(() => demo.forceClose());
      const config = join(folder, 'config.yaml');
      writeFileSync(
        config,
        JSON.stringify({
          listeners: [{ name: 'public', address: 'systemd:https' }],
          routes: [{ match: { path: '/*' }, upstream: 'voice' }],
          upstreams: { voice: { endpoints: [demo.address] } },
          admin: 'off',
        }),
      );
      const notifySocket = join(folder, 'notify');
      const receiver = new Background([
        'python3',
        join(import.meta.dirname, 'notify-socket.py'),
        notifySocket,
      ]);
      after(() => receiver.kill());
      await receiver.says(/listening/);
      const address = `127.0.0.1:${await freePort()}`;
      const variables = [
        `NOTIFY_SOCKET=${notifySocket}`,
        'WATCHDOG_USEC=400000',
        `PATH=${process.env['PATH'] ?? ''}`,
      ];
      const activated = new Background([
        'systemd-socket-activate',
        `--listen=${address}`,
        `--listen=127.0.0.1:${await freePort()}`,
        '--fdname=https:forgotten',
        ...variables.map((variable) => `--setenv=${variable}`),
        process.execPath,
        mainFile,
        'serve',
        '-c',
        config,
      ]);
      after(() => activated.kill());
      await activated.says(/Listening on/);

      // The connection that starts the process is the first it serves.
      const client = connectVoiceClient({ address });
      after(() => client.close());
      const { code, details } = await client.say({ text: 'hello' }, { deadlineMs: 60_000 });
      assert.equal(code, 0, details);
      await activated.says(new RegExp(`"listener is open"`));
      await activated.says(/"socket":"forgotten","msg":"systemd has passed a socket that no listener takes/);
      assert.ok(activated.output.includes(`"address":"${address}"`), activated.output);
      await receiver.says(/\["READY=1", "STATUS=serving: \d+ connections?, \d+ calls?"\]/);
      await eventually(
        'the watchdog is fed twice',
        () => receiver.output.split('"WATCHDOG=1"').length > 2,
        60_000,
      );
      client.close();
      activated.signal('SIGTERM');
      assert.equal(await activated.exit(), 0, activated.output);
      await receiver.says(/\["STOPPING=1", "STATUS=draining: /);
      // Nothing came but what systemd knows, and nobody complained.
      assert.ok(!activated.output.includes('systemd is not told'), activated.output);
    },
  },
];
