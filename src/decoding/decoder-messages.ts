// What `framegate tap` and the process that decodes for it send each other.

import type { DescriptorFiles } from './descriptors.ts';
import type { SeenMessage } from './message-decoder.ts';

export type DecoderRequest =
  | { readonly kind: 'load'; readonly set: number; readonly files: DescriptorFiles }
  | { readonly kind: 'decode'; readonly set: number; readonly message: SeenMessage };

/** Each request has one answer, in their order. `ready` comes first, without a request. */
export type DecoderAnswer =
  | { readonly kind: 'ready' | 'loaded' }
  /** JSON as a text, which takes less time to send than objects do. */
  | { readonly kind: 'decoded'; readonly text: string; readonly isPart: boolean }
  /** `isUnknown`: the descriptors lack the method of the message. */
  | { readonly kind: 'refused'; readonly why: string; readonly isUnknown?: true };

export function isDecoderRequest(value: unknown): value is DecoderRequest {
  return hasKind(value, ['load', 'decode']);
}

export function isDecoderAnswer(value: unknown): value is DecoderAnswer {
  return hasKind(value, ['ready', 'loaded', 'decoded', 'refused']);
}

function hasKind(value: unknown, kinds: readonly unknown[]): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && kinds.includes(value.kind);
}
