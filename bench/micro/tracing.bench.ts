// Measures what traces cost a call, in its exchange alone: without sockets, frames and the log, and with an exporter that takes spans at
// once. `node bench/micro/tracing.bench.ts [BATCHES]`

import { CallTracing } from '../../src/calls/call-tracing.ts';
import type { ExchangeObserver } from '../../src/calls/observers.ts';
import { hexText, TraceIds } from '../../src/calls/trace-ids.ts';
import type { TraceConfig } from '../../src/config/trace-config.ts';
import { HpackDecoder } from '../../src/h2/hpack/decoder.ts';
import type { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { literalFieldText } from '../../src/h2/hpack/literal-field.ts';
import { Tracing } from '../../src/tracing/tracing.ts';
import { CALLS, type CallTerms, measure } from './call-scene.ts';

const CONFIG: TraceConfig = {
  exporter: { protocol: 'http', url: 'http://127.0.0.1:4318/v1/traces' },
  headers: new Map(),
  share: 0.01,
  parents: 'trusted',
  onError: true,
  formats: { w3c: true, grpcTraceBin: false },
  intervalMs: 300_000,
  service: 'framegate',
};

async function tracingWith(share: number): Promise<CallTerms> {
  const tracing = new Tracing();
  tracing.deliverTo((_batch, taken) => taken());
  await tracing.prepare({ ...CONFIG, share }).commit();
  const observers: readonly ExchangeObserver[] = [{ onFinish: () => undefined }, tracing];
  return { tracing: new CallTracing({ ...CONFIG, share }, new TraceIds()), observers };
}

const decoder = new HpackDecoder({ maxTableSizeBytes: 4096, maxListSizeBytes: 16_384, maxFields: 128 });
const ids = new TraceIds();

function random(numbers: number): string {
  return Array.from({ length: numbers / 2 }, () => hexText(ids.next(), ids.next())).join('');
}

/** As clients send what is new in each call: behind what is always the same, without indexing. */
const COMMON = [
  [':method', 'POST'],
  [':path', '/a.B/C'],
  ['content-type', 'application/grpc'],
]
  .map(([name, value]) => literalFieldText(name, value, false))
  .join('');

function listsWithTraceParents(): readonly HeaderList[] {
  return Array.from({ length: CALLS }, () => {
    const value = `00-${random(4)}-${random(2)}-01`;
    const block = Buffer.from(COMMON + literalFieldText('traceparent', value, false), 'latin1');
    return decoder.decode(block, 0, block.length);
  });
}

/** Decoded before, since that costs the same either way. */
const batches = Array.from({ length: 50 }, listsWithTraceParents);
let batch = 0;
const nextLists = (): readonly HeaderList[] => batches[batch++ % batches.length];
measure(
  {
    off: {},
    'sample: 0%': await tracingWith(0),
    'sample: 1%': await tracingWith(0.01),
    'sample: 100%': await tracingWith(1),
    'off, traceparent': { nextLists },
    'sample: 0%, traceparent': { ...(await tracingWith(0)), nextLists },
    'sample: 1%, traceparent': { ...(await tracingWith(0.01)), nextLists },
  },
  Number(process.argv[2] ?? '300'),
);
