// gRPC-Web against the demo service, over HTTP/1.1 and HTTP/2, binary and text: what a page would see of every kind of
// call and of every way in which one can end.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import {
  openWebCall,
  parseWebBody,
  voiceReply,
  voiceRequest,
  webCall,
  webProtocols,
  wholeResponse,
} from '../support/grpc-web-client.ts';
import { type ProxyUnderTest, startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { isOf } from '../support/raw-peer.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

/** Everything goes to `endpoint`, by one route with this `grpcWeb`. */
function startWebProxy(t: TestContext, endpoint: string, grpcWeb: unknown = true): Promise<ProxyUnderTest> {
  const routes = [{ name: 'web', match: { path: '/*' }, upstream: 'voice', grpcWeb }];
  return startProxy(t, { endpoints: [endpoint], sections: { routes } });
}

async function startWeb(t: TestContext, grpcWeb?: unknown): Promise<ProxyUnderTest> {
  const demo = await startDemo(t);
  return startWebProxy(t, demo.address, grpcWeb);
}

for (const protocol of webProtocols) {
  for (const isText of [false, true]) {
    const form = `${protocol}, ${isText ? 'text' : 'binary'}`;
    const contentType = `application/grpc-web${isText ? '-text' : ''}+proto`;

    test(`${form}: a unary call has its reply and its status in the body`, async (t) => {
      const web = await startWeb(t);
      const request = voiceRequest('Say', { text: 'hello', audio: Buffer.alloc(100_000, 7) }, { isText });
      const response = await webCall(protocol, web.port('clear'), request);
      assert.deepEqual([response.status, response.isWhole], [200, true]);
      assert.equal(response.headers['content-type'], contentType);
      const { messages, trailers } = parseWebBody(response.content, isText);
      assert.equal(messages.length, 1);
      const { text, receivedAudioBytes } = voiceReply('Say', messages[0]);
      assert.deepEqual([text, receivedAudioBytes], ['You said: hello', 100_000]);
      assert.equal(trailers?.['grpc-status'], '0');
      const record = await web.record();
      assert.deepEqual(
        [record.grpcStatus, record['requestMessages'], record['responseMessages'], record['endedBy']],
        ['OK', 1, 1, 'upstream'],
      );
      assert.match(String(record['client']), /^127\.0\.0\.1:\d+$/);
    });

    test(`${form}: a large reply comes byte for byte`, async (t) => {
      const web = await startWeb(t);
      const request = voiceRequest('Say', { text: 'x', replyAudioBytes: 3_000_000 }, { isText });
      const { messages, trailers } = parseWebBody(
        (await webCall(protocol, web.port('clear'), request)).content,
        isText,
      );
      assert.deepEqual(voiceReply('Say', messages[0])['audio'], Buffer.alloc(3_000_000));
      assert.equal(trailers?.['grpc-status'], '0');
    });

    test(`${form}: a stream's messages come as they are sent, and its status at the end`, async (t) => {
      const web = await startWeb(t);
      const request = voiceRequest('Narrate', { text: 'one two three', repeat: 2 }, { isText });
      const { messages, trailers } = parseWebBody(
        (await webCall(protocol, web.port('clear'), request)).content,
        isText,
      );
      const words = messages.map((message) => voiceReply('Narrate', message)['word']);
      assert.deepEqual(words, ['one', 'two', 'three', 'one', 'two', 'three']);
      assert.equal(trailers?.['grpc-status'], '0');
    });

    test(`${form}: a failure after the headers has its message and its details in the body`, async (t) => {
      const web = await startWeb(t);
      const failing = { code: 9, message: 'nö', details: Buffer.from([0, 255]), afterHeaders: true };
      const response = await webCall(protocol, web.port('clear'), voiceRequest('Fail', failing, { isText }));
      const { messages, trailers } = parseWebBody(response.content, isText);
      assert.equal(messages.length, 0);
      assert.equal(trailers?.['grpc-status'], '9');
      assert.equal(decodeURIComponent(trailers['grpc-message']), 'nö');
      assert.equal(Buffer.from(trailers['error-detail-bin'], 'base64').toString('hex'), '00ff');
    });

    test(`${form}: Trailers-Only has its status in the header fields, and no body`, async (t) => {
      const web = await startWeb(t);
      const request = voiceRequest('Fail', { code: 5, message: 'no such thing' }, { isText });
      const { headers, content, isWhole } = await webCall(protocol, web.port('clear'), request);
      assert.deepEqual([headers['grpc-status'], headers['content-type']], ['5', contentType]);
      assert.equal(decodeURIComponent(headers['grpc-message']), 'no such thing');
      assert.deepEqual([content.length, isWhole], [0, true]);
    });
  }

  test(`${protocol}: the first message is there while the call still runs, and a client that leaves cancels it`, async (t) => {
    const demo = await startDemo(t);
    const web = await startWebProxy(t, demo.address);
    const request = voiceRequest('Narrate', { text: 'one two', intervalMs: 600_000 });
    const call = await openWebCall(protocol, web.port('clear'), request);
    const chunks: Buffer[] = [];
    call.body.on('data', (chunk: Buffer) => chunks.push(chunk));
    call.body.on('error', () => undefined);
    await eventually('the first word', () => parseWebBody(Buffer.concat(chunks)).messages.length === 1);
    call.abort();
    await eventually('the service was told', () => demo.counters.Narrate.cancelled === 1);
    assert.equal((await web.record()).grpcStatus, 'CANCELLED');
  });

  test(`${protocol}: the head of a response does not wait for the first message`, async (t) => {
    const upstream = await startRawUpstream(t, { onRequest: (request) => request.sendHeaders() });
    const web = await startWebProxy(t, upstream.address);
    const call = await openWebCall(protocol, web.port('clear'), voiceRequest('Say', { text: 'x' }));
    assert.equal(call.status, 200);
    upstream.requests[0].sendTrailers();
    const { content, isWhole } = await wholeResponse(call);
    assert.deepEqual([parseWebBody(content).trailers, isWhole], [{ 'grpc-status': '0' }, true]);
  });

  test(`${protocol}: a deadline that passes is a status in the header fields`, async (t) => {
    const upstream = await startRawUpstream(t);
    const web = await startWebProxy(t, upstream.address);
    const slow = voiceRequest('Say', { text: 'x' }, { fields: { 'grpc-timeout': '50m' } });
    const { status, headers } = await webCall(protocol, web.port('clear'), slow);
    assert.deepEqual([status, headers['grpc-status']], [200, '4']);
    assert.match(decodeURIComponent(headers['grpc-message']), /deadline of 50 ms/);
    const { peer, streamId } = upstream.requests[0];
    await peer.want('RST_STREAM', isOf(FrameType.RST_STREAM, streamId));
  });

  test(`${protocol}: a deadline that passes in a running stream is a status at the end of the body`, async (t) => {
    const web = await startWeb(t);
    const request = voiceRequest(
      'Narrate',
      { text: 'one two', intervalMs: 600_000 },
      { fields: { 'grpc-timeout': '1S' }, isText: true },
    );
    const { content, isWhole } = await webCall(protocol, web.port('clear'), request);
    const { messages, trailers } = parseWebBody(content, true);
    assert.deepEqual([messages.length, trailers?.['grpc-status'], isWhole], [1, '4', true]);
  });

  test(`${protocol}: metadata go both ways, binary ones too`, async (t) => {
    const web = await startWeb(t);
    const fields = {
      'x-echo-initial-a': 'one, two',
      'x-echo-trailing-b': 'three',
      'x-echo-c-bin': Buffer.from([0, 1, 254, 255]).toString('base64'),
      origin: 'https://page.test',
    };
    const response = await webCall(
      protocol,
      web.port('clear'),
      voiceRequest('Say', { text: 'x' }, { fields }),
    );
    const { trailers } = parseWebBody(response.content);
    assert.equal(response.headers['x-echo-initial-a'], 'one, two');
    assert.equal(response.headers['x-echo-c-bin'], 'AAH+/w==');
    assert.equal(trailers?.['x-echo-trailing-b'], 'three');
    assert.equal(trailers['x-echo-c-bin'], 'AAH+/w==');
    assert.equal(response.headers['access-control-allow-origin'], '*');
    const exposed = response.headers['access-control-expose-headers'].split(', ');
    for (const name of ['grpc-status', 'grpc-message', 'grpc-status-details-bin', 'x-echo-initial-a'])
      assert.ok(exposed.includes(name), name);
  });

  test(`${protocol}: a browser's preflight is answered, and is a record like any other`, async (t) => {
    const web = await startWeb(t, { origins: ['https://page.test'] });
    const fields = {
      origin: 'https://page.test',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,x-grpc-web',
    };
    const path = '/voice.VoiceAssistant/Say';
    const { status, headers, content } = await webCall(protocol, web.port('clear'), {
      method: 'OPTIONS',
      path,
      fields,
    });
    assert.deepEqual([status, content.length], [204, 0]);
    assert.equal(headers['access-control-allow-origin'], 'https://page.test');
    assert.equal(headers['access-control-allow-credentials'], 'true');
    assert.equal(headers['access-control-allow-headers'], 'content-type,x-grpc-web');
    const record = await web.record();
    assert.deepEqual(
      [record['httpStatus'], record.grpcStatus, record['attempts'], record['endedBy'], record.method],
      [204, '', 0, 'framegate', path],
    );
  });

  test(`${protocol}: pages of other origins may neither ask nor call`, async (t) => {
    const demo = await startDemo(t);
    const web = await startWebProxy(t, demo.address, { origins: ['https://page.test'] });
    const asking = await webCall(protocol, web.port('clear'), {
      method: 'OPTIONS',
      path: '/voice.VoiceAssistant/Say',
      fields: { origin: 'https://evil.test', 'access-control-request-method': 'POST' },
    });
    assert.equal(asking.status, 403);
    assert.match(asking.content.toString(), /grpcWeb\.origins of route "web"/);
    const fields = { origin: 'https://evil.test' };
    const calling = await webCall(
      protocol,
      web.port('clear'),
      voiceRequest('Say', { text: 'x' }, { fields }),
    );
    assert.deepEqual([calling.status, calling.headers['grpc-status']], [200, '7']);
    assert.equal(calling.headers['access-control-allow-origin'], undefined);
    assert.equal(asking.headers['access-control-allow-origin'], undefined);
    assert.equal(demo.counters.Say.started, 0);
    assert.match(
      (await web.record(({ grpcStatus }) => grpcStatus !== '')).reason,
      /^grpc_web_origin_refused: /,
    );
  });

  test(`${protocol} in TLS: a page that comes from the same place may call without being named`, async (t) => {
    const web = await startWeb(t, { origins: ['https://page.test'] });
    const port = web.port('tls');
    const request = voiceRequest('Say', { text: 'x' }, { fields: { origin: `https://localhost:${port}` } });
    const response = await webCall(protocol, port, { ...request, ca: web.caPem });
    assert.equal(parseWebBody(response.content).trailers?.['grpc-status'], '0');
    assert.equal(response.headers['access-control-allow-origin'], `https://localhost:${port}`);
  });

  test(`${protocol}: a body that is no base64 is told so`, async (t) => {
    const web = await startWeb(t);
    const request = { ...voiceRequest('Say', {}, { isText: true }), body: Buffer.from('!!!!') };
    const { headers } = await webCall(protocol, web.port('clear'), request);
    assert.equal(headers['grpc-status'], '13');
    assert.match(decodeURIComponent(headers['grpc-message']), /not base64/);
  });
}

test('native gRPC is served by the same route', async (t) => {
  const web = await startWeb(t);
  const client = connectVoiceClient({ address: `127.0.0.1:${web.port('clear')}` });
  t.after(() => client.close());
  assert.equal((await client.say({ text: 'hello' })).reply?.text, 'You said: hello');
});
