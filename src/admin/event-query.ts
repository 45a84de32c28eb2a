// Reads the query of GET /api/events.

import {
  DEFAULT_EVENT_RATE,
  EVENT_KINDS,
  type EventQuery,
  type MetadataFilter,
  MOST_EVENT_RATE,
  MOST_MESSAGE_BYTES,
  MOST_METADATA_FILTERS,
  MOST_METADATA_SHOWN,
  STATUS_NAMES,
  TEXT_FILTERS,
  USUAL_EVENT_KINDS,
} from '../calls/event-query.ts';
import { addressRange, withoutPort } from '../config/address-range.ts';
import { isSecretName } from '../config/secret-name.ts';
import { QueryParameters, quoted, readingQuery, refuse } from './query-parameters.ts';

const NAMES: readonly string[] = [
  'kinds',
  ...TEXT_FILTERS,
  'status',
  'minDurationMs',
  'failed',
  'metadata',
  'showMetadata',
  'messageBytes',
  'rate',
];
/** A name of metadata, as gRPC and HTTP/2 have it. */
const METADATA_NAME = /^[0-9a-z_.-]{1,64}$/;
const LONGEST_METADATA_VALUE = 1024;

/** @param search what follows `?`. @returns the query, or a sentence about what is wrong with it */
export function readEventQuery(search: string): EventQuery | string {
  return readingQuery(() => queryOf(new QueryParameters(search, NAMES, ['metadata'])));
}

function queryOf(parameters: QueryParameters): EventQuery {
  const messageBytes = parameters.number('messageBytes', 1, MOST_MESSAGE_BYTES);
  const kinds = parameters.listOf('kinds', EVENT_KINDS) ?? USUAL_EVENT_KINDS;
  if (messageBytes !== undefined && !kinds.includes('message'))
    refuse('messageBytes needs events of messages: name message among the kinds');
  return {
    kinds,
    route: parameters.text('route'),
    upstream: parameters.text('upstream'),
    endpoint: parameters.text('endpoint'),
    method: parameters.method(),
    client: clientOf(parameters.text('client')),
    identity: parameters.identity(),
    status: statusOf(parameters.text('status')),
    minDurationMs: parameters.number('minDurationMs'),
    failed: parameters.oneOf('failed', ['true', 'false']) === 'true',
    metadata: metadataOf(parameters.all('metadata')),
    showMetadata: shownOf(parameters.text('showMetadata')),
    messageBytes,
    rate: parameters.number('rate', 1, MOST_EVENT_RATE) ?? DEFAULT_EVENT_RATE,
  };
}

function metadataOf(texts: readonly string[] | undefined): readonly MetadataFilter[] | undefined {
  if (texts !== undefined && texts.length > MOST_METADATA_FILTERS)
    refuse(`metadata may be there ${MOST_METADATA_FILTERS} times, not ${texts.length} times`);
  return texts?.map((text) => {
    const at = text.indexOf('=');
    if (at === -1)
      refuse(
        `metadata must be NAME=VALUE or NAME=BEGINNING*, as in metadata=x-tenant=acme, not ${quoted(text)}`,
      );
    const value = Buffer.from(text.slice(at + 1)).toString('latin1');
    if (/\*./.test(value)) refuse(`metadata may have a * at the end of its value only, not ${quoted(text)}`);
    if (value.length > LONGEST_METADATA_VALUE)
      refuse(`the value of metadata may have ${LONGEST_METADATA_VALUE} bytes, not ${value.length}`);
    return { name: metadataName(text.slice(0, at)), value };
  });
}

function shownOf(text: string | undefined): readonly string[] | undefined {
  const names = text?.split(',');
  if (names !== undefined && names.length > MOST_METADATA_SHOWN)
    refuse(`showMetadata may have ${MOST_METADATA_SHOWN} names, not ${names.length}`);
  return names?.map(metadataName);
}

/** Whoever can filter by a secret can find it out, so that may be done as little as showing it. */
function metadataName(text: string): string {
  const name = text.toLowerCase();
  if (!METADATA_NAME.test(name)) refuse(`${quoted(text)} is no name of metadata, such as x-tenant`);
  if (isSecretName(name))
    refuse(`${quoted(text)} may hold a secret by its name, so it is neither shown nor compared`);
  if (name.endsWith('-bin'))
    refuse(
      `${quoted(text)} is binary, and nobody can see whether it is a secret, so it is neither shown nor compared`,
    );
  return name;
}

/** Another text than an address is no client, so that the filter would leave nothing. */
function clientOf(text: string | undefined): string | undefined {
  if (text === undefined || text === 'unix' || addressRange(withoutPort(text)) !== undefined) return text;
  return refuse(
    `client must be an address, ADDRESS:PORT or a range such as 10.0.0.0/8 or 2001:db8::/32, not ${quoted(text)}`,
  );
}

function statusOf(text: string | undefined): string | undefined {
  if (text === undefined || STATUS_NAMES.includes(text) || /^[1-5]\d\d$/.test(text)) return text;
  return refuse(
    `status must be the name of a gRPC status such as UNAVAILABLE, or an HTTP status such as 404, not ${quoted(text)}`,
  );
}
