// Calls over HTTP/2, and the services they go to, for the rows of tests about the ends of calls.

import { MESSAGE, type Scene } from './call-ends.ts';
import { eventually } from './eventually.ts';
import type { RawClient } from './raw-client.ts';
import type { RawRequest, RawServerOptions } from './raw-server.ts';

export const PATH = '/a.B/C';

export const SUCCEED: RawServerOptions = { onRequestEnd: (request) => request.succeed(Buffer.alloc(5)) };
export const ONE_MESSAGE = { requestBytes: 10, requestMessages: 1 } as const;

/** Makes a call with one message, and waits for its end. */
export async function whole({ client }: Scene): Promise<void> {
  const made = await client();
  await made.outcome(made.call({ path: PATH, body: MESSAGE }));
}

/** Makes a call without a message. */
export async function bare({ client }: Scene): Promise<void> {
  const made = await client();
  await made.outcome(made.call({ path: PATH }));
}

/** Begins a call, and does something once the service has it. */
export function during(
  act: (client: RawClient, streamId: number, scene: Scene) => unknown,
  waitsForHead = false,
) {
  return async (scene: Scene): Promise<void> => {
    const client = await scene.client();
    const streamId = client.call({ path: PATH, body: MESSAGE, endStream: false });
    const request = await scene.service.wantRequest();
    await eventually('the message', () => request.body.length === MESSAGE.length || undefined);
    if (waitsForHead) await client.wantHeaders(streamId);
    await act(client, streamId, scene);
  };
}

export function serviceDoes(act: (request: RawRequest) => unknown): RawServerOptions {
  return { onRequestEnd: act };
}
