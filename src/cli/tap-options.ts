// The options of `framegate tap`: which events are asked for, and how they are shown.

import { readFileSync } from 'node:fs';
import { EVENT_KINDS, TEXT_FILTERS } from '../calls/event-query.ts';
import { parseAddress } from '../config/address.ts';
import { readingFault } from '../config/system-error.ts';
import { parseDuration, parseSizeBetween } from '../config/units.ts';
import type { AdminTarget } from '../control/admin-target.ts';
import { fieldOf, listOf } from '../control/answer-fields.ts';
import { askAdmin } from '../control/ask-admin.ts';
import type { Decode, Decoder } from '../decoding/decoder.ts';
import type { DescriptorFiles } from '../decoding/descriptors.ts';
import type { DescriptorSource } from '../decoding/message-decoder.ts';
import type { ReflectionTarget } from '../decoding/reflection-stream.ts';
import { ADMIN_OPTIONS_HELP, adminOptions } from './admin-client.ts';

export const TAP_USAGE = `Usage: framegate tap [--admin ADDRESS | -c FILE] [--token-file FILE]
                     [FILTERS] [--messages | --bytes SIZE | --decode] [--json]

Shows the calls of a running proxy as they begin and end, until Ctrl-C.
It waits for a proxy that restarts. Calls are not held up.

Filters, all of which must fit:
      --route NAME         calls of this route
      --upstream NAME      calls of this upstream
      --method PATH        calls with this path; PREFIX* for several
      --client ADDRESS     calls of this client: an address, ADDRESS:PORT, or a
                           range such as 10.0.0.0/8
      --identity NAME      calls of clients that have shown to be this, by access
                           of the route: the name of an identity, or
                           NAME:SUBJECT; a * at the end for several
      --endpoint ADDRESS   calls that are sent to this endpoint
      --metadata NAME=VALUE  calls whose requests have this header field; a * at
                           the end for several values. May be given again
      --status STATUS      calls that end like this: UNAVAILABLE, 404
      --min-duration TIME  calls that took at least so long: 500ms, 5s
      --only-errors        calls that failed
      --events KINDS       start, attempt, message, end, with commas between them
                           (default: start,end)

Messages of gRPC, of calls that begin from now on:
      --messages           also show messages: direction, number and size
      --bytes SIZE         and so many of their first bytes: 100, 4KiB (to 64KiB)
      --decode             and their content as JSON, of the first 4KiB or --bytes.
                           It is decoded here, by descriptors from
      --reflection ADDRESS   this service, by gRPC reflection: HOST:PORT,
                           unix:/PATH, or https://HOST:PORT
                           (default: the endpoint of the call)
      --descriptors FILE     this file, written by protoc -o or buf build -o
      --proto FILE           this .proto file
      --proto-path FOLDER    the folder of what .proto files import
                           The last three may be given again

Output:
      --json               one JSON object per line
      --show-metadata NAME   this header field of requests; may be given again
      --limit N            end after so many events
      --rate N             at most so many events per second, 1 to 10000
                           (default: 1000); the rest is counted

${ADMIN_OPTIONS_HELP}
  -h, --help               show this help

Exit code: 0, or 1 when there is no such proxy or a filter cannot be understood.
`;

const TEXT = { type: 'string' } as const;
const TEXTS = { type: 'string', multiple: true } as const;
const FLAG = { type: 'boolean', default: false } as const;

export const tapOptions = {
  ...adminOptions,
  route: TEXT,
  upstream: TEXT,
  method: TEXT,
  client: TEXT,
  identity: TEXT,
  endpoint: TEXT,
  metadata: TEXTS,
  status: TEXT,
  'min-duration': TEXT,
  'only-errors': FLAG,
  events: TEXT,
  messages: FLAG,
  bytes: TEXT,
  decode: FLAG,
  reflection: TEXT,
  descriptors: TEXTS,
  proto: TEXTS,
  'proto-path': TEXTS,
  json: FLAG,
  'show-metadata': TEXTS,
  limit: TEXT,
  rate: TEXT,
} as const;

type Name = keyof typeof tapOptions;
type Value<Option> = Option extends typeof TEXTS
  ? readonly string[] | undefined
  : Option extends typeof TEXT
    ? string | undefined
    : boolean;
