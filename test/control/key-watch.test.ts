// Which keys are read for a configuration, and for the next one.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import type { IdentityConfig, KeySource } from '../../src/config/identity-config.ts';
import type { KeysUpdate } from '../../src/config/public-keys.ts';
import { KeyWatch } from '../../src/control/key-watch.ts';
import { eventually } from '../support/eventually.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { standIn } from '../support/stand-in.ts';

const KEYS = `a:${'a'.repeat(64)}\n`;
const PASSWORDS = `u:$scrypt$ln=15,r=8,p=1$${'A'.repeat(22)}$${'B'.repeat(43)}\n`;

class Scene {
  readonly published: KeysUpdate[] = [];
  readonly watch = new KeyWatch({
    publish: (update) => void this.published.push(update),
    logger: silentLogger,
  });
  readonly path: string;

  constructor(t: TestContext, directory: string) {
    this.path = join(directory, 'list');
    t.after(async () => {
      this.watch.close();
      await rm(directory, { recursive: true });
    });
  }

  use(...kinds: readonly ('apiKey' | 'basic')[]): void {
    const identities = kinds.map((kind) => {
      const format = kind === 'basic' ? 'passwords' : 'api-keys';
      const keys: KeySource = { kind: 'file', text: this.path, format };
      return standIn<IdentityConfig>({ kind, name: kind, keys });
    });
    this.watch.use(standIn<Config>({ identities, reload: standIn<Config['reload']>({}) }));
  }

  /** What was published last of each source, by the format in its name. */
  latest(format: string): KeysUpdate | undefined {
    return this.published.findLast(({ source }) => source.endsWith(format));
  }
}

async function start(t: TestContext): Promise<Scene> {
  return new Scene(t, await mkdtemp(join(tmpdir(), 'framegate-keys-')));
}

test('a file whose format is another one in the next configuration is read by that', async (t) => {
  const scene = await start(t);
  await writeFile(scene.path, KEYS);
  scene.use('apiKey');
  await eventually('the keys are read', () => scene.latest('api-keys')?.keys.length === 1);
  await writeFile(scene.path, PASSWORDS);
  scene.use('basic');
  await eventually('the passwords are read', () => scene.latest('passwords')?.keys.length === 1);
  assert.deepEqual(
    [scene.latest('passwords')?.problem, scene.latest('api-keys')?.isDropped],
    [undefined, true],
  );
});

test('each identity is reported with its keys, also if two use the same source', async (t) => {
  const scene = await start(t);
  await writeFile(scene.path, KEYS);
  assert.equal(scene.watch.report.length, 0);
  scene.use('apiKey', 'basic');
  await eventually('both are read', () => scene.published.length === 2);
  const [ofKeys, ofPasswords] = scene.watch.report;
  assert.deepEqual(ofKeys, { identity: 'apiKey', source: scene.path, keys: 1 });
  assert.deepEqual([ofPasswords.identity, ofPasswords.keys], ['basic', 0]);
});

test('a source that the configuration does not name any more is dropped, and read again when it comes back', async (t) => {
  const scene = await start(t);
  await writeFile(scene.path, KEYS);
  scene.use('apiKey');
  await eventually('the keys are read', () => scene.latest('api-keys')?.keys.length === 1);
  scene.use();
  assert.deepEqual([scene.latest('api-keys')?.isDropped, scene.watch.metrics], [true, []]);
  scene.use('apiKey');
  await eventually('they are read again', () => scene.latest('api-keys')?.keys.length === 1);
});
