// What a request says of its trace, and what of it is believed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { hexText } from '../../src/calls/trace-ids.ts';
import { binaryTraceParent, TraceParentReader } from '../../src/calls/trace-parent.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const GOOD = `00-${TRACE}-${SPAN}-01`;
const W3C = { w3c: true, grpcTraceBin: false };
const BOTH = { w3c: true, grpcTraceBin: true };

type Fields = readonly (readonly [string, string])[];

/** Has read a trace before, of which nothing may be left. */
function usedReader(formats: typeof W3C): TraceParentReader {
  const reader = new TraceParentReader(formats);
  const fields: Fields = [
    ['traceparent', `00-${'e'.repeat(32)}-${'d'.repeat(16)}-03`],
    ['tracestate', 'before=1'],
    ['grpc-trace-bin', 'AAAA'],
  ];
  reader.read(HeaderList.of(...fields));
  return reader;
}

/** @returns undefined if the request says nothing of a trace */
function parent(fields: Fields, formats = W3C) {
  const found = usedReader(formats).read(HeaderList.of(...fields));
  const { trace0, trace1, trace2, trace3, span0, span1, isSampled, isRandom, hasBinary } = found;
  if ((span0 | span1) === 0) {
    assert.deepEqual([trace0, trace1, trace2, trace3], [0, 0, 0, 0]);
    assert.deepEqual([isSampled, isRandom, found.state], [false, false, '']);
    if (!hasBinary) return undefined;
  }
  return {
    isSampled,
    isRandom,
    state: found.state,
    hasBinary,
    traceId: hexText(trace0, trace1) + hexText(trace2, trace3),
    parentId: hexText(span0, span1),
  };
}

test('a traceparent names the trace, the span of the caller, and whether it records', () => {
  assert.deepEqual(parent([['traceparent', GOOD]]), {
    traceId: TRACE,
    parentId: SPAN,
    isSampled: true,
    isRandom: false,
    state: '',
    hasBinary: false,
  });
  for (const [flags, isSampled, isRandom] of [
    ['00', false, false],
    ['02', false, true],
    ['03', true, true],
    ['ff', true, true],
  ] as const) {
    const found = parent([['traceparent', `00-${TRACE}-${SPAN}-${flags}`]]);
    assert.deepEqual([found?.isSampled, found?.isRandom], [isSampled, isRandom], flags);
  }
});

test('a later version is read by what it has in common with the first one', () => {
  for (const text of [
    `01-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01-what-comes`,
    `fe-${TRACE}-${SPAN}-01-`,
  ])
    assert.equal(parent([['traceparent', text]])?.traceId, TRACE, text);
});

/** The tracestate that is passed on of these. */
function state(...values: readonly string[]): string | undefined {
  return parent([['traceparent', GOOD], ...values.map((value) => ['tracestate', value] as const)])?.state;
}

/** In base64. */
function hex(text: string): string {
  return Buffer.from(text, 'hex').toString('base64');
}

const MALFORMED: readonly string[] = [
  '',
  '00',
  GOOD.slice(0, -1),
  `${GOOD}-`,
  `${GOOD}-01`,
  `${GOOD}0`,
  ` ${GOOD}`,
  `ff-${TRACE}-${SPAN}-01`,
  `0-${TRACE}-${SPAN}-001`,
  `0G-${TRACE}-${SPAN}-01`,
  `g0-${TRACE}-${SPAN}-01`,
  `cc-${TRACE}-${SPAN}-01.what`,
  `00_${TRACE}-${SPAN}-01`,
  `00-${TRACE}_${SPAN}-01`,
  `00-${TRACE}-${SPAN}_01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${TRACE}-${SPAN.toUpperCase()}-01`,
  `00-${TRACE}-${SPAN}-0x`,
  `00-${TRACE}-${SPAN}-A1`,
  `00-${'é'.repeat(32)}-${SPAN}-01`,
];

test('a malformed traceparent is none, and neither is its tracestate', () => {
  for (const text of MALFORMED)
    assert.equal(
      parent([
        ['traceparent', text],
        ['tracestate', 'a=1'],
      ]),
      undefined,
      text,
    );
});

test('of several traceparents none counts, and a tracestate alone is nothing', () => {
  assert.equal(
    parent([
      ['traceparent', GOOD],
      ['traceparent', GOOD],
    ]),
    undefined,
  );
  assert.equal(parent([['tracestate', 'a=1']]), undefined);
});

function member(length: number): string {
  return `a=${'x'.repeat(length - 2)}`;
}

test('several tracestates are one list, and one of more than 512 bytes is left out', () => {
  assert.equal(state('a=1', 'b=2'), 'a=1,b=2');
  assert.equal(state(member(256), member(255)), `${member(256)},${member(255)}`);
  assert.equal(state(member(256), member(256)), '');
});

test('a grpc-trace-bin is read if there is no traceparent, and answered in kind either way', () => {
  for (const bin of [binaryTraceParent(TRACE, SPAN, true), `${binaryTraceParent(TRACE, SPAN, true)}=`]) {
    // Nothing is left of the request before, whose trace id was random: this format cannot say that.
    assert.deepEqual(parent([['grpc-trace-bin', bin]], BOTH), {
      traceId: TRACE,
      parentId: SPAN,
      isSampled: true,
      isRandom: false,
      state: '',
      hasBinary: true,
    });
  }
  const other = binaryTraceParent('f'.repeat(32), 'e'.repeat(16), false);
  const both = parent(
    [
      ['grpc-trace-bin', other],
      ['traceparent', GOOD],
    ],
    BOTH,
  );
  assert.deepEqual([both?.traceId, both?.hasBinary], [TRACE, true]);
});

test('a grpc-trace-bin is neither read nor answered in kind where the format is not configured', () => {
  const bin = ['grpc-trace-bin', binaryTraceParent(TRACE, SPAN, true)] as const;
  assert.equal(parent([bin]), undefined);
  const both = parent([bin, ['traceparent', GOOD]]);
  assert.deepEqual([both?.traceId, both?.hasBinary], [TRACE, false]);
});

test('a malformed grpc-trace-bin begins a new trace', () => {
  for (const text of [
    '',
    'AAAA',
    '!'.repeat(39),
    'A'.repeat(10_000),
    hex(`0100${TRACE}01${SPAN}0201`),
    hex(`0001${TRACE}01${SPAN}0201`),
    hex(`0000${TRACE}02${SPAN}0201`),
    hex(`0000${TRACE}01${SPAN}0301`),
    hex(`0000${'0'.repeat(32)}01${SPAN}0201`),
    hex(`0000${TRACE}01${'0'.repeat(16)}0201`),
    hex(`0000${TRACE}01${SPAN}020100`),
  ]) {
    const found = parent([['grpc-trace-bin', text]], BOTH);
    assert.deepEqual(
      [found?.traceId, found?.parentId, found?.hasBinary],
      ['0'.repeat(32), '0'.repeat(16), true],
      text,
    );
  }
});

test('whatever the fields hold, the ids are whole or there are none', () => {
  const text = fc.oneof(fc.string({ maxLength: 80 }), fc.mixedCase(fc.constant(GOOD)));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('traceparent', 'tracestate', 'grpc-trace-bin'), text)),
      (fields) => {
        const found = parent(fields, BOTH);
        if (found === undefined) return;
        assert.match(`${found.traceId}-${found.parentId}`, /^[0-9a-f]{32}-[0-9a-f]{16}$/);
        assert.ok(found.state.length <= 512);
      },
    ),
  );
});
