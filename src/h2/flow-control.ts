// Flow-control windows (RFC 9113 sections 5.2 and 6.9) as arithmetic on plain numbers. A window can become negative after the
// peer lowers SETTINGS_INITIAL_WINDOW_SIZE (section 6.9.2), and never exceeds 2^31-1.

import { ErrorCode } from './error-codes.ts';
import { ConnectionError, StreamError } from './errors.ts';
import { LARGEST_WINDOW_BYTES } from './settings.ts';

/**
 * @returns the window after a WINDOW_UPDATE
 * @throws StreamError or, on stream 0, ConnectionError
 */
export function increasedSendWindow(window: number, increment: number, streamId: number): number {
  if (increment === 0) {
    if (streamId === 0) {
      throw new ConnectionError(
        ErrorCode.PROTOCOL_ERROR,
        'window_update_zero',
        'WINDOW_UPDATE with increment 0',
      );
    }
    throw new StreamError(
      streamId,
      ErrorCode.PROTOCOL_ERROR,
      'window_update_zero',
      'WINDOW_UPDATE with increment 0',
    );
  }
  const increased = window + increment;
  if (increased > LARGEST_WINDOW_BYTES) {
    if (streamId === 0) {
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'window_overflow', 'a window above 2^31-1');
    }
    throw new StreamError(streamId, ErrorCode.FLOW_CONTROL_ERROR, 'window_overflow', 'a window above 2^31-1');
  }
  return increased;
}

/**
 * @returns a stream's window after SETTINGS changed the initial size
 * @throws ConnectionError (section 6.9.2)
 */
export function adjustedSendWindow(window: number, difference: number): number {
  const adjusted = window + difference;
  if (adjusted > LARGEST_WINDOW_BYTES) {
    throw new ConnectionError(
      ErrorCode.FLOW_CONTROL_ERROR,
      'window_overflow',
      'SETTINGS_INITIAL_WINDOW_SIZE takes a window above 2^31-1',
    );
  }
  return adjusted;
}

/**
 * Whether enough was consumed for a WINDOW_UPDATE. The threshold is half the window: a sender at full speed learns of new room
 * before its window is used up, and short streams need no update at all.
 */
export function isWorthCrediting(uncreditedBytes: number, windowBytes: number): boolean {
  return uncreditedBytes * 2 >= windowBytes;
}
