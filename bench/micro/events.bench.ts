// Measures what subscribers to GET /api/events cost a call, in its exchange alone: without sockets, frames and the log.
// `node bench/micro/events.bench.ts [BATCHES]`

import type { EventQuery } from '../../src/calls/event-query.ts';
import type { ExchangeObserver } from '../../src/calls/observers.ts';
import { RequestIds } from '../../src/calls/request-id.ts';
import { CallEvents } from '../../src/plane/call-events.ts';
import { type CallTerms, measure } from './call-scene.ts';

function termsWith(query: EventQuery): CallTerms {
  const events = new CallEvents({
    requestIds: new RequestIds(),
    onChange: () => undefined,
    onFault: (error) => {
      throw error;
    },
  });
  events.subscribe(query, (_batch, taken) => taken());
  const { observer } = events;
  const observers: readonly ExchangeObserver[] = [
    { onFinish: () => undefined },
    ...(observer === undefined ? [] : [observer]),
  ];
  return { observers };
}

const rate = 1000;
measure(
  {
    nobody: { observers: [{ onFinish: () => undefined }] },
    'start and end of another route': termsWith({ kinds: ['start', 'end'], route: 'none', rate }),
    'messages of another route': termsWith({ kinds: ['message'], route: 'none', messageBytes: 4096, rate }),
    'start and end, 1000/s': termsWith({ kinds: ['start', 'end'], rate }),
    'messages, 1000/s': termsWith({ kinds: ['message'], rate }),
  },
  Number(process.argv[2] ?? '300'),
);
