// Which header fields policies may set, add or remove: none that would break the message, or a connection that other clients share.

import { isFieldName, isFieldValue, OF_ONE_CONNECTION } from '../h2/field-bytes.ts';
import { hyphenated } from './field-spelling.ts';
import { isUtf8 } from './utf8.ts';

/**
 * Fields that say where a message ends, whom it is for, or how long it may take. Each hop writes its own: if a message stated two
 * different lengths, two hops would disagree about where the next message begins (request smuggling).
 */
const OF_THE_HOP: ReadonlySet<string> = new Set([
  ...OF_ONE_CONNECTION,
  'content-length',
  'expect',
  'grpc-timeout',
  'host',
  'te',
  'trailer',
  'x-request-id',
]);

/** Only the service sets the status of a gRPC call. A response without it is invalid. */
export const STATUS = 'grpc-status';

/** What a message is read as. It is replaced, but never lost by another spelling of its name. */
const CONTENT_TYPE = 'content-type';

/**
 * Whether another service may have this field set, which has no say in how gRPC works between the client and the service. Unlike
 * `checkField` it does not throw.
 * @param name in lower case
 */
export function maySetField(name: string, value: string): boolean {
  return mayNameField(name) && isSendable(value);
}

/** Whether another service may have fields of this name removed. @param name in lower case */
export function mayNameField(name: string): boolean {
  // An edit concerns all spellings of a name.
  const written = hyphenated(name);
  if (written === CONTENT_TYPE && name !== written) return false;
  return isFieldName(name) && !OF_THE_HOP.has(written) && !written.startsWith('grpc-');
}

/** Throws if a policy may not set this field, because it would break the message or a connection that other clients share. */
export function checkField(name: string, value: string): void {
  checkName(name);
  const written = hyphenated(name);
  if (OF_THE_HOP.has(written) || written === STATUS)
    throw new Error(`a policy may not set ${name}: the proxy writes it itself`);
  if (!isSendable(value))
    throw new Error(`a policy has set the header field ${name} to what no field may hold`);
}

/** Throws for names that policies may not edit, such as pseudo-header fields, which decide where a request goes. */
export function checkName(name: string): void {
  if (!isFieldName(name)) throw new Error(`a policy may not name ${name}: it is no name of a header field`);
}

/**
 * Whether a value can be sent. One character stands for one byte, as everywhere in header lists: the encoder would truncate others, and
 * turn U+010A into a line feed. White space at either end is forbidden by HTTP/2 (RFC 9113 section 8.2.1). The bytes must be UTF-8, since
 * some services close their connection because of other bytes.
 */
function isSendable(value: string): boolean {
  if (!isFieldValue(value) || value !== value.trim()) return false;
  let highest = 0;
  for (let index = 0; index < value.length; index++) highest = Math.max(highest, value.charCodeAt(index));
  return highest < 0x80 || (highest <= 0xff && isUtf8(value));
}
