// RFC 9113 section 3: starting HTTP/2.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameSummaries } from '../support/frame-summary.ts';
import * as frames from '../support/frames.ts';
import { Endpoint } from '../support/wire.ts';

test('3.4 a client begins with the preface, then SETTINGS', () => {
  const client = new Endpoint('client');
  client.wants(
    'client preface',
    'SETTINGS stream=0 length=18 ENABLE_PUSH=0 INITIAL_WINDOW_SIZE=65535 MAX_HEADER_LIST_SIZE=16384',
  );
});

test('3.4 a server begins with SETTINGS, without waiting for the client', () => {
  const server = new Endpoint('server');
  server.wants(
    'SETTINGS stream=0 length=18 MAX_CONCURRENT_STREAMS=100 INITIAL_WINDOW_SIZE=65535 MAX_HEADER_LIST_SIZE=16384',
  );
});

test('6.9.2 a larger window of the connection is announced by WINDOW_UPDATE', () => {
  const server = new Endpoint('server', { connectionWindowBytes: 1_048_576 });
  server.wants(
    'SETTINGS stream=0 length=18 MAX_CONCURRENT_STREAMS=100 INITIAL_WINDOW_SIZE=65535 MAX_HEADER_LIST_SIZE=16384',
    'WINDOW_UPDATE stream=0 length=4 increment=983041',
  );
});

test('3.4 SETTINGS are acknowledged at once', () => {
  const server = new Endpoint('server').clears();
  server.receives(frames.preface(), frames.settings()).wants('SETTINGS stream=0 length=0 ACK');
  server.tells('settings first');
});

test('3.4 preface_invalid: HTTP/1.1 instead of the preface', () => {
  const server = new Endpoint('server');
  server.receives(Buffer.from('GET / HTTP/1.1\r\nhost: example.test\r\n\r\n'));
  server.failsConnection('preface_invalid', 'PROTOCOL_ERROR');
});

test('3.4 preface_invalid: the preface with its last byte wrong', () => {
  const server = new Endpoint('server');
  const wrong = frames.preface();
  wrong[23] = 0;
  server.receives(wrong);
  server.failsConnection('preface_invalid', 'PROTOCOL_ERROR');
});

const FIRST_FRAMES: readonly (readonly [name: string, frame: Buffer])[] = [
  ['DATA', frames.data(1, 'x')],
  ['HEADERS', frames.headers(1, frames.requestBlock())],
  ['PRIORITY', frames.priority(1)],
  ['RST_STREAM', frames.resetStream(1, 0)],
  ['PUSH_PROMISE', frames.pushPromise(1, 2, frames.requestBlock())],
  ['PING', frames.ping()],
  ['GOAWAY', frames.goAway(0, 0)],
  ['WINDOW_UPDATE', frames.windowUpdate(0, 1)],
  ['CONTINUATION', frames.continuation(1, frames.requestBlock())],
  ['a frame of unknown type', frames.frame(0xbe, 0, 0)],
  ['an acknowledgement of SETTINGS', frames.settingsAcknowledgement()],
];
for (const [name, frame] of FIRST_FRAMES) {
  test(`3.4 settings_not_first: ${name} before SETTINGS, from a client or a server`, () => {
    const server = new Endpoint('server');
    server.receives(frames.preface(), frame);
    server.failsConnection('settings_not_first', 'PROTOCOL_ERROR');
    const client = new Endpoint('client');
    client.receives(frame);
    client.failsConnection('settings_not_first', 'PROTOCOL_ERROR');
  });
}

test('3.4 a client may send requests before it has seen the SETTINGS of the server', () => {
  const client = new Endpoint('client').clears();
  client.requests({ endStream: true });
  assert.match(frameSummaries(client.takesOutput())[0], /^HEADERS stream=1 .*END_STREAM/);
  client.receives(frames.settings(), frames.headers(1, frames.responseBlock(), { endStream: true }));
  client.accepts().tells('settings first', 'response 1 :status=200 end');
});
