// The settings and limits of the proxy in tests for which they do not matter.

import type { LimitsConfig } from '../../src/config/config.ts';
import type { FloodLimits } from '../../src/h2/flood-limits.ts';
import type { LocalSettings } from '../../src/h2/settings.ts';

/** The defaults of the configuration; test/config/patience-schema.test.ts checks that they are the same. */
export const FLOOD_LIMITS: FloodLimits = {
  resets: 200,
  streamErrors: 20,
  pings: 100,
  settings: 20,
  priorities: 1000,
  windowUpdates: 1000,
  emptyData: 20,
  unknownFrames: 100,
  refusedStreams: 100,
  goAways: 20,
  lateFrames: 1000,
  settingsEntries: 32,
  continuations: 8,
  interimResponses: 10,
  paddingBytes: 1_048_576,
  upstreamPaddingBytes: 33_554_432,
};

/** The limits on abuse and on waiting. */
export const PATIENCE: Pick<
  LocalSettings,
  'floods' | 'headerTimeoutMs' | 'settingsTimeoutMs' | 'stallTimeoutMs'
> = {
  floods: FLOOD_LIMITS,
  headerTimeoutMs: 10_000,
  settingsTimeoutMs: 10_000,
  stallTimeoutMs: 30_000,
};

export const LOCAL_SETTINGS: LocalSettings = {
  maxConcurrentStreams: 100,
  initialWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  maxHeaderListBytes: 16_384,
  maxHeaderFields: 100,
  ...PATIENCE,
};

/** The same limits as a part of the configuration. */
export const LIMITS: LimitsConfig = {
  concurrentStreams: 100,
  streamWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  headerListBytes: 16_384,
  headerFields: 100,
  floods: FLOOD_LIMITS,
  openingTimeoutMs: 10_000,
  headerTimeoutMs: 10_000,
  stallTimeoutMs: 30_000,
  stalledResponsesBytes: 1_048_576,
};