export type TapValues = { readonly [Key in Name]?: Value<(typeof tapOptions)[Key]> | undefined };

export interface TapWishes {
  /** The query of `GET /api/events`. The proxy says what is wrong with the values of filters. */
  readonly search: string;
  readonly isJson: boolean;
  /** The most events that are shown. */
  readonly limit: number;
  /** Whether bytes of messages are shown as they are. */
  readonly showsBytes: boolean;
  /** Undefined if messages are not decoded. */
  readonly decode: Decode | undefined;
}

const DECODED_BYTES = 4096;
const REFLECTION_REMEDY = '--proto FILE or --descriptors FILE describes messages without reflection';
const ENDPOINT_WITHIN_MS = 2000;
const MOST_BYTES = '64KiB';
/** Options about the end of a call, which leave none of its messages. */
const ABOUT_END = ['status', 'min-duration', 'only-errors'] as const;
const DECODES = ['reflection', 'descriptors', 'proto', 'proto-path'] as const;

/** @returns a sentence if the options cannot be understood */
export async function readWishes(values: TapValues, admin: AdminTarget): Promise<TapWishes | string> {
  const isDecoded = values.decode === true || DECODES.some((name) => values[name] !== undefined);
  const bytes = values.bytes === undefined ? undefined : parseSizeBetween(values.bytes, '1', MOST_BYTES);
  if (typeof bytes === 'object') return `--bytes: ${bytes.message}`;
  const messageBytes = bytes ?? (isDecoded ? DECODED_BYTES : undefined);
  const limit = values.limit === undefined ? Number.POSITIVE_INFINITY : wholeNumber(values.limit);
  if (limit === undefined) return '--limit must be a whole number above 0';
  const search = searchOf(values, messageBytes);
  if (typeof search === 'string') return search;
  const decode = isDecoded ? await decodeOf(values, admin) : undefined;
  if (typeof decode === 'string') return decode;
  const { json: isJson = false } = values;
  return { search: search.toString(), isJson, limit, showsBytes: bytes !== undefined, decode };
}

function searchOf(values: TapValues, messageBytes: number | undefined): URLSearchParams | string {
  const kinds = (values.events ?? 'start,end').split(',');
  const unknown = kinds.find((kind) => !EVENT_KINDS.some((known) => known === kind));
  if (unknown !== undefined)
    return `--events must name some of ${EVENT_KINDS.join(', ')}, not ${JSON.stringify(unknown)}`;
  const wantsMessages = values.messages === true || messageBytes !== undefined || kinds.includes('message');
  const aboutEnd = ABOUT_END.find((name) => values[name] !== undefined && values[name] !== false);
  if (wantsMessages && aboutEnd !== undefined)
    return `--${aboutEnd} leaves no messages, since they come before the end of their call is known`;
  if (wantsMessages && !kinds.includes('message')) kinds.push('message');
  const search = new URLSearchParams({ kinds: kinds.join(',') });
  for (const name of [...TEXT_FILTERS, 'rate'] as const) {
    const value = values[name];
    if (value !== undefined) search.set(name, value);
  }
  for (const filter of values.metadata ?? []) search.append('metadata', filter);
  const shown = values['show-metadata'];
  if (shown !== undefined) search.set('showMetadata', shown.join(','));
  if (messageBytes !== undefined) search.set('messageBytes', String(messageBytes));
  if (values.status !== undefined) search.set('status', values.status.toUpperCase());
  if (values['only-errors'] === true) search.set('failed', 'true');
  const shortest = values['min-duration'];
  if (shortest === undefined) return search;
  const minDurationMs = parseDuration(shortest);
  if (minDurationMs === undefined) return '--min-duration must be a duration such as 250ms, 5s or 10m';
  search.set('minDurationMs', String(minDurationMs));
  return search;
}

/** @returns what prevents the call */
function after(delayMs: number, call: () => void): () => void {
  const timer = setTimeout(call, delayMs).unref();
  return () => clearTimeout(timer);
}

