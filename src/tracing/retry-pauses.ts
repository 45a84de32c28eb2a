// Corrects the pauses that a collector asks for. OpenTelemetry's exporter makes a timer of -1 ms of `Retry-After: 0`, and of each value that
// is less: Node warns of that on standard error. With these, and with a date that is past, it would ask five times within a few milliseconds.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';

const STARTED = 'http.client.request.start';

/**
 * Leaves a pause that is none to the exporter, whose own first pause is about a second. It holds for all requests of the process: that
 * of the exporter makes no others.
 *
 * @returns a function that ends it
 */
export function correctRetryPauses(): () => void {
  subscribe(STARTED, onStarted);
  return () => void unsubscribe(STARTED, onStarted);
}

function onStarted(message: unknown): void {
  if (hasRequest(message)) message.request.prependOnceListener('response', dropVainPause);
}

function hasRequest(message: unknown): message is { readonly request: ClientRequest } {
  return typeof message === 'object' && message !== null && 'request' in message;
}

function dropVainPause({ headers }: IncomingMessage): void {
  const asked = headers['retry-after'];
  if (asked !== undefined && isVain(asked)) delete headers['retry-after'];
}

/** @param asked seconds, or a date (RFC 9110 section 10.2.3), or anything. The exporter takes a date that is past, or none, for no pause */
function isVain(asked: string): boolean {
  const seconds = Number.parseInt(asked, 10);
  return Number.isNaN(seconds) ? !(Date.parse(asked) > Date.now()) : seconds <= 0;
}
