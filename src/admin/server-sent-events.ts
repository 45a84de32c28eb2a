// What answers of server-sent events have in common: their head, and how a message is written.

import type { Containment } from '../transport/containment.ts';

/** What they need of a response of Node. */
export interface EventResponse {
  readonly writableNeedDrain: boolean;
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  write(text: string): boolean;
  end(): unknown;
  destroy(): unknown;
  on(event: 'close' | 'drain' | 'error', listener: () => void): unknown;
}

/** The proxy stops, or its admin server moves to another address. */
export const CLOSES = 'the admin server closes';

/** The client was granted the stream by a token that is no longer valid, or before there was one. */
export const TOKEN_CHANGED = 'the token of the admin server has changed';

/** For what is left of the answer when the proxy ends it, until the client has taken that. */
const END_WITHIN_MS = 10_000;

export interface EventResponseEvents {
  /** The client has gone. Called once or more. */
  readonly onEnd: () => void;
  /** The client has taken what was written. */
  readonly onDrain: () => void;
}

/** Begins the answer. What a listener throws ends it, and nothing else. */
export function beginEvents(
  response: EventResponse,
  containment: Containment,
  { onEnd, onDrain }: EventResponseEvents,
): void {
  const guard = (listener: () => void): (() => void) => containment.guard(() => response.destroy(), listener);
  response.on('close', guard(onEnd));
  // The client has gone, which 'close' says as well.
  response.on('error', guard(onEnd));
  response.on('drain', guard(onDrain));
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  });
}

/** Ends the answer. A client that does not take the rest of it in time is left. */
export function endEvents(response: EventResponse, containment: Containment): void {
  const leave = (): void => void response.destroy();
  const timer = setTimeout(containment.guard(leave, leave), END_WITHIN_MS).unref();
  response.on('close', () => clearTimeout(timer));
  response.end();
}

/** A line of JSON has no line break, which would end the field. */
export function framed(line: string): string {
  return `data: ${line}\n\n`;
}
