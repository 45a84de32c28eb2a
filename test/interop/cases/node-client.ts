// The cases with grpc-js as the client, in the runner's own process, and a Python service behind the proxy.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '../../../src/demo/grpc.ts';
import {
  type AudioStream,
  connectVoiceClient,
  metadataOf,
  type TestVoiceClient,
} from '../../support/voice-client.ts';
import type { InteropCase } from '../interop-case.ts';
import { preciseNow, type VoiceService } from '../voice-service.ts';
import type { Workbench } from '../workbench.ts';
import { checkCancelDelays } from './endings.ts';

const deadlineMs = 30_000;
const largeBytes = 4 * 1024 * 1024;

type ClientCase = (client: TestVoiceClient, service: VoiceService, bench: Workbench) => Promise<void>;

function withClient(clientCase: ClientCase): InteropCase['run'] {
  return async (bench) => {
    const service = await bench.startService();
    const framegate = await bench.startFramegate(service.port);
    const client = connectVoiceClient({
      address: framegate.tlsAddress,
      ca: readFileSync(bench.run.certificates.caFile),
      channel: {
        'grpc.max_receive_message_length': -1,
        'grpc.max_send_message_length': -1,
        // The address is an IP address, which is no name for SNI (RFC 6066 section 3).
        'grpc.ssl_target_name_override': 'localhost',
      },
    });
    try {
      await clientCase(client, service, bench);
    } finally {
      client.close();
    }
  };
}

async function unary(client: TestVoiceClient): Promise<void> {
  for (let index = 0; index < 20; index++) {
    const { code, details, reply } = await client.say({ text: `grüße ${index}` }, { deadlineMs });
    assert.equal(code, status.OK, details);
    assert.equal(reply?.text, `You said: grüße ${index}`);
  }
}

async function bidiAtFullSpeed(client: TestVoiceClient): Promise<void> {
  const sent = Array.from({ length: 500 }, () => randomBytes(6400));
  const stream = client.streamAudio({ deadlineMs });
  sent.forEach((audio, index) => stream.send({ sequence: index + 1, audio, returnAudio: true }));
  stream.finish();
  for (const [index, audio] of sent.entries()) {
    const event = await stream.next();
    assert.equal(event?.sequence, index + 1);
    assert.ok(event.audio.equals(audio), `chunk ${index + 1} came back changed`);
  }
  assert.equal(await stream.next(), undefined);
  assert.equal((await stream.outcome).code, status.OK);
}

async function bidiPaced(client: TestVoiceClient, _service: VoiceService, bench: Workbench): Promise<void> {
  const count = bench.run.pacedSeconds * 50;
  const audio = randomBytes(640);
  const stream = client.streamAudio({ deadlineMs: bench.run.pacedSeconds * 1000 + deadlineMs });
  const sentAt: number[] = [];
  const sending = sendPaced(stream, count, audio, sentAt);
  let totalMs = 0;
  for (let sequence = 1; sequence <= count; sequence++) {
    const event = await stream.next();
    assert.equal(event?.sequence, sequence);
    assert.ok(event.audio.equals(audio), `chunk ${sequence} came back changed`);
    totalMs += performance.now() - sentAt[sequence];
  }
  await sending;
  assert.equal((await stream.outcome).code, status.OK);
  bench.remarks.push(`${count} round trips, mean ${(totalMs / count).toFixed(2)} ms`);
}

async function sendPaced(stream: AudioStream, count: number, audio: Buffer, sentAt: number[]): Promise<void> {
  const start = performance.now();
  for (let sequence = 1; sequence <= count; sequence++) {
    await sleep(Math.max(0, start + sequence * 20 - performance.now()));
    sentAt[sequence] = performance.now();
    stream.send({ sequence, audio, returnAudio: true });
  }
  stream.finish();
}

