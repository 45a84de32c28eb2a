// A question about the calls to come: which events a subscriber wants, and how many at most. `GET /api/events` and `framegate tap` ask it.

import { GrpcStatus } from '../grpc/status.ts';

/**
 * What happens to a call.
 * - start: a call is about to be forwarded. Calls that Framegate refuses or answers itself have no start.
 * - attempt: it is about to be sent to an endpoint.
 * - message: the last byte of a gRPC message has come, in either direction. Calls that began before the subscriber came have none.
 * - end: it is over, whatever ended it.
 */
export const EVENT_KINDS = ['start', 'attempt', 'message', 'end'] as const;
export type EventKind = (typeof EVENT_KINDS)[number];
/** Messages are more than most want to see. */
export const USUAL_EVENT_KINDS: readonly EventKind[] = ['start', 'attempt', 'end'];

/** The filters by the name of something, whose value is one text. `GET /api/events` and `framegate tap` give them the same names. */
export const TEXT_FILTERS = ['route', 'upstream', 'method', 'client', 'identity', 'endpoint'] as const;

export const DEFAULT_EVENT_RATE = 1000;
export const MOST_EVENT_RATE = 10_000;
/** How much of each message a subscriber can get. */
export const MOST_MESSAGE_BYTES = 65_536;
/** How many fields of the metadata a subscriber can filter by, and how many it can see. */
export const MOST_METADATA_FILTERS = 8;
export const MOST_METADATA_SHOWN = 16;
/** How many subscribers a proxy has at the same time. */
export const MOST_EVENT_SUBSCRIBERS = 8;

export const STATUS_NAMES: readonly string[] = Object.keys(GrpcStatus);

export interface MetadataFilter {
  /** In lower case. */
  readonly name: string;
  /** The whole value, or its beginning and `*`. One character for each byte. */
  readonly value: string;
}

/** A filter that is undefined leaves all events. */
export interface EventQuery {
  /** Only these kinds. Only ends if a filter is about the end: `status`, `minDurationMs`, `failed`. */
  readonly kinds: readonly EventKind[];
  readonly route?: string | undefined;
  readonly upstream?: string | undefined;
  /** A path, or its beginning and `*`. */
  readonly method?: string | undefined;
  /** The address of the client, with or without its port, or a range of addresses (CIDR). */
  readonly client?: string | undefined;
  /** Who the client has shown to be, as `fitsIdentity` compares it. Events before that is known are left out. */
  readonly identity?: string | undefined;
  /** An address as in the configuration. Starts have no endpoint, so there are none with this filter. */
  readonly endpoint?: string | undefined;
  /** The name of a gRPC status, or an HTTP status. */
  readonly status?: string | undefined;
  readonly minDurationMs?: number | undefined;
  /** Only calls that failed, by their gRPC status or, without one, by their HTTP status. */
  readonly failed?: boolean | undefined;
  /** Calls whose requests have all of these header fields. */
  readonly metadata?: readonly MetadataFilter[] | undefined;
  /** The names of header fields of requests that events show. */
  readonly showMetadata?: readonly string[] | undefined;
  /** How many of the first bytes of each message its event has. Undefined for none. */
  readonly messageBytes?: number | undefined;
  /** The most events per second, of all processes together. As many may come at once. */
  readonly rate: number;
}

/** What a subscriber is told at once. */
export interface EventBatch {
  /** Each is an object as JSON in one line, with its kind in `event`. */
  readonly events: readonly string[];
  /** How many more there were that the filters leave, and that are not here because of the rate or of a slow reader. */
  readonly dropped: number;
}

/**
 * Receives the events of a subscription.
 * @param taken must be called once the sink can take the next batch. Events that come before are kept up to a limit, then dropped
 */
export type EventSink = (batch: EventBatch, taken: () => void) => void;

export interface EventSubscription {
  /** No events come from now on. Events that have not been passed on are lost. */
  close(): void;
}

/** @returns whether events of the query may say more of a call than its log does: content or metadata */
export function looksInside({ metadata, showMetadata, messageBytes }: EventQuery): boolean {
  return metadata !== undefined || showMetadata !== undefined || messageBytes !== undefined;
}

/** @returns whether the method is the wanted one, or begins as it does up to its `*` */
export function fitsMethod(method: string, wanted: string): boolean {
  return fitsPattern(method, wanted);
}

/**
 * @param identity as the log has it: the name of an identity, or NAME:SUBJECT. Undefined if the client was not asked
 * @param wanted the name of an identity, NAME:SUBJECT, or the beginning of these and `*`
 */
export function fitsIdentity(identity: string | undefined, wanted: string): boolean {
  return identity !== undefined && (fitsPattern(identity, wanted) || identity.startsWith(`${wanted}:`));
}

/** @param wanted a whole text, or its beginning and `*` */
export function fitsPattern(text: string, wanted: string): boolean {
  return wanted.endsWith('*') ? text.startsWith(wanted.slice(0, -1)) : text === wanted;
}
