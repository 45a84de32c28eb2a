// Server-sent events through the bridge. The server sends each event only when the page has asked it to, so an event that
// is held back is an event that never comes.

import { eventStreams } from '../other-side.ts';
import { eventually, type PageCase, same } from '../page-case.ts';

export const serverEventCases: readonly PageCase[] = [
  { name: 'EventSource: each event arrives before the next one is sent', run: oneByOne },
  { name: 'EventSource: it resumes with the last event id when the server ends the stream', run: resumption },
  { name: 'EventSource: the server learns that the page has closed it', run: closing },
];

interface Events {
  readonly id: string;
  readonly source: EventSource;
  next(): Promise<string>;
  /** Nothing ends the stream. */
  send(data: string): Promise<void>;
}

function open(): Events {
  const id = crypto.randomUUID();
  const source = new EventSource(`/events?id=${id}`);
  const received: string[] = [];
  source.addEventListener('message', ({ data }) => received.push(data));
  return {
    id,
    source,
    next: () => eventually('an event arrives', async () => received.shift()),
    send: async (data) => {
      const { status } = await fetch(`/events/send?id=${id}`, { method: 'POST', body: data });
      same(status, 204, 'the answer to the order to send');
    },
  };
}

async function oneByOne(): Promise<void> {
  const events = open();
  same(await events.next(), 'opened', 'the first event');
  for (const data of ['one', 'two', 'three']) {
    await events.send(data);
    same(await events.next(), data, 'the next event');
  }
  events.source.close();
}

async function resumption(): Promise<void> {
  const events = open();
  await events.next();
  await events.send('seven');
  await events.next();
  await events.send('');
  same(await events.next(), 'resumed after seven', 'the first event of the second stream');
  events.source.close();
}

async function closing(): Promise<void> {
  const events = open();
  await events.next();
  events.source.close();
  await eventually('the server learns it', async () =>
    (await eventStreams()).includes(events.id) ? undefined : true,
  );
}
