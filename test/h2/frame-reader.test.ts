// The frame reader by itself: every type, padding, and chunks cut anywhere give the same frames.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { ConnectionError } from '../../src/h2/errors.ts';
import { type FrameHandler, FrameReader } from '../../src/h2/frame-reader.ts';
import { CLIENT_PREFACE, Flag, FrameType, frameTypeName } from '../../src/h2/frame-type.ts';
import * as frames from '../support/frames.ts';

/** Writes down what the reader says; pieces of DATA stay apart. */
class Recorder implements FrameHandler {
  readonly calls: string[] = [];

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.calls.push(`${frameTypeName(type)} ${flags} ${streamId} ${bytes.toString('hex', start, end)}`);
  }

  onDataStart(streamId: number, length: number, padding: number, endStream: boolean): void {
    this.calls.push(`data ${streamId} length=${length} padding=${padding}${endStream ? ' end' : ''}`);
  }

  onDataPiece(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    this.calls.push(`piece ${bytes.toString('latin1', start, end)}${isLast ? ' last' : ''}`);
  }
}

function newReader(handler: FrameHandler, expectPreface = false): FrameReader {
  return new FrameReader(handler, 16_384, expectPreface);
}

function read(reader: FrameReader, ...chunks: readonly Buffer[]): void {
  for (const chunk of chunks) {
    reader.feed(chunk);
    reader.resume();
  }
}

/** What the reader says of the chunks. */
function callsFor(...chunks: readonly Buffer[]): string[] {
  const recorder = new Recorder();
  read(newReader(recorder), ...chunks);
  return recorder.calls;
}

function refuses(chunk: Buffer, token: string, code: number, expectPreface = false): void {
  assert.throws(
    () => read(newReader(new Recorder(), expectPreface), chunk),
    (error: unknown) => error instanceof ConnectionError && error.token === token && error.code === code,
  );
}

/** DATA pieces joined, since where they are cut depends on the chunks. */
function withoutCuts(calls: readonly string[]): string[] {
  const joined: string[] = [];
  let text = '';
  for (const call of calls) {
    if (!call.startsWith('piece ')) {
      joined.push(call);
    } else if (call.endsWith(' last')) {
      joined.push(`${text}${call.slice(0, -5)} last`.replaceAll('piece ', ''));
      text = '';
    } else {
      text += call;
    }
  }
  return joined;
}

const EVERY_TYPE: readonly Buffer[] = [
  frames.settings([4, 100_000]),
  frames.settingsAcknowledgement(),
  frames.headers(1, frames.requestBlock(), { endHeaders: false, padding: 7, priority: true }),
  frames.continuation(1, frames.block(['x', 'y'])),
  frames.data(1, 'hello world'),
  frames.data(1, 'padded', { padding: 5 }),
  frames.data(1, '', { padding: 3 }),
  frames.data(1, '', { padding: 0 }),
  frames.data(1, ''),
  frames.data(1, 'end', { endStream: true }),
  frames.priority(3),
  frames.resetStream(1, 8),
  frames.pushPromise(1, 2, frames.requestBlock()),
  frames.ping(),
  frames.windowUpdate(0, 1000),
  frames.goAway(1, 0, 'bye'),
  frames.frame(0xbe, 0xff, 0x7fffffff, 'unknown'),
  frames.frame(0xa, 0, 0),
];

describe('chunks', () => {
  const session = Buffer.concat(EVERY_TYPE);
  const whole = withoutCuts(callsFor(session));

  test('a session in one chunk gives one call for each frame, in order', () => {
    assert.equal(whole.filter((call) => !call.includes('last')).length, EVERY_TYPE.length);
  });

  test('a session cut in two at every single byte gives the same frames', () => {
    for (let at = 0; at <= session.length; at++) {
      const cut = withoutCuts(callsFor(session.subarray(0, at), session.subarray(at)));
      assert.deepEqual(cut, whole, `cut at ${at}`);
    }
  });

  test('a session byte by byte gives the same frames', () => {
    const bytes = Array.from(session, (_, at) => session.subarray(at, at + 1));
    assert.deepEqual(withoutCuts(callsFor(...bytes)), whole);
  });

  test('empty chunks change nothing', () => {
    const empty = Buffer.alloc(0);
    const bytes = Array.from(session, (_, at) => [empty, session.subarray(at, at + 1), empty]).flat();
    assert.deepEqual(withoutCuts(callsFor(...bytes)), whole);
  });

  test('a frame that arrives in many small chunks is put together whatever its size', () => {
    const payload = Buffer.alloc(16_384, 'abcdefg');
    const large = frames.frame(FrameType.HEADERS, 0, 1, payload);
    const chunks: Buffer[] = [];
    for (let at = 0; at < large.length; at += 97) chunks.push(large.subarray(at, at + 97));
    assert.deepEqual(callsFor(...chunks), [`HEADERS 0 1 ${payload.toString('hex')}`]);
  });
});