async function metadata(client: TestVoiceClient): Promise<void> {
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  const sent = {
    'x-echo-text': ['first', 'second, with a comma', 'first'],
    'x-echo-data-bin': [everyByte, Buffer.of(0)],
  };
  const entries = Object.entries(sent).flatMap(([key, values]) =>
    values.map((value) => [key, value] as const),
  );
  for (let round = 0; round < 3; round++) {
    const stream = client.streamAudio({ deadlineMs, metadata: metadataOf(...entries) });
    stream.finish();
    const outcome = await stream.outcome;
    assert.equal(outcome.code, status.OK, outcome.details);
    for (const [key, values] of Object.entries(sent)) {
      // grpc-js joins the values of a text key on receipt, as HTTP allows.
      const wanted = key.endsWith('-bin') ? values : [values.join(', ')];
      assert.deepEqual(outcome.initialMetadata?.get(key), wanted);
      assert.deepEqual(outcome.trailingMetadata.get(key), wanted);
    }
  }
}

async function errorStatus(client: TestVoiceClient): Promise<void> {
  const message = 'größer als 100 % – 日本語, %41 stays, 🎙 too\nand a second line';
  const details = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  for (const afterHeaders of [false, true]) {
    for (let code = 1; code <= 16; code++) {
      const outcome = await client.fail({ code, message, details, afterHeaders }, { deadlineMs });
      assert.equal(outcome.code, code);
      assert.equal(outcome.details, message);
      assert.deepEqual(outcome.trailingMetadata.get('error-detail-bin'), [details]);
    }
  }
}

async function cancel(client: TestVoiceClient, service: VoiceService, bench: Workbench): Promise<void> {
  const delays: number[] = [];
  for (let number = 0; number < 10; number++) {
    const stream = client.streamAudio({ deadlineMs, metadata: metadataOf(['x-tag', String(number)]) });
    stream.send({ sequence: 1 });
    assert.equal((await stream.next())?.sequence, 1);
    const at = preciseNow();
    stream.cancel();
    assert.equal((await stream.outcome).code, status.CANCELLED);
    delays.push((await service.cancelledAt(String(number))) - at);
  }
  checkCancelDelays(bench, delays);
}

async function deadline(client: TestVoiceClient, service: VoiceService): Promise<void> {
  const tag = metadataOf(['x-tag', 'deadline']);
  const outcome = await client.say({ delayMs: 20_000 }, { deadlineMs: 400, metadata: tag });
  assert.equal(outcome.code, status.DEADLINE_EXCEEDED);
  await service.cancelledAt('deadline');
}

async function largeMessages(client: TestVoiceClient): Promise<void> {
  const audio = randomBytes(largeBytes);
  const { code, details, reply } = await client.say({ audio, replyAudioBytes: largeBytes }, { deadlineMs });
  assert.equal(code, status.OK, details);
  assert.equal(reply?.receivedAudioBytes, largeBytes);
  assert.equal(reply.audio.length, largeBytes);
}

async function serverKilled(client: TestVoiceClient, service: VoiceService, bench: Workbench): Promise<void> {
  const stream = client.streamAudio({ deadlineMs });
  for (let sequence = 1; sequence <= 10; sequence++) stream.send({ sequence });
  for (let sequence = 1; sequence <= 10; sequence++) assert.equal((await stream.next())?.sequence, sequence);
  await service.kill();
  const outcome = await stream.outcome;
  assert.equal(outcome.code, status.UNAVAILABLE, outcome.details);
  const down = await client.say({}, { deadlineMs });
  assert.equal(down.code, status.UNAVAILABLE);
  assert.match(down.details, /refused the connection/);
  await bench.startService({ port: service.port });
  const giveUpAt = Date.now() + 10_000;
  const okCode: number = status.OK;
  while ((await client.say({}, { deadlineMs })).code !== okCode) {
    assert.ok(Date.now() < giveUpAt, 'calls do not succeed again within 10 s');
    await sleep(50);
  }
}

export const nodeClient: readonly InteropCase[] = [
  { name: 'unary calls', run: withClient(unary) },
  { name: 'bidi, 500 chunks of 6,400 bytes at full speed', run: withClient(bidiAtFullSpeed) },
  { name: 'bidi, 640 bytes every 20 ms', extraSeconds: 120, run: withClient(bidiPaced) },
  { name: 'metadata with binary keys and duplicates', run: withClient(metadata) },
  { name: 'error statuses with details', run: withClient(errorStatus) },
  { name: '4 MiB messages both ways', run: withClient(largeMessages) },
  { name: 'bidi cancel is seen by the service', run: withClient(cancel) },
  { name: 'deadline exceeded', run: withClient(deadline) },
  { name: 'server killed in the middle of a stream, and back again', run: withClient(serverKilled) },
];
