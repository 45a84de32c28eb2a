// The units themselves, as systemd-analyze judges them.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DeployCase } from './cases.ts';
import { run } from './commands.ts';

export const unitFolder = join(import.meta.dirname, '../../deploy/systemd');
export const unitNames = ['framegate.service', 'framegate.socket', 'voice-assistant.service'];

const mostExposure = 1.8;
const needs = { 'systemd-analyze': 'systemd' };

export const unitCases: readonly DeployCase[] = [
  {
    name: 'systemd-analyze verify finds nothing wrong with the units',
    needs,
    needsRoot: false,
    async run({ folder }) {
      for (const name of unitNames) {
        // The programs are where the units are used, not here; that they can be run is checked all the same.
        const text = readFileSync(join(unitFolder, name), 'utf8');
        const local = text.replaceAll(/^ExecStart=\S+/gm, `ExecStart=${process.execPath}`);
        writeFileSync(join(folder, name), local);
      }
      const files = unitNames.map((name) => join(folder, name));
      assert.equal(await run(['systemd-analyze', 'verify', '--man=no', ...files]), '');
    },
  },
  {
    name: 'systemd-analyze verify finds nothing wrong with the units that framegate init writes',
    needs,
    needsRoot: false,
    async run({ folder }) {
      const file = join(folder, 'the config.yaml');
      const answers = ['--domain', 'localhost', '--plaintext', '--systemd', folder, '-o', file];
      await run([process.execPath, join(import.meta.dirname, '../../src/main.ts'), 'init', ...answers]);
      const units = ['framegate.service', 'framegate.socket'].map((name) => join(folder, name));
      // An example of a service, which framegate.service names.
      writeFileSync(join(folder, 'voice-assistant.service'), '[Service]\nExecStart=/bin/true\n');
      assert.equal(await run(['systemd-analyze', 'verify', '--man=no', ...units]), '');
    },
  },
  {
    name: `the exposure of framegate.service is at most ${mostExposure}`,
    needs,
    needsRoot: false,
    async run({ tell }) {
      const file = join(unitFolder, 'framegate.service');
      const report = await run(['systemd-analyze', 'security', '--offline=true', '--no-pager', file]);
      const exposure = /Overall exposure level for framegate\.service: ([\d.]+)/.exec(report)?.[1];
      assert.ok(exposure !== undefined, report);
      tell(`systemd-analyze security: ${exposure}`);
      assert.ok(Number(exposure) <= mostExposure, report);
    },
  },
];
