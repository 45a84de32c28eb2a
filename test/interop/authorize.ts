// `npm run interop:authorize`: Istio's sample authorizer, which speaks Envoy's ext_authz v3 with Envoy's own Go library, behind a whole
// Framegate: calls allowed and denied, with the fields of the denial, and the authorizer stopped and started again. Exit code 1 if a call
// gets another answer than the authorizer gave. The first run builds the authorizer with Go (under a minute).

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { generateCertificates } from '../../certs/generate.ts';
import { startDemoService } from '../../src/demo/demo-service.ts';
import { eventually } from '../support/eventually.ts';
import type { ReportingChild } from './child-process.ts';
import { FramegateProcess } from './framegate-process.ts';
import { IstioAuthorizer } from './istio-authorizer.ts';
import { callWith } from './metadata-call.ts';

class Run {
  readonly #folder: string;
  readonly #ends: (() => unknown)[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  async launch(grpcPort: number): Promise<FramegateProcess> {
    const demo = await startDemoService({ address: '127.0.0.1:0' });
    this.#ends.push(() => demo.forceClose());
    const certificate = await generateCertificates(join(this.#folder, 'certs'));
    const certificates = [{ cert: certificate.certFile, key: certificate.keyFile }];
    const configuration = {
      listeners: [
        { name: 'tls', address: '127.0.0.1:0', tls: { certificates } },
        { name: 'plaintext', address: '127.0.0.1:0' },
      ],
      routes: [
        {
          name: 'all',
          match: { path: '/*' },
          upstream: 'voice',
          authorize: { upstream: 'authorizer', timeout: '2s' },
        },
      ],
      upstreams: {
        voice: { endpoints: [demo.address] },
        authorizer: { endpoints: [`127.0.0.1:${grpcPort}`] },
      },
      drain: { timeout: '1s' },
      admin: 'off',
    };
    return FramegateProcess.launch(this.#folder, JSON.stringify(configuration), (child: ReportingChild) =>
      this.#ends.push(() => child.hasEnded || child.signal('SIGKILL')),
    );
  }

  end(): void {
    for (const end of this.#ends) end();
  }
}

async function judgeCalls(client: Client): Promise<void> {
  const allowed = await callWith(client, { 'x-ext-authz': 'allow' });
  assert.equal(allowed.code, 0, allowed.details);
  console.log('  allowed: the call reaches the service');
  const denied = await callWith(client, { 'x-ext-authz': 'deny' });
  assert.equal(denied.code, 7);
  assert.match(denied.details, /denied by ext_authz/);
  assert.deepEqual(denied.metadata.get('x-ext-authz-check-result'), ['denied']);
  assert.match(String(denied.metadata.get('x-ext-authz-check-received')), /Health\/Check/);
  console.log(`  denied: ${denied.code} "${denied.details}", with the fields of the denial as metadata`);
  assert.equal((await callWith(client, {})).code, 7);
}

async function trial(authorizer: IstioAuthorizer, folder: string): Promise<void> {
  const run = new Run(folder);
  try {
    await authorizer.start();
    const framegate = await run.launch(authorizer.port);
    const client = new Client(framegate.plaintextAddress, credentials.createInsecure());
    await eventually(
      'the authorizer answers',
      async () => (await callWith(client, { 'x-ext-authz': 'allow' })).code === 0,
    );
    await judgeCalls(client);
    await authorizer.stop();
    const without = await callWith(client, { 'x-ext-authz': 'allow' });
    assert.equal(without.code, 14);
    console.log(`  stopped: ${without.code} "${without.details}"`);
    await authorizer.start();
    await eventually(
      'calls pass again',
      async () => (await callWith(client, { 'x-ext-authz': 'allow' })).code === 0,
      30_000,
    );
    console.log('  started again: calls pass');
    client.close();
    const problems = await framegate.stop();
    assert.deepEqual(problems, []);
  } finally {
    await authorizer.stop();
    run.end();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'framegate-authorize-'));
try {
  const authorizer = await IstioAuthorizer.build();
  if (authorizer === undefined) process.exitCode = process.env['CI'] === 'true' ? 1 : 0;
  else {
    await trial(authorizer, folder);
    console.log('every call got the answer of the authorizer');
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
