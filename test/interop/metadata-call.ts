// A unary call with metadata, and all that its client learns.

import { type Client, Metadata } from '@grpc/grpc-js';

export interface Answer {
  readonly code: number;
  readonly details: string;
  /** Of the head and of the trailers. */
  readonly metadata: Metadata;
}

function plain(bytes: Buffer): Buffer {
  return bytes;
}

/** Calls the health service. */
export async function callWith(client: Client, fields: Readonly<Record<string, string>>): Promise<Answer> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
  const { promise, resolve } = Promise.withResolvers<Answer>();
  let received = new Metadata();
  const running = client.makeUnaryRequest(
    '/grpc.health.v1.Health/Check',
    plain,
    plain,
    Buffer.alloc(0),
    metadata,
    (error) => {
      const all = new Metadata();
      all.merge(received);
      if (error !== null) all.merge(error.metadata);
      resolve({ code: error?.code ?? 0, details: error?.details ?? '', metadata: all });
    },
  );
  running.on('metadata', (head) => {
    received = head;
  });
  return promise;
}
