// Asks the server of the page what only the other side of the proxy knows.

import { eventually } from './page-case.ts';

export interface Settings {
  readonly only: string;
  /** What the browser speaks with the proxy, as nextHopProtocol has it. */
  readonly protocol: 'h2' | 'http/1.1';
  /** Another origin with the same service. */
  readonly callsOrigin: string;
}

export interface ExchangeRecord {
  readonly client: string;
  readonly tls: string;
  readonly httpStatus: number;
  readonly grpcStatus: string;
  readonly reason: string;
}

async function ask<Answer>(name: string, about = ''): Promise<Answer> {
  const response = await fetch(`/other-side/${name}?about=${encodeURIComponent(about)}`);
  if (!response.ok) throw new Error(`the server of the page answered ${response.status}`);
  return response.json();
}

export const settings: () => Promise<Settings> = () => ask('settings');

/** What the service saw of the calls with this tag: 'started', 'completed 0', 'failed 5', 'cancelled' ... */
export const callEvents = (tag: string): Promise<readonly string[]> => ask('calls', tag);

export const exchanges = (path: string): Promise<readonly ExchangeRecord[]> => ask('exchanges', path);

export const logged = (text: string): Promise<readonly unknown[]> => ask('log', text);

/** The close code that the WebSocket server was told, or null. */
export const closeCode = (id: string): Promise<number | null> => ask('close-code', id);

export const eventStreams = (): Promise<readonly string[]> => ask('event-streams');

/** Resolves when the service has seen that the call is cancelled. */
export async function cancelled(tag: string): Promise<void> {
  await eventually(`the service sees ${tag} cancelled`, async () =>
    (await callEvents(tag)).includes('cancelled') ? true : undefined,
  );
}

/** Resolves when the call has ended at the service, with what. */
export function ended(tag: string): Promise<string> {
  return eventually(`the service ends ${tag}`, async () => (await callEvents(tag))[1]);
}
