// What `framegate tap` and the process that decodes for it send each other. That process has read what strangers sent, so its answers are
// believed no further than they have the expected form.

import { fieldOf } from './asked-process.ts';
import type { DescriptorFiles } from './descriptors.ts';
import type { SeenMessage } from './message-decoder.ts';
import { type Refusal, readRefusal } from './refusal.ts';

export type DecoderRequest =
  | { readonly kind: 'load'; readonly set: number; readonly files: DescriptorFiles }
  | { readonly kind: 'decode'; readonly set: number; readonly message: SeenMessage };

/** Each request has one answer, in their order. `ready` comes first, without a request. */
export type DecoderAnswer =
  | { readonly kind: 'ready' | 'loaded' }
  /** JSON as a text, which takes less time to send than objects do. */
  | { readonly kind: 'decoded'; readonly text: string; readonly isPart: boolean }
  | Refusal;

/** The JSON of a message has a million characters, and escapes make each up to six times as long. */
const LONGEST_TEXT = 8 * 1024 * 1024;

export function isDecoderRequest(value: unknown): value is DecoderRequest {
  const kind = fieldOf(value, 'kind');
  return kind === 'load' || kind === 'decode';
}

/** @returns what answers a `load`, undefined if the message is something else */
export function readLoaded(message: unknown): { readonly kind: 'loaded' } | Refusal | undefined {
  return fieldOf(message, 'kind') === 'loaded' ? { kind: 'loaded' } : readRefusal(message);
}

export interface ReadJson {
  readonly kind: 'decoded';
  readonly json: unknown;
  readonly isPart: boolean;
}

/** @returns what answers a `decode`, undefined if the message is something else */
export function readDecoded(message: unknown): ReadJson | Refusal | undefined {
  if (fieldOf(message, 'kind') !== 'decoded') return readRefusal(message);
  const [text, isPart] = [fieldOf(message, 'text'), fieldOf(message, 'isPart')];
  if (typeof text !== 'string' || text.length > LONGEST_TEXT || typeof isPart !== 'boolean') return undefined;
  try {
    return { kind: 'decoded', json: JSON.parse(text), isPart };
  } catch {
    return undefined;
  }
}
