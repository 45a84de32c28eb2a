// The call by which `npm start` proves itself, where another program answers in the place of the demo service.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { proveByOneCall } from '../../scripts/proving-call.ts';
import { type handleUnaryCall, Server, ServerCredentials } from '../../src/demo/grpc.ts';
import type { SayReply, SayRequest } from '../../src/demo/voice-messages.ts';
import { voiceServiceDefinition } from '../../src/demo/voice-proto.ts';
import { createVoiceService } from '../../src/demo/voice-service.ts';
import { testCertificate } from '../support/certificates.ts';

const hostile = `\u001b]0;pwned\u0007\u001b[31m\u202e${'x'.repeat(10_000)}`;
const shown = String.raw`\u{1b}]0;pwned\u{7}\u{1b}[31m\u{202e}xxx`;

/** @returns all that is said of one call to a service of somebody else */
async function sayingsOf(context: TestContext, say: handleUnaryCall<SayRequest, SayReply>): Promise<string> {
  const { certPem, keyPem, ca } = await testCertificate('127.0.0.1');
  const server = new Server();
  server.addService(voiceServiceDefinition, { ...createVoiceService(() => ''), say });
  const pair = [{ cert_chain: Buffer.from(certPem), private_key: Buffer.from(keyPem) }];
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, pair), (error, port) =>
    error === null ? resolve(port) : reject(error),
  );
  context.after(() => server.forceShutdown());
  const lines: string[] = [];
  const parts = { caFile: ca, service: '127.0.0.1:1', say: (line: string) => lines.push(line) };
  lines.push((await proveByOneCall(`127.0.0.1:${await promise}`, parts)) ?? '');
  return lines.join('\n');
}

test('what another service answers is printed without what a terminal interprets, and cut', async (context) => {
  const said = await sayingsOf(context, (_call, callback) =>
    callback(null, { text: hostile, audio: Buffer.alloc(0), receivedAudioBytes: 0, servedBy: hostile }),
  );
  assert.doesNotMatch(said, /[^\P{C}\n]/u);
  assert.equal(said.split(shown).length, 3);
  assert.ok(said.length < 2000, `${said.length} characters`);
});

test('the details of an error are printed without what a terminal interprets, and cut', async (context) => {
  const said = await sayingsOf(context, (_call, callback) =>
    callback({ code: 13, details: hostile.slice(0, 5000) }),
  );
  assert.doesNotMatch(said, /[^\P{C}\n]/u);
  assert.match(said, /failed: 13 INTERNAL: /);
  assert.ok(said.length < 2000, `${said.length} characters`);
});
