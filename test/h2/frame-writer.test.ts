// Frames byte by byte, HEADERS divided into CONTINUATION, and frames that meet the end of a slab.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { CLIENT_PREFACE } from '../../src/h2/frame-type.ts';
import { FrameWriter, LARGEST_PIECE_BYTES } from '../../src/h2/frame-writer.ts';
import { OutputBuffer } from '../../src/h2/output-buffer.ts';
import { frameSummaries } from '../support/frame-summary.ts';
import * as frames from '../support/frames.ts';

const NOTHING = Buffer.alloc(0);

/** What a writer leaves in its output. */
function written(write: (writer: FrameWriter) => void): Buffer {
  const output = new OutputBuffer({ outputBegins: () => undefined, slabIsFull: () => undefined });
  write(new FrameWriter(output));
  const pieces: Buffer[] = [];
  for (let slab = output.takeSlab(); slab !== undefined; slab = output.takeSlab()) {
    pieces.push(Buffer.from(slab.bytes.subarray(0, slab.length)));
    output.releaseSlab(slab);
  }
  return Buffer.concat(pieces);
}

function headersWritten(maxFrameBytes: number, block: Buffer, suffix: Buffer, endStream = false): Buffer {
  return written((writer) =>
    writer.writeHeaders(5, endStream, maxFrameBytes, block, block.length, suffix, suffix.length),
  );
}

/** The payloads of all frames joined: the header block. */
function payloads(bytes: Buffer): Buffer {
  return Buffer.concat(frames.splitFrames(bytes).map((frame) => frame.subarray(9)));
}

const counted = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => index & 0xff));

describe('each frame', () => {
  const cases: readonly (readonly [name: string, write: (writer: FrameWriter) => void, expected: Buffer])[] =
    [
      ['the preface', (writer) => writer.writeRaw(CLIENT_PREFACE), frames.preface()],
      [
        'DATA of a part of a buffer',
        (writer) => writer.writeData(3, Buffer.from('xxhelloxx'), 2, 7, false),
        frames.data(3, 'hello'),
      ],
      [
        'DATA too long for the copy loop',
        (writer) => writer.writeData(3, counted(100), 10, 90, true),
        frames.data(3, counted(100).subarray(10, 90), { endStream: true }),
      ],
      [
        'empty DATA with END_STREAM',
        (writer) => writer.writeData(3, NOTHING, 0, 0, true),
        frames.data(3, '', { endStream: true }),
      ],
      [
        'RST_STREAM on the highest stream',
        (writer) => writer.writeResetStream(0x7fffffff, ErrorCode.CANCEL),
        frames.resetStream(0x7fffffff, ErrorCode.CANCEL),
      ],
      [
        'SETTINGS',
        (writer) => writer.writeSettings(frames.settings([4, 7], [1, 0xffffffff]).subarray(9)),
        frames.settings([4, 7], [1, 0xffffffff]),
      ],
      ['SETTINGS ACK', (writer) => writer.writeSettingsAcknowledgement(), frames.settingsAcknowledgement()],
      [
        'PING from the middle of a buffer',
        (writer) => writer.writePing(Buffer.from('..abcdefgh..'), 2, false),
        frames.ping('abcdefgh'),
      ],
      [
        'PING ACK',
        (writer) => writer.writePing(Buffer.from('abcdefgh'), 0, true),
        frames.pingAcknowledgement('abcdefgh'),
      ],
      [
        'GOAWAY',
        (writer) => writer.writeGoAway(7, 0xfffffffe, 'calm down'),
        frames.goAway(7, 0xfffffffe, 'calm down'),
      ],
      [
        'WINDOW_UPDATE',
        (writer) => writer.writeWindowUpdate(0, 0x7fffffff),
        frames.windowUpdate(0, 0x7fffffff),
      ],
    ];
  for (const [name, write, expected] of cases) {
    test(`${name} is written as RFC 9113 section 6 draws it`, () => {
      assert.deepEqual(written(write), expected);
    });
  }

  test('a long debug text of GOAWAY is shortened to 512 bytes', () => {
    const frame = written((writer) => writer.writeGoAway(1, 0, 'x'.repeat(100_000)));
    assert.equal(frame.length, 9 + 8 + 512);
  });

  test('a large block ends where its length says, not where its buffer does', () => {
    const bytes = written((writer) => writer.writeHeaders(1, true, 16_384, counted(50), 30, counted(9), 4));
    assert.deepEqual(payloads(bytes), Buffer.concat([counted(30), counted(4)]));
  });
});

describe('HEADERS and CONTINUATION', () => {
  test('a block of exactly the frame size is one frame', () => {
    const bytes = headersWritten(16_384, counted(16_384), NOTHING, true);
    assert.deepEqual(frameSummaries(bytes), ['HEADERS stream=5 length=16384 END_STREAM|END_HEADERS']);
  });

  test('END_STREAM stands on HEADERS and END_HEADERS on the last CONTINUATION', () => {
    const bytes = headersWritten(16_384, counted(40_000), NOTHING, true);
    assert.deepEqual(frameSummaries(bytes), [
      'HEADERS stream=5 length=16384 END_STREAM',
      'CONTINUATION stream=5 length=16384',
      'CONTINUATION stream=5 length=7232 END_HEADERS',
    ]);
    assert.deepEqual(payloads(bytes), counted(40_000));
  });

  test('the suffix follows the block in the same frame', () => {
    const bytes = headersWritten(16_384, counted(100), Buffer.from('suffix'));
    assert.deepEqual(bytes, frames.headers(5, Buffer.concat([counted(100), Buffer.from('suffix')])));
  });

  test('a suffix that crosses the frame size is divided where the frame ends', () => {
    const suffix = Buffer.from('0123456789');
    for (let over = 1; over <= 10; over++) {
      const block = counted(16_384 - 10 + over);
      const bytes = headersWritten(16_384, block, suffix);
      assert.deepEqual(frameSummaries(bytes), [
        'HEADERS stream=5 length=16384',
        `CONTINUATION stream=5 length=${over} END_HEADERS`,
      ]);
      assert.deepEqual(payloads(bytes), Buffer.concat([block, suffix]));
    }
  });

  test('an empty block is one empty frame', () => {
    assert.deepEqual(frameSummaries(headersWritten(16_384, NOTHING, NOTHING)), [
      'HEADERS stream=5 length=0 END_HEADERS',
    ]);
  });

  test('no frame is larger than what fits a slab, whatever the peer allows', () => {
    const bytes = headersWritten(16_777_215, counted(LARGEST_PIECE_BYTES + 1), NOTHING);
    assert.deepEqual(frameSummaries(bytes), [
      `HEADERS stream=5 length=${LARGEST_PIECE_BYTES}`,
      'CONTINUATION stream=5 length=1 END_HEADERS',
    ]);
    assert.deepEqual(payloads(bytes), counted(LARGEST_PIECE_BYTES + 1));
  });
});

test('frames of all sizes keep their order and bytes across the ends of slabs', () => {
  const sizes = [
    0,
    1,
    24,
    25,
    4_079,
    4_087,
    4_088,
    16_384,
    LARGEST_PIECE_BYTES,
    3,
    LARGEST_PIECE_BYTES,
    65,
    16_384,
  ];
  const bytes = written((writer) => {
    for (const size of sizes) {
      writer.writeData(1, counted(size), 0, size, false);
      writer.writeWindowUpdate(1, size + 1);
    }
  });
  const expected = sizes.flatMap((size) => [frames.data(1, counted(size)), frames.windowUpdate(1, size + 1)]);
  assert.deepEqual(bytes, Buffer.concat(expected));
});
