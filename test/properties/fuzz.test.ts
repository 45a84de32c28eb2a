// A short, seeded run of what `npm run fuzz` does for hours, and proof that its oracles see what they are for.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Auditor } from '../fuzz/auditor.ts';
import { compareBrokenRules } from '../fuzz/broken-rules.ts';
import { difference, heardByFramegate, legalSession, runDifferential } from '../fuzz/differential.ts';
import { fuzzProxy } from '../fuzz/proxy-fuzz.ts';
import { minimised, replay, runSession } from '../fuzz/sessions.ts';
import { type Step, stepFromJson, stepToJson } from '../fuzz/steps.ts';
import * as frames from '../support/frames.ts';

function bytes(...parts: readonly Buffer[]): Step {
  return { kind: 'bytes', bytes: Buffer.concat(parts) };
}

describe('sessions of the fuzzer', () => {
  test('500 of them find nothing, a third of them without any broken rule', () => {
    let count = 0;
    for (let seed = 9113; seed < 9613; seed++) {
      const { problem, frames: sent } = runSession(seed);
      assert.equal(problem, undefined, `seed ${seed}`);
      count += sent;
    }
    assert.ok(count > 20_000, `${count} frames`);
  });

  test('run again from what was written down, they come to the same', () => {
    for (let seed = 1; seed < 40; seed++) {
      const { role, isLegal, steps } = runSession(seed);
      const written: unknown = JSON.parse(JSON.stringify(steps.map(stepToJson)));
      assert.ok(Array.isArray(written));
      assert.equal(replay({ role, isLegal, seed, steps: written.map(stepFromJson) }), undefined);
    }
  });

  test('a sequence that fails is shortened to the steps it needs', () => {
    const wrong = bytes(frames.data(9, 'on an idle stream'));
    const steps: readonly Step[] = [
      bytes(frames.preface(), frames.settings()),
      bytes(frames.headers(1, frames.requestBlock())),
      { kind: 'drain' },
      bytes(frames.ping()),
      wrong,
      { kind: 'drain' },
    ];
    // Said to be legal, which it is not.
    const session = { role: 'server', isLegal: true, seed: 1, steps } as const;
    const problem = replay(session);
    assert.match(problem ?? '', /found to break stream_idle/);
    assert.deepEqual(minimised(session, problem ?? ''), [steps[0], wrong]);
  });
});

interface Wrong {
  readonly what: string;
  readonly receives?: readonly Buffer[];
  readonly sends: readonly Buffer[];
  readonly says: RegExp;
}

const WRONG: readonly Wrong[] = [
  {
    what: 'DATA behind END_STREAM',
    sends: [frames.headers(1, frames.responseBlock(), { endStream: true }), frames.data(1, 'x')],
    says: /behind END_STREAM/,
  },
  {
    what: 'HEADERS behind RST_STREAM',
    sends: [frames.resetStream(1, 8), frames.headers(1, frames.responseBlock())],
    says: /behind RST_STREAM/,
  },
  {
    what: 'DATA beyond the window of a stream',
    receives: [frames.windowUpdate(0, 100)],
    sends: Array.from({ length: 4 }, () => frames.data(1, Buffer.alloc(16_384))),
    says: /the stream's window/,
  },
  {
    what: 'DATA beyond the window of the connection',
    receives: [frames.windowUpdate(1, 100)],
    sends: Array.from({ length: 4 }, () => frames.data(1, Buffer.alloc(16_384))),
    says: /the connection's window/,
  },
  {
    what: 'credit for what was not received',
    receives: [frames.data(1, 'abc')],
    sends: [frames.windowUpdate(1, 4)],
    says: /more than was received/,
  },
  {
    what: 'an acknowledgement too many',
    receives: [frames.ping()],
    sends: [frames.pingAcknowledgement(), frames.pingAcknowledgement()],
    says: /PING is out of order/,
  },
  {
    what: 'a header block that is interrupted',
    sends: [frames.headers(1, frames.responseBlock(), { endHeaders: false }), frames.ping()],
    says: /interrupted/,
  },
  {
    what: 'a header block that cannot be decoded',
    sends: [frames.headers(1, Buffer.from([0xff, 0xff, 0x7f]))],
    says: /index/i,
  },
  { what: 'half a frame', sends: [frames.ping().subarray(0, 12)], says: /within a frame/ },
  {
    what: 'a frame above the maximum',
    sends: [frames.data(1, Buffer.alloc(16_385))],
    says: /above the maximum/,
  },
];

describe('the auditor notices', () => {
  for (const { what, receives = [], sends, says } of WRONG) {
    test(what, () => {
      const auditor = new Auditor('server', () => undefined);
      auditor.receives(Buffer.concat([frames.preface(), ...receives]));
      assert.throws(() => auditor.sends(Buffer.concat(sends)), says);
    });
  }

  test('nothing wrong with DATA that the windows allow, and a raised window counts once it is acknowledged', () => {
    const auditor = new Auditor('server', () => undefined);
    auditor.receives(Buffer.concat([frames.preface(), frames.settings([4, 0]), frames.windowUpdate(1, 5)]));
    auditor.sends(
      Buffer.concat([
        frames.headers(1, frames.responseBlock()),
        frames.data(1, '123456'),
        frames.settingsAcknowledgement(),
      ]),
    );
    assert.throws(() => auditor.sends(frames.data(1, '7')), /the stream's window/);
  });
});

describe('against node:http2', () => {
  test('150 legal sessions are heard alike, field for field and byte for byte', async () => {
    assert.deepEqual(await runDifferential({ sessions: 150, seconds: 120, seed: 9113 }), []);
  });

  test('sessions that differ are told apart', () => {
    const one = heardByFramegate(legalSession(1).bytes, 1000);
    assert.equal(difference(one, heardByFramegate(legalSession(1).bytes, 7)), undefined);
    assert.match(difference(one, heardByFramegate(legalSession(2).bytes, 1000)) ?? '', /^stream \d+: /);
  });

  test('broken rules get the same reaction, or one that a section of RFC 9113 explains', async () => {
    for (const { rule, framegate, node, mayDiffer } of await compareBrokenRules()) {
      assert.doesNotMatch(framegate, /^ignored/, `${rule} was not noticed`);
      if (mayDiffer === '') assert.equal(framegate, node, rule);
      else assert.notEqual(framegate, node, `${rule}: nothing is left to explain (${mayDiffer})`);
    }
  });
});

test('a proxy whose clients and upstream are fuzzed serves an honest client, and forgets no call', async () => {
  assert.deepEqual(await fuzzProxy({ sessions: 60, seconds: 60, seed: 9113 }), []);
});
