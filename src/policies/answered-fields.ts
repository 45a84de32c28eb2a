// What services that are asked about calls may have changed of them: header fields both ways, and the text of a refusal.

import { maySetField } from '../calls/editable-field.ts';
import type { CallEdit } from '../calls/policy.ts';
import { HARMFUL_CHARACTERS } from '../config/visible-text.ts';
import { eachField } from '../grpc/protobuf-fields.ts';

/** How many header fields an answer may name in all. */
export const MOST_FIELDS = 128;

/** What is done with a header field. */
export type FieldAction = 'add' | 'add-if-absent' | 'set' | 'set-if-present';

export interface FieldOption {
  /** In lower case. */
  readonly name: string;
  /** One character for each byte. */
  readonly value: string;
  readonly action: FieldAction;
}

/** As much of the body of a refusal as a message of gRPC holds. */
const MOST_MESSAGE_CHARACTERS = 1024;

/** envoy.config.core.v3.HeaderValue: key 1, value 2, raw_value 3. @returns undefined if the bytes are none */
export function readHeaderValue(message: Buffer): Omit<FieldOption, 'action'> | undefined {
  let [name, value] = ['', ''];
  const isRead = eachField(message, (field, text) => {
    if (typeof text === 'number') return true;
    if (field === 1) name = text.toString('latin1').toLowerCase();
    else if ((field === 2 || field === 3) && text.length > 0) value = text.toString('latin1');
    return true;
  });
  return isRead && name !== '' ? { name, value } : undefined;
}

/** Throws if the field may not be set, see maySetField. */
export function editField(to: CallEdit, { name, value, action }: FieldOption): void {
  if (action === 'set') to.set(name, value);
  else if (action === 'add') to.add(name, value);
  else if (action === 'add-if-absent') to.addIfAbsent(name, value);
  else to.setIfPresent(name, value);
}

/**
 * Fields of one name stand beside each other, whatever `append` says: two set-cookie fields are two cookies. Only the type of the body is
 * one: the last that is named.
 * @returns the fields of a refusal. Those that a client may not be sent are left out: they would not make the refusal any weaker.
 */
export function refusalFields(
  options: readonly FieldOption[],
): readonly (readonly [name: string, value: string])[] {
  const fields: (readonly [name: string, value: string])[] = [];
  for (const { name, value, action } of options) {
    if (!maySetField(name, value) || action === 'set-if-present') continue;
    const at = fields.findIndex(([known]) => known === name);
    if (at !== -1 && action === 'add-if-absent') continue;
    if (at !== -1 && name === 'content-type') fields.splice(at, 1);
    fields.push([name, value]);
  }
  return fields;
}

/** @returns the body of a refusal as one line, for a message of gRPC */
export function lineOf(body: Buffer): string {
  const beginning = body.toString('utf8', 0, 4 * MOST_MESSAGE_CHARACTERS).slice(0, MOST_MESSAGE_CHARACTERS);
  return beginning.trim().replaceAll(/\s+/g, ' ').replaceAll(HARMFUL_CHARACTERS, '?');
}

/** @returns the full stop that a text of a service lacks, before a sentence that follows it in the log */
export function stopAfter(text: string): string {
  return text === '' || /[.!?]$/.test(text) ? '' : '.';
}
