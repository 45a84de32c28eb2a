// SETTINGS: what one side allows the other (RFC 9113 section 6.5).

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
/** The values in force for what a peer may be sent; RFC 9113's initial values until its SETTINGS arrive. */
export class PeerSettings {
  headerTableBytes = 4096;
  maxConcurrentStreams: number = Number.POSITIVE_INFINITY;
  initialWindowBytes = DEFAULT_WINDOW_BYTES;
  maxFrameBytes = DEFAULT_MAX_FRAME_BYTES;
  /** Advisory (section 10.5.1): a peer may refuse longer lists. */
  maxHeaderListBytes: number = Number.POSITIVE_INFINITY;

  /**
   * Applies one received entry. Unknown identifiers are ignored (section 6.5.2).
   * @throws ConnectionError for a value outside its range.
   */
  apply(id: number, value: number, peerIsClient: boolean): void {
    switch (id) {
      case SettingId.HEADER_TABLE_SIZE:
        this.headerTableBytes = value;
        return;
      case SettingId.ENABLE_PUSH:
        // A server must not send 1 (section 6.5.2); nobody here ever pushes, so that the value changes nothing.
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

/** What we announce, and what we bear. Push is switched off in both roles; MAX_FRAME_SIZE and HEADER_TABLE_SIZE keep their initial values. */
export interface LocalSettings {
  /** Streams the peer may open (server role). */
  readonly maxConcurrentStreams: number;
  /** At least 65,535, so that data sent before our SETTINGS arrived never breaks it. */
  readonly initialWindowBytes: number;
  /** Receive window of the whole connection; raised to this by WINDOW_UPDATE (section 6.9.2). */
  readonly connectionWindowBytes: number;
  readonly maxHeaderListBytes: number;
  readonly maxHeaderFields: number;
  readonly floods: FloodLimits;
  /** From the first frame of a header block to its last. */
  readonly headerTimeoutMs: number;
  /** For the peer to acknowledge our SETTINGS (section 6.5.3). */
  readonly settingsTimeoutMs: number;
  /** For whoever writes to the socket: how long the peer may take nothing of it; undefined: for ever. */
  readonly stallTimeoutMs: number | undefined;
  /** Server role: requests may be extended CONNECT (RFC 8441), by which WebSockets come. */
  readonly enableConnectProtocol?: boolean;
}

/** All connections of a configuration send the same. */
const SERVER_PAYLOADS = new WeakMap<LocalSettings, Buffer>();
const CLIENT_PAYLOADS = new WeakMap<LocalSettings, Buffer>();

/** The payload of our first SETTINGS frame; not to be altered. */
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
 * @param mostEntries more of them are a flood: hardly ten are defined
 * @throws ConnectionError when a SETTINGS frame cannot be one (section 6.5)
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
      `SETTINGS of ${length} octets`,
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