describe('DATA', () => {
  test('a piece is handed on before the rest of the frame has arrived', () => {
    const bytes = frames.data(1, 'abcdef', { endStream: true });
    assert.deepEqual(callsFor(bytes.subarray(0, 11)), ['data 1 length=6 padding=0 end', 'piece ab']);
  });

  test('only the final piece is the last one', () => {
    const bytes = frames.data(1, 'abcdef', { endStream: true });
    assert.deepEqual(callsFor(bytes.subarray(0, 11), bytes.subarray(11, 13), bytes.subarray(13)), [
      'data 1 length=6 padding=0 end',
      'piece ab',
      'piece cd',
      'piece ef last',
    ]);
  });

  test('padding counts with its length byte and is not handed on', () => {
    assert.deepEqual(callsFor(frames.data(1, 'abc', { padding: 4 })), [
      'data 1 length=8 padding=5',
      'piece abc',
      'piece  last',
    ]);
  });

  test('the last piece of padded DATA comes behind the padding', () => {
    const bytes = frames.data(1, 'abc', { padding: 4, endStream: true });
    assert.deepEqual(callsFor(bytes.subarray(0, -1)).at(-1), 'piece abc');
    assert.deepEqual(callsFor(bytes.subarray(0, -1), bytes.subarray(-1)).at(-1), 'piece  last');
  });

  test('an empty frame has one empty last piece', () => {
    assert.deepEqual(callsFor(frames.data(1, '')), ['data 1 length=0 padding=0', 'piece  last']);
  });

  test('nothing but padding has one empty last piece', () => {
    assert.deepEqual(callsFor(frames.data(1, '', { padding: 2 })), [
      'data 1 length=3 padding=3',
      'piece  last',
    ]);
  });

  test('data_padding_too_long: padding as long as the frame', () => {
    refuses(
      frames.frame(FrameType.DATA, Flag.PADDED, 1, Buffer.from([3, 0, 0])),
      'data_padding_too_long',
      ErrorCode.PROTOCOL_ERROR,
    );
  });

  test('padding of one byte less than the frame is the most that fits', () => {
    assert.deepEqual(callsFor(frames.frame(FrameType.DATA, Flag.PADDED, 1, Buffer.from([2, 0, 0]))), [
      'data 1 length=3 padding=3',
      'piece  last',
    ]);
  });

  test('data_frame_size: a padded frame without its pad length', () => {
    refuses(frames.frame(FrameType.DATA, Flag.PADDED, 1), 'data_frame_size', ErrorCode.FRAME_SIZE_ERROR);
  });
});

describe('frame header', () => {
  test('the reserved bit of the stream identifier is ignored', () => {
    assert.deepEqual(callsFor(frames.frame(FrameType.PING, 0, 0x80000005, 'x')), ['PING 0 5 78']);
  });

  test('the largest allowed frame is read, one byte more is not', () => {
    assert.equal(callsFor(frames.frame(0xbe, 0, 0, Buffer.alloc(16_384))).length, 1);
    const tooLarge = frames.frame(0xbe, 0, 0, Buffer.alloc(16_385)).subarray(0, 9);
    refuses(tooLarge, 'frame_too_large', ErrorCode.FRAME_SIZE_ERROR);
  });

  test('frame_too_large: refused at its header, whatever the type', () => {
    for (let type = 0; type < 12; type++) {
      refuses(
        Buffer.from([0xff, 0xff, 0xff, type, 0, 0, 0, 0, 1]),
        'frame_too_large',
        ErrorCode.FRAME_SIZE_ERROR,
      );
    }
  });
});

describe('client preface', () => {
  test('it is read before the first frame, in one chunk or byte by byte', () => {
    const bytes = Buffer.concat([CLIENT_PREFACE, frames.ping()]);
    for (const size of [1, 5, bytes.length]) {
      const recorder = new Recorder();
      const reader = newReader(recorder, true);
      for (let at = 0; at < bytes.length; at += size) read(reader, bytes.subarray(at, at + size));
      assert.deepEqual(recorder.calls, ['PING 0 0 3132333435363738']);
    }
  });

  test('preface_invalid: a wrong byte is found at once, wherever it stands', () => {
    for (let at = 0; at < CLIENT_PREFACE.length; at++) {
      const wrong = Buffer.from(CLIENT_PREFACE.subarray(0, at + 1));
      wrong[at] ^= 0x20;
      refuses(wrong, 'preface_invalid', ErrorCode.PROTOCOL_ERROR, true);
    }
  });
});

describe('after an exception and after the end', () => {
  test('resume goes on behind the frame that the handler threw for', () => {
    const recorder = new Recorder();
    let remaining = 2;
    const reader = newReader({
      onFrame: (type, flags, streamId, bytes, start, end) => {
        if (remaining-- > 0) throw new Error('thrown by the handler');
        recorder.onFrame(type, flags, streamId, bytes, start, end);
      },
      onDataStart: () => undefined,
      onDataPiece: () => undefined,
    });
    reader.feed(Buffer.concat([frames.ping('aaaaaaaa'), frames.ping('bbbbbbbb'), frames.ping('cccccccc')]));
    assert.throws(() => reader.resume());
    assert.throws(() => reader.resume());
    reader.resume();
    assert.deepEqual(recorder.calls, ['PING 0 0 6363636363636363']);
  });

  test('the bytes of DATA the handler threw for are still told as pieces, so that they can be dropped', () => {
    const recorder = new Recorder();
    const reader = newReader({
      onFrame: (...frame) => recorder.onFrame(...frame),
      onDataStart: () => {
        throw new Error('thrown by the handler');
      },
      onDataPiece: (...piece) => recorder.onDataPiece(...piece),
    });
    reader.feed(Buffer.concat([frames.data(1, 'abc', { padding: 2 }), frames.ping('aaaaaaaa')]));
    assert.throws(() => reader.resume());
    reader.resume();
    assert.deepEqual(recorder.calls, ['piece abc', 'piece  last', 'PING 0 0 6161616161616161']);
  });

  test('stop drops the rest of the chunk, also from within a call', () => {
    const recorder = new Recorder();
    const reader = newReader({
      onFrame: (...frame) => {
        recorder.onFrame(...frame);
        reader.stop();
      },
      onDataStart: () => undefined,
      onDataPiece: () => undefined,
    });
    read(reader, Buffer.concat([frames.ping(), frames.ping()]));
    assert.equal(recorder.calls.length, 1);
  });
});
