// One request of Node's own HTTP/2 client, awaited.

import { once } from 'node:events';
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2';

/** The body of the answer; rejects when there is no answer, or when it is not 200. */
export async function textOf(session: ClientHttp2Session, headers: OutgoingHttpHeaders): Promise<string> {
  const failed = new Promise<never>((_resolve, reject) => {
    session.once('error', reject);
    session.once('close', () => reject(new Error('the session closed before the answer')));
  });
  const stream = session.request(headers);
  const chunks: Buffer[] = [];
  // Told by the session as well.
  stream.on('error', () => undefined);
  stream.on('data', (bytes: Buffer) => chunks.push(bytes));
  const responded = once(stream, 'response');
  const ended = once(stream, 'end');
  for (const waiting of [responded, ended]) waiting.catch(() => undefined);
  stream.resume();
  const [response]: unknown[] = await Promise.race([responded, failed]);
  await Promise.race([ended, failed]);
  failed.catch(() => undefined);
  const status =
    typeof response === 'object' && response !== null && ':status' in response
      ? response[':status']
      : undefined;
  const text = Buffer.concat(chunks).toString();
  if (status !== 200) throw new Error(`the answer was ${String(status)}: ${text}`);
  return text;
}
