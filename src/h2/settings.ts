// SETTINGS: what each side allows the other (RFC 9113 section 6.5).

import { ErrorCode } from './error-codes.ts';
import { ConnectionError } from './errors.ts';
import type { FloodLimits } from './flood-limits.ts';
import { DEFAULT_MAX_FRAME_BYTES, LARGEST_MAX_FRAME_BYTES } from './frame-type.ts';

export const SettingId = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
  /** RFC 8441 section 3. */
  ENABLE_CONNECT_PROTOCOL: 0x8,
} as const;

const NAMES = new Map<number, string>(Object.entries(SettingId).map(([name, id]) => [id, name]));

export function settingName(id: number): string {
  return NAMES.get(id) ?? `setting 0x${id.toString(16)}`;
}

export const SETTING_BYTES = 6;
export const DEFAULT_WINDOW_BYTES = 65_535;
export const LARGEST_WINDOW_BYTES = 0x7fffffff;
/** The peer's settings, which bound what we may send. They have RFC 9113's initial values until the peer's SETTINGS arrive. */
export class PeerSettings {
  headerTableBytes = 4096;
  maxConcurrentStreams: number = Number.POSITIVE_INFINITY;
  initialWindowBytes = DEFAULT_WINDOW_BYTES;
  maxFrameBytes = DEFAULT_MAX_FRAME_BYTES;
  /** Advisory (section 10.5.1): the peer may refuse longer lists. */
  maxHeaderListBytes: number = Number.POSITIVE_INFINITY;

  /**
   * Applies one received entry. Unknown identifiers are ignored (section 6.5.2).
   * @throws ConnectionError for a value outside its range
   */
  apply(id: number, value: number, peerIsClient: boolean): void {
    switch (id) {
      case SettingId.HEADER_TABLE_SIZE:
        this.headerTableBytes = value;
        return;
      case SettingId.ENABLE_PUSH:
        // A server must not send 1 (section 6.5.2). We never push, so the value changes nothing.
        if (value > 1 || (value === 1 && !peerIsClient)) {
          throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'settings_enable_push', `ENABLE_PUSH ${value}`);
        }
        return;
      case SettingId.MAX_CONCURRENT_STREAMS:
        this.maxConcurrentStreams = value;
        return;
      case SettingId.INITIAL_WINDOW_SIZE:
        if (value > LARGEST_WINDOW_BYTES) {
          throw new ConnectionError(
            ErrorCode.FLOW_CONTROL_ERROR,
            'settings_initial_window_size',
            `INITIAL_WINDOW_SIZE ${value} is above 2^31-1`,
          );
        }
        this.initialWindowBytes = value;
        return;
      case SettingId.MAX_FRAME_SIZE:
        if (value < DEFAULT_MAX_FRAME_BYTES || value > LARGEST_MAX_FRAME_BYTES) {
          throw new ConnectionError(
            ErrorCode.PROTOCOL_ERROR,
            'settings_max_frame_size',
            `MAX_FRAME_SIZE ${value} is outside 2^14 to 2^24-1`,
          );
        }
        this.maxFrameBytes = value;
        return;
      case SettingId.MAX_HEADER_LIST_SIZE:
        this.maxHeaderListBytes = value;
        return;
    }
  }
}

/**
 * What we announce to the peer, and which limits we apply. Push is off in both roles; MAX_FRAME_SIZE and HEADER_TABLE_SIZE keep
 * their initial values.
 */
export interface LocalSettings {
  /** How many streams the peer may have open (server role). */
  readonly maxConcurrentStreams: number;
  /** The receive window of a stream. At least 65,535, so that data sent before our SETTINGS arrived can never exceed it. */
  readonly initialWindowBytes: number;
  /** The receive window of the whole connection, which a WINDOW_UPDATE raises to this value (section 6.9.2). */
  readonly connectionWindowBytes: number;
  readonly maxHeaderListBytes: number;
  readonly maxHeaderFields: number;
  readonly floods: FloodLimits;
  /** The time a peer has to finish a header block, from its first frame to its last, or any other frame except DATA. */
  readonly headerTimeoutMs: number;
  /** The time the peer has to acknowledge our SETTINGS (section 6.5.3). */
  readonly settingsTimeoutMs: number;
  /** How long the peer may take no output from the socket; the transport applies it. Undefined means without limit. */
  readonly stallTimeoutMs: number | undefined;
  /** Server role: requests may be extended CONNECT (RFC 8441), which WebSockets over HTTP/2 use. */
  readonly enableConnectProtocol?: boolean;
}

/** Shared by all connections with the same configuration. */
const SERVER_PAYLOADS = new WeakMap<LocalSettings, Buffer>();
const CLIENT_PAYLOADS = new WeakMap<LocalSettings, Buffer>();

/** The payload of our first SETTINGS frame. The caller must not change it. */
export function settingsPayload(settings: LocalSettings, isServer: boolean): Buffer {
  const payloads = isServer ? SERVER_PAYLOADS : CLIENT_PAYLOADS;
  const known = payloads.get(settings);
  if (known !== undefined) return known;
  const payload = makePayload(settings, isServer);
  payloads.set(settings, payload);
  return payload;
}

function makePayload(settings: LocalSettings, isServer: boolean): Buffer {
  const entries: [id: number, value: number][] = [
    isServer ? [SettingId.MAX_CONCURRENT_STREAMS, settings.maxConcurrentStreams] : [SettingId.ENABLE_PUSH, 0],
    [SettingId.INITIAL_WINDOW_SIZE, settings.initialWindowBytes],
    [SettingId.MAX_HEADER_LIST_SIZE, settings.maxHeaderListBytes],
  ];
  if (isServer && settings.enableConnectProtocol === true)
    entries.push([SettingId.ENABLE_CONNECT_PROTOCOL, 1]);
  const payload = Buffer.alloc(entries.length * SETTING_BYTES);
  entries.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * SETTING_BYTES);
    payload.writeUInt32BE(value, index * SETTING_BYTES + 2);
  });
  return payload;
}

/**
 * @param mostEntries a frame with more entries is a flood: only about ten settings are defined
 * @throws ConnectionError when the SETTINGS frame is invalid (section 6.5)
 */
export function checkSettingsFrame(
  length: number,
  isAcknowledgement: boolean,
  streamId: number,
  mostEntries: number,
): void {
  if (streamId !== 0) {
    throw new ConnectionError(
      ErrorCode.PROTOCOL_ERROR,
      'settings_on_stream',
      `SETTINGS on stream ${streamId}`,
    );
  }
  if (isAcknowledgement ? length !== 0 : length % SETTING_BYTES !== 0) {
    throw new ConnectionError(
      ErrorCode.FRAME_SIZE_ERROR,
      'settings_frame_size',
      `SETTINGS of ${length} bytes`,
    );
  }
  if (length > mostEntries * SETTING_BYTES) {
    throw new ConnectionError(
      ErrorCode.ENHANCE_YOUR_CALM,
      'settings_too_many_entries',
      `SETTINGS with ${length / SETTING_BYTES} entries, more than limits.floods.settingsEntries allows`,
    );
  }
}
