// What the cases have in common: a configuration for a proxy in front of a demo service, and a real call through it over TLS.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Background } from '../deploy/commands.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

interface ServerCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

/** @returns the file's name in `folder`, where the certificate lies beside it */
export function writeConfig(
  folder: string,
  { certPem, keyPem }: ServerCertificate,
  endpoint: string,
): string {
  const name = 'framegate.yaml';
  writeFileSync(join(folder, 'server.crt'), certPem);
  writeFileSync(join(folder, 'server.key'), keyPem);
  const tls = { certificates: [{ cert: 'server.crt', key: 'server.key' }] };
  writeFileSync(
    join(folder, name),
    JSON.stringify({
      listeners: [{ name: 'public', address: '127.0.0.1:0', tls }],
      routes: [{ match: { path: '/*' }, upstream: 'voice' }],
      upstreams: { voice: { endpoints: [endpoint] } },
      admin: { address: '127.0.0.1:0' },
      workers: 2,
    }),
  );
  return name;
}

export async function demoAddress(demo: Background): Promise<string> {
  return (await demo.says(/listens on (\S+) /))[1];
}

export async function listenerAddress(proxy: Background): Promise<string> {
  const [line] = await proxy.says(/^.*"listener is open".*$/m);
  return String(JSON.parse(line).address);
}

/** Of the process that wrote the line with this message. */
export function pidOf(proxy: Background, message: string): number {
  const line = proxy.output.split('\n').find((one) => one.includes(`"msg":"${message}"`));
  return Number(JSON.parse(line ?? '{}').pid);
}

/** The admin server is ready, tells its version where it counts, and has the dashboard with its files. */
export async function checkAdmin(proxy: Background, version: string): Promise<void> {
  const [line] = await proxy.says(/^.*"admin server listens".*$/m);
  const ask = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`http://${JSON.parse(line).address}${path}`, { headers, signal: AbortSignal.timeout(60_000) });
  assert.equal((await ask('/ready')).status, 200);
  const metrics = await (await ask('/metrics')).text();
  assert.ok(metrics.includes(`framegate_build_info{version="${version}"`), metrics);
  const page = await (await ask('/', { accept: 'text/html' })).text();
  const assets = Array.from(page.matchAll(/(?:src|href)="\.(\/assets\/[^"]+)"/g), ([, path]) => path);
  assert.equal(assets.length, 2, page);
  for (const path of assets) assert.equal((await ask(path)).status, 200, path);
}

/** One call of each kind that matters for what was packed: a message there and back, and a stream. */
export async function callThrough(address: string, ca: string): Promise<void> {
  const names = { 'grpc.ssl_target_name_override': 'localhost', 'grpc.default_authority': 'localhost' };
  const client = connectVoiceClient({ address, ca, channel: names });
  try {
    const { code, details } = await client.say({ text: 'hello' }, { deadlineMs: 60_000 });
    assert.equal(code, 0, details);
    const stream = client.streamAudio({ deadlineMs: 60_000 });
    stream.send({ audio: Buffer.from('one') });
    assert.notEqual(await stream.next(), undefined);
    stream.finish();
    assert.equal((await stream.outcome).code, 0);
  } finally {
    client.close();
  }
}
