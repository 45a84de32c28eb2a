// The demo service as a server: what it offers beside the voice service, how it starts and how it stops.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type AnyDefinition, loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { service as healthDefinition } from 'grpc-health-check';
import type { CallEvent } from '../../src/demo/call-counters.ts';
import {
  type DemoService,
  startDemoService,
  startDemoWhereNothingListens,
} from '../../src/demo/demo-service.ts';
import { credentials, makeClientConstructor, status } from '../../src/demo/grpc.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

const loopback = '127.0.0.1:0';

function isService(definition: AnyDefinition | undefined): definition is ServiceDefinition {
  return definition !== undefined && !('format' in definition);
}

suite('beside the voice service', () => {
  let service: DemoService;

  before(async () => {
    service = await startDemoService({ address: loopback });
  });
  after(() => service.close());

  test('grpc.health.v1 says SERVING for the server and the service, NOT_FOUND for others', async () => {
    const Health = makeClientConstructor(healthDefinition, 'Health');
    const health = new Health(service.address, credentials.createInsecure());
    const check = (name: string) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      health.check({ service: name }, (error: { code: number } | null, reply?: { status: string }) =>
        resolve(reply?.status ?? String(error?.code)),
      );
      return promise;
    };
    assert.equal(await check(''), 'SERVING');
    assert.equal(await check('voice.VoiceAssistant'), 'SERVING');
    assert.equal(await check('voice.Nobody'), String(status.NOT_FOUND));
    health.close();
  });

  for (const version of ['v1', 'v1alpha']) {
    test(`reflection ${version} lists the voice service`, async () => {
      const entry = createRequire(import.meta.url).resolve('@grpc/reflection');
      const file = join(entry, `../../proto/grpc/reflection/${version}/reflection.proto`);
      const definition = loadSync(file)[`grpc.reflection.${version}.ServerReflection`];
      assert.ok(isService(definition));
      const Reflection = makeClientConstructor(definition, 'ServerReflection');
      const reflection = new Reflection(service.address, credentials.createInsecure());
      const call = reflection.serverReflectionInfo();
      call.write({ listServices: '' });
      call.end();
      const names: string[] = [];
      for await (const reply of call) {
        for (const listed of reply.listServicesResponse.service) names.push(listed.name);
      }
      assert.deepEqual(names, ['voice.VoiceAssistant']);
      reflection.close();
    });
  }
});

suite('starting and stopping the demo service', () => {
  test('a port in use is reported with its code', async () => {
    const first = await startDemoService({ address: loopback });
    await assert.rejects(startDemoService({ address: first.address }), { code: 'EADDRINUSE' });
    first.forceClose();
  });

  test('an address without a port is refused with what to write', async () => {
    await assert.rejects(startDemoService({ address: 'localhost' }), /write host:port/);
  });

  test('it listens on a unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'framegate-demo-'));
    const address = `unix:${join(folder, 'demo.sock')}`;
    const service = await startDemoService({ address });
    const client = connectVoiceClient({ address });
    const outcome = await client.say({ text: 'hi' });
    assert.equal(outcome.reply?.servedBy, address, outcome.details);
    client.close();
    await service.close();
    await rm(folder, { recursive: true });
  });

  test('close lets a running call finish and refuses new connections; closing again is the same', async () => {
    const started = Promise.withResolvers<CallEvent>();
    const service = await startDemoService({ address: loopback, onEvent: started.resolve });
    const client = connectVoiceClient({ address: service.address });
    const running = client.say({ text: 'slow', delayMs: 100 });
    await started.promise;
    const closed = service.close();
    assert.equal(service.close(), closed);
    assert.equal((await running).code, status.OK);
    client.close();
    await closed;
    const late = connectVoiceClient({ address: service.address });
    assert.equal((await late.say({})).code, status.UNAVAILABLE);
    late.close();
  });

  test('close does not wait beyond its limit', async () => {
    const service = await startDemoService({ address: loopback, closeTimeoutMs: 20 });
    const client = connectVoiceClient({ address: service.address });
    const stream = client.streamAudio();
    await stream.headers;
    await service.close();
    assert.notEqual((await stream.outcome).code, status.OK);
    client.close();
  });

  test('forceClose cuts running calls off', async () => {
    const service = await startDemoService({ address: loopback });
    const client = connectVoiceClient({ address: service.address });
    const stream = client.streamAudio();
    await stream.headers;
    service.forceClose();
    service.forceClose();
    assert.notEqual((await stream.outcome).code, status.OK);
    client.close();
  });

  test('startDemoWhereNothingListens leaves an address alone that something listens on', async () => {
    const listening = Promise.withResolvers<void>();
    const stranger = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1', listening.resolve);
    await listening.promise;
    const bound = stranger.address();
    assert.ok(bound !== null && typeof bound === 'object');
    const address = `127.0.0.1:${bound.port}`;
    assert.equal(await startDemoWhereNothingListens(address), undefined);

    const closed = Promise.withResolvers<void>();
    stranger.close(() => closed.resolve());
    await closed.promise;
    const service = await startDemoWhereNothingListens(address);
    assert.equal(service?.address, address);
    await service?.close();
  });
});
