// The command of docs/access.md that makes a key set and a token: it runs, and a proxy with the configuration below it serves its token alone.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { status } from '../../src/demo/grpc.ts';
import { startDemo, startProxy } from '../support/proxy-under-test.ts';
import { metadataOf } from '../support/voice-client.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/access.md'), 'utf8');

test('the token that the command makes is served with the identity of the example', async (t) => {
  const [, command = '', example = ''] =
    /```sh\n(node -e '[^`]*?)```\n\n```yaml\n([^`]*)```/.exec(page) ?? [];
  assert.notEqual(example, '', 'the page has the command and the example');
  const folder = mkdtempSync(join(tmpdir(), 'framegate-try-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = [dirname(process.execPath), process.env['PATH']].join(delimiter);
  const run = (): string =>
    execFileSync('/bin/sh', ['-c', command], {
      cwd: folder,
      env: { ...process.env, PATH: path },
      encoding: 'utf8',
    }).trim();
  const before = run();
  const token = run();
  const text = example.replace('jwks.json', join(folder, 'jwks.json'));
  const demo = await startDemo(t);
  const sections = {
    ...parse(text),
    routes: [{ match: { path: '/*' }, upstream: 'voice', access: { require: ['office'] } }],
  };
  const proxy = await startProxy(t, { endpoints: [demo.address], sections });
  const client = proxy.voiceClient('tls');
  const codeWith = async (shown: string): Promise<number> =>
    (await client.say({}, { metadata: metadataOf(['authorization', `Bearer ${shown}`]) })).code;
  assert.equal(await codeWith(token), status.OK);
  assert.equal(await codeWith(before), status.UNAUTHENTICATED);
  const record = await proxy.record();
  assert.equal(record['identity'], 'office:alice');
});
