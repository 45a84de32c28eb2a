// One broken rule at a time, said to Framegate and to node:http2: where the two react differently, the section of RFC 9113
// that lets both do so stands in the row. A difference without a section, or a section without a difference, is a finding.

import { FrameType } from '../../src/h2/frame-type.ts';
import * as frames from '../support/frames.ts';
import { type Heard, heardByFramegate, NodeServer } from './differential.ts';

interface BrokenRule {
  readonly rule: string;
  readonly bytes: readonly Buffer[];
  /** Why the two may react differently; '' where they must not. */
  readonly mayDiffer: string;
}

const OPEN = frames.headers(1, frames.requestBlock());
const ENDED = frames.headers(1, frames.requestBlock(), { endStream: true });

const SAME = '';
const STRICTER = '5.4.1: a stream error may be treated as a connection error, as nghttp2 does';
const LENIENT_STREAM =
  '5.1.1 asks for the connection error; nghttp2 takes the stream for one that is over and ignores the frame';
const LENIENT_VALUE = '8.2.1 asks for the stream error; node leaves the field out and goes on';

// biome-ignore format: a table reads as a table
export const BROKEN_RULES: readonly BrokenRule[] = [
  { rule: 'DATA on stream 0', bytes: [frames.data(0, 'x')], mayDiffer: SAME },
  { rule: 'DATA on an idle stream', bytes: [frames.data(5, 'x')], mayDiffer: SAME },
  { rule: 'DATA after END_STREAM', bytes: [ENDED, frames.data(1, 'x')], mayDiffer: STRICTER },
  { rule: 'DATA with too much padding', bytes: [OPEN, frames.frame(FrameType.DATA, 8, 1, Buffer.from([9, 1, 2]))], mayDiffer: SAME },
  { rule: 'HEADERS on stream 0', bytes: [frames.headers(0, frames.requestBlock())], mayDiffer: SAME },
  { rule: 'HEADERS on an even stream', bytes: [frames.headers(2, frames.requestBlock())], mayDiffer: SAME },
  { rule: 'HEADERS on a lower stream', bytes: [frames.headers(5, frames.requestBlock()), frames.headers(3, frames.requestBlock())], mayDiffer: LENIENT_STREAM },
  { rule: 'HEADERS after END_STREAM', bytes: [ENDED, frames.headers(1, frames.block(['a', 'b']), { endStream: true })], mayDiffer: STRICTER },
  { rule: 'trailers without END_STREAM', bytes: [OPEN, frames.headers(1, frames.block(['a', 'b']))], mayDiffer: SAME },
  { rule: 'an upper-case name', bytes: [frames.headers(1, frames.requestBlock(['X-Upper', 'a']))], mayDiffer: SAME },
  { rule: 'connection: close', bytes: [frames.headers(1, frames.requestBlock(['connection', 'close']))], mayDiffer: SAME },
  { rule: 'te: gzip', bytes: [frames.headers(1, frames.requestBlock(['te', 'gzip']))], mayDiffer: SAME },
  { rule: 'a line break in a value', bytes: [frames.headers(1, frames.requestBlock(['a', 'b\r\nc']))], mayDiffer: LENIENT_VALUE },
  { rule: 'no :path', bytes: [frames.headers(1, frames.block([':method', 'POST'], [':scheme', 'http']))], mayDiffer: SAME },
  { rule: ':status in a request', bytes: [frames.headers(1, frames.requestBlock([':status', '200']))], mayDiffer: SAME },
  { rule: 'two :path', bytes: [frames.headers(1, frames.block([':path', '/a'], ...frames.REQUEST_FIELDS))], mayDiffer: SAME },
  { rule: 'a pseudo-header field behind others', bytes: [frames.headers(1, frames.block([':method', 'GET'], [':scheme', 'http'], ['a', 'b'], [':path', '/']))], mayDiffer: SAME },
  { rule: 'more DATA than content-length', bytes: [frames.headers(1, frames.requestBlock(['content-length', '1'])), frames.data(1, 'xyz', { endStream: true })], mayDiffer: STRICTER },
  { rule: 'less DATA than content-length', bytes: [frames.headers(1, frames.requestBlock(['content-length', '9'])), frames.data(1, 'xyz', { endStream: true })], mayDiffer: SAME },
  { rule: 'an HPACK index out of range', bytes: [frames.headers(1, Buffer.from([0xff, 0xff, 0x7f]))], mayDiffer: SAME },
  { rule: 'RST_STREAM on an idle stream', bytes: [frames.resetStream(7, 8)], mayDiffer: SAME },
  { rule: 'RST_STREAM on stream 0', bytes: [frames.resetStream(0, 8)], mayDiffer: SAME },
  { rule: 'RST_STREAM of 3 bytes', bytes: [OPEN, frames.frame(FrameType.RST_STREAM, 0, 1, 'abc')], mayDiffer: SAME },
  { rule: 'SETTINGS on a stream', bytes: [frames.frame(FrameType.SETTINGS, 0, 1)], mayDiffer: SAME },
  { rule: 'SETTINGS of 5 bytes', bytes: [frames.frame(FrameType.SETTINGS, 0, 0, 'abcde')], mayDiffer: SAME },
  { rule: 'SETTINGS ACK with a payload', bytes: [frames.frame(FrameType.SETTINGS, 1, 0, 'abcdef')], mayDiffer: SAME },
  { rule: 'ENABLE_PUSH 2', bytes: [frames.settings([2, 2])], mayDiffer: SAME },
  { rule: 'INITIAL_WINDOW_SIZE above 2^31-1', bytes: [frames.settings([4, 0x80000000])], mayDiffer: SAME },
  { rule: 'MAX_FRAME_SIZE below 2^14', bytes: [frames.settings([5, 100])], mayDiffer: SAME },
  { rule: 'PUSH_PROMISE from a client', bytes: [OPEN, frames.pushPromise(1, 2, frames.requestBlock())], mayDiffer: SAME },
  { rule: 'PING of 7 bytes', bytes: [frames.frame(FrameType.PING, 0, 0, '1234567')], mayDiffer: SAME },
  { rule: 'PING on a stream', bytes: [frames.frame(FrameType.PING, 0, 1, '12345678')], mayDiffer: SAME },
  { rule: 'GOAWAY on a stream', bytes: [frames.frame(FrameType.GOAWAY, 0, 1, Buffer.alloc(8))], mayDiffer: SAME },
  { rule: 'WINDOW_UPDATE 0 on the connection', bytes: [frames.windowUpdate(0, 0)], mayDiffer: SAME },
  { rule: 'WINDOW_UPDATE 0 on a stream', bytes: [OPEN, frames.windowUpdate(1, 0)], mayDiffer: STRICTER },
  { rule: 'WINDOW_UPDATE beyond 2^31-1 on the connection', bytes: [frames.windowUpdate(0, 0x7fffffff)], mayDiffer: SAME },
  { rule: 'WINDOW_UPDATE beyond 2^31-1 on a stream', bytes: [OPEN, frames.windowUpdate(1, 0x7fffffff)], mayDiffer: STRICTER },
  { rule: 'WINDOW_UPDATE on an idle stream', bytes: [frames.windowUpdate(9, 1)], mayDiffer: SAME },
  { rule: 'WINDOW_UPDATE of 3 bytes', bytes: [frames.frame(FrameType.WINDOW_UPDATE, 0, 0, 'abc')], mayDiffer: SAME },
  { rule: 'CONTINUATION of nothing', bytes: [frames.continuation(1, frames.requestBlock())], mayDiffer: SAME },
  { rule: 'PING within a header block', bytes: [frames.headers(1, frames.requestBlock(), { endHeaders: false }), frames.ping()], mayDiffer: SAME },
  { rule: 'PRIORITY of 4 bytes', bytes: [frames.priority(1, Buffer.alloc(4))], mayDiffer: SAME },
  { rule: 'a frame above SETTINGS_MAX_FRAME_SIZE', bytes: [OPEN, frames.data(1, Buffer.alloc(16_385))], mayDiffer: SAME },
];

