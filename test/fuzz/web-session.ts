// What one client of the web fuzzer does, and how the service answers each of its requests: plain data, so that a session
// can be written down, shortened and run again. Every request has a token, and all that belongs to it carries the token.

import type { Fields } from '../support/raw-frames.ts';

/** The third expects a PROXY header, which a session sends as an item without a request. */
export type FuzzListener = 'clear' | 'tls' | 'proxied';

/** What happens behind an item: nothing, some turns of the event loop, a wait for all answers, FIN, or RST. */
export type Next = 'join' | 'turns' | 'answer' | 'fin' | 'reset';

interface Paced {
  readonly next: Next;
}

/** A request over HTTP/1.1, or bytes that may draw an answer as one does. */
export interface RequestItem extends Paced {
  readonly kind: 'request';
  readonly number: number;
  readonly method: string;
  /** The request line and the fields, each with its end of line. */
  readonly head: readonly string[];
  /** Behind the head, trailers included. */
  readonly body: string;
  /** The content that `body` frames. */
  readonly content: string;
  /** Offsets in head and body at which a segment ends. */
  readonly cuts: readonly number[];
}

/** Bytes that draw no answer of their own: a PROXY header, what goes through a tunnel, a TLS record. */
export interface BytesItem extends Paced {
  readonly kind: 'bytes';
  readonly text: string;
}

export interface HeadersItem extends Paced {
  readonly kind: 'headers';
  readonly stream: number;
  readonly fields: Fields;
  readonly isEnd: boolean;
}

export interface DataItem extends Paced {
  readonly kind: 'data';
  readonly stream: number;
  readonly text: string;
  readonly isEnd: boolean;
}

export interface ResetItem extends Paced {
  readonly kind: 'rst';
  readonly stream: number;
  readonly code: number;
}

export type Item = RequestItem | BytesItem | HeadersItem | DataItem | ResetItem;

export type ServiceStep =
  | { readonly do: 'send'; readonly text: string }
  /** Until all of the request is here. */
  | { readonly do: 'request' }
  | { readonly do: 'turns'; readonly count: number }
  /** From here on a tunnel: what comes goes back, FIN for FIN. */
  | { readonly do: 'echo' }
  | { readonly do: 'fin' }
  | { readonly do: 'reset' };

/**
 * What a client may get of it. whole: this status and content. cut: it broke off, and must not look whole. bad: it cannot
 * be translated, and must not look like the service's answer. any: nothing is promised.
 */
export type Outcome = 'whole' | 'cut' | 'bad' | 'any';

export interface ServiceScript {
  readonly steps: readonly ServiceStep[];
  readonly outcome: Outcome;
  readonly status: number;
  readonly content: string;
}

export interface WebSession {
  readonly seed: number;
  readonly name: string;
  readonly listener: FuzzListener;
  readonly speaks: 'http1' | 'h2' | 'bytes';
  /** Offered in a TLS handshake; none where the bytes go out as they are. */
  readonly alpn: readonly string[] | undefined;
  /** It breaks no rule and waits: each request has to be served as its script says. */
  readonly isLegal: boolean;
  /** In the order in which they are sent; frames of several streams may be mixed. */
  readonly items: readonly Item[];
  /** By number of the request. */
  readonly scripts: Readonly<Record<number, ServiceScript>>;
  /** False: nothing of what comes is read. */
  readonly reads: boolean;
}

/** From this number on: within a body or behind one, where no request may be found. */
export const HIDDEN = 900;

export function token(seed: number, number: number): string {
  return `k${seed}x${number}k`;
}

export interface FoundToken {
  readonly seed: number;
  readonly number: number;
}

export function tokensIn(text: string): readonly FoundToken[] {
  return [...text.matchAll(/k(\d+)x(\d+)k/g)].map(([, seed, number]) => ({
    seed: Number(seed),
    number: Number(number),
  }));
}

export function isWebSession(value: unknown): value is WebSession {
  return typeof value === 'object' && value !== null && 'listener' in value && 'scripts' in value;
}

/** For a person: one line for each item and each step of a service. */
export function describeSession(session: WebSession): string {
  const { name, listener, speaks, alpn, isLegal, items, scripts } = session;
  const over = alpn === undefined ? '' : ` after a TLS handshake with ALPN [${alpn.join(', ')}]`;
  const lines = [`${name}: ${isLegal ? 'legal, ' : ''}${speaks} on the listener ${listener}${over}`];
  for (const item of items) lines.push(`  client ${describeItem(item)}`);
  const numbers = new Set(
    items.flatMap((item) =>
      item.kind === 'request' ? [item.number] : 'stream' in item ? [(item.stream - 1) / 2] : [],
    ),
  );
  for (const [number, { steps, outcome }] of Object.entries(scripts))
    if (numbers.has(Number(number)))
      lines.push(`  service, request ${number} (${outcome}): ${JSON.stringify(steps)}`);
  return lines.join('\n');
}

function describeItem(item: Item): string {
  const { next } = item;
  const behind = next === 'join' ? '' : `, then ${next}`;
  switch (item.kind) {
    case 'request': {
      const cuts = item.cuts.length === 0 ? '' : ` cut at ${item.cuts.join(', ')}`;
      return `sends ${short(item.head.join('') + item.body)}${cuts}${behind}`;
    }
    case 'bytes':
      return `sends ${short(item.text)}${behind}`;
    case 'headers':
      return `HEADERS ${item.stream}${item.isEnd ? ' END_STREAM' : ''} ${short(item.fields.map((pair) => pair.join(': ')).join(' | '))}${behind}`;
    case 'data':
      return `DATA ${item.stream}${item.isEnd ? ' END_STREAM' : ''} ${short(item.text)}${behind}`;
    default:
      return `RST_STREAM ${item.stream} ${item.code}${behind}`;
  }
}

function short(text: string): string {
  const quoted = JSON.stringify(text);
  return quoted.length <= 700 ? quoted : `${quoted.slice(0, 600)}… (${text.length} bytes)`;
}
