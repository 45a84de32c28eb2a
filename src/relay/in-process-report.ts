// What an upstream that lives in this process tells the relay beside its response: which endpoint answered, or why none
// did. Header fields that are believed on in-process connections only, and never sent on.

import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';

/** With the request: whom it is counted for, or ''. The last of this name counts: a client's own stands before it. */
export const CLIENT_FIELD = 'framegate-client';

/** The address of the endpoint that answered, as configured. */
export const ENDPOINT_FIELD = 'framegate-endpoint';
/** Token of a diagnosis: no response was to be had. */
export const FAILURE_FIELD = 'framegate-failure';
/** Its sentence, made into a field value by encodeURIComponent. */
export const SENTENCE_FIELD = 'framegate-sentence';

export interface InProcessReport {
  /** '' when no endpoint was found. */
  readonly endpoint: string;
  readonly failure: Diagnosis | undefined;
  readonly httpStatus: number;
  /** The response without the report. */
  readonly list: HeaderList;
}

export function readInProcessReport(list: HeaderList): InProcessReport {
  const token = list.get(FAILURE_FIELD);
  const sentence = decodeURIComponent(list.get(SENTENCE_FIELD) ?? '');
  const rest = new HeaderList();
  list.names.forEach((name, index) => {
    if (name !== ENDPOINT_FIELD && name !== FAILURE_FIELD && name !== SENTENCE_FIELD) {
      rest.addFrom(list, index);
    }
  });
  return {
    endpoint: list.get(ENDPOINT_FIELD) ?? '',
    httpStatus: Number(list.get(':status')),
    failure: token === undefined ? undefined : { token, sentence },
    list: rest,
  };
}
