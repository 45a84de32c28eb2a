// Decodes the messages that a proxy tells of. Descriptors come from files, or from the service itself; the bytes may be anything. Only the process
// that decodes calls this.

import type { MessageDirection } from '../grpc/message-watch.ts';
import type { DescriptorFiles, Descriptors } from './descriptors.ts';
import { type SentBytes, whyNoField } from './left-out.ts';
import { contentOf, type MessageBytes } from './message-content.ts';
import { visitFields } from './wire-fields.ts';

export interface SeenMessage extends MessageBytes, SentBytes {
  /** The path of the call. */
  readonly path: string;
  readonly direction: MessageDirection;
  readonly upstream: string;
  /** Where the call is, '' if it is nowhere yet. */
  readonly endpoint: string;
}

/** Where descriptors come from. */
export interface DescriptorSource {
  /** @returns files with the service, or a sentence about why there are none */
  find(service: string, message: SeenMessage): Promise<DescriptorFiles | string>;
  /** Told when what was found makes no descriptors. @param why a sentence */
  onRefused?(service: string, message: SeenMessage, why: string): void;
  /**
   * For a method that is not in what was found: a deployment may have brought it.
   * @returns newer files, or undefined if there are none, or if it is too early to look again
   */
  renew?(service: string, message: SeenMessage): Promise<DescriptorFiles | undefined>;
}

export type Decoded =
  /** `isPart`: what comes behind is missing. */
  | { readonly json: unknown; readonly isPart: boolean }
  /** Why there is no JSON, as a sentence about the message ("it ..."). `isUnknown`: the descriptors lack its method. */
  | { readonly why: string; readonly isUnknown?: true };

/** Never throws. */
export function decodeMessage(message: SeenMessage, descriptors: Descriptors): Decoded {
  // A route may have a prefix, which it removes.
  const [service = '', method = ''] = message.path.split('/').slice(-2);
  try {
    const type = descriptors.typeOf(service, method, message.direction);
    if (type === undefined)
      return { why: `the descriptors have no method ${method} of ${service}`, isUnknown: true };
    const content = contentOf(message);
    if (typeof content === 'string') return { why: content };
    if (!message.isTruncated) return { json: descriptors.decode(type, content), isPart: false };
    const end = visitFields(content, () => undefined);
    if (end === 0) return { why: whyNoField(message) };
    return { json: descriptors.decode(type, content.subarray(0, end)), isPart: true };
  } catch (error) {
    return { why: `it cannot be decoded: ${error instanceof Error ? error.message : String(error)}` };
  }
}
