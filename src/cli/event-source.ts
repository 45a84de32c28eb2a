// Reads the server-sent events of a running proxy (GET /api/events). Any program may answer at its address, so what is kept of an answer is
// bounded, and nothing in it is trusted.

import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Address } from '../config/address.ts';
import { approach } from '../control/admin-signature.ts';
import { type AdminTarget, describeUnauthorized, whereOf } from '../control/admin-target.ts';
import { fieldOf, textOf } from '../control/answer-fields.ts';
import { describeFailure } from '../control/ask-admin.ts';
import { parseShallowJson } from '../control/shallow-json.ts';

/** How a stream of events ended. Only a stream that has been open may come back. */
export interface StreamEnd {
  readonly wasOpen: boolean;
  /** One sentence. */
  readonly why: string;
}

export interface EventSourceOptions {
  readonly admin: AdminTarget;
  /** What follows `?`. */
  readonly search: string;
  /** @returns undefined, or a promise while nothing more may come */
  readonly onEvent: (event: unknown) => Promise<void> | undefined;
  readonly signal: AbortSignal;
}

const PATH = '/api/events';
const NONCE_WITHIN_MS = 60_000;
/** The proxy sends a comment at least every 15 s. */
const SILENT_MS = 45_000;
const MOST_WAITING_CHARACTERS = 1024 * 1024;
const MOST_REFUSAL_CHARACTERS = 64 * 1024;

/** Resolves when the stream is over. Never rejects. */
export async function readEvents(options: EventSourceOptions): Promise<StreamEnd> {
  const { search, signal } = options;
  const path = `${PATH}?${search}`;
  const signing = { method: 'GET', path, timeoutMs: NONCE_WITHIN_MS };
  const { target: admin, headers, agent, close } = await approach(options.admin, signing);
  const { address } = admin;
  const { request } = process.getBuiltinModule('node:http');
  const answer = Promise.withResolvers<IncomingMessage | string>();
  const sent = request({
    ...whereOf(address),
    path,
    headers: { ...headers, accept: 'text/event-stream' },
    agent,
    signal,
  });
  sent.on('response', (response) => answer.resolve(response));
  sent.on('error', (error) => answer.resolve(describeFailure(address, error)));
  sent.on('upgrade', (_response, socket) => socket.destroy());
  sent.on('close', close);
  sent.on('close', () => answer.resolve(notOurs(address, 'it gave no answer')));
  sent.setTimeout(SILENT_MS, () => sent.destroy(new Error(`it has said nothing for ${SILENT_MS / 1000} s`)));
  sent.end();
  const response = await answer.promise;
  if (typeof response === 'string') return { wasOpen: false, why: response };
  try {
    const isStream = response.headers['content-type'] === 'text/event-stream';
    if (response.statusCode !== 200 || !isStream)
      return { wasOpen: false, why: await refusalOf(admin, response) };
    return { wasOpen: true, why: await readStream(response, { ...options, admin }) };
  } finally {
    sent.destroy();
  }
}

/** Resolves to why it is over. */
async function readStream(
  response: IncomingMessage,
  { admin: { address }, onEvent }: EventSourceOptions,
): Promise<string> {
  response.setEncoding('utf8');
  let waiting = '';
  try {
    for await (const piece of response) {
      const messages = `${waiting}${String(piece)}`.split('\n\n');
      waiting = messages.pop() ?? '';
      if (waiting.length > MOST_WAITING_CHARACTERS) return notOurs(address, 'a message of it has no end');
      for (const message of messages) {
        const event = eventOf(message);
        const taken = event === undefined ? undefined : onEvent(event);
        // While the reader of our output waits, so does the proxy, which drops events and counts them.
        if (taken === undefined) continue;
        await taken;
        // Promises alone would keep signals waiting as long as there are events.
        await nextTurn();
      }
    }
  } catch (error) {
    return describeFailure(address, error);
  }
  return `${address.text} has ended the stream`;
}

/** @returns undefined for comments and for what is no event of Framegate */
function eventOf(message: string): unknown {
  if (!message.startsWith('data: ')) return undefined;
  try {
    const event: unknown = parseShallowJson(message.slice('data: '.length));
    return typeof fieldOf(event, 'event') === 'string' ? event : undefined;
  } catch {
    return undefined;
  }
}

async function refusalOf(admin: AdminTarget, response: IncomingMessage): Promise<string> {
  if (response.statusCode === 401) return describeUnauthorized(admin);
  let text = '';
  response.setEncoding('utf8');
  try {
    for await (const piece of response) {
      text += String(piece);
      if (text.length > MOST_REFUSAL_CHARACTERS) break;
    }
    const said = textOf(fieldOf(parseShallowJson(text), 'error'));
    if (said !== '') return said;
  } catch {
    // Said below.
  }
  return notOurs(admin.address, `HTTP ${response.statusCode} for ${PATH}`);
}

function notOurs({ text }: Address, why: string): string {
  return `what answers on ${text} is no admin server of a Framegate that tells of calls (${why})`;
}