/** Loads what decodes, which only those need who decode. */
async function decodeOf(values: TapValues, admin: AdminTarget): Promise<Decode | string> {
  const { decodeBy, Decoder } = await import('../decoding/decoder.ts');
  const { forkForTap } = await import('./fork-for-tap.ts');
  const decoder = new Decoder({ start: (events) => forkForTap('decoder', events), after });
  const source = await sourceOf(values, admin, decoder);
  return typeof source === 'string' ? source : decodeBy(source, decoder);
}

async function sourceOf(
  values: TapValues,
  admin: AdminTarget,
  decoder: Decoder,
): Promise<DescriptorSource | string> {
  const { reflection, descriptors = [], proto = [], 'proto-path': folders = [] } = values;
  const isByFiles = descriptors.length > 0 || proto.length > 0;
  if (isByFiles && reflection !== undefined)
    return '--reflection is of no use beside --descriptors or --proto';
  if (folders.length > 0 && proto.length === 0) return '--proto-path needs --proto FILE';
  if (isByFiles) {
    const files = await readFiles(descriptors, proto, folders);
    if (typeof files === 'string') return files;
    const why = await decoder.load(files);
    if (why !== undefined) return `${proto.length > 0 ? '--proto' : '--descriptors'}: ${why}`;
    return { find: () => Promise.resolve(files) };
  }
  const target = reflection === undefined ? undefined : targetOf(reflection);
  if (typeof target === 'string') return `--reflection: ${target}`;
  const [{ ReflectedDescriptors }, { ReflectionVisits }, { forkForTap }] = await Promise.all([
    import('../decoding/reflected-descriptors.ts'),
    import('../decoding/reflection-visits.ts'),
    import('./fork-for-tap.ts'),
  ]);
  const visits = new ReflectionVisits({
    start: (events) => forkForTap('find-descriptors', events),
    after,
  });
  const reflected = new ReflectedDescriptors({
    target,
    endpointOf: (upstream) => endpointOf(upstream, admin),
    visit: visits.visit,
  });
  return withRemedy(reflected);
}

/** What a person can do who has the files of the service. */
function withRemedy(source: DescriptorSource): DescriptorSource {
  return {
    find: async (service, message) => {
      const found = await source.find(service, message);
      return typeof found === 'string' ? `${found}; ${REFLECTION_REMEDY}` : found;
    },
    onRefused: (service, message, why) => source.onRefused?.(service, message, why),
    renew: async (service, message) => source.renew?.(service, message),
  };
}

/** @returns the address of some endpoint of the upstream, '' if there is none */
async function endpointOf(upstream: string, admin: AdminTarget): Promise<string> {
  const path = `/api/upstreams/${encodeURIComponent(upstream)}/endpoints`;
  const answer = await askAdmin(admin, 'GET', path, { timeoutMs: ENDPOINT_WITHIN_MS });
  const endpoints = typeof answer === 'string' ? [] : listOf(fieldOf(answer.body, 'endpoints'));
  const addresses = endpoints.map((endpoint) => fieldOf(endpoint, 'address'));
  return addresses.find((address) => typeof address === 'string') ?? '';
}

function targetOf(text: string): ReflectionTarget | string {
  const isTls = text.startsWith('https://');
  const address = parseAddress(text.replace(/^https?:\/\//, '').replace(/\/$/, ''), 'connect');
  if ('message' in address) return `${address.message} (${address.hint})`;
  return isTls && address.kind === 'unix' ? 'a unix socket is asked without TLS' : { address, isTls };
}

async function readFiles(
  setFiles: readonly string[],
  protoFiles: readonly string[],
  folders: readonly string[],
): Promise<DescriptorFiles | string> {
  const sets: Uint8Array[] = [];
  for (const file of setFiles) {
    try {
      sets.push(readFileSync(file));
    } catch (error) {
      return `--descriptors: ${file} cannot be read: ${readingFault(error)}`;
    }
  }
  if (protoFiles.length === 0) return { areSets: true, files: sets };
  try {
    const { descriptorSetOf } = await import('../decoding/proto-files.ts');
    return { areSets: true, files: [...sets, descriptorSetOf(protoFiles, folders)] };
  } catch (error) {
    return `--proto: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function wholeNumber(text: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}
