// Checks the summary line of each frame type, as failing tests show it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import * as frames from '../support/frames.ts';
import { frameSummaries, frameSummary } from './frame-summary.ts';

const BLOCK = Buffer.alloc(20);

describe('one line for each type', () => {
  const cases: readonly (readonly [frame: Buffer, line: string])[] = [
    [frames.data(1, 'abc'), 'DATA stream=1 length=3'],
    [frames.data(1, 'abc', { endStream: true, padding: 2 }), 'DATA stream=1 length=6 END_STREAM|PADDED'],
    [frames.headers(1, BLOCK), 'HEADERS stream=1 length=20 END_HEADERS'],
    [
      frames.headers(1, BLOCK, { endStream: true, endHeaders: false, priority: true }),
      'HEADERS stream=1 length=25 END_STREAM|PRIORITY',
    ],
    [frames.continuation(1, BLOCK), 'CONTINUATION stream=1 length=20 END_HEADERS'],
    [frames.priority(3), 'PRIORITY stream=3 length=5'],
    [frames.resetStream(5, ErrorCode.CANCEL), 'RST_STREAM stream=5 length=4 code=CANCEL'],
    [frames.resetStream(5, 0xff), 'RST_STREAM stream=5 length=4 code=0xff'],
    [frames.frame(FrameType.RST_STREAM, 0, 5, 'abc'), 'RST_STREAM stream=5 length=3'],
    [
      frames.settings([4, 100], [0x99, 1]),
      'SETTINGS stream=0 length=12 INITIAL_WINDOW_SIZE=100 setting 0x99=1',
    ],
    [frames.settingsAcknowledgement(), 'SETTINGS stream=0 length=0 ACK'],
    [frames.pushPromise(1, 2, BLOCK), 'PUSH_PROMISE stream=1 length=24 END_HEADERS'],
    [frames.ping('abcdefgh'), 'PING stream=0 length=8 data=6162636465666768'],
    [frames.pingAcknowledgement('abcdefgh'), 'PING stream=0 length=8 ACK data=6162636465666768'],
    [
      frames.goAway(7, ErrorCode.ENHANCE_YOUR_CALM, 'too many "pings"'),
      'GOAWAY stream=0 length=24 last=7 code=ENHANCE_YOUR_CALM debug="too many \\"pings\\""',
    ],
    [frames.frame(FrameType.GOAWAY, 0, 0, 'abc'), 'GOAWAY stream=0 length=3'],
    [frames.windowUpdate(0, 1000), 'WINDOW_UPDATE stream=0 length=4 increment=1000'],
    [frames.frame(FrameType.WINDOW_UPDATE, 0, 1, 'abc'), 'WINDOW_UPDATE stream=1 length=3'],
    [frames.frame(0xbe, 0xc2, 9, 'abc'), 'type 0xbe stream=9 length=3 0xc2'],
  ];
  for (const [frame, line] of cases) {
    test(line, () => assert.equal(frameSummary(frame), line));
  }
});

test('debug text is shortened to 128 bytes, so that one line stays one line', () => {
  const line = frameSummary(frames.goAway(0, 0, `${'x'.repeat(500)}\n`));
  assert.ok(line.length < 220);
  assert.doesNotMatch(frameSummary(frames.goAway(0, 0, 'two\nlines')), /\n/);
});

test('a frame in the middle of a buffer is found by its offset', () => {
  const bytes = Buffer.concat([frames.ping(), frames.data(1, 'abc')]);
  assert.equal(frameSummary(bytes, 17), 'DATA stream=1 length=3');
});

test('what is not whole is said to be so', () => {
  assert.equal(frameSummary(Buffer.alloc(5)), 'incomplete frame header: 5 bytes');
  assert.equal(frameSummary(frames.ping().subarray(0, 12)), 'PING stream=0 length=8 payload incomplete');
});

test('several frames are several lines, behind the preface if it is there', () => {
  const bytes = Buffer.concat([frames.preface(), frames.settings(), frames.ping().subarray(0, 3)]);
  assert.deepEqual(frameSummaries(bytes), [
    'client preface',
    'SETTINGS stream=0 length=0',
    'incomplete frame header: 3 bytes',
  ]);
  assert.deepEqual(frameSummaries(Buffer.alloc(0)), []);
});
