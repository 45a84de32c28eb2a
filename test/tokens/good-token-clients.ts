// Clients with good tokens in a process of their own, each with an address of its own. They measure how long their calls take.

import { type HonestOrder, isHonestOrder, type TokenReport } from './flood-messages.ts';
import { TokenClient } from './token-client.ts';

const PERIOD_MS = 50;

let durationsMs: number[] = [];
let failures: string[] = [];

function begin({ port, path, tokens }: HonestOrder): void {
  tokens.forEach((token, index) => {
    const client = new TokenClient(port, `127.10.6.${index + 1}`);
    const call = async (): Promise<void> => {
      const { status, message, tookMs } = await client.call(path, token);
      durationsMs.push(tookMs);
      if (status !== '0' && failures.length < 100) failures.push(`${status} "${message}"`);
    };
    // Spread over the period: they are many clients, not one burst.
    setTimeout(() => setInterval(() => void call(), PERIOD_MS), (index * PERIOD_MS) / tokens.length);
  });
}

process.on('message', (message: unknown) => {
  if (isHonestOrder(message)) begin(message);
  else {
    process.send?.({ durationsMs, failures } satisfies TokenReport);
    durationsMs = [];
    failures = [];
  }
});
process.on('disconnect', () => process.exit());