export interface RuleResult {
  readonly rule: string;
  readonly framegate: string;
  readonly node: string;
  readonly mayDiffer: string;
}

function reaction({ connection, resets, streams }: Heard): string {
  if (connection !== 'open') return `GOAWAY ${connection}`;
  if (resets.size > 0) return Array.from(resets, ([id, code]) => `RST_STREAM ${id} ${code}`).join(', ');
  const given = Array.from(streams, ([id, { fields }]) => `${id} of ${fields.split('\n').length} fields`);
  return `ignored; requests: ${given.join(', ') || 'none'}`;
}

/** Every rule, said to both. */
export async function compareBrokenRules(): Promise<readonly RuleResult[]> {
  const node = await NodeServer.start();
  const results: RuleResult[] = [];
  for (const { rule, bytes, mayDiffer } of BROKEN_RULES) {
    const session = Buffer.concat([
      frames.preface(),
      frames.settings(),
      frames.settingsAcknowledgement(),
      ...bytes,
    ]);
    const ours = reaction(heardByFramegate(session, 100_000));
    const theirs = reaction(
      await node.hear(session, (heard) => mayDiffer !== '' || reaction(heard) === ours),
    );
    results.push({ rule, framegate: ours, node: theirs, mayDiffer });
  }
  node.close();
  return results;
}
