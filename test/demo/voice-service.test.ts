// The methods of voice.VoiceAssistant as a client sees them, without a proxy in between.

import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { after, before, suite, test } from 'node:test';
import type { CallEvent } from '../../src/demo/call-counters.ts';
import { type DemoService, startDemoService } from '../../src/demo/demo-service.ts';
import { status } from '../../src/demo/grpc.ts';
import { connectVoiceClient, metadataOf, type TestVoiceClient } from '../support/voice-client.ts';

suite('the voice service', () => {
  let service: DemoService;
  let client: TestVoiceClient;
  let onEvent: ((event: CallEvent) => void) | undefined;

  before(async () => {
    service = await startDemoService({
      address: '127.0.0.1:0',
      onEvent: (event) => onEvent?.(event),
    });
    client = connectVoiceClient({ address: service.address });
  });
  after(async () => {
    client.close();
    await service.close();
  });

  const nextEvent = (kind: CallEvent['kind'], method: CallEvent['method']): Promise<CallEvent> => {
    const { promise, resolve } = Promise.withResolvers<CallEvent>();
    onEvent = (event) => {
      if (event.kind === kind && event.method === method) resolve(event);
    };
    return promise;
  };

  test('Say answers with the text, the audio asked for and the address that answered', async () => {
    const outcome = await client.say({ text: 'hello', replyAudioBytes: 640, audio: Buffer.alloc(320) });
    assert.equal(outcome.code, status.OK, outcome.details);
    assert.equal(outcome.reply?.text, 'You said: hello');
    assert.equal(outcome.reply?.audio.length, 640);
    assert.equal(outcome.reply?.receivedAudioBytes, 320);
    assert.equal(outcome.reply?.servedBy, `127.0.0.1:${service.port}`);
  });

  test('Say carries messages beyond 4 MiB both ways', async () => {
    const sizeBytes = 5 * 1024 * 1024;
    const outcome = await client.say({ audio: Buffer.alloc(sizeBytes), replyAudioBytes: sizeBytes });
    assert.equal(outcome.code, status.OK, outcome.details);
    assert.equal(outcome.reply?.receivedAudioBytes, sizeBytes);
    assert.equal(outcome.reply?.audio.length, sizeBytes);
  });

  test('a deadline shorter than the delay ends Say, and the service counts it as cancelled', async () => {
    const cancelled = nextEvent('cancelled', 'Say');
    const outcome = await client.say({ delayMs: 10_000 }, { deadlineMs: 50 });
    assert.equal(outcome.code, status.DEADLINE_EXCEEDED);
    assert.equal((await cancelled).statusCode, undefined);
  });

  test('Narrate sends every word in order and then ends', async () => {
    const outcome = await client.narrate({ text: 'one  two three', intervalMs: 1, audioBytes: 3, repeat: 2 });
    assert.equal(outcome.code, status.OK, outcome.details);
    assert.deepEqual(
      outcome.replies.map((reply) => `${reply.sequence} ${reply.word} ${reply.audio.length}`),
      ['1 one 3', '2 two 3', '3 three 3', '4 one 3', '5 two 3', '6 three 3'],
    );
  });

  test('Narrate of nothing is an empty stream', async () => {
    const outcome = await client.narrate({});
    assert.equal(outcome.code, status.OK);
    assert.deepEqual(outcome.replies, []);
  });

  test('Narrate of more than the client buffers waits for the client and loses nothing', async () => {
    const outcome = await client.narrate({ text: 'word', audioBytes: 64 * 1024, repeat: 100 });
    assert.equal(outcome.code, status.OK, outcome.details);
    assert.equal(outcome.replies.length, 100);
  });

  test('Narrate can fail after its last word', async () => {
    const failure = { code: status.ABORTED, message: 'lost my voice', details: Buffer.from([1, 2, 3]) };
    const outcome = await client.narrate({ text: 'one two', failure });
    assert.equal(outcome.replies.length, 2);
    assert.equal(outcome.code, status.ABORTED);
    assert.equal(outcome.details, 'lost my voice');
    assert.deepEqual(outcome.trailingMetadata.get('error-detail-bin'), [Buffer.from([1, 2, 3])]);
  });

  test('Transcribe counts chunks, bytes and time', async () => {
    const outcome = await client.transcribe([{ audio: Buffer.alloc(640) }, { audio: Buffer.alloc(640) }, {}]);
    assert.equal(outcome.code, status.OK, outcome.details);
    assert.deepEqual({ ...outcome.reply }, { chunks: 3, audioBytes: 1280, durationMs: 40 });
  });

  test('StreamAudio sends headers at once, answers each chunk as it comes and ends at half-close', async () => {
    const stream = client.streamAudio();
    await stream.headers;
    stream.send({ sequence: 7, audio: Buffer.from('abc') });
    assert.deepEqual({ ...(await stream.next()) }, { sequence: 7, sizeBytes: 3, audio: Buffer.alloc(0) });
    stream.send({ sequence: 9, audio: Buffer.from('abc'), returnAudio: true });
    assert.deepEqual({ ...(await stream.next()) }, { sequence: 9, sizeBytes: 3, audio: Buffer.from('abc') });
    stream.finish();
    assert.equal(await stream.next(), undefined);
    assert.equal((await stream.outcome).code, status.OK);
  });

  test('StreamAudio notices that the client cancels', async () => {
    const cancelledBefore = service.counters.StreamAudio.cancelled;
    const cancelled = nextEvent('cancelled', 'StreamAudio');
    const stream = client.streamAudio();
    stream.send({ sequence: 1 });
    await stream.next();
    stream.cancel();
    assert.equal((await stream.outcome).code, status.CANCELLED);
    assert.equal((await cancelled).method, 'StreamAudio');
    assert.equal(service.counters.StreamAudio.cancelled, cancelledBefore + 1);
  });

  test('StreamAudio notices that the connection is gone', async () => {
    const started = nextEvent('started', 'StreamAudio');
    const session = connect(`http://${service.address}`);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/voice.VoiceAssistant/StreamAudio',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => undefined);
    session.on('error', () => undefined);
    await started;
    const cancelled = nextEvent('cancelled', 'StreamAudio');
    session.destroy();
    await cancelled;
  });

  test('Fail returns code, message and details, in the headers or after them', async () => {
    const request = {
      code: status.FAILED_PRECONDITION,
      message: 'größer als 100 %',
      details: Buffer.from([0, 255]),
    };
    for (const afterHeaders of [false, true]) {
      const outcome = await client.fail({ ...request, afterHeaders });
      assert.equal(outcome.code, status.FAILED_PRECONDITION);
      assert.equal(outcome.details, 'größer als 100 %');
      assert.deepEqual(outcome.trailingMetadata.get('error-detail-bin'), [Buffer.from([0, 255])]);
      assert.equal(outcome.initialMetadata !== undefined, afterHeaders);
    }
  });

  test('Fail with code 0 succeeds', async () => {
    const outcome = await client.fail({ code: 0 });
    assert.equal(outcome.code, status.OK);
    assert.deepEqual({ ...outcome.reply }, {});
  });

  test('metadata with x-echo- comes back unchanged, where its key says', async () => {
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const metadata = metadataOf(
      ['x-echo-both', 'a b'],
      ['x-echo-initial-only', 'first'],
      ['x-echo-trailing-only', 'last'],
      ['x-echo-bytes-bin', everyByte],
      ['x-echo-bytes-bin', Buffer.alloc(0)],
      ['x-other', 'stays away'],
    );
    for (const outcome of [
      await client.say({}, { metadata }),
      await client.fail({ code: 3, afterHeaders: true }, { metadata }),
    ]) {
      const { initialMetadata, trailingMetadata } = outcome;
      for (const side of [initialMetadata, trailingMetadata]) {
        assert.deepEqual(side?.get('x-echo-both'), ['a b']);
        assert.deepEqual(side?.get('x-echo-bytes-bin'), [everyByte, Buffer.alloc(0)]);
        assert.deepEqual(side?.get('x-other'), []);
      }
      assert.deepEqual(initialMetadata?.get('x-echo-initial-only'), ['first']);
      assert.deepEqual(initialMetadata?.get('x-echo-trailing-only'), []);
      assert.deepEqual(trailingMetadata.get('x-echo-trailing-only'), ['last']);
      assert.deepEqual(trailingMetadata.get('x-echo-initial-only'), []);
    }
  });

  test('events carry the metadata the service received', async () => {
    const started = nextEvent('started', 'Say');
    await client.say({}, { metadata: metadataOf(['x-request-id', 'abc']) });
    assert.deepEqual((await started).metadata.get('x-request-id'), ['abc']);
  });

  test('every started call is counted once more when it ends', () => {
    for (const [method, { started, completed, failed, cancelled }] of Object.entries(service.counters)) {
      assert.equal(started, completed + failed + cancelled, method);
      assert.ok(started > 0, method);
    }
  });
});
